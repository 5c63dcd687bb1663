"""A connection to the broker, for one thread: send, and take replies as they come.

Replies may come in another order than the requests went out: a fetch waits at the broker while later requests
are answered. That is what correlation numbers are for.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import Protocol, TypeVar, cast

from broker_local.base.world import READABLE, SYSTEM, WRITABLE, SystemWorld
from broker_local.protocol.requests.request import Asks, Failure, Reply
from broker_local.protocol.wire import MAX_REPLY, BadFrame, Incoming, read_reply, request_frame

R = TypeVar("R", bound=Reply)

MOST_PIECES = 512
"""Most buffers given to one `sendmsg` (the system's limit is 1024)."""


class ConnectionLost(ConnectionError):
    """The broker is gone, or the connection is of no more use. What was sent may or may not have been done.
    """


class RequestFailed(Exception):
    """The broker answered a call with a failure.

    Args:
        failure: error number (`error_codes.ErrorCode`) and text.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure

    @property
    def error(self) -> int:
        """The number of the error."""
        return self.failure.error


class Link(Protocol):
    """What a client holds: a socket to the broker process, or a broker in this process.

    One thread uses it; only `wake` may be called by another one. Bodies of replies (`FetchedPart.data`) are
    views into the received frame, valid for as long as somebody holds them.
    """

    def send(self, request: Asks[Reply]) -> int:
        """Sends, and returns the correlation under which `receive` will give the reply. Waits for nothing but
        room in the socket. A `Produce` with `acks` 0 is never answered.

        Raises:
            ConnectionLost: the broker is gone.
        """
        ...

    def receive(self, timeout_ms: int) -> list[tuple[int, Reply]]:
        """The replies that are there, with their correlations; waits up to `timeout_ms` for a first one. An empty list:
        none came, or `wake` was called. A request that failed as a whole has a `Failure` for reply.

        Raises:
            ConnectionLost: the broker is gone. Replies that had come before have been given.
        """
        ...

    def call(self, request: Asks[R], timeout_ms: int = 30_000) -> R:
        """Sends and waits for this request's reply; those of others stay for `receive`.

        Raises:
            RequestFailed: the broker answered with a failure.
            TimeoutError: no answer in `timeout_ms`; a late one is thrown away.
            ConnectionLost: the broker is gone.
        """
        ...

    def fileno(self) -> int:
        """A descriptor that is readable when `receive` has something to take, for whoever waits on several
        links. Replies that came during a `send` or a `call` do not show there, see `holds`."""
        ...

    @property
    def holds(self) -> bool:
        """Has `receive` something to take that has left the descriptor already?"""
        ...

    def wake(self) -> None:
        """Makes the `receive` that waits, or else the next one, return at once. From any thread."""
        ...

    def close(self) -> None:
        """Ends the connection; again: nothing."""
        ...


class SocketLink:
    """A `Link` over a connected stream socket, which it owns from here on.

    Args:
        connection: a connected socket.
        world: time and waiting.
    """

    def __init__(self, connection: socket.socket, world: SystemWorld = SYSTEM) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._monotonic_ms = world.monotonic_ms
        self._incoming = Incoming(MAX_REPLY, 256 * 1024)
        self._ready: deque[tuple[int, Reply]] = deque()
        self._abandoned: set[int] = set()
        self._next = 0
        self._lost: str | None = None
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._poll = world.poller()
        self._poll.register(self._socket, READABLE)
        self._poll.register(self._woken, READABLE)
        self._poll_socket = world.poller()
        self._poll_socket.register(self._socket, READABLE)

    def send(self, request: Asks[Reply]) -> int:
        """See `Link.send`."""
        self._check()
        correlation = self._next
        self._next = (self._next + 1) & 0xFFFF_FFFF
        waiting = deque(memoryview(piece) for piece in request_frame(request, correlation))
        while waiting:
            try:
                sent = self._socket.sendmsg([waiting[i] for i in range(min(len(waiting), MOST_PIECES))])
            except BlockingIOError:
                self._wait_for_room()
                continue
            except OSError as error:
                raise self._gone(str(error)) from None
            while sent:
                first = waiting[0]
                if sent < len(first):
                    waiting[0] = first[sent:]
                    break
                sent -= len(first)
                waiting.popleft()
        return correlation

    def receive(self, timeout_ms: int) -> list[tuple[int, Reply]]:
        """See `Link.receive`."""
        if not self._ready:
            self._check()
            self._wait(timeout_ms)
        given = list(self._ready)
        self._ready.clear()
        return given

    def call(self, request: Asks[R], timeout_ms: int = 30_000) -> R:
        """See `Link.call`."""
        correlation = self.send(request)
        deadline = self._monotonic_ms() + timeout_ms
        kept: list[tuple[int, Reply]] = []
        try:
            while True:
                while self._ready:
                    got, reply = self._ready.popleft()
                    if got == correlation:
                        return answer(request, reply)
                    kept.append((got, reply))
                left = deadline - self._monotonic_ms()
                if left <= 0:
                    self._abandoned.add(correlation)
                    raise TimeoutError(f"no answer to {type(request).__name__} in {timeout_ms} ms")
                self._check()
                # A `wake` stays for the next `receive`: only the socket is looked at.
                if self._poll_socket.poll(int(left) + 1):
                    self._take()
        finally:
            self._ready.extendleft(reversed(kept))

    def fileno(self) -> int:
        """See `Link.fileno`."""
        return self._socket.fileno()

    @property
    def holds(self) -> bool:
        """See `Link.holds`."""
        return bool(self._ready)

    def wake(self) -> None:
        """See `Link.wake`."""
        with contextlib.suppress(OSError):
            self._waker.send(b"w")

    def close(self) -> None:
        """See `Link.close`."""
        self._lost = self._lost or "it was closed"
        for each in (self._socket, self._woken, self._waker):
            each.close()

    def _check(self) -> None:
        if self._lost is not None:
            raise ConnectionLost(f"the connection to the broker is lost: {self._lost}")

    def _gone(self, why: str) -> ConnectionLost:
        self._lost = self._lost or why
        return ConnectionLost(f"the connection to the broker is lost: {self._lost}")

    def _wait(self, timeout_ms: int) -> None:
        """Waits for a reply, or for `wake`; whole replies go to `_ready`."""
        deadline = self._monotonic_ms() + timeout_ms
        while not self._ready:
            left = max(0, int(deadline - self._monotonic_ms() + 0.999))
            happened = self._poll.poll(left)
            if not happened:
                return
            for descriptor, _ in happened:
                if descriptor == self._socket.fileno():
                    self._take()
            if any(descriptor == self._woken.fileno() for descriptor, _ in happened):
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
                return

    def _wait_for_room(self) -> None:
        """Waits until the socket takes bytes again. Replies are read meanwhile: a broker that cannot hand out
        its replies stops reading, and both would wait for each other."""
        self._poll_socket.modify(self._socket, READABLE | WRITABLE)
        try:
            for _, event in self._poll_socket.poll():
                if event & ~WRITABLE:
                    self._take()
        finally:
            self._poll_socket.modify(self._socket, READABLE)
        self._check()

    def _take(self) -> None:
        """Receives what is there; a lost connection is told when the replies before it have been given."""
        while self._lost is None:
            try:
                count = self._socket.recv_into(self._incoming.room())
            except BlockingIOError:
                return
            except OSError as error:
                self._lost = str(error)
                break
            if not count:
                self._lost = "the broker closed it"
                break
            try:
                for frame in self._incoming.took(count):
                    correlation, reply = read_reply(frame)
                    if correlation in self._abandoned:
                        self._abandoned.discard(correlation)
                    else:
                        self._ready.append((correlation, reply))
            except BadFrame as error:
                self._lost = str(error)
                break
            if self._ready and self._incoming.held == 0:
                return
        if not self._ready:
            self._check()


def answer(request: Asks[R], reply: Reply) -> R:
    """The reply as the request promises it; raises RequestFailed for a failure."""
    if isinstance(reply, Failure):
        raise RequestFailed(reply)
    # The table of APIs pairs every request with the reply that its `Asks` names; a test checks all of them.
    return cast(R, reply)

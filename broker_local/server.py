"""The broker process's loop: sockets in, frames out, one thread, one selector.

A connection whose peer does not take its replies, or that has too many requests waiting, is not read until
that is better: the socket fills, and the client waits. Nothing a client sends can make another one wait but
for its share of the loop; the longest pause of the loop is counted.
"""

from __future__ import annotations

import hmac
import os
import selectors
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from broker_local.broker import Broker, Peer
from broker_local.clock import Clock, instant
from broker_local.dispatch import due_flush, flushed, handle, next_due, peer_gone, turn
from broker_local.errorcodes import ErrorCode
from broker_local.files import FileSlice
from broker_local.readfaults import READ_ERRORS, Truncated
from broker_local.requests import PROTOCOL_VERSION, Failure, Hello, HelloReply, Produce, Reply
from broker_local.sync import Syncer
from broker_local.waits import Answer, Instant, Later, Waits
from broker_local.wire import (
    MAX_REQUEST,
    Asked,
    BadFrame,
    Chunk,
    Incoming,
    Parts,
    Refused,
    failure_frame,
    read_request,
    reply_frame,
)

MAX_QUEUED_BYTES = 16 * 1024 * 1024
MAX_QUEUED_CHUNKS = 4096
MAX_PARKED = 512
MAX_HELD = 256 * 1024 * 1024
SOCKET_BUFFER = 4 * 1024 * 1024
SENDFILE = 4 * 1024 * 1024
READS = 8
OVERSLEPT_MS = 20
"""A wait that is longer than asked by more than this: the process was stopped meanwhile."""
SMALL_SLICE = 32 * 1024
"""A slice up to this size is read and sent with its neighbours: one call instead of two."""
LEAVE_AGAIN_MS = 1000
HELLO_MS = 10_000


class Lease(Protocol):
    """What has to be held to leave: while it is, no client starts a broker or connects to this one for the
    first time after a failed attempt."""

    def take(self) -> bool:
        """True if it is held now; False if somebody is starting a broker, who will come here."""
        ...

    def release(self) -> None:
        """Gives it back: the broker stays."""
        ...


@dataclass(slots=True, eq=False)
class Connection:
    """One client."""

    id: int
    socket: socket.socket
    incoming: Incoming
    out: deque[Chunk] = field(default_factory=deque)
    queued: int = 0
    parked: int = 0
    peer: Peer | None = None
    events: int = selectors.EVENT_READ
    closed: bool = False
    last: bool = False


Parked = tuple[Connection, Asked]


class Server:
    """Serves a broker on listening sockets, until `stop` or until nobody has needed it for a while.

    Args:
        broker: what answers.
        listeners: bound and listening sockets; they are closed at the end.
        clock: the time.
        token: what a `Hello` must bring; None: nothing.
        idle_exit_ms: leave after so long without a connection; None: never.
        lease: to be held for leaving.
        hello_ms: a connection that has not said hello by then is closed.
    """

    def __init__(
        self,
        broker: Broker,
        listeners: list[socket.socket],
        clock: Clock,
        *,
        token: str | None = None,
        idle_exit_ms: int | None = None,
        lease: Lease | None = None,
        hello_ms: int = HELLO_MS,
    ) -> None:
        self.longest_pause_ms = 0
        self._broker = broker
        self._listeners = listeners
        self._clock = clock
        self._token = token
        self._idle_exit_ms = idle_exit_ms
        self._lease = lease
        self._hello_ms = hello_ms
        self._connections: dict[int, Connection] = {}
        self._next_id = 0
        self._held = 0
        self._hungry: set[int] = set()
        self._strangers: dict[int, int] = {}
        self._waits: Waits[Parked] = Waits()
        self._selector = selectors.DefaultSelector()
        self._running = True
        self._at: Instant = instant(clock)  # of this round of the loop
        self._idle_since = self._at.now
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        for listener in listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, listener)
        self._syncer = Syncer(broker.store.files, self.wake)

    def wake(self) -> None:
        """Makes the loop look round. From any thread, or from a signal handler."""
        try:
            self._waker.send(b"w")
        except BlockingIOError:
            return

    def stop(self) -> None:
        """Ends `run` at its next step. From any thread, or from a signal handler."""
        self._running = False
        self.wake()

    def run(self) -> None:
        """The loop. Returns after `stop`, or when idle.

        Raises:
            faults.Stop: the disk failed, or holds what was never written; nothing more can be served.
        """
        try:
            while self._running:
                self._step()
        finally:
            self._close()

    def _step(self) -> None:
        asleep, patience = self._at.now, self._patience()
        events = self._selector.select(patience)
        begun = self._at = instant(self._clock)
        was_stopped = begun.now - asleep > patience * 1000 + OVERSLEPT_MS
        for key, mask in events:
            if isinstance(key.data, Connection):
                self._serve(key.data, mask)
            elif key.data is None:
                self._drain_waker()
            else:
                self._accept(key.data)
        self._feed()
        self._drop_strangers()
        if not was_stopped:  # else what members sent meanwhile is read before their silence is judged
            turn(self._broker, begun)
        self._flush_logs()
        self._answer_parked()
        self._at = instant(self._clock)
        self.longest_pause_ms = max(self.longest_pause_ms, self._at.now - begun.now)
        self._leave_if_idle(self._at.now)

    def _flush_logs(self) -> None:
        done = self._syncer.poll()
        if done is not None:
            flushed(self._broker, done)
        if not self._syncer.busy:
            flush = due_flush(self._broker, self._at)
            if flush is not None:
                self._syncer.start(flush)

    def _patience(self) -> float:
        """Seconds until something is due."""
        due = [next_due(self._broker, self._syncer.busy)]
        waiting = self._waits.next_due()
        if waiting is not None:
            due.append(waiting)
        if self._idle_exit_ms is not None and not self._connections:
            due.append(self._idle_since + self._idle_exit_ms)
        return max(0.0, (min(due) - self._at.now) / 1000)

    def _drain_waker(self) -> None:
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            return

    # Connections ---------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                # Nobody is left, or no descriptors are: the next round asks again.
                return
            if len(self._connections) >= self._broker.settings.max_connections:
                accepted.close()
                continue
            accepted.setblocking(False)
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                accepted.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
            if accepted.family != socket.AF_UNIX:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self._next_id, accepted, Incoming(MAX_REQUEST))
            self._next_id += 1
            self._connections[connection.id] = connection
            self._strangers[connection.id] = self._at.now + self._hello_ms
            self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _drop(self, connection: Connection) -> None:
        if connection.closed:
            return
        connection.closed = True
        if connection.events:
            self._selector.unregister(connection.socket)
        self._held -= connection.incoming.held
        connection.socket.close()
        connection.out.clear()
        del self._connections[connection.id]
        self._strangers.pop(connection.id, None)
        self._waits.drop(lambda who: who[0] is connection)
        peer_gone(self._broker, connection.id, self._at)
        if not self._connections:
            self._idle_since = self._at.now

    def _drop_strangers(self) -> None:
        for name, deadline in list(self._strangers.items()):
            if deadline > self._at.now:
                return
            self._drop(self._connections[name])

    def _serve(self, connection: Connection, mask: int) -> None:
        if mask & selectors.EVENT_WRITE and not connection.closed:
            self._flush(connection)
        if mask & selectors.EVENT_READ and not connection.closed:
            self._read(connection)

    def _read(self, connection: Connection) -> None:
        """Takes what is there, once; a large frame that has begun is taken on, as far as it is there."""
        for _ in range(READS):
            try:
                count = connection.socket.recv_into(connection.incoming.room())
            except BlockingIOError:
                break
            except OSError:
                count = 0
            if not count:
                self._drop(connection)
                return
            self._took(connection, count)
            if connection.closed:
                return
            if connection.last or not connection.incoming.held:
                break
        self._flush(connection)

    def _took(self, connection: Connection, count: int) -> None:
        before = connection.incoming.held
        try:
            frames = connection.incoming.took(count)
        except BadFrame as error:
            self._reject(connection, error)
            frames = []
        self._held += connection.incoming.held - before
        for frame in frames:
            if connection.last or connection.closed:
                return
            try:
                self._request(connection, frame)
            except BadFrame as error:
                self._reject(connection, error)

    def _reject(self, connection: Connection, error: BadFrame) -> None:
        """Nothing after such a frame can be understood: it is answered, and the connection ends."""
        self._send(connection, failure_frame(0, 0, Failure(ErrorCode.INVALID_REQUEST, str(error))))
        connection.last = True

    def _request(self, connection: Connection, frame: memoryview) -> None:
        try:
            asked = read_request(frame)
        except Refused as refused:
            self._send(connection, failure_frame(refused.api, refused.correlation, refused.failure))
            connection.last = connection.peer is None
            return
        if connection.peer is None or isinstance(asked.request, Hello):
            self._greet(connection, asked)
            return
        answer = handle(self._broker, connection.peer, asked.request, self._at)
        self._settle(connection, asked, answer)

    def _greet(self, connection: Connection, asked: Asked) -> None:
        hello = asked.request
        reply: Reply
        if connection.peer is not None or not isinstance(hello, Hello):
            reply = Failure(ErrorCode.INVALID_REQUEST, "a connection begins with one hello")
        elif self._token is not None and not hmac.compare_digest(self._token.encode(), (hello.token or "").encode()):
            reply = Failure(ErrorCode.SASL_AUTHENTICATION_FAILED, "the token is missing or wrong")
        elif not hello.minimum <= PROTOCOL_VERSION <= hello.maximum:
            reply = self._strange(hello)
        else:
            connection.peer = Peer(connection.id, hello.client)
            self._strangers.pop(connection.id, None)
            reply = HelloReply(PROTOCOL_VERSION, self._broker.name, self._broker.durability, os.getpid())
        connection.last = isinstance(reply, Failure)
        self._send(connection, reply_frame(asked, reply))

    def _strange(self, hello: Hello) -> Failure:
        """A client of another version. If it is newer, this broker goes as soon as nobody needs it."""
        text = f"this broker speaks protocol {PROTOCOL_VERSION}, the client {hello.minimum} to {hello.maximum}"
        if hello.minimum > PROTOCOL_VERSION:
            if self._idle_exit_ms is not None:
                self._idle_exit_ms = 0
            text += "; it is older and ends when its last client has gone: stop the others, and try again"
        else:
            text += "; the client is older: install the version of the broker"
        return Failure(ErrorCode.UNSUPPORTED_VERSION, text)

    # Replies -------------------------------------------------------------------------------------

    def _settle(self, connection: Connection, asked: Asked, answer: Answer) -> None:
        if isinstance(answer, Later):
            connection.parked += 1
            self._waits.park((connection, asked), answer)
            return
        unasked = isinstance(asked.request, Produce) and asked.request.acks == 0
        if answer is not None and not unasked:
            self._send(connection, reply_frame(asked, answer))

    def _answer_parked(self) -> None:
        while True:
            self._waits.wake(self._broker.take_woken())
            ready = self._waits.ready(self._at.now)
            if not ready:
                return
            for (connection, asked), later in ready:
                connection.parked -= 1
                self._settle(connection, asked, later.again(self._at))
            for connection in {who[0].id: who[0] for who, _ in ready}.values():
                if not connection.closed:
                    self._flush(connection)

    def _send(self, connection: Connection, parts: Parts) -> None:
        if connection.closed:
            return
        for part in parts:
            if isinstance(part, FileSlice) and (part.fd < 0 or part.length <= SMALL_SLICE):
                piece = part
                try:
                    part = piece.read()
                    if len(part) < piece.length:
                        raise Truncated
                except OSError as error:  # the head before it promises bytes that there are not
                    self._unread(connection, piece, error)
                    return
            connection.out.append(part)
            if not isinstance(part, FileSlice):
                connection.queued += len(part)

    def _flush(self, connection: Connection) -> None:
        out = connection.out
        if connection.closed:
            return
        try:
            while out:
                if isinstance(out[0], FileSlice):
                    self._send_slice(connection, out[0])
                else:
                    self._send_bytes(connection)
        except BlockingIOError:
            self._listen(connection)
            return
        except OSError as error:
            first = out[0] if out else None
            if isinstance(first, FileSlice) and error.errno in READ_ERRORS:
                self._unread(connection, first, error)
            else:
                self._drop(connection)
            return
        if connection.last:
            self._drop(connection)
        else:
            self._listen(connection)

    def _unread(self, connection: Connection, piece: FileSlice, error: OSError) -> None:
        """What was promised cannot be sent: the connection ends, and whoever asks again is told."""
        self._broker.read_faults.note(piece.file.path, error, self._at.now)
        self._drop(connection)

    def _send_bytes(self, connection: Connection) -> None:
        out = connection.out
        pieces: list[bytes | bytearray | memoryview] = []
        for chunk in out:
            if isinstance(chunk, FileSlice) or len(pieces) == 256:
                break
            pieces.append(chunk)
        sent = connection.socket.sendmsg(pieces)
        connection.queued -= sent
        for piece in pieces:
            if sent < len(piece):
                out[0] = memoryview(piece)[sent:]
                return
            sent -= len(piece)
            out.popleft()

    def _send_slice(self, connection: Connection, piece: FileSlice) -> None:
        count = min(piece.length, SENDFILE)
        sent = os.sendfile(connection.socket.fileno(), piece.fd, piece.position, count)
        if not sent:
            raise Truncated
        if sent == piece.length:
            connection.out.popleft()
        else:
            connection.out[0] = FileSlice(piece.file, piece.position + sent, piece.length - sent)

    def _listen(self, connection: Connection) -> None:
        """Says for what the selector has to look; nothing is read while the client is behind."""
        behind = (
            connection.queued > MAX_QUEUED_BYTES
            or len(connection.out) > MAX_QUEUED_CHUNKS
            or connection.parked >= MAX_PARKED
            or self._starved(connection)
            or connection.last
        )
        events = (0 if behind else selectors.EVENT_READ) | (selectors.EVENT_WRITE if connection.out else 0)
        if events == connection.events:
            return
        if not connection.events:
            self._selector.register(connection.socket, events, connection)
        elif not events:
            self._selector.unregister(connection.socket)
        else:
            self._selector.modify(connection.socket, events, connection)
        connection.events = events

    def _starved(self, connection: Connection) -> bool:
        """Is there no memory for a large frame of this connection? Those that have begun one may end it."""
        if self._held <= MAX_HELD or connection.incoming.held:
            return False
        self._hungry.add(connection.id)
        return True

    def _feed(self) -> None:
        """Reads those again for which there was no memory."""
        if self._hungry and self._held <= MAX_HELD:
            hungry, self._hungry = self._hungry, set()
            for name in hungry & self._connections.keys():
                self._listen(self._connections[name])

    # The end -------------------------------------------------------------------------------------

    def _leave_if_idle(self, now: int) -> None:
        if self._idle_exit_ms is None or self._connections or now < self._idle_since + self._idle_exit_ms:
            return
        if self._lease is not None and not self._lease.take():
            self._idle_since = now - self._idle_exit_ms + LEAVE_AGAIN_MS
            return
        for listener in self._listeners:
            self._accept(listener)
        if self._connections and self._lease is not None:
            self._lease.release()
            return
        self._running = bool(self._connections)

    def _close(self) -> None:
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections.values()):
            connection.closed = True
            connection.socket.close()
        self._connections.clear()
        self._selector.close()
        self._syncer.close()
        self._woken.close()
        self._waker.close()

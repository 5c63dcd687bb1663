"""A way to a broker that can be cut, held up, slowed and silenced, at any time or at a request of a kind."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from enum import Enum

from tests.kafka_broker import free_port


class Trouble(Enum):
    """What happens to a connection at a request."""

    NOT_SENT = "it is cut before the request has gone on"
    HALF_SENT = "it is cut amidst the request"
    NOT_ANSWERED = "it is cut when the broker has answered, and nobody hears of it"
    HALF_ANSWERED = "half of the answer goes on, and then nothing more, until the connection is cut"


class Proxy:
    """Listens where clients are told that the broker is.

    Attributes:
        silent: new connections are accepted and nothing goes through any of them.
        held: requests of these numbers wait, and what comes behind them on their connections.
        delay_s: what each piece of data waits.
        bytes_a_second: how many go through a connection; 0: as many as come.
        met: requests at which a planned trouble came.
    """

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.silent = False
        self.held: set[int] = set()
        self.delay_s = 0.0
        self.bytes_a_second = 0
        self.met = 0
        self._target = ""
        self._planned: dict[int, Trouble] = {}
        self._lock = threading.Lock()
        self._connections: list[_Connection] = []
        self._closed = False
        host, _, port = self.address.partition(":")
        self._listening = socket.create_server((host, int(port)))
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()

    def leads_to(self, address: str) -> None:
        """Sets where connections go on to."""
        self._target = address

    def plan(self, api: int, trouble: Trouble) -> None:
        """The next request of this number (Kafka's `api key`) comes into trouble."""
        with self._lock:
            self._planned[api] = trouble

    def planned(self) -> bool:
        """Is there one that has not come yet?"""
        return bool(self._planned)

    def take(self, api: int) -> Trouble | None:
        """What a request comes into; it is planned no more."""
        with self._lock:
            found = self._planned.pop(api, None)
            self.met += found is not None
            return found

    def cut(self) -> int:
        """Cuts all connections; how many were they?"""
        with self._lock:
            gone, self._connections = self._connections, []
        return sum(each.cut() for each in gone)

    def close(self) -> None:
        """Ends it."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            host, _, port = self._target.partition(":")
            try:
                far = socket.create_connection((host, int(port)), 5.0)
            except (OSError, ValueError):  # the broker is away: so is the proxy
                near.close()
                continue
            far.settimeout(None)
            connection = _Connection(self, near, far)
            with self._lock:
                self._connections = [*(each for each in self._connections if not each.is_cut), connection]
            connection.start()


class _Connection:
    """One client's, in two directions. Requests go frame by frame, so that they can be told apart."""

    def __init__(self, proxy: Proxy, near: socket.socket, far: socket.socket) -> None:
        self._proxy = proxy
        self._near = near
        self._far = far
        self.is_cut = False
        self._answers = ""  # what becomes of the next answer: "", "swallow", "half", "nothing"

    def start(self) -> None:
        for run in (self._requests, self._replies):
            threading.Thread(target=self._until_cut, args=(run,), daemon=True, name="proxy").start()

    def cut(self) -> bool:
        """Resets both ways; was it not cut yet?"""
        fresh, self.is_cut = not self.is_cut, True
        for each in (self._near, self._far):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        return fresh

    def _until_cut(self, run: Callable[[], None]) -> None:
        with contextlib.suppress(OSError, EOFError):
            run()
        self.cut()
        for each in (self._near, self._far):
            each.close()

    def _requests(self) -> None:
        while True:
            frame = self._frame(self._near)
            (api,) = struct.unpack_from(">h", frame, 4)
            while api in self._proxy.held and not self.is_cut:
                time.sleep(0.01)
            trouble = self._proxy.take(api)
            if trouble is Trouble.NOT_SENT:
                return
            if trouble is Trouble.HALF_SENT:
                self._pass(self._far, frame[: len(frame) // 2])
                return
            if trouble is Trouble.NOT_ANSWERED:
                self._answers = "swallow"
            elif trouble is Trouble.HALF_ANSWERED:
                self._answers = "half"
            self._pass(self._far, frame)

    def _replies(self) -> None:
        while True:
            frame = self._frame(self._far)
            if self._answers == "swallow":
                return
            if self._answers == "half":
                self._answers = "nothing"
                self._pass(self._near, frame[: len(frame) // 2])
            elif self._answers != "nothing":
                self._pass(self._near, frame)

    def _frame(self, source: socket.socket) -> bytes:
        head = self._exactly(source, 4)
        return head + self._exactly(source, int.from_bytes(head, "big"))

    def _exactly(self, source: socket.socket, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            data = source.recv(min(65_536, size - len(found)))
            if not data:
                raise EOFError
            found += data
        return bytes(found)

    def _pass(self, sink: socket.socket, data: bytes) -> None:
        proxy = self._proxy
        while proxy.silent and not self.is_cut:
            time.sleep(0.01)
        time.sleep(proxy.delay_s)
        rest = memoryview(data)
        while rest:
            limit = proxy.bytes_a_second
            size = max(1, limit // 20) if limit else len(rest)
            sink.sendall(rest[:size])
            rest = rest[size:]
            if limit:
                time.sleep(0.05)

"""Somebody who listens as a broker does, and answers as none would. Needs no broker."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

API_VERSIONS, ALL_APIS, NEWEST = 18, range(75), 9
Answer = Callable[[bytes], bytes | None]
"""What is sent where a request has that correlation id, whole with its length; None: nothing."""
LONG = 1_000


def framed(correlation: bytes, body: bytes) -> bytes:
    """An answer with its length."""
    return struct.pack(">i", len(correlation) + len(body)) + correlation + body


NONSENSE: dict[str, Answer] = {
    "bytes of another protocol": lambda _: b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "half an answer": lambda correlation: framed(correlation, b"\0" * 200)[:50],
    "an answer of two gigabytes": lambda correlation: struct.pack(">i", 2**31 - 1) + correlation,
    "an answer of less than nothing": lambda correlation: struct.pack(">i", -5) + correlation,
    "an answer that nobody waits for": lambda _: framed(b"\x7f\0\0\1", b"\0" * 20),
    "an answer of other fields": lambda correlation: framed(correlation, b"\xee" * 60),
    "an empty answer": lambda correlation: framed(correlation, b""),
}


def versions(correlation: bytes) -> bytes:
    """The answer of a broker that knows all requests, version 3 of it."""
    apis = b"".join(struct.pack(">hhhb", api, 0, NEWEST, 0) for api in ALL_APIS)
    return framed(correlation, struct.pack(">hB", 0, len(ALL_APIS) + 1) + apis + struct.pack(">ib", 0, 0))


@contextlib.contextmanager
def listening(answer: Answer, introduces_itself: bool = False) -> Iterator[str]:
    """The address of somebody who answers so, and hangs up behind half of an answer.

    Args:
        introduces_itself: what comes before is answered as a broker does: the versions of its requests.
    """
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                stack.enter_context(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection: socket.socket) -> None:
            with contextlib.suppress(OSError, EOFError):
                while True:
                    (size,) = struct.unpack(">i", _exactly(connection, 4))
                    request = _exactly(connection, size)
                    api, correlation = struct.unpack_from(">h", request)[0], request[4:8]
                    if introduces_itself and api == API_VERSIONS:
                        connection.sendall(versions(correlation))
                        continue
                    said = answer(correlation)
                    connection.sendall(said or b"")
                    if said and len(said) < 4 + struct.unpack_from(">i", said)[0] < LONG:
                        connection.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = connection.recv(count - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found

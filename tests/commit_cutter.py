"""A connection to PostgreSQL that is cut during COMMIT: before the server has heard of it, or before the answer is."""

from __future__ import annotations

import contextlib
import random
import socket
import threading


class CommitCutter:
    """Stands between a connector and a server, and cuts some connections where they commit.

    Args:
        port: the server's.
        seed: decides which commits, and whether the server hears of them.
        share: so many of a hundred are cut.
    """

    def __init__(self, port: int, seed: int, share: int) -> None:
        self._port = port
        self._random = random.Random(seed)
        self._share = share
        self.before = self.after = 0
        """How many commits the server has not heard of, and of how many only the answer was lost."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:  # it is away
                client.close()
                continue
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        """From the connector to the server."""
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if b"commit\0" in data and self._random.randrange(100) < self._share:
                    if self._random.randrange(2):
                        self.before += 1
                    else:
                        self.after += 1
                        client.shutdown(socket.SHUT_RDWR)  # the answer finds nobody
                        server.sendall(data)
                    break
                server.sendall(data)
        _close(client, server)

    def close(self) -> None:
        """Takes no more connections."""
        self._listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    _close(source, target)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_WR)
        each.close()

"""Who gets in: new connections, those that say nothing, and a process without a descriptor left."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sized

from broker_local.base.error_codes import ErrorCode
from broker_local.base.limits import HELLO_MS, NO_DESCRIPTORS, STRANGERS, Counters
from broker_local.host.connection import Connection
from broker_local.protocol.requests.request import Failure
from broker_local.protocol.wire import MAX_HELLO, Incoming, failure_frame

log = logging.getLogger("broker_local")

ACCEPTS = 64
"""Connections taken from a listener in one round."""
SAID_AGAIN_MS = 10_000


class Acceptor:
    """Takes connections, as many as there may be.

    A connection is a stranger until it has said hello, and over TCP brought the token. Strangers on TCP have a share:
    a new one takes the place of the one that has been silent longest.

    Args:
        most: connections at once.
        counters: where what was refused is counted.
        drop: closes a connection.
        hello_ms: a connection that has not said hello by then is closed.
    """

    def __init__(
        self, most: int, counters: Counters, drop: Callable[[Connection], None], hello_ms: int = HELLO_MS
    ) -> None:
        self.most = most
        self._counters = counters
        self._drop = drop
        self._hello_ms = hello_ms
        self._silent: dict[int, tuple[int, Connection]] = {}
        self._strangers: dict[int, Connection] = {}
        self._next_id = 0
        self._said_at: int | None = None
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def accept(self, listener: socket.socket, there: Sized, now: int) -> list[Connection]:
        """The connections that have come.

        Args:
            listener: where.
            there: those that are there already.
            now: the time, in ms.
        """
        came: list[Connection] = []
        for _ in range(ACCEPTS):
            try:
                accepted, _ = listener.accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in NO_DESCRIPTORS or not self._refuse_one(listener, now):
                    break
                continue
            if len(there) + sum(not each.closed for each in came) >= self.most:
                self._refuse(accepted, f"{self.most} connections are open, as many as this broker takes")
                continue
            came.append(self._enter(accepted, now))
        return came

    def _enter(self, accepted: socket.socket, now: int) -> Connection:
        accepted.setblocking(False)
        stranger = accepted.family != socket.AF_UNIX
        if stranger:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while len(self._strangers) >= max(1, self.most // STRANGERS):
                self._close(next(iter(self._strangers.values())))
        connection = Connection(self._next_id, accepted, Incoming(MAX_HELLO, MAX_HELLO + 4), stranger, moved=now)
        self._next_id += 1
        self._silent[connection.id] = (now + self._hello_ms, connection)
        if stranger:
            self._strangers[connection.id] = connection
        return connection

    def _close(self, connection: Connection) -> None:
        self._counters.strangers_closed += 1
        self._drop(connection)

    def forget(self, connection: Connection) -> None:
        """It has said hello, or is gone."""
        self._silent.pop(connection.id, None)
        self._strangers.pop(connection.id, None)

    def drop_silent(self, now: int) -> None:
        """Closes those whose time for a hello is up."""
        for deadline, connection in list(self._silent.values()):
            if deadline > now:
                return
            self._close(connection)

    def next_due(self) -> int | None:
        """When `drop_silent` has something to do next; None: never."""
        return next((deadline for deadline, _ in self._silent.values()), None)

    def close(self) -> None:
        """Gives the spare descriptor back."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def _refuse(self, accepted: socket.socket, why: str) -> None:
        self._counters.refused_connections += 1
        accepted.setblocking(False)
        try:
            for part in failure_frame(0, 0, Failure(ErrorCode.POLICY_VIOLATION, f"{why}; close some")):
                assert isinstance(part, bytes)
                accepted.send(part)
        except OSError:
            pass
        accepted.close()

    def _refuse_one(self, listener: socket.socket, now: int) -> bool:
        """No descriptor is left: who knocks is let in with the spare one, told, and put out. False: nobody was."""
        self._counters.out_of_descriptors += 1
        if self._said_at is None or now - self._said_at >= SAID_AGAIN_MS:
            self._said_at = now
            log.warning("no descriptor is left for a connection; raise the limit (ulimit -n) or close some")
        self.close()
        try:
            accepted, _ = listener.accept()
        except OSError:
            return False
        else:
            self._refuse(accepted, "the broker has no descriptor left")
            return True
        finally:
            self._take_spare()

    def _take_spare(self) -> None:
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._spare = -1  # the next round tries again

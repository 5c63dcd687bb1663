"""Memory for all connections: counted before it is taken, and shared out where it is short."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping

from broker_local.base.limits import Bounds, Counters
from broker_local.host.connection import Connection
from broker_local.protocol.wire import GRANT

log = logging.getLogger("broker_local")


class Memory:
    """What all connections hold together, against a bound.

    A connection for whose next bytes there is no room is `hungry`: it is not read until there is. Who holds most and
    moves nothing gives way to it.

    Args:
        bounds: how much there may be, and how long a connection may move nothing.
        counters: where what was held at most, and who was closed, is counted.
        connections: those there are.
        drop: closes a connection, which calls `forget`.
    """

    def __init__(
        self,
        bounds: Bounds,
        counters: Counters,
        connections: Mapping[int, Connection],
        drop: Callable[[Connection], None],
    ) -> None:
        self.hungry: dict[int, Connection] = {}
        self._bounds = bounds
        self._counters = counters
        self._connections = connections
        self._drop = drop
        self._held = 0
        self._first: Connection | None = None

    def count(self, connection: Connection) -> None:
        """Takes note of what a connection holds now."""
        holds = connection.holds
        if holds != connection.held:
            self._held += holds - connection.held
            connection.held = holds
            self._counters.most_held_bytes = max(self._counters.most_held_bytes, self._held)

    def forget(self, connection: Connection) -> None:
        """It is gone, with what it held."""
        self._held -= connection.held
        self.hungry.pop(connection.id, None)

    def has_room(self, connection: Connection, now: int) -> bool:
        """Is there memory for the next bytes of a large frame? If not, the connection waits for it.

        One frame at a time may go over the bound: else those that have each a part of the memory would wait for ever.
        """
        if self._held + GRANT > self._bounds.held and not self._make_room(connection, now):
            if self._first is None or self._first.closed or not self._first.incoming.held:
                self._first = connection
            if self._first is not connection:
                self.hungry[connection.id] = connection
                return False
        self.count(connection)
        return True

    def take_hungry(self) -> Collection[Connection]:
        """Those for which there was no memory: they are to be read again."""
        hungry, self.hungry = self.hungry, {}
        return hungry.values()

    def _make_room(self, wanting: Connection, now: int) -> bool:
        """Closes those that hold most and move nothing, until there is room."""
        still = [
            each
            for each in self._connections.values()
            if each.held
            and each is not wanting
            and each.id not in self.hungry
            and now - each.moved >= self._bounds.stalled_ms
        ]
        for connection in sorted(still, key=lambda each: each.held, reverse=True):
            if self._held + GRANT <= self._bounds.held:
                break
            self._counters.closed_for_memory += 1
            log.warning("a client that moves nothing holds %d bytes, and memory is short: closed", connection.held)
            self._drop(connection)
        return self._held + GRANT <= self._bounds.held

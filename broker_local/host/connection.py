"""One client's connection, as the loop sees it: what has come in, what goes out, what is being done for it."""

from __future__ import annotations

import socket
from collections import deque
from dataclasses import dataclass, field

from broker_local.base.files import FileSlice
from broker_local.base.limits import MAX_PARKED, MAX_QUEUED_BYTES, MAX_QUEUED_CHUNKS, MAX_WAITING
from broker_local.base.world import READ
from broker_local.broker.broker import Peer
from broker_local.broker.waits import Steps
from broker_local.protocol.wire import Chunk, Incoming, IncomingRequest


@dataclass(slots=True, eq=False)
class Connection:
    """One client.

    Bytes: `queued` of replies in memory, `waiting` of parked requests, `busy` of the request that is worked on; `held`
    is what was counted of all that. `lent`: files that replies lie in. `more`: frames may be whole that were not
    handled yet; `work`: what goes on for its last request, `unread`: that request where even reading it takes a while.
    `moved`: when bytes last came or went; `last`: nothing is read any more.
    """

    id: int
    socket: socket.socket
    incoming: Incoming
    stranger: bool = False
    out: deque[Chunk] = field(default_factory=deque)
    queued: int = 0
    lent: int = 0
    parked: int = 0
    waiting: int = 0
    held: int = 0
    busy: int = 0
    more: bool = False
    work: tuple[IncomingRequest, Steps] | None = None
    unread: memoryview | None = None
    moved: int = 0
    peer: Peer | None = None
    events: int = READ
    closed: bool = False
    last: bool = False

    @property
    def busy_with(self) -> bool:
        """Is its last request still worked on?"""
        return self.work is not None or self.unread is not None

    @property
    def behind(self) -> bool:
        """Does it ask faster than it takes the replies?"""
        return (
            self.queued > MAX_QUEUED_BYTES
            or len(self.out) > MAX_QUEUED_CHUNKS
            or self.parked >= MAX_PARKED
            or self.waiting > MAX_WAITING
        )

    @property
    def holds(self) -> int:
        """Bytes of memory it takes now, but for its buffer for small frames."""
        return self.incoming.held + self.queued + self.waiting + self.busy

    def send_bytes(self) -> int:
        """Sends what lies in memory at the front of its replies; how many bytes went.

        Raises:
            BlockingIOError: the client takes nothing at the moment.
            OSError: the client is gone.
        """
        out = self.out
        pieces: list[bytes | bytearray | memoryview] = []
        for chunk in out:
            if isinstance(chunk, FileSlice) or len(pieces) == 256:
                break
            pieces.append(chunk)
        sent = went = self.socket.sendmsg(pieces)
        self.queued -= sent
        for piece in pieces:
            if sent < len(piece):
                out[0] = memoryview(piece)[sent:]
                break
            sent -= len(piece)
            out.popleft()
        return went

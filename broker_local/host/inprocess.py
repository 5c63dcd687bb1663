"""A broker inside this process: the same answers over the same `Link`, on files in memory.

One engine per name and process. It has no thread of its own: whoever calls it drives it, and whoever waits
wakes up for its timers. Everything happens under one lock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TypeVar

from broker_local.base.files import Files, FileSlice
from broker_local.base.mem_files import MemFiles
from broker_local.base.world import SYSTEM, Clock, World, lock
from broker_local.broker.broker import BrokerSettings, Peer
from broker_local.broker.dispatch import (
    ask_again,
    complete,
    due_flush,
    flushed,
    handle,
    next_due,
    open_broker,
    peer_gone,
    turn,
)
from broker_local.broker.waits import Later, Waits, instant
from broker_local.host.client import ConnectionLost, answer
from broker_local.protocol.codec import FileBody
from broker_local.protocol.requests.records import FetchReply, Produce
from broker_local.protocol.requests.request import Asks, Reply

R = TypeVar("R", bound=Reply)


class Engine:
    """A broker without a process.

    Args:
        files: what it keeps its logs in; None: memory.
        clock: the time that it goes by; None: the world's.
        settings: as for any broker.
        world: how its clients wait; None: the machine's.
    """

    def __init__(
        self,
        files: Files | None = None,
        clock: Clock | None = None,
        settings: BrokerSettings | None = None,
        world: World | None = None,
    ) -> None:
        self.world = world or SYSTEM
        self._clock = clock or self.world
        self._files = MemFiles() if files is None else files
        self.changed = self.world.condition()
        self._broker = open_broker(self._files, settings or BrokerSettings(), instant(self._clock), self.world.new_id)
        self._waits: Waits[tuple[MemoryLink, int, object]] = Waits()
        self._links: dict[int, MemoryLink] = {}
        self._next_id = 0

    def connect(self, client: str = "client") -> MemoryLink:
        """A new link to it."""
        with self.changed:
            link = MemoryLink(self, Peer(self._next_id, client))
            self._links[self._next_id] = link
            self._next_id += 1
            return link

    def ask(self, link: MemoryLink, correlation: int, request: object) -> None:
        """Hands a request in; the reply goes to the link now or later. Under the lock."""
        at = instant(self._clock)
        self._respond(link, correlation, request, complete(handle(self._broker, link.peer, request, at)))
        self.step()

    def step(self) -> None:
        """Does what is due, and answers whom it can. Under the lock."""
        turn(self._broker, instant(self._clock))
        flush = due_flush(self._broker, instant(self._clock))
        if flush is not None:
            flush.run(self._files)
            flushed(self._broker, flush)
        while True:
            at = instant(self._clock)
            self._waits.wake(self._broker.take_woken())
            ready = self._waits.ready(at.now)
            if not ready:
                return
            for (link, correlation, request), later in ready:
                self._respond(link, correlation, request, complete(ask_again(later, at)))

    def patience_ms(self) -> float:
        """How long until something is due. Under the lock."""
        due = [at for at in (next_due(self._broker), self._waits.next_due()) if at is not None]
        return max(0.0, min(due) - self._clock.monotonic_ms())

    def drop(self, link: MemoryLink) -> None:
        """The link is closed: as when a socket is."""
        with self.changed:
            if self._links.pop(link.peer.id, None) is not None:
                self._waits.drop(lambda who: who[0] is link)
                peer_gone(self._broker, link.peer.id, instant(self._clock))
                self.step()
                self.changed.notify_all()

    def close(self) -> None:
        """Ends it: its links are lost, as when a broker process ends."""
        with self.changed:
            for link in list(self._links.values()):
                link.lose("the engine was closed")
            self._links.clear()
            self._broker.logs.close()
            self.changed.notify_all()

    def _respond(self, link: MemoryLink, correlation: int, request: object, found: Reply | Later | None) -> None:
        if isinstance(found, Later):
            self._waits.park((link, correlation, request), found)
        elif found is not None and not (isinstance(request, Produce) and request.acks == 0):
            link.give(correlation, read_reply(found))
            self.changed.notify_all()


def read_reply(reply: Reply) -> Reply:
    """The reply with what lies in files read."""
    if not isinstance(reply, FetchReply):
        return reply
    return FetchReply(tuple(replace(part, batches=_bytes(part.batches)) for part in reply.parts))


def _bytes(body: bytes | bytearray | memoryview | FileBody) -> memoryview:
    if not isinstance(body, FileBody):
        return memoryview(body)
    pieces = [piece.read() if isinstance(piece, FileSlice) else piece for piece in body.pieces]
    return memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))


class MemoryLink:
    """A `client.Link` to an engine in this process."""

    def __init__(self, engine: Engine, peer: Peer) -> None:
        self.peer = peer
        self._engine = engine
        self._ready: deque[tuple[int, Reply]] = deque()
        self._abandoned: set[int] = set()
        self._next = 0
        self._lost: str | None = None
        self._wakened = False
        self._readable = engine.world.signal()

    def send(self, request: Asks[Reply]) -> int:
        """See `Link.send`."""
        with self._engine.changed:
            self._check()
            correlation = self._next
            self._next += 1
            self._engine.ask(self, correlation, request)
            return correlation

    def receive(self, timeout_ms: int) -> list[tuple[int, Reply]]:
        """See `Link.receive`."""
        deadline = self._engine.world.monotonic_ms() + timeout_ms
        with self._engine.changed:
            self._engine.step()
            while not self._ready and not self._wakened:
                self._check()
                if not self._wait(deadline):
                    break
            if not self._ready:
                self._wakened = False
            self._readable.clear()
            given = list(self._ready)
            self._ready.clear()
            return given

    def call(self, request: Asks[R], timeout_ms: int = 30_000) -> R:
        """See `Link.call`."""
        deadline = self._engine.world.monotonic_ms() + timeout_ms
        with self._engine.changed:
            correlation = self.send(request)
            while True:
                for index, (got, reply) in enumerate(self._ready):
                    if got == correlation:
                        del self._ready[index]
                        return answer(request, reply)
                self._check()
                if not self._wait(deadline):
                    self._abandoned.add(correlation)
                    raise TimeoutError(f"no answer to {type(request).__name__} in {timeout_ms} ms")

    def fileno(self) -> int:
        """See `Link.fileno`."""
        return self._readable.fileno()

    @property
    def holds(self) -> bool:
        """See `Link.holds`."""
        return bool(self._ready)

    def wake(self) -> None:
        """See `Link.wake`."""
        with self._engine.changed:
            self._wakened = True
            self._engine.changed.notify_all()

    def close(self) -> None:
        """See `Link.close`."""
        with self._engine.changed:
            if self._lost is None:
                self.lose("it was closed")
                self._engine.drop(self)
            self._readable.close()

    def give(self, correlation: int, reply: Reply) -> None:
        """A reply for this link. Called by the engine, under its lock."""
        if correlation in self._abandoned:
            self._abandoned.discard(correlation)
            return
        self._ready.append((correlation, reply))
        self._readable.set()

    def lose(self, why: str) -> None:
        """The engine is gone. Called by the engine, under its lock."""
        self._lost = self._lost or why
        self._readable.set()

    def _check(self) -> None:
        if self._lost is not None:
            raise ConnectionLost(f"the connection to the broker is lost: {self._lost}")

    def _wait(self, deadline: float) -> bool:
        """Waits until something happens or is due; False: the time is up."""
        left = deadline - self._engine.world.monotonic_ms()
        if left <= 0:
            return False
        patience = self._engine.patience_ms()
        self._engine.changed.wait(min(left, patience + 1.0) / 1000)
        self._engine.step()
        return True


_engines: dict[str, Engine] = {}
_registry = lock()


def connect(name: str, client: str = "client", world: World | None = None) -> MemoryLink:
    """A link to the engine of that name, which is made, in that world, if there is none: `memory://NAME`."""
    with _registry:
        engine = _engines.get(name)
        if engine is None:
            engine = _engines[name] = Engine(world=world)
    return engine.connect(client)


def forget(name: str) -> None:
    """Ends the engine of that name and frees what it holds; nothing if there is none."""
    with _registry:
        engine = _engines.pop(name, None)
    if engine is not None:
        engine.close()

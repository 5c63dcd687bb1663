"""An engine whose connections break where a test says, and that may be killed and started again meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import TypeVar

from broker_local.base.error_codes import ErrorCode
from broker_local.base.mem_files import MemFiles
from broker_local.broker.broker import BrokerSettings
from broker_local.host import launch
from broker_local.host.client import ConnectionLost, Link, RequestFailed
from broker_local.host.inprocess import Engine
from broker_local.protocol.requests.request import Asks, Failure, Reply
from streams.clients.local.door import LocalDoor
from streams.world import SYSTEM, World
from tests.engines import stop_broker

R = TypeVar("R", bound=Reply)

BEFORE, AFTER, SILENT, HELD = "before", "after", "silent", "held"
"""The connection is lost before a request arrives; after it was done, with its answer; it arrives nowhere, and nobody
says so; its answer is held up until it is let go."""
Fault = str | ErrorCode
"""One of these, or an answer of the broker's."""


class UnsteadyEngine:
    """An engine, and what happens to the requests to it.

    Args:
        dial: makes a steady connection.
        restart: kills the engine, and starts another with what is left.
        world: of its clients.
    """

    def __init__(self, dial: Callable[[], Link], restart: Callable[[], None], world: World = SYSTEM) -> None:
        self.plan: list[tuple[type, Fault]] = []
        """What comes next, by the kind of the request; each but SILENT happens once."""
        self.kills = False
        """Is the engine killed whenever a connection is lost?"""
        self.restart = restart
        self.held: list[tuple[UnsteadyLink, int, Reply]] = []
        self.holds: set[tuple[UnsteadyLink, int]] = set()
        self._dial = dial
        self.world = world

    def door(self) -> LocalDoor:
        """To it, by connections that break."""
        return LocalDoor("unsteady", lambda: UnsteadyLink(self._dial(), self), self.world)

    def steady(self) -> LocalDoor:
        """To it, by connections that do not."""
        return LocalDoor("steady", self._dial, self.world)

    def let_go(self, count: int) -> None:
        """So many answers that were held up arrive."""
        for _ in range(count):
            link, correlation, reply = self.held.pop(0)
            link.arrived.append((correlation, reply))

    def let_all_go(self) -> None:
        """All answers that are held up arrive, and none is any more."""
        self.holds.clear()
        self.let_go(len(self.held))

    def steady_again(self) -> None:
        """Nothing more happens."""
        self.plan.clear()
        self.kills = False
        self.let_all_go()

    def fault(self, request: object) -> Fault | None:
        """What happens to this request."""
        for at, (kind, fault) in enumerate(self.plan):
            if isinstance(request, kind):
                if fault != SILENT:
                    del self.plan[at]
                return fault
        return None

    def lost(self) -> ConnectionLost:
        """A connection is."""
        if self.kills:
            self.restart()
        return ConnectionLost("it broke")


class UnsteadyLink:
    """A `Link` over a steady one."""

    def __init__(self, link: Link, engine: UnsteadyEngine) -> None:
        self._link = link
        self._engine = engine
        self._broken = False
        self._refused = 0
        self.arrived: list[tuple[int, Reply]] = []

    def send(self, request: Asks[Reply]) -> int:
        fault = self._engine.fault(request)
        if fault is None:
            return self._link.send(request)
        if fault == SILENT:
            return -1
        if isinstance(fault, ErrorCode):
            self._refused -= 1
            self.arrived.append((self._refused - 1, Failure(fault, "for the moment")))
            return self._refused - 1
        if fault == HELD:
            correlation = self._link.send(request)
            self._engine.holds.add((self, correlation))
            return correlation
        if fault == AFTER:
            correlation = self._link.send(request)
            while correlation not in [each for each, _ in self._link.receive(10_000)]:
                pass
            self._link.close()
            self._broken = True
            return correlation
        self._link.close()
        raise self._engine.lost()

    def receive(self, timeout_ms: int) -> list[tuple[int, Reply]]:
        if self._broken:
            raise self._engine.lost()
        given, self.arrived = self.arrived, []
        try:
            taken = self._link.receive(0 if given else timeout_ms)
        except ConnectionLost:
            if not given:  # else that is told first
                raise
            taken = []
        for correlation, reply in taken:
            if (self, correlation) in self._engine.holds:
                self._engine.held.append((self, correlation, reply))
            else:
                given.append((correlation, reply))
        return given

    def call(self, request: Asks[R], timeout_ms: int = 30_000) -> R:
        if self._broken:
            raise self._engine.lost()
        fault = self._engine.fault(request)
        if fault is None:
            return self._link.call(request, timeout_ms)
        if isinstance(fault, ErrorCode):
            raise RequestFailed(Failure(fault, "for the moment"))
        if fault == SILENT:
            self._engine.world.sleep(timeout_ms)
            raise TimeoutError("no answer")
        if fault == AFTER:
            self._link.call(request, timeout_ms)
        self._link.close()
        self._broken = True
        raise self._engine.lost()

    def fileno(self) -> int:
        return -1 if self._broken else self._link.fileno()

    @property
    def holds(self) -> bool:
        return self._broken or bool(self.arrived) or self._link.holds

    def wake(self) -> None:
        self._link.wake()

    def close(self) -> None:
        self._link.close()


@contextmanager
def in_memory(settings: BrokerSettings | None = None, world: World = SYSTEM) -> Iterator[UnsteadyEngine]:
    """One in this process."""
    files = [MemFiles()]
    engines = [Engine(files[0], settings=settings, world=world)]

    def restart() -> None:
        left = files[-1].after_kill()
        engines[-1].close()
        files.append(left)
        engines.append(Engine(left, settings=settings, world=world))

    try:
        yield UnsteadyEngine(lambda: engines[-1].connect("bank"), restart, world)
    finally:
        engines[-1].close()


@contextmanager
def as_a_process(directory: Path) -> Iterator[UnsteadyEngine]:
    """One as a process of its own, which is started by whoever dials."""
    try:
        yield UnsteadyEngine(
            lambda: launch.connect(str(directory), "bank"), lambda: stop_broker(directory, SIGKILL)
        )
    finally:
        stop_broker(directory)

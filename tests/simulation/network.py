"""Connections in a simulated world: messages take their time, never overtake each other on one connection, and are lost
with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol, TypeVar

from broker_local.broker.broker import Peer
from broker_local.host.client import ConnectionLost, answer
from broker_local.protocol.requests.request import Asks, Reply
from streams.testing import SimulatedProcess, SimulatedWorld

R = TypeVar("R", bound=Reply)

USUAL_MS = 0.5
"""Most messages take less."""


class Network:
    """How long messages take.

    Args:
        world: where.
        random: whose chance.
    """

    def __init__(self, world: SimulatedWorld, random: Random) -> None:
        self.world = world
        self.slow_ms = 0.0
        """While it is slow: messages take up to so long."""
        self.links: list[SimulatedLink] = []
        self._random = random
        self._next = 0

    def delay(self) -> float:
        """Of one message."""
        usual = self._random.random() * USUAL_MS
        return usual + self._random.random() ** 4 * self.slow_ms if self.slow_ms else usual

    def number(self) -> int:
        """Of a new connection."""
        self._next += 1
        return self._next

    def chance(self) -> float:
        """A number below 1."""
        return self._random.random()


class Listener(Protocol):
    """The other end of a connection."""

    def arrive(self, link: SimulatedLink, correlation: int, request: object) -> None:
        """A request has come."""

    def gone(self, link: SimulatedLink) -> None:
        """The connection is closed."""


class SimulatedLink:
    """A `client.Link` to a simulated broker.

    Args:
        network: what it goes through.
        process: whose it is.
        listener: the broker.
        client: the name it says hello with.
    """

    def __init__(self, network: Network, process: SimulatedProcess, listener: Listener, client: str) -> None:
        self.peer = Peer(network.number(), client)
        self.process = process
        self.cut_off = False
        """Nothing that is under way arrives any more."""
        self._network = network
        self._listener = listener
        self._ready: deque[tuple[int, Reply]] = deque()
        self._abandoned: set[int] = set()
        self._next = 0
        self._lost: str | None = None
        self._wakened = False
        self._closed = False
        self._there_at = self._back_at = 0.0  # when what was sent last arrives, on either side
        self._readable = network.world.signal()
        network.links.append(self)
        process.at_end.append(self.hang_up)

    # as a client sees it

    def send(self, request: Asks[Reply]) -> int:
        """See `Link.send`."""
        self.process.step()
        self._check()
        correlation = self._next
        self._next += 1
        self._to_broker(partial(self._listener.arrive, self, correlation, request))
        return correlation

    def receive(self, timeout_ms: int) -> list[tuple[int, Reply]]:
        """See `Link.receive`."""
        self.process.step()
        if not self._ready and not self._wakened:
            self._check()
            self._wait(lambda: bool(self._ready or self._wakened), timeout_ms)
            if not self._ready and not self._wakened:
                self._check()
        if not self._ready:
            self._wakened = False
        self._readable.clear()
        given = list(self._ready)
        self._ready.clear()
        return given

    def call(self, request: Asks[R], timeout_ms: int = 30_000) -> R:
        """See `Link.call`."""
        deadline = self._network.world.monotonic_ms() + timeout_ms
        correlation = self.send(request)
        while True:
            for index, (got, reply) in enumerate(self._ready):
                if got == correlation:
                    del self._ready[index]
                    return answer(request, reply)
            self._check()
            left = deadline - self._network.world.monotonic_ms()
            if left <= 0:
                self._abandoned.add(correlation)
                raise TimeoutError(f"no answer to {type(request).__name__} in {timeout_ms} ms")
            self._wait(lambda: any(got == correlation for got, _ in self._ready), left)

    def fileno(self) -> int:
        """See `Link.fileno`."""
        return self._readable.fileno()

    @property
    def holds(self) -> bool:
        """See `Link.holds`."""
        return bool(self._ready)

    def wake(self) -> None:
        """See `Link.wake`."""
        self._wakened = True

    def close(self) -> None:
        """See `Link.close`."""
        if not self._closed:
            self.process.step()
            self.hang_up()
            self._readable.close()

    # as the system sees it

    def hang_up(self) -> None:
        """The process lets go, or is gone: what it has sent arrives first."""
        if not self._closed:
            self._closed = True
            self._lost = self._lost or "it was closed"
            self._to_broker(partial(self._listener.gone, self))

    def cut(self) -> None:
        """The network loses it: either side learns of it, and what is under way is lost, or is not."""
        if self._lost is None and not self.cut_off:
            self.cut_off = self._network.chance() < 0.5
            self._network.world.at(self._network.delay() * 4, partial(self._listener.gone, self))
            self._network.world.at(self._network.delay() * 4, partial(self.lose, "it was cut"))

    def reply(self, correlation: int, reply: Reply) -> None:
        """The broker answers."""
        self._back_at = self._later(self._back_at, partial(self._give, correlation, reply))

    def lose(self, why: str) -> None:
        """The broker is gone."""
        if self._lost is None:
            self._lost = why
            self._readable.set()
        if self in self._network.links:
            self._network.links.remove(self)

    def _to_broker(self, event: Callable[[], None]) -> None:
        self._there_at = self._later(self._there_at, event)

    def _later(self, after: float, event: Callable[[], None]) -> float:
        """Lets a message arrive, behind the one before it; when that is."""
        world = self._network.world
        now = world.monotonic_ms()
        at = max(now + self._network.delay(), after)
        world.at(at - now, event)
        return at

    def _give(self, correlation: int, reply: Reply) -> None:
        if self._lost is not None or self.cut_off:
            return
        if correlation in self._abandoned:
            self._abandoned.discard(correlation)
            return
        self._ready.append((correlation, reply))
        self._readable.set()

    def _check(self) -> None:
        if self._lost is not None:
            raise ConnectionLost(f"the connection to the broker is lost: {self._lost}")

    def _wait(self, ready: Callable[[], bool], timeout_ms: float) -> None:
        self._network.world.block("an answer", lambda: self._lost is not None or ready(), timeout_ms)

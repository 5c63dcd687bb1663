"""A broker in a simulated world: it answers what arrives, and can be killed at any write, frozen, cut off from its
power and started again. It has no thread: it is what happens when a message arrives, a time has come, or the disk has
written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random

from broker_local.base.faults import Refusal, StorageFailure
from broker_local.base.mem_files import Killed, MemFiles
from broker_local.broker.broker import Broker, BrokerSettings
from broker_local.broker.dispatch import (
    advance,
    ask_again,
    due_flush,
    flushed,
    handle,
    next_due,
    open_broker,
    peer_gone,
    turn,
)
from broker_local.broker.waits import Answer, Later, Steps, Waits, instant
from broker_local.host.client import Link
from broker_local.host.inprocess import read_reply
from broker_local.log import catalog
from broker_local.log.log_manager import Flush
from broker_local.protocol.requests.records import Produce
from streams.clients.api import Door
from streams.clients.local.door import LocalDoor
from streams.errors import BrokerNotFoundException
from streams.testing import SimulatedProcess, SimulatedWorld
from tests.simulation.network import Network, SimulatedLink

DIAL_MS = 10_000
"""So long a client waits for a broker that is being started."""
STEP_MS = 0.05
FSYNC_MS = 4.0
"""An fsync takes less."""


class SimulatedBroker:
    """See the module.

    Args:
        world: where.
        network: to its clients.
        settings: as of any broker.
        random: whose chance.
    """

    def __init__(self, world: SimulatedWorld, network: Network, settings: BrokerSettings, random: Random) -> None:
        self.files = MemFiles(power=True)
        self.is_up = False
        self.broken: str | None = None
        """Why the last one stopped for good."""
        self.stops: list[str] = []
        """Why any of them did."""
        self.frozen = False
        self.at_kill: Callable[[], None] | None = None
        """What befalls the machine in place of the kill that is planned."""
        self.slow_fsync_ms = 0.0
        """While its disk is slow: an fsync takes up to so long."""
        self._world = world
        self._network = network
        self._settings = settings
        self._random = random
        self._life = 0
        self._broker: Broker | None = None
        self._reset()

    def _reset(self) -> None:
        self._waits: Waits[tuple[SimulatedLink, int, object]] = Waits()
        self._queues: dict[SimulatedLink, deque[tuple[int, object]]] = {}
        self._work: dict[SimulatedLink, tuple[int, object, Steps]] = {}
        self._held: list[Callable[[], None]] = []  # what came while it was frozen
        self._catches_up = False
        self._flushing: Flush | None = None
        self._timer = 0.0

    @property
    def broker(self) -> Broker:
        """What it holds, for checks: nobody is asked."""
        assert self._broker is not None
        return self._broker

    def door(self, process: SimulatedProcess) -> Door:
        """To it, for a process."""

        def dial() -> Link:
            process.step()
            self._world.block("a broker", lambda: self.is_up or self.broken is not None, DIAL_MS)
            if not self.is_up:
                raise BrokerNotFoundException(f"no broker: {self.broken or 'none has come up'}")
            link = SimulatedLink(self._network, process, self, process.name)
            self._queues[link] = deque()
            return link

        return LocalDoor("memory://simulated", dial, process)

    # how it lives and dies

    def start(self) -> None:
        """Starts it, where it is down; it may die of what was planned, or find no room."""
        if self.is_up:
            return
        self._reset()
        try:
            self._broker = open_broker(self.files, self._settings, instant(self._world), self._world.new_id)
        except Killed:
            self._killed()
            return
        except StorageFailure as fault:
            self._break(fault)
            return
        except Refusal:  # a full disk
            return
        self.is_up = True
        self._run(self._turn)

    def _killed(self) -> None:
        befalls, self.at_kill = self.at_kill, None
        if befalls is not None:
            befalls()
        else:
            self._down()
            self.files = self.files.after_kill()

    def kill(self) -> None:
        """As `kill -9`: what was written is there."""
        if self.is_up:
            self._down()
            self.files = self.files.after_kill()

    def cut_power(self) -> None:
        """What was not on the disk is lost, but for what happened to get there."""
        self._down()
        kept, torn = self._random.choice((1.0, self._random.random())), self._random.random()
        lucky = {path for path in self.files.paths() if self._random.random() < torn}
        self.files = self.files.after_power_cut(kept, lucky.__contains__)

    def stop(self) -> None:
        """As SIGTERM: everything is put in order."""
        if self.is_up and not self.frozen:
            self._run(self._close)
            self.kill()

    def _close(self) -> None:
        if self._flushing is not None:  # the disk does first what it has begun
            self._flushing.run(self.files)
            flushed(self.broker, self._flushing)
        self.broker.logs.close()

    def repair(self) -> None:
        """Somebody has looked at the disk, and has removed what forbids a start."""
        if self.broken is not None:
            self.broken = None
            self.files.plan = None
            catalog.forgive(self.files)

    def freeze(self) -> None:
        """As SIGSTOP."""
        self.frozen = True

    def wake(self) -> None:
        """As SIGCONT: it reads what has come before it judges anybody's silence."""
        if self.frozen:
            self.frozen = False
            held, self._held = self._held, []
            self._catches_up = True
            for each in held:
                self._run(each)
            self._catches_up = False
            self._run(self._turn)

    def _break(self, fault: StorageFailure) -> None:
        self.files.plan = None
        catalog.mark_broken(self.files, fault)
        self.broken = str(fault)
        self.stops.append(self.broken)
        self.is_up = False
        self._down()
        self.files = self.files.after_kill()

    def _down(self) -> None:
        self.is_up = self.frozen = False
        self._life += 1
        for link in list(self._network.links):
            if link in self._queues:
                self._world.at(self._network.delay(), partial(link.lose, "the broker is gone"))
        self._reset()

    # what happens to it

    def arrive(self, link: SimulatedLink, correlation: int, request: object) -> None:
        """See `Listener.arrive`."""
        if link not in self._queues or link.cut_off:
            return
        self._queues[link].append((correlation, request))
        self._run(partial(self._pump, link))

    def gone(self, link: SimulatedLink) -> None:
        """See `Listener.gone`."""
        if link in self._queues:
            self._run(partial(self._forget, link))

    def _run(self, action: Callable[[], None]) -> None:
        if not self.is_up:
            return
        if self.frozen:
            self._held.append(action)
            return
        life = self._life
        try:
            action()
        except Killed:
            if life == self._life:
                self._killed()
        except StorageFailure as fault:
            self._break(fault)

    def _pump(self, link: SimulatedLink) -> None:
        queue = self._queues.get(link)
        while queue and link not in self._work:
            correlation, request = queue.popleft()
            answer = handle(self.broker, link.peer, request, instant(self._world))
            self._respond(link, correlation, request, answer)
        self._turn()

    def _forget(self, link: SimulatedLink) -> None:
        if self._queues.pop(link, None) is None:
            return
        if link in self._network.links:
            self._network.links.remove(link)
        self._waits.drop(lambda who: who[0] is link)
        if link in self._work and not self._work[link][2].must_end:
            del self._work[link]
        peer_gone(self.broker, link.peer.id, instant(self._world))
        self._turn()

    def _respond(self, link: SimulatedLink, correlation: int, request: object, found: Answer) -> None:
        if isinstance(found, Steps):
            self._work[link] = (correlation, request, found)
            self._soon(STEP_MS, partial(self._go_on, link))
        elif link not in self._queues:
            return
        elif isinstance(found, Later):
            self._waits.park((link, correlation, request), found)
        elif found is not None and not (isinstance(request, Produce) and request.acks == 0):
            link.reply(correlation, read_reply(found))

    def _go_on(self, link: SimulatedLink) -> None:
        """One step of what is done in steps."""
        if link in self._work:
            correlation, request, steps = self._work.pop(link)
            self._respond(link, correlation, request, advance(steps, lambda: True))
            self._pump(link)

    def _soon(self, ms: float, action: Callable[[], None]) -> None:
        """Something of this life, a little later."""
        life = self._life
        self._world.at(ms, lambda: self._run(action) if life == self._life else None)

    def _turn(self) -> None:
        if self._catches_up:
            return
        broker = self.broker
        while True:
            at = instant(self._world)
            turn(broker, at)
            if self._flushing is None:
                self._flushing = due_flush(broker, at)
                if self._flushing is not None:
                    self._flush(self._flushing, 0)
            self._waits.wake(broker.take_woken())
            ready = self._waits.ready(at.now)
            if not ready:
                break
            for (link, correlation, request), later in ready:
                self._respond(link, correlation, request, ask_again(later, at))
        dues = (next_due(broker, self._flushing is not None), self._waits.next_due())
        due = [each for each in dues if each is not None]
        now = self._world.monotonic_ms()
        at_ms = max(min(due), now)
        if not now < self._timer <= at_ms + 0.5:
            self._timer = at_ms + 0.5
            self._soon(at_ms + 0.5 - now, self._turn)

    def _flush(self, flush: Flush, done: int) -> None:
        """Lets the disk write one file after the other."""
        took = self._random.random() * FSYNC_MS + self._random.random() ** 2 * self.slow_fsync_ms
        if done < len(flush.paths):
            step = flush._replace(paths=flush.paths[done : done + 1], recovery_point=None)
            self._soon(took / 4, lambda: (step.run(self.files), self._flush(flush, done + 1)))
        else:
            self._soon(took / 4, partial(self._flushed, flush))

    def _flushed(self, flush: Flush) -> None:
        flush._replace(paths=()).run(self.files)
        self._flushing = None
        flushed(self.broker, flush)
        self._turn()

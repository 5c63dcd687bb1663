"""A machine in a simulated world: a broker, processes that are its clients, and what is between them. Whatever can go
wrong with them is in `faults`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from broker_local.broker.broker import BrokerSettings
from broker_local.broker.on_groups import fenced_member
from broker_local.coordinator.group_state import GroupSettings
from statestore.engine import EngineError
from streams.clients import Admin
from streams.clients.api import Door
from streams.errors import KafkaException
from streams.record import TopicPartition
from streams.testing import ProcessKilled, SimulatedProcess, SimulatedWorld
from tests.simulation.broker import FSYNC_MS, SimulatedBroker
from tests.simulation.disk import HostDisk
from tests.simulation.network import Network

SESSION_MS = 1_500
FLUSH_MS = 1_000
"""`log.flush.interval.ms`."""
RESTART_MS = 300
"""After this a process that has ended by itself is started again."""
PATIENCE_MS = 90_000
"""So long everything may take to be done once nothing goes wrong any more."""


class Member:
    """One process of the cluster, through all its lives.

    Args:
        name: of the process.
        cluster: where it runs.
        body: what it does in each life, until it is not `wanted` any more; it gets the process and this.
        fragile: faults befall it.
    """

    def __init__(
        self, name: str, cluster: Cluster, body: Callable[[SimulatedProcess, Member], None], fragile: bool = True
    ) -> None:
        self.name = name
        self.process: SimulatedProcess | None = None
        self.wanted = True
        """It is to run; False: it leaves, cleanly."""
        self.done = False
        """It has nothing left to do."""
        self.fragile = fragile
        self.runs: Callable[[], bool] = lambda: False
        """Does it what it is there for? Said by the life that goes on."""
        self._cluster = cluster
        self._body = body

    @property
    def lives(self) -> bool:
        return self.process is not None and not self.process.killed

    def start(self) -> None:
        """Starts it, where it does not run and is wanted."""
        if not self.lives and self.wanted and not self.done:
            process = self.process = self._cluster.process(self.name)
            self.runs = lambda: False
            process.start(self.name, lambda: self._live(process))

    def _live(self, process: SimulatedProcess) -> None:
        try:
            self._body(process, self)
        except ProcessKilled:
            raise
        except BaseException as error:
            self._cluster.failed(error)
        process.kill()
        self._cluster.world.at(RESTART_MS, self.start)


class Cluster:
    """See the module.

    Args:
        seed: of all that is drawn.
        durability: of the broker.
    """

    def __init__(self, seed: int, durability: str) -> None:
        self.seed = seed
        self.world = SimulatedWorld(seed)
        self.network = Network(self.world, self.random("network"))
        self.durable = durability == "durable"
        settings = BrokerSettings(
            durability="durable" if self.durable else "process",
            group=GroupSettings(min_session_timeout_ms=100),
            topics={"message.timestamp.after.max.ms": str(2**62)},  # the wall clock jumps, and records have theirs
        )
        self.broker = SimulatedBroker(self.world, self.network, settings, self.random("broker"))
        self.disk = HostDisk(self.world, self.random("disk"))
        self.members: list[Member] = []
        self.join: Callable[[], None] = lambda: None
        """Adds one more member of a kind that there may be more of."""
        self.faults: Counter[str] = Counter()
        """How often each happened."""
        self.power_cuts: list[float] = []
        """When."""
        self.unsynced_ms = 0.0
        """So long the broker may have been kept from writing what it holds to the disk."""
        self.failures: list[str] = []
        """What processes ended by."""
        self.wrong: list[str] = []
        """Failures that nothing explains."""
        self.slow_ms = 0.0
        """So long a user's function may take."""
        self.healed = False
        """Nothing goes wrong any more."""
        self._slow = self.random("functions")

    def random(self, of: str) -> Random:
        """Chance of its own for one part: what one draws shifts no other one."""
        return Random(f"{self.seed}:{of}")

    def process(self, name: str) -> SimulatedProcess:
        """A process on the machine."""
        process = self.world.process(name)
        process.files = self.disk.of(process)
        return process

    def add(self, name: str, body: Callable[[SimulatedProcess, Member], None], fragile: bool = True) -> Member:
        """One more member."""
        member = Member(name, self, body, fragile)
        self.members.append(member)
        return member

    def failed(self, error: BaseException) -> None:
        """A process has ended by this."""
        text = f"{type(error).__name__}: {error}"
        self.failures.append(text)
        if not isinstance(error, KafkaException | OSError | EngineError):
            self.wrong.append(text)

    def pause(self, process: SimulatedProcess) -> None:
        """What a user's function does beside: nothing, or it takes its time."""
        if self.slow_ms and self._slow.random() < 0.3:
            process.sleep(self._slow.random() * self.slow_ms)

    def create_topics(self, door: Door, topics: dict[str, int]) -> None:
        """Makes topics, by their partitions."""
        with Admin(door=door) as admin:
            for topic, partitions in topics.items():
                admin.create_topic(topic, partitions, {"retention.ms": "-1"})

    def watch_transactions(self) -> None:
        """Now and then: does a transaction go on whose member was put out of its group? Its successor would wait."""
        if self.broker.is_up and not self.broker.frozen and not self.broker.broker.unheeded:
            broker = self.broker.broker
            for name in broker.ongoing:
                state = broker.transactions.subjects[name].state
                if state is not None and any(fenced_member(broker, each) is not None for each in state.members):
                    self.wrong.append(f"the transaction of {name} goes on, and its member was put out")
        if not self.healed:
            self.world.at(100, self.watch_transactions)

    # the machine as a whole

    def processes(self) -> list[SimulatedProcess]:
        """Those that live."""
        return [each.process for each in self.members if each.process is not None and not each.process.killed]

    def start_all(self) -> None:
        """Starts whatever does not run."""
        self.broker.start()
        for each in self.members:
            each.start()

    def cut_power(self) -> None:
        """Everything ends, and what was not on the disk is lost."""
        self.power_cuts.append(self.world.monotonic_ms())
        for each in self.processes():
            each.kill()
        self.broker.cut_power()
        self.disk.cut_power()

    def mend_disk(self) -> None:
        """There is room again, and a broker that has stopped for it goes on."""
        self.broker.files.plan = self.broker.at_kill = None
        self.disk.full = False
        self.broker.repair()
        self.broker.start()

    def heal(self) -> None:
        """Ends all that is wrong."""
        self.healed = True
        self.network.slow_ms = self.broker.slow_fsync_ms = self.slow_ms = 0.0
        self.broker.wake()
        self.mend_disk()
        for each in self.members:
            each.wanted = True
            if each.process is not None:
                each.process.wake()
                each.process.spare()
        self.start_all()

    def let_go(self) -> bool:
        """Lets all members leave, cleanly; whether they do."""
        for each in self.members:
            each.wanted = False
        self.world.block("the end of the members", lambda: not self.processes(), PATIENCE_MS)
        return not self.processes()

    # what can be seen from outside

    def may_be_lost(self) -> tuple[tuple[float, float], ...]:
        """From when to when was acknowledged what a power cut may take: under `process` what is younger than the last
        recovery point."""
        since = FLUSH_MS + FSYNC_MS * 20 + self.unsynced_ms
        return () if self.durable else tuple((at - since, at) for at in self.power_cuts)

    def topics(self) -> dict[str, int]:
        """All topics, with their partitions."""
        return {name: topic.partitions for name, topic in self.broker.broker.logs.topics.items() if name[:2] != "__"}

    def partitions(self) -> list[TopicPartition]:
        return [TopicPartition(name, number) for name, count in self.topics().items() for number in range(count)]

"""One seed of an application: instances that fail in every way, and whether its results are right afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

from broker_local.coordinator.group_state import Group
from broker_local.log.format import CONTROL
from broker_local.log.partition import Partition
from streams import KafkaStreams
from streams.app import State
from streams.clients import Producer, ProducerRecord
from streams.clients.api import Isolation
from streams.record import TopicPartition
from streams.testing import SimulatedProcess
from tests.simulation import faults
from tests.simulation.cluster import PATIENCE_MS, SESSION_MS, Cluster, Member
from tests.simulation.history import End, History, shown_right
from tests.simulation.logs import Logs, last_values, read_all
from tests.simulation.readers import watch
from tests.simulation.topologies import Application, Ends, Input, Judged

APPLICATION_ID = "app"
MOST_INSTANCES = 4
SETTLED_MS = 2_500
"""Where nothing has moved for so long, everything is done."""


@dataclass(frozen=True)
class Shape:
    """What is drawn before it begins.

    Args:
        instances: of the application, at first.
        threads: of each.
        static: they are static members: who comes back in time has its tasks still.
        cache_bytes: of the stores' caches; 0: none.
        uncommitted_bytes: of what is not in the databases yet; few: it is written to them all the time.
        delivery_ms: how long output is tried to be sent; after a short time it is refused, and its tasks are aborted.
        durability: of the broker.
        inputs: how many records are sent.
        span_ms: over which time.
        guarantee: `processing.guarantee`.
    """

    instances: int
    threads: int
    static: bool
    cache_bytes: int
    uncommitted_bytes: int
    delivery_ms: int
    durability: str
    inputs: int
    span_ms: int
    guarantee: str

    @property
    def exact(self) -> bool:
        return self.guarantee != "at_least_once"


def draw(random: Random, guarantee: str) -> Shape:
    """A shape."""
    return Shape(
        inputs=random.randint(8, 24),
        instances=random.choice((1, 2, 2, 3)),
        threads=random.choice((1, 1, 2)),
        static=random.random() < 0.25,
        cache_bytes=random.choice((0, 10_485_760)),
        uncommitted_bytes=random.choice((1_000, 67_108_864)),
        delivery_ms=random.choice((500, 120_000)),
        durability=random.choice(("process", "process", "durable")),
        span_ms=random.randint(3, 8) * 1_000,
        guarantee=guarantee,
    )


class ApplicationRun:
    """See the module.

    Args:
        cluster: where it runs.
        application: what.
        shape: how.
    """

    def __init__(self, cluster: Cluster, application: Application, shape: Shape) -> None:
        self.cluster = cluster
        self.logs: Logs = {}
        """What is in the topics at the end."""
        self._application = application
        self._shape = shape
        self._sent = 0
        self._inputs = application.inputs(cluster.random("inputs"), shape.inputs)
        self._instances: list[Member] = []
        for _ in range(shape.instances):
            self._join()
        self._after: list[Ends] = []
        self._feeder = cluster.add("feeder", self._feed, fragile=False)
        self._history = History()
        watched = [TopicPartition(topic, each) for topic, count in application.topics.items() for each in range(count)]
        cluster.add("watcher", partial(watch, cluster, self._history, watched, True), fragile=False)
        cluster.join = self._join

    def main(self, kinds: faults.Kinds) -> list[str]:
        """Runs it; what is wrong with what came of it."""
        cluster, world = self.cluster, self.cluster.world
        cluster.broker.start()
        checker = cluster.process("checker")
        door = cluster.broker.door(checker)
        cluster.create_topics(door, dict(self._application.topics))
        cluster.start_all()
        faults.schedule(cluster, self._shape.span_ms, kinds)
        cluster.watch_transactions()
        world.sleep(self._shape.span_ms)
        cluster.heal()
        problems = list(self._settled())
        if not cluster.let_go():
            problems.append("an instance does not end")
        self.logs = read_all(world, door, cluster.partitions(), Isolation.READ_COMMITTED)
        judged = Judged(self.logs, self._shape.exact, bool(self._shape.cache_bytes), self._after)
        problems += self._application.check(judged)
        problems += shown_right(self._history, End(self.logs, {}, {}, cluster.may_be_lost()))
        problems += self._stores()
        for each in (checker, *cluster.processes()):
            each.kill()
        return problems

    # who takes part

    def _join(self) -> None:
        if len(self._instances) < MOST_INSTANCES:
            instance = self.cluster.add(f"instance-{len(self._instances)}", self._live)
            self._instances.append(instance)
            if self.cluster.broker.is_up:
                instance.start()

    def _live(self, process: SimulatedProcess, member: Member) -> None:
        cluster = self.cluster
        built = self._application.build(lambda: cluster.pause(process))
        app = KafkaStreams(built, self._config(member), door=cluster.broker.door(process))
        member.runs = lambda: app.state is State.RUNNING
        app.start()
        cluster.world.block("its end", lambda: not member.wanted or app.state.is_final, None)
        app.close()
        if app.failure is not None:
            cluster.failed(app.failure)

    def _config(self, member: Member) -> dict[str, object]:
        static = {"consumer.group.instance.id": member.name} if self._shape.static else {}
        return {
            **static,
            "application.id": APPLICATION_ID,
            "state.dir": "/state",
            "processing.guarantee": self._shape.guarantee,
            "num.stream.threads": self._shape.threads,
            "statestore.cache.max.bytes": self._shape.cache_bytes,
            "statestore.uncommitted.max.bytes": self._shape.uncommitted_bytes,
            "consumer.session.timeout.ms": SESSION_MS,
            "producer.delivery.timeout.ms": self._shape.delivery_ms,
            "task.timeout.ms": 20_000,
            "repartition.purge.interval.ms": 500,
            "log.summary.interval.ms": -1,
            **self._application.config,
        }

    def _feed(self, process: SimulatedProcess, member: Member) -> None:
        pause = self.cluster.random("feeder")
        apart = 2 * self._shape.span_ms / len(self._inputs)
        with Producer({"delivery.timeout.ms": 600_000}, door=self.cluster.broker.door(process)) as producer:
            while self._sent < len(self._inputs):
                given = self._inputs[self._sent]
                if not self._application.in_turn or not self._has(given):
                    record = ProducerRecord(
                        given.topic, given.value, given.key, given.partition, given.timestamp, given.headers
                    )
                    producer.send(record)
                    producer.flush()
                while not self._worked_off():
                    process.sleep(20)
                self._after.append(self._ends())
                self._sent += 1
                if not self._application.in_turn:
                    process.sleep(pause.random() * apart)
        member.done = True

    def _has(self, given: Input) -> bool:
        """Is it there already? Who was to send it may have died before it knew."""
        before = sum(each.topic == given.topic for each in self._inputs[: self._sent])
        return self._ends().get(TopicPartition(given.topic, given.partition or 0), 0) > before

    def _ends(self) -> Ends:
        return {
            TopicPartition(each.topic.name, each.number): each.end
            for each in self.cluster.broker.broker.logs.open_partitions
        }

    def _worked_off(self) -> bool:
        """Has the application committed all that it is to read?"""
        if not self._application.in_turn:
            return True
        broker = self.cluster.broker.broker
        group = broker.groups.subjects.get(APPLICATION_ID)
        if not self.cluster.broker.is_up or group is None or broker.ongoing or broker.ending:
            return False
        return all(
            all(header.flags & CONTROL for header in each.headers(max(each.log_start, self._committed(group, each))))
            for each in broker.logs.open_partitions
            if each.topic.name in self._application.in_turn
        )

    @staticmethod
    def _committed(group: Group, partition: Partition) -> int:
        found = group.offsets.get((partition.topic.name, partition.number))
        return 0 if found is None else found.offset

    # what came of it

    def _settled(self) -> Iterator[str]:
        """Waits until all input is sent and nothing moves any more."""
        cluster, world = self.cluster, self.cluster.world
        deadline = world.monotonic_ms() + PATIENCE_MS
        since, before = world.monotonic_ms(), self._where()
        while world.monotonic_ms() < deadline:
            world.sleep(100)
            now = self._where() if cluster.broker.is_up else ()
            if now != before or not self._feeder.done or not all(each.runs() for each in self._instances):
                since, before = world.monotonic_ms(), now
            elif world.monotonic_ms() - since > SETTLED_MS:
                return
        waiting = [each.name for each in self._instances if not each.runs()]
        failed = cluster.failures[-3:]
        yield f"not at rest after {PATIENCE_MS} ms: sent {self._sent}; not running {waiting}; failures {failed}"

    def _where(self) -> tuple[object, ...]:
        """How far everything is, to tell rest from work."""
        broker = self.cluster.broker.broker
        group = broker.groups.subjects.get(APPLICATION_ID)
        ends = tuple((each.topic.name, each.number, each.end) for each in broker.logs.open_partitions)
        offsets = () if group is None else tuple(sorted((str(at), each.offset) for at, each in group.offsets.items()))
        return ends, offsets

    def _stores(self) -> Iterator[str]:
        """Does each database hold what its changelogs say? Of several copies the one that was closed last."""
        for name, topic in ((name, f"{APPLICATION_ID}-{name}-changelog") for name in ("counts", "both")):
            if topic not in self.cluster.topics():
                continue
            must = last_values(self.logs, topic)
            last: dict[str, tuple[float, dict[bytes, bytes]]] = {}
            for path, database in self.cluster.disk.databases():
                engine = database.rows()
                if name not in database.writes:
                    continue
                number = engine.number(name)
                low, high = number.to_bytes(2, "big"), (number + 1).to_bytes(2, "big")
                rows = {key[2:]: value[8:] for key, value in engine.scan(low, high)}
                if database.closed_ms > last.get(path.parent.name, (-2.0, {}))[0]:
                    last[path.parent.name] = (database.closed_ms, rows)
            held: dict[bytes, bytes] = {}
            for _, rows in last.values():
                held.update(rows)
            for key in sorted({*held, *must}):
                if held.get(key) != must.get(key):
                    yield f"store {name}: {key!r} is {held.get(key)!r}, its changelog says {must.get(key)!r}"

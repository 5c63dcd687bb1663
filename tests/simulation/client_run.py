"""One seed of producers and consumers without an application: what they did is checked as a history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from streams.clients import Consumer, Producer, ProducerRecord
from streams.clients.api import Isolation
from streams.errors import (
    CommitFailedException,
    KafkaException,
    ProducerFencedException,
    RebalanceInProgressException,
    TimeoutException,
    TransactionAbortableException,
)
from streams.record import TopicPartition
from streams.testing import SimulatedProcess
from tests.simulation import faults
from tests.simulation.cluster import PATIENCE_MS, SESSION_MS, Cluster, Member
from tests.simulation.history import ASKED, COMMITTED, Committed, End, History, Transaction, check, copied
from tests.simulation.logs import Logs, read_all
from tests.simulation.readers import take, watch

PARTITIONS = 2
GROUP, COPIERS = "readers", "copiers"
SETTLED_MS = 3_000
"""Where nothing has moved for so long, everything is done."""


@dataclass(frozen=True)
class Shape:
    """What is drawn before it begins.

    Args:
        writers: producers without transactions.
        transactional: producers with.
        readers: members of a group.
        copiers: of what is read, in transactions.
        durability: of the broker.
        span_ms: for how long.
    """

    writers: int
    transactional: int
    readers: int
    copiers: int
    durability: str
    span_ms: int


def draw(random: Random) -> Shape:
    """A shape."""
    return Shape(
        writers=random.choice((0, 1, 1, 2)),
        transactional=random.choice((1, 1, 2)),
        readers=random.choice((1, 2)),
        copiers=random.choice((0, 1, 2)),
        durability=random.choice(("process", "durable")),
        span_ms=random.randint(3, 7) * 1_000,
    )


class ClientRun:
    """See the module.

    Args:
        cluster: where it runs.
        shape: how.
    """

    def __init__(self, cluster: Cluster, shape: Shape) -> None:
        self.cluster = cluster
        self.logs: Logs = {}
        """What is in the topics at the end."""
        self._shape = shape
        self._history = History()
        self._partitions = [TopicPartition("t", number) for number in range(PARTITIONS)]
        self._pace = shape.span_ms / 20
        writers = [("writer", self._write, shape.writers), ("teller", self._tell, shape.transactional)]
        self._writers = self._made(writers)
        self._made([("reader", self._read, shape.readers), ("copier", self._copy, shape.copiers)])
        for name, committed_only in (("watcher", True), ("peeper", False)):
            body = partial(watch, cluster, self._history, self._partitions, committed_only)
            cluster.add(name, body, fragile=False)
        cluster.join = self._join

    def _made(self, kinds: list[tuple[str, Callable[[SimulatedProcess, Member], None], int]]) -> list[Member]:
        return [self.cluster.add(f"{name}-{each}", body) for name, body, count in kinds for each in range(count)]

    def main(self, kinds: faults.Kinds) -> list[str]:
        """Runs it; what is wrong with what came of it."""
        cluster, world = self.cluster, self.cluster.world
        cluster.broker.start()
        checker = cluster.process("checker")
        door = cluster.broker.door(checker)
        cluster.create_topics(door, {"t": PARTITIONS, "copy": PARTITIONS})
        cluster.start_all()
        faults.schedule(cluster, self._shape.span_ms, kinds)
        world.sleep(self._shape.span_ms)
        cluster.heal()
        world.sleep(500)
        for each in self._writers:
            each.wanted = False
        problems = []
        if not self._at_rest():
            problems.append(f"not at rest after {PATIENCE_MS} ms: {self._where()}")
        if not cluster.let_go():
            problems.append(f"these do not end: {[each.name for each in cluster.processes()]}")
        self.logs = read_all(world, door, cluster.partitions(), Isolation.READ_COMMITTED)
        everything = read_all(world, door, cluster.partitions(), Isolation.READ_UNCOMMITTED)
        prompt = not any(cluster.faults[each] for each in ("freeze process", "freeze broker", "slow network"))
        end = End(self.logs, everything, self._positions(), cluster.may_be_lost(), prompt)
        problems += check(self._history, end, "reader")
        if self._shape.copiers:
            problems += copied(end, "t", "copy")
        for each in (checker, *cluster.processes()):
            each.kill()
        return problems

    def _join(self) -> None:
        """Another producer under a `transactional.id` that one has already."""
        if len(self._writers) < 5:
            member = self.cluster.add(f"rival-{len(self._writers)}", self._tell)
            self._writers.append(member)
            member.start()

    # who takes part

    def _write(self, process: SimulatedProcess, member: Member) -> None:
        """Sends without transactions, several at a time."""
        name = self._history.life_of(member.name)
        random = self.cluster.random(name)
        with Producer({"delivery.timeout.ms": 600_000}, door=self.cluster.broker.door(process)) as producer:
            while member.wanted:
                out = []
                for _ in range(random.randint(1, 4)):
                    one = Transaction(ASKED)
                    send = self._history.send(one, name, random.choice(self._partitions))
                    topic, number = send.partition
                    out.append((one, producer.send(ProducerRecord(topic, send.value, partition=number))))
                    if random.random() < 0.3:
                        process.sleep(random.random() * 5)
                producer.flush()
                for one, future in out:
                    if future.exception(0) is None:
                        one.state, one.ended_ms = COMMITTED, self.cluster.world.monotonic_ms()
                process.sleep(random.random() * self._pace)

    def _tell(self, process: SimulatedProcess, member: Member) -> None:
        """Sends in transactions, of which it aborts some. A rival takes another one's id."""
        name = self._history.life_of(member.name)
        random = self.cluster.random(name)
        own = "teller-0" if member.name.startswith("rival") else member.name
        settings = {"transactional.id": own, "transaction.timeout.ms": 4_000, "max.block.ms": 10_000}
        with Producer(settings, door=self.cluster.broker.door(process)) as producer:
            producer.init_transactions()
            while member.wanted:
                producer.begin_transaction()
                one = Transaction()
                try:
                    for _ in range(random.randint(1, 5)):
                        send = self._history.send(one, name, random.choice(self._partitions))
                        topic, number = send.partition
                        producer.send(ProducerRecord(topic, send.value, partition=number))
                        if random.random() < 0.3:
                            process.sleep(random.random() ** 3 * 500)
                    if random.random() < 0.25:
                        producer.abort_transaction()
                    else:
                        self._commit(producer, one)
                except TransactionAbortableException:
                    producer.abort_transaction()
                process.sleep(random.random() * self._pace)

    def _commit(self, producer: Producer, one: Transaction) -> None:
        one.state = ASKED
        while True:
            try:
                producer.commit_transaction()
                break
            except TimeoutException:
                continue
        one.state, one.ended_ms = COMMITTED, self.cluster.world.monotonic_ms()

    def _read(self, process: SimulatedProcess, member: Member) -> None:
        """A member of a group that reads what is committed, and commits where it is."""
        name = self._history.life_of(member.name)
        settings = {
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": 300,
        }
        with Consumer(settings, door=self.cluster.broker.door(process)) as consumer:
            consumer.subscribe(["t"], _Rebalances(self._history, name))
            while member.wanted:
                taken = take(self.cluster, self._history, consumer, name, True, 200)
                self.cluster.pause(process)
                if taken:
                    try:
                        consumer.commit_sync(taken)
                    except (CommitFailedException, RebalanceInProgressException):
                        continue
                    now = self.cluster.world.monotonic_ms()
                    self._history.commits += [Committed(GROUP, each, at, now) for each, at in taken.items()]

    def _copy(self, process: SimulatedProcess, member: Member) -> None:
        """Reads, writes the same elsewhere, and commits both as one."""
        door = self.cluster.broker.door(process)
        reads = {
            "group.id": COPIERS,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": 300,
        }
        writes = {"transactional.id": member.name, "transaction.timeout.ms": 4_000, "max.block.ms": 10_000}
        with Consumer(reads, door=door) as consumer, Producer(writes, door=door) as producer:
            producer.init_transactions()
            consumer.subscribe(["t"])
            while member.wanted:
                records = consumer.poll(200)
                if not records:
                    continue
                producer.begin_transaction()
                try:
                    for record in records:
                        producer.send(ProducerRecord("copy", record.value, partition=record.partition))
                    self.cluster.pause(process)
                    after = {TopicPartition(each.topic, each.partition): each.offset + 1 for each in records}
                    producer.send_offsets_to_transaction(after, consumer.group_metadata())
                    self._commit(producer, Transaction())
                except ProducerFencedException:
                    raise
                except KafkaException:
                    producer.abort_transaction()
                    raise

    # what came of it

    def _positions(self) -> dict[str, dict[TopicPartition, int]]:
        found = {}
        for name, group in self.cluster.broker.broker.groups.subjects.items():
            found[name] = {TopicPartition(*key): each.offset for key, each in group.offsets.items()}
        return found

    def _at_rest(self) -> bool:
        """Waits until nobody writes, and nothing has moved for a while."""
        world = self.cluster.world
        deadline = world.monotonic_ms() + PATIENCE_MS
        since, before = world.monotonic_ms(), self._where()
        while world.monotonic_ms() < deadline:
            world.sleep(100)
            now = self._where()
            if now != before or any(each.lives for each in self._writers):
                since, before = world.monotonic_ms(), now
            elif world.monotonic_ms() - since > SETTLED_MS:
                return True
        return False

    def _where(self) -> object:
        if not self.cluster.broker.is_up:
            return ()
        logs = self.cluster.broker.broker.logs
        return self._positions(), [(each.topic.name, each.number, each.end) for each in logs.open_partitions]


class _Rebalances:
    """Counts assignments: what a reader is given under one of them has no gaps."""

    def __init__(self, history: History, reader: str) -> None:
        self._history = history
        self._reader = reader

    def _count(self) -> None:
        self._history.assignments[self._reader] = self._history.assignments.get(self._reader, 0) + 1

    def on_partitions_revoked(self, partitions: list[TopicPartition]) -> None:
        self._count()

    def on_partitions_assigned(self, partitions: list[TopicPartition]) -> None:
        self._count()

    def on_partitions_lost(self, partitions: list[TopicPartition]) -> None:
        self._count()

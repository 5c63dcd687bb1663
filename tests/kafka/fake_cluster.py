"""A Kafka cluster of the mind: what `Cluster` is to those who write, under a time of its own, with faults by a seed.

It keeps what brokers keep of producers (KIP-98, KIP-360, KIP-890): a new producer may begin with any sequence, a new
epoch with 0 alone; the last five batches are known again; what bears an older epoch than was seen is refused.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import kafka.errors as theirs
from kafka.future import Future
from kafka.record.memory_records import MemoryRecords

from streams.clients.kafka.cluster import PASSING, RETRY_MS
from streams.errors import BrokerNotFoundException, DisconnectException, KafkaException, TimeoutException
from streams.record import TopicPartition

TOO_LARGE, NOT_LEADER, TIMED_OUT, FEW, FEW_AFTER, STORAGE = 10, 6, 7, 19, 20, 56
OUT_OF_ORDER, OLD_EPOCH, CONCURRENT, TXN_STATE, FENCED, MOVED = 45, 47, 51, 48, 90, 16
LARGE = b"too large"
Work = Callable[[], Coroutine[Any, Any, Any]]


class Clock:
    """Time that passes when nobody has anything to do."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic_ms(self) -> float:
        return self.now

    def sleep(self, ms: float) -> None:
        self.now += ms


@dataclass
class Entry:
    """A stored batch."""

    producer: int
    epoch: int
    sequence: int
    values: list[bytes]
    transactional: bool
    open: bool
    committed: bool


@dataclass
class Seen:
    """What a partition knows of a producer."""

    epoch: int
    batches: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=5))  # first, last, offset


class Log:
    """A partition as its leader keeps it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.producers: dict[int, Seen] = {}
        self.end = 0

    def append(self, producer: int, epoch: int, sequence: int, values: list[bytes], transactional: bool) -> Any:
        """The offset of a batch, or the number of what is wrong with it."""
        seen, last = self.producers.get(producer), sequence + len(values) - 1
        if seen is not None:
            if epoch < seen.epoch:
                return OLD_EPOCH, -1
            for first, until, offset in seen.batches:
                if epoch == seen.epoch and (first, until) == (sequence, last):
                    return 0, offset
            if epoch == seen.epoch and seen.batches and sequence != seen.batches[-1][1] + 1:
                return OUT_OF_ORDER, -1
            if (epoch > seen.epoch or not seen.batches) and sequence:
                return OUT_OF_ORDER, -1
        if seen is None or epoch > seen.epoch:
            seen = self.producers[producer] = Seen(epoch)
        offset, self.end = self.end, self.end + len(values)
        seen.batches.append((sequence, last, offset))
        self.entries.append(Entry(producer, epoch, sequence, values, transactional, transactional, not transactional))
        return 0, offset

    def mark(self, producer: int, epoch: int, commit: bool) -> None:
        """The end of a transaction."""
        for entry in self.entries:
            if entry.open and entry.producer == producer:
                entry.open, entry.committed = False, commit
        self.end += 1
        seen = self.producers.get(producer)
        if seen is None or epoch > seen.epoch:
            self.producers[producer] = Seen(epoch)

    def values(self) -> list[bytes]:
        """What a reader of committed records sees."""
        return [value for entry in self.entries if entry.committed for value in entry.values]


class Waiting:
    """What a coroutine waits for."""

    def __await__(self) -> Generator[Waiting, None, None]:
        yield self


class FakeConnection:
    """One connection to one broker; requests are taken in in their order."""

    def __init__(self, cluster: FakeCluster, node: int) -> None:
        self.cluster, self.node = cluster, node
        self.connected = True
        self.paused: set[str] = set()
        self.sent: deque[tuple[Any, Future]] = deque()  # not taken in yet
        self.due: deque[tuple[Any, Future]] = deque()  # answered, on its way back

    def send_request(self, request: Any, request_timeout_ms: int) -> Future:
        future = Future()
        if not self.connected:
            future.failure(theirs.KafkaConnectionError("gone"))
        elif self.paused:
            future.failure(theirs.NodeNotReadyError("paused"))
        else:
            self.sent.append((request, future))
        return future

    def close(self) -> None:
        """It is lost; some of what was sent may still be taken in."""
        if self.connected:
            self.connected = False
            left = [*self.due, *self.sent]
            self.cluster.ghosts += [(self.node, request) for request, _ in self.sent]
            self.sent.clear()
            self.due.clear()
            for _, future in left:
                future.failure(theirs.KafkaConnectionError("lost"))


class FakeCluster:
    """What `Cluster` is to a transport and a coordinator.

    Args:
        seed: of the faults.
        partitions: all there are.
        version: the level of transactions.
    """

    def __init__(self, seed: int, partitions: Iterable[TopicPartition], version: int = 2) -> None:
        self.random = random.Random(seed)
        self.world: Any = Clock()
        self.closed = False
        self.calm = False
        self.short = 0  # what is answered to all that is written while too few replicas are in sync: FEW, FEW_AFTER
        self.version = version
        self.logs = {partition: Log() for partition in partitions}
        self.leaders = {partition: self.random.randrange(3) for partition in self.logs}
        self.told = dict(self.leaders)
        self.connections: dict[int, FakeConnection] = {}
        self.request_timeout_ms = 30_000
        self.pause_ms = RETRY_MS
        self.ghosts: list[tuple[int, Any]] = []  # what came over connections that are gone, and is not taken in yet
        self.tasks: list[tuple[float, Coroutine[Any, Any, Any]]] = []
        self.ids = 0
        self.transactions: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, dict[TopicPartition, int]] = {}
        self.faults = 0

    # What `Cluster` has

    def start(self, work: Work) -> None:
        self.tasks.append((self.world.now, work()))

    def poll(self, timeout_ms: float) -> None:
        until = self.world.now + timeout_ms
        while not self._step():
            later = min([at for at, _ in self.tasks], default=until)
            if self.world.now >= until:
                return
            self.world.now = min(until, max(self.world.now + 1, later))
            if self.world.now >= until:
                return

    def call(self, work: Work, timeout_ms: int) -> Any:
        deadline = self.world.now + timeout_ms
        while True:
            try:
                found: list[Any] = []

                async def kept(found: list[Any] = found) -> None:
                    found.append(await work())

                coroutine = kept()
                while not found:
                    self._go(coroutine, raises=True)
                    if not found:
                        self._step()
                        self.world.now += 1
                        if self.world.now >= deadline:
                            raise TimeoutException("no answer")
                return found[0]
            except KafkaException as error:
                away = isinstance(error, DisconnectException | BrokerNotFoundException)
                if (not away and error.code not in PASSING) or self.world.now >= deadline:
                    raise
                self.world.sleep(RETRY_MS)

    async def sleep(self, seconds: float = 0.05) -> None:
        until = self.world.now + seconds * 1_000
        while self.world.now < until:
            await Waiting()

    async def connection(self, node: int, lane: str = "") -> FakeConnection:
        await Waiting()
        if self._chance(0.1):
            raise BrokerNotFoundException("nobody there")
        self.connections[node] = FakeConnection(self, node)
        return self.connections[node]

    def fresh(self, connection: FakeConnection) -> bool:
        return connection.connected

    async def metadata(self, topics: Iterable[str]) -> Any:
        await Waiting()
        if self._chance(0.1):
            raise DisconnectException("lost")
        if self.calm or self._chance(0.5):
            self.told = dict(self.leaders)
        rows = []
        for topic in topics:
            parts = [
                SimpleNamespace(
                    partition_index=each.partition,
                    leader_id=-1 if self._chance(0.1) else self.told[each],
                    leader_epoch=0,
                )
                for each in self.logs
                if each.topic == topic
            ]
            rows.append(SimpleNamespace(name=topic, error_code=0, partitions=parts))
        return rows, [0, 1, 2], 0

    async def coordinator(self, key: str, kind: int = 0) -> int:
        await Waiting()
        return 0

    def forget_coordinator(self, key: str, kind: int = 0) -> None: ...

    async def ask(self, request: Any, node: int | None = None) -> Any:
        await Waiting()
        before, after = self._chance(0.1), self._chance(0.1)
        if before:
            raise DisconnectException("lost before")
        if type(request).__name__ != "ApiVersionsRequest" and self._chance(0.1):
            return self._refusal(request, self.random.choice([MOVED, CONCURRENT]) if self.transactions else MOVED)
        answer = self._coordinate(request)
        if after:
            raise DisconnectException("lost after")
        return answer

    def next_due(self) -> int:
        return int(min((at for at, _ in self.tasks), default=2**62))

    def fileno(self) -> int:
        return -1

    def wake(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    # What happens

    def _chance(self, share: float) -> bool:
        found = not self.calm and self.random.random() < share
        self.faults += found
        return found

    def _step(self) -> bool:
        """One thing that happens; False: nothing does at this time."""
        if self._chance(0.02):
            partition = self.random.choice(list(self.logs))
            self.leaders[partition] = self.random.randrange(3)
        if self.connections and self._chance(0.02):
            self.random.choice(list(self.connections.values())).close()
            return True
        if self._chance(0.1):
            self._haunt(self.random.randrange(3))
        ready = [each for each in self.tasks if each[0] <= self.world.now]
        able: list[Callable[[], None]] = [lambda each=each: self._resume(each) for each in ready]  # type: ignore[misc]
        for connection in self.connections.values():
            if connection.sent:
                able.append(lambda each=connection: self._serve(each))  # type: ignore[misc]
            if connection.due:
                able.append(lambda each=connection: self._deliver(each))  # type: ignore[misc]
        if not able:
            return False
        self.random.choice(able)()
        return True

    def _resume(self, task: tuple[float, Coroutine[Any, Any, Any]]) -> None:
        self.tasks.remove(task)
        if not self._go(task[1]):
            self.tasks.append((self.world.now + self.random.choice([0, 0, 1, 5]), task[1]))

    def _go(self, coroutine: Coroutine[Any, Any, Any], raises: bool = False) -> bool:
        """Is it at its end?"""
        try:
            coroutine.send(None)
        except StopIteration:
            return True
        except Exception:
            if raises:
                raise
            raise AssertionError("a task ended with an exception") from None
        return False

    def _haunt(self, node: int) -> None:
        """A broker takes in what it had read from connections that are gone, before what comes over new ones."""
        left = [request for each, request in self.ghosts if each == node]
        self.ghosts = [each for each in self.ghosts if each[0] != node]
        for request in left:
            if self._chance(0.5):
                break  # that had not been read
            self._produce(request, node)

    def _serve(self, connection: FakeConnection) -> None:
        self._haunt(connection.node)
        request, future = connection.sent.popleft()
        connection.due.append((self._produce(request, connection.node), future))
        if self._chance(0.03):
            connection.close()

    def _deliver(self, connection: FakeConnection) -> None:
        answer, future = connection.due.popleft()
        if self._chance(0.03):
            connection.paused.add("throttle")
            self.start(lambda: self._unpause(connection))
        future.success(answer)

    async def _unpause(self, connection: FakeConnection) -> None:
        await self.sleep(self.random.choice([0.001, 0.02, 0.2]))
        connection.paused.clear()

    def _produce(self, request: Any, node: int) -> Any:
        topics = []
        for topic in request.topic_data:
            rows = []
            for part in topic.partition_data:
                partition = TopicPartition(topic.name, part.index)
                code, offset = self._store(partition, bytes(part.records), request.transactional_id, node)
                rows.append(
                    SimpleNamespace(
                        index=part.index, error_code=code, base_offset=offset, log_append_time_ms=-1,
                        error_message=None, record_errors=[],
                    )
                )  # fmt: skip
            topics.append(SimpleNamespace(name=topic.name, partition_responses=rows))
        return SimpleNamespace(responses=topics)

    def _store(self, partition: TopicPartition, data: bytes, name: str | None, node: int) -> Any:
        if node != self.leaders[partition]:
            return NOT_LEADER, -1
        batch = MemoryRecords(data).next_batch()
        assert batch.validate_crc()
        values = [bytes(each.value) for each in batch]
        if self.short == FEW:
            return FEW, -1
        if self._chance(0.05):
            return self.random.choice([FEW, STORAGE, TIMED_OUT]), -1
        if name is not None and (code := self._part_of(name, partition, batch)):
            return code, -1
        if LARGE in values:
            return TOO_LARGE, -1
        code, offset = self.logs[partition].append(
            batch.producer_id, batch.producer_epoch, batch.base_sequence, values, batch.is_transactional
        )
        if not code and self.short:
            return self.short, -1
        if not code and self._chance(0.05):
            return self.random.choice([FEW_AFTER, TIMED_OUT]), -1
        return code, offset

    # Transactions

    def _part_of(self, name: str, partition: TopicPartition, batch: Any) -> int:
        """Is, or with version 2 becomes, the partition part of the producer's transaction?"""
        kept = self.transactions[name]
        if (batch.producer_id, batch.producer_epoch) != (kept["id"], kept["epoch"]):
            return OLD_EPOCH
        if self.version < 2:
            return 0 if partition in kept["parts"] else TXN_STATE
        kept["parts"].add(partition)
        return 0

    def _refusal(self, request: Any, code: int) -> Any:
        part = SimpleNamespace(partition_index=0, partition_error_code=code, error_code=code)
        topic = SimpleNamespace(name="t", partitions=[part], results_by_partition=[part])
        return SimpleNamespace(error_code=code, topics=[topic], results_by_topic_v3_and_below=[topic])

    def _coordinate(self, request: Any) -> Any:
        kind = type(request).__name__
        if kind == "ApiVersionsRequest":
            feature = SimpleNamespace(name="transaction.version", max_version_level=self.version)
            return SimpleNamespace(error_code=0, finalized_features=[feature])
        if kind == "InitProducerIdRequest":
            return self._init(request)
        name = getattr(request, "v3_and_below_transactional_id", "") or request.transactional_id
        kept = self.transactions[name]
        prefix = "v3_and_below_" if kind == "AddPartitionsToTxnRequest" else ""
        producer = (getattr(request, f"{prefix}producer_id"), getattr(request, f"{prefix}producer_epoch"))
        if kind == "EndTxnRequest" and (again := self._ended_before(kept, producer, request.committed)):
            return again
        if producer != (kept["id"], kept["epoch"]):
            return self._refusal(request, FENCED)
        if kind == "AddPartitionsToTxnRequest":
            topics = []
            for topic in request.v3_and_below_topics:
                kept["parts"] |= {TopicPartition(topic.name, number) for number in topic.partitions}
                rows = [SimpleNamespace(partition_index=n, partition_error_code=0) for n in topic.partitions]
                topics.append(SimpleNamespace(name=topic.name, results_by_partition=rows))
            return SimpleNamespace(error_code=0, results_by_topic_v3_and_below=topics)
        if kind == "AddOffsetsToTxnRequest":
            kept["groups"].add(request.group_id)
            return SimpleNamespace(error_code=0)
        if kind == "TxnOffsetCommitRequest":
            return self._offsets(request, kept)
        return self._end(request.committed, kept)

    def _init(self, request: Any) -> Any:
        name = request.transactional_id
        if name is None:
            self.ids += 1
            return SimpleNamespace(error_code=0, producer_id=self.ids, producer_epoch=0)
        kept = self.transactions.get(name)
        if kept is None:
            self.ids += 1
            kept = self.transactions[name] = {"id": self.ids, "epoch": -1, "before": -1}
        given = request.producer_epoch
        if given >= 0 and given == kept["before"]:  # asked again
            return SimpleNamespace(error_code=0, producer_id=kept["id"], producer_epoch=kept["epoch"])
        if given >= 0 and given != kept["epoch"]:
            return SimpleNamespace(error_code=FENCED, producer_id=-1, producer_epoch=-1)
        if kept.get("parts") or kept.get("offsets"):
            self._close(kept, False)
        kept.update(before=given, epoch=kept["epoch"] + 1, parts=set(), groups=set(), offsets={}, ended=None)
        return SimpleNamespace(error_code=0, producer_id=kept["id"], producer_epoch=kept["epoch"])

    def _offsets(self, request: Any, kept: dict[str, Any]) -> Any:
        topics = []
        code = 0 if self.version >= 2 or request.group_id in kept["groups"] else TXN_STATE
        for topic in request.topics:
            for part in topic.partitions:
                if not code:
                    where = TopicPartition(topic.name, part.partition_index)
                    kept["offsets"][request.group_id, where] = part.committed_offset
            rows = [SimpleNamespace(partition_index=each.partition_index, error_code=code) for each in topic.partitions]
            topics.append(SimpleNamespace(name=topic.name, partitions=rows))
        return SimpleNamespace(topics=topics)

    def _ended_before(self, kept: dict[str, Any], producer: tuple[int, int], commit: bool) -> Any:
        if kept["ended"] != (producer, commit):
            return None
        return SimpleNamespace(error_code=0, producer_id=kept["id"], producer_epoch=kept["epoch"])

    def _end(self, commit: bool, kept: dict[str, Any]) -> Any:
        producer = (kept["id"], kept["epoch"])
        if not kept["parts"] and not kept["offsets"] and not kept["groups"]:
            return SimpleNamespace(error_code=TXN_STATE, producer_id=-1, producer_epoch=-1)
        self._close(kept, commit)
        kept["ended"] = (producer, commit)
        return SimpleNamespace(error_code=0, producer_id=kept["id"], producer_epoch=kept["epoch"])

    def _close(self, kept: dict[str, Any], commit: bool) -> None:
        if self.version >= 2:
            kept["epoch"] += 1
        for partition in kept["parts"]:
            self.logs[partition].mark(kept["id"], kept["epoch"], commit)
        if commit:
            for (group, partition), offset in kept["offsets"].items():
                self.positions.setdefault(group, {})[partition] = offset
        kept.update(parts=set(), groups=set(), offsets={})

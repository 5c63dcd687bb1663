"""An application with a past to work through: its workers are turned by hand, over an engine in memory."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from streams import StreamsBuilder
from streams.clients.api import READER_DEFAULTS, Door, Fetched, Isolation, Reader, ReaderSettings, Sent, Writer
from streams.clients.connect import connect
from streams.clock import ManualClock
from streams.config.application import StreamsConfig
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.worker.make_worker import Watchers, make_worker
from streams.runtime.worker.worker import Worker
from streams.serdes import Serdes
from streams.testing import forget
from tests.streams.apps import PATIENCE_S

numbers = itertools.count()
HOUR = 3_600_000
START = 1_600_000_000_000
"""A back-fill begins here."""
NOW = START + 2_000 * HOUR

SETTINGS = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**63 - 1)}

Row = tuple[str, str, int]
"""Key, value and timestamp."""


class BackFill:
    """An application that is turned by hand.

    Args:
        build: the topology; what it writes to `out` is text.
        home: of the state.
        topics: its source topics with their partitions.
        tick: milliseconds of a turn.
        config: settings; it commits once in a hundred turns unless they say otherwise.
    """

    def __init__(
        self,
        build: Callable[[StreamsBuilder], object],
        home: Path,
        topics: dict[str, int],
        tick: int = 1,
        **config: object,
    ) -> None:
        self.tick = tick
        self.name = f"back-fill-{next(numbers)}"
        self.clock = ManualClock(NOW)
        given: dict[str, object] = {
            "application.id": "app",
            "bootstrap.servers": f"memory://{self.name}",
            "state.dir": str(home),
            "commit.interval.ms": 100,
            "poll.ms": 1,
            "repartition.purge.interval.ms": 1_000_000_000,
            "default.key.serde": Serdes.string(),
            "default.value.serde": Serdes.string(),
            **config,
        }
        self.config = StreamsConfig(given)
        builder = StreamsBuilder()
        build(builder)
        self.built = builder.build(self.config).built(self.config)
        self.door = connect(f"memory://{self.name}", "test")
        self.admin = self.door.admin()
        for topic, partitions in {**topics, "out": 1}.items():
            self.admin.create_topic(topic, partitions, SETTINGS)
        self.writer = self.door.writer()
        self.metrics = Metrics()
        self.workers: list[Worker] = []

    # input

    def write(self, topic: str, partition: int, rows: Sequence[Row], size: int = 500) -> None:
        for start in range(0, len(rows), size):
            piece = rows[start : start + size]
            batch = RecordBatch(
                [key.encode() for key, _, _ in piece],
                [value.encode() for _, value, _ in piece],
                [at for _, _, at in piece],
                None,
                range(len(piece)),
                len(piece),
            )
            self.writer.send(TopicPartition(topic, partition), batch, _sent)
        self.writer.await_acks(10_000)

    # workers

    def join(self, count: int = 1, door: Door | None = None) -> list[Worker]:
        """So many workers more, not settled yet."""
        made = []
        for _ in range(count):
            watchers = Watchers(lambda worker, state: None, lambda worker, error: None)
            number = len(self.workers) + 1
            worker = make_worker(
                self.config, self.built, door or self.door, self.clock, self.metrics, "test", number, watchers
            )
            worker.open()
            self.workers.append(worker)
            made.append(worker)
        return made

    def part(self, worker: Worker, clean: bool = False) -> None:
        """A worker is gone; not `clean`: without a commit."""
        self.workers.remove(worker)
        worker.close(clean=clean)

    def turn(self, workers: Iterable[Worker] | None = None) -> None:
        for worker in self.workers if workers is None else workers:
            self.clock.advance(self.tick)
            worker.loop.turn()

    def until(self, what: Callable[[], object], workers: Sequence[Worker] | None = None) -> None:
        """Turns until something is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < deadline, f"it did not come; {self.where()}"
            for _ in range(5):
                self.turn(workers)

    def settled(self) -> bool:
        return all(worker.settled for worker in self.workers)

    def done(self) -> bool:
        """All that is there has been processed and committed, and nothing more comes."""
        if not self.settled():
            return False
        partitions = [p for worker in self.workers for p in worker.partitions()]
        ends = self.admin.end_offsets(partitions, Isolation.READ_UNCOMMITTED)
        offsets = self.admin.describe_group("app").offsets
        return all((p in offsets and offsets[p].offset == end) or not end for p, end in ends.items())

    def where(self) -> object:
        offsets = self.admin.describe_group("app").offsets
        return {str(p): position.offset for p, position in sorted(offsets.items())}

    # what came of it

    def total(self, name: str) -> int:
        return self.metrics.total(name)

    def out(self) -> list[tuple[str, str, int]]:
        """All that was written to `out`."""
        return self.log("out", 0)

    def log(self, topic: str, partition: int) -> list[tuple[str, str, int]]:
        where = TopicPartition(topic, partition)
        end = self.admin.end_offsets([where], Isolation.READ_UNCOMMITTED)[where]
        reader = self.door.reader(Isolation.READ_UNCOMMITTED)
        seen = self.admin.beginning_offsets([where])[where]
        reader.seek({where: seen})
        rows: list[tuple[str, str, int]] = []
        while seen < end:
            for fetched in reader.poll(1_000):
                batch = fetched.batch
                if batch is not None:
                    seen = batch.next_offset
                    texts = [
                        ((k or b"").decode(), (v or b"").decode())
                        for k, v in zip(batch.keys, batch.values, strict=True)
                    ]
                    rows += [(key, value, at) for (key, value), at in zip(texts, batch.timestamps, strict=True)]
        reader.close()
        return rows

    def table(self) -> dict[str, str]:
        """The last value of each key of `out`."""
        return {key: value for key, value, _ in self.out()}

    def disorder(self, topic: str, partitions: int) -> int:
        """By how much a record of a topic is older than one before it, at most."""
        worst = 0
        for partition in range(partitions):
            highest = -1
            for _, _, at in self.log(topic, partition):
                worst, highest = max(worst, highest - at), max(highest, at)
        return worst

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.writer.close()
        self.door.close()
        forget(self.name)

    def __enter__(self) -> BackFill:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Withheld:
    """A door whose readers get nothing of one partition until it is let go: it cannot be fetched.

    Args:
        door: the real one.
        partition: which.
    """

    def __init__(self, door: Door, partition: TopicPartition) -> None:
        self._door = door
        self.partition = partition
        self.address = door.address
        self.withheld = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._door, name)

    def reader(self, isolation: Isolation, settings: ReaderSettings = READER_DEFAULTS) -> Any:
        return _Sparing(self._door.reader(isolation, settings), self)


class _Sparing:
    def __init__(self, reader: Reader, door: Withheld) -> None:
        self._reader = reader
        self._withheld = door
        self._kept: list[Fetched] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def poll(self, timeout_ms: int) -> list[Fetched]:
        found = self._reader.poll(timeout_ms)
        if self._withheld.withheld:
            self._kept += [fetched for fetched in found if fetched.partition == self._withheld.partition]
            return [fetched for fetched in found if fetched.partition != self._withheld.partition]
        kept, self._kept = self._kept, []
        return kept + found


class Unacknowledged:
    """A door whose writers keep what goes to one topic until it is let go: a broker that is slow, or is gone a while.

    Args:
        door: the real one.
        topic: which.
    """

    def __init__(self, door: Door, topic: str) -> None:
        self._door = door
        self.topic = topic
        self.address = door.address
        self.kept = False
        """Are they kept, from now on?"""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._door, name)

    def writer(self, *given: Any) -> Any:
        return _Keeping(self._door.writer(*given), self)


class _Keeping:
    def __init__(self, writer: Writer, door: Unacknowledged) -> None:
        self._writer = writer
        self._door = door
        self._kept: list[tuple[TopicPartition, RecordBatch, Callable[[Sent], None]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        if self._door.kept and partition.topic == self._door.topic:
            self._kept.append((partition, batch, done))
        else:
            self._writer.send(partition, batch, done)

    def await_acks(self, timeout_ms: int) -> int:
        if not self._door.kept:
            kept, self._kept = self._kept, []
            for each in kept:
                self._writer.send(*each)
        return self._writer.await_acks(timeout_ms) + sum(len(batch) for _, batch, _ in self._kept)


def windows(rows: Iterable[Row], size: int) -> dict[str, str]:
    """How many records each value has in each window, as `value|start`."""
    counted = Counter(f"{value}|{at // size * size}" for _, value, at in rows)
    return {key: str(count) for key, count in counted.items()}


def _sent(outcome: Sent) -> None:
    if outcome.error is not None:
        raise outcome.error

"""Several workers of one application over one engine in memory, turned by hand, on one clock by hand: any of them may
be frozen while the others go on."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from broker_local.base.mem_files import MemFiles
from broker_local.broker.broker import BrokerSettings
from broker_local.host import inprocess
from streams import StreamsBuilder
from streams.clients.api import Door, Isolation, Sent
from streams.clients.background import background_of
from streams.clients.connect import connect
from streams.clock import ManualClock
from streams.config.application import StreamsConfig
from streams.metrics.registry import Metrics
from streams.partition import partition_for
from streams.record import RecordBatch, TopicPartition
from streams.runtime.worker.lifecycle import WorkerState
from streams.runtime.worker.make_worker import Watchers, make_worker
from streams.runtime.worker.worker import Worker
from streams.testing import forget
from streams.world import SYSTEM
from tests.streams.apps import COUNT, PATIENCE_S, TEXT, table, wait_for

numbers = itertools.count()
START_MS = 1_000_000
SESSION_MS = 10_000
PARTITIONS = 2
CHANGELOG, OUT = "app-counts-changelog", "out"
WORDS = [f"word{number}" for number in range(8)]
"""Some for each of the two partitions."""


Build = Callable[[], StreamsBuilder]


def counting(peek: Callable[[str, str], object] | None = None) -> StreamsBuilder:
    """Words by their keys, counted."""
    builder = StreamsBuilder()
    stream = builder.stream("words", key_serde=TEXT, value_serde=TEXT)
    if peek is not None:
        stream = stream.peek(peek)
    stream.group_by_key().count(store="counts").to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    return builder


class Crew:
    """The application, its engine, and what was sent to it.

    Args:
        root: for the state of all workers.
        build: the topology: `counting` where it does not matter.
        durability: of the engine.
    """

    def __init__(self, root: Path, build: Build, durability: str = "process") -> None:
        self.name = f"crew-{next(numbers)}"
        self.servers = f"memory://{self.name}"
        self.root, self.build = root, build
        self.clock = ManualClock(START_MS)
        self.settings = BrokerSettings(durability="durable" if durability == "durable" else "process")
        self.files = MemFiles()
        self._serve()
        self.door = connect(self.servers, "test")
        self.admin, self.writer = self.door.admin(), self.door.writer()
        for topic in ("words", OUT):
            self.admin.create_topic(topic, PARTITIONS, {})
        self.workers: list[Worker] = []
        self.failures: list[BaseException] = []
        self.killed: set[Worker] = set()
        self.truth: Counter[str] = Counter()

    def _serve(self) -> None:
        self.engine = inprocess.Engine(self.files, self.clock, self.settings)
        inprocess._engines[self.name] = self.engine

    # Workers

    def start(self, door: Callable[[Door], Door] = lambda door: door, **config: object) -> Worker:
        """Another worker, which has asked for its place. `door` wraps its way to the engine."""
        given: dict[str, object] = {
            "application.id": "app",
            "bootstrap.servers": self.servers,
            "state.dir": str(self.root),
            "commit.interval.ms": 1_000,
            "poll.ms": 1,
            "session.timeout.ms": 60_000,
            **{name.replace("_", "."): value for name, value in config.items()},
        }
        settings = StreamsConfig(given)
        number = len(self.workers)
        watchers = Watchers(lambda worker, state: None, lambda worker, error: self.failures.append(error))
        way = door(connect(self.servers, f"worker{number}"))
        built = self.build().build(settings).built(settings)
        worker = make_worker(settings, built, way, self.clock, Metrics(), f"worker{number}", 1, watchers)
        worker.open()
        self.workers.append(worker)
        return worker

    def turn(self, workers: Iterable[Worker], until: Callable[[], object]) -> None:
        """Turns these workers, in their order, until something is so."""
        some = list(workers)

        def reached() -> object:
            for worker in some:
                worker.loop.turn()
            return until()

        wait_for(reached)

    def settle(self, *workers: Worker) -> None:
        """Turns workers until they run all tasks between them."""
        self.turn(
            workers,
            lambda: (
                all(worker.state is WorkerState.RUNNING for worker in workers)
                and sum(len(worker.tasks()) for worker in workers) == PARTITIONS
            ),
        )

    def commit(self, *workers: Worker) -> None:
        """Turns workers until all input is committed."""

        def done() -> bool:
            self.clock.advance(1_000)
            offsets = self.admin.describe_group("app").offsets
            ends = self.admin.end_offsets(self.partitions("words"), Isolation.READ_UNCOMMITTED)
            return all(end == 0 or (p in offsets and offsets[p].offset == end) for p, end in ends.items())

        self.turn(workers, done)

    def freeze(self, worker: Worker) -> None:
        """It is not turned any more by the test, and its heartbeats rest."""
        background_of(SYSTEM).remove(worker.loop.membership)

    def wake(self, worker: Worker) -> None:
        """Takes `freeze` back."""
        background_of(SYSTEM).add(worker.loop.membership)

    def kill(self, worker: Worker) -> None:
        """It is gone, and has said so to nobody: its connections are closed, its lock is free."""
        self.freeze(worker)
        client = f"worker{self.workers.index(worker)}"
        for link in [each for each in self.engine._links.values() if each.peer.client == client]:
            self.engine.drop(link)
        for task in worker.loop.tasks.all:
            task.state.disk.close()
        worker.loop._parts.directory.close()
        self.killed.add(worker)
        self.expire(500)  # its transaction is waited for no longer

    def member_id(self, worker: Worker) -> str:
        return worker.loop.membership.member_id

    def members(self) -> dict[str, str | None]:
        """The group's members, with their instance ids."""
        return {each.member_id: each.instance_id for each in self.admin.describe_group("app").members}

    def expire(self, ms: int = SESSION_MS) -> None:
        """So much time passes for the engine at once: who had a session as short as that is out."""
        self.clock.advance(ms)
        with self.engine.changed:
            self.engine.step()
            self.engine.changed.notify_all()

    # Data

    def send(self, *words: str) -> None:
        """Appends words to the input, one batch for each."""
        for word in words:
            batch = RecordBatch([word.encode()], [b"x"], [self.clock.now_ms()], None, range(1), 1)
            where = TopicPartition("words", partition_for(word.encode(), PARTITIONS))
            self.writer.send(where, batch, _arrived)
            self.truth[word] += 1
        assert self.writer.await_acks(int(PATIENCE_S * 1000)) == 0

    def partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(PARTITIONS)]

    def rows(self, topic: str, isolation: Isolation = Isolation.READ_UNCOMMITTED) -> list[tuple[str, int]]:
        """All records of a topic of counts that a reader is shown, those of a partition in their order."""
        ends = self.admin.end_offsets(self.partitions(topic), isolation)
        found: list[tuple[str, int]] = []
        for partition, end in ends.items():
            reader = self.door.reader(isolation)
            reader.seek({partition: 0})
            position = 0
            while position < end:
                for fetched in reader.poll(100):
                    if fetched.batch is not None:
                        position = fetched.batch.next_offset
                        pairs = zip(fetched.batch.keys, fetched.batch.values, strict=True)
                        found += [(str((key or b"").decode()), int.from_bytes(value or b"")) for key, value in pairs]
            reader.close()
        return found

    def wrong(self) -> list[str]:
        """What is wrong with changelog and output, now that all is committed: nothing may be lost or go back."""
        found = []
        for topic in (CHANGELOG, OUT):
            last: dict[str, int] = {}
            for word, count in self.rows(topic):
                if count < last.get(word, 0):
                    found.append(f"{topic}: {word} goes back from {last[word]} to {count}")
                last[word] = count
            found += [f"{topic}: {w} is {last.get(w, 0)} of {n}" for w, n in self.truth.items() if last.get(w, 0) < n]
        return found

    def not_once(self, every: bool = True) -> list[str]:
        """What is wrong with changelog and output after exactly-once, now that all is committed.

        Args:
            every: there is a row for each update; else for the last of each commit.
        """
        found = []
        for topic in (CHANGELOG, OUT):
            seen: dict[str, list[int]] = {}
            for word, count in self.rows(topic, Isolation.READ_COMMITTED):
                seen.setdefault(word, []).append(count)
            for word, count in self.truth.items():
                counts, all_of_them = seen.get(word, []), list(range(1, count + 1))
                if counts != all_of_them if every else counts != sorted(set(counts)) or counts[-1:] != [count]:
                    found.append(f"{topic}: {word} is {counts}, and was sent {count} times")
        return found

    def inputs(self, topic: str) -> dict[str, str]:
        """The last values of a topic of texts."""
        return table(self.servers, topic, TEXT, TEXT)

    # The end

    def restart_broker(self) -> None:
        """The broker is killed and started again on what it had written."""
        old, self.files = self.engine, self.files.after_kill()
        self._serve()
        for link in list(old._links.values()):
            with old.changed:
                link.lose("the broker was killed")
        with old.changed:
            old.changed.notify_all()

    def close(self) -> None:
        for worker in self.workers:
            if worker not in self.killed:
                worker.close(clean=False)
        self.door.close()
        forget(self.name)


def _arrived(sent: Sent) -> None:
    assert sent.error is None, sent.error


Make = Callable[..., Crew]
"""Makes a crew, of what is built and the durability of its engine."""

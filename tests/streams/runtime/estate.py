"""A worker's rooms without its loop: a topology, a door to an engine in memory, a directory, its tasks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from statestore.engine import Engine
from statestore.keyvalue import LayeredKeyValueStore
from streams import StreamsBuilder
from streams.clients.api import READER_DEFAULTS, Isolation, Position, Sent, Writer
from streams.clients.connect import connect
from streams.config.application import StreamsConfig
from streams.dropped import Drop
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.group.assign import AssignSettings
from streams.runtime.group.leader import ClusterMetadata
from streams.runtime.state.context import TaskContext
from streams.runtime.state.directory import InstanceDirectory, claim
from streams.runtime.tasks.restore import Restorer
from streams.runtime.tasks.task import output_of
from streams.runtime.worker.abort import Abort
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, run
from streams.runtime.worker.make_worker import open_rocks
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.tasks import Tasks
from streams.testing import forget
from streams.topology.node import BuiltTopology, TaskId
from tests.streams.apps import COUNT, TEXT

numbers = itertools.count()


def counting(source: str = "words") -> StreamsBuilder:
    """Words by their keys: one sub-topology with a store and its changelog."""
    builder = StreamsBuilder()
    stream = builder.stream(source, key_serde=TEXT, value_serde=TEXT)
    stream.group_by_key().count(store="counts").to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    return builder


class Engines:
    """The engine in memory that several workers share, and what they see of it.

    Args:
        name: of an engine that is there already.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name or f"estate-{next(numbers)}"
        self.servers = f"memory://{self.name}"
        self.door = connect(self.servers, "test")
        self.admin = self.door.admin()
        self.writer: Writer = self.door.writer()

    def topic(self, name: str, partitions: int = 1, **settings: str) -> None:
        self.admin.create_topic(name, partitions, {key.replace("_", "."): value for key, value in settings.items()})

    def write(self, topic: str, *rows: tuple[str | None, str | None], partition: int = 0, time: int = 1_000) -> int:
        """Appends rows as one batch; the offset of the first."""
        encoded = [(key, None if value is None else value.encode()) for key, value in rows]
        return self.write_bytes(topic, *encoded, partition=partition, time=time)

    def write_bytes(
        self, topic: str, *rows: tuple[str | None, bytes | None], partition: int = 0, time: int = 1_000
    ) -> int:
        """As `write`, with values that are bytes already."""
        keys = [None if key is None else key.encode() for key, _ in rows]
        values = [value for _, value in rows]
        batch = RecordBatch(keys, values, [time] * len(rows), None, range(len(rows)), len(rows))
        told: list[Sent] = []
        self.writer.send(TopicPartition(topic, partition), batch, told.append)
        assert self.writer.await_acks(10_000) == 0 and told[0].error is None, told
        return told[0].base_offset

    def end(self, topic: str, partition: int = 0) -> int:
        where = TopicPartition(topic, partition)
        return self.admin.end_offsets([where], Isolation.READ_UNCOMMITTED)[where]

    def close(self) -> None:
        self.door.close()
        forget(self.name)


class Estate:
    """What one worker has.

    Args:
        engines: the engine.
        root: the state directory.
        builder: the topology.
        open_engine: opens databases.
        slices: a restore takes one batch at a time.
        settings: of the application.
    """

    def __init__(
        self,
        engines: Engines,
        root: Path,
        builder: StreamsBuilder | None = None,
        open_engine: Callable[[Path], Engine] = open_rocks,
        slices: bool = False,
        **settings: object,
    ) -> None:
        self.engines = engines
        self.config = StreamsConfig(
            {"application.id": "app", "bootstrap.servers": engines.servers, "statestore.cache.max.bytes": 0}, **settings
        )
        self.built: BuiltTopology = (builder or counting()).build(self.config).built(self.config)
        self.metrics = Metrics()
        self.directory: InstanceDirectory = claim(root, "app")
        self.committed: dict[TopicPartition, Position] = {}
        self.reader = engines.door.reader(Isolation.READ_UNCOMMITTED)
        reading = replace(READER_DEFAULTS, max_partition_bytes=1) if slices else READER_DEFAULTS
        self.restorer = Restorer(engines.door.reader(Isolation.READ_UNCOMMITTED, reading), None)
        dropped = Drop()
        self.sender = Sender(engines.writer, self.config, dropped, lambda task, letter, last: None)
        self.metadata = ClusterMetadata(self.built, engines.admin, "app", AssignSettings(10_000))
        context = TaskContext(self.config, self.metrics, "app", self.built.internal_topics, cache_bytes=0)
        self.context = context
        self.tasks = Tasks(
            self.built, context, lambda: output_of(engines.writer.partitions_for), {},
            self.directory, open_engine, engines.admin, self.reader, self.restorer, self.positions, "earliest",
        )  # fmt: skip

    def positions(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, Position]:
        return {p: self.committed[p] for p in partitions if p in self.committed}

    def take(self, *tasks: TaskId) -> None:
        """Takes tasks over, restores and starts them."""
        partitions = self.metadata.task_plan().partitions
        self.tasks.take({task: partitions[task] for task in tasks}, 0)
        self.restore()

    def restore(self) -> int:
        """Restores to the end and starts what can be started; the records that took."""
        before = self.restorer.restored
        while self.restorer.busy:
            self.restorer.step(100)
        self.tasks.start_restored(0)
        return self.restorer.restored - before

    def work(self, enough: Callable[[], object]) -> None:
        """Polls and runs until it is enough, and sends what came out."""
        while not enough():
            for fetched in self.reader.poll(100):
                self.tasks.add(fetched)
            for task in self.tasks.running:
                while task.run(0):
                    pass

    def commit(self) -> None:
        """Sends, commits and settles, as the worker does."""
        tasks = self.tasks.running
        for task in tasks:
            task.flush()
            self.sender.send(task.id, task.outbox.due(0, True))
        self.sender.await_acks(10_000)
        for task in tasks:
            moved = task.committable()
            self.committed.update(moved)
            task.committed()
            task.state.note_changelogs(self.sender.end_of, self.sender.log_epoch_of, moved)

    def revive(self, task: TaskId) -> None:
        """Takes a task back to its last commit."""
        run(AT_LEAST_ONCE.abort, Abort(self.tasks, (task,), 0, self.sender, None, 0))

    def count(self, word: str, task: TaskId = TaskId(0, 0)) -> int | None:  # noqa: B008
        return self.rows(task=task).get(word)

    def rows(self, store: str = "counts", task: TaskId = TaskId(0, 0)) -> dict[str, int]:  # noqa: B008
        layers = self.tasks.by_id[task].state.stores[store].access.store
        assert isinstance(layers, LayeredKeyValueStore)
        with layers.all() as rows:
            return {key.decode(): int(str(value)) for key, value, _ in rows}

    def close(self, clean: bool = True) -> None:
        for task in self.tasks.ids:
            self.tasks.give_up(task, clean)
        self.restorer.close()
        self.reader.close()
        self.directory.close()


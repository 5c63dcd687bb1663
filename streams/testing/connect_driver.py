"""Runs the configuration of a connector without an engine, record by record."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import NamedTuple

from streams.clients.fetch_buffer import ConsumerRecord
from streams.clients.request_size import LARGEST
from streams.connect.config_def import Config
from streams.connect.connector import SinkTask, SourceTask
from streams.connect.connector_config import config_of, stages_of, validate
from streams.connect.records import Parts, SinkRecord
from streams.connect.worker.codec import RecordDecoder, RecordEncoder
from streams.connect.worker.dead_letters import context_headers
from streams.connect.worker.tolerance import Stage, Step, Tolerance
from streams.connect.worker_config import worker_config
from streams.errors import IllegalStateException
from streams.record import Headers, TopicPartition
from streams.world import SYSTEM, World


class ConnectRecord(NamedTuple):
    """A record as it would be stored: in bytes."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()
    partition: int | None = None


class _Letters:
    def __init__(self, connector: str, found: list[ConnectRecord]) -> None:
        self._connector = connector
        self._found = found

    def report(self, record: object, step: Step, error: BaseException) -> None:
        if isinstance(record, ConsumerRecord):
            headers = (*record.headers, *context_headers(record, step, error, self._connector, 0))
            self._found.append(
                ConnectRecord(record.topic, record.key, record.value, record.timestamp, headers, record.partition)
            )


class ConnectTestDriver:
    """A connector with one task, its transforms and its converters; topics are lists. A context manager.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from streams.testing import ConnectTestDriver
    >>> with TemporaryDirectory() as directory:
    ...     file = Path(directory) / "orders.txt"
    ...     written = file.write_text("one\\ntwo\\n")
    ...     settings = {"connector.class": "FileSource", "file": str(file), "topic": "orders"}
    ...     with ConnectTestDriver(settings) as driver:
    ...         [record.value for record in driver.poll()]
    [b'one', b'two']

    Args:
        settings: of the connector, by Kafka Connect's names; `name` may be left out.
        worker: of the worker; by default all converters are `StringConverter`.
        world: time; None: the machine's.
    Raises:
        ConfigException: settings are wrong; each is named.
    """

    def __init__(
        self, settings: Mapping[str, str], worker: Mapping[str, str] | None = None, *, world: World | None = None
    ) -> None:
        defaults = {
            "bootstrap.servers": "memory://driver",
            "key.converter": "StringConverter",
            "value.converter": "StringConverter",
        }
        self._given = {"name": "connector", **settings}
        self._worker = worker_config({**defaults, **(worker or {})})
        self.world: World = SYSTEM if world is None else world
        validation = validate(self._given)
        validation.check()
        self._config: Config = config_of(validation, self._given)
        self.connector = self._config.text("name")
        self.task = 0
        self.is_dry_run = False
        self._connector = validation.connector()
        self._connector.start(self._config)
        self.guarantee = validation.connector.guarantee(self._config)
        """What was derived for it."""
        own = self._connector.task_configs(self._given, 1)
        self._task_config = config_of(validate(own[0]), own[0]) if own else self._config
        self.offsets: dict[str, Parts] = {}
        """The positions of a source, by the JSON of the part that each is for."""
        self.committed: dict[TopicPartition, int] = {}
        """What a sink has said is safe."""
        self.dead_letters: list[ConnectRecord] = []
        """Records that a sink passed over."""
        self._ends: dict[TopicPartition, int] = {}
        self._handed: ConsumerRecord | None = None
        letters = _Letters(self.connector, self.dead_letters)
        self._tolerance = Tolerance(self._config, self.connector, 0, self.world, letters)
        convert = self._worker.converter
        parts = (
            stages_of(self._config, self._given),
            convert("key.converter", self._given),
            convert("value.converter", self._given),
            self._worker.header_converter(self._given),
            self._tolerance,
        )
        self._encoder = RecordEncoder(*parts, self.world.now_ms, LARGEST)
        self._decoder = RecordDecoder(*parts)
        self._task: SourceTask | SinkTask = self._started()

    def _started(self) -> SourceTask | SinkTask:
        task = self._connector.task_class()
        task.start(self._task_config, self)
        return task

    # Sources

    def poll(self) -> list[ConnectRecord]:
        """What the task returns next, after transforms and converters; its positions are stored."""
        if not isinstance(self._task, SourceTask):
            raise IllegalStateException(f"{self.connector} is a sink: give it records with pipe_input().")
        records = self._task.poll()
        rows = self._encoder.rows(records)
        for record in records:
            if record.source_partition is not None and record.source_offset is not None:
                self.offsets[_key(record.source_partition)] = dict(record.source_offset)
        self._task.commit()
        return [
            ConnectRecord(topic, key, value, timestamp, headers, partition)
            for topic, partition, key, value, timestamp, headers in rows
        ]

    def restart(self) -> None:
        """Stops the task, and starts another one where it stood."""
        self._task.stop()
        self._ends = {}
        self._task = self._started()

    # Sinks

    def pipe_input(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        *,
        partition: int = 0,
        timestamp: int | None = None,
        headers: Headers = (),
    ) -> None:
        """Hands a sink a record of a topic: the next of its partition.

        Args:
            topic: its topic.
            value: its value, as it is stored.
            key: its key.
            partition: the number of its partition.
            timestamp: milliseconds since the epoch; None: now.
            headers: its headers.
        """
        if not isinstance(self._task, SinkTask):
            raise IllegalStateException(f"{self.connector} is a source: take its records with poll().")
        where = TopicPartition(topic, partition)
        if where not in self._ends:
            self._ends[where] = self._task.open([where]).get(where, self.committed.get(where, 0))
        offset = self._ends[where]
        time = self.world.now_ms() if timestamp is None else timestamp
        given = self._handed = ConsumerRecord(topic, partition, offset, time, key, value, headers)
        self._task.put(self._decoder.records([given]))
        self._ends[where] = offset + 1

    def commit(self) -> dict[TopicPartition, int]:
        """Asks a sink what is safe, and returns it."""
        assert isinstance(self._task, SinkTask)
        self.committed.update(self._task.pre_commit(dict(self._ends)))
        return dict(self.committed)

    # What a task may ask for

    def offset(self, partition: Parts) -> Parts | None:
        """The position that was stored last for a part of the source."""
        return self.offsets.get(_key(partition))

    def topic_id(self, topic: str) -> str:
        """The same for as long as the driver lives."""
        return f"id-of-{topic}"

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """The next record of each partition bears this offset."""
        self._ends.update(offsets)

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Records come when they are piped in: nothing to do."""

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Records come when they are piped in: nothing to do."""

    def request_commit(self) -> None:
        """`commit` is called by the test."""

    def report(self, record: SinkRecord, error: Exception) -> None:
        """A record that the task cannot store: passed over, where that is tolerated."""
        self._tolerance.step.stage, self._tolerance.step.worker = Stage.TASK_PUT, self._task
        self._tolerance.pass_over(self._handed, error)

    def close(self) -> None:
        """Ends the task as a worker does: a sink gives its partitions up. A second call does nothing."""
        if isinstance(self._task, SinkTask) and self._ends:
            self.commit()
            self._task.close(list(self._ends))
            self._ends = {}
        self._task.stop()
        self._connector.stop()

    def __enter__(self) -> ConnectTestDriver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _key(partition: Parts) -> str:
    return json.dumps(dict(partition), sort_keys=True)

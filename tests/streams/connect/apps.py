"""Connectors for the tests: a source of numbers and a sink that keeps a list, each with a way to fail."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from streams.connect.config_def import Config, ConfigDef, ConfigKey, Type
from streams.connect.connector import (
    Guarantee,
    Settings,
    SinkConnector,
    SinkTask,
    SinkTaskContext,
    SourceConnector,
    SourceTask,
    SourceTaskContext,
)
from streams.connect.data import Schema
from streams.connect.data import Type as DataType
from streams.connect.errors import DataException, RetriableException
from streams.connect.records import R, SinkRecord, SourceRecord
from streams.record import TopicPartition

NUMBER = Schema(DataType.INT64)


class Trouble:
    """What a test plants: how often a call fails still, and how."""

    def __init__(self) -> None:
        self.left = 0
        self.error: Exception = RetriableException("The other side is away.")

    def strike(self) -> None:
        """Fails, if it is still to."""
        if self.left:
            self.left -= 1
            raise self.error


class NumbersTask(SourceTask):
    """Counts from where it stood."""

    def start(self, config: Config, context: SourceTaskContext) -> None:
        Numbers.starts += 1
        self._partition = {"counter": config.text("counter") or config.text("name")}
        stored = context.offset(self._partition)
        self._next = int(str(stored["next"])) if stored else 0
        self._most = config.number("most")
        self._topic = config.text("topic")

    def poll(self) -> Sequence[SourceRecord]:
        Numbers.trouble.strike()
        end = min(self._next + 10, self._most)
        records = [SourceRecord(self._topic, number, NUMBER, key=f"k{number % 3}") for number in range(self._next, end)]
        self._next = end
        if records:
            records[-1] = records[-1]._replace(source_partition=self._partition, source_offset={"next": end})
        return records


class Numbers(SourceConnector):
    """Numbers from 0 up to `most`."""

    config_def: ClassVar[ConfigDef] = ConfigDef(
        ConfigKey("topic", Type.STRING, "numbers", "Where to."),
        ConfigKey("most", Type.INT, 100, "How many."),
        ConfigKey("secret", Type.PASSWORD, None, "Not to be seen."),
        ConfigKey("counter", Type.STRING, "", "What counts; none: the connector."),
    )
    task_class = NumbersTask
    trouble: ClassVar[Trouble] = Trouble()
    starts: ClassVar[int] = 0


class KeepTask(SinkTask):
    """Keeps what it is handed, and where that ends, in one place."""

    def start(self, config: Config, context: SinkTaskContext) -> None:
        self._context = context
        self._keeps_offsets = config.flag("keeps.offsets")

    def open(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        Keep.opened.append(sorted(partitions))
        if not self._keeps_offsets:
            return {}
        return {each: Keep.offsets[each] for each in partitions if each in Keep.offsets}

    def put(self, records: Sequence[SinkRecord]) -> None:
        if records:
            Keep.trouble.strike()
        for record in records:
            if record.value == "poison":
                self._context.report(record, DataException("It is poison."))
                continue
            where = TopicPartition(record.original_topic, record.original_partition)
            Keep.records.append(record)
            Keep.offsets[where] = record.offset + 1

    def close(self, partitions: Collection[TopicPartition]) -> None:
        Keep.closed.append(sorted(partitions))


class Keep(SinkConnector):
    """A list."""

    config_def: ClassVar[ConfigDef] = ConfigDef(
        ConfigKey("keeps.offsets", Type.BOOLEAN, True, "Keep offsets with the records?")
    )
    task_class = KeepTask
    trouble: ClassVar[Trouble] = Trouble()
    records: ClassVar[list[SinkRecord]] = []
    offsets: ClassVar[dict[TopicPartition, int]] = {}
    opened: ClassVar[list[list[TopicPartition]]] = []
    closed: ClassVar[list[list[TopicPartition]]] = []

    @classmethod
    def guarantee(cls, config: Config) -> Guarantee:
        return Guarantee.EXACTLY_ONCE if config.flag("keeps.offsets") else Guarantee.AT_LEAST_ONCE


class TooMany(Numbers):
    """Makes more tasks than it may."""

    def task_configs(self, settings: Settings, max_tasks: int) -> Sequence[Settings]:
        return [settings] * (max_tasks + 1)


class ManyNumbers(Numbers):
    """Each task counts by itself, into a topic of its own."""

    def task_configs(self, settings: Settings, max_tasks: int) -> Sequence[Settings]:
        return [{**settings, "topic": f"numbers-{n}", "counter": f"counter-{n}"} for n in range(max_tasks)]


class Bloat:
    """Makes the number 1 a text of 200 kB."""

    config_def: ClassVar[ConfigDef] = ConfigDef()

    def __init__(self, config: Config) -> None: ...

    def apply(self, record: R) -> R | None:
        return record._replace(value="x" * 200_000, value_schema=None) if record.value == 1 else record


def fresh() -> None:
    """Nothing is kept, and nothing planted."""
    Numbers.trouble, Keep.trouble = Trouble(), Trouble()
    Numbers.starts = 0
    Keep.records, Keep.offsets, Keep.opened, Keep.closed = [], {}, [], []

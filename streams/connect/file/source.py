"""`FileSource`: the lines of a file that grows and is rotated, as text or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from streams.config.table import not_empty, one_of
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Importance, Type
from streams.connect.connector import Guarantee, SourceConnector, SourceTask, SourceTaskContext
from streams.connect.converters.json import JsonConverter
from streams.connect.data.schema import Schema
from streams.connect.data.schema import Type as DataType
from streams.connect.errors import ConnectException
from streams.connect.file.tail import Tail
from streams.connect.records import Parts, SourceRecord

LINE = Schema(DataType.STRING)
FILE_KEYS = (
    ConfigKey("file", Type.STRING, None, "The file; none: the standard input.", not_empty, Importance.HIGH),
    ConfigKey("topic", Type.STRING, REQUIRED, "The topic of its lines.", not_empty, Importance.HIGH),
    ConfigKey("batch.size", Type.INT, 2_000, "How many lines are stored in one transaction at most.",
              importance=Importance.LOW),
)  # fmt: skip


class FileSource(SourceConnector):
    """Lines of a file into a topic, exactly once: the position is stored with them.

    Settings: `file`, `topic`, `batch.size`, and `format`: `lines`, or `json` for a JSON value a line.
    """

    config_def: ClassVar[ConfigDef] = ConfigDef(
        *FILE_KEYS,
        ConfigKey("format", Type.STRING, "lines", "lines: text; json: a JSON value a line.", one_of("lines", "json")),
    )

    @classmethod
    def guarantee(cls, config: Config) -> Guarantee:
        """The standard input cannot be read again."""
        return Guarantee.EXACTLY_ONCE if config.text("file") else Guarantee.AT_LEAST_ONCE

    def alter_offsets(self, config: Config, offsets: Sequence[tuple[Parts, Parts | None]]) -> bool:
        """A position is the number of a byte in the file."""
        return alter_file_offsets(config, offsets)


def alter_file_offsets(config: Config, offsets: Sequence[tuple[Parts, Parts | None]]) -> bool:
    """Looks at positions that a user sets, as Kafka's file connector does.

    Raises:
        ConnectException: there is no file, or one is no position in a file.
    """
    if not config.text("file"):
        raise ConnectException(
            "Offsets cannot be modified if the 'file' configuration is unspecified. This is because stdin is used for "
            "input and offsets are not tracked."
        )
    for part, place in offsets:
        if place is None:
            continue
        if "position" not in place:
            raise ConnectException("Offset objects should either be null or contain the key 'position'")
        position = place["position"]
        if not isinstance(position, int) or isinstance(position, bool):
            raise ConnectException("The value for the 'position' key in the offset is expected to be a Long value")
        if position < 0:
            raise ConnectException("The value for the 'position' key in the offset should be a non-negative value")
        if not part:
            raise ConnectException("Partition objects cannot be null")
        if "filename" not in part:
            raise ConnectException("Partition objects should contain the key 'filename'")
    return True


class FileSourceTask(SourceTask):
    """Reads one file, or the standard input."""

    def __init__(self) -> None:
        self._partition: Mapping[str, object] | None = None
        self._tail: Tail | None = None

    def start(self, config: Config, context: SourceTaskContext) -> None:
        """Finds the place where reading stood."""
        self._topic = config.text("topic")
        self._most = max(1, config.number("batch.size"))
        self._json = None
        if config.text("format") == "json":
            self._json = JsonConverter(JsonConverter.config_def.parse({"schemas.enable": "false"}), False)
        if config.text("file"):
            path = Path(config.text("file")).absolute()
            self._partition = {"filename": str(path)}
            self._tail = Tail(path, context.offset(self._partition))

    def poll(self) -> Sequence[SourceRecord]:
        """The next lines."""
        if self._tail is None:
            return self._records(sys.stdin.buffer.readline().splitlines())
        lines = self._tail.peek(self._most)
        if not lines:
            return ()
        records = self._records(lines)
        self._tail.advance(len(lines))
        records[-1] = records[-1]._replace(
            source_partition=self._partition, source_offset=self._tail.place().parts()
        )
        return records

    def _records(self, lines: list[bytes]) -> list[SourceRecord]:
        topic = self._topic
        if self._json is not None:
            return [SourceRecord(topic, self._json.to_connect_data(topic, line).value) for line in lines]
        text = b"\n".join(lines).decode(errors="replace") if lines else ""
        if "\r" in text:
            return [SourceRecord(topic, line.removesuffix("\r"), LINE) for line in text.split("\n")]
        return [SourceRecord(topic, line, LINE) for line in text.split("\n")] if lines else []

    def stop(self) -> None:
        """Closes the file."""
        if self._tail is not None:
            self._tail.close()


FileSource.task_class = FileSourceTask

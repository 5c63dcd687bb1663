"""`FileSink`: the records of topics as whole files, exactly once.

A file appears under its name when all of it is on the disk, and the name has the first and the last offset in it:

    orders.txt   →   orders.lines-0.00000000000000000000-00000000000000001999.txt

So the names say where reading goes on, and nothing else has to be remembered. A lock file beside them keeps a
predecessor that is still alive, or frozen, out of the way: its successor waits and names the process.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar

from streams.config.table import at_least, not_empty, one_of
from streams.connect.config_def import Config, ConfigDef, ConfigKey, Importance, Type
from streams.connect.connector import Guarantee, SinkConnector, SinkTask, SinkTaskContext
from streams.connect.converters.json import JsonConverter
from streams.connect.data.text import text_of
from streams.connect.errors import ConnectException, RetriableException
from streams.connect.records import SinkRecord
from streams.record import TopicPartition

DIGITS = 20
BUFFER = 256 * 1024


class FileSink(SinkConnector):
    """Topics into files, exactly once: whole ones, by size and time, with the offsets in their names.

    Settings: `file` (none: the standard output), `file.max.bytes`, `file.max.ms`, `format`: `lines` or `json`.
    """

    config_def: ClassVar[ConfigDef] = ConfigDef(
        ConfigKey("file", Type.STRING, None, "What the names of the files begin and end with; none: the standard "
                  "output.", not_empty, Importance.HIGH),
        ConfigKey("file.max.bytes", Type.LONG, 64 * 1024 * 1024, "A file is closed when it is so large.", at_least(1)),
        ConfigKey("file.max.ms", Type.LONG, 10_000, "A file is closed when its first record is so old.", at_least(1)),
        ConfigKey("format", Type.STRING, "lines", "lines: text; json: a JSON value a line.", one_of("lines", "json")),
    )  # fmt: skip

    @classmethod
    def guarantee(cls, config: Config) -> Guarantee:
        """What the standard output was given cannot be looked up."""
        return Guarantee.EXACTLY_ONCE if config.text("file") else Guarantee.AT_LEAST_ONCE

    def alter_offsets(self, config: Config, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """The names of the files say where reading goes on, so that they have to agree.

        Raises:
            ConnectException: a file has to be moved away first.
        """
        if not config.text("file"):
            return True
        path = Path(config.text("file")).absolute()
        for partition, offset in offsets.items():
            there = _published(path, partition) + 1 if path.parent.is_dir() else 0
            if there and there != offset:
                raise ConnectException(
                    f"The files {path.parent}/{path.stem}.{partition}.* have what lies before offset {there} of "
                    f"{partition}, and reading goes on behind them. Move away those with offsets that are to be "
                    "written again, and ask anew; nothing was altered."
                )
        return True


class _Part:
    """The file of one partition that is being written, under a name that nobody looks for."""

    def __init__(self, path: Path, partition: TopicPartition, lock: int, next_offset: int) -> None:
        self._path = path
        self._partition = partition
        self._lock = lock
        self._hidden = path.with_name(f".{path.stem}.{partition}.part")
        self._file: BinaryIO | None = None
        self.next_offset = next_offset
        """Behind the last record that is safe."""
        self._first = self._last = -1
        self._since = 0.0
        self._size = 0

    def write(self, first: int, last: int, data: bytes, now_ms: float) -> None:
        """Adds records."""
        if self._file is None:
            self._file = self._hidden.open("wb", BUFFER)
            self._first, self._since, self._size = first, now_ms, 0
        self._file.write(data)
        self._last = last
        self._size += len(data)

    def due(self, most: int, longest_ms: int, now_ms: float) -> bool:
        """Is it large or old enough?"""
        return self._file is not None and (self._size >= most or now_ms - self._since >= longest_ms)

    def publish(self) -> None:
        """Gives it its name, with all of it on the disk."""
        if self._file is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        name = f"{self._path.stem}.{self._partition}.{self._first:0{DIGITS}}-{self._last:0{DIGITS}}{self._path.suffix}"
        os.rename(self._hidden, self._path.with_name(name))
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self.next_offset = self._last + 1

    def give_up(self) -> None:
        """Forgets what has no name yet, and lets the partition go."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # what is not written yet may not be written now either
                file.close()
        os.close(self._lock)


class FileSinkTask(SinkTask):
    """Writes the files of some partitions, or the standard output."""

    def __init__(self) -> None:
        self._parts: dict[TopicPartition, _Part] = {}

    def start(self, config: Config, context: SinkTaskContext) -> None:
        """Makes the directory."""
        self._context = context
        self._path = Path(config.text("file")).absolute() if config.text("file") else None
        self._most, self._longest = config.number("file.max.bytes"), config.number("file.max.ms")
        self._json = None
        if config.text("format") == "json":
            self._json = JsonConverter(JsonConverter.config_def.parse({"schemas.enable": "false"}), False)
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RetriableException(f"{self._path.parent} cannot be made: {error.strerror}.") from None

    def open(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Locks each partition, and reads from the names of its files where it stands."""
        if self._path is None:
            return {}
        for partition in partitions:
            lock = _locked(self._path, partition, self._context.topic_id(partition.topic))
            found = _published(self._path, partition)
            self._parts[partition] = _Part(self._path, partition, lock, found + 1)
        return {
            partition: part.next_offset for partition, part in self._parts.items() if part.next_offset > 0
        }

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Writes the records behind what is there."""
        if self._path is None:
            sys.stdout.buffer.write(b"".join(map(self._line, records)))
            sys.stdout.buffer.flush()
            return
        now = self._context.world.monotonic_ms()
        by_partition: dict[TopicPartition, list[SinkRecord]] = {}
        for record in records:
            where = TopicPartition(record.original_topic, record.original_partition)
            by_partition.setdefault(where, []).append(record)
        with self._disk():
            for where, own in by_partition.items():
                data = b"".join(map(self._line, own))
                self._parts[where].write(own[0].offset, own[-1].offset, data, now)
            for part in self._parts.values():
                if part.due(self._most, self._longest, now):
                    part.publish()

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Closes files that are old enough; what has a name is safe."""
        if self._path is None:
            return offsets
        now = self._context.world.monotonic_ms()
        with self._disk():
            for part in self._parts.values():
                if part.due(self._most, self._longest, now):
                    part.publish()
        return {where: part.next_offset for where, part in self._parts.items() if part.next_offset > 0}

    def close(self, partitions: Collection[TopicPartition]) -> None:
        """Closes the files as they are, and lets their partitions go."""
        for partition in partitions:
            part = self._parts.get(partition)
            if part is not None:
                with self._disk():
                    part.publish()
                del self._parts[partition]
                part.give_up()

    def _line(self, record: SinkRecord) -> bytes:
        if self._json is None:
            return f"{text_of(record.value, record.value_schema)}\n".encode()
        written = self._json.from_connect_data(record.topic, record.value_schema, record.value)
        return (written or b"null") + b"\n"

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """What was begun on a disk that refuses is given up whole: the next one writes it anew."""
        try:
            yield
        except OSError as error:
            self.stop()
            raise ConnectException(
                f"{self._path} cannot be written: {error.strerror}. It is tried again; make room on the disk."
            ) from error

    def stop(self) -> None:
        """Lets go what is left; a file without its name is written anew by the next one."""
        for part in self._parts.values():
            part.give_up()
        self._parts = {}


def _locked(path: Path, partition: TopicPartition, topic_id: str) -> int:
    """The lock of a partition, as a descriptor that has to stay open.

    Raises:
        RetriableException: another process has it.
        ConnectException: the files are those of a topic that was deleted.
    """
    lock = path.with_name(f".{path.stem}.{partition}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RetriableException(f"{lock} cannot be opened: {error.strerror}.") from None
    try:
        said = _said(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RetriableException(
                f"Partition {partition} is still written by process {said.get('pid')}, which holds {lock}. It is "
                "waited for; end that process if it hangs."
            ) from None
        if said.get("topic_id", topic_id) != topic_id:
            raise ConnectException(
                f"The topic {partition.topic} was deleted and made again: its offsets begin anew, and the names of "
                f"{path.stem}.{partition}.* tell of those before. Move these files and {lock.name} away."
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "topic_id": topic_id}).encode(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _said(descriptor: int) -> dict[str, object]:
    try:
        found = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _published(path: Path, partition: TopicPartition) -> int:
    """The last offset that a file of a partition has in its name, -1 where there is none."""
    pattern = re.compile(
        rf"{re.escape(f'{path.stem}.{partition}.')}\d{{{DIGITS}}}-(\d{{{DIGITS}}}){re.escape(path.suffix)}"
    )
    found = (pattern.fullmatch(each.name) for each in path.parent.iterdir())
    return max((int(match[1]) for match in found if match is not None), default=-1)


FileSink.task_class = FileSinkTask

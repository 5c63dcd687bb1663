"""The log of the coordinators: one compacted partition of the broker's own, of the records in `records`.

What is appended is replayed at once, as it will be after a start: so what a coordinator knows is what its log says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption, Refusal
from broker_local.base.files import FileSlice
from broker_local.coordinator.records import LogRecord, UnknownRecord, columns, unpack
from broker_local.log import format as batches
from broker_local.log.log_manager import LogManager
from broker_local.log.partition import Partition
from broker_local.log.topics import GROUP_TOPIC, INT_MAX

SETTINGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(4 * 1024 * 1024),
    "max.message.bytes": str(INT_MAX),
}
"""Of the log. A group is one record, however much its members have to tell. The last segment is never compacted, and a
start reads it: ten transactions a second write 10 kB."""
READ_BYTES = 4 * 1024 * 1024


class CoordinatorLog:
    """The log, which comes to be when it is first written to.

    Args:
        logs: where it lies.
        replay: applies a record to what it is about.
    """

    def __init__(self, logs: LogManager, replay: Callable[[LogRecord], None]) -> None:
        self._logs = logs
        self._replay = replay

    def load(self) -> None:
        """Replays the last record of each key, as if all of it was compacted.

        Raises:
            Corruption: it is not what was written.
            Refusal: a newer broker wrote it.
        """
        with suppress(Refusal):  # a full disk: it comes to be, or gets today's settings, when there is space
            _ = self.partition
            if self._logs.topics[GROUP_TOPIC].config != SETTINGS:
                self._logs.alter_topic(GROUP_TOPIC, SETTINGS)
        if GROUP_TOPIC not in self._logs.topics:
            return
        log = self.partition
        offset = log.log_start
        newest: dict[bytes | None, tuple[bytes | None, str]] = {}
        while offset < log.end:
            found = log.read(offset, READ_BYTES)
            for piece in found.pieces:
                _take(piece.data, newest)
            offset = found.next_offset
        for key, (value, path) in newest.items():
            try:
                record = unpack(key, value)
            except UnknownRecord as error:
                raise Refusal(ErrorCode.UNSUPPORTED_VERSION, f"{path}: {error}") from error
            self._replay(record)

    def append(self, made: Sequence[LogRecord], at: int) -> None:
        """Appends records, in one batch, then replays them: all of them are there, whatever happens, or none.

        Args:
            made: the records.
            at: wall clock (ms).
        Raises:
            Refusal: the disk is full; what was refused has changed nothing.
        """
        keys, values = columns(made)
        self.partition.append(batches.write(keys, values, [at] * len(keys), None), at)
        for record in made:
            self._replay(record)

    @property
    def end(self) -> int:
        """Where the next record will lie."""
        return self.partition.end

    @property
    def durable_end(self) -> int:
        """Up to where it is on the disk."""
        return self.partition.durable_end

    @property
    def partition(self) -> Partition:
        """Where it lies."""
        if GROUP_TOPIC not in self._logs.topics:
            self._logs.create_topic(GROUP_TOPIC, 1, SETTINGS)
        return self._logs.partition(GROUP_TOPIC, 0)


def _take(piece: FileSlice, newest: dict[bytes | None, tuple[bytes | None, str]]) -> None:
    """Notes the records of a piece by key, in the order of the last of each."""
    data, position = memoryview(piece.read()), 0
    try:
        while position < len(data):
            header = batches.verify(data, position)
            keys, values, *_ = batches.decode(header, data, position)
            position += header.size
            for key, value in zip(keys, values, strict=True):
                newest.pop(key, None)
                newest[key] = (value, piece.file.path)
    except batches.BadBatch as error:
        raise Corruption(piece.file.path, piece.position + position, str(error)) from error

"""The log of the coordinators: one compacted partition of the broker's own, of the records in `records`.

What is appended is replayed at once, as it will be after a start: so what a coordinator knows is what its log says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption, Refusal
from broker_local.base.files import FileSlice
from broker_local.coordinator.records import LogRecord, UnknownRecord, columns, records
from broker_local.log import format as batches
from broker_local.log.log_manager import LogManager
from broker_local.log.partition import Partition
from broker_local.log.topics import GROUP_TOPIC, INT_MAX

SETTINGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * 1024 * 1024),
    "max.message.bytes": str(INT_MAX),
}
"""Of the log. A group is one record, however much its members have to tell."""
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
        """Replays all of it.

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
        while offset < log.end:
            found = log.read(offset, READ_BYTES)
            for piece in found.pieces:
                self._load_piece(piece.data)
            offset = found.next_offset

    def _load_piece(self, piece: FileSlice) -> None:
        data, position = memoryview(piece.read()), 0
        try:
            while position < len(data):
                keys, values, *_ = batches.read(data, position)
                position += batches.peek(data, position).size
                for record in records(keys, values):
                    self._replay(record)
        except batches.BadBatch as error:
            raise Corruption(piece.file.path, piece.position + position, str(error)) from error
        except UnknownRecord as error:
            raise Refusal(ErrorCode.UNSUPPORTED_VERSION, f"{piece.file.path}: {error}") from error

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

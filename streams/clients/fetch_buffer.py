"""What a consumer reads: its partitions, their positions, and the batches that wait to be handed out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from streams.clients.api import Fetched, Position, Reader
from streams.errors import IllegalStateException, KafkaException, RecordDeserializationException
from streams.record import Headers, RecordBatch, TopicPartition
from streams.serdes.base import Serde, in_java, shown


class ConsumerRecord(NamedTuple):
    """A record as a consumer gets it; `timestamp` in milliseconds since the epoch.

    Key and value are bytes, or what `key.deserializer` and `value.deserializer` make of them.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: Any
    value: Any
    headers: Headers = ()


class _Cursor:
    """Where one partition stands. `position` None: it has to be looked up; `reset` says how, if not by policy."""

    __slots__ = ("paused", "position", "readable_end", "reset")

    def __init__(self) -> None:
        self.position: int | None = None
        self.reset: str | None = None
        self.paused = False
        self.readable_end = -1


class FetchBuffer:
    """The partitions of one consumer.

    Args:
        reader: where batches come from.
        key, value: decode keys and values; None: bytes are given.
    """

    def __init__(self, reader: Reader, key: Serde[object] | None, value: Serde[object] | None) -> None:
        self._reader = reader
        self._key = key
        self._value = value
        self._cursors: dict[TopicPartition, _Cursor] = {}
        self._waiting: deque[tuple[TopicPartition, RecordBatch, int]] = deque()

    # Which partitions, and where

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Reads these partitions and no others; those that were read before go on where they are."""
        wanted = dict.fromkeys(partitions)
        gone = [partition for partition in self._cursors if partition not in wanted]
        self._reader.drop(gone)
        self._forget(set(gone))
        self._cursors = {partition: self._cursors.get(partition) or _Cursor() for partition in wanted}

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are read."""
        return set(self._cursors)

    def missing(self) -> dict[TopicPartition, str | None]:
        """The partitions whose position has to be looked up, and how where that was asked for."""
        return {
            partition: cursor.reset for partition, cursor in self._cursors.items() if cursor.position is None
        }

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """Goes on reading at these offsets."""
        if not positions:
            return
        for partition, offset in positions.items():
            cursor = self.cursor(partition)
            cursor.position, cursor.reset = offset, None
        self._forget(set(positions))
        self._reader.seek(positions)

    def reset(self, partitions: Iterable[TopicPartition], reset: str | None) -> None:
        """Has the positions looked up anew, by `reset` (`earliest`, `latest`), or None: as at the start."""
        chosen = set(partitions)
        for cursor in [self.cursor(partition) for partition in chosen]:
            cursor.position, cursor.reset = None, reset
        self._forget(chosen)
        self._reader.drop(chosen)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Hands out nothing of these partitions until `resume`."""
        chosen = list(partitions)
        for cursor in [self.cursor(partition) for partition in chosen]:  # all of them, or none
            cursor.paused = True
        self._reader.pause(chosen)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Takes back `pause`."""
        chosen = list(partitions)
        for cursor in [self.cursor(partition) for partition in chosen]:
            cursor.paused = False
        self._reader.resume(chosen)

    def paused(self) -> set[TopicPartition]:
        """The partitions that are paused."""
        return {partition for partition, cursor in self._cursors.items() if cursor.paused}

    def positions(self) -> dict[TopicPartition, Position]:
        """The offsets of the next records, of all partitions that have one."""
        return {
            partition: Position(cursor.position)
            for partition, cursor in self._cursors.items()
            if cursor.position is not None
        }

    def position(self, partition: TopicPartition) -> int | None:
        """The offset of the next record; None: not looked up yet."""
        return self.cursor(partition).position

    def lag(self, partition: TopicPartition) -> int | None:
        """Records between the position and the end as the last fetch saw it; None: not known yet."""
        cursor = self.cursor(partition)
        end = cursor.readable_end
        return None if cursor.position is None or end < 0 else end - cursor.position

    def cursor(self, partition: TopicPartition) -> _Cursor:
        """The cursor of an assigned partition.

        Raises:
            IllegalStateException: it is not assigned.
        """
        cursor = self._cursors.get(partition)
        if cursor is None:
            raise IllegalStateException(
                f"No current assignment for partition {partition}. Assigned are: "
                f"{', '.join(map(str, sorted(self._cursors))) or 'none'}."
            )
        return cursor

    def _forget(self, partitions: set[TopicPartition]) -> None:
        if partitions:
            self._waiting = deque(entry for entry in self._waiting if entry[0] not in partitions)

    # Records

    def feed(self, fetched: Iterable[Fetched]) -> None:
        """Takes in what a poll of the reader brought."""
        for each in fetched:
            cursor = self._cursors.get(each.partition)
            if cursor is None:
                continue
            cursor.readable_end = each.readable_end
            if each.batch is not None:
                self._waiting.append((each.partition, each.batch, 0))

    def take(self, limit: int) -> list[ConsumerRecord]:
        """Hands out up to `limit` records and moves the positions behind them.

        Raises:
            RecordDeserializationException: the first record cannot be decoded; the position stays on it.
        """
        records: list[ConsumerRecord] = []
        resting: list[tuple[TopicPartition, RecordBatch, int]] = []
        while self._waiting and len(records) < limit:
            partition, batch, start = self._waiting.popleft()
            cursor = self._cursors[partition]
            if cursor.paused:
                resting.append((partition, batch, start))
                continue
            stop = min(len(batch), start + limit - len(records))
            try:
                self._decode(partition, batch, start, stop, records)
            except RecordDeserializationException as failed:
                cursor.position = failed.offset
                first = next(i for i in range(start, stop) if batch.offsets[i] == failed.offset)
                self._waiting.appendleft((partition, batch, first))
                if records:
                    break
                raise
            if stop == len(batch):
                cursor.position = batch.next_offset
            else:
                cursor.position = batch.offsets[stop]
                self._waiting.appendleft((partition, batch, stop))
        self._waiting.extendleft(reversed(resting))
        return records

    def _decode(
        self, partition: TopicPartition, batch: RecordBatch, start: int, stop: int, into: list[ConsumerRecord]
    ) -> None:
        topic, number = partition
        keys, values, headers = batch.keys, batch.values, batch.headers
        timestamps, offsets = batch.timestamps, batch.offsets
        for at in range(start, stop):
            own = () if headers is None else headers[at]
            key: object = keys[at]
            value: object = values[at]
            try:
                if self._key is not None:
                    key = self._key.deserialize(topic, keys[at], own)
                if self._value is not None:
                    value = self._value.deserialize(topic, values[at], own)
            except KafkaException as error:
                raise self._unreadable(partition, offsets[at], keys[at], values[at], own, error) from error
            into.append(ConsumerRecord(topic, number, offsets[at], timestamps[at], key, value, own))

    def _unreadable(
        self,
        partition: TopicPartition,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        error: KafkaException,
    ) -> RecordDeserializationException:
        """The error for a record of which one side cannot be read."""
        side, data, serde = "value", value, self._value
        try:
            if self._key is not None:
                self._key.deserialize(partition.topic, key, headers)
        except KafkaException:
            side, data, serde = "key", key, self._key
        return RecordDeserializationException(
            f"The {side} at offset {offset} of {partition} is not what {serde} reads: {shown(data)}. Give the "
            "deserializer that it was written with, or seek past the record."
            + in_java(
                f"Error deserializing key/value for partition {partition} at offset {offset}: "
                f"{str(error).rstrip('.')}. If needed, please seek past the record to continue consumption."
            ),
            partition,
            offset,
        )

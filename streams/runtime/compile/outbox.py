"""What a task has produced and not yet sent: columns per topic and partition, filled by the entry functions.

A column's lists keep their identity for life, so that entry functions hold on to their `append`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from operator import add
from typing import NamedTuple

from statestore.api import ChangelogHook
from streams.metrics.traffic import Traffic
from streams.partition import KeyMemo, partition_for
from streams.record import Headers, RecordBatch, TopicPartition

BATCH_RECORDS = 2_000
"""A batch has at most so many records, and a column of half as many is due."""
BATCH_BYTES = 256 * 1024
"""A batch has about so many bytes at most, if it has more than one record."""
BUSY_MS = 10
"""So long a record waits for others under load, about a run, even where `linger.ms` is 0: at rest it leaves
at once."""

NONE_YET = 2**63 - 1
"""Later than every timestamp: the oldest of a column without records."""

ANY = -1
"""The partition of records without a key: each batch of them goes to the next partition in turn."""

Appenders = tuple[
    Callable[[bytes | None], None],
    Callable[[bytes | None], None],
    Callable[[int], None],
    Callable[[Headers], None],
]
"""To append key, value and timestamp, and (after these) headers where there are any."""


class Column:
    """Records for one partition of one topic, as parallel lists."""

    __slots__ = (
        "_headers",
        "_keys",
        "_oldest",
        "_seen",
        "_sized",
        "_times",
        "_values",
        "appenders",
        "bytes",
        "first_at",
        "topic",
    )

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.bytes = 0
        """Of the records that `due` has looked at."""
        self.first_at: int | None = None
        """When `due` saw the first record (ms)."""
        self._sized = self._seen = 0
        self._oldest = NONE_YET
        self._keys: list[bytes | None] = []
        self._values: list[bytes | None] = []
        self._times: list[int] = []
        self._headers: list[Headers] = []
        self.appenders: Appenders = (
            self._keys.append,
            self._values.append,
            self._times.append,
            self._put_headers,
        )

    def __len__(self) -> int:
        return len(self._keys)

    def _put_headers(self, headers: Headers) -> None:
        """Headers of the record just appended; those before it without any get none."""
        missing = len(self._keys) - 1 - len(self._headers)
        if missing:
            self._headers += [()] * missing
        self._headers.append(headers)

    def measure(self) -> int:
        """Bytes of all keys and values; those looked at before are not looked at again."""
        sized = self._sized
        if len(self._keys) > sized:
            self.bytes += sum(_lengths(self._keys[sized:])) + sum(_lengths(self._values[sized:]))
            self._sized = len(self._keys)
        return self.bytes

    @property
    def oldest(self) -> int:
        """The lowest timestamp (`NONE_YET` without a record); those looked at before are not looked at again."""
        times, seen = self._times, self._seen
        if len(times) > seen:
            self._oldest = min(self._oldest, min(times[seen:]))
            self._seen = len(times)
        return self._oldest

    def batches(self) -> list[RecordBatch]:
        """All records, cut into batches; the column is empty afterwards."""
        count = len(self._keys)
        headers: list[Headers] | None = None
        if any(self._headers):
            headers = [*self._headers, *[()] * (count - len(self._headers))]
        whole = RecordBatch(self._keys.copy(), self._values.copy(), self._times.copy(), headers, range(count), count)
        small = count <= BATCH_RECORDS and self.measure() <= BATCH_BYTES
        self.clear()
        return [whole] if small else list(_cut(whole))

    def clear(self) -> None:
        """Forgets everything."""
        self.bytes = self._sized = self._seen = 0
        self._oldest = NONE_YET
        self.first_at = None
        self._keys.clear()
        self._values.clear()
        self._times.clear()
        self._headers.clear()


def _lengths(column: Sequence[bytes | None]) -> Iterable[int]:
    """Of each record; None counts as 0."""
    return map(len, column if all(column) else [each or b"" for each in column])  # type: ignore[arg-type]


def _cut(batch: RecordBatch) -> Iterable[RecordBatch]:
    """Batches within the bounds; a record that is too large by itself is one."""
    ends = list(accumulate(map(add, _lengths(batch.keys), _lengths(batch.values))))
    start = before = 0
    while start < len(ends):
        fits = bisect_right(ends, before + BATCH_BYTES, start, min(len(ends), start + BATCH_RECORDS))
        stop = max(fits, start + 1)
        yield RecordBatch(
            batch.keys[start:stop],
            batch.values[start:stop],
            batch.timestamps[start:stop],
            None if batch.headers is None else batch.headers[start:stop],
            range(stop - start),
            stop - start,
        )
        start, before = stop, ends[stop - 1]


class Outgoing(NamedTuple):
    """A batch and where it goes."""

    partition: TopicPartition
    batch: RecordBatch


class Route:
    """Where the records of one topic go, by their key: `route(key_bytes)` gives the appenders.

    Read `route` once a run: it changes when the memo is full (`partition.KeyMemo`).
    """

    __slots__ = ("_memo", "unkeyed")

    def __init__(self, columns: list[Column], unkeyed: Column) -> None:
        parts = [column.appenders for column in columns]
        count = len(parts)
        self._memo: KeyMemo[Appenders] = KeyMemo(lambda key: parts[partition_for(key, count)])
        self.unkeyed = unkeyed.appenders

    @property
    def route(self) -> Callable[[bytes], Appenders]:
        return self._memo.route


class Outbox:
    """Holds a task's output until it is due.

    Args:
        partitions_for: how many partitions a topic has.
        linger_ms: while the task is busy, a record waits so long for others, and never less than `BUSY_MS`.
        column: makes a column for a topic.
    """

    def __init__(
        self,
        partitions_for: Callable[[str], int],
        linger_ms: int = 0,
        column: Callable[[str], Column] = Column,
    ) -> None:
        self._partitions_for = partitions_for
        self._linger_ms = max(linger_ms, BUSY_MS)
        self.produced: Callable[[str], Traffic | None] = _nobody
        """Counts what leaves for a topic; gives None where nobody wants to know."""
        self._traffic: dict[str, Traffic | None] = {}
        self._now = 0
        self._columns: dict[TopicPartition, Column] = {}
        self._turns: dict[str, int] = {}
        self._changelogs: set[str] = set()
        self._column = column

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return self._partitions_for(topic)

    def column(self, topic: str, partition: int) -> Column:
        """The column of a partition (`ANY`: of records without a key)."""
        where = TopicPartition(topic, partition)
        found = self._columns.get(where)
        if found is None:
            found = self._columns[where] = self._column(topic)
        return found

    def route(self, topic: str) -> Route:
        """The way of records to the topic's partitions, by the default partitioner."""
        columns = [self.column(topic, partition) for partition in range(self._partitions_for(topic))]
        return Route(columns, self.column(topic, ANY))

    def changelog(self, topic: str, partition: int, headers: Headers = ()) -> ChangelogHook:
        """A hook that takes the rows of a store (statestore.api.ChangelogHook)."""
        self._changelogs.add(topic)
        put_key, put_value, put_time, put_headers = self.column(topic, partition).appenders
        if headers:

            def with_headers(key: bytes, value: bytes | None, timestamp: int, origin: object) -> None:
                put_key(key)
                put_value(value)
                put_time(timestamp)
                if value is not None:  # Java's tombstones bear none
                    put_headers(headers)

            return with_headers

        def hook(key: bytes, value: bytes | None, timestamp: int, origin: object) -> None:
            put_key(key)
            put_value(value)
            put_time(timestamp)

        return hook

    def put(
        self, where: TopicPartition, key: bytes | None, value: bytes | None, timestamp: int, headers: Headers
    ) -> None:
        """Adds one record. `where.partition` may be `ANY`."""
        put_key, put_value, put_time, put_headers = self.column(*where).appenders
        put_key(key)
        put_value(value)
        put_time(timestamp)
        if headers:
            put_headers(headers)

    def put_by_key(
        self, topic: str, key: bytes | None, value: bytes | None, timestamp: int, headers: Headers
    ) -> None:
        """Adds one record for the partition that the default partitioner chooses, as sinks do."""
        count = self._partitions_for(topic)
        place = 0 if count == 1 else ANY if key is None else partition_for(key, count)
        self.put(TopicPartition(topic, place), key, value, timestamp, headers)

    def due(self, now: int, idle: bool) -> list[Outgoing]:
        """The batches that should leave now, those of changelogs last: whoever dies between two of them repeats
        results, and does not lose those of which a store knows already that they are out (`suppress`).

        Args:
            now: wall clock in ms.
            idle: the worker would otherwise wait, or commits: everything leaves.
        """
        out: list[Outgoing] = []
        self._now = now
        for where, column in self._columns.items():
            count = len(column)
            if not count:
                continue
            if column.first_at is None:
                column.first_at = now
            if (
                idle
                or count >= BATCH_RECORDS // 2
                or now - column.first_at >= self._linger_ms
                or now < column.first_at
                or column.measure() >= BATCH_BYTES
            ):
                self._take(where, column, out)
        out.sort(key=lambda each: each[0].topic in self._changelogs)
        return out

    def oldest(self, topics: frozenset[str]) -> int | None:
        """The lowest timestamp of what waits for these topics; None: nothing does."""
        found = min((c.oldest for where, c in self._columns.items() if where.topic in topics), default=NONE_YET)
        return None if found == NONE_YET else found

    def older(self, topics: frozenset[str], time: int) -> list[Outgoing]:
        """The batches for these topics that begin with, or hold, a record before `time`."""
        out: list[Outgoing] = []
        for where, column in self._columns.items():
            if where.topic in topics and column.oldest < time:
                self._take(where, column, out)
        return out

    def _take(self, where: TopicPartition, column: Column, out: list[Outgoing]) -> None:
        topic = where.topic
        if topic not in self._traffic:
            self._traffic[topic] = None if topic in self._changelogs else self.produced(topic)
        traffic = self._traffic[topic]
        for batch in column.batches():
            if traffic is not None:
                traffic.leaves(topic, batch, self._now)
            out.append(Outgoing(self._partition(where), batch))

    @property
    def waiting_since(self) -> int | None:
        """When the record that waits longest was seen first (wall clock, ms); None: none does. Any thread may ask."""
        return min([c.first_at for c in list(self._columns.values()) if c.first_at is not None], default=None)

    def _partition(self, where: TopicPartition) -> TopicPartition:
        """The partition, the next one in turn for records without a key."""
        if where.partition != ANY:
            return where
        count = self._partitions_for(where.topic)
        turn = self._turns.get(where.topic, -1) + 1
        self._turns[where.topic] = turn
        return TopicPartition(where.topic, turn % count)

    def drop(self) -> None:
        """Forgets everything that has not been sent (decision 14)."""
        for column in self._columns.values():
            column.clear()

    @property
    def held(self) -> Mapping[TopicPartition, int]:
        """How many records wait, by partition."""
        return {where: len(column) for where, column in self._columns.items() if len(column)}


def _nobody(topic: str) -> Traffic | None:
    return None

"""The topics of a test driver: records are piped into one and read from the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from streams.durations import Duration, Instant, to_ms
from streams.errors import IllegalArgumentException, IllegalStateException, NoSuchElementException
from streams.record import Headers
from streams.serdes.base import Serde
from streams.spelling import corrects_names
from streams.validation import GivenHeaders, check_bytes, check_headers, check_timestamp, several, shown
from streams.validation import pairs as pairs_of

K = TypeVar("K")
V = TypeVar("V")


class RawRecord(NamedTuple):
    """A record as bytes."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()


class TestRecord(NamedTuple, Generic[K, V]):
    """A record that goes in or has come out. `timestamp` is in ms; None for a record to be piped: the topic's.
    """

    key: K | None
    value: V | None
    timestamp: int | None = None
    headers: Headers = ()


TestRecord.__test__ = False  # type: ignore[attr-defined]  # for pytest

RAW = "Give bytes, or pipe what the topic's serdes take: pipe_input()."

Pipe = Callable[[str, bytes | None, bytes | None, int, Headers], None]


@corrects_names
class TestInputTopic(Generic[K, V]):
    """Made by `TopologyTestDriver.create_input_topic`."""

    __test__ = False

    def __init__(
        self, pipe: Pipe, topic: str, key_serde: Serde[K], value_serde: Serde[V], time: int, auto_advance: int
    ) -> None:
        if auto_advance < 0:
            raise IllegalArgumentException("auto_advance must be positive")
        self._pipe = pipe
        self._topic = topic
        self._key_serde = key_serde
        self._value_serde = value_serde
        self._time = time
        self._auto_advance = auto_advance

    def pipe_input(
        self,
        key: K | TestRecord[K, V] | None,
        value: V | None = None,
        timestamp: Instant | None = None,
        headers: GivenHeaders = None,
    ) -> None:
        """Pipes one record in and processes all that follows from it.

        Args:
            key: the key, or a whole `TestRecord`.
            value: the value; None is a tombstone.
            timestamp: ms or aware datetime; None: the topic's time, which then moves on.
            headers: pairs of name and bytes (or None), or a mapping.
        Raises:
            IllegalArgumentException: the topology does not read the topic, or timestamp or headers are none.
            SerializationException: key or value cannot be turned into bytes.
            StreamsException: processing failed.
        """
        if isinstance(key, TestRecord):
            self.pipe_input(key.key, key.value, key.timestamp, key.headers)
            return
        time = check_timestamp(self._time if timestamp is None else timestamp)
        carried = check_headers(headers)
        raw_key = self._key_serde.serialize(self._topic, key, carried)
        raw_value = self._value_serde.serialize(self._topic, value, carried)
        if timestamp is None:
            self._time += self._auto_advance
        self._pipe(self._topic, raw_key, raw_value, time, carried)

    def pipe_value(self, value: V | None, timestamp: Instant | None = None) -> None:
        """Pipes a record without a key in."""
        self.pipe_input(None, value, timestamp)

    def pipe_raw(
        self, key: bytes | None, value: bytes | None, timestamp: Instant, headers: GivenHeaders = ()
    ) -> None:
        """Pipes bytes in as they are; raises as `pipe_input`."""
        where = f"Topic {self._topic!r}:"
        self._pipe(
            self._topic,
            check_bytes(key, f"{where} the key", RAW),
            check_bytes(value, f"{where} the value", RAW),
            check_timestamp(timestamp),
            check_headers(headers),
        )

    def pipe_record_list(self, records: Iterable[TestRecord[K, V]]) -> None:
        """Pipes records in, one after the other."""
        for record in several(records, "records"):
            if not isinstance(record, TestRecord):
                raise IllegalArgumentException(
                    f"Invalid record: {shown(record)}. Give TestRecord(key, value, timestamp)."
                )
            self.pipe_input(record)

    def pipe_key_value_list(
        self,
        pairs: Iterable[tuple[K | None, V | None]],
        start_timestamp: Instant | None = None,
        advance: Duration = 0,
    ) -> None:
        """Pipes `(key, value)` pairs in.

        Args:
            start_timestamp: of the first, ms or aware datetime; None: the topic's time.
            advance: how much later each next one is, timedelta or ms (with `start_timestamp` only).
        """
        time = None if start_timestamp is None else check_timestamp(start_timestamp, "start_timestamp")
        step = to_ms(advance, "advance")
        for key, value in pairs_of(pairs, "pairs"):
            self.pipe_input(key, value, time)
            if time is not None:
                time += step

    def pipe_value_list(
        self,
        values: Iterable[V | None],
        start_timestamp: Instant | None = None,
        advance: Duration = 0,
    ) -> None:
        """As `pipe_key_value_list`, without keys."""
        self.pipe_key_value_list([(None, value) for value in several(values, "values")], start_timestamp, advance)

    def advance_time(self, by: Duration) -> None:
        """Moves the topic's time on (timedelta or ms).

        Raises:
            IllegalArgumentException: it would go back.
        """
        ms = to_ms(by, "by")
        if ms < 0:
            raise IllegalArgumentException("advance must be positive")
        self._time += ms


@corrects_names
class TestOutputTopic(Generic[K, V]):
    """Made by `TopologyTestDriver.create_output_topic`. Reading takes records away."""

    __test__ = False

    def __init__(
        self,
        queue: Callable[[str], deque[RawRecord]],
        topic: str,
        key_serde: Serde[K],
        value_serde: Serde[V],
    ) -> None:
        self._queue = queue
        self._topic = topic
        self._key_serde = key_serde
        self._value_serde = value_serde

    def read_record(self) -> TestRecord[K, V]:
        """The next record.

        Raises:
            NoSuchElementException: there is none.
        """
        queue = self._queue(self._topic)
        if not queue:
            raise NoSuchElementException(f"Empty topic: {self._topic}")
        key, value, timestamp, headers = queue.popleft()
        return TestRecord(
            self._key_serde.deserialize(self._topic, key, headers),
            self._value_serde.deserialize(self._topic, value, headers),
            timestamp,
            headers,
        )

    def read_key_value(self) -> tuple[K | None, V | None]:
        """Key and value of the next record."""
        record = self.read_record()
        return record.key, record.value

    def read_value(self) -> V | None:
        """The value of the next record."""
        return self.read_record().value

    def read_records_to_list(self) -> list[TestRecord[K, V]]:
        """All records that have not been read."""
        found: list[TestRecord[K, V]] = []
        while not self.is_empty:
            found.append(self.read_record())
        return found

    def read_key_values_to_list(self) -> list[tuple[K | None, V | None]]:
        """Keys and values of all records that have not been read."""
        return [(record.key, record.value) for record in self.read_records_to_list()]

    def read_values_to_list(self) -> list[V | None]:
        """The values of all records that have not been read."""
        return [record.value for record in self.read_records_to_list()]

    def read_key_values_to_map(self) -> dict[Any, V | None]:
        """The last value of each key among the records that have not been read.

        Raises:
            IllegalStateException: a record has no key.
        """
        found: dict[Any, V | None] = {}
        for record in self.read_records_to_list():
            if record.key is None:
                raise IllegalStateException(f"Null keys not allowed with read_key_values_to_map method: {record}")
            found[record.key] = record.value
        return found

    @property
    def queue_size(self) -> int:
        """How many records have not been read."""
        try:
            return len(self._queue(self._topic))
        except NoSuchElementException:
            return 0

    @property
    def is_empty(self) -> bool:
        """Is there nothing to read?"""
        return self.queue_size == 0

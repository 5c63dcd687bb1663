"""What user code implements and what it is handed: processors, their records and their context, extractors,
partitioners.

All are Protocols: any class with these methods will do, and where there is one method, any callable.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, overload, runtime_checkable

from streams.clock import Clock
from streams.errors import IllegalArgumentException, StreamsException
from streams.metrics.registry import Metrics
from streams.record import Headers, RecordMetadata
from streams.serdes.base import Serde
from streams.type_variables import KR, VR, K, V
from streams.validation import LARGEST, check_headers, check_instant
from streams.world import SYSTEM

KIn = TypeVar("KIn")
VIn = TypeVar("VIn")
KOut = TypeVar("KOut")
VOut = TypeVar("VOut")
KForward = TypeVar("KForward")
VForward = TypeVar("VForward")
KAny = TypeVar("KAny")
R = TypeVar("R")
S = TypeVar("S")
VAny = TypeVar("VAny")
KTransformed = TypeVar("KTransformed", contravariant=True)
VTransformed = TypeVar("VTransformed", contravariant=True)
VOut_co = TypeVar("VOut_co", covariant=True)

log = logging.getLogger("streams.processor")


def _timestamp(given: object) -> int:
    try:
        time = check_instant(given)
        if time < 0:
            raise IllegalArgumentException(f"Timestamp may not be negative. Got: {time}")
        return time
    except IllegalArgumentException as error:
        raise StreamsException(f"Malformed Record: {error}") from error


def _headers(given: object) -> Headers:
    try:
        return check_headers(given)
    except IllegalArgumentException as error:
        raise StreamsException(f"Malformed Record: {error}") from error


@dataclass(frozen=True)  # no slots: `Record[str, int](…)` could not be made with them
class Record(Generic[K, V]):
    """One record as a processor sees it. Immutable: `with_key` and its siblings give changed copies.

    Args:
        key: the key, None where there is none.
        value: the value, None for a tombstone.
        timestamp: milliseconds since the epoch, not negative, or an aware datetime.
        headers: pairs of name and bytes (or None), or a mapping.
    Raises:
        StreamsException: timestamp or headers are none (`streams.validation`).
    """

    key: K
    value: V
    timestamp: int
    headers: Headers = ()

    def __post_init__(self) -> None:
        timestamp, headers = self.timestamp, self.headers
        if timestamp.__class__ is not int or not 0 <= timestamp <= LARGEST:
            self.__dict__["timestamp"] = _timestamp(timestamp)  # frozen for everybody else
        if headers.__class__ is not tuple or headers:
            self.__dict__["headers"] = _headers(headers)

    def with_key(self, key: KR) -> Record[KR, V]:
        """A copy with another key."""
        copied: Record[Any, V] = self
        return _copy(copied, key=key)

    def with_value(self, value: VR) -> Record[K, VR]:
        """A copy with another value."""
        copied: Record[K, Any] = self
        return _copy(copied, value=value)

    def with_timestamp(self, timestamp: int) -> Record[K, V]:
        """A copy with another timestamp, ms or an aware datetime; StreamsException where it is none."""
        return _copy(self, timestamp=_timestamp(timestamp))

    def with_headers(self, headers: Headers) -> Record[K, V]:
        """A copy with these headers instead of its own; StreamsException where they are none."""
        return _copy(self, headers=_headers(headers))


@dataclass(frozen=True)
class FixedKeyRecord(Generic[K, V]):
    """A record whose key cannot be changed: what a fixed-key processor gets and forwards (decision 30)."""

    key: K
    value: V
    timestamp: int
    headers: Headers = ()

    def __post_init__(self) -> None:
        timestamp, headers = self.timestamp, self.headers
        if timestamp.__class__ is not int or not 0 <= timestamp <= LARGEST:
            self.__dict__["timestamp"] = _timestamp(timestamp)  # frozen for everybody else
        if headers.__class__ is not tuple or headers:
            self.__dict__["headers"] = _headers(headers)

    def with_value(self, value: VR) -> FixedKeyRecord[K, VR]:
        """A copy with another value."""
        copied: FixedKeyRecord[K, Any] = self
        return _copy(copied, value=value)

    def with_timestamp(self, timestamp: int) -> FixedKeyRecord[K, V]:
        """A copy with another timestamp, ms or an aware datetime; StreamsException where it is none."""
        return _copy(self, timestamp=_timestamp(timestamp))

    def with_headers(self, headers: Headers) -> FixedKeyRecord[K, V]:
        """A copy with these headers instead of its own; StreamsException where they are none."""
        return _copy(self, headers=_headers(headers))


def _copy(record: R, **changed: object) -> R:
    """A copy without the checks of the constructor: what is not changed has passed them."""
    made = object.__new__(type(record))
    made.__dict__.update(record.__dict__, **changed)
    return made


class PunctuationType(Enum):
    """Which clock a punctuation follows."""

    STREAM_TIME = "STREAM_TIME"
    """The highest timestamp that the task has seen; it moves only with records."""
    WALL_CLOCK_TIME = "WALL_CLOCK_TIME"
    """The clock of the machine (of the test driver: its own)."""


class Cancellable(Protocol):
    """A scheduled punctuation."""

    def cancel(self) -> None:
        """Ends it; calling it again does nothing."""
        ...


Punctuator = Callable[[int], object]
"""Called with the time (ms) when a punctuation is due; what it returns is ignored."""


class RecordContext(NamedTuple):
    """Where the record being processed came from."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    headers: Headers = ()


class BaseContext(Protocol):
    """What both kinds of context have (decision 28: what an object has is an attribute)."""

    @property
    def application_id(self) -> str:
        """The setting `application.id`."""
        ...

    @property
    def task_id(self) -> object:
        """The task's id; as text `<sub-topology>_<partition>`."""
        ...

    @property
    def record_metadata(self) -> RecordMetadata | None:
        """Topic, partition and offset of the record being processed. None where there is none: in a punctuation (where
        Java has an empty one, of topic null and offset -1), for what it forwards, in `init` and `close`."""
        ...

    @property
    def state_dir(self) -> Path:
        """The task's directory for state."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The application's metrics."""
        ...

    @property
    def key_serde(self) -> Serde[Any] | None:
        """The default key serde."""
        ...

    @property
    def value_serde(self) -> Serde[Any] | None:
        """The default value serde."""
        ...

    def schedule(
        self,
        interval: timedelta | int,
        kind: PunctuationType,
        call: Punctuator,
        start: datetime | int | None = None,
    ) -> Cancellable:
        """Calls `call(time_ms)` every `interval` (timedelta or ms).

        Args:
            interval: at least 1 ms.
            kind: which clock.
            call: the punctuator.
            start: first time of the grid, as an aware datetime or ms since the epoch.
        Raises:
            IllegalArgumentException: the interval is less than 1 ms.
        """
        ...

    def commit(self) -> None:
        """Asks for a commit after this record."""
        ...

    @overload
    def get_state_store(self, name: str) -> Any: ...
    @overload
    def get_state_store(self, name: str, kind: type[S]) -> S: ...
    def get_state_store(self, name: str, kind: type[S] | None = None) -> Any:
        """The store of that name.

        Args:
            name: of the store.
            kind: what it is, with the types of its keys and values: `KeyValueStore[str, int]`. The kind is looked at
                once, the types are for checkers. None: nothing is known of it.
        Raises:
            StreamsException: it is not connected to this processor.
            ClassCastException: it is of another kind.
        """
        ...

    def current_stream_time_ms(self) -> int:
        """The highest timestamp the task has seen (ms), -1 before the first."""
        ...

    def current_system_time_ms(self) -> int:
        """The wall clock (ms), read once a run."""
        ...

    def app_configs(self) -> Mapping[str, object]:
        """All settings of the application."""
        ...

    def app_configs_with_prefix(self, prefix: str) -> Mapping[str, object]:
        """The settings that start with `prefix`, without it."""
        ...


class ProcessorContext(BaseContext, Protocol[KForward, VForward]):
    """What a processor is given in `init`."""

    def forward(self, record: Record[KForward, VForward], child: str | None = None) -> None:
        """Hands a record to all children, or to the one named `child`.

        Raises:
            StreamsException: no child has that name.
        """
        ...


class FixedKeyProcessorContext(BaseContext, Protocol[KForward, VForward]):
    """What a fixed-key processor is given in `init`."""

    def forward(self, record: FixedKeyRecord[KForward, VForward], child: str | None = None) -> None:
        """Hands a record to all children, or to the one named `child`."""
        ...


class Processor(Protocol[KIn, VIn, KOut, VOut]):
    """Processes the records of a node one by one. `init` and `close` may be left out."""

    def init(self, context: ProcessorContext[KOut, VOut]) -> None:
        """Called once before the first record."""

    def process(self, record: Record[KIn, VIn]) -> None:
        """Called for each record; forwards through the context."""
        ...

    def close(self) -> None:
        """Called once after the last record."""


class FixedKeyProcessor(Protocol[KIn, VIn, VOut]):
    """As `Processor`, but the key stays as it is, so that no repartitioning follows. `init` and `close` may
    be left out."""

    def init(self, context: FixedKeyProcessorContext[KIn, VOut]) -> None:
        """Called once before the first record."""

    def process(self, record: FixedKeyRecord[KIn, VIn]) -> None:
        """Called for each record; forwards through the context."""
        ...

    def close(self) -> None:
        """Called once after the last record."""


class ContextualProcessor(Generic[KAny, VAny, KOut, VOut]):
    """A base for processors that only want to keep their context."""

    context: ProcessorContext[KOut, VOut]

    def init(self, context: ProcessorContext[KOut, VOut]) -> None:
        self.context = context

    def process(self, record: Record[KAny, VAny]) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no method process(record)")

    def close(self) -> None:
        pass


class ContextualFixedKeyProcessor(Generic[KAny, VAny, VOut]):
    """A base for fixed-key processors that only want to keep their context."""

    context: FixedKeyProcessorContext[KAny, VOut]

    def init(self, context: FixedKeyProcessorContext[KAny, VOut]) -> None:
        self.context = context

    def process(self, record: FixedKeyRecord[KAny, VAny]) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no method process(record)")

    def close(self) -> None:
        pass


class ProcessesRecords(Protocol[KIn, VIn]):
    """A processor without `init` and `close`; what it forwards is not known."""

    def process(self, record: Record[KIn, VIn]) -> object:
        """Called for each record."""
        ...


class ProcessesFixedKeyRecords(Protocol[KIn, VIn]):
    """A fixed-key processor without `init` and `close`; what it forwards is not known."""

    def process(self, record: FixedKeyRecord[KIn, VIn]) -> object:
        """Called for each record."""
        ...


class ValueTransformerWithKey(Protocol[KTransformed, VTransformed, VOut_co]):
    """Gives a row of a table its new value (`KTable.transform_values`). It may have `init(context)` and `close()`."""

    def transform(self, key: KTransformed, value: VTransformed, /) -> VOut_co:
        """The new value; called for deleted rows too, with the value None."""
        ...


ProcessorSupplier = Callable[[], Processor[KAny, VAny, KOut, VOut]]
"""A class, or anything callable without arguments, that gives a fresh processor at each call. An attribute or
classmethod `stores` on it names the store builders that the processor brings along (decision 30)."""

FixedKeyProcessorSupplier = Callable[[], FixedKeyProcessor[KAny, VAny, VOut]]
"""The same for fixed-key processors."""


@runtime_checkable
class ConnectedStoreProvider(Protocol):
    """A supplier that brings its stores along. `stores` may also be a plain attribute."""

    def stores(self) -> Iterable[Any]:
        """The store builders."""
        ...


StreamPartitioner = Callable[[str, KAny, VAny, int], int | Iterable[int] | None]
"""`(topic, key, value, partitions)` gives one partition, several (multicast; none: the record is dropped),
or None for the default partitioner."""

TopicNameExtractor = Callable[[KAny, VAny, RecordContext], str]
"""`(key, value, record_context)` gives the topic a record goes to."""


class ConsumedRecord(Protocol):
    """A record as a timestamp extractor sees it: decoded, with its own timestamp, which may be negative."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> Any: ...
    @property
    def value(self) -> Any: ...
    @property
    def headers(self) -> Headers: ...


TimestampExtractor = Callable[[ConsumedRecord, int], int]
"""`(record, partition_time)` gives the record's timestamp in ms; a negative one drops the record.
`partition_time` is the highest timestamp of the partition so far, -1 if there is none."""


class FailOnInvalidTimestamp:
    """Takes the record's timestamp and fails on a negative one. The default."""

    def __call__(self, record: ConsumedRecord, partition_time: int) -> int:
        if record.timestamp >= 0:
            return record.timestamp
        raise StreamsException(
            f"Input record {record} has invalid (negative) timestamp. Possibly because a pre-0.10 producer "
            "client was used to write this record to Kafka without embedding a timestamp, or because the "
            "input topic was created before upgrading the Kafka cluster to 0.10+. Use a different "
            "TimestampExtractor to process this data."
        )


class LogAndSkipOnInvalidTimestamp:
    """Takes the record's timestamp; a record with a negative one is logged and dropped."""

    def __call__(self, record: ConsumedRecord, partition_time: int) -> int:
        if record.timestamp < 0:
            log.warning(
                "Input record %s will be dropped because it has an invalid (negative) timestamp.", record
            )
        return record.timestamp


class UsePartitionTimeOnInvalidTimestamp:
    """Takes the record's timestamp, or the partition's time where that is negative."""

    def __call__(self, record: ConsumedRecord, partition_time: int) -> int:
        if record.timestamp >= 0:
            return record.timestamp
        if partition_time < 0:
            raise StreamsException(
                f"Could not infer new timestamp for input record {record} because partition time is unknown."
            )
        return partition_time


class WallclockTimestampExtractor:
    """Takes the wall clock at the time of processing.

    Args:
        clock: whose; the runtime reads its own once a run instead of calling this.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SYSTEM

    def __call__(self, record: ConsumedRecord, partition_time: int) -> int:
        return self.clock.now_ms()

"""Option objects of the DSL: one frozen dataclass a kind, with Java's names, factories and withers.

Each method of a stream or table that takes one takes it as an argument or its fields as keywords.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeGuard, TypeVar

from streams import arguments
from streams.dsl.checks import check_fields, topic_settings
from streams.dsl.stores import StoreSupplier, StoreType
from streams.durations import Duration, to_ms
from streams.errors import IllegalArgumentException, NullPointerException, TopologyException
from streams.processor import TimestampExtractor
from streams.serdes.base import AnySerde, Serde
from streams.topology.reset import AutoOffsetReset

K = TypeVar("K")
V = TypeVar("V")
VO = TypeVar("VO")
T = TypeVar("T")
Partitioner = Callable[..., object]


def _is_extractor(thing: object) -> TypeGuard[TimestampExtractor]:
    return callable(thing)


@dataclass(frozen=True, slots=True)
class Named:
    """The name of an operator's node.

    Raises:
        TopologyException: the name is not allowed.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name is None:
            raise NullPointerException("name cannot be null")
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Named:
        return cls(name)

    def with_name(self, name: str) -> Named:
        return Named(name)


@dataclass(frozen=True)
class Consumed(Generic[K, V]):
    """How a source reads.

    Args:
        key_serde, value_serde: None: the configured defaults.
        timestamp_extractor: None: the configured one.
        offset_reset: where to begin without a committed offset; None: the consumer's setting.
        name: of the source's node.
    """

    key_serde: Serde[K] | None = None
    value_serde: Serde[V] | None = None
    timestamp_extractor: TimestampExtractor | None = None
    offset_reset: AutoOffsetReset | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Consumed[Any, Any]:
        return Consumed(name=name)

    @classmethod
    def with_(cls, *args: object) -> Consumed[Any, Any]:
        """`with_([key_serde, value_serde], [timestamp_extractor], [offset_reset])`."""
        rest = [*args]
        if len(rest) == 1 and (isinstance(rest[0], AutoOffsetReset) or _is_extractor(rest[0])):
            rest = [None, None, *rest]
        key, value = (_serde(a) for a in (*rest[:2], None, None)[:2])
        extractor: TimestampExtractor | None = None
        reset = None
        for given in rest[2:]:
            if isinstance(given, AutoOffsetReset):
                reset = given
            elif _is_extractor(given):
                extractor = given
            elif given is not None:
                raise IllegalArgumentException(
                    "Consumed.with_ takes (key_serde, value_serde, timestamp_extractor, offset_reset), got "
                    f"{given!r} among them."
                )
        return Consumed(key, value, extractor, reset)

    def with_key_serde(self, serde: Serde[Any] | None) -> Consumed[Any, V]:
        return replace(self, key_serde=serde)

    def with_value_serde(self, serde: Serde[Any] | None) -> Consumed[K, Any]:
        return replace(self, value_serde=serde)

    def with_timestamp_extractor(self, extractor: TimestampExtractor | None) -> Consumed[K, V]:
        return replace(self, timestamp_extractor=extractor)

    def with_offset_reset_policy(self, reset: AutoOffsetReset | None) -> Consumed[K, V]:
        return replace(self, offset_reset=reset)

    def with_name(self, name: str | None) -> Consumed[K, V]:
        return replace(self, name=name)


@dataclass(frozen=True)
class Produced(Generic[K, V]):
    """How a sink writes.

    Args:
        key_serde, value_serde: None: those that came downstream, else the configured defaults.
        partitioner: `(topic, key, value, partitions)` gives a partition, several, or None for the default.
        name: of the sink's node.
    """

    key_serde: Serde[K] | None = None
    value_serde: Serde[V] | None = None
    partitioner: Partitioner | None = field(default=None, metadata={"also": "stream_partitioner"})
    name: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Produced[Any, Any]:
        return Produced(name=name)

    @classmethod
    def with_(
        cls,
        key_serde: Serde[Any] | None = None,
        value_serde: Serde[Any] | None = None,
        partitioner: Partitioner | None = None,
    ) -> Produced[Any, Any]:
        return Produced(key_serde, value_serde, partitioner)

    @classmethod
    def key_serde_(cls, serde: Serde[Any]) -> Produced[Any, Any]:
        return Produced(serde)

    @classmethod
    def value_serde_(cls, serde: Serde[Any]) -> Produced[Any, Any]:
        return Produced(value_serde=serde)

    @classmethod
    def stream_partitioner(cls, partitioner: Partitioner) -> Produced[Any, Any]:
        return Produced(partitioner=partitioner)

    def with_key_serde(self, serde: Serde[Any] | None) -> Produced[Any, V]:
        return replace(self, key_serde=serde)

    def with_value_serde(self, serde: Serde[Any] | None) -> Produced[K, Any]:
        return replace(self, value_serde=serde)

    def with_stream_partitioner(self, partitioner: Partitioner | None) -> Produced[K, V]:
        return replace(self, partitioner=partitioner)

    def with_name(self, name: str | None) -> Produced[K, V]:
        return replace(self, name=name)


@dataclass(frozen=True)
class Grouped(Generic[K, V]):
    """How a grouping is named, and how its records are written where it needs a repartition topic."""

    name: str | None = None
    key_serde: Serde[K] | None = None
    value_serde: Serde[V] | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Grouped[Any, Any]:
        return Grouped(name)

    @classmethod
    def with_(cls, *args: object) -> Grouped[Any, Any]:
        """`with_([name], key_serde, value_serde)`."""
        name = args[0] if args and isinstance(args[0], str) else None
        rest = args[1:] if len(args) > 2 or name is not None else args
        _at_most(2, rest, "Grouped.with_ takes (name, key_serde, value_serde)")
        key, value = (*rest, None, None)[:2]
        return Grouped(name, _serde(key), _serde(value))

    def with_name(self, name: str | None) -> Grouped[K, V]:
        return replace(self, name=name)

    def with_key_serde(self, serde: Serde[Any] | None) -> Grouped[Any, V]:
        return replace(self, key_serde=serde)

    def with_value_serde(self, serde: Serde[Any] | None) -> Grouped[K, Any]:
        return replace(self, value_serde=serde)


def _serde(given: object) -> AnySerde | None:
    return arguments.serde(given, "with_()")


def _at_most(count: int, given: Sequence[object], form: str) -> None:
    if len(given) > count:
        raise IllegalArgumentException(f"{form}, got {len(given)}: {given!r}.")


def _present(given: T | None, message: str) -> T:
    if given is None:
        raise NullPointerException(message)
    return given


@dataclass(frozen=True)
class Joined(Generic[K, V, VO]):
    """A stream-table join: its name, serdes of a repartition, and how long stream records wait for the table.

    Args:
        key_serde, value_serde, other_value_serde: None: those that came downstream.
        name: of the join's node, and of its repartition topic.
        grace_period: timedelta or ms; the table must be versioned. None: stream records do not wait.
    """

    key_serde: Serde[K] | None = None
    value_serde: Serde[V] | None = None
    other_value_serde: Serde[VO] | None = None
    name: str | None = None
    grace_period: Duration | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Joined[Any, Any, Any]:
        return Joined(name=name)

    @classmethod
    def with_(
        cls,
        key_serde: Serde[Any] | None = None,
        value_serde: Serde[Any] | None = None,
        other_value_serde: Serde[Any] | None = None,
        name: str | None = None,
        grace_period: Duration | None = None,
    ) -> Joined[Any, Any, Any]:
        return Joined(key_serde, value_serde, other_value_serde, name, grace_period)

    def with_key_serde(self, serde: Serde[Any] | None) -> Joined[Any, V, VO]:
        return replace(self, key_serde=serde)

    def with_value_serde(self, serde: Serde[Any] | None) -> Joined[K, Any, VO]:
        return replace(self, value_serde=serde)

    def with_other_value_serde(self, serde: Serde[Any] | None) -> Joined[K, V, Any]:
        return replace(self, other_value_serde=serde)

    def with_name(self, name: str | None) -> Joined[K, V, VO]:
        return replace(self, name=name)

    def with_grace_period(self, grace: Duration | None) -> Joined[K, V, VO]:
        return replace(self, grace_period=grace)


@dataclass(frozen=True)
class StreamJoined(Generic[K, V, VO]):
    """A stream-stream join: serdes, names, and its stores.

    Args:
        key_serde, value_serde, other_value_serde: None: those that came downstream.
        name: of the join's nodes, and of its repartition topics.
        store_name: base of the names of its stores.
        this_store, other_store: suppliers of window stores that keep duplicates.
        store_type: where its stores live, unless suppliers are given.
        logging: settings of the changelogs; None: no changelogs.
    """

    key_serde: Serde[K] | None = None
    value_serde: Serde[V] | None = None
    other_value_serde: Serde[VO] | None = None
    name: str | None = None
    store_name: str | None = None
    this_store: StoreSupplier | None = None
    other_store: StoreSupplier | None = None
    store_type: StoreType | None = None
    logging: Mapping[str, object] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "store_type", StoreType.of(self.store_type))
        check_fields(self)

    @classmethod
    def as_(cls, store_name: str) -> StreamJoined[Any, Any, Any]:
        return StreamJoined(store_name=store_name)

    @classmethod
    def with_(cls, *args: object) -> StreamJoined[Any, Any, Any]:
        """`with_(key_serde, value_serde, other_value_serde)`, `with_(this_store, other_store)` or
        `with_(store_type)`."""
        if len(args) == 1 and isinstance(args[0], StoreType):
            return StreamJoined(store_type=args[0])
        this, that, *_ = (*args, None, None)
        if isinstance(this, StoreSupplier) and isinstance(that, StoreSupplier | None) and len(args) < 3:
            return StreamJoined(this_store=this, other_store=that)
        _at_most(3, args, "StreamJoined.with_ takes three serdes, two suppliers of stores, or a store type")
        key, value, other = (*args, None, None, None)[:3]
        return StreamJoined(_serde(key), _serde(value), _serde(other))

    def with_name(self, name: str | None) -> StreamJoined[K, V, VO]:
        return replace(self, name=name)

    def with_store_name(self, name: str | None) -> StreamJoined[K, V, VO]:
        return replace(self, store_name=name)

    def with_key_serde(self, serde: Serde[Any] | None) -> StreamJoined[Any, V, VO]:
        return replace(self, key_serde=serde)

    def with_value_serde(self, serde: Serde[Any] | None) -> StreamJoined[K, Any, VO]:
        return replace(self, value_serde=serde)

    def with_other_value_serde(self, serde: Serde[Any] | None) -> StreamJoined[K, V, Any]:
        return replace(self, other_value_serde=serde)

    def with_this_store_supplier(self, supplier: StoreSupplier | None) -> StreamJoined[K, V, VO]:
        return replace(self, this_store=supplier)

    def with_other_store_supplier(self, supplier: StoreSupplier | None) -> StreamJoined[K, V, VO]:
        return replace(self, other_store=supplier)

    def with_dsl_store_suppliers(self, store_type: StoreType | None) -> StreamJoined[K, V, VO]:
        return replace(self, store_type=store_type)

    def with_logging_enabled(self, config: Mapping[str, object]) -> StreamJoined[K, V, VO]:
        return replace(self, logging=topic_settings(config, "with_logging_enabled()"))

    def with_logging_disabled(self) -> StreamJoined[K, V, VO]:
        return replace(self, logging=None)


@dataclass(frozen=True, slots=True)
class TableJoined:
    """A foreign-key join: partitioners of its two topics (they get a None value), and its name."""

    partitioner: Partitioner | None = None
    other_partitioner: Partitioner | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> TableJoined:
        return cls(name=name)

    @classmethod
    def with_(cls, partitioner: Partitioner | None = None, other_partitioner: Partitioner | None = None) -> TableJoined:
        return cls(partitioner, other_partitioner)

    def with_partitioner(self, partitioner: Partitioner | None) -> TableJoined:
        return replace(self, partitioner=partitioner)

    def with_other_partitioner(self, partitioner: Partitioner | None) -> TableJoined:
        return replace(self, other_partitioner=partitioner)

    def with_name(self, name: str | None) -> TableJoined:
        return replace(self, name=name)


@dataclass(frozen=True)
class Repartitioned(Generic[K, V]):
    """A repartition topic: its name, serdes, number of partitions and partitioner.

    Args:
        partitions: None: as many as the topics have whose records it takes.
    """

    name: str | None = None
    key_serde: Serde[K] | None = None
    value_serde: Serde[V] | None = None
    partitions: int | None = field(default=None, metadata={"also": "number_of_partitions"})
    partitioner: Partitioner | None = field(default=None, metadata={"also": "stream_partitioner"})

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Repartitioned[Any, Any]:
        return Repartitioned(name)

    @classmethod
    def with_(
        cls, key_serde: Serde[Any] | None = None, value_serde: Serde[Any] | None = None
    ) -> Repartitioned[Any, Any]:
        return Repartitioned(None, key_serde, value_serde)

    @classmethod
    def number_of_partitions(cls, number: int) -> Repartitioned[Any, Any]:
        return Repartitioned(partitions=number)

    @classmethod
    def stream_partitioner(cls, partitioner: Partitioner) -> Repartitioned[Any, Any]:
        return Repartitioned(partitioner=partitioner)

    def with_name(self, name: str | None) -> Repartitioned[K, V]:
        return replace(self, name=name)

    def with_key_serde(self, serde: Serde[Any] | None) -> Repartitioned[Any, V]:
        return replace(self, key_serde=serde)

    def with_value_serde(self, serde: Serde[Any] | None) -> Repartitioned[K, Any]:
        return replace(self, value_serde=serde)

    def with_number_of_partitions(self, number: int) -> Repartitioned[K, V]:
        return replace(self, partitions=number)

    def with_stream_partitioner(self, partitioner: Partitioner | None) -> Repartitioned[K, V]:
        return replace(self, partitioner=partitioner)


@dataclass(frozen=True, slots=True)
class Branched:
    """A branch: its name (after the split's), and what becomes of its stream.

    Args:
        name: None: its number.
        function: gets the branch's stream; what it returns stands in the map, unless None.
        consumer: gets the branch's stream; the branch does not stand in the map.
    """

    name: str | None = None
    function: Callable[..., object] | None = None
    consumer: Callable[..., object] | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Branched:
        return cls(name)

    @classmethod
    def with_function(cls, function: Callable[..., object], name: str | None = None) -> Branched:
        return cls(name, _present(function, "chain function cannot be null"))

    @classmethod
    def with_consumer(cls, consumer: Callable[..., object], name: str | None = None) -> Branched:
        return cls(name, None, _present(consumer, "chain consumer cannot be null"))

    def with_name(self, name: str | None) -> Branched:
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class Printed:
    """Where and how `print` writes.

    Args:
        file: path; None: standard output.
        label: stands in brackets before each line; None: the name of the stream's node.
        mapper: `(key, value)` gives the text; None: `key, value`.
        name: of the node.
    """

    file: str | None = None
    label: str | None = None
    mapper: Callable[[Any, Any], object] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.file is not None and not self.file:
            raise TopologyException("filePath can't be an empty string")
        check_fields(self)

    @classmethod
    def to_sys_out(cls) -> Printed:
        """To standard output."""
        return cls()

    @classmethod
    def to_file(cls, path: str) -> Printed:
        """To the end of a file, which is made if it is not there."""
        if path is None:
            raise NullPointerException("filePath can't be null")
        return cls(path)

    def with_label(self, label: str) -> Printed:
        """With this label in brackets before each line."""
        return replace(self, label=_present(label, "label can't be null"))

    def with_key_value_mapper(self, mapper: Callable[[Any, Any], object]) -> Printed:
        """With the text that `mapper(key, value)` gives."""
        return replace(self, mapper=_present(mapper, "mapper can't be null"))

    def with_name(self, name: str | None) -> Printed:
        return replace(self, name=name)


def grace_ms(joined: Joined[Any, Any, Any]) -> int | None:
    """The grace period of a stream-table join in ms."""
    return None if joined.grace_period is None else to_ms(joined.grace_period, "gracePeriod")

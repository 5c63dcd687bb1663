"""Option objects of the DSL: one frozen dataclass a kind, with Java's names, factories and withers.

Each method of a stream or table that takes one takes it as an argument or its fields as keywords.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar, overload

from streams import arguments
from streams.dsl.checks import check_fields, topic_settings
from streams.dsl.pick import Fields, Options, pick
from streams.dsl.store_supplier import StoreSupplier, StoreType
from streams.durations import Duration, to_ms
from streams.errors import IllegalArgumentException, NullPointerException, TopologyException
from streams.processor import StreamPartitioner, TimestampExtractor
from streams.serdes.base import AnySerde, Serde, SerdeFor
from streams.signatures import written
from streams.topology.reset import AutoOffsetReset
from streams.type_variables import (
    VO,
    K,
    KAny,
    KAnyGiven,
    KGiven,
    KOAny,
    KOAnyGiven,
    KStated,
    V,
    VAny,
    VAnyGiven,
    VGiven,
    VOGiven,
    VOStated,
    VStated,
)

T = TypeVar("T")


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


@written
@dataclass(frozen=True)
class Consumed(Generic[KAny, VAny]):
    """How a source reads.

    Args:
        key_serde, value_serde: None: the configured defaults.
        timestamp_extractor: None: the configured one.
        offset_reset: where to begin without a committed offset; None: the consumer's setting.
        name: of the source's node.
    """

    key_serde: Serde[KAny] | None = None
    value_serde: Serde[VAny] | None = None
    timestamp_extractor: TimestampExtractor | None = None
    offset_reset: AutoOffsetReset | None = None
    name: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            key_serde: SerdeFor[KAny] | None = None,
            value_serde: SerdeFor[VAny] | None = None,
            timestamp_extractor: TimestampExtractor | None = None,
            offset_reset: AutoOffsetReset | None = None,
            name: str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Consumed[KAnyGiven, VAnyGiven]:
        return Consumed(name=name)

    @overload
    @classmethod
    def with_(
        cls,
        key_serde: SerdeFor[KAnyGiven] | None,
        value_serde: SerdeFor[VAnyGiven] | None = None,
        timestamp_extractor: TimestampExtractor | None = None,
        offset_reset: AutoOffsetReset | None = None,
        /,
    ) -> Consumed[KAnyGiven, VAnyGiven]: ...
    @overload
    @classmethod
    def with_(cls, timestamp_extractor: TimestampExtractor, /) -> Consumed[KAnyGiven, VAnyGiven]: ...
    @overload
    @classmethod
    def with_(cls, offset_reset: AutoOffsetReset, /) -> Consumed[KAnyGiven, VAnyGiven]: ...
    @classmethod
    def with_(cls, *args: object) -> Consumed[KAnyGiven, VAnyGiven]:
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

    def with_key_serde(self, serde: SerdeFor[K] | None) -> Consumed[K, VAny]:
        return Consumed(serde, self.value_serde, self.timestamp_extractor, self.offset_reset, self.name)

    def with_value_serde(self, serde: SerdeFor[V] | None) -> Consumed[KAny, V]:
        return Consumed(self.key_serde, serde, self.timestamp_extractor, self.offset_reset, self.name)

    def with_timestamp_extractor(self, extractor: TimestampExtractor | None) -> Consumed[KAny, VAny]:
        return replace(self, timestamp_extractor=extractor)

    def with_offset_reset_policy(self, reset: AutoOffsetReset | None) -> Consumed[KAny, VAny]:
        return replace(self, offset_reset=reset)

    def with_name(self, name: str | None) -> Consumed[KAny, VAny]:
        return replace(self, name=name)


@written
@dataclass(frozen=True)
class Produced(Generic[KAny, VAny]):
    """How a sink writes.

    Args:
        key_serde, value_serde: None: those that came downstream, else the configured defaults.
        partitioner: `(topic, key, value, partitions)` gives a partition, several, or None for the default.
        name: of the sink's node.
    """

    key_serde: Serde[KAny] | None = None
    value_serde: Serde[VAny] | None = None
    partitioner: StreamPartitioner[KAny, VAny] | None = field(default=None, metadata={"also": "stream_partitioner"})
    name: str | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            key_serde: SerdeFor[KAny] | None = None,
            value_serde: SerdeFor[VAny] | None = None,
            partitioner: StreamPartitioner[KAny, VAny] | None = None,
            name: str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Produced[KAnyGiven, VAnyGiven]:
        return Produced(name=name)

    @classmethod
    def with_(
        cls,
        key_serde: SerdeFor[KAnyGiven] | None = None,
        value_serde: SerdeFor[VAnyGiven] | None = None,
        partitioner: StreamPartitioner[KAnyGiven, VAnyGiven] | None = None,
    ) -> Produced[KAnyGiven, VAnyGiven]:
        return Produced(key_serde, value_serde, partitioner)

    @classmethod
    def key_serde_(cls, serde: SerdeFor[KAnyGiven]) -> Produced[KAnyGiven, VAnyGiven]:
        return Produced(serde)

    @classmethod
    def value_serde_(cls, serde: SerdeFor[VAnyGiven]) -> Produced[KAnyGiven, VAnyGiven]:
        return Produced(value_serde=serde)

    @classmethod
    def stream_partitioner(cls, partitioner: StreamPartitioner[KAnyGiven, VAnyGiven]) -> Produced[KAnyGiven, VAnyGiven]:
        return Produced(partitioner=partitioner)

    def with_key_serde(self, serde: SerdeFor[K] | None) -> Produced[K, VAny]:
        partitioner: StreamPartitioner[Any, Any] | None = self.partitioner
        return Produced(serde, self.value_serde, partitioner, self.name)

    def with_value_serde(self, serde: SerdeFor[V] | None) -> Produced[KAny, V]:
        partitioner: StreamPartitioner[Any, Any] | None = self.partitioner
        return Produced(self.key_serde, serde, partitioner, self.name)

    def with_stream_partitioner(self, partitioner: StreamPartitioner[KAny, VAny] | None) -> Produced[KAny, VAny]:
        return replace(self, partitioner=partitioner)

    def with_name(self, name: str | None) -> Produced[KAny, VAny]:
        return replace(self, name=name)


@written
@dataclass(frozen=True)
class Grouped(Generic[KStated, VStated]):
    """How a grouping is named, and how its records are written where it needs a repartition topic."""

    name: str | None = None
    key_serde: Serde[KStated] | None = None
    value_serde: Serde[VStated] | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str | None = None,
            key_serde: SerdeFor[KStated] | None = None,
            value_serde: SerdeFor[VStated] | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Grouped[KGiven, VGiven]:
        return Grouped(name)

    @overload
    @classmethod
    def with_(
        cls, name: str, key_serde: SerdeFor[KGiven] | None = None, value_serde: SerdeFor[VGiven] | None = None, /
    ) -> Grouped[KGiven, VGiven]: ...
    @overload
    @classmethod
    def with_(
        cls, key_serde: SerdeFor[KGiven] | None, value_serde: SerdeFor[VGiven] | None = None, /
    ) -> Grouped[KGiven, VGiven]: ...
    @classmethod
    def with_(cls, *args: object) -> Grouped[KGiven, VGiven]:
        """`with_([name], key_serde, value_serde)`."""
        name = args[0] if args and isinstance(args[0], str) else None
        rest = args[1:] if len(args) > 2 or name is not None else args
        _at_most(2, rest, "Grouped.with_ takes (name, key_serde, value_serde)")
        key, value = (*rest, None, None)[:2]
        return Grouped(name, _serde(key), _serde(value))

    def with_name(self, name: str | None) -> Grouped[KStated, VStated]:
        return replace(self, name=name)

    def with_key_serde(self, serde: SerdeFor[K] | None) -> Grouped[K, VStated]:
        return Grouped(self.name, serde, self.value_serde)

    def with_value_serde(self, serde: SerdeFor[V] | None) -> Grouped[KStated, V]:
        return Grouped(self.name, self.key_serde, serde)


def _serde(given: object) -> AnySerde | None:
    return arguments.serde(given, "with_()")


def _at_most(count: int, given: Sequence[object], form: str) -> None:
    if len(given) > count:
        raise IllegalArgumentException(f"{form}, got {len(given)}: {given!r}.")


def present(given: T | None, message: str) -> T:
    """What was given, unless it is None.

    Raises:
        NullPointerException: with this message.
    """
    if given is None:
        raise NullPointerException(message)
    return given


@written
@dataclass(frozen=True)
class Joined(Generic[KStated, VStated, VOStated]):
    """A stream-table join: its name, serdes of a repartition, and how long stream records wait for the table.

    Args:
        key_serde, value_serde, other_value_serde: None: those that came downstream.
        name: of the join's node, and of its repartition topic.
        grace_period: timedelta or ms; the table must be versioned. None: stream records do not wait.
    """

    key_serde: Serde[KStated] | None = None
    value_serde: Serde[VStated] | None = None
    other_value_serde: Serde[VOStated] | None = None
    name: str | None = None
    grace_period: Duration | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            key_serde: SerdeFor[KStated] | None = None,
            value_serde: SerdeFor[VStated] | None = None,
            other_value_serde: SerdeFor[VOStated] | None = None,
            name: str | None = None,
            grace_period: Duration | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Joined[KGiven, VGiven, VOGiven]:
        return Joined(name=name)

    @classmethod
    def with_(
        cls,
        key_serde: SerdeFor[KGiven] | None = None,
        value_serde: SerdeFor[VGiven] | None = None,
        other_value_serde: SerdeFor[VOGiven] | None = None,
        name: str | None = None,
        grace_period: Duration | None = None,
    ) -> Joined[KGiven, VGiven, VOGiven]:
        return Joined(key_serde, value_serde, other_value_serde, name, grace_period)

    def with_key_serde(self, serde: SerdeFor[K] | None) -> Joined[K, VStated, VOStated]:
        return Joined(serde, self.value_serde, self.other_value_serde, self.name, self.grace_period)

    def with_value_serde(self, serde: SerdeFor[V] | None) -> Joined[KStated, V, VOStated]:
        return Joined(self.key_serde, serde, self.other_value_serde, self.name, self.grace_period)

    def with_other_value_serde(self, serde: SerdeFor[VO] | None) -> Joined[KStated, VStated, VO]:
        return Joined(self.key_serde, self.value_serde, serde, self.name, self.grace_period)

    def with_name(self, name: str | None) -> Joined[KStated, VStated, VOStated]:
        return replace(self, name=name)

    def with_grace_period(self, grace: Duration | None) -> Joined[KStated, VStated, VOStated]:
        return replace(self, grace_period=grace)


@written
@dataclass(frozen=True)
class StreamJoined(Generic[KStated, VStated, VOStated]):
    """A stream-stream join: serdes, names, and its stores.

    Args:
        key_serde, value_serde, other_value_serde: None: those that came downstream.
        name: of the join's nodes, and of its repartition topics.
        store_name: base of the names of its stores.
        this_store, other_store: suppliers of window stores that keep duplicates.
        store_type: where its stores live, unless suppliers are given.
        logging: settings of the changelogs; None: no changelogs.
    """

    key_serde: Serde[KStated] | None = None
    value_serde: Serde[VStated] | None = None
    other_value_serde: Serde[VOStated] | None = None
    name: str | None = None
    store_name: str | None = None
    this_store: StoreSupplier | None = None
    other_store: StoreSupplier | None = None
    store_type: StoreType | None = None
    logging: Mapping[str, object] | None = field(default_factory=dict)

    if TYPE_CHECKING:

        def __init__(
            self,
            key_serde: SerdeFor[KStated] | None = None,
            value_serde: SerdeFor[VStated] | None = None,
            other_value_serde: SerdeFor[VOStated] | None = None,
            name: str | None = None,
            store_name: str | None = None,
            this_store: StoreSupplier | None = None,
            other_store: StoreSupplier | None = None,
            store_type: StoreType | None = None,
            logging: Mapping[str, object] | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "store_type", StoreType.of(self.store_type))
        check_fields(self)

    @classmethod
    def as_(cls, store_name: str) -> StreamJoined[KGiven, VGiven, VOGiven]:
        return StreamJoined(store_name=store_name)

    @overload
    @classmethod
    def with_(
        cls,
        key_serde: SerdeFor[KGiven] | None,
        value_serde: SerdeFor[VGiven] | None = None,
        other_value_serde: SerdeFor[VOGiven] | None = None,
        /,
    ) -> StreamJoined[KGiven, VGiven, VOGiven]: ...
    @overload
    @classmethod
    def with_(
        cls, this_store: StoreSupplier, other_store: StoreSupplier | None = None, /
    ) -> StreamJoined[KGiven, VGiven, VOGiven]: ...
    @overload
    @classmethod
    def with_(cls, store_type: StoreType, /) -> StreamJoined[KGiven, VGiven, VOGiven]: ...
    @classmethod
    def with_(cls, *args: object) -> StreamJoined[KGiven, VGiven, VOGiven]:
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

    def with_name(self, name: str | None) -> StreamJoined[KStated, VStated, VOStated]:
        return replace(self, name=name)

    def with_store_name(self, name: str | None) -> StreamJoined[KStated, VStated, VOStated]:
        return replace(self, store_name=name)

    def with_key_serde(self, serde: SerdeFor[K] | None) -> StreamJoined[K, VStated, VOStated]:
        return StreamJoined(serde, self.value_serde, self.other_value_serde, *self._rest())

    def with_value_serde(self, serde: SerdeFor[V] | None) -> StreamJoined[KStated, V, VOStated]:
        return StreamJoined(self.key_serde, serde, self.other_value_serde, *self._rest())

    def with_other_value_serde(self, serde: SerdeFor[VO] | None) -> StreamJoined[KStated, VStated, VO]:
        return StreamJoined(self.key_serde, self.value_serde, serde, *self._rest())

    def _rest(
        self,
    ) -> tuple[
        str | None,
        str | None,
        StoreSupplier | None,
        StoreSupplier | None,
        StoreType | None,
        Mapping[str, object] | None,
    ]:
        return self.name, self.store_name, self.this_store, self.other_store, self.store_type, self.logging

    def with_this_store_supplier(self, supplier: StoreSupplier | None) -> StreamJoined[KStated, VStated, VOStated]:
        return replace(self, this_store=supplier)

    def with_other_store_supplier(self, supplier: StoreSupplier | None) -> StreamJoined[KStated, VStated, VOStated]:
        return replace(self, other_store=supplier)

    def with_dsl_store_suppliers(self, store_type: StoreType | None) -> StreamJoined[KStated, VStated, VOStated]:
        return replace(self, store_type=store_type)

    def with_logging_enabled(self, config: Mapping[str, object]) -> StreamJoined[KStated, VStated, VOStated]:
        return replace(self, logging=topic_settings(config, "with_logging_enabled()"))

    def with_logging_disabled(self) -> StreamJoined[KStated, VStated, VOStated]:
        return replace(self, logging=None)


@written
@dataclass(frozen=True)
class TableJoined(Generic[KAny, KOAny]):
    """A foreign-key join: partitioners of its two topics (they get a None value), and its name."""

    partitioner: StreamPartitioner[KAny, Any] | None = None
    other_partitioner: StreamPartitioner[KOAny, Any] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> TableJoined[KAnyGiven, KOAnyGiven]:
        return TableJoined(name=name)

    @classmethod
    def with_(
        cls,
        partitioner: StreamPartitioner[KAnyGiven, Any] | None = None,
        other_partitioner: StreamPartitioner[KOAnyGiven, Any] | None = None,
    ) -> TableJoined[KAnyGiven, KOAnyGiven]:
        return TableJoined(partitioner, other_partitioner)

    def with_partitioner(self, partitioner: StreamPartitioner[KAny, Any] | None) -> TableJoined[KAny, KOAny]:
        return replace(self, partitioner=partitioner)

    def with_other_partitioner(self, partitioner: StreamPartitioner[KOAny, Any] | None) -> TableJoined[KAny, KOAny]:
        return replace(self, other_partitioner=partitioner)

    def with_name(self, name: str | None) -> TableJoined[KAny, KOAny]:
        return replace(self, name=name)


@written
@dataclass(frozen=True)
class Repartitioned(Generic[KAny, VAny]):
    """A repartition topic: its name, serdes, number of partitions and partitioner.

    Args:
        partitions: None: as many as the topics have whose records it takes.
    """

    name: str | None = None
    key_serde: Serde[KAny] | None = None
    value_serde: Serde[VAny] | None = None
    partitions: int | None = field(default=None, metadata={"also": "number_of_partitions"})
    partitioner: StreamPartitioner[KAny, VAny] | None = field(default=None, metadata={"also": "stream_partitioner"})

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str | None = None,
            key_serde: SerdeFor[KAny] | None = None,
            value_serde: SerdeFor[VAny] | None = None,
            partitions: int | None = None,
            partitioner: StreamPartitioner[KAny, VAny] | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Repartitioned[KAnyGiven, VAnyGiven]:
        return Repartitioned(name)

    @classmethod
    def with_(
        cls, key_serde: SerdeFor[KAnyGiven] | None = None, value_serde: SerdeFor[VAnyGiven] | None = None
    ) -> Repartitioned[KAnyGiven, VAnyGiven]:
        return Repartitioned(None, key_serde, value_serde)

    @classmethod
    def number_of_partitions(cls, number: int) -> Repartitioned[KAnyGiven, VAnyGiven]:
        return Repartitioned(partitions=number)

    @classmethod
    def stream_partitioner(
        cls, partitioner: StreamPartitioner[KAnyGiven, VAnyGiven]
    ) -> Repartitioned[KAnyGiven, VAnyGiven]:
        return Repartitioned(partitioner=partitioner)

    def with_name(self, name: str | None) -> Repartitioned[KAny, VAny]:
        return replace(self, name=name)

    def with_key_serde(self, serde: SerdeFor[K] | None) -> Repartitioned[K, VAny]:
        partitioner: StreamPartitioner[Any, Any] | None = self.partitioner
        return Repartitioned(self.name, serde, self.value_serde, self.partitions, partitioner)

    def with_value_serde(self, serde: SerdeFor[V] | None) -> Repartitioned[KAny, V]:
        partitioner: StreamPartitioner[Any, Any] | None = self.partitioner
        return Repartitioned(self.name, self.key_serde, serde, self.partitions, partitioner)

    def with_number_of_partitions(self, number: int) -> Repartitioned[KAny, VAny]:
        return replace(self, partitions=number)

    def with_stream_partitioner(self, partitioner: StreamPartitioner[KAny, VAny] | None) -> Repartitioned[KAny, VAny]:
        return replace(self, partitioner=partitioner)


@written
@dataclass(frozen=True)
class Printed(Generic[KAny, VAny]):
    """Where and how `print` writes.

    Args:
        file: path; None: standard output.
        label: stands in brackets before each line; None: the name of the stream's node.
        mapper: `(key, value)` gives the text; None: `key, value`.
        name: of the node.
    """

    file: str | None = None
    label: str | None = None
    mapper: Callable[[KAny, VAny], object] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.file is not None and not self.file:
            raise TopologyException("filePath can't be an empty string")
        check_fields(self)

    @classmethod
    def to_sys_out(cls) -> Printed[KAnyGiven, VAnyGiven]:
        """To standard output."""
        return Printed()

    @classmethod
    def to_file(cls, path: str) -> Printed[KAnyGiven, VAnyGiven]:
        """To the end of a file, which is made if it is not there."""
        if path is None:
            raise NullPointerException("filePath can't be null")
        return Printed(path)

    def with_label(self, label: str) -> Printed[KAny, VAny]:
        """With this label in brackets before each line."""
        return replace(self, label=present(label, "label can't be null"))

    def with_key_value_mapper(self, mapper: Callable[[K, V], object]) -> Printed[K, V]:
        """With the text that `mapper(key, value)` gives."""
        return Printed(self.file, self.label, present(mapper, "mapper can't be null"), self.name)

    def with_name(self, name: str | None) -> Printed[KAny, VAny]:
        return replace(self, name=name)


def name_of(method: str, options: Options, fields: Fields) -> str | None:
    """The name that an operator was given, by `Named` or by keyword."""
    named = pick(method, Named, options, fields, "named cannot be null")
    return None if named is None else named.name


def grace_ms(joined: Joined[Any, Any, Any]) -> int | None:
    """The grace period of a stream-table join in ms."""
    return None if joined.grace_period is None else to_ms(joined.grace_period, "gracePeriod")

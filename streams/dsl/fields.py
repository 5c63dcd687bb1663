"""Options as type checkers see them: objects, and keywords that stand for their fields.

`GroupedOption[K, V]` and the like are options whose types are those, or are not stated (`type_variables.Unstated`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypedDict

from streams.dsl.materialized import Materialized
from streams.dsl.options import Grouped, Joined, StreamJoined
from streams.dsl.store_supplier import StoreSupplier, StoreType
from streams.durations import Duration
from streams.processor import StreamPartitioner, TimestampExtractor
from streams.serdes.base import SerdeFor
from streams.topology.reset import AutoOffsetReset
from streams.type_variables import KO, VO, K, Unstated, V


class NamedFields(TypedDict, total=False):
    """`Named`."""

    name: str


class SerdeFields(TypedDict, Generic[K, V], total=False):
    """Keywords that many options share."""

    key_serde: SerdeFor[K] | None
    value_serde: SerdeFor[V] | None
    name: str


class ConsumedFields(SerdeFields[K, V], total=False):
    """`Consumed`."""

    timestamp_extractor: TimestampExtractor
    offset_reset: AutoOffsetReset


class ProducedFields(SerdeFields[K, V], total=False):
    """`Produced`."""

    partitioner: StreamPartitioner[K, V]
    stream_partitioner: StreamPartitioner[K, V]


class GroupedFields(SerdeFields[K, V], total=False):
    """`Grouped`."""


class RepartitionedFields(SerdeFields[K, V], total=False):
    """`Repartitioned`."""

    partitions: int
    number_of_partitions: int
    partitioner: StreamPartitioner[K, V]
    stream_partitioner: StreamPartitioner[K, V]


class PrintedFields(TypedDict, Generic[K, V], total=False):
    """`Printed`."""

    file: str
    label: str
    mapper: Callable[[K, V], object]
    name: str


class TableFields(SerdeFields[K, V], total=False):
    """`Named` and `Materialized`."""

    store: str
    supplier: StoreSupplier
    store_type: StoreType
    caching: bool
    logging: Mapping[str, object] | None
    retention: Duration
    ttl: Duration


class SourceTableFields(TableFields[K, V], total=False):
    """`Consumed` and `Materialized`."""

    timestamp_extractor: TimestampExtractor
    offset_reset: AutoOffsetReset


class JoinedFields(SerdeFields[K, V], Generic[K, V, VO], total=False):
    """`Joined`."""

    other_value_serde: SerdeFor[VO] | None
    grace_period: Duration


class StreamJoinedFields(SerdeFields[K, V], Generic[K, V, VO], total=False):
    """`StreamJoined`."""

    other_value_serde: SerdeFor[VO] | None
    store_name: str
    this_store: StoreSupplier
    other_store: StoreSupplier
    store_type: StoreType
    logging: Mapping[str, object] | None


class ForeignKeyFields(TableFields[K, V], Generic[K, V, KO], total=False):
    """`TableJoined` and `Materialized`."""

    partitioner: StreamPartitioner[K, Any]
    other_partitioner: StreamPartitioner[KO, Any]


GroupedOption = Grouped[K, V] | Grouped[K, Unstated] | Grouped[Unstated, V] | Grouped[Unstated, Unstated]
MaterializedOption = (
    Materialized[K, V] | Materialized[K, Unstated] | Materialized[Unstated, V] | Materialized[Unstated, Unstated]
)
JoinedOption = (
    Joined[K, V, VO]
    | Joined[K, V, Unstated]
    | Joined[K, Unstated, VO]
    | Joined[K, Unstated, Unstated]
    | Joined[Unstated, V, VO]
    | Joined[Unstated, V, Unstated]
    | Joined[Unstated, Unstated, VO]
    | Joined[Unstated, Unstated, Unstated]
)
StreamJoinedOption = (
    StreamJoined[K, V, VO]
    | StreamJoined[K, V, Unstated]
    | StreamJoined[K, Unstated, VO]
    | StreamJoined[K, Unstated, Unstated]
    | StreamJoined[Unstated, V, VO]
    | StreamJoined[Unstated, V, Unstated]
    | StreamJoined[Unstated, Unstated, VO]
    | StreamJoined[Unstated, Unstated, Unstated]
)

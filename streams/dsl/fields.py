"""Keywords that stand for the fields of options, as type checkers see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from streams.dsl.stores import StoreSupplier, StoreType
from streams.durations import Duration
from streams.processor import TimestampExtractor
from streams.serdes.base import Serde
from streams.topology.reset import AutoOffsetReset


class SerdeFields(TypedDict, total=False):
    """Keywords that many options share."""

    key_serde: Serde[Any] | None
    value_serde: Serde[Any] | None
    name: str


class ConsumedFields(SerdeFields, total=False):
    """`Consumed`."""

    timestamp_extractor: TimestampExtractor
    offset_reset: AutoOffsetReset


class ProducedFields(SerdeFields, total=False):
    """`Produced`."""

    partitioner: Callable[..., object]
    stream_partitioner: Callable[..., object]


class GroupedFields(SerdeFields, total=False):
    """`Grouped`."""


class RepartitionedFields(SerdeFields, total=False):
    """`Repartitioned`."""

    partitions: int
    number_of_partitions: int
    partitioner: Callable[..., object]
    stream_partitioner: Callable[..., object]


class PrintedFields(TypedDict, total=False):
    """`Printed`."""

    file: str
    label: str
    mapper: Callable[[Any, Any], object]
    name: str


class TableFields(SerdeFields, total=False):
    """`Named` and `Materialized`."""

    store: str
    supplier: StoreSupplier
    store_type: StoreType
    caching: bool
    logging: Mapping[str, object] | None
    retention: Duration
    ttl: Duration


class SourceTableFields(TableFields, total=False):
    """`Consumed` and `Materialized`."""

    timestamp_extractor: TimestampExtractor
    offset_reset: AutoOffsetReset


class JoinedFields(SerdeFields, total=False):
    """`Joined`."""

    other_value_serde: Serde[Any] | None
    grace_period: Duration


class StreamJoinedFields(SerdeFields, total=False):
    """`StreamJoined`."""

    other_value_serde: Serde[Any] | None
    store_name: str
    this_store: StoreSupplier
    other_store: StoreSupplier
    store_type: StoreType
    logging: Mapping[str, object] | None


class ForeignKeyFields(TableFields, total=False):
    """`TableJoined` and `Materialized`."""

    partitioner: Callable[..., object]
    other_partitioner: Callable[..., object]

"""Kafka Streams for Python.

Public names are imported on first use, so that `import streams` costs next to nothing. Names of
`streams.clients`, `streams.testing` and `streams.errors` are found here too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams import clients as clients
    from streams import errors as errors
    from streams import testing as testing
    from streams.app import KafkaStreams as KafkaStreams
    from streams.clients import OffsetAndMetadata as OffsetAndMetadata
    from streams.clients.admin import Admin as Admin
    from streams.clients.consumer import Consumer as Consumer
    from streams.clients.fetch_buffer import ConsumerRecord as ConsumerRecord
    from streams.clients.producer import Producer as Producer
    from streams.clients.producer import ProducerRecord as ProducerRecord
    from streams.clients.subscriber import ConsumerRebalanceListener as ConsumerRebalanceListener
    from streams.config import StreamsConfig as StreamsConfig
    from streams.dsl.builder import StreamsBuilder as StreamsBuilder
    from streams.dsl.faces import Branched as Branched
    from streams.dsl.faces import BranchedKStream as BranchedKStream
    from streams.dsl.faces import CogroupedKStream as CogroupedKStream
    from streams.dsl.faces import GlobalKTable as GlobalKTable
    from streams.dsl.faces import KGroupedStream as KGroupedStream
    from streams.dsl.faces import KGroupedTable as KGroupedTable
    from streams.dsl.faces import KStream as KStream
    from streams.dsl.faces import KTable as KTable
    from streams.dsl.faces import SessionWindowedKStream as SessionWindowedKStream
    from streams.dsl.faces import TimeWindowedKStream as TimeWindowedKStream
    from streams.dsl.materialized import Materialized as Materialized
    from streams.dsl.options import Consumed as Consumed
    from streams.dsl.options import Grouped as Grouped
    from streams.dsl.options import Joined as Joined
    from streams.dsl.options import Named as Named
    from streams.dsl.options import Printed as Printed
    from streams.dsl.options import Produced as Produced
    from streams.dsl.options import Repartitioned as Repartitioned
    from streams.dsl.options import StreamJoined as StreamJoined
    from streams.dsl.options import TableJoined as TableJoined
    from streams.dsl.store_supplier import StoreType as StoreType
    from streams.dsl.stores import BuiltInDslStoreSuppliers as BuiltInDslStoreSuppliers
    from streams.dsl.stores import Stores as Stores
    from streams.dsl.suppressed import BufferConfig as BufferConfig
    from streams.dsl.suppressed import EmitStrategy as EmitStrategy
    from streams.dsl.suppressed import Suppressed as Suppressed
    from streams.dsl.windows import JoinWindows as JoinWindows
    from streams.dsl.windows import SessionWindows as SessionWindows
    from streams.dsl.windows import SlidingWindows as SlidingWindows
    from streams.dsl.windows import TimeWindows as TimeWindows
    from streams.dsl.windows import UnlimitedWindows as UnlimitedWindows
    from streams.dsl.windows import Windows as Windows
    from streams.errors import *  # noqa: F403
    from streams.exception_handlers import DeadLetter as DeadLetter
    from streams.exception_handlers import DefaultProductionExceptionHandler as DefaultProductionExceptionHandler
    from streams.exception_handlers import ErrorHandlerContext as ErrorHandlerContext
    from streams.exception_handlers import LogAndContinueExceptionHandler as LogAndContinueExceptionHandler
    from streams.exception_handlers import (
        LogAndContinueProcessingExceptionHandler as LogAndContinueProcessingExceptionHandler,
    )
    from streams.exception_handlers import LogAndFailExceptionHandler as LogAndFailExceptionHandler
    from streams.exception_handlers import LogAndFailProcessingExceptionHandler as LogAndFailProcessingExceptionHandler
    from streams.exception_handlers import Response as Response
    from streams.processor import Cancellable as Cancellable
    from streams.processor import ContextualFixedKeyProcessor as ContextualFixedKeyProcessor
    from streams.processor import ContextualProcessor as ContextualProcessor
    from streams.processor import FailOnInvalidTimestamp as FailOnInvalidTimestamp
    from streams.processor import FixedKeyProcessor as FixedKeyProcessor
    from streams.processor import FixedKeyProcessorContext as FixedKeyProcessorContext
    from streams.processor import FixedKeyRecord as FixedKeyRecord
    from streams.processor import LogAndSkipOnInvalidTimestamp as LogAndSkipOnInvalidTimestamp
    from streams.processor import Processor as Processor
    from streams.processor import ProcessorContext as ProcessorContext
    from streams.processor import PunctuationType as PunctuationType
    from streams.processor import Record as Record
    from streams.processor import RecordContext as RecordContext
    from streams.processor import StreamPartitioner as StreamPartitioner
    from streams.processor import TimestampExtractor as TimestampExtractor
    from streams.processor import TopicNameExtractor as TopicNameExtractor
    from streams.processor import UsePartitionTimeOnInvalidTimestamp as UsePartitionTimeOnInvalidTimestamp
    from streams.processor import ValueTransformerWithKey as ValueTransformerWithKey
    from streams.processor import WallclockTimestampExtractor as WallclockTimestampExtractor
    from streams.query.metadata import HostInfo as HostInfo
    from streams.query.metadata import KeyQueryMetadata as KeyQueryMetadata
    from streams.query.metadata import LagInfo as LagInfo
    from streams.query.metadata import StreamsMetadata as StreamsMetadata
    from streams.query.position import Position as Position
    from streams.query.position import PositionBound as PositionBound
    from streams.query.requests import IsolationLevel as IsolationLevel
    from streams.query.requests import KeyQuery as KeyQuery
    from streams.query.requests import MultiVersionedKeyQuery as MultiVersionedKeyQuery
    from streams.query.requests import PrefixQuery as PrefixQuery
    from streams.query.requests import RangeQuery as RangeQuery
    from streams.query.requests import StateQueryRequest as StateQueryRequest
    from streams.query.requests import TimestampedKeyQuery as TimestampedKeyQuery
    from streams.query.requests import TimestampedRangeQuery as TimestampedRangeQuery
    from streams.query.requests import VersionedKeyQuery as VersionedKeyQuery
    from streams.query.requests import WindowKeyQuery as WindowKeyQuery
    from streams.query.requests import WindowRangeQuery as WindowRangeQuery
    from streams.query.results import FailureReason as FailureReason
    from streams.query.results import QueryResult as QueryResult
    from streams.query.results import StateQueryResult as StateQueryResult
    from streams.query.stores import QueryableStoreTypes as QueryableStoreTypes
    from streams.query.stores import StoreQueryParameters as StoreQueryParameters
    from streams.record import Headers as Headers
    from streams.record import RecordMetadata as RecordMetadata
    from streams.record import TopicPartition as TopicPartition
    from streams.record import ValueAndTimestamp as ValueAndTimestamp
    from streams.record import VersionedRecord as VersionedRecord
    from streams.record import Window as Window
    from streams.record import Windowed as Windowed
    from streams.serdes import Serdes as Serdes
    from streams.serdes.base import Serde as Serde
    from streams.state.iterators import KeyValueIterator as KeyValueIterator
    from streams.state.iterators import WindowStoreIterator as WindowStoreIterator
    from streams.state.key_value_store import KeyValueStore as KeyValueStore
    from streams.state.key_value_store import ReadOnlyKeyValueStore as ReadOnlyKeyValueStore
    from streams.state.key_value_store import ReadOnlyTimestampedKeyValueStore as ReadOnlyTimestampedKeyValueStore
    from streams.state.key_value_store import ReadOnlyVersionedKeyValueStore as ReadOnlyVersionedKeyValueStore
    from streams.state.key_value_store import TimestampedKeyValueStore as TimestampedKeyValueStore
    from streams.state.key_value_store import VersionedKeyValueStore as VersionedKeyValueStore
    from streams.state.window_store import ReadOnlySessionStore as ReadOnlySessionStore
    from streams.state.window_store import ReadOnlyTimestampedWindowStore as ReadOnlyTimestampedWindowStore
    from streams.state.window_store import ReadOnlyWindowStore as ReadOnlyWindowStore
    from streams.state.window_store import SessionStore as SessionStore
    from streams.state.window_store import TimestampedWindowStore as TimestampedWindowStore
    from streams.state.window_store import WindowStore as WindowStore
    from streams.testing.driver import TopologyTestDriver as TopologyTestDriver
    from streams.testing.topics import TestInputTopic as TestInputTopic
    from streams.testing.topics import TestOutputTopic as TestOutputTopic
    from streams.testing.topics import TestRecord as TestRecord
    from streams.topology.graph import Topology as Topology
    from streams.topology.node import TaskId as TaskId
    from streams.topology.reset import AutoOffsetReset as AutoOffsetReset

_HOMES = {
    "streams.app": ("KafkaStreams",),
    "streams.config": ("StreamsConfig",),
    "streams.dsl.builder": ("StreamsBuilder",),
    "streams.dsl.faces": (
        "Branched",
        "BranchedKStream",
        "CogroupedKStream",
        "GlobalKTable",
        "KGroupedStream",
        "KGroupedTable",
        "KStream",
        "KTable",
        "SessionWindowedKStream",
        "TimeWindowedKStream",
    ),
    "streams.dsl.materialized": ("Materialized",),
    "streams.dsl.options": (
        "Consumed",
        "Grouped",
        "Joined",
        "Named",
        "Printed",
        "Produced",
        "Repartitioned",
        "StreamJoined",
        "TableJoined",
    ),
    "streams.dsl.store_supplier": ("StoreType",),
    "streams.dsl.stores": ("BuiltInDslStoreSuppliers", "Stores"),
    "streams.dsl.suppressed": ("BufferConfig", "EmitStrategy", "Suppressed"),
    "streams.dsl.windows": (
        "JoinWindows",
        "SessionWindows",
        "SlidingWindows",
        "TimeWindows",
        "UnlimitedWindows",
        "Windows",
    ),
    "streams.exception_handlers": (
        "DeadLetter",
        "DefaultProductionExceptionHandler",
        "ErrorHandlerContext",
        "LogAndContinueExceptionHandler",
        "LogAndContinueProcessingExceptionHandler",
        "LogAndFailExceptionHandler",
        "LogAndFailProcessingExceptionHandler",
        "Response",
    ),
    "streams.processor": (
        "Cancellable",
        "ContextualFixedKeyProcessor",
        "ContextualProcessor",
        "FailOnInvalidTimestamp",
        "FixedKeyProcessor",
        "FixedKeyProcessorContext",
        "FixedKeyRecord",
        "LogAndSkipOnInvalidTimestamp",
        "Processor",
        "ProcessorContext",
        "PunctuationType",
        "Record",
        "RecordContext",
        "StreamPartitioner",
        "TimestampExtractor",
        "TopicNameExtractor",
        "UsePartitionTimeOnInvalidTimestamp",
        "ValueTransformerWithKey",
        "WallclockTimestampExtractor",
    ),
    "streams.query.metadata": (
        "HostInfo",
        "KeyQueryMetadata",
        "LagInfo",
        "StreamsMetadata",
    ),
    "streams.query.position": (
        "Position",
        "PositionBound",
    ),
    "streams.query.requests": (
        "IsolationLevel",
        "KeyQuery",
        "MultiVersionedKeyQuery",
        "PrefixQuery",
        "RangeQuery",
        "StateQueryRequest",
        "TimestampedKeyQuery",
        "TimestampedRangeQuery",
        "VersionedKeyQuery",
        "WindowKeyQuery",
        "WindowRangeQuery",
    ),
    "streams.query.results": (
        "FailureReason",
        "QueryResult",
        "StateQueryResult",
    ),
    "streams.query.stores": (
        "QueryableStoreTypes",
        "StoreQueryParameters",
    ),
    "streams.record": (
        "Headers",
        "RecordMetadata",
        "TopicPartition",
        "ValueAndTimestamp",
        "VersionedRecord",
        "Window",
        "Windowed",
    ),
    "streams.serdes": ("Serdes",),
    "streams.serdes.base": ("Serde",),
    "streams.state.iterators": (
        "KeyValueIterator",
        "WindowStoreIterator",
    ),
    "streams.state.key_value_store": (
        "KeyValueStore",
        "ReadOnlyKeyValueStore",
        "ReadOnlyTimestampedKeyValueStore",
        "ReadOnlyVersionedKeyValueStore",
        "TimestampedKeyValueStore",
        "VersionedKeyValueStore",
    ),
    "streams.state.window_store": (
        "ReadOnlySessionStore",
        "ReadOnlyTimestampedWindowStore",
        "ReadOnlyWindowStore",
        "SessionStore",
        "TimestampedWindowStore",
        "WindowStore",
    ),
    "streams.topology.graph": ("Topology",),
    "streams.topology.node": ("TaskId",),
    "streams.topology.reset": ("AutoOffsetReset",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_ALSO_HERE = {
    **dict.fromkeys(("Admin", "Consumer", "ConsumerRebalanceListener", "ConsumerRecord"), "streams.clients"),
    **dict.fromkeys(("OffsetAndMetadata", "Producer", "ProducerRecord"), "streams.clients"),
    **dict.fromkeys(("TestInputTopic", "TestOutputTopic", "TestRecord", "TopologyTestDriver"), "streams.testing"),
}
"""Names that live in another room, where the pages import them from."""
_ROOMS = ("clients", "errors", "testing")

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


if not TYPE_CHECKING:  # a checker would take every name for one that is there

    def __getattr__(name: str) -> object:
        home = _HOME_OF.get(name) or _ALSO_HERE.get(name)
        if name in _ROOMS:
            return import_module(f"streams.{name}")
        if home is None and not name.endswith("Exception"):
            raise AttributeError(f"module 'streams' has no attribute {name!r}.{_meant(name)}")
        thing = getattr(import_module(home or "streams.errors"), name, None)
        if thing is None:
            raise AttributeError(f"module 'streams' has no attribute {name!r}.{_meant(name)}")
        globals()[name] = thing
        return thing


def _meant(name: str) -> str:
    if name.islower() or name.startswith("_"):
        return ""  # a room, which `from streams import room` asks for here before it is imported
    spelling, errors = import_module("streams.spelling"), import_module("streams.errors")
    hint: str = spelling.meant(name, (*_HOME_OF, *_ALSO_HERE, *vars(errors)))
    return hint


def __dir__() -> list[str]:
    return list(__all__)

"""The classes of the DSL as users see them: streams, tables, and what is grouped, windowed, cogrouped and split.

They are signatures and words. A method is one call of the function that puts its operator into the plan, over the
references (`refs`) behind the classes; those functions know no class of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypedDict, Unpack, overload

from streams.dsl import (
    aggregations,
    arity,
    branches,
    cogroups,
    grouping,
    joins,
    processors,
    repartition,
    stateless,
    suppress,
    table_join,
    tables,
)
from streams.dsl.aggregations import AggregationRef
from streams.dsl.checks import check_fields
from streams.dsl.fields import (
    ForeignKeyFields,
    GroupedFields,
    GroupedOption,
    JoinedFields,
    JoinedOption,
    MaterializedOption,
    NamedFields,
    PrintedFields,
    ProducedFields,
    RepartitionedFields,
    StreamJoinedFields,
    StreamJoinedOption,
    TableFields,
)
from streams.dsl.options import Named, Printed, Produced, Repartitioned, TableJoined, present
from streams.dsl.pick import Options, pick
from streams.dsl.refs import (
    CogroupedRef,
    GlobalTableRef,
    GroupedRef,
    GroupedTableRef,
    SplitRef,
    StreamRef,
    TableRef,
)
from streams.dsl.suppressed import EmitStrategy, Suppressed
from streams.dsl.windowing import Frame, frame_of
from streams.dsl.windows import JoinWindows, SessionWindows, SlidingWindows, TimeShape
from streams.durations import Duration
from streams.processor import (
    FixedKeyProcessor,
    ProcessesFixedKeyRecords,
    ProcessesRecords,
    Processor,
    TopicNameExtractor,
    ValueTransformerWithKey,
)
from streams.record import Windowed
from streams.signatures import written
from streams.spelling import no_attribute
from streams.type_variables import KO, KR, VO, VR, K, KAny, KAnyGiven, V, VAny, VAnyGiven


@written
class KStream(Generic[K, V]):
    """A stream of records, each of which stands for itself.

    Options (`Named` and the like) are given as objects, in any order, or as keywords. Methods raise
    `NullPointerException` for a None where something is needed, and `TopologyException` for a function that cannot
    be called in the form they need, or a name that is not allowed.
    """

    __slots__ = ("_ref",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: StreamRef) -> None:
        self._ref = ref

    def filter(
        self, predicate: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, V]:
        """Keeps the records for which `predicate(key, value)` is true."""
        return KStream(stateless.filter_(self._ref, "filter", predicate, False, options, fields))

    def filter_not(
        self, predicate: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, V]:
        """Drops the records for which `predicate(key, value)` is true."""
        return KStream(stateless.filter_(self._ref, "filter_not", predicate, True, options, fields))

    def select_key(
        self, mapper: Callable[[K, V], KR], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, V]:
        """Gives each record the key `mapper(key, value)`."""
        return KStream(stateless.select_key(self._ref, mapper, options, fields))

    def map(
        self, mapper: Callable[[K, V], tuple[KR, VR]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, VR]:
        """Makes of each record the pair `mapper(key, value)`."""
        return KStream(stateless.map_(self._ref, mapper, options, fields))

    @overload
    def map_values(
        self, mapper: Callable[[V], VR], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, VR]: ...
    @overload
    def map_values(
        self, mapper: Callable[[K, V], VR], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, VR]: ...
    def map_values(
        self, mapper: Callable[..., object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[Any, Any]:
        """Makes of each value `mapper(value)`, or `mapper(key, value)`; the key stays."""
        return KStream(stateless.map_values(self._ref, mapper, options, fields))

    @overload
    def map_values_async(
        self,
        mapper: Callable[[V], Awaitable[VR]],
        *options: Named,
        max_in_flight: int = ...,
        timeout: Duration | None = ...,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    @overload
    def map_values_async(
        self,
        mapper: Callable[[K, V], Awaitable[VR]],
        *options: Named,
        max_in_flight: int = ...,
        timeout: Duration | None = ...,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    def map_values_async(
        self,
        mapper: Callable[..., object],
        *options: Named,
        max_in_flight: int = 100,
        timeout: Duration | None = 30_000,
        **fields: Unpack[NamedFields],
    ) -> KStream[Any, Any]:
        """Makes of each value what `await mapper(value)`, or `await mapper(key, value)`, gives; the key stays. Not in
        Java.

        The records of a run are awaited together and go on in the order they came; a commit waits for all of them. An
        error, or no answer in time, goes to the processing exception handler.

        Args:
            mapper: an asynchronous function. All run on one thread, so none should block.
            max_in_flight: how many calls may be waited for at a time.
            timeout: of one call, timedelta or ms; None: any time.
        """
        return KStream(stateless.map_values_async(self._ref, mapper, options, fields, max_in_flight, timeout))

    def flat_map(
        self, mapper: Callable[[K, V], Iterable[tuple[KR, VR]]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, VR]:
        """Makes of each record the pairs that `mapper(key, value)` gives."""
        return KStream(stateless.flat_map(self._ref, mapper, options, fields))

    @overload
    def flat_map_values(
        self, mapper: Callable[[V], Iterable[VR]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, VR]: ...
    @overload
    def flat_map_values(
        self, mapper: Callable[[K, V], Iterable[VR]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, VR]: ...
    def flat_map_values(
        self, mapper: Callable[..., object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[Any, Any]:
        """Makes of each value the values that `mapper(value)`, or `mapper(key, value)`, gives; the key stays."""
        return KStream(stateless.flat_map_values(self._ref, mapper, options, fields))

    def peek(self, action: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]:
        """Calls `action(key, value)` for each record and passes it on."""
        return KStream(stateless.peek(self._ref, action, options, fields))

    def foreach(self, action: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]) -> None:
        """Calls `action(key, value)` for each record; nothing comes after."""
        stateless.foreach(self._ref, action, options, fields)

    def print(self, *options: Printed[K, V], **fields: Unpack[PrintedFields[K, V]]) -> None:
        """Prints each record as `[label]: key, value`."""
        stateless.print_(self._ref, options, fields)

    def to(
        self, topic: str | TopicNameExtractor[K, V], *options: Produced[K, V], **fields: Unpack[ProducedFields[K, V]]
    ) -> None:
        """Writes each record to a topic, or to the one that `topic(key, value, record_context)` gives."""
        stateless.to(self._ref, topic, options, fields)

    def merge(self, other: KStream[K, V], *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]:
        """The records of both streams, in no particular order between them."""
        return KStream(stateless.merge(self._ref, _ref(other), options, fields))

    def split(self, *options: Named, **fields: Unpack[NamedFields]) -> BranchedKStream[K, V]:
        """Begins to route records: `.branch(predicate)…` and then `.default_branch()` or `.no_default_branch()`."""
        return BranchedKStream(branches.split(self._ref, options, fields))

    def branch(self, *predicates: Callable[[K, V], object]) -> list[KStream[K, V]]:
        """One stream for each predicate; a record goes to the first that is true, else nowhere."""
        split = self.split()
        for predicate in predicates:
            split.branch(predicate)
        return list(split.no_default_branch().values())

    def repartition(self, *options: Repartitioned[K, V], **fields: Unpack[RepartitionedFields[K, V]]) -> KStream[K, V]:
        """Writes the records to a topic of the application's own, by their key, and reads them back."""
        return KStream(repartition.repartition(self._ref, options, fields))

    def to_table(self, *options: Named | MaterializedOption[K, V], **fields: Unpack[TableFields[K, V]]) -> KTable[K, V]:
        """The table whose rows the records update; a None value deletes."""
        return KTable(tables.to_table(self._ref, options, fields))

    def group_by_key(
        self, *options: GroupedOption[K, V], **fields: Unpack[GroupedFields[K, V]]
    ) -> KGroupedStream[K, V]:
        """Groups records by their key, to aggregate them."""
        return KGroupedStream(grouping.group_by_key(self._ref, options, fields))

    def group_by(
        self, selector: Callable[[K, V], KR], *options: GroupedOption[KR, V], **fields: Unpack[GroupedFields[KR, V]]
    ) -> KGroupedStream[KR, V]:
        """Groups records by the key `selector(key, value)`, through a repartition topic."""
        return KGroupedStream(grouping.group_by(self._ref, selector, options, fields))

    @overload
    def process(
        self,
        supplier: Callable[[], Processor[K, V, KR, VR]],
        *stores: str | Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[KR, VR]: ...
    @overload
    def process(
        self, supplier: Callable[[], ProcessesRecords[K, V]], *stores: str | Named, **fields: Unpack[NamedFields]
    ) -> KStream[Any, Any]: ...
    def process(
        self, supplier: Callable[[], object], *stores: str | Named, **fields: Unpack[NamedFields]
    ) -> KStream[Any, Any]:
        """Hands each record to a processor, which forwards what it likes; the key may change.

        Args:
            supplier: a class, or a callable without arguments that gives a new processor at each call.
            stores: names of the state stores it uses, and possibly `Named`.
        """
        return KStream(processors.process(self._ref, supplier, stores, fields, fixed_key=False))

    @overload
    def process_values(
        self,
        supplier: Callable[[], FixedKeyProcessor[K, V, VR]],
        *stores: str | Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    @overload
    def process_values(
        self,
        supplier: Callable[[], ProcessesFixedKeyRecords[K, V]],
        *stores: str | Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, Any]: ...
    def process_values(
        self, supplier: Callable[[], object], *stores: str | Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, Any]:
        """Hands each record to a fixed-key processor; the key stays, so that nothing is repartitioned for it."""
        return KStream(processors.process(self._ref, supplier, stores, fields, fixed_key=True))

    @overload
    def join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[V, VO], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V, VO], VR],
        *options: JoinedOption[K, V, VO],
        **fields: Unpack[JoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: GlobalKTable[KO, VO],
        key_selector: Callable[[K, V], KO | None],
        joiner: Callable[[V, VO], VR],
        *options: Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[K, V, VO], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V, VO], VR],
        *options: JoinedOption[K, V, VO],
        **fields: Unpack[JoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: GlobalKTable[KO, VO],
        key_selector: Callable[[K, V], KO | None],
        joiner: Callable[[K, V, VO], VR],
        *options: Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    def join(self, other: object, *given: object, **fields: object) -> KStream[Any, Any]:
        """Joins with a stream, a table or a global table; only records with a partner come out.

        `join(stream, joiner, windows)`, `join(table, joiner)` or `join(global_table, key_selector, joiner)`; the
        joiner gets `(left, right)` or `(key, left, right)`.
        """
        return KStream(joins.join("join", "inner", self._ref, _ref(other), given, fields))

    @overload
    def left_join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[V, VO | None], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V, VO | None], VR],
        *options: JoinedOption[K, V, VO],
        **fields: Unpack[JoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: GlobalKTable[KO, VO],
        key_selector: Callable[[K, V], KO | None],
        joiner: Callable[[V, VO | None], VR],
        *options: Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[K, V, VO | None], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V, VO | None], VR],
        *options: JoinedOption[K, V, VO],
        **fields: Unpack[JoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: GlobalKTable[KO, VO],
        key_selector: Callable[[K, V], KO | None],
        joiner: Callable[[K, V, VO | None], VR],
        *options: Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    def left_join(self, other: object, *given: object, **fields: object) -> KStream[Any, Any]:
        """As `join`, and records of this stream without a partner are joined with None."""
        return KStream(joins.join("left_join", "left", self._ref, _ref(other), given, fields))

    @overload
    def outer_join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[V | None, VO | None], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def outer_join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[K, V | None, VO | None], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    def outer_join(self, other: object, *given: object, **fields: object) -> KStream[Any, Any]:
        """As `join` of two streams, and records of either without a partner are joined with None."""
        return KStream(joins.join("outer_join", "outer", self._ref, _ref(other), given, fields))


@written
class KTable(Generic[K, V]):
    """A table: each record is the new value of its key, None deletes the row.

    A table has a store if the user names one or an operator below needs it. Options are given as objects, in any
    order, or as keywords.
    """

    __slots__ = ("_ref",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: TableRef) -> None:
        self._ref = ref

    @property
    def queryable_store_name(self) -> str | None:
        """Name of the table's store, if the user named it; else the table cannot be queried."""
        return self._ref.store

    def filter(
        self,
        predicate: Callable[[K, V], object],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """The rows for which `predicate(key, value)` is true; others are deleted."""
        return KTable(tables.filter_(self._ref, "filter", predicate, False, options, fields))

    def filter_not(
        self,
        predicate: Callable[[K, V], object],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """The rows for which `predicate(key, value)` is false."""
        return KTable(tables.filter_(self._ref, "filter_not", predicate, True, options, fields))

    @overload
    def map_values(
        self,
        mapper: Callable[[V], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def map_values(
        self,
        mapper: Callable[[K, V], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    def map_values(self, mapper: Callable[..., object], *options: object, **fields: object) -> KTable[Any, Any]:
        """The rows with the value `mapper(value)`, or `mapper(key, value)`; not called for deleted rows."""
        return KTable(tables.map_values(self._ref, mapper, options, fields))

    def transform_values(
        self,
        transformer_supplier: Callable[[], ValueTransformerWithKey[K, V, VR]],
        *stores_and_options: str | Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """The rows with values from a transformer with `init(context)`, `transform(key, value)` and `close()`.

        Args:
            transformer_supplier: a class, or a callable without arguments that gives a new transformer.
            stores_and_options: names of the state stores it uses, and options.
        """
        return KTable(tables.transform_values(self._ref, transformer_supplier, stores_and_options, fields))

    @overload
    def to_stream(self, *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]: ...
    @overload
    def to_stream(
        self, mapper: Callable[[K, V], KR], /, *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, V]: ...
    def to_stream(self, *given: Callable[..., object] | Named, **fields: Unpack[NamedFields]) -> KStream[Any, Any]:
        """The stream of the table's updates, under the key `mapper(key, value)` if one is given."""
        return KStream(tables.to_stream(self._ref, given, fields))

    def suppress(self, suppressed: Suppressed[K]) -> KTable[K, V]:
        """Holds updates back until a time limit, or until their window is closed."""
        return KTable(suppress.suppress(self._ref, suppressed))

    def group_by(
        self,
        selector: Callable[[K, V], tuple[KR, VR]],
        *options: GroupedOption[KR, VR],
        **fields: Unpack[GroupedFields[KR, VR]],
    ) -> KGroupedTable[KR, VR]:
        """Groups the rows by the pair `selector(key, value)`, through a repartition topic."""
        return KGroupedTable(grouping.group_table(self._ref, selector, options, fields))

    @overload
    def join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V, VO], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[V], KO | None],
        joiner: Callable[[V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[K, V], KO | None],
        joiner: Callable[[V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[K, V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V, VO], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[V], KO | None],
        joiner: Callable[[K, V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[K, V], KO | None],
        joiner: Callable[[K, V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[K, V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[K, V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[K, V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    def join(
        self,
        other: KTable[Any, Any],
        *given: object,
        foreign_key: Callable[..., object] | None = None,
        **fields: object,
    ) -> KTable[Any, Any]:
        """Joins rows of equal keys, or by a foreign key: `join(other, joiner)`, `join(other, extractor, joiner)` or
        `join(other, joiner, foreign_key=extractor)`.

        The joiner gets `(left, right)` or `(key, left, right)`; the extractor `(value)` or `(key, value)`.
        """
        return KTable(table_join.join("join", "inner", self._ref, _ref(other), given, foreign_key, fields))

    @overload
    def left_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V, VO | None], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[V], KO | None],
        joiner: Callable[[V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[K, V], KO | None],
        joiner: Callable[[V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[K, V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V, VO | None], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[V], KO | None],
        joiner: Callable[[K, V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[K, V], KO | None],
        joiner: Callable[[K, V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[K, V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[K, V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[K, V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    def left_join(
        self,
        other: KTable[Any, Any],
        *given: object,
        foreign_key: Callable[..., object] | None = None,
        **fields: object,
    ) -> KTable[Any, Any]:
        """As `join`, and rows without a partner are joined with None."""
        return KTable(table_join.join("left_join", "left", self._ref, _ref(other), given, foreign_key, fields))

    @overload
    def outer_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V | None, VO | None], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def outer_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V | None, VO | None], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    def outer_join(self, other: KTable[Any, Any], *given: object, **fields: object) -> KTable[Any, Any]:
        """As `join` by equal keys, and rows of either side without a partner are joined with None."""
        return KTable(table_join.join("outer_join", "outer", self._ref, _ref(other), given, None, fields))


class GlobalKTable(Generic[K, V]):
    """A table of a whole topic, for joins by any key; it needs no co-partitioning."""

    __slots__ = ("_ref",)

    def __init__(self, ref: GlobalTableRef) -> None:
        self._ref = ref

    @property
    def queryable_store_name(self) -> str | None:
        """Name of the table's store, if the user named it."""
        return self._ref.store


@written
@dataclass(frozen=True)
class Branched(Generic[KAny, VAny]):
    """A branch: its name (after the split's), and what becomes of its stream.

    Args:
        name: None: its number.
        function: gets the branch's stream; what it returns stands in the map, unless None.
        consumer: gets the branch's stream; the branch does not stand in the map.
    """

    name: str | None = None
    function: Callable[[KStream[KAny, VAny]], KStream[KAny, VAny] | None] | None = None
    consumer: Callable[[KStream[KAny, VAny]], object] | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Branched[KAnyGiven, VAnyGiven]:
        return Branched(name)

    @classmethod
    def with_function(
        cls,
        function: Callable[[KStream[KAnyGiven, VAnyGiven]], KStream[KAnyGiven, VAnyGiven] | None],
        name: str | None = None,
    ) -> Branched[KAnyGiven, VAnyGiven]:
        return Branched(name, present(function, "chain function cannot be null"))

    @classmethod
    def with_consumer(
        cls, consumer: Callable[[KStream[KAnyGiven, VAnyGiven]], object], name: str | None = None
    ) -> Branched[KAnyGiven, VAnyGiven]:
        return Branched(name, None, present(consumer, "chain consumer cannot be null"))

    def with_name(self, name: str | None) -> Branched[KAny, VAny]:
        return replace(self, name=name)


class BranchedFields(TypedDict, Generic[K, V], total=False):
    """`Branched`."""

    name: str
    function: Callable[[KStream[K, V]], KStream[K, V] | None]
    consumer: Callable[[KStream[K, V]], object]


@written
class BranchedKStream(Generic[K, V]):
    """A stream that is being split. A record goes to the first branch whose predicate is true."""

    __slots__ = ("_ref", "_streams")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: SplitRef) -> None:
        self._ref = ref
        self._streams: dict[str, KStream[K, V]] = {}

    def branch(
        self, predicate: Callable[[K, V], object], *options: Branched[K, V], **fields: Unpack[BranchedFields[K, V]]
    ) -> BranchedKStream[K, V]:
        """Adds a branch for the records for which `predicate(key, value)` is true."""
        self._ref.predicates.append(arity.fixed(predicate, arity.PAIR_FORM, "branch", "predicate cannot be null"))
        return self._add("branch", len(self._ref.predicates), options, fields)

    def default_branch(
        self, *options: Branched[K, V], **fields: Unpack[BranchedFields[K, V]]
    ) -> dict[str, KStream[K, V]]:
        """Ends the split with a branch for all other records; gives the branches by name."""
        return self._add("default_branch", 0, options, fields).no_default_branch()

    def no_default_branch(self) -> dict[str, KStream[K, V]]:
        """Ends the split; records of no branch are dropped. Gives the branches by name."""
        return dict(self._streams)

    def _add(self, method: str, number: int, options: Options, fields: BranchedFields[K, V]) -> BranchedKStream[K, V]:
        branched: Branched[K, V] = pick(method, Branched, options, fields, "branched cannot be null") or Branched()
        ref = branches.branch(self._ref, branched.name, number)
        stream: KStream[K, V] = KStream(ref)
        if branched.function is not None:
            made = branched.function(stream)
            if isinstance(made, KStream):
                self._streams[ref.name] = made
        elif branched.consumer is not None:
            branched.consumer(stream)
        else:
            self._streams[ref.name] = stream
        return self


@written
class KGroupedStream(Generic[K, V]):
    """Records grouped by key. Records without key or value are dropped by what follows."""

    __slots__ = ("_ref",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: GroupedRef) -> None:
        self._ref = ref

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[K, int]:
        """How many records each key has."""
        return KTable(aggregations.count(AggregationRef(self._ref), options, fields))

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """`reducer(aggregate, value)` for each record; the first value of a key is taken as it is."""
        return KTable(aggregations.reduce(AggregationRef(self._ref), reducer, options, fields))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        aggregator: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """`aggregator(key, value, aggregate)` for each record, from what `initializer()` gives."""
        return KTable(aggregations.aggregate(AggregationRef(self._ref), initializer, aggregator, options, fields))

    @overload
    def windowed_by(self, windows: TimeShape | SlidingWindows) -> TimeWindowedKStream[K, V]: ...
    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedKStream[K, V]: ...
    def windowed_by(
        self, windows: TimeShape | SlidingWindows | SessionWindows
    ) -> TimeWindowedKStream[K, V] | SessionWindowedKStream[K, V]:
        """Groups further by windows of time."""
        ref = AggregationRef(self._ref, frame_of(windows))
        return SessionWindowedKStream(ref) if isinstance(windows, SessionWindows) else TimeWindowedKStream(ref)

    def cogroup(self, aggregator: Callable[[K, V, VR], VR | None]) -> CogroupedKStream[K, VR]:
        """Begins an aggregation over several grouped streams."""
        groups = CogroupedRef(self._ref.records.plan)
        return CogroupedKStream(cogroups.cogroup(groups, self._ref, aggregator))


@written
class KGroupedTable(Generic[K, V]):
    """Rows grouped by another key. Each update takes the old row out of its group and puts the new one in."""

    __slots__ = ("_ref",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: GroupedTableRef) -> None:
        self._ref = ref

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[K, int]:
        """How many rows each group has."""
        return KTable(aggregations.count_table(self._ref, options, fields))

    def reduce(
        self,
        adder: Callable[[V, V], V | None],
        subtractor: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """`adder(aggregate, value)` for a row that comes, `subtractor(aggregate, value)` for one that goes."""
        return KTable(aggregations.reduce_table(self._ref, adder, subtractor, options, fields))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        adder: Callable[[K, V, VR], VR | None],
        subtractor: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """`adder(key, value, aggregate)` for a row that comes, `subtractor(…)` for one that goes."""
        return KTable(aggregations.aggregate_table(self._ref, initializer, adder, subtractor, options, fields))


@written
class TimeWindowedKStream(Generic[K, V]):
    """Records grouped by key and window; the keys of the results are `Windowed`."""

    __slots__ = ("_ref",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: AggregationRef) -> None:
        self._ref = ref

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[Windowed[K], int]:
        """How many records each key has in each window."""
        return KTable(aggregations.count(self._ref, options, fields))

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[Windowed[K], V]:
        """`reducer(aggregate, value)` for each record; the first value of a window is taken as it is."""
        return KTable(aggregations.reduce(self._ref, reducer, options, fields))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        aggregator: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """`aggregator(key, value, aggregate)` for each record, from what `initializer()` gives."""
        return KTable(aggregations.aggregate(self._ref, initializer, aggregator, options, fields))

    def emit_strategy(self, strategy: EmitStrategy) -> TimeWindowedKStream[K, V]:
        """Sets when results are passed on, and gives the stream itself.

        Raises:
            IllegalArgumentException: windows that never end cannot wait for their end.
        """
        self._ref = aggregations.emit_strategy(self._ref, strategy)
        return self


@written
class SessionWindowedKStream(Generic[K, V]):
    """Records grouped by key and session; the keys of the results are `Windowed`."""

    __slots__ = ("_ref",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: AggregationRef) -> None:
        self._ref = ref

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[Windowed[K], int]:
        """How many records each session has."""
        return KTable(aggregations.count(self._ref, options, fields))

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[Windowed[K], V]:
        """`reducer(aggregate, value)` for each record, and for sessions that become one."""
        return KTable(aggregations.reduce(self._ref, reducer, options, fields))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        aggregator: Callable[[K, V, VR], VR | None],
        session_merger: Callable[[K, VR, VR], object],  # VR here would make Any of VR where both are lambdas (mypy)
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """`aggregator(key, value, aggregate)` for each record, `session_merger(key, left, right)` for sessions
        that become one."""
        return KTable(
            aggregations.aggregate_sessions(self._ref, initializer, aggregator, session_merger, options, fields)
        )

    def emit_strategy(self, strategy: EmitStrategy) -> SessionWindowedKStream[K, V]:
        """Sets when results are passed on, and gives the stream itself."""
        self._ref = aggregations.emit_strategy(self._ref, strategy)
        return self


@written
class CogroupedKStream(Generic[K, VR]):
    """Grouped streams that are aggregated into one table."""

    __slots__ = ("_ref",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: CogroupedRef) -> None:
        self._ref = ref

    def cogroup(
        self, grouped: KGroupedStream[K, V], aggregator: Callable[[K, V, VR], VR | None]
    ) -> CogroupedKStream[K, VR]:
        """Adds a grouped stream, whose records `aggregator(key, value, aggregate)` takes in."""
        cogroups.cogroup(self._ref, _ref(grouped), aggregator)
        return self

    def aggregate(
        self,
        initializer: Callable[[], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """The table of the aggregates, from what `initializer()` gives."""
        return KTable(cogroups.aggregate(self._ref, initializer, options, fields))

    @overload
    def windowed_by(self, windows: TimeShape | SlidingWindows) -> TimeWindowedCogroupedKStream[K, VR]: ...
    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedCogroupedKStream[K, VR]: ...
    def windowed_by(
        self, windows: TimeShape | SlidingWindows | SessionWindows
    ) -> TimeWindowedCogroupedKStream[K, VR] | SessionWindowedCogroupedKStream[K, VR]:
        """Groups further by windows of time."""
        frame = frame_of(windows)
        if isinstance(windows, SessionWindows):
            return SessionWindowedCogroupedKStream(self._ref, frame)
        return TimeWindowedCogroupedKStream(self._ref, frame)


@written
class TimeWindowedCogroupedKStream(Generic[K, VR]):
    """A cogroup by key and window."""

    __slots__ = ("_frame", "_ref")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: CogroupedRef, frame: Frame) -> None:
        self._ref = ref
        self._frame = frame

    def aggregate(
        self,
        initializer: Callable[[], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """The table of the aggregates of each key and window."""
        return KTable(cogroups.aggregate(self._ref, initializer, options, fields, self._frame))


@written
class SessionWindowedCogroupedKStream(Generic[K, VR]):
    """A cogroup by key and session."""

    __slots__ = ("_frame", "_ref")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, ref: CogroupedRef, frame: Frame) -> None:
        self._ref = ref
        self._frame = frame

    def aggregate(
        self,
        initializer: Callable[[], VR],
        session_merger: Callable[[K, VR, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """The table of the aggregates of each key and session; `session_merger(key, left, right)` joins sessions."""
        return KTable(
            cogroups.aggregate_sessions(self._ref, initializer, session_merger, options, fields, self._frame)
        )


def _ref(thing: object) -> object:
    """What stands behind a stream, a table or a group; anything else is itself, for the function to refuse."""
    return thing._ref if isinstance(thing, KStream | KTable | GlobalKTable | KGroupedStream) else thing

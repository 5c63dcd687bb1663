"""`KGroupedStream` and `KGroupedTable`: what can be aggregated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Unpack, overload

from streams.dsl import arity
from streams.dsl.flow import Flow
from streams.dsl.grouping import Grouping, TableGrouping
from streams.dsl.materialized import Materialized
from streams.dsl.options import Named
from streams.dsl.pick import pick_two
from streams.operators import aggregate as streams_of
from streams.operators import table_aggregate as tables_of
from streams.serdes import Serdes
from streams.signatures import written
from streams.spelling import no_attribute
from streams.type_variables import VR, K, V

if TYPE_CHECKING:
    from streams.dsl.cogrouped import CogroupedKStream
    from streams.dsl.fields import MaterializedOption, TableFields
    from streams.dsl.table import KTable
    from streams.dsl.windowed import SessionWindowedKStream, TimeWindowedKStream
    from streams.dsl.windows import SessionWindows, SlidingWindows, TimeShape

MISSING = "materialized can't be null"
AGGREGATE = "KSTREAM-AGGREGATE-"
REDUCE = "KSTREAM-REDUCE-"


@written
class KGroupedStream(Generic[K, V]):
    """Records grouped by key. Records without key or value are dropped by what follows."""

    __slots__ = ("_grouping",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, grouping: Grouping) -> None:
        self._grouping = grouping

    @property
    def _flow(self) -> Flow:
        return self._grouping.flow

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[K, int]:
        """How many records each key has."""
        named, m = pick_two("count", Named, Materialized, options, fields, MISSING)
        settled = self._grouping.settle(m, AGGREGATE, Serdes.long(), count=True)
        return self._grouping.table(settled, named, AGGREGATE, streams_of.stream_count(settled.name))

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """`reducer(aggregate, value)` for each record; the first value of a key is taken as it is."""
        fn = arity.fixed(reducer, arity.REDUCE_FORM, "reduce", "reducer can't be null")
        named, m = pick_two("reduce", Named, Materialized, options, fields, MISSING)
        settled = self._grouping.settle(m, REDUCE, self._flow.value_serde)
        return self._grouping.table(settled, named, REDUCE, streams_of.stream_reduce(settled.name, fn))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        aggregator: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """`aggregator(key, value, aggregate)` for each record, from what `initializer()` gives."""
        init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
        fn = arity.fixed(aggregator, arity.AGGREGATE_FORM, "aggregate", "aggregator can't be null")
        named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
        settled = self._grouping.settle(m, AGGREGATE, None)
        make = streams_of.stream_aggregate(settled.name, init, fn)
        return self._grouping.table(settled, named, AGGREGATE, make)

    @overload
    def windowed_by(self, windows: TimeShape | SlidingWindows) -> TimeWindowedKStream[K, V]: ...
    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedKStream[K, V]: ...
    def windowed_by(
        self, windows: TimeShape | SlidingWindows | SessionWindows
    ) -> TimeWindowedKStream[K, V] | SessionWindowedKStream[K, V]:
        """Groups further by windows of time."""
        from streams.dsl.windowed import windowed_by

        return windowed_by(self._grouping, windows)

    def cogroup(self, aggregator: Callable[[K, V, VR], VR | None]) -> CogroupedKStream[K, VR]:
        """Begins an aggregation over several grouped streams."""
        from streams.dsl.cogrouped import CogroupedKStream

        cogrouped: CogroupedKStream[K, VR] = CogroupedKStream(self._flow)
        return cogrouped.cogroup(self, aggregator)


@written
class KGroupedTable(Generic[K, V]):
    """Rows grouped by another key. Each update takes the old row out of its group and puts the new one in."""

    __slots__ = ("_grouping",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, grouping: TableGrouping) -> None:
        self._grouping = grouping

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[K, int]:
        """How many rows each group has."""
        named, m = pick_two("count", Named, Materialized, options, fields, MISSING)
        settled = self._grouping.settle(m, Serdes.long())
        return self._grouping.table(settled, named, "KTABLE-AGGREGATE-", tables_of.table_count(settled.name))

    def reduce(
        self,
        adder: Callable[[V, V], V | None],
        subtractor: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """`adder(aggregate, value)` for a row that comes, `subtractor(aggregate, value)` for one that goes."""
        add = arity.fixed(adder, arity.REDUCE_FORM, "reduce", "adder can't be null")
        subtract = arity.fixed(subtractor, arity.REDUCE_FORM, "reduce", "subtractor can't be null")
        named, m = pick_two("reduce", Named, Materialized, options, fields, MISSING)
        settled = self._grouping.settle(m, self._grouping.flow.value_serde)
        make = tables_of.table_reduce(settled.name, add, subtract)
        return self._grouping.table(settled, named, "KTABLE-REDUCE-", make)

    def aggregate(
        self,
        initializer: Callable[[], VR],
        adder: Callable[[K, V, VR], VR | None],
        subtractor: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """`adder(key, value, aggregate)` for a row that comes, `subtractor(…)` for one that goes."""
        init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
        add = arity.fixed(adder, arity.AGGREGATE_FORM, "aggregate", "adder can't be null")
        subtract = arity.fixed(subtractor, arity.AGGREGATE_FORM, "aggregate", "subtractor can't be null")
        named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
        settled = self._grouping.settle(m, None)
        make = tables_of.table_aggregate(settled.name, init, add, subtract)
        return self._grouping.table(settled, named, "KTABLE-AGGREGATE-", make)

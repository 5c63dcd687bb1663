"""Cogroups: several grouped streams aggregated into one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Unpack, overload

from streams.dsl import arity
from streams.dsl.flow import Flow, MaybeSerde, same_builder
from streams.dsl.grouped import MISSING, KGroupedStream
from streams.dsl.grouping import Settled
from streams.dsl.materialized import Materialized, key_value_store
from streams.dsl.options import Named
from streams.dsl.pick import pick_two
from streams.dsl.repartition import add_repartition, planned_repartition
from streams.dsl.table import KTable
from streams.dsl.windowing import Frame, session_frame, sliding_frame, time_frame
from streams.dsl.windows import SessionWindows, SlidingWindows, TimeShape, check_windows
from streams.errors import IllegalArgumentException
from streams.operators.aggregate import stream_aggregate
from streams.operators.base import StepMaker
from streams.operators.stateless import pass_through
from streams.operators.views import StoreView, View
from streams.record import Windowed
from streams.signatures import written
from streams.spelling import no_attribute
from streams.topology.plan import PlannedStore, Step, TableKind, TablePlan
from streams.type_variables import VR, K, V

if TYPE_CHECKING:
    from streams.dsl.fields import MaterializedOption, TableFields

Maker = Callable[[Callable[..., object]], StepMaker]

AGGREGATE = "COGROUPKSTREAM-AGGREGATE-"
MERGE = "COGROUPKSTREAM-MERGE-"


class _Groups:
    """The grouped streams of a cogroup with their aggregators, and the repartitions that were put below them."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.streams: dict[KGroupedStream[Any, Any], Callable[..., object]] = {}
        self._parents: dict[KGroupedStream[Any, Any], tuple[int, frozenset[str]]] = {}

    def settle(self, given: Materialized[Any, Any] | None) -> Settled:
        """Names the store. Serdes do not come from the grouped streams, as in Java."""
        m = given or Materialized()
        return Settled(m.queryable or self.flow.plan.names.store(AGGREGATE), m)

    def table(
        self,
        settled: Settled,
        named: Named | None,
        make: Maker,
        store: PlannedStore,
        view: View,
        key_serde: MaybeSerde,
        *,
        versioned: bool = False,
        grace_ms: int | None = None,
    ) -> KTable[Any, Any]:
        """One aggregating node for each stream, all on one store, and a merge."""
        plan, given = self.flow.plan, None if named is None else named.name
        sources = self._partitioned(settled)
        nodes, names = [], []
        for i, (stream, aggregator) in enumerate(self.streams.items()):
            name = plan.names.named(given, AGGREGATE, f"-cogroup-agg-{i}")
            part = Step(make(aggregator), () if i == 0 else (settled.name,), store if i == 0 else None)
            parent = self._parents[stream][0]
            nodes.append(plan.add(name, part, (parent,), versioned=versioned, grace_ms=grace_ms))
            names.append(name)
        merge = plan.names.named(given, MERGE, "-cogroup-merge")
        table = plan.table(TablePlan(TableKind.STORED, (*names, merge), materialized=True))
        node = plan.add(merge, Step(pass_through(), table=table), nodes)
        m = settled.materialized
        flow = Flow(plan, node, merge, sources, key_serde, m.value_serde)
        return KTable(flow, table, view, m.queryable)

    def _partitioned(self, settled: Settled) -> frozenset[str]:
        """Repartitions what needs it, and notes that all must be partitioned alike."""
        sources: frozenset[str] = frozenset()
        for stream in self.streams:
            grouping = stream._grouping
            flow = grouping.flow
            if flow.rekeyed:
                prefix = grouping.user_name or settled.name
                named = grouping.user_name is not None or settled.materialized.queryable is not None
                part = planned_repartition(flow, prefix, flow.key_serde, flow.value_serde, named=named)
                if stream not in self._parents:
                    self._parents[stream] = (add_repartition(flow, part), frozenset({part.source}))
            else:
                self._parents[stream] = (flow.node, flow.sources)
            sources |= self._parents[stream][1]
        self.flow.plan.copartition(sources)
        return sources


@written
class CogroupedKStream(Generic[K, VR]):
    """Grouped streams that are aggregated into one table."""

    __slots__ = ("_groups",)

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, flow: Flow) -> None:
        self._groups = _Groups(flow)

    def cogroup(
        self, grouped: KGroupedStream[K, V], aggregator: Callable[[K, V, VR], VR | None]
    ) -> CogroupedKStream[K, VR]:
        """Adds a grouped stream, whose records `aggregator(key, value, aggregate)` takes in."""
        arity.present(grouped, "groupedStream can't be null")
        if not isinstance(grouped, KGroupedStream):
            raise IllegalArgumentException(f"cogroup() takes a KGroupedStream, got {grouped!r}.")
        same_builder("cogroup", self._groups.flow, grouped._flow)
        fn = arity.fixed(aggregator, arity.AGGREGATE_FORM, "cogroup", "aggregator can't be null")
        self._groups.streams[grouped] = fn
        return self

    def aggregate(
        self,
        initializer: Callable[[], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """The table of the aggregates, from what `initializer()` gives."""
        init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
        named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
        settled = self._groups.settle(m)
        return self._groups.table(
            settled,
            named,
            lambda fn: stream_aggregate(settled.name, init, fn),
            key_value_store(settled.materialized, settled.name),
            StoreView(settled.name),
            settled.materialized.key_serde,
            versioned=settled.materialized.versioned,
        )

    @overload
    def windowed_by(self, windows: TimeShape | SlidingWindows) -> TimeWindowedCogroupedKStream[K, VR]: ...
    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedCogroupedKStream[K, VR]: ...
    def windowed_by(
        self, windows: TimeShape | SlidingWindows | SessionWindows
    ) -> TimeWindowedCogroupedKStream[K, VR] | SessionWindowedCogroupedKStream[K, VR]:
        """Groups further by windows of time."""
        check_windows("windowed_by", windows)
        if isinstance(windows, SessionWindows):
            return SessionWindowedCogroupedKStream(self._groups, session_frame(windows))
        frame = sliding_frame(windows) if isinstance(windows, SlidingWindows) else time_frame(windows)
        return TimeWindowedCogroupedKStream(self._groups, frame)


def _windowed(
    groups: _Groups,
    frame: Frame,
    initializer: Callable[[], object],
    merger: Callable[..., object] | None,
    options: tuple[object, ...],
    fields: TableFields[Any, Any],
) -> KTable[Any, Any]:
    init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
    named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
    settled = groups.settle(m)
    return groups.table(
        settled,
        named,
        lambda fn: frame.aggregate(settled.name, init, fn, merger, False),
        frame.store(settled),
        frame.view(settled.name),
        frame.key_serde(settled.materialized),
        grace_ms=frame.close_ms,
    )


@written
class TimeWindowedCogroupedKStream(Generic[K, VR]):
    """A cogroup by key and window."""

    __slots__ = ("_frame", "_groups")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, groups: _Groups, frame: Frame) -> None:
        self._groups = groups
        self._frame = frame

    def aggregate(
        self,
        initializer: Callable[[], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """The table of the aggregates of each key and window."""
        return _windowed(self._groups, self._frame, initializer, None, options, fields)


@written
class SessionWindowedCogroupedKStream(Generic[K, VR]):
    """A cogroup by key and session."""

    __slots__ = ("_frame", "_groups")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, groups: _Groups, frame: Frame) -> None:
        self._groups = groups
        self._frame = frame

    def aggregate(
        self,
        initializer: Callable[[], VR],
        session_merger: Callable[[K, VR, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """The table of the aggregates of each key and session; `session_merger(key, left, right)` joins sessions."""
        merger = arity.fixed(session_merger, arity.MERGE_FORM, "aggregate", "sessionMerger can't be null")
        return _windowed(self._groups, self._frame, initializer, merger, options, fields)

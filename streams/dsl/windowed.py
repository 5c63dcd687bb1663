"""`TimeWindowedKStream` and `SessionWindowedKStream`: aggregations for each key and window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Unpack

from streams.dsl import arity
from streams.dsl.grouped import AGGREGATE, MISSING, REDUCE
from streams.dsl.grouping import Grouping, Settled
from streams.dsl.materialized import Materialized
from streams.dsl.options import Named
from streams.dsl.pick import pick_two
from streams.dsl.suppressed import EmitStrategy
from streams.dsl.table import KTable
from streams.dsl.windowing import Frame, session_frame, sliding_frame, time_frame
from streams.dsl.windows import SessionWindows, SlidingWindows, TimeShape, UnlimitedWindows, check_windows
from streams.errors import IllegalArgumentException, NullPointerException
from streams.operators.base import StepMaker
from streams.record import Windowed
from streams.serdes import Serdes
from streams.signatures import written
from streams.spelling import no_attribute
from streams.type_variables import VR, K, V

if TYPE_CHECKING:
    from streams.dsl.fields import MaterializedOption, TableFields


def windowed_by(
    grouping: Grouping, windows: TimeShape | SlidingWindows | SessionWindows
) -> TimeWindowedKStream[Any, Any] | SessionWindowedKStream[Any, Any]:
    """A grouped stream with windows.

    Raises:
        NullPointerException: the windows are None.
    """
    check_windows("windowed_by", windows)
    if isinstance(windows, SessionWindows):
        return SessionWindowedKStream(grouping, session_frame(windows))
    frame = sliding_frame(windows) if isinstance(windows, SlidingWindows) else time_frame(windows)
    return TimeWindowedKStream(grouping, frame, isinstance(windows, UnlimitedWindows))


def _count(
    grouping: Grouping, frame: Frame, on_close: bool, options: tuple[object, ...], fields: TableFields[Any, Any]
) -> KTable[Any, Any]:
    named, m = pick_two("count", Named, Materialized, options, fields, MISSING)
    settled = grouping.settle(m, AGGREGATE, Serdes.long(), count=frame.count_skips)
    make = frame.count(settled.name, on_close)
    return _table(grouping, frame, settled, named, AGGREGATE, make, on_close)


def _reduce(
    grouping: Grouping,
    frame: Frame,
    on_close: bool,
    reducer: Callable[[Any, Any], object],
    options: tuple[object, ...],
    fields: TableFields[Any, Any],
) -> KTable[Any, Any]:
    fn = arity.fixed(reducer, arity.REDUCE_FORM, "reduce", "reducer can't be null")
    named, m = pick_two("reduce", Named, Materialized, options, fields, MISSING)
    settled = grouping.settle(m, REDUCE, grouping.flow.value_serde)
    make = frame.reduce(settled.name, fn, on_close)
    return _table(grouping, frame, settled, named, REDUCE, make, on_close)


def _table(
    grouping: Grouping,
    frame: Frame,
    settled: Settled,
    named: Named | None,
    prefix: str,
    make: StepMaker,
    on_close: bool,
) -> KTable[Any, Any]:
    return grouping.aggregated(
        settled,
        named,
        prefix,
        make,
        frame.store(settled, on_close),
        frame.view(settled.name),
        frame.key_serde(settled.materialized),
        grace_ms=frame.close_ms,
    )


def _check_strategy(strategy: object) -> None:
    if strategy is None:
        raise NullPointerException("emitStrategy can't be null")
    if not isinstance(strategy, EmitStrategy):
        raise IllegalArgumentException(f"emit_strategy() takes an EmitStrategy, got {strategy!r}.")


@written
class TimeWindowedKStream(Generic[K, V]):
    """Records grouped by key and window; the keys of the results are `Windowed`."""

    __slots__ = ("_frame", "_grouping", "_on_close", "_unlimited")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, grouping: Grouping, frame: Frame, unlimited: bool = False) -> None:
        self._grouping = grouping
        self._frame = frame
        self._unlimited = unlimited
        self._on_close = False

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[Windowed[K], int]:
        """How many records each key has in each window."""
        return _count(self._grouping, self._frame, self._on_close, options, fields)

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[Windowed[K], V]:
        """`reducer(aggregate, value)` for each record; the first value of a window is taken as it is."""
        return _reduce(self._grouping, self._frame, self._on_close, reducer, options, fields)

    def aggregate(
        self,
        initializer: Callable[[], VR],
        aggregator: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """`aggregator(key, value, aggregate)` for each record, from what `initializer()` gives."""
        init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
        fn = arity.fixed(aggregator, arity.AGGREGATE_FORM, "aggregate", "aggregator can't be null")
        named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
        settled = self._grouping.settle(m, AGGREGATE, None)
        make = self._frame.aggregate(settled.name, init, fn, None, self._on_close)
        return _table(self._grouping, self._frame, settled, named, AGGREGATE, make, self._on_close)

    def emit_strategy(self, strategy: EmitStrategy) -> TimeWindowedKStream[K, V]:
        """Sets when results are passed on, and gives the stream itself.

        Raises:
            IllegalArgumentException: windows that never end cannot wait for their end.
        """
        _check_strategy(strategy)
        if self._unlimited and strategy.on_close:
            raise IllegalArgumentException("ON_WINDOW_CLOSE emit strategy cannot be used for UnlimitedWindows")
        self._on_close = strategy.on_close
        return self


@written
class SessionWindowedKStream(Generic[K, V]):
    """Records grouped by key and session; the keys of the results are `Windowed`."""

    __slots__ = ("_frame", "_grouping", "_on_close")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, grouping: Grouping, frame: Frame) -> None:
        self._grouping = grouping
        self._frame = frame
        self._on_close = False

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[Windowed[K], int]:
        """How many records each session has."""
        return _count(self._grouping, self._frame, self._on_close, options, fields)

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[Windowed[K], V]:
        """`reducer(aggregate, value)` for each record, and for sessions that become one."""
        return _reduce(self._grouping, self._frame, self._on_close, reducer, options, fields)

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
        init = arity.fixed(initializer, "", "aggregate", "initializer can't be null")
        fn = arity.fixed(aggregator, arity.AGGREGATE_FORM, "aggregate", "aggregator can't be null")
        merger = arity.fixed(session_merger, arity.MERGE_FORM, "aggregate", "sessionMerger can't be null")
        named, m = pick_two("aggregate", Named, Materialized, options, fields, MISSING)
        settled = self._grouping.settle(m, AGGREGATE, None)
        make = self._frame.aggregate(settled.name, init, fn, merger, self._on_close)
        return _table(self._grouping, self._frame, settled, named, AGGREGATE, make, self._on_close)

    def emit_strategy(self, strategy: EmitStrategy) -> SessionWindowedKStream[K, V]:
        """Sets when results are passed on, and gives the stream itself."""
        _check_strategy(strategy)
        self._on_close = strategy.on_close
        return self

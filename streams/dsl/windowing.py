"""What an aggregation is kept for, each key or each key and window: its steps, its store, its view, its keys' serde."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from streams.dsl.grouping import NamedStore
from streams.dsl.materialized import key_value_store, window_store
from streams.dsl.windows import SessionWindows, SlidingWindows, TimeShape, TimeWindows, UnlimitedWindows, check_windows
from streams.durations import to_ms
from streams.errors import IllegalArgumentException
from streams.operators import aggregate, session, sliding, windowed
from streams.operators.base import StepMaker
from streams.operators.views import SessionStoreView, StoreView, View, WindowStoreView
from streams.operators.windows import LONG_MAX
from streams.serdes.base import AnySerde
from streams.serdes.windowed import session_windowed, time_windowed
from streams.topology.plan import PlannedStore
from streams.topology.store import StoreKind

Aggregator = Callable[[Any, Any, Any], object]


@dataclass(frozen=True, slots=True)
class Frame:
    """What an aggregation is kept for.

    Args:
        count, reduce, aggregate: the steps, of the store's name, what the user gave, and whether results wait for the
            close of their window.
        store: of its name and options, and whether results wait.
        view: how the aggregates are read.
        key_serde: that of the results' keys, made of that of the keys.
        close_ms: how long after their end windows close; None: there are no windows.
        count_skips: a count whose options have no name consumes one number more, as in Java.
        endless: windows never end.
    """

    count: Callable[[str, bool], StepMaker]
    reduce: Callable[[str, Callable[[Any, Any], object], bool], StepMaker]
    aggregate: Callable[[str, Callable[[], object], Aggregator, Aggregator | None, bool], StepMaker]
    store: Callable[[NamedStore, bool], PlannedStore]
    view: Callable[[str], View]
    key_serde: Callable[[AnySerde], AnySerde]
    close_ms: int | None
    count_skips: bool = True
    endless: bool = False


EACH_KEY = Frame(
    count=lambda store, on_close: aggregate.stream_count(store),
    reduce=lambda store, fn, on_close: aggregate.stream_reduce(store, fn),
    aggregate=lambda store, init, fn, merger, on_close: aggregate.stream_aggregate(store, init, fn),
    store=lambda store, on_close: key_value_store(store.materialized, store.name),
    view=StoreView,
    key_serde=lambda serde: serde,
    close_ms=None,
)
"""No windows."""


def frame_of(windows: TimeShape | SlidingWindows | SessionWindows) -> Frame:
    """That of windows.

    Raises:
        NullPointerException: they are None.
        IllegalArgumentException: they are no windows.
    """
    check_windows("windowed_by", windows)
    if isinstance(windows, SessionWindows):
        return _sessions(windows)
    return _sliding(windows) if isinstance(windows, SlidingWindows) else _time(windows)


def _store(
    kind: StoreKind, size_ms: int, retention_ms: int, needs: str, caches: bool, store: NamedStore, on_close: bool
) -> PlannedStore:
    """The store of a windowed aggregation.

    Args:
        retention_ms: how long it keeps windows if nobody says otherwise.
        needs: what a retention must not be smaller than, for the message.
        caches: it may cache although results wait for the close of their window; as in Java, that of sliding windows
            and sessions does not.
    Raises:
        IllegalArgumentException: it would forget windows that are still open.
    """
    m = store.materialized
    if on_close and not caches:
        m = m.with_caching_disabled()
    given_ms = retention_ms if m.retention is None else to_ms(m.retention, "retention")
    if given_ms < retention_ms:
        which = "session" if kind is StoreKind.SESSION else "window"
        raise IllegalArgumentException(
            f"The retention period of the {which} store {store.name} must be no smaller than {needs}, "
            f"retention=[{given_ms}]"
        )
    return window_store(m, store.name, kind, given_ms, size_ms, on_close)


def _time(windows: TimeShape) -> Frame:
    """Tumbling, hopping, unlimited and custom windows."""
    shape, size, grace = windows.shape(), windows.size_ms, windows.grace_ms
    idle = windows.idle_ms if isinstance(windows, TimeWindows) else None
    needs = f"its window size plus the grace period. Got size=[{size}], grace=[{grace}]"
    retention_ms = min(size + grace, LONG_MAX)
    return Frame(
        count=lambda store, on_close: windowed.window_count(store, shape, on_close, idle),
        reduce=lambda store, fn, on_close: windowed.window_reduce(store, shape, fn, on_close, idle),
        aggregate=lambda store, init, fn, merger, on_close: windowed.window_aggregate(
            store, shape, init, fn, on_close, idle
        ),
        store=partial(_store, StoreKind.TIMESTAMPED_WINDOW, size, retention_ms, needs, True),
        view=WindowStoreView,
        key_serde=lambda serde: time_windowed(serde, size),
        close_ms=grace,
        endless=isinstance(windows, UnlimitedWindows),
    )


def _sliding(windows: SlidingWindows) -> Frame:
    difference, grace, idle = windows.difference_ms, windows.grace_ms, windows.idle_ms
    needs = f"2 * time difference plus the grace period. Got time difference=[{difference}], grace=[{grace}]"
    return Frame(
        count=lambda store, on_close: sliding.sliding_count(store, difference, grace, on_close, idle),
        reduce=lambda store, fn, on_close: sliding.sliding_reduce(store, difference, grace, fn, on_close, idle),
        aggregate=lambda store, init, fn, merger, on_close: sliding.sliding_aggregate(
            store, difference, grace, init, fn, on_close, idle
        ),
        store=partial(_store, StoreKind.TIMESTAMPED_WINDOW, difference, 2 * difference + grace, needs, False),
        view=WindowStoreView,
        key_serde=lambda serde: time_windowed(serde, difference),
        close_ms=grace,
        count_skips=False,
    )


def _sessions(windows: SessionWindows) -> Frame:
    """Session windows; aggregations need a merger."""
    gap, grace, idle = windows.gap_ms, windows.grace_ms, windows.idle_ms
    needs = f"the session inactivity gap plus the grace period. Got gap=[{gap}], grace=[{grace}]"

    def aggregate(
        store: str, init: Callable[[], object], fn: Aggregator, merger: Aggregator | None, on_close: bool
    ) -> StepMaker:
        if merger is None:
            raise IllegalArgumentException("an aggregation over sessions needs a merger")
        return session.session_aggregate(store, gap, grace, init, fn, merger, on_close, idle)

    return Frame(
        count=lambda store, on_close: session.session_count(store, gap, grace, on_close, idle),
        reduce=lambda store, fn, on_close: session.session_reduce(store, gap, grace, fn, on_close, idle),
        aggregate=aggregate,
        store=partial(_store, StoreKind.SESSION, 0, gap + grace, needs, False),
        view=SessionStoreView,
        key_serde=session_windowed,
        close_ms=gap + grace,
    )

"""What windows make of an aggregation: its store, its view, the serde of its keys, and the step itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streams.dsl.flow import MaybeSerde
from streams.dsl.grouping import Settled
from streams.dsl.materialized import Materialized, window_store
from streams.dsl.windows import SessionWindows, SlidingWindows, TimeShape, TimeWindows
from streams.durations import to_ms
from streams.errors import IllegalArgumentException
from streams.operators import session, sliding, windowed
from streams.operators.base import StepMaker
from streams.operators.views import SessionStoreView, View, WindowStoreView
from streams.operators.windows import LONG_MAX
from streams.serdes.windowed import session_windowed, time_windowed
from streams.topology.plan import PlannedStore
from streams.topology.store import StoreKind

Aggregator = Callable[[Any, Any, Any], object]


@dataclass(frozen=True, slots=True)
class Frame:
    """A kind of windows, as an aggregation needs it.

    Args:
        size_ms: of a window; what it takes to read windowed keys back.
        retention_ms: how long the store keeps windows if nobody says otherwise.
        close_ms: how long after their end windows close.
        too_short: gives the error for a retention that is too short.
        session: keys have sessions.
        count_skips: a count whose options have no name consumes one number more.
        caches_closing: the store may cache although results wait for the close of their window.
    """

    size_ms: int
    retention_ms: int
    close_ms: int
    too_short: Callable[[str, int], str]
    session: bool
    count_skips: bool
    count: Callable[[str, bool], StepMaker]
    reduce: Callable[[str, Callable[[Any, Any], object], bool], StepMaker]
    aggregate: Callable[[str, Callable[[], object], Aggregator, Aggregator | None, bool], StepMaker]
    caches_closing: bool = False

    def store(self, settled: Settled, on_close: bool = False) -> PlannedStore:
        """The store of an aggregation. As in Java, that of sliding windows and sessions does not cache if results wait
        for the close of their window.

        Raises:
            IllegalArgumentException: it would forget windows that are still open.
        """
        m = settled.materialized
        if on_close and not self.caches_closing:
            m = m.with_caching_disabled()
        retention_ms = self.retention_ms if m.retention is None else to_ms(m.retention, "retention")
        if retention_ms < self.retention_ms:
            raise IllegalArgumentException(self.too_short(settled.name, retention_ms))
        kind = StoreKind.SESSION if self.session else StoreKind.TIMESTAMPED_WINDOW
        size_ms = 0 if self.session else self.size_ms
        return window_store(m, settled.name, kind, retention_ms, size_ms, on_close)

    def view(self, store: str) -> View:
        """How the aggregates are read."""
        return SessionStoreView(store) if self.session else WindowStoreView(store)

    def key_serde(self, m: Materialized[Any, Any]) -> MaybeSerde:
        """The serde of the windowed keys, where that of the keys is known."""
        if m.key_serde is None:
            return None
        return session_windowed(m.key_serde) if self.session else time_windowed(m.key_serde, self.size_ms)


def time_frame(windows: TimeShape) -> Frame:
    """Tumbling, hopping, unlimited and custom windows."""
    shape, size, grace = windows.shape(), windows.size_ms, windows.grace_ms
    idle = windows.idle_ms if isinstance(windows, TimeWindows) else None

    def too_short(name: str, retention: int) -> str:
        return (
            f"The retention period of the window store {name} must be no smaller than its window size plus the "
            f"grace period. Got size=[{size}], grace=[{grace}], retention=[{retention}]"
        )

    return Frame(
        size_ms=size,
        retention_ms=min(size + grace, LONG_MAX),
        close_ms=grace,
        too_short=too_short,
        session=False,
        count_skips=True,
        count=lambda store, on_close: windowed.window_count(store, shape, on_close, idle),
        reduce=lambda store, fn, on_close: windowed.window_reduce(store, shape, fn, on_close, idle),
        aggregate=lambda store, init, fn, merger, on_close: windowed.window_aggregate(
            store, shape, init, fn, on_close, idle
        ),
        caches_closing=True,
    )


def sliding_frame(windows: SlidingWindows) -> Frame:
    """Sliding windows."""
    difference, grace, idle = windows.difference_ms, windows.grace_ms, windows.idle_ms

    def too_short(name: str, retention: int) -> str:
        return (
            f"The retention period of the window store {name} must be no smaller than 2 * time difference plus the "
            f"grace period. Got time difference=[{difference}], grace=[{grace}], retention=[{retention}]"
        )

    return Frame(
        size_ms=difference,
        retention_ms=2 * difference + grace,
        close_ms=grace,
        too_short=too_short,
        session=False,
        count_skips=False,
        count=lambda store, on_close: sliding.sliding_count(store, difference, grace, on_close, idle),
        reduce=lambda store, fn, on_close: sliding.sliding_reduce(store, difference, grace, fn, on_close, idle),
        aggregate=lambda store, init, fn, merger, on_close: sliding.sliding_aggregate(
            store, difference, grace, init, fn, on_close, idle
        ),
    )


def session_frame(windows: SessionWindows) -> Frame:
    """Session windows; aggregations need a merger."""
    gap, grace, idle = windows.gap_ms, windows.grace_ms, windows.idle_ms

    def too_short(name: str, retention: int) -> str:
        return (
            f"The retention period of the session store {name} must be no smaller than the session inactivity gap "
            f"plus the grace period. Got gap=[{gap}], grace=[{grace}], retention=[{retention}]"
        )

    def aggregate(
        store: str, init: Callable[[], object], fn: Aggregator, merger: Aggregator | None, on_close: bool
    ) -> StepMaker:
        if merger is None:
            raise IllegalArgumentException("an aggregation over sessions needs a merger")
        return session.session_aggregate(store, gap, grace, init, fn, merger, on_close, idle)

    return Frame(
        size_ms=0,
        retention_ms=gap + grace,
        close_ms=gap + grace,
        too_short=too_short,
        session=True,
        count_skips=True,
        count=lambda store, on_close: session.session_count(store, gap, grace, on_close, idle),
        reduce=lambda store, fn, on_close: session.session_reduce(store, gap, grace, fn, on_close, idle),
        aggregate=aggregate,
    )

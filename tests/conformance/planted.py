"""Bugs to be planted into the product, which a run of random topologies must find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statestore import versioned
from statestore.history import prune
from streams.dsl.windows import SessionWindows, TimeWindows
from streams.operators.sliding import _SlidingAggregate
from streams.operators.stream_join import _Side
from streams.operators.suppress import _Suppress
from streams.operators.windowed import WindowedTable

Plant = Callable[[object, str, object], None]
"""`setattr`, or one that takes it back."""


def window_end(plant: Plant) -> None:
    """The keys of aggregated windows end a millisecond too late."""
    right = WindowedTable.__init__
    plant(WindowedTable, "__init__", lambda self, scope, store, size: right(self, scope, store, size + 1))


def grace(plant: Plant) -> None:
    """Tumbling and hopping windows stay open a millisecond too long."""
    right = TimeWindows.of_size_and_grace
    plant(TimeWindows, "of_size_and_grace", lambda size, grace: right(size, grace + 1))


def session_gap(plant: Plant) -> None:
    """Sessions are merged over a gap that is a millisecond too long."""
    right = SessionWindows.of_inactivity_gap_and_grace
    plant(SessionWindows, "of_inactivity_gap_and_grace", lambda gap, grace: right(gap + 1, grace))


def early_release(plant: Plant) -> None:
    """Suppress lets go a millisecond before the time."""
    right = _Suppress.__init__

    def made(self: _Suppress, scope: Any, store: str, wait_ms: int, *more: Any) -> None:
        right(self, scope, store, wait_ms - 1, *more)

    plant(_Suppress, "__init__", made)


def early_verdict(plant: Plant) -> None:
    """A record without a partner comes out a millisecond before its window closes."""
    right = _Side._is_open

    def is_open(self: _Side, row: Any) -> bool:
        return right(self, row._replace(timestamp=row.timestamp - 1))

    plant(_Side, "_is_open", is_open)


def short_history(plant: Plant) -> None:
    """A versioned store forgets a millisecond too much."""
    plant(versioned, "prune", lambda history, before: prune(history, before + 1))


def sliding_edge(plant: Plant) -> None:
    """A sliding window takes no record that lies just its time difference before."""
    right = _SlidingAggregate._updates

    def updates(self: _SlidingAggregate, *record: Any) -> Any:
        self._difference -= 1
        yield from right(self, *record)
        self._difference += 1

    plant(_SlidingAggregate, "_updates", updates)


PLANTED: dict[str, Callable[[Plant], None]] = {
    "window-end": window_end,
    "grace": grace,
    "session-gap": session_gap,
    "early-release": early_release,
    "early-verdict": early_verdict,
    "short-history": short_history,
    "sliding-edge": sliding_edge,
}

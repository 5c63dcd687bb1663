"""The crash runs find what is planted, each bug by the cases it must hurt."""

from __future__ import annotations

import pytest

from tests.conformance.__main__ import SHIPPED
from tests.conformance.drive import Differs, load
from tests.conformance.on_runtime import Way, run_on_runtime
from tests.conformance.planted_in_recovery import PLANTED
from tests.logs import quiet

CRASHES, EVENTS = Way(crashes=3, restoring=True), 50
FOUND_BY = {
    "buffer-before-caches": ("windows_suppress_join", "suppress_time_limit_unbounded", "deletions_suppressed"),
    "buffer-without-changelog": ("windows_suppress_join", "suppress_until_window_closes"),
    "last-row-not-restored": ("versioned_table", "session_count"),
    "marked-before-it-is-restored": ("tumbling_count", "versioned_table"),
    "offsets-before-flush": ("tumbling_count", "session_count", "suppress_until_window_closes"),
    "on-disk-before-offsets": ("tumbling_count",),
    "store-time-not-restored": ("session_count",),
    "partition-times-not-committed": ("partition_time_of_what_has_none",),
    "timestamps-dropped": ("tumbling_count", "versioned_table"),
    "tombstones-not-restored": ("versioned_table", "deletions_suppressed", "stream_stream_outer"),
}


def test_every_planted_bug_is_looked_for() -> None:
    assert FOUND_BY.keys() == PLANTED.keys()


@pytest.mark.parametrize(("bug", "name"), [(bug, name) for bug, names in FOUND_BY.items() for name in names])
def test_a_planted_bug_is_found(bug: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[bug](monkeypatch.setattr)
    with quiet(), pytest.raises(Differs):
        run_on_runtime(load(SHIPPED / f"{name}.json.gz"), CRASHES, EVENTS)


@pytest.mark.parametrize("name", sorted({name for names in FOUND_BY.values() for name in names}))
def test_nothing_is_found_where_nothing_is_planted(name: str) -> None:
    run_on_runtime(load(SHIPPED / f"{name}.json.gz"), CRASHES, EVENTS)

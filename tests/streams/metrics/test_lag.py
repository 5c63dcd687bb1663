"""Lag in seconds, and where the time of a worker goes."""

from __future__ import annotations

import math

import pytest

from streams.metrics.sensor import Sampling
from streams.runtime.tasks.lag import Ends
from streams.runtime.worker.time_shares import BUSY, Doing, TimeShares


def grown() -> Ends:
    """A log that grows by 100 records a second for 10 seconds, then rests for 5."""
    ends = Ends()
    for second in range(16):
        ends.note(min(second, 10) * 100, second * 1_000.0)
    return ends


@pytest.mark.parametrize(
    ("position", "behind"), [(1_000, 0.0), (999, 5.01), (950, 5.5), (500, 10.0), (1, 14.99), (0, 15.0)]
)
def test_lag_is_since_when_the_log_was_beyond_the_position(position: int, behind: float) -> None:
    assert grown().seconds(position, 15_000.0, 0) == pytest.approx(behind, abs=0.02)


def test_a_backlog_from_before_is_as_old_as_its_records_say() -> None:
    ends = Ends()
    ends.note(500, 1_000.0)
    assert ends.seconds(10, 3_000.0, age_ms=0) == 2.0, "at least since it was seen"
    assert ends.seconds(10, 3_000.0, age_ms=60_000) == 60.0
    assert ends.seconds(500, 3_000.0, age_ms=0) == 0.0


def test_where_nothing_is_known_nothing_is_said() -> None:
    ends = Ends()
    assert math.isnan(ends.seconds(3, 0.0, 0))
    ends.note(-1, 0.0)
    assert math.isnan(ends.seconds(3, 0.0, 0))
    ends.note(5, 0.0)
    assert math.isnan(ends.seconds(None, 0.0, 0))


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_shares_of_a_workers_time_add_up() -> None:
    watch = Watch()
    shares = TimeShares(Sampling(2, 30_000, watch))
    for what, ms in ((Doing.PROCESSING, 300), (Doing.WAITING, 500), (Doing.COMMITTING, 150), (Doing.RESTORING, 50)):
        shares.enter(what)
        watch.now += ms
    assert shares.share((Doing.PROCESSING,)) == 0.3
    assert shares.share((Doing.RESTORING,)) == 0.05, "also what is not over yet"
    assert sum(shares.share((each,)) for each in Doing) == pytest.approx(1.0)
    assert shares.share(BUSY) == 0.3
    with shares.during(Doing.BLOCKED):
        watch.now += 1_000
    assert shares.share((Doing.BLOCKED,)) == 0.5
    shares.look()
    shares.look()
    watch.now += 100
    assert shares.share((Doing.RESTORING,)) == 1.0, "it is of the last windows"

"""The line about an application: rates between two looks, what is dropped, how long a restore takes."""

from __future__ import annotations

from streams.clients.status import MemberStatus, read_status
from streams.dropped import Dropped
from streams.runtime.worker.lifecycle import WorkerState
from streams.runtime.worker.summary import Pace, Summary, status_of
from streams.troubles import Troubles


def test_rates_are_between_two_looks() -> None:
    pace = Pace(100.0)
    assert pace.line(Summary("RUNNING", 50_000), 110.0) == (
        "RUNNING, 5,000 records/s (50,000 in all), lag 0, none dropped"
    )
    assert "100 records/s (50,200 in all), lag 7" in pace.line(Summary("RUNNING", 50_200, 7), 112.0)


def test_commits_are_since_the_last_line() -> None:
    pace = Pace(0.0)
    assert pace.line(Summary("RUNNING", commits=12), 1.0, True).endswith("lag 0, none dropped, 12 commits")
    assert pace.line(Summary("RUNNING", commits=13), 2.0, True).endswith(", 1 commit")
    assert "commit" not in pace.line(Summary("RUNNING", commits=14), 3.0)


def test_what_was_dropped_is_said_by_cause() -> None:
    now = Summary("RUNNING", 9, dropped={"null-key": 1_000, "late": 2})
    assert now.totals == "9 records processed, 1,002 dropped (2 late, 1,000 null-key)"
    assert "1,002 dropped (2 late, 1,000 null-key)" in Pace(0.0).line(now, 1.0)


def test_a_restore_says_how_far_it_is_and_how_long_it_takes() -> None:
    pace = Pace(0.0)
    first = pace.line(Summary("REBALANCING", restored=1_000, to_restore=5_000), 10.0)
    assert first.startswith("REBALANCING, restoring 1,000 of 5,000 (20 %, about 40 s left), 0 records/s")
    stuck = pace.line(Summary("REBALANCING", restored=1_000, to_restore=5_000), 20.0)
    assert "restoring 1,000 of 5,000 (20 %), " in stuck
    long = pace.line(Summary("REBALANCING", restored=1_100, to_restore=1_000_000), 30.0)
    assert "about 28 h left)" in long
    short = pace.line(Summary("REBALANCING", restored=2_000, to_restore=12_000), 40.0)
    assert "about 2 min left)" in short


def test_a_trouble_stands_at_the_end() -> None:
    assert Pace(0.0).line(Summary("RUNNING", trouble="The disk is full."), 1.0).endswith(", The disk is full.")


def test_a_worker_tells_all_its_restores_as_one() -> None:
    dropped, troubles = Dropped(), Troubles()
    dropped.drop("0_0", "node", "late").add(3)
    restores = {"a 0_0": (1_000, 5_000), "b 0_1": (20, 30)}
    found = read_status(status_of(WorkerState.PARTITIONS_ASSIGNED, dropped, restores, troubles))
    assert found == MemberStatus(dropped.id, "PARTITIONS_ASSIGNED", {"late": 3}, 1_020, 5_030)

"""Stores survive power cuts as the log does: they lose what it has lost, and only what is really beyond is rebuilt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.clients.api import LogEnd
from streams.record import TopicPartition
from streams.runtime.state import task_state
from streams.runtime.state.changelog import Mark
from streams.runtime.state.task_state import TaskState
from streams.runtime.worker import takeover
from tests.crash.power import Database, History, InMemory, OnDisk

Plant = Callable[[pytest.MonkeyPatch], None]


def lived(seed: int, root: Path, kind: Callable[[Path], Database] = InMemory, steps: int = 60) -> History:
    root.mkdir()
    history = History(seed, root, kind)
    history.run(steps)
    return history


def test_a_store_is_what_its_log_is_and_is_rebuilt_only_if_it_is_beyond(tmp_path: Path) -> None:
    all_ = [lived(seed, tmp_path / str(seed)) for seed in range(40)]
    assert [(seed, problem) for seed, each in enumerate(all_) for problem in each.problems] == []
    # both happened: stores that were beyond, and starts after a cut that took nothing of theirs
    assert sum(each.rebuilt for each in all_) > 20
    assert sum(each.starts - each.needed for each in all_) > 200


def test_the_end_of_a_log_says_up_to_where_it_is_the_same_as_in_an_earlier_epoch(tmp_path: Path) -> None:
    history, words = History(1, tmp_path, InMemory), TopicPartition("words", 0)
    history.engines.write("words", ("a", "a"), ("b", "b"))
    history.flush()
    history.engines.write("words", ("c", "c"))
    assert history.engines.admin.log_ends({words: 0}) == {words: LogEnd(3, 0, 3)}
    history.cut_power()
    history.engines.write("words", ("d", "d"), ("e", "e"))
    ends = history.engines.admin.log_ends
    assert ends({words: 0}) == {words: LogEnd(4, 1, 2)}
    assert ends({words: 1}) == ends({words: -1}) == {words: LogEnd(4, 1, 4)}
    history.close()


def test_a_database_of_rocksdb_whose_log_ends_anywhere_is_healed_by_its_changelog(tmp_path: Path) -> None:
    for seed in range(8):
        assert lived(seed, tmp_path / str(seed), OnDisk).problems == [], f"seed {seed}"


def any_other_epoch(patch: pytest.MonkeyPatch) -> None:
    """Every power cut rebuilds every store."""
    honest = takeover.beyond

    def beyond(mark: Mark, end: LogEnd) -> str | None:
        return "another epoch" if mark.log_epoch != end.log_epoch else honest(mark, end)

    patch.setattr(takeover, "beyond", beyond)


def never_beyond(patch: pytest.MonkeyPatch) -> None:
    """Only the end of the log counts."""
    patch.setattr(takeover, "beyond", lambda mark, end: "behind" if mark.offset > end.offset else None)


def offset_instead_of_reach(patch: pytest.MonkeyPatch) -> None:
    """What slices brought before their mark does not count."""
    honest = takeover.beyond
    patch.setattr(takeover, "beyond", lambda mark, end: honest(mark._replace(reach=mark.offset), end))


def reach_not_written(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(task_state, "reaching", lambda engine, store, log: {})


def pass_that_stands_for_more(patch: pytest.MonkeyPatch) -> None:
    """What was committed during a pass counts as written with it."""
    honest = TaskState._marks
    patch.setattr(TaskState, "_marks", lambda self, store, offset=None: honest(self, store))


@pytest.mark.parametrize(
    "plant",
    [any_other_epoch, never_beyond, offset_instead_of_reach, reach_not_written, pass_that_stands_for_more],
)
def test_planted_bugs_are_found(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert any(lived(seed, tmp_path / str(seed)).problems for seed in range(40))

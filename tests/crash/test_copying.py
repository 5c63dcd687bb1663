"""Consumers and producers with transactions, as anybody could write them, killed and frozen: the copy is the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash import copying
from tests.crash.verdict import not_copied

NOTHING = dict.fromkeys(("instances", "brokers", "twice", "zombies"), 0)


def test_a_copy_in_transactions_is_the_source_whatever_is_killed(tmp_path: Path) -> None:
    assert copying.run(tmp_path, 1, {**NOTHING, "instances": 4, "brokers": 2, "twice": 1, "zombies": 1}, 300, 0.4) == 0


def test_positions_that_are_committed_by_themselves_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(copying.APART, "1")
    assert copying.run(tmp_path, 1, {**NOTHING, "instances": 8}, 300, 0.4) == 1


def test_what_is_wrong_is_told() -> None:
    source = {0: ["a", "b", "c"]}
    assert not_copied(source, source) == []
    assert (
        "1 of 3 lines are missing and 0 too many; the first difference is at 1"
        in not_copied(source, {0: ["a", "c"]})[0]
    )
    assert "0 of 3 lines are missing and 1 too many" in not_copied(source, {0: ["a", "b", "b", "c"]})[0]
    assert (
        "0 of 3 lines are missing and 0 too many; the first difference is at 0"
        in not_copied(source, {0: ["b", "a", "c"]})[0]
    )

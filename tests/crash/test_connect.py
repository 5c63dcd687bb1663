"""A pipeline through connectors and an application, broken on purpose; and that the checker sees a planted bug."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.connect import broken


@pytest.mark.parametrize(("kills", "broker_kills", "zombies"), [(2, 1, 0), (1, 0, 1)])
def test_no_row_is_lost_doubled_or_out_of_order(tmp_path: Path, kills: int, broker_kills: int, zombies: int) -> None:
    assert broken(tmp_path, kills, broker_kills, zombies, seed=kills) == []


def test_a_planted_bug_is_seen(tmp_path: Path) -> None:
    """Kills, with a sink that writes the last rows before each anew."""
    found = broken(tmp_path, 3, 0, 0, seed=2, worker="tests.crash.planted_connect")
    assert any("doubled" in each for each in found)

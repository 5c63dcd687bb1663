"""Two checkouts side by side: each side runs its own library, and a difference shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.against import PACKAGES, ROOT, Side, SideFailed, compared, turns
from benchmarks.command import main
from benchmarks.figures import Ratio
from benchmarks.options import Options

SLOWER = """

def _slower(self, now, run=StreamTask.run, **bounds):
    import time

    count = run(self, now, **bounds)
    until = time.process_time() + count * 300e-6
    while time.process_time() < until:
        pass
    return count


StreamTask.run = _slower
"""
BROKEN = """

def _broken(self, now, **bounds):
    raise RuntimeError("planted")


StreamTask.run = _broken
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this one."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def plant(checkout: Path, text: str) -> None:
    with (checkout / "streams" / "runtime" / "tasks" / "task.py").open("a") as file:
        file.write(text)


def test_a_checkout_that_is_slower_shows_as_slower(checkout: Path) -> None:
    plant(checkout, SLOWER)
    with Side("other", checkout) as other, Side("this", ROOT) as this, Side("again", checkout) as again:
        row = compared({"other": other, "this": this, "other again": again}, "W0", Options(2_000, 1))
    assert row.worker.middle > 2
    assert row.other_ns > 300_000 > row.this_ns
    assert 0.3 < row.itself.middle < 3


def test_a_job_that_fails_on_one_side_is_said_and_the_next_one_runs(checkout: Path) -> None:
    plant(checkout, BROKEN)
    with Side("other", checkout) as other:
        with pytest.raises(SideFailed, match=r"other: RuntimeError: job W0 failed: .*planted"):
            other.run("W0", Options(1_000))
        assert other.run("stage/decode", Options(1_000))["worker_ns"] > 0


def test_a_directory_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SideFailed, match="no checkout of this project: it has no streams/"):
        Side("other", tmp_path)


def test_ratios_are_taken_turn_by_turn() -> None:
    other = [{"worker_ns": ns} for ns in (100.0, 200.0, 90.0)]
    this = [{"worker_ns": ns} for ns in (50.0, 200.0, 100.0)]
    assert turns(other, this, "worker_ns") == Ratio(1.0, 0.9, 2.0)


def test_the_command_shows_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "W0", "--records", "1000", "--repeat", "1", "--against", str(ROOT), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert row["name"] == "W0"
    assert row["worker"]["low"] <= row["worker"]["middle"] <= row["worker"]["high"]
    assert found["settings"]["against"] == str(ROOT)

"""Damaged files of data and state directories: a few of what `python -m tests.crash damage` tries by the hundreds."""

from __future__ import annotations

import random

import pytest

from tests.crash.damage import PARTS, main
from tests.crash.soak import Sample, grows


def test_of_a_damaged_data_directory_nothing_is_served_that_was_not_written() -> None:
    tally, problems = PARTS["data"](1, random.Random(1), "")
    assert not problems
    assert tally["says so"] > 100 and tally["right"] > 100


@pytest.mark.parametrize("only", [".sst", "position.json", "worker.json"])
def test_an_application_heals_its_damaged_state(only: str) -> None:
    tally, problems = PARTS["state"](1, random.Random(1), only)
    assert not problems and tally["right"] > 2


@pytest.mark.parametrize(("part", "only", "planted"), [("data", ".log", "unchecked"), ("state", ".sst", "unhealed")])
def test_planted_bugs_are_found(part: str, only: str, planted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([part, "--flips", "6", "--seed", "1", "--only", only, "--planted", planted]) == 1
    assert "WRONG" in capsys.readouterr().out


def test_a_soak_tells_growth_from_what_fills_up_to_a_bound() -> None:
    def curve(*megabytes: float) -> list[Sample]:
        return [Sample(each, each, 60, 6) for each in megabytes]

    assert not grows(curve(70, 120, 150, 155, 158, 160))
    assert grows(curve(70, 90, 110, 130, 150, 170)) == "memory from 130 to 170 MB"
    assert grows([Sample(70, 70, each, 6) for each in (60, 60, 80, 99)]) == "descriptors from 80 to 99"

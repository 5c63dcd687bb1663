"""Every recorded case: through the test driver, and through the real runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.runtime.worker.exactly_once import EXACTLY_ONCE
from tests.conformance.__main__ import SHIPPED
from tests.conformance.drive import load, run
from tests.conformance.on_runtime import Way, left_out, run_on_runtime

PATHS = sorted(SHIPPED.glob("*.json.gz"))
EVENTS = 60
"""Of each case on the runtime; `python -m tests.conformance --on runtime` runs them all."""

EVENTS_WITH_CRASHES = 30
"""Enough for a death at each place, with each disk."""


def name_of(path: Path) -> str:
    return path.name.split(".")[0]


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_same_as_java(path: Path) -> None:
    run(load(path))


def that_run(way: Way) -> list[Path]:
    return [path for path in PATHS if left_out(load(path), way) is None]


ALONE, THREE_PARTITIONS, CRASHES = Way(), Way(3), Way(crashes=2)


@pytest.mark.parametrize("path", that_run(ALONE), ids=name_of)
def test_same_as_java_on_the_runtime(path: Path) -> None:
    run_on_runtime(load(path), ALONE, EVENTS)


@pytest.mark.parametrize("path", that_run(THREE_PARTITIONS), ids=name_of)
def test_right_on_three_partitions(path: Path) -> None:
    run_on_runtime(load(path), THREE_PARTITIONS, EVENTS)


ONCE = CRASHES._replace(guarantee=EXACTLY_ONCE)


@pytest.mark.parametrize("path", that_run(ONCE)[::4], ids=name_of)
def test_nothing_is_lost_or_doubled_by_crashes_exactly_once(path: Path) -> None:
    run_on_runtime(load(path), ONCE, EVENTS_WITH_CRASHES)


@pytest.mark.parametrize("path", that_run(CRASHES), ids=name_of)
def test_nothing_is_lost_by_crashes(path: Path) -> None:
    run_on_runtime(load(path), CRASHES, EVENTS_WITH_CRASHES)

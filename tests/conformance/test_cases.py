"""Every recorded case: through the test driver, and through the real runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.__main__ import SHIPPED
from tests.conformance.drive import load, run
from tests.conformance.on_runtime import fits, run_on_runtime

PATHS = sorted(SHIPPED.glob("*.json.gz"))
EVENTS = 60
"""Of each case on the runtime; `python -m tests.conformance --on runtime` runs them all."""


def name_of(path: Path) -> str:
    return path.name.split(".")[0]


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_same_as_java(path: Path) -> None:
    run(load(path))


def on_runtime(partitions: int, crash: bool) -> list[Path]:
    return [path for path in PATHS if fits(load(path), partitions, crash)]


@pytest.mark.parametrize("path", on_runtime(1, False), ids=name_of)
def test_same_as_java_on_the_runtime(path: Path) -> None:
    run_on_runtime(load(path), most=EVENTS)


@pytest.mark.parametrize("path", on_runtime(3, False), ids=name_of)
def test_same_as_java_on_three_partitions(path: Path) -> None:
    run_on_runtime(load(path), partitions=3, most=EVENTS)


@pytest.mark.parametrize("path", on_runtime(1, True), ids=name_of)
def test_same_as_java_after_a_crash_in_the_middle(path: Path) -> None:
    run_on_runtime(load(path), crash=True, most=EVENTS)

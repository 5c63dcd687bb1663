"""Back-fills of real data by real processes, with one of them killed, frozen, joined or started again in the middle.

`python -m benchmarks catch-up` does the same over all of the data.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from benchmarks.back_fills import BACK_FILLS
from benchmarks.catch_up import Asked, Ran, Runs
from benchmarks.engine import Engine

EVERY = 8
"""So many records of the real data are one here."""
SHORT = {"session.timeout.ms": "4000", "heartbeat.interval.ms": "500"}


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


def run(engine: Engine, name: str, asked: Asked) -> Ran:
    with contextlib.closing(Runs(engine, BACK_FILLS[name], asked)) as runs:
        return runs.run()


@pytest.mark.parametrize(
    "asked",
    [
        Asked(every=EVERY),
        Asked(processes=2, every=EVERY),
        Asked(workers=2, every=EVERY),
        Asked(threads=2, every=EVERY),
        Asked(processes=2, every=EVERY, deed="join"),
        Asked(processes=2, every=EVERY, deed="restart"),
        Asked(processes=2, every=EVERY, deed="freeze", frozen_s=2.0),
    ],
    ids=["one", "two", "workers", "threads", "one joins", "restart", "a short freeze"],
)
def test_every_window_of_the_flights_is_right(engine: Engine, asked: Asked) -> None:
    ran = run(engine, "flights", asked)
    assert {topic: verdict.right for topic, verdict in ran.verdicts.items()} == {
        topic: verdict.keys for topic, verdict in ran.verdicts.items()
    }


@pytest.mark.parametrize(
    "asked",
    [
        Asked(processes=2, every=EVERY, settings=SHORT, deed="kill"),
        Asked(processes=2, every=EVERY, settings=SHORT, deed="freeze", frozen_s=8.0),
    ],
    ids=["killed", "frozen for longer than its session"],
)
def test_no_window_of_the_flights_misses_a_record_whoever_falls_out(engine: Engine, asked: Asked) -> None:
    """What had not been committed is done again, and may count twice; nothing is late."""
    ran = run(engine, "flights", asked)
    assert ran.complete, ran


def test_out_of_step_the_flights_lose_windows(engine: Engine) -> None:
    ran = run(engine, "flights", Asked(processes=2, every=EVERY, settings={"max.task.skew.ms": "-1"}))
    assert not ran.complete


def test_every_row_of_the_orders_is_right(engine: Engine) -> None:
    ran = run(engine, "orders", Asked(processes=2))
    assert all(verdict.right == verdict.keys for verdict in ran.verdicts.values()), ran

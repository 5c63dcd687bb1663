"""W11 to W14: what is counted wrongly fails its row, and rows of both sides are put together turn by turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from benchmarks import beside_java_times, counting, failover
from benchmarks.answers import WrongOutput
from benchmarks.counting import Ours, new_count
from benchmarks.engine import Engine
from benchmarks.failover import taken_over
from benchmarks.latency import counted, first_output
from benchmarks.options import Options
from benchmarks.restore import DATASET, Store
from streams.record import TopicPartition

KEYS = 2_000


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


def planted(monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    """Has the count go on in another way."""
    script = counting.SCRIPT.replace(".to_stream()", f".to_stream(){bug}")
    assert script != counting.SCRIPT
    monkeypatch.setattr(counting, "SCRIPT", script)


def test_a_start_that_counts_wrongly_fails(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, ".map_values(lambda number: number + 1)")
    with pytest.raises(WrongOutput, match="is wrong: record 0"):
        first_output(Ours(engine), new_count(engine, "start"), 0)


def test_latencies_of_a_wrong_count_fail(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, ".map_values(lambda number: number + 1)")
    with pytest.raises(WrongOutput, match="is wrong: record 0"):
        counted(Ours(engine), Options(100), {})


def test_a_takeover_that_loses_a_key_fails(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, '.filter(lambda key, number: key != "k007")')
    monkeypatch.setattr(failover, "LONGEST_S", 20.0)
    with pytest.raises(WrongOutput, match="1 of 400 keys: b'k007' was counted None times"):
        taken_over(Ours(engine, 2), {})


class Remembered:
    """Stands where what restores a store stands: it counts in a dict.

    Args:
        engine: where the topics are.
        lost: so many keys it does not get back.
    """

    def __init__(self, engine: Engine, lost: int = 0) -> None:
        self.engine, self._lost = engine, lost
        self._read = 0
        self._counts: dict[bytes | None, int] = {}

    def build(self, application: str, topics: Mapping[str, str], total: int) -> None:
        rows = [key for key, _, _ in self.engine.read(topics[DATASET])][self._read :]
        self._read += len(rows)
        assert len(rows) == total
        for key in rows:
            self._counts[key] = self._counts.get(key, 0) + 1
        values: list[bytes | None] = [self._counts[key].to_bytes(8) for key in rows]
        self.engine.send(TopicPartition(topics["out"], 0), rows, values, [0] * len(rows))
        self.engine.settle()

    def restore(self, application: str, topics: Mapping[str, str], total: int) -> Mapping[str, Any]:
        for key in list(self._counts)[: self._lost]:
            del self._counts[key]
        restored = len(self._counts)
        self.build(application, topics, total)
        return {"restored": [[0.0, 0.0, 0.0, 0], [1.0, 0.5, 0.0, restored]], "peak_mb": 1.0}


def test_a_restore_is_checked_by_what_is_counted_after_it(engine: Engine) -> None:
    store = Store(Remembered(engine), KEYS)
    for _ in range(2):
        rates = store.restored().rates
        assert rates.records == rates.per_second == KEYS


def test_a_restore_that_loses_rows_fails(engine: Engine) -> None:
    with pytest.raises(WrongOutput, match="1,999 rows were restored where 2,000 are right"):
        Store(Remembered(engine, lost=1), KEYS).restored()


def test_times_are_set_beside_each_other_turn_by_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(sides: object, options: Options) -> tuple[beside_java_times.Turn, beside_java_times.Turn]:
        ours, theirs = iter((1.0, 2.0, 4.0)), iter((2.0, 8.0, 4.0))
        return lambda: {"it": next(ours)}, lambda: {"it": next(theirs)}

    monkeypatch.setitem(beside_java_times.MEASURED, "W13", ("s", prepare))  # type: ignore[arg-type]
    sides: Any = None
    (row,) = beside_java_times.beside("W13", sides, Options(repeat=3))
    assert (row.turns, row.unit, row.ours, row.theirs) == (3, "s", 2.0, 4.0)
    assert row.ratio == (2.0, 1.0, 4.0)
    assert len(beside_java_times.cells(row)) == len(beside_java_times.HEAD)

"""The check of the outputs sees one record in ten thousand: dropped, doubled, or wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from benchmarks import child
from benchmarks.answers import CHECKS, WrongOutput, compare, expected, found
from benchmarks.command import main
from benchmarks.endtoend import checked, ordered, processed
from benchmarks.engine import Engine
from benchmarks.jobs import JOBS
from streams import KStream, Serdes, StreamsBuilder

RECORDS = 12_000
ONE_IN = 10_000
TABLES = ("W7", "FK")
"""Jobs of tables alone: what comes twice is not to be told from an update that a cache left out."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


def run(engine: Engine, name: str) -> None:
    """Runs a job in this process, and looks at its output as a benchmark does."""
    job = JOBS[name]
    topics = {dataset: engine.input(dataset, RECORDS) for dataset in job.inputs}
    order = ordered(engine, job, topics, processed(job, RECORDS), 0)
    serde = Serdes.string() if name == "W0" else Serdes.long()  # for what is planted: it has none of its own
    child.run(job, {**order, "config": {"default.value.serde": serde}})
    checked(engine, job, order["topics"]["out"], RECORDS)


def now_and_then() -> Callable[..., bool]:
    """True for one in ten thousand."""
    turns = count(1)
    return lambda *_: next(turns) % ONE_IN == 0


def planted_input(monkeypatch: pytest.MonkeyPatch, plant: Callable[[KStream[Any, Any]], KStream[Any, Any]]) -> None:
    real = StreamsBuilder.stream
    monkeypatch.setattr(StreamsBuilder, "stream", lambda *given, **named: plant(real(*given, **named)))


def planted_output(monkeypatch: pytest.MonkeyPatch, plant: Callable[[KStream[Any, Any]], KStream[Any, Any]]) -> None:
    real = KStream.to
    monkeypatch.setattr(KStream, "to", lambda self, *given, **named: real(plant(self), *given, **named))


def another(value: Any) -> Any:
    """A value that is wrong by little."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value.replace("qty", "gty")
    if isinstance(value, dict):
        return {**value, "id": "another"}
    value.id = "another"
    return value


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in TABLES])
@pytest.mark.parametrize("fault", ["drops", "doubles"])
def test_a_job_that_loses_or_doubles_one_record_in_ten_thousand_fails(
    engine: Engine, name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = now_and_then()
    if fault == "drops":
        planted_input(monkeypatch, lambda stream: stream.filter_not(chosen))
    else:
        planted_input(monkeypatch, lambda stream: stream.flat_map_values(lambda v: [v, v] if chosen() else [v]))
    monkeypatch.setattr(child, "LONGEST_S", 5.0)
    with pytest.raises((WrongOutput, RuntimeError), match=r"is wrong|stands still"):
        run(engine, name)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("fault", ["drops", "changes"])
def test_a_job_that_lacks_a_key_or_ends_with_a_wrong_value_fails(
    engine: Engine, name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = next(iter(expected(name, RECORDS).by_key))
    text = key if isinstance(key, str) else key[0]

    def is_it(mine: Any) -> bool:
        return bool(getattr(mine, "key", mine) == text)

    if fault == "drops":
        planted_output(monkeypatch, lambda stream: stream.filter(lambda k, v: not is_it(k)))
    else:
        changed = lambda k, v: another(v) if v is not None and is_it(k) else v  # noqa: E731
        planted_output(monkeypatch, lambda stream: stream.map_values(changed))
    with pytest.raises(WrongOutput, match=r"keys are wrong, the first is"):
        run(engine, name)


@pytest.mark.parametrize("name", CHECKS)
def test_an_answer_that_is_nearly_right_is_wrong(name: str) -> None:
    check = CHECKS[name]
    true = expected(name, RECORDS)
    rows = list(check.truth(RECORDS))
    compare(name, check.fold(rows), true)
    end = len(rows) - 1
    key, value, time = rows[end]
    for planted in (
        rows[:end] if check.fold.__name__ == "every" else [*rows, (key, None, time)],
        [*rows[:end], (key, "another", time)],
        [*rows, ("strange", value, time)],
    ):
        with pytest.raises(WrongOutput):
            compare(name, check.fold(planted), true)


def test_a_wrong_output_says_where() -> None:
    true = expected("W2", RECORDS)
    key, (value, time) = next(iter(true.by_key.items()))
    rows = [(k.encode(), v.to_bytes(8, "big"), t) for k, (v, t) in true.by_key.items() if k != key]
    wrong = found("W2", [(key.encode(), (value - 1).to_bytes(8, "big"), time), *rows])
    with pytest.raises(WrongOutput) as told:
        compare("W2", wrong, true)
    assert f"keys are wrong, the first is {key!r}: ({value - 1}, {time}) where ({value}, {time}) is right" in str(
        told.value
    )


def test_a_row_that_fails_says_why_and_ends_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.endtoend.expected", lambda name, count: expected("W1", 1_000))
    assert main(["run", "W0", "stage/decode", "--records", "1000", "--repeat", "1"]) == 1
    out = capsys.readouterr().out
    assert "FAILED: WrongOutput: the output of W0 is wrong: 1,000 records where" in out
    assert any(line.startswith("stage/decode") and "FAILED" not in line for line in out.splitlines())

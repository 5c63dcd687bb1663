"""Every benchmark runs over a few records and gives figures; how fast it was is nobody's business here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import pytest

from benchmarks import growth
from benchmarks.clocks import Sample, steady
from benchmarks.command import benchmarks, main
from benchmarks.data import DATASETS, rows_of
from benchmarks.engine import Engine
from benchmarks.figures import Figure, Value
from benchmarks.jobs import JOBS
from benchmarks.options import Options
from tests import postgres_server

RECORDS = 1_000
SLOW = {"W12": 500}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


@pytest.mark.parametrize("name", benchmarks())
def test_each_gives_figures(engine: Engine, name: str) -> None:
    if name == "W1/orjson" and find_spec("orjson") is None:
        with pytest.raises(RuntimeError, match="pip install orjson"):
            list(benchmarks()[name][1](engine, Options(RECORDS, 1)))
        return
    if name.startswith("connect/") and "postgres" in name:
        postgres_server.needed()
    floors = not (name in JOBS and JOBS[name].answer)  # a variant has that of its job
    rows = list(benchmarks()[name][1](engine, Options(SLOW.get(name, RECORDS), 1, floors)))
    assert rows
    for row in rows:
        if isinstance(row, Figure):
            assert row.records > 0
            assert max(row.worker_ns, row.run_ns) > 0  # of so few records the second half may be over at once
        else:
            assert isinstance(row, Value)
            assert row.value >= 0


@pytest.mark.parametrize("name", growth.CURVES)
def test_each_curve_has_a_row_a_size(name: str) -> None:
    rows = list(growth.measured(name, 20, large=False))
    assert len(rows) == len([size for size in growth.CURVES[name].sizes if size <= 2_000])


@pytest.mark.parametrize("name", DATASETS)
def test_data_are_the_same_for_the_same_seed(name: str) -> None:
    first, again = list(DATASETS[name].rows(2_500)), list(DATASETS[name].rows(2_500))
    assert first == again
    assert sum(len(chunk.keys) for chunk in first) == rows_of(name, 2_500)
    times = [time for chunk in first for time in chunk.timestamps]
    assert times == sorted(times)


def test_the_steady_half_is_what_lies_between() -> None:
    done = (0, 10, 50, 80, 99, 100)
    samples = [Sample(float(at), at * 0.5, at * 0.25, count) for at, count in enumerate(done)]
    rates = steady(samples, 100)
    assert rates.records == 49
    assert rates.per_second == 49 / 2
    assert rates.worker_ns == pytest.approx(1e9 / 49)
    assert rates.broker_ns == pytest.approx(0.5e9 / 49)


def test_json_has_versions_settings_and_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "stage/decode", "--json", "--records", "1000", "--repeat", "1"]) == 0
    found: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["settings"]["records"], found["settings"]["repeat"]) == (1000, 1)
    assert "python" in found["versions"]
    assert [row["name"] for row in found["rows"]] == ["stage/decode"]


def test_a_name_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "nothing"]) == 2
    assert "no nothing" in capsys.readouterr().err


def test_the_list_names_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in benchmarks())

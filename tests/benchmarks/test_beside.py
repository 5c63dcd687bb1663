"""Beside other systems: outputs of both are checked, ratios are taken turn by turn, what is missing is said."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import beside_java, beside_peers, kafka_java, page
from benchmarks.answers import CHECKS, WrongOutput, compare, expected
from benchmarks.beside import HEAD, cells, row_of
from benchmarks.clocks import Rates
from benchmarks.command import main
from benchmarks.data import DATASETS
from benchmarks.endtoend import Run
from benchmarks.jobs import JOBS
from benchmarks.page import write

RECORDS = 20_000


class Recorded:
    """Stands where `Bench` stands: a run of W0 that gave what was put into it, less what `without` names."""

    def __init__(self, without: int | None = None) -> None:
        self.servers, self.pid, self._without = "", 0, without

    def input(self, dataset: str, count: int) -> str:
        return dataset

    def run(self, job: str, topics: Mapping[str, str], total: int, config: Mapping[str, object]) -> Any:
        samples = [(0.0, 0.0, 0.0, 0), (1.0, 1.0, 0.0, 0), (2.0, 2.0, 0.0, total // 2), (3.0, 4.0, 0.0, total)]
        return {"samples": [*samples, (3.5, 4.5, 0.0, total)], "peak_mb": 1.0, "out": "out", "application": "one"}

    def read(self, topic: str) -> Iterator[tuple[bytes | None, bytes | None, int]]:
        for at, chunk in enumerate(DATASETS["orders"].rows(RECORDS)):
            rows = list(zip(chunk.keys, chunk.values, chunk.timestamps, strict=True))
            yield from rows[1:] if at == self._without else rows

    def drop(self, prefix: str) -> None:
        pass


def test_the_output_of_java_is_checked_as_ours_is() -> None:
    run = beside_java.java_run(Recorded(), JOBS["W0"], RECORDS, {})  # type: ignore[arg-type]
    assert run.outputs == RECORDS
    assert run.digest == expected("W0", RECORDS).digest
    assert run.whole.per_second == pytest.approx(RECORDS / 2.5)
    assert run.whole.worker_ns == pytest.approx(3.5e9 / RECORDS)


def test_a_record_that_java_lost_fails_its_row() -> None:
    with pytest.raises(WrongOutput, match="the output of W0 on Java is wrong: 19,999 records where 20,000 are right"):
        beside_java.java_run(Recorded(7), JOBS["W0"], RECORDS, {})  # type: ignore[arg-type]


def run_at(per_second: float, worker_ns: float, broker_ns: float) -> Run:
    rates = Rates(100, per_second, worker_ns, broker_ns)
    return Run(rates, rates, 10.0, 100, "")


def test_ratios_are_those_of_each_turn() -> None:
    ours = [run_at(200, 1_000, 500), run_at(400, 500, 500), run_at(300, 1_000, 500)]
    theirs = [run_at(100, 4_000, 2_000), run_at(100, 4_000, 2_000), run_at(300, 4_000, 2_000)]
    row = row_of(JOBS["W0"], "both 1 s", 100, ours, theirs, True)
    assert row.wall_steady == (2.0, 1.0, 4.0)
    assert row.cpu_run == (4.0, 4.0, 8.0)
    assert row.all_cpu == (4.0, 4.0, 6.0)
    assert len(cells(row)) == len(HEAD)
    assert cells(row_of(JOBS["W0"], "", 100, ours, theirs, False))[HEAD.index("all CPU, run")] == ""


def test_every_job_that_java_runs_has_an_answer() -> None:
    program = (Path(kafka_java.HERE) / "Bench.java").read_text()
    for name in beside_java.NAMES:
        assert name in CHECKS
        assert f'Map.entry("{name}",' in program


@pytest.mark.parametrize("missing", ["java", "mvn", "javac"])
def test_a_tool_that_is_missing_is_named(
    missing: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kafka_java, "JARS", tmp_path / "lib")
    monkeypatch.setattr(kafka_java, "CLASSES", tmp_path / "classes")
    monkeypatch.setattr(kafka_java, "_done", lambda command, why: None)
    monkeypatch.setattr("shutil.which", lambda name: None if name == missing else f"/usr/bin/{name}")
    assert main(["java", "W0"]) == 2
    assert f"{missing} is not installed" in capsys.readouterr().err


def test_a_job_that_java_does_not_run_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["java", "W19"]) == 2
    assert "There is no W19 on Java; there are W0, W1" in capsys.readouterr().err


def test_a_peer_that_is_missing_is_said_with_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside_peers, "version_of", lambda python, name: None)
    assert main(["peers", "--python", sys.executable]) == 2
    said = capsys.readouterr().err
    assert "quixstreams is not installed for" in said and "pip install quixstreams" in said
    assert "bytewax is not installed for" in said and "pip install 'bytewax[kafka]'" in said


class Windows:
    """Stands where `Bench` stands: the sums of W3 as a peer gives them, less so many at the end."""

    def __init__(self, without: int) -> None:
        self._without = without

    def read(self, topic: str) -> Iterator[tuple[bytes | None, bytes | None, int]]:
        rows = list(CHECKS["W3"].truth(RECORDS))
        for (key, start), value, _ in rows[: len(rows) - self._without]:
            yield key.encode(), json.dumps({"start": start, "end": start + 10_000, "value": value}).encode(), start


def test_the_windows_of_a_peer_are_checked() -> None:
    true = beside_peers.expected_of("W3", RECORDS)
    compare("W3", beside_peers.found_of(Windows(0), "W3", "out"), true)  # type: ignore[arg-type]
    with pytest.raises(WrongOutput, match="keys are wrong"):
        compare("W3", beside_peers.found_of(Windows(1), "W3", "out"), true)  # type: ignore[arg-type]


def test_the_tables_of_a_run_go_into_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "page.md"
    here.write_text("<!-- figures: run -->\n<!-- end -->\n<!-- figures: values -->\n<!-- end -->\n")
    monkeypatch.setattr(page, "PAGE", here)
    assert main(["run", "stage/decode", "--records", "1000", "--repeat", "1", "--write"]) == 0
    assert "| stage/decode | sums checked, bytes to columns |" in here.read_text()
    assert capsys.readouterr().out


def test_a_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    here = tmp_path / "page.md"
    here.write_text("before\n<!-- figures: java -->\nold\n<!-- end -->\n<!-- figures: run -->\nkept\n<!-- end -->\n")
    write("java", ("a", "b"), [("1", "2")], ["W2: it stood still"], {"java": "17"}, here)
    text = here.read_text()
    assert text.startswith("before\n<!-- figures: java -->\n")
    assert "| a | b |\n|---|---|\n| 1 | 2 |" in text
    assert "Failed: W2: it stood still" in text
    assert "java 17" in text and "cores" in text and "load average" in text
    assert "old" not in text and "kept" in text
    with pytest.raises(ValueError, match="no line <!-- figures: peers -->"):
        write("peers", ("a",), [], page=here)

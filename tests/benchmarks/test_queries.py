"""What the measurement of queries calls good."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.command import main
from benchmarks.queries import kept, quantiles, rows


def found(**more: Any) -> dict[str, Any]:
    stretch = {
        "sent": 100, "processed_per_second": 10.0, "cpu_per_second": 0.5, "lag_first_half": 5, "lag_second_half": 6,
        "answered": 0, "others": {}, "ms": {}, "seconds": 10.0,
    }  # fmt: skip
    asked = {**stretch, "answered": 200, "ms": {kind: {"p50": 1.0, "p99": 9.0} for kind in ("local", "forwarded")}}
    return {"highest": 20.0, "input": 10, "rate": 20, "without": stretch, "with": {**asked, **more}}


def test_quantiles_of_waits_in_order() -> None:
    assert quantiles([float(ms) for ms in range(1_000)]) == {"p50": 500.0, "p99": 990.0}
    assert quantiles([]) == {}


@pytest.mark.parametrize(
    "more",
    [
        {"ms": {"local": {"p99": 10.5}, "forwarded": {"p99": 1.0}}},
        {"ms": {"local": {"p99": 1.0}, "forwarded": {"p99": 20.5}}},
        {"lag_second_half": 21},
        {"others": {"503": 1}},
        {"answered": 0},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_is_late_falls_behind_or_has_no_answer_is_not_good(more: dict[str, Any]) -> None:
    assert kept(found()) and not kept(found(**more))
    assert rows(found(**more))


def test_it_asks_instances_that_work(capsys: pytest.CaptureFixture[str]) -> None:
    """How fast they were is nobody's business here."""
    main(["queries", "--rate", "20", "--seconds", "2", "--records", "2000", "--input", "500", "--json"])
    measured = json.loads(capsys.readouterr().out)
    assert measured["with"]["answered"] > 0 and set(measured["with"]["ms"]) == {"local", "forwarded"}
    assert measured["without"]["sent"] > 0 and measured["highest"] > 0

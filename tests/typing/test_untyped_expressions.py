"""Expressions whose type is not known are counted, as mypy counts them, and may only become fewer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT

UNTYPED = 680
KAFKA = "streams.clients.kafka."
UNTYPED_KAFKA = 1_086
"""What is read of kafka-python's messages, a library without types."""


def untyped(report: Path, *options: str) -> dict[str, int]:
    """Their number by module; `Total` is one of them."""
    command = [sys.executable, "-m", "mypy", "--any-exprs-report", str(report), "--cache-dir", str(report), *options]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    rows = [line.split() for line in (report / "any-exprs.txt").read_text("utf-8").splitlines()]
    counts = {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
    assert counts["Total"] == sum(counts.values()) - counts["Total"]
    return counts


def test_untyped_expressions_do_not_grow(tmp_path: Path) -> None:
    counts = untyped(tmp_path)
    kafka = sum(count for module, count in counts.items() if module.startswith(KAFKA))
    assert 0 < kafka <= UNTYPED_KAFKA
    assert counts["Total"] - kafka <= UNTYPED


def test_an_untyped_expression_is_seen(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("from typing import Any\n\n\ndef of(x: Any) -> object:\n    return x\n", "utf-8")
    assert untyped(tmp_path / "report", "--config-file=", "--strict", str(planted))["Total"] >= 1

"""Expressions whose type is not known are counted, as mypy counts them, and may only become fewer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT

UNTYPED = 597


def untyped(report: Path, *options: str) -> int:
    command = [sys.executable, "-m", "mypy", "--any-exprs-report", str(report), "--cache-dir", str(report), *options]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    total = (report / "any-exprs.txt").read_text("utf-8").split("\n")[-2].split()
    assert total[0] == "Total"
    return int(total[1])


def test_untyped_expressions_do_not_grow(tmp_path: Path) -> None:
    assert untyped(tmp_path) <= UNTYPED


def test_an_untyped_expression_is_seen(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("from typing import Any\n\n\ndef of(x: Any) -> object:\n    return x\n", "utf-8")
    planted_count = untyped(tmp_path / "report", "--config-file=", "--strict", str(planted))
    assert planted_count >= 1

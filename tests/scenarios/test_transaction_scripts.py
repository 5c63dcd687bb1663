"""The scripts in `transaction/` come to what stands in them. `REWRITE=1` writes it anew, to be read and judged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.transactions import replayed

SCRIPTS = sorted((Path(__file__).parent / "transaction").glob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_script(path: Path) -> None:
    script = path.read_text()
    now = replayed(script)
    if os.environ.get("REWRITE") == "1":
        path.write_text(now)
        script = now
    assert now == script


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 15

"""The scripts in `transaction/` come to what stands in them. `REWRITE=1` writes it anew, to be read and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.scripts import hold, scripts
from tests.scenarios.transactions import Case

SCRIPTS = scripts("transaction")


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_script(path: Path) -> None:
    hold(path, Case().run)


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 15

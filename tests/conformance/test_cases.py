"""Every recorded case, through the test driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.__main__ import SHIPPED
from tests.conformance.drive import load, run


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.json.gz")), ids=lambda path: path.name.split(".")[0])
def test_same_as_java(path: Path) -> None:
    run(load(path))

"""An engine in memory for each test, and settings that commit soon."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

numbers = itertools.count()


@pytest.fixture
def servers() -> Iterator[str]:
    from streams.clients.local.door import forget

    name = f"query-{next(numbers)}"
    yield f"memory://{name}"
    forget(name)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    return {"state_dir": str(tmp_path), "commit_interval_ms": 20}

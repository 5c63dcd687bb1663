"""What holds for each test, wherever it stands."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logs_as_found() -> Iterator[None]:
    """A test that turns logs off for the whole process makes others fail that read theirs, by chance of their order."""
    yield
    left, logging.root.manager.disable = logging.root.manager.disable, logging.NOTSET
    assert left == logging.NOTSET, "logging.disable() was left on: use tests.logs.quiet()"

"""What tests of several workers begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.streams.runtime.crew import Build, Crew, Make, counting


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes crews, and closes them after the test."""
    made: list[Crew] = []

    def one(build: Build = counting, durability: str = "process") -> Crew:
        made.append(Crew(tmp_path, build, durability))
        return made[-1]

    yield one
    for crew in made:
        crew.close()

"""Bugs that are planted in the product are found, each at the seed that is recorded for it, and not without them.

What happens at a seed changes with the steps that the product takes. So where a bug is not found at its seed any more
the seeds behind it are tried; a bug that is not found there either wants another search, which the failure names.
"""

from __future__ import annotations

import pytest

from tests.simulation.planted.search import BUGS, found_at, known, wanted
from tests.simulation.running import run_one

MORE = 40
"""So many seeds behind the recorded one are tried."""


@pytest.mark.parametrize(("name", "seed"), sorted(known().items()))
def test_a_planted_bug_is_found(name: str, seed: int) -> None:
    bug = BUGS[name]
    tried = range(seed, seed + MORE)
    found = next((each for each in tried if found_at(bug, each)), None)
    assert found is not None, f"search it again: python -m tests.simulation planted {name} --record"
    assert run_one(wanted(bug, found))[1].problems == []

"""Zombies of a word count of real processes: each way to become one, and bugs that let one write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash import zombies
from tests.crash.planted import PLANTED
from tests.crash.trial import Trial, begin, trial
from tests.crash.verdict import lost_updates, wrong
from tests.crash.zombies import KINDS

Kind = Callable[[Trial], None]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Trial]:
    with trial(tmp_path) as made:
        made.feed_on(200)
        yield made


@pytest.mark.parametrize("kinds", [KINDS[:2], KINDS[2:4], KINDS[4:]], ids=lambda kinds: kinds[0].__name__)
def test_no_zombie_takes_back_what_others_have_counted(one: Trial, kinds: tuple[Kind, ...]) -> None:
    begin(one, lambda: zombies.start(one), 2)
    for kind in kinds:
        zombies.settle(one)
        kind(one)
    one.rest()
    assert set(one.stop_all()) == {0}
    one.check(wrong(one.evidence()))
    assert sum(each.said.count("lost its place in the group") for each in one.instances) >= len(kinds)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_bug_that_lets_a_zombie_write_is_found(one: Trial, bug: str) -> None:
    begin(one, lambda: zombies.start(one, threads=1, PLANTED=bug), 2)

    def found() -> bool:
        zombies.settle(one)
        zombies.slow(one)
        return any("goes back" in problem for problem in lost_updates(one.updates()))

    assert any(found() for _ in range(8))

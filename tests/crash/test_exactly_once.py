"""The word count of real processes under exactly-once, killed at every step of a commit and of an abort: every word is
counted 1, 2, 3, … to what it came to, in the output, in the changelog and in the stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams.runtime.worker.exactly_once import EXACTLY_ONCE
from tests.crash import zombies
from tests.crash.faults import can_be_planned
from tests.crash.planted_exactly import PLANTED_EXACTLY
from tests.crash.run import torment
from tests.crash.test_application import dies_after_each, done
from tests.crash.trial import Trial, begin, trial
from tests.crash.verdict import Evidence, not_exactly_once
from tests.streams.apps import wait_for

COMMIT, ABORT = ([name for name, _ in steps] for steps in (EXACTLY_ONCE.commit, EXACTLY_ONCE.abort))


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Trial]:
    with trial(tmp_path, exactly=True, planned=can_be_planned()) as made:
        yield made


def test_a_process_that_dies_after_any_step_of_a_commit_is_never_seen_in_the_counts(one: Trial) -> None:
    dies_after_each(one, COMMIT, 2)
    one.start()
    done(one)
    evidence = one.evidence()
    assert not_exactly_once(evidence) == []
    assert evidence.aborted > 0


def test_a_process_that_dies_after_any_step_of_an_abort_is_never_seen_in_the_counts(one: Trial) -> None:
    dies_after_each(one, ABORT, 1, PLANTED="refused")
    survives = one.start(PLANTED="refused")
    wait_for(lambda: survives.is_up)
    one.feed(20)
    done(one)
    evidence = one.evidence()
    assert not_exactly_once(evidence) == []
    assert evidence.aborted > 0


@pytest.mark.skipif(not can_be_planned(), reason="needs a C compiler, and Linux")
def test_kills_at_calls_that_change_files_twice_and_disks_that_fail_are_never_seen(one: Trial) -> None:
    one.feed_on(200)
    torment(one, one.start, {"instances": 3, "brokers": 2, "twice": 1, "disks": 1}, 2, 0.5)
    done(one)
    one.check(not_exactly_once(one.evidence()))


def test_a_zombie_is_never_seen(one: Trial) -> None:
    one.feed_on(200)
    begin(one, partial(zombies.start, one), 2)
    for kind in (zombies.frozen, zombies.frozen_while_the_broker_is_killed):
        zombies.settle(one)
        kind(one)
    done(one)
    one.check(not_exactly_once(one.evidence()))


@pytest.mark.parametrize("bug", PLANTED_EXACTLY)
def test_planted_bugs_are_found(one: Trial, bug: str) -> None:
    first = one.start(PLANTED=f"{bug},refused")
    wait_for(lambda: first.is_up)
    one.feed(40)
    while "aborts its transaction" not in first.said:
        one.feed(5)
    one.feed(40)
    try:
        one.rest(15)
    except AssertionError:  # it does not come to its end
        return
    one.stop_all()
    assert not_exactly_once(one.evidence())


ROWS = [("a", 1), ("b", 1), ("b", 2)]
TABLE = {"a": 1, "b": 2}
GOOD = Evidence(["a b", "b"], ["a b", "b"], TABLE, TABLE, TABLE, ROWS, ROWS, 0, 3, (), {"words-in-0": (2, 2)})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"outputs": [*ROWS, ("b", 2)]}, "b: 2 comes after 2 in the output"),
        ({"outputs": [("a", 1), ("b", 2)]}, "b: 2 comes after 0 in the output"),
        ({"outputs": ROWS[:2], "counts": {"a": 1, "b": 1}}, "b: the output ends at 1, came 2 times"),
        ({"outputs": [*ROWS, ("c", 1)]}, "c: the output ends at 1, came 0 times"),
        ({"updates": [*ROWS, ("b", 3)]}, "b: the changelog ends at 3, came 2 times"),
        ({"stored": {"a": 1, "b": 3}}, "1 words stand otherwise in the databases than they came, as ['b']"),
        ({"hidden": 1}, "1 committed records are not seen by a reader of uncommitted ones"),
        ({"hanging": ["word-counts"]}, "word-counts ends in an open transaction"),
        ({"positions": {"words-in-0": (1, 2)}}, "words-in-0 is committed up to 1, and ends at 2"),
    ],
)
def test_what_is_wrong_is_told(fields: dict[str, Any], problem: str) -> None:
    assert not_exactly_once(GOOD) == []
    assert any(problem in told for told in not_exactly_once(replace(GOOD, **fields)))

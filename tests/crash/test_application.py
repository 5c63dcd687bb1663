"""The word count of real processes over a real broker, broken on purpose."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streams.runtime.worker.guarantee import AT_LEAST_ONCE
from tests.crash.trial import PARTITIONS, Instance, Trial, kill_at_random, trial
from tests.crash.verdict import Evidence, wrong
from tests.streams.apps import wait_for

COMMIT, ABORT = ([name for name, _ in steps] for steps in (AT_LEAST_ONCE.commit, AT_LEAST_ONCE.abort))
ALL = {f"{sub}_{partition}" for sub in (0, 1) for partition in range(PARTITIONS)}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Trial]:
    with trial(tmp_path) as made:
        yield made


def done(one: Trial) -> None:
    """All input is processed, and the instances are stopped; asserts that they ended well."""
    one.rest()
    assert set(one.stop_all()) == {0}


def feed_until_its_end(one: Trial, dying: Instance) -> None:
    """Input comes as long as it lives, slowly enough that each bit is a commit of its own."""
    wait_for(lambda: dying.is_up or not dying.runs)
    while dying.runs:
        one.feed(20)
        with contextlib.suppress(subprocess.TimeoutExpired):
            dying.ended(0.1)


def dies_after_each(one: Trial, steps: Iterable[str], number: int, **planted: str) -> list[Instance]:
    """One instance after the other works until it has come to the end of a step so many times, and dies there."""
    dead = []
    for step in steps:
        dying = one.start(KILLED_AFTER=f"{step}:{number}", **planted)
        feed_until_its_end(one, dying)
        assert dying.ended() == -signal.SIGKILL
        dead.append(dying)
    return dead


def tasks(instance: Instance) -> int:
    """How many tasks it had when it was last told."""
    told = [line for line in instance.said.splitlines() if " tasks in generation " in line]
    return int(told[-1].partition(" has ")[2].split()[0]) if told else 0


def test_kills_of_instances_and_of_the_broker_lose_nothing(one: Trial) -> None:
    one.feed_on(400)
    kill_at_random(one, instances=3, brokers=1, pause_s=0.5)
    done(one)
    one.check(wrong(one.evidence()))


def test_a_process_that_dies_after_any_step_of_a_commit_loses_nothing(one: Trial) -> None:
    dies_after_each(one, COMMIT, 2)
    one.start()
    done(one)
    evidence = one.evidence()
    assert wrong(evidence) == []
    # Deaths before positions were committed count twice: a sign that these commits were not whole.
    assert sum(evidence.counts.values()) > evidence.truth.total()


def test_a_process_that_dies_after_any_step_of_an_abort_loses_nothing(one: Trial) -> None:
    for dead in dies_after_each(one, ABORT, 1, PLANTED="refused"):
        assert "back to its last commit: planted" in dead.said
    survives = one.start(PLANTED="refused")
    wait_for(lambda: survives.is_up)
    one.feed(20)
    done(one)
    one.check(wrong(one.evidence()))


def test_an_order_of_steps_that_loses_is_found_out(one: Trial) -> None:
    dying = one.start(PLANTED="offsets-first", KILLED_AFTER="offsets:2")
    feed_until_its_end(one, dying)
    one.start()
    done(one)
    assert any("counted" in problem for problem in wrong(one.evidence()))


def test_a_changelog_that_is_not_written_is_found_out(one: Trial) -> None:
    one.start(PLANTED="no-changelog")
    one.feed(50)
    one.rest()
    one.stop_all()
    problems = wrong(replace(one.evidence(), changelog={}))
    assert any("in the changelog" in problem for problem in problems)
    assert any("the fold of the changelog" in problem for problem in problems)


def test_clean_stops_count_exactly_and_say_so_by_their_exit_codes(one: Trial) -> None:
    one.feed_on(100)
    first, second = one.start(), one.start()
    wait_for(lambda: first.is_up and second.is_up and tasks(first) + tasks(second) == len(ALL))
    assert first.stop() == 0
    second.signal(signal.SIGINT)
    assert second.ended() == 130
    # All at once, in the middle of a rebalance: none may give up what it has not committed.
    together = [one.start(), one.start()]
    wait_for(lambda: all(instance.is_up for instance in together))
    together.append(one.start())
    wait_for(lambda: one.members() == 3)
    for instance in together:
        instance.signal(signal.SIGTERM)
    assert [instance.ended() for instance in together] == [0, 0, 0]
    one.start()
    done(one)
    one.check(wrong(one.evidence(), exactly=True))


def test_a_second_instance_takes_half_and_leaves_it_behind_when_it_is_killed(one: Trial) -> None:
    first = one.start()
    wait_for(lambda: tasks(first) == len(ALL))
    second = one.start()
    wait_for(lambda: tasks(first) == tasks(second) == len(ALL) // 2)
    one.feed(100)
    second.kill()
    wait_for(lambda: tasks(first) == len(ALL), patience_s=10)
    one.feed(100)
    done(one)
    one.check(wrong(one.evidence()))


def test_one_that_was_frozen_while_its_tasks_moved_commits_nothing_and_joins_again(one: Trial) -> None:
    patience = ("-c", "consumer.session.timeout.ms=6000")
    frozen = one.start(*patience)
    wait_for(lambda: frozen.is_up)
    one.feed_on(200)
    wait_for(lambda: len(one.acknowledged) > 100)
    frozen.signal(signal.SIGSTOP)
    other = one.start(*patience)
    wait_for(lambda: tasks(other) == len(ALL))
    frozen.signal(signal.SIGCONT)
    wait_for(lambda: "lost its place in the group" in frozen.said)
    wait_for(lambda: tasks(frozen) == tasks(other) == len(ALL) // 2)
    done(one)
    one.check(wrong(one.evidence()))


GOOD = Evidence(["a b", "b"], ["a b", "b"], {"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2})
MORE = {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"input": ["a b"]}, "1 acknowledged lines are not in the input"),
        ({"input": ["a b", "b", "b"]}, "1 lines are stored more often"),
        ({"counts": {"a": 1, "b": 1}}, "b: counted 1 times, came 2 times"),
        ({"counts": {"a": 1}}, "b: counted 0 times"),
        ({"changelog": {"a": 1}, "stored": {"a": 1}}, "b: 0 in the changelog, came 2 times"),
        ({"updates": [("b", 2), ("a", 1), ("b", 1), ("b", 2)]}, "b: goes back from 2 to 1 in the changelog"),
        ({"stored": {"a": 1}}, r"not the fold of the changelog: 1 words differ, as ['b']"),
    ],
)
def test_what_is_wrong_is_told(fields: dict[str, Any], problem: str) -> None:
    assert any(problem in told for told in wrong(replace(GOOD, **fields)))


def test_more_is_wrong_only_where_nothing_was_killed() -> None:
    assert wrong(GOOD) == wrong(GOOD, exactly=True) == []
    more = replace(GOOD, counts=MORE, changelog=MORE, stored=MORE)
    assert wrong(more) == []
    assert wrong(more, exactly=True) == ["b: counted 3 times, came 2 times"]

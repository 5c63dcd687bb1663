"""`exactly_once_v2` in workers that are turned by hand: what they committed is there once, whatever became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams import StreamsBuilder
from streams.clients.api import Isolation, TransactionSettings
from streams.runtime.worker.abort import Abort
from streams.runtime.worker.commit import Commit
from streams.runtime.worker.exactly_once import EXACTLY_ONCE
from streams.runtime.worker.guarantee import Steps
from streams.topology.node import TaskId
from tests.streams.runtime.crew import OUT, SESSION_MS, WORDS, Crew
from tests.streams.runtime.test_zombies import counting, processed

Make = Callable[..., Crew]
ONCE: dict[str, Any] = {
    "processing_guarantee": "exactly_once_v2", "session_timeout_ms": SESSION_MS, "statestore_cache_max_bytes": 0,
}  # fmt: skip
COMMIT, ABORT = EXACTLY_ONCE.commit, EXACTLY_ONCE.abort


class Died(BaseException):
    """What no part of a worker takes for an error of its own."""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Crew] = []

    def one(build: Callable[[], StreamsBuilder] = counting, durability: str = "process") -> Crew:
        made.append(Crew(tmp_path, build, durability))
        return made[-1]

    yield one
    for crew in made:
        crew.close()


def dies_after(steps: Steps[Any], step: str) -> Steps[Any]:
    """The steps, with a death after one of them."""

    def die(one: Commit | Abort) -> None:
        raise Died

    at = [name for name, _ in steps].index(step) + 1
    return (*steps[:at], ("die", die))


def begun(crew: Crew, **config: Any) -> Any:
    """A worker that has all tasks, has committed once, and has something in an open transaction."""
    worker = crew.start(**{**ONCE, **config})
    crew.settle(worker)
    crew.send(*WORDS)
    crew.commit(worker)
    crew.send(*WORDS)
    taken = sum(crew.truth.values())
    crew.turn([worker], lambda: processed(worker) == taken)
    worker.loop.turn()
    return worker


def at_once(crew: Crew, worker: Any) -> None:
    """An end without a commit."""
    worker.close(clean=False)


ENDS = {"killed": Crew.kill, "ended": at_once}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("cache", [0, 10_000_000], ids=["no cache", "cache"])
@pytest.mark.parametrize("step", [name for name, _ in COMMIT])
def test_a_death_after_any_step_of_a_commit_doubles_and_loses_nothing(
    make: Make, monkeypatch: pytest.MonkeyPatch, step: str, cache: int, end: str
) -> None:
    crew = make()
    worker = begun(crew, statestore_cache_max_bytes=cache)
    monkeypatch.setattr(EXACTLY_ONCE, "commit", dies_after(COMMIT, step))
    crew.clock.advance(1_000)
    with pytest.raises(Died):
        worker.loop.turn()
    ENDS[end](crew, worker)
    monkeypatch.setattr(EXACTLY_ONCE, "commit", COMMIT)
    other = crew.start(**{**ONCE, "statestore_cache_max_bytes": cache})
    crew.settle(other)
    crew.send(*WORDS)
    crew.commit(other)
    assert crew.not_once(every=not cache) == []


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("step", [name for name, _ in ABORT])
def test_a_death_after_any_step_of_an_abort_doubles_and_loses_nothing(
    make: Make, monkeypatch: pytest.MonkeyPatch, step: str, end: str
) -> None:
    crew = make()
    worker = begun(crew)
    monkeypatch.setattr(EXACTLY_ONCE, "abort", dies_after(ABORT, step))
    with pytest.raises(Died):
        worker.loop.committer.abort([TaskId(0, 0)])
    ENDS[end](crew, worker)
    monkeypatch.setattr(EXACTLY_ONCE, "abort", ABORT)
    other = crew.start(**ONCE)
    crew.settle(other)
    crew.send(*WORDS)
    crew.commit(other)
    assert crew.not_once() == []


def test_after_a_death_a_worker_goes_on_from_its_own_disk(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    crew = make()
    worker = begun(crew, session_timeout_ms=600_000)
    crew.commit(worker)
    crew.clock.advance(10_000)  # what is committed goes to the database
    crew.turn([worker], lambda: not any(task.state.committed_bytes for task in worker.loop.tasks.all))
    crew.send(*WORDS)
    taken = processed(worker) + len(WORDS)
    crew.turn([worker], lambda: processed(worker) == taken)
    worker.loop.turn()
    crew.kill(worker)
    other = crew.start(**ONCE)
    crew.settle(other)
    assert other.loop.restorer.restored == 0
    crew.commit(other)
    assert crew.not_once() == [] and "rebuilt" not in caplog.text


def test_nobody_who_reads_what_is_committed_sees_what_is_not(make: Make) -> None:
    crew = make()
    worker = begun(crew)
    crew.turn([worker], lambda: len(crew.rows(OUT)) == 2 * len(WORDS))
    assert len(crew.rows(OUT, Isolation.READ_COMMITTED)) == len(WORDS)
    worker.loop.committer.abort([TaskId(0, 0)])
    crew.settle(worker)
    crew.commit(worker)
    assert crew.not_once() == []
    assert len(crew.rows(OUT)) == 3 * len(WORDS)  # who wants to see what was aborted does


def test_a_commit_that_finds_nothing_to_do_sends_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    crew = make()
    worker = begun(crew)
    crew.commit(worker)
    (before,) = crew.admin.list_transactions()
    for _ in range(5):
        crew.clock.advance(1_000)
        worker.loop.turn()
    assert crew.admin.list_transactions() == (before,)


def test_an_abort_is_one_of_all_tasks(make: Make) -> None:
    crew = make()
    worker = begun(crew)
    before = dict(worker.loop.tasks.by_id)
    worker.loop.committer.abort([TaskId(0, 0)])
    after = worker.loop.tasks.by_id
    assert before.keys() == after.keys() and not any(before[id] is after[id] for id in before)
    crew.settle(worker)
    crew.commit(worker)
    assert crew.not_once() == []


def test_tasks_move_in_the_middle_of_a_transaction(make: Make) -> None:
    crew = make()
    worker = begun(crew)
    other = crew.start(**ONCE)
    crew.settle(worker, other)
    crew.send(*WORDS)
    crew.commit(worker, other)
    assert crew.not_once() == []
    other.close()
    crew.settle(worker)
    crew.send(*WORDS)
    crew.commit(worker)
    assert crew.not_once() == []


def test_a_zombie_that_wakes_writes_nothing_and_joins_again(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    crew = make()
    zombie = begun(crew)
    crew.freeze(zombie)
    other = crew.start(**ONCE)
    crew.expire()
    crew.settle(other)  # nobody waits for what the zombie has begun
    crew.send(*WORDS)
    crew.commit(other)
    assert crew.not_once() == []
    crew.clock.advance(1_000)
    zombie.loop.turn()  # its commit is due, before it hears anything of its group
    assert crew.not_once() == []
    crew.wake(zombie)
    crew.turn([zombie, other], lambda: "lost its place in the group" in caplog.text)
    crew.settle(zombie, other)
    crew.send(*WORDS)
    crew.commit(zombie, other)
    assert crew.not_once() == []


def test_a_transaction_whose_time_is_up_is_done_again(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    crew = make()
    worker = begun(crew, session_timeout_ms=600_000)
    crew.expire(10_000)
    assert [each.state for each in crew.admin.list_transactions()] == ["CompleteAbort"]
    crew.commit(worker)
    assert crew.not_once() == []
    assert "had a transaction open for" in caplog.text


def test_a_broker_that_is_killed_and_comes_back_keeps_the_transaction(make: Make) -> None:
    crew = make()
    worker = begun(crew)
    crew.restart_broker()
    crew.commit(worker)
    assert crew.not_once() == []


def test_a_twin_is_fenced_and_one_that_is_fenced_twice_takes_another_id(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    crew = make()
    worker = begun(crew)
    before = worker.loop._parts.directory.uuid
    for number in range(2):
        name = f"app-{worker.loop._parts.directory.uuid}"
        twin = crew.door.transactional_writer(TransactionSettings(name, 10_000))
        twin.init(10_000)
        crew.commit(worker)
        assert crew.not_once() == []
        crew.send(*WORDS)
        assert (worker.loop._parts.directory.uuid != before) == (number == 1)
    assert caplog.text.count("was fenced twice within a minute") == 1
    crew.commit(worker)
    assert crew.not_once() == []

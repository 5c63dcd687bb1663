"""One budget of memory a process: what record caches hold, and what waits for a commit or for the database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clients.api import Position
from streams.errors import RebalanceInProgressException
from streams.record import TopicPartition
from streams.runtime.state.memory import Total
from streams.runtime.worker.make_worker import Watchers
from streams.runtime.worker.worker import Worker
from tests.streams.runtime import crew as crews
from tests.streams.runtime.crew import OUT, Crew, counting

NEVER_MS = 10**9
"""No commit comes by its interval."""
RUN = 20_000
"""What a turn may add to a bound."""


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    made = Crew(tmp_path, counting)
    yield made
    made.close()


def words(count: int, begin: int = 0) -> list[str]:
    return [f"word{number:06}" for number in range(begin, begin + count)]


def cached(*workers: Worker) -> int:
    return sum(task.dirty_bytes for worker in workers for task in worker.loop.tasks.running)


def held(*workers: Worker) -> int:
    states = [task.state for worker in workers for task in worker.loop.tasks.running]
    return sum(state.uncommitted_bytes + state.committed_bytes for state in states)


def processed(*workers: Worker) -> int:
    return sum(int(task._processed.value) for worker in workers for task in worker.loop.tasks.running)


def commit(*workers: Worker) -> None:
    for worker in workers:
        worker.loop.committer.commit(worker.loop.tasks.running)


def test_a_total_is_what_all_owners_hold() -> None:
    total = Total()
    assert [total.note("a", 5), total.note("b", 7), total.note("a", 1), total.note("b", 0), total.note("c", 0)] == [
        5, 12, 8, 1, 1,
    ]  # fmt: skip


def test_caches_of_all_tasks_of_all_workers_have_one_bound(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    watchers = Watchers(lambda worker, state: None, lambda worker, error: crew.failures.append(error))
    monkeypatch.setattr(crews, "Watchers", lambda *_: watchers)  # as KafkaStreams gives them to its workers
    bound = 40_000
    settings = {"commit_interval_ms": NEVER_MS, "statestore_cache_max_bytes": bound, "max_run_records": 100}
    workers = [crew.start(**settings) for _ in range(2)]
    crew.settle(*workers)
    most = 0

    def done() -> bool:
        nonlocal most
        most = max(most, cached(*workers))
        return processed(*workers) == 4_000

    crew.send(*words(4_000))
    crew.turn(workers, done)
    assert bound - RUN < most <= bound + RUN
    assert watchers.memory.caches.value == cached(*workers)
    commit(*workers)
    assert watchers.memory.caches.value == 0 and not crew.wrong() and not crew.failures
    for worker in workers:
        worker.loop.spill.close()
    assert watchers.memory.rows.value == 0


def test_at_the_bound_it_commits_and_writes_out(crew: Crew) -> None:
    bound = 200_000
    worker = crew.start(
        commit_interval_ms=NEVER_MS, statestore_uncommitted_max_bytes=bound, statestore_cache_max_bytes=0,
        max_run_records=50,
    )  # fmt: skip
    crew.settle(worker)
    most = 0

    def done() -> bool:
        nonlocal most
        most = max(most, held(worker))
        return processed(worker) == 4_000

    crew.send(*words(4_000))
    crew.turn([worker], done)
    assert most <= bound + 8 * RUN  # a turn is four runs of each of two tasks
    committed = sum(position.offset for position in crew.admin.describe_group("app").offsets.values())
    assert committed > 2_000
    commit(worker)
    assert not crew.wrong()


def test_where_the_commit_is_held_back_it_takes_no_input_says_so_and_goes_on_after_it(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bound = 100_000
    worker = crew.start(
        commit_interval_ms=NEVER_MS, statestore_uncommitted_max_bytes=bound, max_run_records=50,
    )  # fmt: skip
    crew.settle(worker)

    def refused(offsets: dict[TopicPartition, Position], timeout_ms: int) -> None:
        raise RebalanceInProgressException("a round is on")

    crew.send(*words(4_000))
    with monkeypatch.context() as held_back, caplog.at_level(logging.WARNING):
        held_back.setattr(worker.loop.membership, "commit_now", refused)
        crew.turn([worker], lambda: worker.loop.spill.full)
        stood = processed(worker)
        for _ in range(50):
            crew.clock.advance(100)
            worker.loop.turn()
        assert processed(worker) == stood < 4_000 and held(worker) <= bound + 8 * RUN
        assert "StreamThread-1 processes nothing: state changes of" in caplog.text
        assert "statestore.uncommitted.max.bytes is 100,000" in caplog.text
    crew.turn([worker], lambda: (crew.clock.advance(100), processed(worker) == 4_000)[1])
    commit(worker)
    assert not crew.wrong() and len(crew.rows(OUT)) >= 4_000


def test_without_a_bound_nothing_is_committed_early(crew: Crew) -> None:
    worker = crew.start(commit_interval_ms=NEVER_MS, statestore_uncommitted_max_bytes=-1)
    crew.settle(worker)
    crew.send(*words(500))
    crew.turn([worker], lambda: processed(worker) == 500)
    assert not crew.admin.describe_group("app").offsets



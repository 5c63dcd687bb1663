"""`exactly_once_v2` in workers that are turned by hand: what they committed is there once, whatever became of them."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams import Response
from streams.clients.api import ConsumerGroupMetadata, Isolation, Sent, TransactionSettings
from streams.errors import IllegalGenerationException, StreamsException, TaskCorruptedException, TimeoutException
from streams.record import RecordBatch, TopicPartition
from streams.runtime.worker.abort import Abort
from streams.runtime.worker.commit import Commit
from streams.runtime.worker.exactly_once import EXACTLY_ONCE
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Steps
from streams.runtime.worker.lifecycle import WorkerState
from streams.topology.node import TaskId
from tests.engines import local_engine, stop_broker
from tests.streams.apps import lag, produce, records, running, topics, wait_for
from tests.streams.runtime.crew import CHANGELOG, OUT, SESSION_MS, WORDS, Crew, Make, counting
from tests.streams.runtime.test_zombies import processed

ONCE: dict[str, Any] = {
    "processing_guarantee": "exactly_once_v2", "session_timeout_ms": SESSION_MS, "statestore_cache_max_bytes": 0,
}  # fmt: skip
COMMIT, ABORT = EXACTLY_ONCE.commit, EXACTLY_ONCE.abort


class Died(BaseException):
    """What no part of a worker takes for an error of its own."""


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


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("what", ["commit", "abort"])
def test_where_none_of_the_tasks_that_go_runs_all_others_take_part(make: Make, what: str, end: str) -> None:
    """Tasks that are still restored go to others again: the transaction has what others have written."""
    crew = make()
    worker = begun(crew)
    getattr(worker.loop.committer, what)([])
    if what == "abort":
        crew.settle(worker)
        crew.send(*WORDS)
        crew.commit(worker)
    ENDS[end](crew, worker)
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


def test_a_commit_that_is_held_back_stops_the_work_before_its_transaction_is_too_old(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crew = make()
    worker = begun(crew, session_timeout_ms=600_000)

    def refused() -> ConsumerGroupMetadata:
        raise IllegalGenerationException("another generation has begun")

    with monkeypatch.context() as held_back:
        held_back.setattr(worker.loop.membership, "metadata", refused)
        for _ in range(6):
            crew.clock.advance(1_000)
            worker.loop.turn()
        assert "StreamThread-1 processes nothing: its group holds its commit back" in caplog.text
        stood = processed(worker)
        crew.send(*WORDS)
        for _ in range(20):
            worker.loop.turn()
        assert processed(worker) == stood
    crew.commit(worker)
    assert crew.not_once() == [] and "aborts its transaction" not in caplog.text


class Failing:
    """A door whose transactional writers fail the next batches to a topic, as when they were not acknowledged in time.

    Args:
        door: the way to the engine.
        topic: what goes there fails.
        times: so often.
    """

    def __init__(self, door: Any, topic: str, times: int) -> None:
        self._door, self._topic, self.left = door, topic, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._door, name)

    def transactional_writer(self, *given: Any) -> Any:
        writer = self._door.transactional_writer(*given)
        honest = writer.send

        def send(partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
            if partition.topic == self._topic and self.left:
                self.left -= 1
                writer.abort()
                done(Sent(partition, -1, -1, TimeoutException("not acknowledged in time")))
            else:
                honest(partition, batch, done)

        writer.send = send
        return writer


ANSWERS: dict[str, Any] = {
    "retry": lambda context, record, error: Response.retry(),
    "resume": lambda context, record, error: Response.resume(),
    "fail": lambda context, record, error: Response.fail(),
}


def test_output_that_is_to_be_tried_again_is_made_again_by_all_tasks(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    crew = make()
    worker = crew.start(
        lambda door: Failing(door, OUT, 2), **ONCE, production_exception_handler=ANSWERS["retry"]
    )  # fmt: skip
    crew.settle(worker)
    crew.send(*WORDS)
    crew.commit(worker)
    assert crew.not_once() == []
    assert caplog.text.count("aborts its transaction: 2 tasks go back") == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("fail", "Exception handler choose to FAIL the processing"),
        ("resume", "cannot be let go, as the production exception handler says: the transaction"),
    ],
)
def test_what_dooms_a_transaction_cannot_be_let_go(make: Make, answer: str, words: str) -> None:
    crew = make()
    worker = crew.start(lambda door: Failing(door, OUT, 1), **ONCE, production_exception_handler=ANSWERS[answer])
    crew.settle(worker)
    crew.send(*WORDS)
    with pytest.raises(StreamsException, match=words):
        crew.commit(worker)
    worker.close(clean=False)
    crew.killed.add(worker)
    assert crew.rows(OUT, Isolation.READ_COMMITTED) == []
    other = crew.start(**ONCE)
    crew.settle(other)
    crew.commit(other)
    assert crew.not_once() == []


@pytest.mark.parametrize("before", ["at_least_once", "exactly_once_v2"])
def test_the_guarantee_may_be_another_one_from_now_on(
    make: Make, caplog: pytest.LogCaptureFixture, before: str
) -> None:
    guarantees = ["at_least_once", "exactly_once_v2"]
    crew = make()
    for guarantee in (before, *(each for each in guarantees if each != before), before):
        worker = crew.start(**{**ONCE, "processing_guarantee": guarantee})
        crew.settle(worker)
        assert worker.loop.restorer.restored == 0
        crew.send(*WORDS)
        crew.commit(worker)
        worker.close()
        crew.killed.add(worker)
    assert crew.not_once() == []
    assert caplog.text.count("this application worked with processing.guarantee=") == 2


def test_a_store_that_is_ahead_of_its_offsets_keeps_what_was_counted_twice_and_no_more(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = make()
    worker = crew.start(**{**ONCE, "processing_guarantee": "at_least_once"})
    crew.settle(worker)
    crew.send(*WORDS)
    crew.turn([worker], lambda: processed(worker) == len(WORDS))
    monkeypatch.setattr(AT_LEAST_ONCE, "commit", dies_after(AT_LEAST_ONCE.commit, "send"))
    with pytest.raises(Died):
        crew.commit(worker)  # all is in output and changelog, and no offset is committed
    crew.kill(worker)
    other = crew.start(**ONCE)
    crew.settle(other)
    crew.commit(other)
    again = dict.fromkeys(WORDS, 2)
    assert dict(crew.rows(OUT, Isolation.READ_COMMITTED)) == again
    crew.send(*WORDS)
    crew.commit(other)
    assert dict(crew.rows(OUT, Isolation.READ_COMMITTED)) == dict.fromkeys(WORDS, 3)


def test_a_restore_waits_for_a_transaction_that_is_open_on_its_changelog(make: Make) -> None:
    """Someone else's, which no fence reaches: what lies behind it belongs to the store all the same."""
    crew = make()
    worker = begun(crew)
    crew.commit(worker)
    worker.close()
    crew.killed.add(worker)
    shutil.rmtree(crew.root / "app")
    stranger = crew.door.transactional_writer(TransactionSettings("stranger", 60_000))
    stranger.init(10_000)
    stranger.begin()
    row = RecordBatch([b"stranger"], [(1).to_bytes(8, "big")], [0], None, range(1), 1)
    stranger.send(TopicPartition(CHANGELOG, 0), row, lambda sent: None)
    stranger.await_acks(10_000)
    other = crew.start(**ONCE)
    for _ in range(50):
        other.loop.turn()
    assert other.state is WorkerState.PARTITIONS_ASSIGNED
    stranger.end(False, 10_000)
    crew.settle(other)
    crew.send(*WORDS)
    crew.commit(other)
    assert crew.not_once() == []
    stranger.close()


def test_what_was_aborted_is_restored_by_nobody_at_least_once_either(make: Make) -> None:
    crew = make()
    worker = begun(crew)
    worker.close(clean=False)  # half of what is in the changelog was aborted
    crew.killed.add(worker)
    shutil.rmtree(crew.root / "app")
    other = crew.start(**{**ONCE, "processing_guarantee": "at_least_once"})
    crew.settle(other)
    assert other.loop.restorer.restored == len(WORDS)
    crew.commit(other)
    assert crew.not_once() == []


def test_one_that_is_fenced_while_it_aborts_joins_again(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crew = make()
    worker = begun(crew)
    twin = crew.door.transactional_writer(TransactionSettings(f"app-{worker.loop._parts.directory.uuid}", 10_000))
    twin.init(10_000)

    def fails(now: int) -> None:
        raise TaskCorruptedException("to be done again")

    with monkeypatch.context() as once:
        once.setattr(worker.loop.spill, "turn", fails)
        worker.loop.turn()
    assert worker.tasks() == frozenset()
    assert "aborts its transaction" in caplog.text and "lost its place in the group" in caplog.text
    crew.commit(worker)
    assert crew.not_once() == []
    twin.close()


def test_a_broker_process_is_killed_in_the_middle_and_every_update_is_there_once(tmp_path: Path) -> None:
    rounds, data = 12, tmp_path / "data"
    settings: dict[str, Any] = {
        "processing_guarantee": "exactly_once_v2", "commit_interval_ms": 20, "statestore_cache_max_bytes": 0,
        "state_dir": str(tmp_path / "state"),
    }  # fmt: skip
    with local_engine(data) as servers:
        topics(servers, words=2, out=2)
        for part in (range(rounds // 2), range(rounds // 2, rounds)):  # two lives of the application
            with running(counting(), servers, **settings):
                for number in part:
                    produce(servers, "words", [(word, "x") for word in WORDS])
                    if number % 4 == 2:
                        stop_broker(data, signal.SIGKILL)
                wait_for(lambda: lag(servers, "app") == 0)
        for topic in (OUT, CHANGELOG):
            seen: dict[str, list[int]] = {}
            for record in records(servers, topic, isolation="read_committed"):
                seen.setdefault(record.key, []).append(record.value)
            assert seen == {word: list(range(1, rounds + 1)) for word in WORDS}

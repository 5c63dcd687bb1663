"""Workers that were put out of their group without knowing it: what they do afterwards harms nobody (decision 39)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from streams import Processor, Record, StreamsBuilder
from streams.clients import Producer, ProducerRecord
from streams.clients.member import Assigned, Lead, Lost, Rebalance
from streams.clients.writing.writer import BatchWriter
from streams.errors import FencedInstanceIdException
from streams.exception_handlers import ErrorHandlerContext, Response
from streams.metrics.registry import Metrics
from streams.runtime.worker.lifecycle import WorkerState
from tests.crash.planted import PLANTED
from tests.streams.apps import COUNT, TEXT, wait_for
from tests.streams.runtime.crew import SESSION_MS, WORDS, Crew, Make, counting
from tests.streams.runtime.test_worker import Silent


def never(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
    raise AssertionError("the production exception handler was asked")


ZOMBIE: dict[str, Any] = {"session_timeout_ms": SESSION_MS, "production_exception_handler": never}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of places that were lost."""
    found = [each for each in caplog.records if "lost its place in the group" in each.getMessage()]
    assert {each.levelno for each in found} <= {logging.WARNING}
    return [each.getMessage() for each in found]


def frozen_with_work_in_hand(crew: Crew, **config: Any) -> Any:
    """A worker that has all tasks, counted everything twice, committed it once, and then stood still while another one
    took over and went on. Gives both."""
    zombie = crew.start(**{**ZOMBIE, **config})
    crew.settle(zombie)
    crew.send(*WORDS)
    crew.commit(zombie)
    crew.send(*WORDS)
    taken = sum(crew.truth.values())
    crew.turn([zombie], lambda: processed(zombie) == taken)
    crew.freeze(zombie)
    other = crew.start()
    crew.expire()
    assert crew.member_id(zombie) not in crew.members()
    crew.settle(other)
    for _ in range(3):
        crew.send(*WORDS)
    crew.commit(other)
    return zombie, other


def events(worker: Any) -> Any:
    """What waits for it of its group."""
    return worker.loop.membership._events


def processed(worker: Any) -> int:
    """Records its tasks have counted since they began."""
    metrics: Metrics = worker._parts.context.metrics
    return metrics.total("process-total")


@pytest.mark.parametrize("cache", [0, 10_000_000], ids=["no cache", "cache"])
@pytest.mark.parametrize("durability", ["process", "durable"])
def test_one_that_was_frozen_past_its_session_writes_nothing_over_newer_counts(
    make: Make, caplog: pytest.LogCaptureFixture, cache: int, durability: str
) -> None:
    crew = make(durability=durability)
    zombie, other = frozen_with_work_in_hand(crew, statestore_cache_max_bytes=cache)
    before = crew.rows("out")
    crew.clock.advance(1_000)  # its commit is due: it flushes and sends, before it hears anything of its group
    zombie.loop.turn()
    assert zombie.tasks() == frozenset() and crew.rows("out") == before
    (said,) = warnings(caplog)
    assert "gives up 2 tasks without a commit" in said and "has moved" not in said
    crew.wake(zombie)
    crew.turn([zombie, other], lambda: len(zombie.tasks()) == len(other.tasks()) == 1)
    crew.settle(zombie, other)
    crew.send(*WORDS)
    crew.commit(zombie, other)
    assert crew.wrong() == []
    assert dict(crew.rows("out")) == crew.truth  # nothing was committed twice
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize("bug", PLANTED)
def test_a_bug_that_lets_a_zombie_write_is_found(make: Make, monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    for name in ("bind", "_fenced"):
        monkeypatch.setattr(BatchWriter, name, getattr(BatchWriter, name))  # to be put back
    PLANTED[bug]()
    crew = make()
    zombie, other = frozen_with_work_in_hand(crew, statestore_cache_max_bytes=0)
    zombie.loop.turn()  # it sends what it has
    crew.wake(zombie)
    crew.turn([zombie, other], lambda: len(zombie.tasks()) == 1)
    crew.settle(zombie, other)
    crew.send(*WORDS)
    crew.commit(zombie, other)
    assert any("goes back" in problem for problem in crew.wrong())


def test_what_was_dropped_is_told_with_its_count(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    zombie, _ = frozen_with_work_in_hand(crew := make())
    crew.clock.advance(1_000)
    zombie.loop.turn()
    (said,) = warnings(caplog)
    # Eight rows for the changelog and eight for the output, a batch for each of two partitions.
    assert "drops 0 records that were not sent and 4 batches with 16 records that were not acknowledged" in said


def test_one_that_hears_of_its_end_first_sends_nothing_at_all(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    zombie, other = frozen_with_work_in_hand(crew := make())
    crew.wake(zombie)
    wait_for(lambda: zombie.loop.membership._events)
    crew.clock.advance(1_000)
    crew.turn([zombie, other], lambda: len(zombie.tasks()) == 1)
    (said,) = warnings(caplog)
    assert "is no member of group app" in said and "0 batches with 0 records" in said
    crew.settle(zombie, other)
    crew.commit(zombie, other)
    assert crew.wrong() == []


def test_it_comes_back_as_another_member_and_works_on(make: Make) -> None:
    zombie, other = frozen_with_work_in_hand(crew := make())
    first = crew.member_id(zombie)
    crew.wake(zombie)
    crew.turn([zombie, other], lambda: len(zombie.tasks()) == 1)
    assert crew.member_id(zombie) not in ("", first) and crew.member_id(zombie) in crew.members()
    crew.settle(zombie, other)
    crew.send(*WORDS)
    crew.commit(zombie, other)
    crew.freeze(other)  # the counts of the one that was a zombie are as good as anybody's
    other.close(clean=False)
    crew.settle(zombie)
    crew.send(*WORDS)
    crew.commit(zombie)
    assert crew.wrong() == []


def test_user_code_slower_than_max_poll_interval_ms_ends_the_membership_and_a_producer_of_its_own_goes_on(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    others: list[Any] = []

    def slow(key: str, value: str) -> None:
        if key != WORDS[-1] or others or len(crew.workers) > 1:
            return
        wait_for(lambda: not crew.members())  # nobody polls: the heartbeats' thread has left the group
        others.append(crew.start())
        crew.settle(*others)
        crew.send(*WORDS)
        crew.commit(*others)
        with Producer({"bootstrap.servers": crew.servers, "value.serializer": TEXT}) as own:
            own.send(ProducerRecord("audit", "was slow", timestamp=crew.clock.now_ms())).result(30)

    crew = make(lambda: counting(slow))
    zombie = crew.start(**ZOMBIE, max_poll_interval_ms=2_000, statestore_cache_max_bytes=0)
    crew.settle(zombie)
    crew.send(*WORDS)  # those before the slow one have rows in the outbox
    crew.turn([zombie], lambda: others)
    crew.turn([zombie, *others], lambda: len(zombie.tasks()) == 1)
    crew.settle(zombie, *others)
    crew.commit(zombie, *others)
    assert crew.wrong() == []
    assert list(crew.inputs("audit").values()) == ["was slow"]
    assert len(warnings(caplog)) == 1


def test_a_broker_that_was_killed_meanwhile_remembers_nothing_and_refuses_all_the_same(make: Make) -> None:
    zombie, other = frozen_with_work_in_hand(crew := make())
    before = crew.rows("out")
    crew.restart_broker()
    crew.door = zombie._parts.door
    crew.admin = crew.door.admin()
    crew.writer = crew.door.writer()
    crew.clock.advance(1_000)
    crew.turn([zombie], lambda: not zombie.tasks())
    assert crew.rows("out") == before
    crew.wake(zombie)
    crew.turn([zombie, other], lambda: len(zombie.tasks()) == len(other.tasks()) == 1)
    crew.settle(zombie, other)
    crew.send(*WORDS)
    crew.commit(zombie, other)
    assert crew.wrong() == []


STATIC: dict[str, Any] = {**ZOMBIE, "session_timeout_ms": 600_000, "max_poll_interval_ms": 20_000}


def static_that_missed_a_round(crew: Crew, called: bool) -> Any:
    """A static member with all tasks, which it got after its last join, so that it has never told anybody of them. It
    misses a round, and half of them go to another one straight away. Gives both.

    Args:
        called: it had heard of the round before it was frozen, and joins under its old id as soon as it wakes.
    """
    frozen = crew.start(**STATIC, group_instance_id="one")
    crew.settle(frozen)
    crew.send(*WORDS)
    crew.commit(frozen)
    crew.send(*WORDS)
    crew.turn([frozen], lambda: processed(frozen) == 2 * len(WORDS))
    if not called:
        crew.freeze(frozen)
    other = crew.start()
    if called:
        crew.turn([other], lambda: any(isinstance(each, Rebalance) for each in frozen.loop.membership._events))
        crew.freeze(frozen)
    crew.turn([other], lambda: crew.admin.describe_group("app").state == "PreparingRebalance")
    crew.expire(300_000)
    crew.turn([other], lambda: len(other.tasks()) == 1 and other.state is WorkerState.RUNNING)
    assert crew.members()[crew.member_id(frozen)] == "one-1"  # its place is kept
    crew.send(*WORDS)
    crew.send(*WORDS)
    taken = {task.id for task in other.loop.tasks.running}
    crew.turn([other], lambda: processed(other) >= 3)
    assert len(taken) == 1
    return frozen, other


@pytest.mark.parametrize("called", [False, True])
def test_a_static_member_that_missed_a_round_is_out_until_it_joins_again(
    make: Make, caplog: pytest.LogCaptureFixture, called: bool
) -> None:
    crew = make()
    frozen, other = static_that_missed_a_round(crew, called)
    crew.clock.advance(1_000)
    crew.turn([frozen], lambda: not frozen.tasks())
    assert len(warnings(caplog)) == 1
    crew.wake(frozen)
    crew.turn([frozen, other], lambda: len(frozen.tasks()) == len(other.tasks()) == 1)
    crew.settle(frozen, other)
    assert sorted(each or "" for each in crew.members().values()) == ["", "one-1"]
    crew.send(*WORDS)
    crew.commit(frozen, other)
    assert crew.wrong() == []
    assert crew.failures == []


def tell_of_its_tasks(crew: Crew, worker: Any) -> None:
    """It joins once more, so that the group knows of its tasks and gives none away before it has given it up."""
    worker.loop.rebalances.ask()
    crew.turn([worker], lambda: crew.admin.describe_group("app").generation == 2)
    crew.turn([worker], lambda: crew.admin.describe_group("app").state == "Stable" and not events(worker))


def test_tasks_that_were_kept_for_a_static_member_that_missed_a_round_are_run_again(make: Make) -> None:
    crew = make()
    frozen = crew.start(**STATIC, group_instance_id="one")
    crew.settle(frozen)
    tell_of_its_tasks(crew, frozen)
    crew.freeze(frozen)
    other = crew.start()
    crew.turn([other], lambda: crew.admin.describe_group("app").state == "PreparingRebalance")
    crew.expire(300_000)
    crew.turn([other], lambda: crew.admin.describe_group("app").state == "Stable")
    assert not other.tasks()
    crew.wake(frozen)
    crew.turn([frozen, other], lambda: len(frozen.tasks()) == len(other.tasks()) == 1)
    crew.settle(frozen, other)
    crew.send(*WORDS)
    crew.commit(frozen, other)
    assert crew.wrong() == []


def test_tasks_that_a_static_member_was_to_give_up_when_it_died_are_run_again(make: Make) -> None:
    crew = make()
    first = crew.start(**STATIC, group_instance_id="one")
    crew.settle(first)
    tell_of_its_tasks(crew, first)
    other = crew.start()
    crew.turn([other], lambda: any(isinstance(each, Rebalance) for each in first.loop.membership._events))
    first.loop.turn()  # it joins with all it has
    crew.turn([other], lambda: any(isinstance(each, Lead) for each in first.loop.membership._events))
    first.loop.turn()  # it gives half of it away
    crew.turn([other], lambda: any(isinstance(each, Assigned) for each in first.loop.membership._events))
    crew.freeze(first)
    first.loop.membership.close(leave=False)
    again = crew.start(**STATIC, group_instance_id="one")
    crew.turn([again, other], lambda: len(again.tasks()) == len(other.tasks()) == 1)
    crew.settle(again, other)
    crew.send(*WORDS)
    crew.commit(again, other)
    assert crew.wrong() == []


def test_a_static_member_whose_place_another_process_has_ends_and_does_not_take_it_back(make: Make) -> None:
    crew = make()
    frozen = crew.start(**STATIC, group_instance_id="one")
    crew.settle(frozen)
    crew.send(*WORDS)
    crew.turn([frozen], lambda: processed(frozen) == len(WORDS))
    crew.freeze(frozen)
    successor = crew.start(**STATIC, group_instance_id="one")
    crew.settle(successor)
    crew.send(*WORDS)
    crew.commit(successor)
    crew.clock.advance(1_000)
    with pytest.raises(FencedInstanceIdException):
        while True:
            frozen.loop.turn()
    frozen.close(clean=False)
    successor.loop.turn()
    assert list(crew.members()) == [crew.member_id(successor)]
    crew.commit(successor)
    assert crew.wrong() == []


def test_a_member_that_stays_is_not_disturbed_by_new_generations(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    crew = make()
    stays = crew.start(commit_interval_ms=0)
    crew.settle(stays)
    for joins in range(3):
        other = crew.start()
        for _ in range(200):  # before the round, in the middle of it and after it
            crew.send(WORDS[joins])
            stays.loop.turn()
            other.loop.turn()
        crew.settle(stays, other)
        crew.commit(stays, other)
        other.close()
        crew.settle(stays)
    crew.commit(stays)
    assert crew.wrong() == [] and warnings(caplog) == []
    assert dict(crew.rows("out")) == crew.truth


def test_a_zombie_that_is_asked_to_end_ends_well_and_commits_nothing(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    zombie, other = frozen_with_work_in_hand(crew := make())
    before, members = crew.rows("out"), crew.members()
    zombie.stop()
    zombie.close(clean=True)
    assert crew.rows("out") == before and crew.members() == members
    assert len(warnings(caplog)) == 1
    crew.commit(other)
    assert crew.wrong() == []


def test_its_state_is_behind_and_does_not_take_the_place_of_newer_state(make: Make) -> None:
    zombie, other = frozen_with_work_in_hand(crew := make())
    crew.freeze(other)
    other.close()  # well, and all it had lies ready for the next
    crew.wake(zombie)
    crew.turn([zombie], lambda: len(zombie.tasks()) == 2)
    assert {task.state.position() for task in zombie.loop.tasks.all} != {0}
    crew.settle(zombie)
    assert zombie.loop.restorer.restored == 0  # not a record had to be read
    crew.send(*WORDS)
    crew.commit(zombie)
    assert crew.wrong() == []


def test_a_processor_that_cannot_be_closed_keeps_no_other_task_from_being_given_up(make: Make) -> None:
    class Stubborn(Processor[str, str, str, str]):
        def process(self, record: Record[str, str]) -> None: ...

        def close(self) -> None:
            raise ValueError("I stay")

    def build() -> StreamsBuilder:
        builder = counting()
        builder.stream("words", key_serde=TEXT, value_serde=TEXT).process(Stubborn)
        return builder

    zombie, other = frozen_with_work_in_hand(crew := make(build))
    crew.clock.advance(1_000)
    zombie.loop.turn()
    assert zombie.tasks() == frozenset() and crew.failures == []
    crew.commit(other)
    assert crew.wrong() == []


def test_news_of_the_time_before_the_loss_are_not_heeded(make: Make) -> None:
    crew = make()
    worker = crew.start(**ZOMBIE)
    crew.turn([worker], lambda: any(isinstance(each, Assigned) for each in events(worker)) or worker.tasks())
    if worker.tasks():  # it was quicker: once more
        worker.loop.rebalances.ask()
        worker.loop.turn()
        crew.turn([], lambda: any(isinstance(each, Lead) for each in events(worker)))
        worker.loop.turn()
        crew.turn([], lambda: any(isinstance(each, Assigned) for each in events(worker)))
    crew.expire()
    crew.turn([], lambda: any(isinstance(each, Lost) for each in events(worker)))
    assert not any(isinstance(each, Assigned) for each in events(worker))
    worker.loop.turn()
    assert worker.tasks() == frozenset()
    crew.settle(worker)


def test_a_purge_in_the_name_of_a_member_that_is_none_ends_the_membership(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build() -> StreamsBuilder:
        builder = StreamsBuilder()
        grouped = builder.stream("words", key_serde=TEXT, value_serde=TEXT).group_by(
            lambda key, value: key, key_serde=TEXT, value_serde=TEXT
        )
        grouped.count(store="counts").to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
        return builder

    crew = make(build)
    zombie = crew.start(**ZOMBIE, repartition_purge_interval_ms=1_000)
    crew.turn([zombie], lambda: zombie.state is WorkerState.RUNNING and len(zombie.tasks()) == 4)
    crew.send(*WORDS)
    crew.turn([zombie], lambda: processed(zombie) >= 2 * len(WORDS))
    honest = zombie.loop.membership.commit_now

    def put_out_after(*arguments: Any) -> None:
        honest(*arguments)
        crew.freeze(zombie)
        crew.expire()

    monkeypatch.setattr(zombie.loop.membership, "commit_now", put_out_after)
    crew.clock.advance(2_000)
    crew.turn([zombie], lambda: not zombie.tasks())
    where = [p._replace(topic="app-counts-repartition") for p in crew.partitions("words")]
    assert set(crew.admin.beginning_offsets(where).values()) == {0}


def test_a_broker_that_is_silent_while_a_zombie_comes_back_is_asked_again(make: Make) -> None:
    silent: list[Silent] = []

    def through(door: Any) -> Any:
        silent.append(Silent(door))
        return silent[0]

    crew = make()
    zombie, other = frozen_with_work_in_hand(crew, door=through)
    silent[0].silence["describe_topics"] = 2
    crew.wake(zombie)
    crew.turn([zombie, other], lambda: len(zombie.tasks()) == 1)
    assert silent[0].silence["describe_topics"] == 0
    crew.settle(zombie, other)
    crew.commit(zombie, other)
    assert crew.wrong() == []

"""A worker's part in rebalances and what it commits, with a place in the group that says what the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from statestore.engine import Engine
from streams.clients.api import Position
from streams.clients.assignors import Subscription
from streams.clients.member import Assigned, Failed, Lead, Lost, MemberSettings, Rebalance
from streams.clock import ManualClock
from streams.errors import (
    DisconnectException,
    IllegalGenerationException,
    KafkaException,
    RebalanceInProgressException,
    StreamsException,
    TaskCorruptedException,
    TimeoutException,
    UnknownMemberIdException,
)
from streams.metrics.sensor import Sampling
from streams.record import TopicPartition
from streams.runtime.group.membership import TaskAssignment, write_task_assignment
from streams.runtime.worker.committer import Committer
from streams.runtime.worker.guarantee import AT_LEAST_ONCE
from streams.runtime.worker.lifecycle import WorkerLife, WorkerState
from streams.runtime.worker.make_worker import open_rocks
from streams.runtime.worker.purge import Purge
from streams.runtime.worker.rebalance_listener import MemberIdentity, RebalanceListener
from streams.runtime.worker.rebalances import Rebalances
from streams.runtime.worker.sender import Refusal
from streams.runtime.worker.time_shares import Doing, TimeShares
from streams.topology.node import TaskId
from tests.streams.apps import TEXT, table
from tests.streams.runtime.estate import Engines, Estate

ZERO, ONE = TaskId(0, 0), TaskId(0, 1)
CHANGELOG = "app-counts-changelog"
TIMEOUT_MS = 5_000


class Group:
    """A place in a group whose news and answers are given by hand."""

    settings = MemberSettings("app", ("streams",), None, 45_000, 3_000, 300_000, 100)

    def __init__(self) -> None:
        self.news: list[Any] = []
        self.done: list[str] = []
        self.offsets: dict[TopicPartition, Position] = {}
        self.refuses: KafkaException | None = None
        self.leaving: Callable[[], object] = lambda: None
        """Called when it leaves."""

    def owner_polled(self) -> None: ...

    def take(self) -> list[Any]:
        found, self.news = self.news, []
        return found

    def rejoin(self, subscription: Subscription) -> None:
        self._answer()
        self.done.append("rejoin")

    def lead(self, assignments: Mapping[str, bytes]) -> None:
        self.done.append(f"lead {sorted(assignments)}")

    def leave(self) -> None:
        self.done.append("leave")
        self.leaving()

    def commit_now(self, offsets: Mapping[TopicPartition, Position], timeout_ms: int) -> None:
        self._answer()
        self.offsets.update(offsets)

    def _answer(self) -> None:
        if self.refuses is not None:
            raise self.refuses


class Member:
    """A worker's tasks and its part in rebalances, without its loop."""

    def __init__(self, engines: Engines, root: Path, **options: Any) -> None:
        self.group, self.clock = Group(), ManualClock(1_000)
        self.estate = estate = Estate(engines, root, **options)
        estate.committed = self.group.offsets
        estate.sender.bind = lambda member: None  # this group is not the engine's, which knows no such member
        self.states: list[WorkerState] = []
        self.life = WorkerLife(self.states.append)
        self.life.become(WorkerState.STARTING)
        self.generations: list[int] = []
        self.took: list[float] = []
        purge = Purge("w", "app", (), engines.admin, estate.sender, 1_000_000, 0)
        group: Any = self.group
        self.committer = Committer(
            "w", AT_LEAST_ONCE, estate.tasks, estate.sender, purge, group, self.clock, TIMEOUT_MS
        )
        self.shares = TimeShares(Sampling(2, 30_000, self.clock.monotonic_ms))
        self.history = Rebalances("w", estate.metrics, self.took.append, self.shares)
        me = MemberIdentity("w", estate.directory, estate.built, "app", "", 300_000)
        self.rebalances = RebalanceListener(
            group, estate.metadata, estate.tasks, estate.sender, me, self.life, self.committer,
            self.generations.append, self.clock, TIMEOUT_MS, self.history,
        )  # fmt: skip

    def told(self, *news: Any) -> None:
        self.group.news += news
        self.rebalances.handle()

    def given(self, *tasks: TaskId, generation: int = 1) -> None:
        """The group gives it these tasks."""
        partitions = self.estate.metadata.task_plan().partitions
        self.told(Assigned(generation, "me", "streams", write_task_assignment(TaskAssignment(tasks), partitions)))
        self.estate.restore()

    def count(self, word: str) -> None:
        """Processes one word of the first partition; it is not committed."""
        processed = self.estate.metrics.counter("process-total", task_id="0_0")
        before = processed.value
        self.estate.engines.write("words", (word, word))
        self.estate.work(lambda: processed.value > before)

    @property
    def tasks(self) -> frozenset[TaskId]:
        return self.estate.tasks.ids


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    made.topic("words", 2)
    made.topic("out")
    made.topic(CHANGELOG, 2, cleanup_policy="compact")
    yield made
    made.close()


@pytest.fixture
def member(engines: Engines, tmp_path: Path) -> Iterator[Member]:
    made = Member(engines, tmp_path)
    made.given(ZERO, ONE)
    yield made
    made.estate.close(clean=False)


def test_one_that_lost_its_place_leaves_gives_all_up_uncommitted_and_joins_again(
    member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    member.count("a")
    member.told(Lost(UnknownMemberIdException("the session timed out")), Rebalance())
    assert not member.tasks and not member.group.offsets
    assert member.group.done == ["leave", "rejoin"]  # the old member's news are nobody's; this is a member of its own
    assert member.generations == [1, -1] and member.states[-1] is WorkerState.PARTITIONS_REVOKED
    assert "w lost its place in the group: the session timed out. It gives up 2 tasks without a commit" in caplog.text
    member.given(ZERO, generation=7)
    assert member.estate.count("a") is None  # nobody has committed it, so that it is counted anew
    member.count("b")
    assert member.estate.count("a") == 1


def test_the_time_of_a_round_is_that_of_a_worker_that_waits(member: Member) -> None:
    """What the group asks for is neither work nor idleness; nothing of the time is counted twice or not at all."""
    before, group = member.shares.spent(), member.group
    group.leaving = lambda: member.clock.advance(700)
    member.clock.advance(100)
    member.told(Lost(UnknownMemberIdException("the session timed out")))
    member.clock.advance(200)
    member.told()
    grown = {Doing(at): now - then for at, (now, then) in enumerate(zip(member.shares.spent(), before, strict=True))}
    assert {doing: ms for doing, ms in grown.items() if ms} == {Doing.BLOCKED: 700.0, Doing.OTHER_WORK: 300.0}


def test_one_that_ends_does_not_join_again_when_it_has_lost_its_place(member: Member) -> None:
    member.life.stopping = True
    member.told(Lost(UnknownMemberIdException("out")))
    assert member.group.done == ["leave"] and not member.tasks


@pytest.mark.parametrize("kind", [RebalanceInProgressException, IllegalGenerationException, UnknownMemberIdException])
def test_tasks_that_go_and_cannot_be_committed_go_without_and_their_next_owner_does_the_rest_again(
    engines: Engines, member: Member, tmp_path: Path, kind: type[KafkaException], caplog: pytest.LogCaptureFixture
) -> None:
    member.count("a")
    member.group.refuses = kind("another round is on")
    with pytest.raises(kind):  # the round that it asks for is refused too
        member.given(ONE, generation=2)
    assert member.tasks == {ONE} and not member.group.offsets
    assert "w gives tasks up without a commit; their owner does the rest again: another round is on" in caplog.text
    other = Member(engines, tmp_path)
    other.given(ZERO, generation=2)
    assert other.estate.count("a") == 1  # the changelog has it
    other.count("b")
    assert other.estate.count("a") == 2  # and so it counts twice, which is at least once
    other.estate.close(clean=False)


def test_a_broker_that_is_silent_while_tasks_are_given_up_ends_the_worker(member: Member) -> None:
    member.count("a")
    member.group.refuses = TimeoutException("no answer")
    with pytest.raises(TimeoutException):
        member.committer.commit(member.estate.tasks.running)
    assert member.tasks == {ZERO, ONE}


@pytest.mark.parametrize("error", [TimeoutException("no answer"), DisconnectException("gone")])
def test_a_round_is_asked_for_again_while_the_broker_is_silent_and_not_for_ever(
    member: Member, error: KafkaException, caplog: pytest.LogCaptureFixture
) -> None:
    member.group.refuses = error
    member.told(Rebalance())
    assert f"w asks again: {error}" in caplog.text and "rejoin" not in member.group.done
    member.clock.advance(TIMEOUT_MS - 1)
    member.told()
    member.group.refuses = None
    member.told()
    assert member.group.done == ["rejoin"]
    member.group.refuses = error
    member.told(Rebalance())
    member.clock.advance(TIMEOUT_MS)
    with pytest.raises(type(error)):
        member.told()


def test_news_of_a_later_round_take_the_place_of_those_that_found_no_answer(member: Member) -> None:
    member.group.refuses = TimeoutException("no answer")
    member.told(Rebalance())
    member.group.refuses = None
    member.told(Lead(3, "streams", {}))
    assert member.group.done == ["lead []"]


def test_a_membership_that_has_failed_for_good_ends_the_worker(member: Member) -> None:
    with pytest.raises(StreamsException, match="inconsistent"):
        member.told(Failed(StreamsException("inconsistent")))


def test_a_commit_that_is_held_back_is_whole_when_it_is_made(engines: Engines, member: Member) -> None:
    member.count("a")
    member.group.refuses = RebalanceInProgressException("a round is on")
    with pytest.raises(RebalanceInProgressException):
        member.committer.commit(member.estate.tasks.running)
    task = member.estate.tasks.by_id[ZERO]
    assert task.commit_needed and task.state.uncommitted_bytes and not member.group.offsets
    member.group.refuses = None
    member.count("b")
    member.committer.commit(member.estate.tasks.running)
    assert member.group.offsets[TopicPartition("words", 0)].offset == 2
    assert not task.commit_needed and not task.state.uncommitted_bytes
    assert task.state.changelogs["counts"].offset == engines.end(CHANGELOG) == 2
    assert table(engines.servers, "out", TEXT) == {"a": 1, "b": 1}


def test_a_commit_that_is_refused_takes_back_the_tasks_it_came_from_and_no_other(
    member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    member.count("a")
    before = {id: member.estate.tasks.by_id[id] for id in member.tasks}
    member.estate.sender.refusals.append(Refusal(ZERO, TaskCorruptedException("not now")))
    member.committer.commit(member.estate.tasks.running)
    assert "w takes task 0_0 back to its last commit: not now" in caplog.text
    tasks = member.estate.tasks.by_id
    assert tasks[ZERO] is not before[ZERO] and tasks[ZERO].state is before[ZERO].state
    assert tasks[ONE] is before[ONE] and not member.group.offsets
    member.estate.restore()
    assert member.estate.count("a") == 1  # it was acknowledged before something else was refused
    member.count("b")
    assert member.estate.count("a") == 2


def test_what_is_refused_for_a_task_that_was_given_up_meanwhile_is_its_next_owners(member: Member) -> None:
    member.given(ONE, generation=2)
    member.estate.sender.refusals.append(Refusal(ZERO, StreamsException("too large")))
    member.committer.handle_refusals()
    assert member.tasks == {ONE}


def test_what_is_refused_for_good_ends_the_worker(member: Member) -> None:
    member.estate.sender.refusals.append(Refusal(ZERO, StreamsException("too large")))
    with pytest.raises(StreamsException, match="too large"):
        member.committer.handle_refusals()


class Unmakeable:
    def __init__(self) -> None:
        raise ZeroDivisionError

    def __call__(self, record: object, partition_time: int) -> int:
        return 0


def test_a_task_that_cannot_be_made_closes_its_database(engines: Engines, tmp_path: Path) -> None:
    databases: list[Engine] = []

    def opening(path: Path) -> Engine:
        databases.append(open_rocks(path))
        return databases[-1]

    member = Member(engines, tmp_path, open_engine=opening, default_timestamp_extractor=Unmakeable)
    with pytest.raises(ZeroDivisionError):
        member.given(ZERO)
    assert not member.tasks and len(databases) == 1
    open_rocks(tmp_path / "app" / "instance-0" / "0_0" / "rocksdb").close()  # its lock is free
    member.estate.close(clean=False)

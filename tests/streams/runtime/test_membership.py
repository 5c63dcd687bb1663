"""The bytes that workers exchange, and the leader's answer."""

from __future__ import annotations

import contextlib
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clients.assignors import Subscription, read_assignment
from streams.errors import SerializationException
from streams.record import TopicPartition
from streams.runtime.group.assign import AssignSettings, TaskInfo
from streams.runtime.group.membership import (
    Endpoints,
    TaskAssignment,
    WorkerInfo,
    lead,
    read_info,
    read_task_assignment,
    write_info,
    write_task_assignment,
)
from streams.topology.node import TaskId

task_ids = st.builds(TaskId, st.integers(0, 9), st.integers(0, 99) | st.integers(0, 2**31 - 1))
texts = st.text(max_size=20)
infos = st.builds(
    WorkerInfo,
    st.uuids().map(str),
    texts,
    st.frozensets(st.binary(min_size=8, max_size=8), max_size=4),
    st.frozensets(task_ids, max_size=6),
    st.dictionaries(task_ids, st.integers(0, 2**62), max_size=6),
    texts,
    st.dictionaries(texts, texts, max_size=3),
)


@given(infos)
@settings(max_examples=100, deadline=None)
def test_what_a_worker_says_comes_through(info: WorkerInfo) -> None:
    assert read_info(write_info(info)) == info
    assert read_info(write_info(info) + b"a later version's fields") == info


def test_a_worker_with_ten_thousand_tasks_says_so_in_some_bytes_a_task() -> None:
    tasks = [TaskId(number % 4, number // 4) for number in range(10_000)]
    info = WorkerInfo(str(uuid4()), "disk", frozenset(), frozenset(tasks), dict.fromkeys(tasks, 1_000_000))
    assert len(write_info(info)) < 7 * len(tasks)
    assert read_info(write_info(info)) == info
    without_state = WorkerInfo(str(uuid4()), "disk", frozenset(), frozenset(tasks))
    assert len(write_info(without_state)) < 5 * len(tasks)


@given(st.lists(task_ids, max_size=9, unique=True).map(tuple), st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_the_leader_gives_comes_through(tasks: tuple[TaskId, ...], again: bool) -> None:
    partitions = {task: [TopicPartition("in", task.partition)] for task in tasks}
    data = write_task_assignment(TaskAssignment(tasks, again), partitions)
    assert read_task_assignment(data) == TaskAssignment(tasks, again)
    assert read_assignment(data).partitions == tuple(p for t in tasks for p in partitions[t])


@given(infos, st.binary(max_size=60), st.data())
@settings(max_examples=100, deadline=None)
def test_bytes_of_others_are_refused_and_never_break(info: WorkerInfo, junk: bytes, data: st.DataObject) -> None:
    whole = bytearray(write_info(info))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    for damaged in (junk, bytes(whole), bytes(whole[:at])):
        with contextlib.suppress(SerializationException):
            read_info(damaged)


def test_the_leader_withholds_what_is_owned_elsewhere_and_asks_for_a_second_round() -> None:
    tasks = {TaskId(0, p): [TopicPartition("in", p)] for p in range(2)}
    infos = [TaskInfo(task, True, b"f" * 8) for task in tasks]

    def subscription(owned: frozenset[TaskId]) -> Subscription:
        worker = WorkerInfo("00000000-0000-0000-0000-000000000000", "disk", frozenset({b"f" * 8}), owned)
        return Subscription(("in",), write_info(worker))

    members = {"a": subscription(frozenset(tasks)), "b": subscription(frozenset()), "x": Subscription(("in",), b"?")}
    answer = lead(members, tasks, infos, {}, AssignSettings(10_000))
    assert read_task_assignment(answer.assignments["a"]) == TaskAssignment((TaskId(0, 0),), True)
    assert read_task_assignment(answer.assignments["b"]) == TaskAssignment((), True)
    assert read_task_assignment(answer.assignments["x"]) == TaskAssignment(())
    assert list(answer.unreadable) == ["x"]
    members = {"a": subscription(frozenset({TaskId(0, 0)})), "b": subscription(frozenset())}
    answer = lead(members, tasks, infos, {}, AssignSettings(10_000))
    assert read_task_assignment(answer.assignments["b"]) == TaskAssignment((TaskId(0, 1),), False)


@given(
    st.dictionaries(task_ids, st.sampled_from(["a:1", "b:2", "[::1]:3"]), max_size=20),
    st.dictionaries(st.integers(0, 9), st.integers(1, 2**31 - 1), min_size=1, max_size=5),
    st.sampled_from(["", "another topology"]),
)
@settings(max_examples=100, deadline=None)
def test_where_tasks_can_be_asked_comes_through(
    owners: dict[TaskId, str], counts: dict[int, int], refusal: str
) -> None:
    given = TaskAssignment((TaskId(0, 1),), True, refusal, Endpoints(owners, counts))
    data = write_task_assignment(given, {})
    assert read_task_assignment(data) == given


def test_all_are_told_where_tasks_are_and_a_task_that_moves_is_nobodys() -> None:
    tasks = {TaskId(0, p): [TopicPartition("in", p)] for p in range(2)}
    task_infos = [TaskInfo(task, False, b"12345678") for task in tasks]

    def member(endpoint: str, owned: frozenset[TaskId]) -> Subscription:
        info = WorkerInfo(str(uuid4()), "disk", frozenset([b"12345678"]), owned, endpoint=endpoint)
        return Subscription(("in",), write_info(info))

    members = {"one": member("a:1", frozenset(tasks)), "two": member("b:2", frozenset())}
    answers = lead(members, tasks, task_infos, {}, AssignSettings(10_000)).assignments
    told = {name: read_task_assignment(data).endpoints for name, data in answers.items()}
    assert told["one"] == told["two"]
    assert list(told["one"].owners.values()) == ["a:1"] and dict(told["one"].counts) == {0: 2}
    silent = {"one": member("", frozenset(tasks))}
    answer = lead(silent, tasks, task_infos, {}, AssignSettings(10_000)).assignments["one"]
    assert read_task_assignment(answer).endpoints == Endpoints()

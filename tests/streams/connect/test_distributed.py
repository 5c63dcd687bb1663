"""Workers that share connectors and tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest

from streams.clients import Admin
from streams.clients.api import TransactionSettings
from streams.clients.assignors import Subscription
from streams.clients.connect import connect
from streams.clients.group_membership import GroupMembership
from streams.connect.errors import AlreadyExistsException, ConnectException
from streams.connect.json_value import Json
from streams.connect.rest.serve import serve
from streams.connect.worker.config_state import TargetState, TaskId
from streams.connect.worker.connector_offsets import ConnectorOffsets
from streams.connect.worker.distributed import DistributedWorker
from streams.connect.worker.herder import transactional_id
from streams.errors import ConfigException
from streams.http.server import HttpServer
from tests.engines import until
from tests.streams.connect.apps import Numbers
from tests.streams.connect.asking import ask
from tests.streams.connect.conftest import records_of

NUMBERS = {"connector.class": "tests.streams.connect.apps:Numbers", "most": "1000000000"}
MANY = {**NUMBERS, "connector.class": "tests.streams.connect.apps:ManyNumbers", "tasks.max": "4"}
Workers = Callable[..., DistributedWorker]


def settings(engine: str, **more: str) -> dict[str, str]:
    return {
        "bootstrap.servers": engine, "group.id": "cluster", "key.converter": "StringConverter",
        "value.converter": "StringConverter", "offset.storage.partitions": "2", "status.storage.partitions": "2",
        "listeners": "http://127.0.0.1:0",
        **{f"{kind}.storage.topic": f"connect-{kind}" for kind in ("config", "offset", "status")},
        **{name.replace("_", "."): value for name, value in more.items()},
    }  # fmt: skip


@pytest.fixture
def workers(engine: str) -> Iterator[Workers]:
    """Starts workers of one group, which end with the test."""
    running: list[DistributedWorker] = []
    servers: list[HttpServer] = []

    def made(**more: str) -> DistributedWorker:
        worker = DistributedWorker(settings(engine, **more))
        running.append(worker)
        server = serve(worker.herder, "")
        assert server is not None
        servers.append(server)
        worker.start()
        server.start()
        return worker

    yield made
    for server in servers:
        server.close()
    for worker in running:
        worker.close()


def add(worker: DistributedWorker, name: str, config: dict[str, str]) -> None:
    worker.requests.create(name, {**config, "name": name})


def states(worker: DistributedWorker, name: str) -> list[str]:
    if name not in worker.requests.names() or worker.herder.reported(name) is None:
        return []
    found = worker.requests.status(name)
    return [found.connector.state, *(said.state for said in found.tasks.values())]


def runs(worker: DistributedWorker) -> set[TaskId]:
    return {task for task, hosted in worker.herder.running.tasks.items() if hosted.status.state.value == "RUNNING"}


def numbers_of(engine: str, topic: str = "numbers") -> list[int]:
    return [int(record.value) for record in records_of(engine, topic)]


def test_two_workers_share_tasks_and_one_goes(engine: str, workers: Workers) -> None:
    first, second = workers(), workers()
    add(first, "many", MANY)
    until(lambda: len(runs(first)) == len(runs(second)) == 2)
    until(lambda: states(second, "many") == ["RUNNING"] * 5)
    second.close()
    until(lambda: len(runs(first)) == 4)
    until(lambda: states(first, "many") == ["RUNNING"] * 5)
    first.requests.set_target("many", TargetState.STOPPED)
    until(lambda: states(first, "many") == ["STOPPED"])
    for number in range(4):
        found = numbers_of(engine, f"numbers-{number}")
        assert found == list(range(len(found))) != []


def test_what_stays_with_a_worker_goes_on_when_another_comes(workers: Workers) -> None:
    first = workers()
    add(first, "many", MANY)
    until(lambda: len(runs(first)) == 4)
    before = dict(first.herder.running.tasks)
    second = workers()
    until(lambda: len(runs(first)) == len(runs(second)) == 2)
    assert all(before[task] is hosted for task, hosted in first.herder.running.tasks.items())


def test_configurations_outlive_their_workers(engine: str, workers: Workers) -> None:
    first = workers()
    add(first, "numbers", {**NUMBERS, "most": "30"})
    until(lambda: len(numbers_of(engine)) == 30)
    first.close()
    second = workers()
    until(lambda: states(second, "numbers") == ["RUNNING", "RUNNING"])
    second.requests.put("numbers", {**NUMBERS, "most": "70", "name": "numbers"})
    until(lambda: len(numbers_of(engine)) == 70)
    assert numbers_of(engine) == list(range(70))


def test_topics_are_in_the_layout_of_kafka_connect(engine: str, workers: Workers) -> None:
    worker = workers()
    add(worker, "numbers", {**NUMBERS, "most": "30"})
    until(lambda: states(worker, "numbers") == ["RUNNING", "RUNNING"])
    until(lambda: len(records_of(engine, "connect-status")) >= 3)
    config = {**NUMBERS, "most": "30", "name": "numbers"}
    found = {record.key.decode(): json.loads(record.value) for record in records_of(engine, "connect-config")}
    assert found == {
        "target-state-numbers": {"state": "STARTED", "state.v2": "STARTED"},
        "connector-numbers": {"properties": config},
        "task-numbers-0": {"properties": {**config, "task.class": "tests.streams.connect.apps:NumbersTask"}},
        "commit-numbers": {"tasks": 1},
        "tasks-fencing-numbers": {"task-count": 1},
    }
    told = {record.key.decode(): json.loads(record.value) for record in records_of(engine, "connect-status")}
    until(lambda: any(b"status-topic-numbers:" in record.key for record in records_of(engine, "connect-status")))
    task = told["status-task-numbers-0"]
    assert (task["state"], task["worker_id"]) == ("RUNNING", worker.group.worker_id)
    assert {"state", "trace", "worker_id", "generation"} <= task.keys()
    with Admin(bootstrap_servers=engine) as admin:
        described = admin.describe_topics(["connect-config", "connect-status", "connect-offset"])
    assert {each.settings["cleanup.policy"] for each in described.values()} == {"compact"}
    assert described["connect-config"].partitions == 1


def test_a_name_is_given_once_whichever_worker_is_asked(workers: Workers) -> None:
    first, second = workers(), workers()
    add(first, "numbers", NUMBERS)
    with pytest.raises(AlreadyExistsException, match="Connector numbers already exists"):
        add(second, "numbers", NUMBERS)


def test_workers_that_are_asked_at_the_same_time_come_one_after_the_other(workers: Workers) -> None:
    """Each is fenced by the other again and again, and nothing is lost of what either has written."""
    both = workers(), workers()
    for number in range(6):
        add(both[number % 2], f"n{number}", {**NUMBERS, "topic": f"t{number}", "most": "1"})
    until(lambda: both[0].requests.names() == both[1].requests.names() == [f"n{number}" for number in range(6)])


def test_pause_and_resume_reach_all_workers(workers: Workers) -> None:
    first, second = workers(), workers()
    add(first, "many", MANY)
    until(lambda: states(first, "many") == ["RUNNING"] * 5)
    second.requests.set_target("many", TargetState.PAUSED)
    until(lambda: states(first, "many") == ["PAUSED"] * 5)
    first.requests.set_target("many", TargetState.STARTED)
    until(lambda: states(second, "many") == ["RUNNING"] * 5)


def test_a_restart_is_done_where_it_runs(workers: Workers) -> None:
    first, second = workers(), workers()
    add(first, "many", MANY)
    until(lambda: states(first, "many") == ["RUNNING"] * 5)
    until(lambda: len(runs(first)) == len(runs(second)) == 2)
    starts = Numbers.starts
    status = first.requests.restart("many", True, False)
    assert [status.connector.state, *(said.state for said in status.tasks.values())] == ["RESTARTING"] * 5
    until(lambda: Numbers.starts == starts + 4)
    until(lambda: states(first, "many") == ["RUNNING"] * 5)


def test_a_task_of_another_worker_is_restarted_through_it(workers: Workers) -> None:
    first, second = workers(), workers()
    add(first, "many", MANY)
    until(lambda: len(runs(first)) == len(runs(second)) == 2)
    theirs = min(runs(second))
    before = second.herder.running.tasks[theirs]
    asked = partial(ask, first.group.worker_id, "POST")
    assert asked(f"/connectors/many/tasks/{theirs.number}/restart") == (204, None)
    until(lambda: theirs in runs(second) and second.herder.running.tasks[theirs] is not before)
    assert asked("/connectors/many/tasks/9/restart").status == 404


def test_other_tasks_wait_until_those_before_are_fenced(engine: str, workers: Workers) -> None:
    """A worker that hangs in a task of four writes nothing any more when there are two, which do other work."""
    worker = workers()
    add(worker, "many", MANY)
    until(lambda: len(runs(worker)) == 4)
    with closing(connect(engine, "frozen")) as door:
        name = transactional_id(worker.config, TaskId("many", 3))
        zombie = door.transactional_writer(TransactionSettings(name, 60_000))
        zombie.init(10_000)  # as if it had been frozen right behind this
        worker.requests.put("many", {**MANY, "tasks.max": "2", "name": "many"})
        until(lambda: worker.requests.info("many").tasks == [TaskId("many", 0), TaskId("many", 1)])
        until(lambda: runs(worker) == {TaskId("many", 0), TaskId("many", 1)})
        assert not worker.herder.configs.state.connectors["many"].unfenced
        with pytest.raises(Exception, match=r"(?i)fenced|epoch"):
            zombie.init(10_000)


def test_positions_are_altered_by_any_worker(engine: str, workers: Workers) -> None:
    first, second = workers(), workers()
    add(first, "numbers", {**NUMBERS, "most": "30"})
    until(lambda: len(numbers_of(engine)) == 30)
    second.requests.set_target("numbers", TargetState.STOPPED)
    until(lambda: states(first, "numbers") == states(second, "numbers") == ["STOPPED"])
    body: Json = {"offsets": [{"partition": {"counter": "numbers"}, "offset": {"next": 28}}]}
    ConnectorOffsets(second.herder).alter("numbers", body)
    first.requests.set_target("numbers", TargetState.STARTED)
    until(lambda: len(numbers_of(engine)) == 32)
    assert numbers_of(engine)[30:] == [28, 29]


def test_a_connector_that_fails_on_one_worker_does_not_disturb_others(workers: Workers) -> None:
    worker = workers()
    add(worker, "numbers", NUMBERS)
    until(lambda: states(worker, "numbers") == ["RUNNING", "RUNNING"])
    starts = Numbers.starts
    add(worker, "bad", {**NUMBERS, "connector.class": "tests.streams.connect.apps:TooMany"})
    until(lambda: states(worker, "bad") == ["FAILED"])
    assert "has generated 2 tasks, which is greater than 1" in worker.requests.status("bad").connector.trace
    assert Numbers.starts == starts


# What cannot be


@pytest.mark.parametrize(("since", "gets"), [(2, False), (1, True)])
def test_a_worker_of_another_version(
    engine: str, workers: Workers, caplog: pytest.LogCaptureFixture, since: int, gets: bool
) -> None:
    """One that needs more than this version speaks gets nothing, and is told of; one that only says more gets work."""
    worker = workers()
    add(worker, "many", MANY)
    until(lambda: len(runs(worker)) == 4)
    told = {"version": 2, "since": since, "url": "newer:1", "connectors": [], "tasks": [], "news": {"a": 1}}
    with closing(connect(engine, "newer")) as door:
        member = GroupMembership(door, worker.group.settings, lambda: None)
        member.rejoin(Subscription((), json.dumps(told).encode()))
        with closing(member):
            if gets:
                until(lambda: len(runs(worker)) == 2)
            else:
                until(lambda: "Give all workers the same version of streams-app" in caplog.text)
                assert len(runs(worker)) == 4
    until(lambda: len(runs(worker)) == 4)


def test_a_topic_of_configurations_has_one_partition(engine: str) -> None:
    with Admin(bootstrap_servers=engine) as admin:
        admin.create_topic("connect-config", 2, {"cleanup.policy": "compact"})
    worker = DistributedWorker(settings(engine))
    with closing(worker), pytest.raises(ConnectException, match=r"is required to have a single partition .* found 2"):
        worker.start()


@pytest.mark.parametrize("name", ["group.id", "config.storage.topic", "offset.storage.topic", "status.storage.topic"])
def test_what_a_worker_has_to_be_told(engine: str, name: str) -> None:
    given = settings(engine)
    del given[name]
    with pytest.raises(ConfigException, match=f'Missing required configuration "{name}"'):
        DistributedWorker(given)

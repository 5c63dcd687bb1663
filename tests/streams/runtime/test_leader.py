"""What the leader of a group does: makes the topics, assigns for all, names what does not fit."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from streams import StreamsBuilder
from streams.clients.api import Admin, TopicDescription
from streams.clients.assignors import Subscription
from streams.errors import MissingSourceTopicException, StreamsException
from streams.runtime.group.internal_topics import make_topics
from streams.runtime.group.membership import WorkerInfo, read_task_assignment, write_info
from streams.topology.node import BuiltTopology, TaskId
from tests.streams.apps import TEXT
from tests.streams.runtime.estate import Engines, Estate, counting


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    made.topic("words", 3)
    yield made
    made.close()


@pytest.fixture
def estate(engines: Engines, tmp_path: Path) -> Iterator[Estate]:
    made = Estate(engines, tmp_path)
    yield made
    made.close()


def subscription(built: BuiltTopology, positions: dict[TaskId, int] | None = None) -> Subscription:
    fingerprints = frozenset(built.fingerprint(sub.id) for sub in built.subtopologies)
    info = WorkerInfo(str(uuid.uuid4()), "disk", fingerprints, positions=positions or {})
    return Subscription(("words",), write_info(info))


def test_internal_topics_are_made_once_and_checked(
    engines: Engines, estate: Estate, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        estate.metadata.lead({"m": subscription(estate.built)})
    found = engines.admin.describe_topics(["app-counts-changelog"])["app-counts-changelog"]
    assert found.partitions == 3 and found.settings["cleanup.policy"] == "compact"
    engines.admin.add_partitions("words", 4)
    with pytest.raises(StreamsException, match="invalid partitions: expected: 4; actual: 3") as raised:
        estate.metadata.lead({"m": subscription(estate.built)})
    assert "topics delete app-counts-changelog" in str(raised.value)


class Slow:
    """An admin that looks before another leader has made its topics, and makes its own afterwards."""

    def __init__(self, admin: Admin) -> None:
        self.describe_topics, self.create_topic = self.blind, admin.create_topic
        self._admin = admin

    def blind(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        self.describe_topics = self._admin.describe_topics
        return {}


def test_two_leaders_at_once_make_one_topic(engines: Engines, estate: Estate) -> None:
    wanted = estate.metadata.task_plan().topics
    make_topics(engines.admin, wanted)
    make_topics(cast(Admin, Slow(engines.admin)), wanted)
    assert engines.admin.list_topics().count("app-counts-changelog") == 1
    with pytest.raises(StreamsException, match="expected: 9; actual: 3"):
        make_topics(cast(Admin, Slow(engines.admin)), [replace(wanted[0], partitions=9)])


def test_all_tasks_are_given_out_and_those_of_strangers_are_named(
    engines: Engines, estate: Estate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engines.topic("other", 1)
    other = Estate(engines, tmp_path / "other", counting("other"))
    alien = Subscription(("words",), b"\x00not ours")
    answer = estate.metadata.lead({"a": subscription(estate.built), "b": subscription(other.built), "c": alien})
    given = {name: read_task_assignment(data) for name, data in answer.assignments.items()}
    assert given["a"].tasks == (TaskId(0, 0), TaskId(0, 1), TaskId(0, 2)) and given["a"].refusal == ""
    assert given["b"].tasks == ()
    assert "1 of its 1 sub-topologies are not those of the group's leader" in given["b"].refusal
    assert given["c"].tasks == () and "Member c of the group gets no task" in caplog.text
    other.close()


def test_tasks_that_nobody_can_run_are_named(
    engines: Engines, estate: Estate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engines.topic("other", 1)
    other = Estate(engines, tmp_path / "other", counting("other"))
    unplaced = estate.metadata.lead({"b": subscription(other.built)}).plan.unplaced
    assert unplaced.keys() == {TaskId(0, n) for n in range(3)}
    assert "Task 0_2 is run by nobody: no member runs this version of its sub-topology." in caplog.text
    other.close()


def test_the_same_sub_topology_under_another_number_is_another(engines: Engines, tmp_path: Path) -> None:
    engines.topic("first", 1)
    builder = StreamsBuilder()
    builder.stream("first", key_serde=TEXT, value_serde=TEXT, name="first").to("x", name="to-x")
    builder.stream("words", key_serde=TEXT, value_serde=TEXT, name="words").to("y", name="to-y")
    turned = StreamsBuilder()
    turned.stream("words", key_serde=TEXT, value_serde=TEXT, name="words").to("y", name="to-y")
    turned.stream("first", key_serde=TEXT, value_serde=TEXT, name="first").to("x", name="to-x")
    one, two = Estate(engines, tmp_path / "1", builder), Estate(engines, tmp_path / "2", turned)
    prints = [{made.built.fingerprint(sub.id) for sub in made.built.subtopologies} for made in (one, two)]
    assert not prints[0] & prints[1]
    one.close()
    two.close()


def test_tasks_go_where_their_state_is(engines: Engines, estate: Estate) -> None:
    estate.metadata.lead({"a": subscription(estate.built)})  # makes the changelog
    for partition in range(3):
        engines.write("app-counts-changelog", *[("k", "12345678")] * 20_000, partition=partition)
    state = {TaskId(0, 2): 20_000}
    first, second = subscription(estate.built), subscription(estate.built, state)
    info = WorkerInfo(str(uuid.uuid4()), "elsewhere", frozenset({estate.built.fingerprint(0)}))
    answer = estate.metadata.lead({"a": Subscription(first.topics, write_info(info)), "b": second})
    assert TaskId(0, 2) in read_task_assignment(answer.assignments["b"]).tasks


def test_a_missing_source_topic_is_named(engines: Engines, estate: Estate) -> None:
    engines.admin.delete_topic("words")
    with pytest.raises(MissingSourceTopicException, match="words"):
        estate.metadata.task_plan()
    assert "words" not in estate.metadata.existing()

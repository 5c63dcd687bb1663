"""Connectors in a worker: what is stored, what comes after a failure, and what is told of it."""

from __future__ import annotations

import json

import pytest

from streams.clients import Admin, ConsumerRecord, Producer, ProducerRecord, TopicPartition
from streams.connect.data.text import text_of
from streams.connect.errors import AlreadyExistsException, ConnectException, RetriableException
from streams.connect.worker.status import State, Status
from streams.errors import ConfigException, NotYetBuiltException
from tests.engines import until
from tests.streams.connect.apps import Keep, Numbers
from tests.streams.connect.conftest import Start, records_of

NUMBERS = {"name": "numbers", "connector.class": "tests.streams.connect.apps:Numbers"}
KEEP = {"name": "keep", "connector.class": "tests.streams.connect.apps:Keep", "topics": "numbers"}
STRING = "StringConverter"


def kept() -> list[object]:
    return [record.value for record in Keep.records]


def send(engine: str, topic: str, *values: bytes) -> None:
    with Producer(bootstrap_servers=engine) as producer:
        for value in values:
            producer.send(ProducerRecord(topic, value, b"k"))


def status(worker: object, name: str) -> Status:
    found: Status = worker.connectors[name].statuses[0]  # type: ignore[attr-defined]
    return found


def test_records_and_their_position_are_stored_together(engine: str, start: Start) -> None:
    start(NUMBERS)
    until(lambda: len(records_of(engine, "numbers")) == 100)
    found = records_of(engine, "numbers")
    assert [int(record.value) for record in found] == list(range(100))
    assert {record.key for record in found} == {b"k0", b"k1", b"k2"}
    (position, *_) = reversed(records_of(engine, "connect-offsets"))
    assert (position.key, position.value) == (b'["numbers",{"counter":"numbers"}]', b'{"next":100}')


def test_the_topic_of_positions_is_compacted(engine: str, start: Start) -> None:
    start(NUMBERS)
    until(lambda: records_of(engine, "connect-offsets"))
    with Admin(bootstrap_servers=engine) as admin:
        assert admin.describe_topics(["connect-offsets"])["connect-offsets"].settings["cleanup.policy"] == "compact"


def test_a_source_goes_on_where_it_stood(engine: str, start: Start) -> None:
    first = start({**NUMBERS, "most": "30"})
    until(lambda: len(records_of(engine, "numbers")) == 30)
    first.close()
    start({**NUMBERS, "most": "70"})
    until(lambda: len(records_of(engine, "numbers")) == 70)
    assert [int(record.value) for record in records_of(engine, "numbers")] == list(range(70))
    assert Numbers.starts == 2


def test_a_source_that_fails_is_begun_anew_and_nothing_is_lost_or_doubled(engine: str, start: Start) -> None:
    Numbers.trouble.left, Numbers.trouble.error = 1, ValueError("It broke.")
    worker = start(NUMBERS)
    until(lambda: status(worker, "numbers").state is State.FAILED)
    assert "ValueError: It broke." in status(worker, "numbers").cause
    until(lambda: len(records_of(engine, "numbers")) == 100)
    assert status(worker, "numbers").restarts == 1
    assert Numbers.starts == 2
    assert [int(record.value) for record in records_of(engine, "numbers")] == list(range(100))


def test_a_source_whose_other_side_is_away_is_retrying_with_the_cause(engine: str, start: Start) -> None:
    Numbers.trouble.left = 3
    worker = start(NUMBERS)
    until(lambda: status(worker, "numbers").state is State.RETRYING)
    found = status(worker, "numbers")
    assert "RetriableException: The other side is away." in found.cause
    assert found.next_attempt_ms is not None
    until(lambda: len(records_of(engine, "numbers")) == 100)
    until(lambda: status(worker, "numbers").state is State.RUNNING)
    assert Numbers.starts == 1


def test_of_two_workers_of_the_same_group_one_stays_down(engine: str, start: Start) -> None:
    """Each fences the other once; who is fenced twice leaves the work to the other one. No record is written twice."""
    endless = {**NUMBERS, "most": "1000000000"}
    first, second = start(endless), start(endless)

    def down() -> list[Status]:
        both = [status(worker, "numbers") for worker in (first, second)]
        return [each for each in both if each.state is State.FAILED and each.next_attempt_ms is None]

    until(down)
    assert len(down()) == 1
    first.close()
    second.close()
    found = [int(record.value) for record in records_of(engine, "numbers")]
    assert found == list(range(len(found))) != []


def test_from_a_source_through_a_topic_to_a_sink(engine: str, start: Start) -> None:
    worker = start(NUMBERS, KEEP)
    until(lambda: len(Keep.records) == 100)
    assert kept() == [str(number) for number in range(100)]
    assert [connector.guarantee.value for connector in worker.connectors.values()] == ["exactly once"] * 2


def test_a_sink_begins_where_it_says_and_not_where_the_group_stands(engine: str, start: Start) -> None:
    send(engine, "numbers", *(str(number).encode() for number in range(10)))
    Keep.offsets[TopicPartition("numbers", 0)] = 7
    start(KEEP)
    until(lambda: len(Keep.records) == 3)
    assert kept() == ["7", "8", "9"]


def test_a_sink_that_keeps_no_offsets_begins_where_the_group_has_committed(engine: str, start: Start) -> None:
    settings = {**KEEP, "keeps.offsets": "false"}
    send(engine, "numbers", b"a", b"b")
    worker = start(settings)
    assert worker.connectors["keep"].guarantee.value == "at least once"
    until(lambda: len(Keep.records) == 2)
    worker.close()
    send(engine, "numbers", b"c")
    start(settings)
    until(lambda: len(Keep.records) == 3)
    assert kept() == ["a", "b", "c"]


def test_the_group_shows_where_a_sink_stands(engine: str, start: Start) -> None:
    send(engine, "numbers", b"a", b"b")
    start(KEEP)

    def lag() -> int | None:
        with Admin(bootstrap_servers=engine) as admin:
            return admin.describe_group("connect-keep").lag

    until(lambda: Keep.records and lag() == 0)


def test_a_sink_whose_other_side_is_away_gets_the_same_records_again(engine: str, start: Start) -> None:
    Keep.trouble.left = 3
    send(engine, "numbers", b"a", b"b")
    worker = start(KEEP)
    until(lambda: status(worker, "keep").state is State.RETRYING)
    assert "The other side is away." in status(worker, "keep").cause
    until(lambda: len(Keep.records) == 2)
    until(lambda: status(worker, "keep").state is State.RUNNING)
    assert kept() == ["a", "b"]
    assert len(Keep.opened) == 1


def test_a_sink_that_fails_is_begun_anew_where_it_stands(engine: str, start: Start) -> None:
    Keep.trouble.left, Keep.trouble.error = 1, ConnectException("The table is gone.")
    send(engine, "numbers", b"a", b"b")
    worker = start(KEEP)
    until(lambda: len(Keep.records) == 2)
    assert kept() == ["a", "b"]
    assert status(worker, "keep").restarts == 1


def test_a_sink_that_stands_behind_the_end_of_a_topic_does_not_begin_anew(engine: str, start: Start) -> None:
    send(engine, "numbers", b"a")
    Keep.offsets[TopicPartition("numbers", 0)] = 7
    worker = start(KEEP)
    until(lambda: status(worker, "keep").state is State.FAILED)
    assert "numbers-0 ends at offset 1, and what was written of it ends at 7" in status(worker, "keep").cause
    assert Keep.records == []


def test_topics_by_a_pattern_are_found_when_they_are_made(engine: str, start: Start) -> None:
    settings = {name: value for name, value in KEEP.items() if name != "topics"}
    start({**settings, "topics.regex": "numb.*", "consumer.override.metadata.max.age.ms": "50"})
    send(engine, "numbers", b"a")
    send(engine, "others", b"b")
    send(engine, "numbat", b"c")
    until(lambda: sorted(map(text_of, kept())) == ["a", "c"])


# Errors in single records

LETTERS = {
    "errors.tolerance": "all",
    "errors.deadletterqueue.topic.name": "letters",
    "errors.deadletterqueue.context.headers.enable": "true",
}


def headers(record: ConsumerRecord) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers if value is not None}


def test_a_poison_record_goes_to_the_dead_letter_topic_with_why(engine: str, start: Start) -> None:
    send(engine, "numbers", b'{"a":1}', b"no json", b'{"a":2}')
    start({**KEEP, **LETTERS, "value.converter": "JsonConverter", "value.converter.schemas.enable": "false"})
    until(lambda: len(Keep.records) == 2 and records_of(engine, "letters"))
    (letter,) = records_of(engine, "letters")
    assert (letter.key, letter.value) == (b"k", b"no json")
    found = headers(letter)
    prefix = "__connect.errors."
    assert {name: found[prefix + name] for name in ("topic", "partition", "offset", "connector.name", "task.id")} == {
        "topic": "numbers", "partition": "0", "offset": "1", "connector.name": "keep", "task.id": "0",
    }  # fmt: skip
    assert found[f"{prefix}stage"] == "VALUE_CONVERTER"
    assert found[f"{prefix}class.name"].endswith("JsonConverter")
    assert found[f"{prefix}exception.class.name"].endswith("DataException")
    assert "serialization error" in found[f"{prefix}exception.message"]
    assert "Traceback" in found[f"{prefix}exception.stacktrace"]


def test_a_record_that_a_sink_refuses_is_a_dead_letter_too(engine: str, start: Start) -> None:
    send(engine, "numbers", b"a", b"poison", b"b")
    start({**KEEP, **LETTERS})
    until(lambda: len(Keep.records) == 2 and records_of(engine, "letters"))
    (letter,) = records_of(engine, "letters")
    assert letter.value == b"poison"
    assert headers(letter)["__connect.errors.stage"] == "TASK_PUT"
    assert headers(letter)["__connect.errors.exception.message"] == "It is poison."


def test_without_tolerance_a_poison_record_ends_the_task(engine: str, start: Start) -> None:
    send(engine, "numbers", b"no json")
    worker = start({**KEEP, "value.converter": "JsonConverter"})
    until(lambda: status(worker, "keep").state is State.FAILED)
    assert "Tolerance exceeded in error handler: VALUE_CONVERTER" in status(worker, "keep").cause
    assert Keep.records == []


def test_a_record_that_is_too_large_is_passed_over_where_that_is_tolerated(engine: str, start: Start) -> None:
    settings = {**NUMBERS, "most": "3", "topic": "numbers", "errors.tolerance": "all",
                "producer.override.max.request.size": "100000", "transforms": "big", "transforms.big.type":
                "tests.streams.connect.apps:Bloat"}  # fmt: skip
    start(settings)
    until(lambda: len(records_of(engine, "numbers")) == 2)
    assert [record.value for record in records_of(engine, "numbers")] == [b"0", b"2"]


def test_a_transform_that_fails_passes_a_source_record_over(engine: str, start: Start) -> None:
    cast = {"transforms": "c", "transforms.c.type": "ExtractField$Key", "transforms.c.field": "none"}
    worker = start({**NUMBERS, **cast, "errors.tolerance": "all"})
    until(lambda: records_of(engine, "connect-offsets"))
    until(lambda: json.loads(records_of(engine, "connect-offsets")[-1].value)["next"] == 100)
    assert records_of(engine, "numbers") == []
    assert status(worker, "numbers").state is State.RUNNING


def test_transforms_change_what_is_stored(engine: str, start: Start) -> None:
    settings = {
        **NUMBERS, "transforms": "hoist,route", "transforms.hoist.type": "HoistField$Value",
        "transforms.hoist.field": "n", "transforms.route.type": "RegexRouter", "transforms.route.regex": "(.*)",
        "transforms.route.replacement": "all-$1", "value.converter": "JsonConverter",
        "value.converter.schemas.enable": "false", "most": "2",
    }  # fmt: skip
    start(settings)
    until(lambda: len(records_of(engine, "all-numbers")) == 2)
    assert [record.value for record in records_of(engine, "all-numbers")] == [b'{"n":0}', b'{"n":1}']


# What is refused


def test_two_connectors_do_not_have_one_name(start: Start) -> None:
    worker = start(NUMBERS)
    with pytest.raises(AlreadyExistsException, match="Connector numbers already exists"):
        worker.add(NUMBERS)


def test_of_several_none_begins_where_two_have_one_name(start: Start) -> None:
    worker = start()
    with pytest.raises(AlreadyExistsException, match="Connector numbers already exists"):
        worker.add_all([NUMBERS, KEEP, NUMBERS])
    assert not worker.connectors


def test_of_several_those_that_do_not_start_are_taken_away_again(start: Start) -> None:
    worker = start()
    with pytest.raises(ConnectException, match="has generated 2 tasks, which is greater than 1"):
        worker.add_all([KEEP, {**NUMBERS, "connector.class": "tests.streams.connect.apps:TooMany"}])
    assert [*worker.connectors] == ["keep"]


def test_all_that_is_wrong_is_said_at_once(start: Start) -> None:
    wrong = {**NUMBERS, "most": "many", "tasks.max": "0", "errors.tolerance": "some"}
    with pytest.raises(ConfigException, match=r"contains the following 3 error\(s\)") as raised:
        start(wrong)
    for name in ("most", "tasks.max", "errors.tolerance"):
        assert f"for configuration {name}:" in str(raised.value)


def test_a_connector_that_makes_too_many_tasks_is_refused(start: Start) -> None:
    with pytest.raises(ConnectException, match="has generated 2 tasks, which is greater than 1"):
        start({**NUMBERS, "connector.class": "tests.streams.connect.apps:TooMany"})


def test_positions_in_a_file_are_refused_with_the_reason(start: Start) -> None:
    with pytest.raises(ConfigException, match="positions in a file are not written together with the records"):
        start(offset_storage_file_filename="/tmp/offsets")


def test_a_topic_of_positions_that_is_not_compacted_is_refused(engine: str, start: Start) -> None:
    with Admin(bootstrap_servers=engine) as admin:
        admin.create_topic("connect-offsets", 1)
    worker = start(NUMBERS)
    until(lambda: status(worker, "numbers").state is State.FAILED)
    assert "is required to have 'cleanup.policy=compact'" in status(worker, "numbers").cause


@pytest.mark.parametrize("name", ["transaction.boundary", "topic.creation.groups"])
def test_what_comes_later_is_refused_by_name(start: Start, name: str) -> None:
    with pytest.raises(ConfigException, match=f"{NotYetBuiltException.__name__}: {name}"):
        start({**NUMBERS, name: "interval"})


def test_a_retriable_exception_is_the_clients_too() -> None:
    from streams import errors

    assert issubclass(RetriableException, errors.RetriableException)

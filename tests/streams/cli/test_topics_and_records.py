"""`topics`, `produce`, `consume` and `groups`: what a user types, and what is printed."""

from __future__ import annotations

import json

import pytest

from tests.streams.cli.conftest import Command


def test_a_topic_from_its_making_to_its_end(command: Command) -> None:
    assert (
        command("topics", "create", "words", "--partitions", "3").output == "Created topic words with 3 partitions.\n"
    )
    assert json.loads(command("topics", "list", "--json").output) == [{"topic": "words", "partitions": 3}]
    assert command("topics", "alter", "words", "--config", "retention.ms=1000").exit_code == 0
    described = command("topics", "describe", "words").output
    assert "retention.ms" in described and "1000" in described
    assert command("topics", "add-partitions", "words", "5").output == "Topic words has 5 partitions.\n"
    assert command("topics", "delete", "words").output == "Deleted topic words.\n"
    assert json.loads(command("topics", "list", "--json").output) == []


def test_a_table_for_people(command: Command) -> None:
    command("topics", "create", "words")
    assert command("topics", "list").output.split() == ["Topic", "Partitions", "words", "1"]


def test_a_topic_that_exists(command: Command) -> None:
    command("topics", "create", "words")
    again = command("topics", "create", "words")
    assert again.exit_code == 1 and "words" in again.output and "exists" in again.output
    assert command("topics", "create", "words", "--if-not-exists").exit_code == 0


def test_lines_come_back(command: Command) -> None:
    assert "Sent 2 records to lines." in command("produce", "lines", input="hello\nwörld\n").output
    assert command("consume", "lines", "--from-beginning", "--exit-at-end").output == "null\thello\nnull\twörld\n"


def test_keys_and_numbers(command: Command) -> None:
    sent = command("produce", "counts", "--key-separator", ":", "--value-serde", "long", input="a:1\nb:-2\n")
    assert sent.exit_code == 0, sent.output
    shown = command("consume", "counts", "--from-beginning", "--max-records", "2", "--value-serde", "long", "--json")
    rows = [json.loads(line) for line in shown.output.splitlines()]
    assert [(row["key"], row["value"], row["offset"]) for row in rows] == [("a", 1, 0), ("b", -2, 1)]


def test_headers_and_tombstones(command: Command) -> None:
    marked = ("--key-separator", ":", "--null-marker", "NULL", "--header", "kind=order", "--header", "n=1")
    assert command("produce", "events", *marked, input="a:x\na:NULL\n").exit_code == 0
    shown = command("consume", "events", "--from-beginning", "--exit-at-end", "--headers")
    assert shown.output == "a\tx\tkind:order,n:1\na\tnull\tkind:order,n:1\n"


def test_only_new_records_without_from_beginning(command: Command) -> None:
    command("produce", "lines", input="old\n")
    assert command("consume", "lines", "--exit-at-end").output == ""


def test_between_two_times(command: Command) -> None:
    command("produce", "lines", input="now\n")
    between = ("--from-time", "2000-01-01", "--to-time")
    assert command("consume", "lines", *between, "2001-01-01").output == ""
    assert command("consume", "lines", *between, "9000-01-01").output == "null\tnow\n"


def test_a_group_and_its_lag(command: Command) -> None:
    command("topics", "create", "lines", "--partitions", "1")
    command("produce", "lines", input="1\n2\n3\n")
    read = command("consume", "lines", "--group", "readers", "--from-beginning", "--max-records", "2")
    assert read.output == "null\t1\nnull\t2\n"
    assert [group["group"] for group in json.loads(command("groups", "list", "--json").output)] == ["readers"]
    (row,) = json.loads(command("groups", "describe", "readers", "--json").output)
    assert (row["topic"], row["partition"], row["committed"], row["end"], row["lag"]) == ("lines", 0, 2, 3, 1)
    assert "Group readers: Empty, 0 members, lag 1" in command("groups", "describe", "readers").output
    assert command("groups", "delete", "readers").exit_code == 0
    assert json.loads(command("groups", "list", "--json").output) == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("topics", "create", "a/b"), 2, "a/b"),
        (("topics", "create", ".."), 2, ".."),
        (("topics", "create", "t", "--partitions", "0"), 2, "partitions"),
        (("topics", "create", "t", "--config", "retention.ms"), 2, "name=value"),
        (("topics", "create", "t", "--config", "retention=5"), 2, "retention"),
        (("topics", "describe", "absent"), 1, "There is no topic absent"),
        (("topics", "delete", "absent"), 1, "absent"),
        (("consume", "absent", "--from-beginning"), 1, "There is no topic absent"),
        (("consume", "absent", "--value-serde", "longs"), 2, "longs"),
        (("groups", "describe", "absent"), 1, "There is no group absent"),
        (("groups", "delete", "absent"), 1, "absent"),
        (("produce", "bad topic", "-"), 2, "bad topic"),
        (("produce", "t", "--partition", "7"), 2, "7"),
        (("topic", "list"), 2, "Did you mean 'topics'?"),
        (("consume", "t", "--partition", "9"), 1, "There is no topic t"),
    ],
)
def test_what_cannot_be_is_said(command: Command, arguments: tuple[str, ...], code: int, says: str) -> None:
    result = command(*arguments, input="x\n")
    assert (result.exit_code, says in result.output) == (code, True), result.output
    assert "Traceback" not in result.output


def test_a_line_that_is_no_number(command: Command) -> None:
    result = command("produce", "numbers", "--value-serde", "long", input="1\ntwo\n")
    assert result.exit_code == 2 and "Line 2: 'two' cannot be read" in result.output


def test_a_line_without_its_separator(command: Command) -> None:
    result = command("produce", "pairs", "--key-separator", ":", input="a:1\nb\n")
    assert result.exit_code == 2 and "Line 2 has no key separator ':'" in result.output


def test_kafka_is_not_built_yet_and_says_so(command: Command) -> None:
    result = command("topics", "list", engine="localhost:9092")
    assert result.exit_code == 2 and "not built yet" in result.output

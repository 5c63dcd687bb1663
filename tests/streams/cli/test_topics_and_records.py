"""`topics`, `produce`, `consume` and `groups`: what a user types, and what is printed."""

from __future__ import annotations

import json
import re
import uuid

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


def test_several_topics_at_once(command: Command) -> None:
    made = command("topics", "create", "a", "b", "-p", "2", "cleanup.policy=compact")
    assert made.output == "Created topic a with 2 partitions.\nCreated topic b with 2 partitions.\n"
    again = command("topics", "create", "b", "c", "--if-not-exists")
    assert again.output == "Topic b exists.\nCreated topic c with 1 partition.\n"
    assert "compact" in command("topics", "describe", "a").output
    assert command("topics", "delete", "a", "b").output == "Deleted topic a.\nDeleted topic b.\n"


def test_settings_of_a_topic_stand_behind_its_name(command: Command) -> None:
    command("topics", "create", "words")
    assert command("topics", "alter", "words", "retention.ms=1000", "-c", "segment.ms=500").exit_code == 0
    described = command("topics", "describe", "words").output
    assert "1000" in described and "500" in described
    assert command("topics", "alter", "words", "retention.ms=").exit_code == 0
    assert "1000" not in command("topics", "describe", "words").output


def test_records_are_printed_as_a_format_says(command: Command) -> None:
    command("produce", "events", "-k", ":", "-H", "a=b", input="x:1\ny:\n")
    whole = ("--from-beginning", "--exit-at-end")
    assert command("consume", "events", *whole, "-f", r"%k %v\n").output == "x 1\ny \n"
    shown = command("consume", "events", *whole, "-f", r"%t[%p]@%o\t%h 100%% \x41\\n;").output
    assert shown == "events[0]@0\ta:b 100% A\\n;events[0]@1\ta:b 100% A\\n;"
    assert command("consume", "events", *whole, "-f", "%s %T|").output.split("|")[0].split()[1].isdigit()


@pytest.mark.parametrize(
    ("offset", "shown"),
    [("-2", "4 5"), ("-10", "1 2 3 4 5"), ("3", "4 5"), ("beginning", "1 2 3 4 5"), ("end", ""), ("99", "")],
)
def test_reading_begins_at_an_offset(command: Command, offset: str, shown: str) -> None:
    command("produce", "lines", input="1\n2\n3\n4\n5\n")
    assert command("consume", "lines", "-o", offset, "-e", "-f", "%v ").output.split() == shown.split()


def test_partitions_that_a_topic_has_not_are_named(command: Command) -> None:
    command("topics", "create", "lines", "-p", "2")
    result = command("consume", "lines", "-p", "1", "-p", "9", "-e")
    assert result.exit_code == 2 and "Topic lines has partitions 0 to 1, not 9." in result.output


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
        (("consume", "absent", "--from-beginning", "--exit-at-end"), 1, "There is no topic absent"),
        (("consume", "a/b"), 2, "a/b"),
        (("consume", "t", "-o", "ten"), 2, "'ten' is none of beginning, end, N, or -N"),
        (("consume", "t", "-o", "3", "--from-beginning"), 2, "--from-beginning and --offset each say where to begin"),
        (("consume", "t", "-g", "g", "-o", "3"), 2, "--group and --offset exclude each other"),
        (("consume", "t", "-g", "g", "-p", "0"), 2, "--group and --partition exclude each other"),
        (("consume", "t", "-f", "%q"), 2, "there is no field '%q'. Known are: %k key"),
        (("consume", "t", "-f", "%"), 2, "there is no field '%'"),
        (("consume", "t", "-f", "%k", "--json"), 2, "--format says all that is printed"),
        (("topics", "alter", "t"), 2, "streams-app topics alter t retention.ms=3600000"),
        (("topics", "alter", "t", "retention.ms"), 2, "Setting 'retention.ms' is not of the form name=value"),
        (("topics", "create", "retention.ms=5"), 2, "There is no topic's name in 'retention.ms=5'"),
        (("consume", "absent", "--value-serde", "longs"), 2, "longs"),
        (("groups", "describe", "absent"), 1, "There is no group absent"),
        (("groups", "delete", "absent"), 1, "absent"),
        (("produce", "bad topic", "-"), 2, "bad topic"),
        (("produce", "t", "--partition", "7"), 2, "7"),
        (("topic", "list"), 2, "Did you mean 'topics'?"),
        (("consume", "t", "--partition", "9", "--exit-at-end"), 1, "There is no topic t"),
    ],
)
def test_what_cannot_be_is_said(command: Command, arguments: tuple[str, ...], code: int, says: str) -> None:
    result = command(*arguments, input="x\n")
    assert (result.exit_code, says in result.output) == (code, True), result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("line", "options", "says"),
    [
        (b"two", ("--value-serde", "long"), "'two' cannot be read for Serdes.long()"),
        (b"9223372036854775808", ("--value-serde", "long"), "9223372036854775808"),
        (b"true", ("--value-serde", "long"), "only whole numbers are"),
        (b"1.0", ("--value-serde", "integer"), "only whole numbers are"),
        (b"", ("--value-serde", "short"), "'' cannot be read for Serdes.short()"),
        (b"[1, true]", ("--value-serde", "list:long"), "only whole numbers are"),
        (b"1_000", ("--value-serde", "double"), "no number of 64 bits"),
        (b"1e400", ("--value-serde", "double"), "no number of 64 bits"),
        (b"1e39", ("--value-serde", "float"), "too large for Serdes.float()"),
        (b"yes", ("--value-serde", "boolean"), "'yes' cannot be read for Serdes.boolean()"),
        (b"1234", ("--value-serde", "uuid"), "'1234' cannot be read for"),
        (b'{"a": ', ("--value-serde", "json"), "cannot be read for Serdes.json()"),
        (b'{"a": 1, "a": 2}', ("--value-serde", "json"), "the name 'a' stands in it twice"),
        (b"1e400", ("--value-serde", "json"), "does not write inf"),
        (b"NaN", ("--value-serde", "msgpack"), "nan"),
        (b'"\\ud800"', ("--value-serde", "json"), "surrogates not allowed"),
        (b"caf\xe9", (), "its value is no text in UTF-8: byte 0xe9 at 3 of 'caf\\\\xe9'"),
        (b"\xff:1", ("-k", ":"), "its key is no text in UTF-8: byte 0xff at 0"),
        (b"\xff", ("--value-serde", "json"), "its value is no text in UTF-8"),
        (b"two:1", ("-k", ":", "--key-serde", "long"), "'two' cannot be read for Serdes.long()"),
        (b"no separator", ("-k", ":"), "it has no key separator ':': 'no separator'"),
        (b"x" * 3_000_000, (), "The message is 3000088 bytes when serialized"),
    ],
    ids=lambda given: str(given)[:30],
)
def test_a_line_that_cannot_be_sent_is_named_and_what_was_sent_is_said(
    command: Command, line: bytes, options: tuple[str, ...], says: str
) -> None:
    good = {"uuid": str(uuid.UUID(int=1)), "boolean": "true", "list:long": "[1]"}.get(options[-1] if options else "")
    before = (good or "1").encode()
    if "-k" in options:
        before = b"1:1"
    result = command("produce", "t", *options, input=before + b"\n" + line + b"\n" + before + b"\n")
    assert result.exit_code == 1 and "Traceback" not in result.output
    assert "Line 2: " in result.output and says in result.output, result.output
    assert "line 2 is the first that was not" in result.output
    ends = command(
        "consume", "t", "--from-beginning", "--exit-at-end", "--key-serde", "bytes", "--value-serde", "bytes"
    )
    sent = int(re.findall(r"Sent (\d+) record", result.output)[0])
    assert len(ends.output.splitlines()) == sent >= 1


def test_bytes_stay_as_they_are(command: Command) -> None:
    """One end of a line goes, LF or CR LF; a last line may have none."""
    given = b"caf\xe9\n\xff\xfe\x00x\na\r\r\nb\r\n\nlast\r"
    assert "Sent 6 records" in command("produce", "raw", "--value-serde", "bytes", input=given).output
    assert values(command, "raw") == [b"caf\xe9", b"\xff\xfe\x00x", b"a\r", b"b", b"", b"last\r"]


def test_bytes_split_at_the_bytes_of_a_separator(command: Command) -> None:
    both = ("--key-serde", "bytes", "--value-serde", "bytes")
    command("produce", "raw", "-k", "é", "--null-marker", "ø", *both, input=b"\xff\xc3\xa9\xfe\nk\xc3\xa9\xc3\xb8\n")
    assert values(command, "raw") == [b"\xfe", None]


def test_headers_of_one_name_are_all_kept_as_they_stand(command: Command) -> None:
    command("produce", "h", "-H", "a=1", "-H", "b= x ", "-H", "a=2", "-H", "a=", input="v\n")
    shown = command("consume", "h", "--from-beginning", "--exit-at-end", "--json")
    assert json.loads(shown.output)["headers"] == [["a", "1"], ["b", " x "], ["a", "2"], ["a", ""]]


def test_an_empty_separator_is_refused(command: Command) -> None:
    result = command("produce", "t", "-k", "", input="x\n")
    assert result.exit_code == 2 and "--key-separator is empty" in result.output


def test_what_is_no_text_is_shown_and_json_is_json(command: Command) -> None:
    command("produce", "raw", "--value-serde", "bytes", input=b"\xffx\n")
    whole = ("--from-beginning", "--exit-at-end")
    assert command("consume", "raw", *whole, "--value-serde", "bytes").output == "null\t\\xffx\n"
    command("produce", "d", "--value-serde", "double", input="nan\n-inf\n1.5\n")
    shown = command("consume", "d", *whole, "--value-serde", "double", "--json").output
    assert [strict(line)["value"] for line in shown.splitlines()] == ["NaN", "-Infinity", 1.5]


def values(command: Command, topic: str) -> list[bytes | None]:
    """Values of a topic with one partition, as bytes."""
    shown = command("consume", topic, "--from-beginning", "--exit-at-end", "--json", "--value-serde", "bytes",
                    "--key-serde", "bytes").output  # fmt: skip
    found = [json.loads(line)["value"] for line in shown.splitlines()]
    return [None if text is None else text.encode().decode("unicode_escape").encode("latin-1") for text in found]


def strict(line: str) -> dict[str, object]:
    def refuse(name: str) -> object:
        raise ValueError(name)

    found: dict[str, object] = json.loads(line, parse_constant=refuse)
    return found

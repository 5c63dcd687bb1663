"""Where `reset` and `groups reset-offsets` set positions to: one table for both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clients import Consumer
from streams.clients.local.door import forget
from tests.streams.apps import wait_for
from tests.streams.cli.conftest import Command

TARGETS = [
    (("--to-earliest",), 0, ""),
    (("--to-latest",), 5, ""),
    (("--to-current",), 2, ""),
    (("--to-offset", "3"), 3, ""),
    (("--to-offset", "99"), 5, "lines-0: New offset (99) is higher than latest offset. Value will be set to 5"),
    (("--to-offset", "-1"), 0, "lines-0: New offset (-1) is lower than earliest offset. Value will be set to 0"),
    (("--shift-by", "-1"), 1, ""),
    (("--shift-by", "2"), 4, ""),
    (("--shift-by", "9"), 5, "lines-0: New offset (11) is higher than latest offset. Value will be set to 5"),
    (("--to-datetime", "2001-01-01T00:00:00.000"), 0, ""),
    (("--to-datetime", "9000-01-01T00:00:00+01:00"), 5, ""),
    (("--to-datetime", "1969-12-31T23:59:59.999Z"), 0, ""),
    (("--by-duration", "P1D"), 0, ""),
    (("--by-duration", "P99999D"), 0, ""),
    (("--by-duration", "-P1DT1H"), 5, ""),
    (("--from-file", "FILE"), 4, ""),
]


@pytest.fixture
def lines(command: Command) -> Command:
    """The command, with five lines of which the group `readers` has read two."""
    command("topics", "create", "lines", "--partitions", "1")
    command("produce", "lines", input="1\n2\n3\n4\n5\n")
    command("consume", "lines", "--group", "readers", "--from-beginning", "--max-records", "2")
    return command


def committed(command: Command, group: str = "readers") -> int:
    (row,) = json.loads(command("groups", "describe", group, "--json").output)
    return int(row["committed"])


@pytest.mark.parametrize(("options", "after", "warning"), TARGETS, ids=lambda each: str(each))
def test_positions_are_set_as_the_option_says(
    lines: Command, tmp_path: Path, options: tuple[str, ...], after: int, warning: str
) -> None:
    file = tmp_path / "plan.csv"
    file.write_text("lines,0,4\n", "utf-8")
    given = [str(file) if each == "FILE" else each for each in options]
    expected = [{"topic": "lines", "partition": 0, "before": 2, "after": after}]

    planned = lines("reset", "-a", "readers", "--input-topics", "lines", *given, "--dry-run", "--json")
    assert json.loads(planned.output)["positions"] == expected, planned.output
    assert json.loads(planned.output)["warnings"] == ([warning] if warning else [])
    shown = lines("groups", "reset-offsets", "readers", "--topic", "lines", *given, "--json")
    assert json.loads(shown.output) == expected
    assert committed(lines) == 2

    done = lines("groups", "reset-offsets", "readers", "--topic", "lines:0", *given, "--execute")
    assert done.exit_code == 0 and committed(lines) == after
    assert ("WARNING" in done.output) == bool(warning) and warning in done.output


def test_a_group_that_is_new_gets_positions_but_has_none_to_shift(lines: Command) -> None:
    refused = lines("groups", "reset-offsets", "new", "--topic", "lines", "--shift-by", "1", "--execute")
    assert (
        refused.exit_code == 2 and "has committed nothing for lines-0, so there is nothing to shift" in refused.output
    )
    assert lines("groups", "reset-offsets", "new", "--topic", "lines", "--to-latest", "--execute").exit_code == 0
    assert committed(lines, "new") == 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty. It has a line a partition: TOPIC,PARTITION,OFFSET."),
        ("lines,0\n", "plan.csv:1: 'lines,0' is not of the form TOPIC,PARTITION,OFFSET."),
        ("lines,0,1\nlines,zero,1\n", "plan.csv:2: 'lines,zero,1' is not of the form"),
        ("lines,0,1\nlines,0,2\n", "plan.csv:2: lines-0 stands in the file twice."),
        ("other,0,1\n", "says nothing of lines-0"),
    ],
)
def test_files_that_say_nothing_clear(lines: Command, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "plan.csv"
    file.write_text(text, "utf-8")
    refused = lines("groups", "reset-offsets", "readers", "--topic", "lines", "--from-file", str(file), "--execute")
    assert refused.exit_code == 2 and says in refused.output and committed(lines) == 2


def test_a_file_names_its_topics_itself(lines: Command, tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    file.write_text('"lines",0,1\n\n', "utf-8")
    assert lines("groups", "reset-offsets", "readers", "--from-file", str(file), "--execute").exit_code == 0
    assert committed(lines) == 1
    shown = json.loads(lines("reset", "-a", "readers", "--from-file", str(file), "--dry-run", "--json").output)
    assert shown["positions"] == [{"topic": "lines", "partition": 0, "before": 1, "after": 1}]


def test_nothing_changes_before_it_is_to_be_executed(lines: Command) -> None:
    shown = lines("groups", "reset-offsets", "readers", "--all-topics", "--to-earliest")
    assert "Nothing has been changed: --execute does it." in shown.output and committed(lines) == 2
    assert lines("groups", "reset-offsets", "readers", "--all-topics", "--to-earliest", "--execute").exit_code == 0
    assert committed(lines) == 0


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--topic", "lines"), 2, "Where to? Give one of"),
        (("--to-latest",), 2, "Of which topics? Give --topic TOPIC, once or more, or --all-topics."),
        (("--to-latest", "--all-topics", "--topic", "lines"), 2, "Of which topics?"),
        (("--to-latest", "--topic", "nowhere"), 1, "There is no topic nowhere."),
        (("--to-latest", "--topic", "lines:7"), 2, "Topic lines has partitions 0 to 0, not 7."),
        (("--to-latest", "--topic", "lines:x"), 2, "is not of the form TOPIC or TOPIC:PARTITION,PARTITION."),
        (("--to-latest", "--topic", "lines", "--execute", "--dry-run"), 2, "contradict each other"),
    ],
)
def test_what_cannot_be_meant(lines: Command, options: tuple[str, ...], code: int, says: str) -> None:
    refused = lines("groups", "reset-offsets", "readers", *options)
    assert refused.exit_code == code and says in refused.output and committed(lines) == 2


@pytest.fixture
def busy() -> Iterator[str]:
    yield "memory://cli-busy"
    forget("cli-busy")


def test_members_are_named_and_keep_their_group(lines: Command, busy: str) -> None:
    name = busy
    lines("topics", "create", "lines", engine=name)
    with Consumer(bootstrap_servers=name, group_id="busy", client_id="the-reader") as consumer:
        consumer.subscribe(["lines"])

        def joined() -> bool:
            consumer.poll(20)
            return bool(consumer.assignment())

        wait_for(joined)
        for refused in (
            lines("groups", "reset-offsets", "busy", "--topic", "lines", "--to-latest", "--execute", engine=name),
            lines("groups", "delete", "busy", engine=name),
        ):
            assert refused.exit_code == 1 and "GroupNotEmptyException" in refused.output
            assert "the-reader" in refused.output and "Stop them first." in refused.output
        (row,) = json.loads(lines("groups", "list", "--json", engine=name).output)
        assert (row["group"], row["members"], row["lag"]) == ("busy", 1, None)
    assert lines("groups", "delete", "busy", engine=name).exit_code == 0


def test_groups_are_listed_with_their_lag(lines: Command) -> None:
    (row,) = json.loads(lines("groups", "list", "--json").output)
    assert (row["group"], row["state"], row["members"], row["lag"]) == ("readers", "Empty", 0, 3)
    assert lines("groups", "list").output.split()[-5:] == ["readers", "Empty", "consumer", "0", "3"]

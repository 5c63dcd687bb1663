"""`reset`: an application begins anew, and nothing is half done in silence."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams import KafkaStreams, StreamsBuilder
from streams.clients import Admin
from streams.clients.api import JoinGroup, JoinGroupReply
from streams.clients.assignors import Subscription, write_subscription
from streams.clients.connect import connect
from streams.clients.local.door import forget
from streams.runtime.state.directory import claim
from tests.contracts.door.steps import ask
from tests.engines import local_engine
from tests.streams.apps import COUNT, TEXT, produce, records, wait_for
from tests.streams.cli.conftest import Command

APP = "words-app"
ROOT = Path(__file__).resolve().parents[3]
_numbers = itertools.count()


@pytest.fixture
def engine() -> Iterator[str]:
    name = f"reset-{next(_numbers)}"
    yield f"memory://{name}"
    forget(name)


@pytest.fixture
def at(command: Command, engine: str) -> Command:
    return partial(command, engine=engine)


def counting(engine: str, state: Path) -> KafkaStreams:
    """Counts words, over a repartition topic."""
    builder = StreamsBuilder()
    words = builder.stream("words", key_serde=TEXT, value_serde=TEXT)
    counted = words.group_by(lambda _, word: word, key_serde=TEXT, value_serde=TEXT).count(store="counts")
    counted.to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    settings: dict[str, Any] = {"state_dir": str(state), "commit_interval_ms": 20, "heartbeat_interval_ms": 50}
    return KafkaStreams(builder, application_id=APP, bootstrap_servers=engine, **settings)


def highest(engine: str, since: int = 0) -> dict[str, int]:
    """The last count of each word, of the output from an offset on."""
    return {row.key: row.value for row in records(engine, "out") if row.offset >= since}


def run(engine: str, state: Path, wanted: dict[str, int], since: int = 0) -> None:
    """Runs the application until its output is as wanted."""
    with counting(engine, state) as app:
        assert app.wait_until_running(30_000)
        wait_for(lambda: highest(engine, since) == wanted)


def there(engine: str) -> tuple[dict[str, int], set[str]]:
    """What is committed for the input, and which internal topics there are."""
    with Admin(bootstrap_servers=engine) as admin:
        group = admin.describe_groups([APP]).get(APP)
        rows = () if group is None else group.partitions
        committed = {str(row.partition): row.committed for row in rows if row.partition.topic == "words"}
        assert all(each is not None for each in committed.values())
        return (
            {name: offset or 0 for name, offset in committed.items()},
            {name for name in admin.list_topics() if name.startswith(f"{APP}-")},
        )


@pytest.fixture
def counted(at: Command, engine: str, tmp_path: Path) -> Path:
    """An application that has counted three words and was stopped; its state directory."""
    at("topics", "create", "words", "out", "--partitions", "1")
    produce(engine, "words", [(None, "a"), (None, "b"), (None, "a")])
    state = tmp_path / "state"
    run(engine, state, {"a": 2, "b": 1})
    return state


def test_an_application_begins_anew(at: Command, engine: str, counted: Path) -> None:
    words = ("--input-topics", "words", "--state-dir", str(counted))
    before = there(engine)
    committed, internal = before
    assert committed == {"words-0": 3} and len(internal) == 2

    shown = json.loads(at("reset", "-a", APP, *words, "--dry-run", "--json").output)
    assert shown["positions"] == [{"topic": "words", "partition": 0, "before": 3, "after": 0}]
    assert set(shown["internal_topics"]) == internal and shown["local_state"] == str(counted / APP)
    text = at("reset", "-a", APP, *words, "--dry-run").output
    assert "This was a dry run: nothing has been changed." in text and all(name in text for name in internal)
    assert there(engine) == before and (counted / APP).is_dir()

    done = at("reset", "-a", APP, *words)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    deleted = [at for at, line in enumerate(lines) if line.startswith("Deleted")]
    assert len(deleted) == 3 and lines.index("Set 1 position.") > max(deleted) and "Done." in lines
    assert there(engine) == ({"words-0": 0}, set()) and not (counted / APP).exists()

    again = len(records(engine, "out"))
    run(engine, counted, {"a": 2, "b": 1}, since=again)


def test_without_inputs_positions_stay_and_that_is_said(at: Command, engine: str, counted: Path) -> None:
    done = at("reset", "-a", APP, "--keep-local", "--state-dir", str(counted))
    assert done.exit_code == 0, done.output
    assert "No input or intermediate topics specified: no position is set." in done.output
    assert "Positions that stay, as no option names their topics: words" in done.output
    assert there(engine) == ({"words-0": 3}, set()) and (counted / APP).is_dir()


def test_intermediate_topics_are_read_on_behind_their_end(at: Command, engine: str, counted: Path) -> None:
    produce(engine, "words", [(None, "c")])
    assert at("reset", "-a", APP, "--intermediate-topics", "words", "--state-dir", str(counted)).exit_code == 0
    assert there(engine) == ({"words-0": 4}, set())


def test_only_the_internal_topics_that_are_named_go(at: Command, engine: str, counted: Path) -> None:
    _, internal = there(engine)
    one, other = sorted(internal)
    options = ("--internal-topics", one, "--state-dir", str(counted))
    assert at("reset", "-a", APP, *options).exit_code == 0
    assert there(engine)[1] == {other}


def test_an_input_named_like_an_internal_topic_is_none(at: Command, engine: str) -> None:
    name = f"{APP}-mine-changelog"
    at("topics", "create", name)
    shown = json.loads(at("reset", "-a", APP, "--input-topics", name, "--dry-run", "--json").output)
    assert shown["internal_topics"] == [] and [row["topic"] for row in shown["positions"]] == [name]


def test_what_belongs_to_an_application_with_a_longer_name_stays(at: Command, engine: str) -> None:
    own, others = "word-x-changelog", "word-count-y-repartition"
    at("topics", "create", own, others, "lines")
    at("produce", "lines", input="1\n")
    at("consume", "lines", "--group", "word-count", "--from-beginning", "--exit-at-end")
    shown = json.loads(at("reset", "-a", "word", "--dry-run", "--json").output)
    assert shown["internal_topics"] == [own]
    assert shown["topics_of_other_applications"] == {others: "word-count"}
    refused = at("reset", "-a", "word", "--internal-topics", others)
    assert refused.exit_code == 2 and f"{others} belongs to application word-count" in refused.output
    assert at("reset", "-a", "word").exit_code == 0
    with Admin(bootstrap_servers=engine) as admin:
        assert set(admin.list_topics()) == {others, "lines"}


def test_while_members_live_nothing_is_done(at: Command, engine: str, counted: Path) -> None:
    produce(engine, "words", [(None, "a")])
    with counting(engine, counted) as app:
        assert app.wait_until_running(30_000)
        wait_for(lambda: highest(engine) == {"a": 3, "b": 1} and there(engine)[0] == {"words-0": 4})
        before = there(engine)
        words = ("--input-topics", "words", "--state-dir", str(counted))
        for more in ((), ("--dry-run",)):
            refused = at("reset", "-a", APP, *words, *more)
            assert refused.exit_code == 1 and "is still active and has following members:" in refused.output
            assert app.client_id in refused.output
        forced = at("reset", "-a", APP, *words, "--force", "--keep-local")
        assert forced.exit_code == 1 and f"Group {APP} has members again, so they live" in forced.output
        assert there(engine) == before and (counted / APP).is_dir()
        produce(engine, "words", [(None, "b")])
        wait_for(lambda: highest(engine) == {"a": 3, "b": 2})


def test_a_member_that_is_dead_and_waited_for_is_put_out_by_force(at: Command, engine: str, counted: Path) -> None:
    protocols = (("streams-app", write_subscription(Subscription(("words",)))),)
    with closing(connect(engine, "the-dead-one")) as door, closing(door.link()) as link:
        joined = ask(link, JoinGroup(APP, "", None, 45_000, 10_000, "consumer", protocols))
        assert isinstance(joined, JoinGroupReply) and joined.error is None
        words = ("--input-topics", "words", "--state-dir", str(counted))
        refused = at("reset", "-a", APP, *words)
        assert refused.exit_code == 1 and "the-dead-one" in refused.output and there(engine)[0] == {"words-0": 3}
        done = at("reset", "-a", APP, *words, "--force")
        assert done.exit_code == 0, done.output
        assert "Members put out of the group: the-dead-one" in done.output
        assert there(engine) == ({"words-0": 0}, set())


def test_state_that_a_process_works_in_is_not_deleted(at: Command, engine: str, counted: Path) -> None:
    held = claim(counted, APP)
    before = there(engine)
    refused = at("reset", "-a", APP, "--input-topics", "words", "--state-dir", str(counted))
    assert refused.exit_code == 1 and "LockException: A process on this host works in" in refused.output
    assert there(engine) == before and (counted / APP).is_dir()
    held.close()
    assert at("reset", "-a", APP, "--input-topics", "words", "--state-dir", str(counted)).exit_code == 0


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--to-latest",), 2, "--to-latest of which topics? Name them: --input-topics TOPIC,…"),
        (("--input-topics", "words", "--to-latest", "--to-offset", "1"), 2, "are both given. Give one of them."),
        (("--input-topics", "words", "--intermediate-topics", "words"), 2, "words: named by --input-topics and by"),
        (("--input-topics", "words,nowhere,here"), 1, "There is no topic nowhere, here. Nothing has been changed."),
        (("--internal-topics", "words"), 2, "Invalid topic specified in the --internal-topics option: words."),
        (("--input-topics", "words", "--to-datetime", "2026-11-29"), 2, "is no time of the form"),
        (("--input-topics", "words", "--by-duration", "P1Y"), 2, "is no duration of the form PnDTnHnMnS"),
        (("--input-topics", "words", "--from-file", "/nowhere"), 2, "--from-file /nowhere cannot be read"),
        (("--input-topics", "words", "--to-offset", "many"), 2, "many"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    at: Command, engine: str, counted: Path, options: tuple[str, ...], code: int, says: str
) -> None:
    before = there(engine)
    refused = at("reset", "-a", APP, *options, "--state-dir", str(counted))
    assert refused.exit_code == code and says in refused.output, refused.output
    assert "Traceback" not in refused.output
    assert there(engine) == before and (counted / APP).is_dir()


def test_an_application_that_nobody_knows(at: Command, tmp_path: Path) -> None:
    refused = at("reset", "-a", "wrods", "--state-dir", str(tmp_path))
    assert refused.exit_code == 1 and "There is nothing of an application wrods" in refused.output


ENDED = ({"words-0": 1}, set[str]())
AGAIN = ("reset", "-a", APP, "--input-topics", "words", "--to-offset", "1")


def counted_in(place: Path, engine: str) -> None:
    """An application that has counted three words, on an engine of its own, and was stopped."""
    with Admin(bootstrap_servers=engine) as admin:
        admin.create_topic("words", 1)
        admin.create_topic("out", 1)
    produce(engine, "words", [(None, "a"), (None, "b"), (None, "a")])
    run(engine, place / "state", {"a": 2, "b": 1})


def started(engine: str, program: Sequence[str] = ("-m", "streams.cli.main")) -> subprocess.Popen[str]:
    """The reset, as a process."""
    arguments = [sys.executable, *program, *AGAIN, "-b", engine]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)


def check_that_it_ends_if_it_is_said_again(place: Path, engine: str, before: object) -> None:
    with started(engine) as again:
        said, _ = again.communicate(timeout=60)
        assert again.returncode == 0 and "Done." in said, (before, said)
    assert there(engine) == ENDED, before
    assert [each.name for each in (place / "state").iterdir() if APP in each.name] == [], before


def test_who_is_killed_in_the_middle_says_the_same_again(tmp_path: Path) -> None:
    """Killed after each of its lines in turn, from the first step on; then run again: it ends as if it had not been."""
    killed_after: list[str] = []
    for number in itertools.count(7):
        place = tmp_path / str(number)
        with local_engine(place) as engine:
            counted_in(place, engine)
            with started(engine) as killed:
                assert killed.stdout is not None
                lines = list(itertools.islice(killed.stdout, number))
                killed.send_signal(signal.SIGKILL)
            check_that_it_ends_if_it_is_said_again(place, engine, lines)
        if "Done.\n" in lines:
            break
        killed_after.append(lines[-1])
    assert len([line for line in killed_after if line.startswith("Deleted")]) == 3


DIES_WHILE_DELETING = """
import os, shutil, signal, sys
shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
from streams.cli.main import cli
cli(sys.argv[1:])
"""


def test_local_state_that_is_half_deleted_is_deleted_when_it_is_said_again(tmp_path: Path) -> None:
    with local_engine(tmp_path) as engine:
        counted_in(tmp_path, engine)
        with started(engine, ("-c", DIES_WHILE_DELETING)) as killed:
            assert killed.wait(60) == -signal.SIGKILL
        (half,) = (each.name for each in (tmp_path / "state").iterdir() if APP in each.name)
        assert half != APP
        check_that_it_ends_if_it_is_said_again(tmp_path, engine, half)

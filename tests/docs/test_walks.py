"""What README and getting-started show, typed by a shell line by line in an empty directory, in the pages' order."""

from __future__ import annotations

import gzip
import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from streams.clients import Admin
from tests.docs.pages import ROOT, blocks
from tests.docs.shell import Shell, lines_typed
from tests.engines import stop_broker, until

README, STARTED = ROOT / "README.md", ROOT / "docs" / "getting-started.md"
LINES = 400


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path)
    yield shell
    shell.end()
    stop_broker(tmp_path / ".streams")


def test_the_word_count_of_the_readme(shell: Shell) -> None:
    (shell.directory / "examples").symlink_to(ROOT / "examples")
    create, unpack, produce, run, consume, groups, describe = lines_typed(README)[0]
    shell.type(create)
    shell.type(unpack)
    text = (shell.directory / "text.txt").read_text("utf-8").splitlines()[:LINES]
    (shell.directory / "text.txt").write_text("\n".join(text) + "\n", "utf-8")
    with gzip.open(ROOT / "examples" / "data" / "text.txt.gz", "rt", encoding="utf-8") as whole:
        assert text[0] == whole.readline().rstrip("\n")
    shell.type(produce)

    first = shell.start(run)
    words = shell.start(consume)  # at once, as one pastes it: its topic does not exist yet
    second = shell.start(run)
    with Admin(bootstrap_servers=f"local://{shell.directory / '.streams'}") as admin:
        until(lambda: len(owners(admin)) == 2 and finished(admin))
    wanted = Counter(word for line in text for word in words_of(line))
    counts: dict[str, int] = {}
    while counts != wanted:
        word, _, count = line_of(words).partition("\t")
        counts[word] = int(count)
    words.send_signal(signal.SIGINT)
    assert words.wait(60) == 130

    shown = shell.type(groups)
    assert "Group word-count: Stable, 2 members, lag 0" in shown
    assert shown.count("words-in") == 4
    assert shell.type(describe).startswith("Topologies:\n   Sub-topology: 0\n    Source: KSTREAM-SOURCE-0000000000")

    first.send_signal(signal.SIGTERM)
    second.send_signal(signal.SIGINT)
    assert (first.wait(60), second.wait(60)) == (0, 130)


def test_the_topology_of_the_readme(shell: Shell) -> None:
    script, *program = [block.text for block in blocks(README, "python")]
    (shell.directory / "orders.py").write_text(script, "utf-8")
    create, run = lines_typed(README)[1]
    assert shell.type(create) == "Created topic orders with 1 partition.\nCreated topic names with 1 partition.\n"
    application = shell.start(run)
    shell.type("printf '7:Alice\\n' | streams-app produce names -k :")
    large = shell.start("streams-app consume large-orders --from-beginning")
    until_its_lag_is_0(shell, "orders", 1)
    shell.type("printf '7:5000\\n' | streams-app produce orders -k : --value-serde long")
    assert line_of(large) == "7\tAlice: 5000"
    application.send_signal(signal.SIGTERM)
    assert application.wait(60) == 0
    (shell.directory / "page.py").write_text("\n".join([script, *program]), "utf-8")
    shell.type("python page.py")


def test_getting_started(shell: Shell) -> None:
    script, program = [block.text for block in blocks(STARTED, "python")]
    (shell.directory / "greetings.py").write_text(script, "utf-8")
    (create, produce, run, consume), (groups, describe) = lines_typed(STARTED)
    shell.type(create)
    shell.type(produce)
    first = shell.start(run)
    greetings = shell.start(consume)
    assert sorted(line_of(greetings) for _ in range(3)) == ["null\tHello, Ada!"] * 2 + ["null\tHello, Grace!"]

    second = shell.start(run)
    until(lambda: "Group greeter: Stable, 2 members, lag 0" in shell.type(groups))
    assert shell.type(describe).startswith("Topologies:\n   Sub-topology: 0\n")
    for application in (first, second):
        application.send_signal(signal.SIGINT)
        assert application.wait(60) == 130
    (shell.directory / "page.py").write_text(script + program, "utf-8")
    shell.type("python page.py")


def test_several_workers_as_the_page_shows(shell: Shell) -> None:
    script = blocks(ROOT / "docs" / "instances.md", "python")[0]
    (shell.directory / "counter.py").write_text(script.text, "utf-8")
    ((create, run),) = lines_typed(ROOT / "docs" / "instances.md")
    shell.type(create)
    application = shell.start(run)
    until(lambda: "Group counter: Stable, 2 members" in shell.try_typing("streams-app groups describe counter"))
    application.send_signal(signal.SIGTERM)
    assert application.wait(60) == 0


def test_the_page_of_the_command_line(shell: Shell) -> None:
    (typed,) = lines_typed(ROOT / "docs" / "command-line.md")
    create, produce, consume, last, alter, describe, groups = (shell.type(line) for line in typed)
    assert (create, produce) == ("Created topic words with 4 partitions.\n", "")
    assert sorted(consume.split()) == ["k=first@0", "k=second@1"]
    assert [json.loads(line)["value"] for line in last.splitlines()] == ["second"]
    assert alter == "Changed topic words.\n"
    assert "Partitions  4" in describe
    assert "retention.ms" not in describe
    assert groups.split() == ["Group", "State", "Type", "Members", "Lag"]


def test_whoever_waits_for_a_topic_is_told_and_may_stop(shell: Shell) -> None:
    waiting = shell.start("streams-app consume later -f '%v!\\n' 2>&1")
    assert line_of(waiting) == (
        "streams-app: there is no topic later yet; waiting for it. `streams-app topics create later` makes it."
    )
    shell.type("echo first | streams-app produce later")
    assert line_of(waiting) == "first!"
    stopped = shell.start("streams-app consume never 2>&1")
    assert "there is no topic never yet" in line_of(stopped)
    stopped.send_signal(signal.SIGINT)
    assert stopped.wait(60) == 130
    assert stopped.stdout is not None and stopped.stdout.read() == ""


def line_of(process: Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def words_of(line: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in line.lower()).split()


def until_its_lag_is_0(shell: Shell, group: str, members: int) -> None:
    until(lambda: f"Group {group}: Stable, {members} members, lag 0".replace("1 members", "1 member")
          in shell.try_typing(f"streams-app groups describe {group}"))  # fmt: skip


def owners(admin: Admin) -> set[str]:
    """Instances of the word count that have partitions."""
    if "word-count" not in {group.group for group in admin.list_groups()}:
        return set()
    return {row.member.client_id for row in admin.describe_group("word-count").partitions if row.member is not None}


def finished(admin: Admin) -> bool:
    """Everything is read: of the text, and of what was written from it."""
    rows = admin.describe_group("word-count").partitions
    return len(rows) == 8 and all(row.lag == 0 or row.end == 0 for row in rows)

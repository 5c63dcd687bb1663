"""Scripts good and bad, before anything runs: `topology describe`, and the refusals of `run`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.streams.cli.conftest import Command

GOOD = """
from streams import Serdes, StreamsBuilder
def topology(builder):
    builder.stream("in", key_serde=Serdes.string(), value_serde=Serdes.string()).to("out")
"""
OBJECT = """
from streams import StreamsBuilder
topology = StreamsBuilder()
topology.stream("in").to("out")
"""
TWO = """
from streams import StreamsBuilder
first, second = StreamsBuilder(), StreamsBuilder()
first.stream("a").to("b")
second.stream("c").to("d")
"""
CLASS_NAMES = """
from dataclasses import dataclass
from streams import Serdes, StreamsBuilder
@dataclass
class Order:
    amount: int
def topology(builder):
    builder.stream("in", key_serde=Serdes.string(), value_serde=Serdes.json(Order)).to("out")
"""
TEXT = (
    "Topologies:\n   Sub-topology: 0\n    Source: KSTREAM-SOURCE-0000000000 (topics: [in])\n"
    "      --> KSTREAM-SINK-0000000001\n    Sink: KSTREAM-SINK-0000000001 (topic: out)\n"
    "      <-- KSTREAM-SOURCE-0000000000\n\n"
)


def script(tmp_path: Path, text: str, name: str = "job.py") -> str:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return str(path)


@pytest.mark.parametrize("text", [GOOD, OBJECT, CLASS_NAMES])
def test_a_topology_as_text(command: Command, tmp_path: Path, text: str) -> None:
    assert command("topology", "describe", script(tmp_path, text)).output == TEXT


def test_one_of_two_by_name(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, TWO, "two_of_them.py")
    monkeypatch.chdir(tmp_path)
    described = command("topology", "describe", "two_of_them:second")
    assert "(topics: [c])" in described.output


def test_a_script_does_not_hide_a_module_of_its_name(command: Command, tmp_path: Path) -> None:
    import json

    assert command("topology", "describe", script(tmp_path, GOOD, "json.py")).output == TEXT
    import json as after

    assert after is json and after.loads("1") == 1


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("x = 1\n", 2, "has no 'topology'"),
        (TWO, 2, "holds 2 topologies and none is called 'topology'"),
        ("topology = 7\n", 2, "'topology' is a int"),
        ("def topology(builder): return 7\n", 2, "returned a int"),
        ("x = 1\nraise ValueError('out of milk')\n", 1, "while it was imported, failed:"),
        ("def topology(builder):\n    return builder.stream(undefined)\n", 1, "NameError"),
        ("def broken(:\n", 1, "SyntaxError"),
        ("import sys; sys.exit(3)\n", 1, "ended itself with exit(3)"),
        ("config = 5\ntopology = lambda builder: None\n", 2, "`config` is a int"),
        ("config = {'commit.intervall.ms': 5}\n" + GOOD, 2, "commit.interval.ms"),
        ("def topology(builder): builder.stream('a').filter(lambda v: v)\n", 1, "lambda key, value"),
    ],
)
@pytest.mark.parametrize("start", [("topology", "describe"), ("run", "--application-id", "app")])
def test_a_bad_script(
    command: Command, tmp_path: Path, text: str, code: int, says: str, start: tuple[str, ...]
) -> None:
    result = command(*start, script(tmp_path, text))
    assert (result.exit_code, says in result.output) == (code, True), result.output
    assert "Traceback" not in result.output


def test_an_exception_is_shown_with_the_script_s_own_line(command: Command, tmp_path: Path) -> None:
    path = script(tmp_path, "def f():\n    return 1 / 0\nf()\n")
    shown = command("topology", "describe", path).output
    assert f"{path}:2  return 1 / 0" in shown and f"{path}:3  f()" in shown
    assert "load.py" not in shown and "importlib" not in shown


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--application-id", "bad name"), 2, "bad name"),
        (("--application-id", "a", "--config", "commit.intervall.ms=5"), 2, "commit.interval.ms"),
        (("--application-id", "a", "--config", "commit.interval.ms"), 2, "name=value"),
        (("--application-id", "a", "--config", "commit.interval.ms=soon"), 2, "soon"),
        (("--application-id", "a", "--processing-guarantee", "exactly_once"), 2, "at_least_once, exactly_once_v2"),
        (("--application-id", "a", "--bootstrap-servers", "127.0.0.1:1"), 1, "no broker could be reached"),
        (("--application-id", "a", "--workers", "2"), 2, "lives in one process"),
        (("--application-id", "a", "--config-file", "absent.yaml"), 2, "no configuration file absent.yaml"),
        (("--application-id", "a", "--log-level", "loud"), 2, "loud"),
        (("--application-id", "a"), 1, "in"),
        ((), 2, "--application-id NAME"),
    ],
)
def test_a_run_that_cannot_be(command: Command, tmp_path: Path, more: tuple[str, ...], code: int, says: str) -> None:
    result = command("run", script(tmp_path, GOOD), *more)
    assert (result.exit_code, says in result.output) == (code, True), result.output
    assert "Traceback" not in result.output


def test_a_missing_topic_is_named(command: Command, tmp_path: Path) -> None:
    result = command("run", script(tmp_path, GOOD), "--application-id", "a")
    assert result.exit_code == 1 and "One or more source topics were missing during rebalance: in" in result.output


def test_no_such_script(command: Command, tmp_path: Path) -> None:
    script(tmp_path, GOOD, "near.py")
    result = command("--application-id", "a", str(tmp_path / "far.py"))
    assert result.exit_code == 2 and "There is no script" in result.output and "near.py" in result.output
    assert command("run", "no.such.module", "--application-id", "a").exit_code == 2


def test_a_file_of_settings(command: Command, tmp_path: Path) -> None:
    settings = tmp_path / "application.yaml"
    settings.write_text("spring:\n  kafka:\n    streams:\n      application-id: from-file\n", "utf-8")
    result = command("run", script(tmp_path, GOOD), "--config-file", str(settings))
    assert "application from-file" in result.output

"""What the pages show runs, what they type exists, and where they point there is something."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from streams.cli.main import arguments_of, cli
from tests.docs.pages import PAGES, ROOT, Block, blocks, name, rows

LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")
USERS = (
    "README.md",
    "getting-started.md",
    "processor-api.md",
    "serdes.md",
    "composite-keys.md",
    "running.md",
    "instances.md",
    "clients.md",
    "application-yaml.md",
    "errors.md",
    "testing.md",
    "connect.md",
    "results.md",
    "guarantees.md",
    "differences-from-java.md",
    "beyond-java.md",
)
CODE = [(page, blocks(page, "python")) for page in PAGES if page.name in USERS and blocks(page, "python")]
TYPED = [(page, block) for page in PAGES for block in blocks(page, "console")]
FEATURES = (
    "1.1 1.2 1.3 1.4 1.5 2.1 3.1 4.1 4.2 4.3 4.4.1 4.4.2 4.4.3 5.1 5.2-5.3 5.4 5.5 5.6 5.6.1 5.6.2 5.6.3 5.6.4 5.6.5 "
    "6.1 6.2 6.3 7.2 7.3 7.4 7.4.1 7.4.2 7.4.3 7.4.5 8.1 8.2 8.3 9.1 10.1 10.2 11.1 11.2 11.4 11.5"
)
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize(("page", "code"), CODE, ids=lambda each: name(each) if isinstance(each, Path) else "")
def test_the_code_of_a_page_runs(
    page: Path, code: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of a page are one program, as a reader would type them in an empty directory."""
    monkeypatch.chdir(tmp_path)
    for settings in blocks(page, "yaml"):
        (tmp_path / "application.yaml").write_text(settings.text, "utf-8")
    namespace: dict[str, object] = {"__name__": "page"}
    for block in code:
        lines = "\n" * (block.line - 1) + block.text
        exec(compile(lines, str(page), "exec", dont_inherit=True), namespace)


def commands(text: str) -> list[str]:
    """Every `streams-app` in lines that are typed."""
    found = []
    for line in text.splitlines():
        for part in re.split(r"\||&(?!&)|;|<\s*\S+|\bdo\b", line.removeprefix("$ ")):
            if part.strip().startswith("streams-app "):
                found.append(part.split("#")[0].strip())
    return found


def check(command: str) -> None:
    """Parses a command as the command line would, without running it."""
    arguments = arguments_of(shlex.split(command)[1:])
    if any(argument.startswith("--help") for argument in arguments):
        return
    found: click.Command = cli
    context = click.Context(cli)
    while isinstance(found, click.Group):
        chosen = found.get_command(context, arguments[0])
        assert chosen is not None, f"{command}: no command {arguments[0]}"
        found, arguments = chosen, arguments[1:]
    found.make_context("streams-app", arguments)


@pytest.mark.parametrize(("page", "block"), TYPED, ids=lambda each: name(each) if isinstance(each, Path) else "")
def test_what_a_page_types_is_a_command(page: Path, block: Block) -> None:
    assert commands(block.text)
    for command in commands(block.text):
        check(command)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_an_example_says_to_type_is_a_command(script: Path) -> None:
    text = script.read_text("utf-8").split('"""')[1]
    for command in commands("\n".join(line.strip() for line in text.splitlines() if line.startswith("    "))):
        check(command)
    for path in re.findall(r"examples/[\w/.]+\w", text):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{name(page)} points to {target}"


def test_every_example_is_listed() -> None:
    listed = set(LINK.findall((ROOT / "examples" / "README.md").read_text("utf-8")))
    files = {path.relative_to(ROOT / "examples").as_posix() for path in (ROOT / "examples").rglob("*.py")}
    assert files - listed == set()


def test_every_feature_has_an_example_or_a_reason() -> None:
    numbers = {row[0] for row in rows(ROOT / "examples" / "README.md")}
    assert set(FEATURES.split()) - numbers == set()

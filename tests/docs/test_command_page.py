"""The page of the command line is made from the commands, and they say what each of their options is for."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from broker_local.host.cli import main as broker
from streams.cli.docs_page import page
from streams.cli.main import cli
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "command-line.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m streams.cli.docs_page > docs/command-line.md"


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


@pytest.mark.parametrize(
    ("path", "command"), [*commands(cli, "streams-app"), *commands(broker, "broker-local")], ids=str
)
def test_a_command_says_what_it_is_for_and_so_do_its_options(path: str, command: click.Command) -> None:
    assert command.help
    shown = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    assert [option.name for option in shown if not option.help] == []
    text = PAGE.read_text("utf-8")
    assert f"`{path} " in text or f"`{path}`" in text
    assert [spelled for option in shown for spelled in option.opts if f"`{spelled}" not in text] == []

"""The command line: `streams-app [run] SCRIPT …`, and its commands around the log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version

import click

from streams.cli.failure import INTERRUPTED

COMMANDS = {
    "run": "Run a topology script (the default command).",
    "topology": "Show what a script builds, without running it.",
    "topics": "Make, list, describe, change and delete topics.",
    "produce": "Send lines as records.",
    "consume": "Print the records of a topic.",
    "groups": "List and describe groups, with lag.",
}
"""Each is the function of its name in the module of its name, imported when it is called: a command costs what it
needs."""


class Commands(click.Group):
    """click asks for a class where commands are to be found by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            near = get_close_matches(cmd_name, COMMANDS, 1)
            if near and not ctx.resilient_parsing:
                ctx.fail(f"There is no command {cmd_name!r}. Did you mean {near[0]!r}?")
            return None
        found: click.Command = getattr(import_module(f"streams.cli.{cmd_name}"), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Kafka Streams for Python.\n\n    streams-app --application-id word-count job.py",
)
@click.version_option(version("streams-app"), prog_name="streams-app")
def cli() -> None: ...


def arguments_of(given: Sequence[str]) -> list[str]:
    """The arguments with the default command put in where none is named."""
    first = given[0] if given else "--help"
    known = first in COMMANDS or first in ("-h", "--help", "--version")
    return list(given or ["--help"]) if known or misspelt(first) else ["run", *given]


def misspelt(word: str) -> bool:
    """`topic` is no module to be run, but `topics` mistyped."""
    return word.isidentifier() and bool(get_close_matches(word, COMMANDS, 1, cutoff=0.8))


def main() -> None:
    """What the command `streams-app` runs."""
    try:
        cli.main(arguments_of(sys.argv[1:]), prog_name="streams-app")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()

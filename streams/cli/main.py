"""The command line: `streams-app [run] SCRIPT …`, and its commands around the log."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import TextIO

import click

from streams.cli.failure import FAILED, INTERRUPTED, STOPPED

COMMANDS = {
    "run": "Run a topology script (the default command).",
    "topology": "Show what a script builds, without running it.",
    "topics": "Make, list, describe, change and delete topics.",
    "produce": "Send lines as records.",
    "consume": "Print the records of a topic.",
    "groups": "List, describe, reset and delete groups, with lag.",
    "reset": "Let an application begin anew: positions, internal topics, local state.",
    "config": "Show what is set for an application, and where.",
    "state": "Show a running application: instances, tasks, stores, restores.",
    "query": "Ask a store of a running application.",
    "transactions": "List and describe transactions, and end one that hangs.",
    "connect": "Run connectors: from files and databases into topics, and back.",
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

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # click would say "Aborted!" and exit with 1
            sys.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Kafka Streams for Python.\n\n    streams-app --application-id word-count job.py",
)
@click.version_option(package_name="streams-app", prog_name="streams-app")
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
    open_what_is_closed()
    try:
        try:
            cli.main(arguments_of(sys.argv[1:]), prog_name="streams-app")
        finally:
            sys.stdout.flush()  # here, where a full disk or a reader that has gone can still be told
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        leave_unsaid(sys.stdout)
        sys.exit(STOPPED)
    except OSError as error:
        leave_unsaid(sys.stdout)
        click.echo(f"streams-app: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", err=True)
        sys.exit(FAILED)


def open_what_is_closed() -> None:
    """Whoever closes a standard stream wants nothing of it; without one, the next file opened would stand for it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  (open as long as we run)


def leave_unsaid(stream: TextIO) -> None:
    """What could not be written is not tried again while Python ends."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()

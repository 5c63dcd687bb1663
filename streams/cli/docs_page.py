"""The documentation page of the command line, made from the commands themselves: `python -m streams.cli.docs_page >
docs/command-line.md`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from streams.cli.main import cli
from streams.cli.options import SERDES

_HEAD = """# The command line

    streams-app [run] SCRIPT …

`run` is the default command. The others look after the log: make topics, send and print records, show groups and
topologies. Without `--bootstrap-servers` all of them work on the engine in `.streams` of the working directory, or the
nearest one above it; the environment variable `STREAMS_APP_BOOTSTRAP_SERVERS` says another. `--json` prints for
programs what is a table for people. [reset.md](reset.md) tells of `reset`, `groups reset-offsets` and `config`.

```console
$ streams-app topics create words --partitions 4 --config retention.ms=86400000
$ printf 'k:first\\nk:second\\n' | streams-app produce words --key-separator :
$ streams-app consume words --from-beginning --exit-at-end --format '%k=%v@%o\\n'
$ streams-app consume words -o -1 -e --json
$ streams-app topics alter words retention.ms=
$ streams-app topics describe words
$ streams-app groups list
```

This page is made from the commands: `python -m streams.cli.docs_page > docs/command-line.md`.

## How it ends

| Exit code | |
|---|---|
| 0 | done, or stopped by SIGTERM: committed, flushed, out of the group |
| 1 | the application failed, a request did, or the script raised something; of `topology diff`: something is orphaned |
| 2 | wrong usage: an option, a setting, no such script or no topology in it |
| 130 | interrupted (Ctrl-C), as cleanly as by SIGTERM; a second one ends it at once |

What went wrong is one message on standard error, with a cause and what to do next ([errors.md](errors.md)); no
traceback, unless `--log-level debug` asks for it.

## Scripts

A script is a Python file, or an importable `package.module`, and holds `topology`: a `Topology`, a `StreamsBuilder`, or
a function that takes a `StreamsBuilder` (and may return a `Topology`). `package.module:name` names another one. A
mapping `config` beside it sets defaults, which a file, the environment and the command line override
([application-yaml.md](application-yaml.md)).
"""

_BROKER = """## The engine's own command

The broker of a directory starts by itself, and goes when nobody has been there for a minute. `broker-local` is for what that
does not cover:

| Command | |
|---|---|
| `broker-local serve DIRECTORY` | serves it in the foreground: `--durability` `process` or `durable` ([guarantees.md](guarantees.md)), `--config NAME=VALUE` and `--properties FILE` ([broker-settings.md](broker-settings.md)), `--listen HOST:PORT`, `--idle-exit SECONDS` |
| `broker-local check DIRECTORY` | reads all of it, says what is damaged, and lets a stopped broker start again if nothing is |
| `broker-local delete DIRECTORY TOPIC` | deletes a topic whose logs are damaged, while no broker runs |
| `broker-local dump DIRECTORY TOPIC PARTITION` | shows batches, with `--records` also records, `--from` an offset |
| `broker-local settings` | lists the settings of the broker |
"""  # noqa: E501


def page() -> str:
    """The page as Markdown."""
    names = ", ".join(f"`{name}`" for name in SERDES)
    serdes = (
        f"## Serdes by name\n\n{names}, `list:SERDE`, `time_windowed:SERDE:SIZE_MS`,\n`session_windowed:SERDE`: "
        "of keys by `--key-serde`, of values by `--value-serde`. Text is the default.\n[serdes.md](serdes.md) says "
        "what they write.\n"
    )
    return "\n".join((_HEAD, serdes, *_sections(cli, click.Context(cli, info_name="streams-app")), _BROKER))


def _sections(group: click.Group, context: click.Context) -> Iterator[str]:
    """One section a command, those of a group after it."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        below = click.Context(command, info_name=name, parent=context)
        depth = 2 if context.parent is None else 3
        yield f"{'#' * depth} `{' '.join(_usage(command, below).split())}`\n\n{_help(command)}\n"
        options = [row for parameter in command.params for row in _rows(parameter, below)]
        if options:
            yield "\n".join(("| Option | Meaning | Default |", "|---|---|---|", *options)) + "\n"
        if isinstance(command, click.Group):
            yield from _sections(command, below)


def _usage(command: click.Command, context: click.Context) -> str:
    return f"{context.command_path} {' '.join(command.collect_usage_pieces(context))}"


def _help(command: click.Command) -> str:
    return " ".join((command.help or "").split())


def _rows(parameter: click.Parameter, context: click.Context) -> Iterator[str]:
    if isinstance(parameter, click.Option) and not parameter.hidden:
        takes = "" if parameter.is_flag else f" {parameter.make_metavar(context).replace('|', ', ')}"
        spelled = ", ".join(f"`{spelling}`" for spelling in _spellings(parameter))
        default = f"`{parameter.default}`" if isinstance(parameter.default, str | int) and takes else ""
        yield f"| {spelled}{takes} | {parameter.help or ''} | {default} |"


def _spellings(option: click.Option) -> list[str]:
    return [*sorted(option.opts, key=len, reverse=True), *option.secondary_opts]


if __name__ == "__main__":
    print(page(), end="")

"""`streams-app config`: what is set for an application, and where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import click

from streams.cli import options, render
from streams.cli.failure import refusals
from streams.cli.load import load
from streams.cli.run import existing, named
from streams.config import StreamsConfig
from streams.config.application import check_setting
from streams.config.derived import unread
from streams.config.load import from_pairs, of_environment, of_file
from streams.config.streams import SETTINGS
from streams.config.table import is_secret, shown_text
from streams.serdes.base import Serde

DEFAULT = "default"
COMMAND_LINE = "command line"


class Said(NamedTuple):
    """A value, and who says it."""

    value: object
    where: str


@click.command(
    help="Show what is set for an application, and where: the script's `config`, a file, the environment, the command "
    "line. The options are those of `run`. Secrets are hidden."
)
@click.argument("script", required=False)
@click.option("--application-id", "-a", default=None, help="As of `run`.")
@click.option("--bootstrap-servers", "-b", default=None, help="As of `run`.")
@click.option("--processing-guarantee", default=None, help="As of `run`.")
@click.option("--config", "-c", "pairs", multiple=True, metavar="NAME=VALUE", help="Any setting of Kafka Streams.")
@click.option("--config-file", type=click.Path(dir_okay=False), default=None, help="application.yaml or .properties.")
@click.option("--all", "with_defaults", is_flag=True, help="Also what has its default.")
@options.as_json
def config(
    script: str | None,
    application_id: str | None,
    bootstrap_servers: str | None,
    processing_guarantee: str | None,
    pairs: tuple[str, ...],
    config_file: str | None,
    with_defaults: bool,
    as_json: bool,
) -> None:
    with refusals():
        here = named(application_id, bootstrap_servers, processing_guarantee)
        later = [
            {name: Said(value, f"environment {variable}") for name, (value, variable) in of_environment().items()},
            {name: Said(value, COMMAND_LINE) for name, value in from_pairs(pairs).items()},
            {name: Said(value, COMMAND_LINE) for name, value in here.items()},
        ]
        servers = next((row["bootstrap.servers"].value for row in reversed(later) if "bootstrap.servers" in row), None)
        of_script = load(script).config if script is not None else {}
        from_file = {} if config_file is None else of_file(existing(config_file), servers=servers)
        sources = [
            {name: Said(value, f"script {script}") for name, value in of_script.items()},
            {name: Said(value, f"file {where}") for name, (value, where) in from_file.items()},
            *later,
        ]
        said: dict[str, list[Said]] = {}
        for source in sources:
            for name, one in source.items():
                said.setdefault(name, []).append(one)
        read = StreamsConfig.of_topology({name: each[-1].value for name, each in said.items()})
        show(said, read, with_defaults, as_json)


def show(said: Mapping[str, list[Said]], read: StreamsConfig, with_defaults: bool, as_json: bool) -> None:
    """One row a setting, in order of the names.

    Args:
        said: by name what the sources say; the last one wins.
        read: what comes of it.
        with_defaults: also what nobody says.
        as_json: for programs.
    """
    idle = set(unread(read))
    rows: list[list[object]] = []
    names: set[str] = set(said) | (set(read) if with_defaults else set())
    for name in sorted(names):
        if name.startswith("__") and name not in said:
            continue
        *before, last = said.get(name) or [Said(read[name], DEFAULT if _is_default(read, name) else "another setting")]
        value = _meant(name, last.value) if name in said else last.value
        rows.append(
            [
                name,
                _plain(name, value) if as_json else _shown(name, value),
                last.where,
                [{"value": _plain(name, _meant(name, each.value)), "source": each.where} for each in before]
                if as_json
                else ", ".join(f"{_shown(name, _meant(name, each.value))} ({each.where})" for each in before),
                ("changes nothing here" if name in idle else None) if as_json else "changes nothing" * (name in idle),
            ]
        )
    columns = ["Setting", "Value", "Source", "Instead of", "Note"]
    if as_json:
        members = [column.lower().replace(" ", "_") for column in columns]
        click.echo(json.dumps([dict(zip(members, row, strict=True)) for row in rows], ensure_ascii=False))
        return
    used = [at for at in range(len(columns)) if at < 3 or any(row[at] for row in rows)]
    render.table([columns[at] for at in used], [[row[at] for at in used] for row in rows], False)
    if not with_defaults:
        click.echo(f"{len(set(read) - set(said))} settings have their defaults: --all shows them.", err=True)
    if "application.id" not in said:
        click.echo("application.id is not set, which `run` asks for: --application-id NAME", err=True)


def _is_default(read: StreamsConfig, name: str) -> bool:
    return name in SETTINGS and read[name] == SETTINGS[name].default


def _meant(name: str, given: object) -> object:
    """The value as it is understood; of an object what was given."""
    found = check_setting(name, given)
    if found is None:
        return given
    parsed = found[1]
    return parsed if isinstance(parsed, str | int | float | tuple | None) else given


def _plain(name: str, value: object) -> object:
    """A value for programs: what JSON has no form for is text."""
    if isinstance(value, bool | int | float) and not is_secret(name):
        return value
    if isinstance(value, tuple):
        return [_plain(name, each) for each in value]
    return None if value is None else _shown(name, value)


def _shown(name: str, value: object) -> str:
    """A value for people; a serde as it is made."""
    return repr(value) if isinstance(value, Serde) else shown_text(name, value)

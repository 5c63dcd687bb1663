"""`streams-app topology`: what a script builds, without running it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from streams.cli import options, render
from streams.cli.failure import FAILED, STOPPED, Refused, refusals
from streams.cli.load import load
from streams.config import StreamsConfig
from streams.config.load import load as load_settings
from streams.errors import IllegalArgumentException
from streams.runtime.tasks.preview import entry_text
from streams.topology.graph import Topology
from streams.topology.tools.consequences import consequences
from streams.topology.tools.diff import diff as compared
from streams.topology.tools.drawing import Drawing, drawing
from streams.topology.tools.graphviz import graphviz
from streams.topology.tools.mermaid import mermaid
from streams.topology.tools.outline import Outline, outline
from streams.topology.tools.outline_json import from_json, to_json
from streams.topology.tools.svg import svg
from streams.topology.tools.text_tree import text_tree

DRAWN: dict[str, Callable[[Drawing], str]] = {"text": text_tree, "mermaid": mermaid, "dot": graphviz}
FORMATS = (*DRAWN, "svg")
UNNAMED = "app"
"""The application id where nobody gives one."""


@click.group(help="Show what a script builds, without running it.")
def topology() -> None: ...


def built(script: str, pairs: tuple[str, ...]) -> tuple[Topology, dict[str, object]]:
    """The script's topology under its own settings and those given."""
    loaded = load(script)
    defaults = {"application.id": UNNAMED, **loaded.config}
    settings = dict(load_settings(script=defaults, pairs=pairs))
    return loaded.build(settings), settings


def pairs_option(command: options.C) -> options.C:
    return click.option("--config", "-c", "pairs", multiple=True, metavar="NAME=VALUE", help="A setting.")(command)


@topology.command(help="Kafka Streams' text of the topology; with --json what `graph` and `diff` read.")
@click.argument("script")
@options.as_json
@pairs_option
def describe(script: str, pairs: tuple[str, ...], as_json: bool) -> None:
    with refusals():
        if as_json:
            click.echo(to_json(outlined(script, pairs)))
            return
        found, _ = built(script, pairs)
        click.echo(str(found.describe()), nl=False)


def outlined(place: str, pairs: tuple[str, ...]) -> Outline:
    """The topology of a script, or of a description that was saved by `describe --json`."""
    if not place.endswith(".json"):
        found, settings = built(place, pairs)
        return outline(found.built(settings), str(settings["application.id"]))
    try:
        return from_json(Path(place).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{place} cannot be read: {error}") from error
    except IllegalArgumentException as error:
        raise Refused(f"{place} is no saved description. {error}") from error


def apart(place: str, pairs: tuple[str, ...]) -> Outline:
    """As `outlined`; what a script imported from its own directory is forgotten again.

    Two versions of a script import modules of the same names, and each has to find its own.
    """
    before = set(sys.modules)
    found = outlined(place, pairs)
    beside = Path(place).resolve().parent
    for name in set(sys.modules) - before if place.endswith(".py") else ():
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).resolve().is_relative_to(beside):
            del sys.modules[name]
    return found


@topology.command(help="Draw a script's topology, or a saved description (a .json file).")
@click.argument("script")
@click.option(
    "--format", "form", type=click.Choice(sorted(FORMATS)), default="text", show_default=True, help="What is drawn."
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write a file instead of the terminal.")
@pairs_option
def graph(script: str, form: str, output: str | None, pairs: tuple[str, ...]) -> None:
    with refusals():
        found = outlined(script, pairs)
        title = found.application_id if found.application_id != UNNAMED else Path(script).stem
        picture = svg(found, title) if form == "svg" else DRAWN[form](drawing(found))
        if output is None:
            click.echo(picture, nl=False)
            return
        try:
            Path(output).write_text(picture, "utf-8")
        except OSError as error:
            raise Refused(f"{output} cannot be written: {error}") from error


@topology.command(
    help="What changing a script from OLD to NEW would keep, rename or orphan. Both are scripts, or descriptions saved "
    "by `describe --json` (.json files). Exit code 0: all that is there is found again; 1: something is not."
)
@click.argument("old")
@click.argument("new")
@options.as_json
@pairs_option
@click.pass_context
def diff(context: click.Context, old: str, new: str, as_json: bool, pairs: tuple[str, ...]) -> None:
    with refusals():
        found = compared(apart(old, pairs), apart(new, pairs))
        parts = {
            "Sub-topologies": found.subtopologies,
            "Stores": found.stores,
            "Internal topics": found.topics,
            "Committed offsets": found.offsets,
        }
        meaning = consequences(found)
        if as_json:
            rows = {
                name.lower().replace("-", "").replace(" ", "_"): [
                    {**row._asdict(), "fate": row.fate.value} for row in part
                ]
                for name, part in parts.items()
            }
            render.fields({"harms": found.harms(), **rows, "meaning": meaning}, as_json=True)
        else:
            for name, part in parts.items():
                if part:
                    shown = [(row.fate.value, row.old, row.new, row.kind, row.note) for row in part]
                    render.table(("Fate", "Old", "New", "Kind", "Note"), shown, as_json=False, title=name)
                    click.echo()
            click.echo("\n".join(meaning))
        context.exit(FAILED if found.harms() else STOPPED)


@topology.command(help="The Python that each sub-topology is compiled to. Processors are made and initialised for it.")
@click.argument("script")
@pairs_option
def code(script: str, pairs: tuple[str, ...]) -> None:
    with refusals():
        found, settings = built(script, pairs)
        config = StreamsConfig.of_topology(settings)
        for number, text in entry_text(found.built(config), config).items():
            click.echo(f"# Sub-topology {number}\n{text}")

"""`streams-app topology`: what a script builds, without running it."""

from __future__ import annotations

import click

from streams.cli import options
from streams.cli.failure import refusals
from streams.cli.load import load
from streams.config.load import load as load_settings
from streams.topology.graph import Topology


@click.group(help="Show what a script builds, without running it.")
def topology() -> None: ...


def built(script: str, pairs: tuple[str, ...]) -> tuple[Topology, dict[str, object]]:
    """The script's topology under its own settings and those given."""
    loaded = load(script)
    defaults = {"application.id": "app", **loaded.config}
    settings = dict(load_settings(script=defaults, pairs=pairs))
    return loaded.build(settings), settings


def pairs_option(command: options.C) -> options.C:
    return click.option("--config", "-c", "pairs", multiple=True, metavar="NAME=VALUE", help="A setting.")(command)


@topology.command(help="Kafka Streams' text of the topology.")
@click.argument("script")
@pairs_option
def describe(script: str, pairs: tuple[str, ...]) -> None:
    with refusals():
        found, _ = built(script, pairs)
        click.echo(str(found.describe()), nl=False)


@topology.command(help="The Python that the topology is compiled to.")
@click.argument("script")
@pairs_option
def code(script: str, pairs: tuple[str, ...]) -> None:
    from streams.runtime.fuse import texts

    with refusals():
        found, settings = built(script, pairs)
        for name, text in texts(found.built(settings), settings):
            click.echo(f"# {name}\n{text}\n")

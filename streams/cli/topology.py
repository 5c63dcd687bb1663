"""`streams-app topology`: what a script builds, without running it."""

from __future__ import annotations

import click

from statestore.memory import MemoryEngine
from streams.cli import options
from streams.cli.failure import refusals
from streams.cli.load import load
from streams.config import StreamsConfig
from streams.config.load import load as load_settings
from streams.metrics import Metrics
from streams.record import TopicPartition
from streams.runtime.task import Ground, Task
from streams.topology.graph import Topology
from streams.topology.node import TaskId


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


@topology.command(help="The Python that each sub-topology is compiled to. Processors are made and initialised for it.")
@click.argument("script")
@pairs_option
def code(script: str, pairs: tuple[str, ...]) -> None:
    with refusals():
        found, settings = built(script, pairs)
        config = StreamsConfig.of_topology(settings)
        whole = found.built(config)
        ground = Ground(config, Metrics(), lambda topic: 1, MemoryEngine(), "app", whole.internal_topics)
        for sub in whole.subtopologies:
            task = Task(
                TaskId(sub.id, 0), sub, [TopicPartition(ground.topic_name(t), 0) for t in sub.source_topics], ground
            )
            task.start(0)
            click.echo(f"# Sub-topology {sub.id}\n{task.text}")
            task.close(clean=False)

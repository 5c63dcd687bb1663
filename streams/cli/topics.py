"""`streams-app topics`: make, list, describe, change and delete topics."""

from __future__ import annotations

import click

from streams.cli import options, render
from streams.cli.failure import Refused, refusals
from streams.clients import Admin
from streams.errors import TopicExistsException, UnknownTopicOrPartitionException
from streams.record import TopicPartition


@click.group(help="Make, list, describe, change and delete topics.")
def topics() -> None: ...


def admin(bootstrap_servers: str | None) -> Admin:
    return Admin(options.servers(bootstrap_servers))


@topics.command(help="Make topics: each NAME, with the same number of partitions and settings.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--partitions", "-p", type=int, default=None, help="Default: the engine's num.partitions (1).")
@click.option(
    "--config", "-c", "pairs", multiple=True, metavar="NAME=VALUE", help="A setting, e.g. retention.ms=3600000."
)
@click.option("--if-not-exists", is_flag=True, help="No error where a topic exists.")
@options.bootstrap
def create(
    names: tuple[str, ...],
    partitions: int | None,
    pairs: tuple[str, ...],
    if_not_exists: bool,
    bootstrap_servers: str | None,
) -> None:
    plain, inline = apart(names)
    configs = options.settings((*pairs, *inline))
    with refusals(), admin(bootstrap_servers) as engine:
        there = engine.describe_topics(plain) if if_not_exists else {}
        for name in dict.fromkeys(plain):
            if name in there:
                click.echo(f"Topic {name} exists.")
                continue
            try:
                made = engine.create_topic(name, partitions, configs)
            except TopicExistsException:
                raise TopicExistsException(
                    f"There is a topic {name} already. `streams-app topics describe {name}` shows it; --if-not-exists "
                    "leaves it as it is."
                ) from None
            click.echo(f"Created topic {made.name} with {made.partitions} partition{'s' * (made.partitions != 1)}.")


def apart(given: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Names of topics, and settings: no name of a topic has an equals sign.

    Raises:
        Refused: there is no name among them.
    """
    names = [each for each in given if "=" not in each]
    if not names:
        raise Refused(f"There is no topic's name in {' '.join(given)!r}.")
    return names, [each for each in given if "=" in each]


def no_topic(name: str) -> UnknownTopicOrPartitionException:
    """The error for a topic that does not exist."""
    return UnknownTopicOrPartitionException(
        f"There is no topic {name}. `streams-app topics list` shows those there are, and `streams-app topics create "
        f"{name}` makes it."
    )


@topics.command("list", help="List all topics.")
@options.as_json
@options.bootstrap
def list_(as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        found = engine.describe_topics(engine.list_topics())
        rows = [[name, topic.partitions] for name, topic in sorted(found.items())]
        render.table(["Topic", "Partitions"], rows, as_json)


@topics.command(help="Show a topic's settings, and the offsets of its partitions.")
@click.argument("name")
@options.as_json
@options.bootstrap
def describe(name: str, as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        topic = engine.describe_topics([name]).get(name)
        if topic is None:
            raise no_topic(name)
        partitions = [TopicPartition(name, number) for number in range(topic.partitions)]
        first, last = engine.beginning_offsets(partitions), engine.end_offsets(partitions)
        if not as_json:
            render.fields(
                {"Topic": topic.name, "Id": topic.topic_id, "Partitions": topic.partitions, **topic.settings}, False
            )
        rows = [[p.partition, first[p], last[p], last[p] - first[p]] for p in partitions]
        render.table(["Partition", "Start", "End", "Offsets"], rows, as_json)


@topics.command(help="Change settings of a topic, as NAME=VALUE. NAME= takes one back to its default.")
@click.argument("name")
@click.argument("changes", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--config", "-c", "pairs", multiple=True, metavar="NAME=VALUE", help="The same, as an option.")
@options.bootstrap
def alter(name: str, changes: tuple[str, ...], pairs: tuple[str, ...], bootstrap_servers: str | None) -> None:
    configs = {key: value or None for key, value in options.settings((*changes, *pairs), "Setting").items()}
    if not configs:
        raise Refused(f"What is to change? For example: streams-app topics alter {name} retention.ms=3600000")
    with refusals(), admin(bootstrap_servers) as engine:
        engine.alter_topic(name, configs)
        click.echo(f"Changed topic {name}.")


@topics.command("add-partitions", help="Raise the number of partitions.")
@click.argument("name")
@click.argument("total", type=int)
@options.bootstrap
def add_partitions(name: str, total: int, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        made = engine.create_partitions(name, total)
        click.echo(f"Topic {name} has {made.partitions} partitions.")


@topics.command(help="Delete topics and their records.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@options.bootstrap
def delete(names: tuple[str, ...], bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        for name in dict.fromkeys(names):
            try:
                engine.delete_topic(name)
            except UnknownTopicOrPartitionException:
                raise UnknownTopicOrPartitionException(
                    f"There is no topic {name}. `streams-app topics list` shows those there are."
                ) from None
            click.echo(f"Deleted topic {name}.")

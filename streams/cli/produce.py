"""`streams-app produce`: lines of standard input become records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from typing import BinaryIO

import click

from streams.cli import options
from streams.cli.failure import Refused, refusals
from streams.clients import Producer, ProducerRecord
from streams.record import RecordMetadata
from streams.serdes.base import Serde

UNSETTLED = 10_000
"""Sends whose outcome has not been looked at: enough for full batches, few enough to stay small."""


@click.command(help="Send each line of standard input (or of FILE) as a record.")
@click.argument("topic")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--key-separator", "-k", default=None, help="The key is what stands before it in a line; default: no key."
)
@click.option("--key-serde", default="string", show_default=True)
@click.option("--value-serde", default="string", show_default=True)
@click.option("--partition", type=int, default=None, help="Send all to this partition.")
@click.option("--header", "-H", "pairs", multiple=True, metavar="NAME=VALUE", help="A header of every record.")
@click.option("--null-marker", default=None, help="A value of this text is sent as none: a tombstone.")
@options.bootstrap
def produce(
    topic: str,
    file: BinaryIO,
    key_separator: str | None,
    key_serde: str,
    value_serde: str,
    partition: int | None,
    pairs: tuple[str, ...],
    null_marker: str | None,
    bootstrap_servers: str | None,
) -> None:
    key, value = options.serde(key_serde), options.serde(value_serde)
    headers = tuple((name, text.encode()) for name, text in options.settings(pairs, "--header").items())
    config: dict[str, object] = {"linger.ms": 20, "batch.size": 256 * 1024}
    if bootstrap_servers is not None:
        config["bootstrap.servers"] = bootstrap_servers
    sent = 0
    with refusals(), Producer(config) as producer:
        waiting: list[Future[RecordMetadata]] = []
        for number, line in enumerate(lines(file), 1):
            name, text = split(line, key_separator, number)
            sent_key = None if name is None else encoded(key, name, number)
            sent_value = None if text == null_marker else encoded(value, text, number)
            waiting.append(producer.send(ProducerRecord(topic, sent_value, sent_key, partition, headers=headers)))
            sent += 1
            if len(waiting) >= UNSETTLED:
                settle(waiting)
        producer.flush()
        settle(waiting)
    click.echo(f"Sent {sent} record{'s' * (sent != 1)} to {topic}.", err=True)


def lines(file: BinaryIO) -> Iterator[str]:
    """Lines without their ends; UTF-8, with what is no UTF-8 kept as replacement characters."""
    for line in file:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def split(line: str, separator: str | None, number: int) -> tuple[str | None, str]:
    if separator is None:
        return None, line
    name, found, text = line.partition(separator)
    if not found:
        raise Refused(f"Line {number} has no key separator {separator!r}: {line[:60]!r}")
    return name, text


def encoded(serde: Serde[object], text: str, number: int) -> bytes:
    """The line's text as bytes of the serde: numbers are read as numbers, JSON and msgpack from JSON."""
    try:
        return serde.encode(parsed(serde.name, text))
    except (ValueError, TypeError) as error:
        raise Refused(f"Line {number}: {text[:60]!r} cannot be read for {serde.name}: {error}") from error


def parsed(name: str, text: str) -> object:
    kind = name.removeprefix("Serdes.").partition("(")[0]
    if kind == "string":
        return text
    if kind == "bytes":
        return text.encode()
    if kind in ("double", "float"):
        return float(text)
    if kind == "uuid":
        import uuid

        return uuid.UUID(text)
    return json.loads(text)


def settle(waiting: list[Future[RecordMetadata]]) -> None:
    """Takes the outcome of each send; the first error is raised."""
    for future in waiting:
        future.result()
    waiting.clear()

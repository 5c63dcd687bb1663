"""`streams-app produce`: lines of standard input become records."""

from __future__ import annotations

import json
import math
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import BinaryIO, NoReturn

import click

from streams.cli import options
from streams.cli.failure import FAILED, INTERRUPTED, USAGE, WRONG_USAGE, Refused, refusals, said
from streams.clients import Producer, ProducerRecord
from streams.errors import KafkaException
from streams.names import check_topic
from streams.record import RecordMetadata
from streams.serdes.base import Serde

UNSETTLED = 10_000
"""Sends whose outcome has not been looked at: enough for full batches, few enough to stay small."""
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of a line that are read; no broker takes a record near this size."""
WHOLE = ("long", "integer", "short")


@click.command(help="Send each line of standard input (or of FILE) as a record.")
@click.argument("topic")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--key-separator", "-k", default=None, help="The key is what stands before it in a line; default: no key."
)
@click.option("--key-serde", default="string", show_default=True, help="Writes the keys.")
@click.option("--value-serde", default="string", show_default=True, help="Writes the values; `bytes`: as they are.")
@click.option("--partition", type=click.IntRange(0), default=None, help="Send all to this partition.")
@click.option(
    "--header", "-H", "pairs", multiple=True, metavar="NAME=VALUE", help="A header of every record; may be repeated."
)
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
    if key_separator == "":
        raise Refused("--key-separator is empty: give the text that stands between key and value.")
    separator = None if key_separator is None else os.fsencode(key_separator)
    marker = None if null_marker is None else os.fsencode(null_marker)
    key, value = options.serde(key_serde), options.serde(value_serde)
    headers = tuple((name, os.fsencode(text)) for name, text in (options.pair(pair, "--header") for pair in pairs))
    config = {"linger.ms": 20, "batch.size": 256 * 1024, **options.servers(bootstrap_servers)}
    with refusals(), Producer(config) as producer:
        sending = Sending(producer, check_topic(topic))
        try:
            for line in lines(file):
                name, text = split(line, separator)
                sent_key = None if name is None else encoded(key, name, "key")
                sent_value = None if text == marker else encoded(value, text, "value")
                sending.add(ProducerRecord(topic, sent_value, sent_key, partition, headers=headers))
            sending.settle()
        except (KafkaException, ValueError, OSError, KeyboardInterrupt) as error:
            sending.stop(error)
    click.echo(f"{sending.so_far()}.", err=True)


class Sending:
    """Lines on their way: which have been sent, and which was the first that was not."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._taken = 0
        self._producer = producer
        self._topic = topic
        self._waiting: list[tuple[int, Future[RecordMetadata]]] = []
        self._sent = 0
        self._missing: tuple[int, KafkaException] | None = None

    def add(self, record: ProducerRecord) -> None:
        future = self._producer.send(record)
        self._taken += 1
        self._waiting.append((self._taken, future))
        if len(self._waiting) >= UNSETTLED or future.done():
            self.settle()

    def settle(self) -> None:
        """Takes the outcome of each send.

        Raises:
            KafkaException: a send failed; the first of them.
        """
        self._producer.flush()
        for number, future in self._waiting:
            try:
                future.result()
                self._sent += 1
            except KafkaException as error:
                self._missing = self._missing or (number, error)
        self._waiting.clear()
        if self._missing is not None:
            raise self._missing[1]

    def so_far(self) -> str:
        return f"Sent {self._sent} record{'s' * (self._sent != 1)} to {self._topic}"

    def stop(self, error: BaseException) -> NoReturn:
        """Waits for what is on its way, and ends the command: what was wrong, what has been sent, where to go on."""
        try:
            self.settle()
        except KafkaException as failed:  # an earlier line than the one at hand
            error = failed if isinstance(error, KafkaException | ValueError) else error
        first = self._taken + 1 if self._missing is None else self._missing[0]
        later = self._sent - (first - 1)
        after = f", of the later ones {later} were" if later > 0 else ""
        told = f"{self.so_far()}; line {first} is the first that was not{after}."
        if isinstance(error, KeyboardInterrupt):
            click.echo(told, err=True)
            sys.exit(INTERRUPTED)
        code = USAGE if isinstance(error, WRONG_USAGE) and not self._sent else FAILED
        raise Refused(f"Line {first}: {said(error)}\n{told}", code) from error


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends, each of which is LF or CR LF; all other bytes are theirs.

    Raises:
        ValueError: a line is too long.
    """
    while line := file.readline(LONGEST_LINE + 2):
        plain = line.removesuffix(b"\n")
        if len(plain) < len(line):
            plain = plain.removesuffix(b"\r")
        yield plain[: LONGEST_LINE + 1]


def split(line: bytes, separator: bytes | None) -> tuple[bytes | None, bytes]:
    if len(line) > LONGEST_LINE:
        raise ValueError(f"it is longer than {LONGEST_LINE} bytes, which no record can be.")
    if separator is None:
        return None, line
    name, found, text = line.partition(separator)
    if not found:
        raise ValueError(f"it has no key separator {os.fsdecode(separator)!r}: {shown(line)}")
    return name, text


def encoded(serde: Serde[object], data: bytes, what: str) -> bytes:
    """A line's key or value as bytes of the serde: bytes as they are, numbers read as numbers, the rest from JSON.

    Raises:
        ValueError: it cannot be read for the serde, or is no text in UTF-8.
    """
    if serde.name == "Serdes.bytes()":
        return data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"its {what} is no text in UTF-8: byte {data[error.start]:#04x} at {error.start} of {shown(data)}. "
            f"To send bytes as they are, say --{what}-serde bytes."
        ) from None
    try:
        return serde.encode(parsed(serde.name, text))
    except (ValueError, TypeError, KafkaException) as error:
        raise ValueError(f"{shown(data)} cannot be read for {serde.name}: {error}") from None


def parsed(name: str, text: str) -> object:
    kind, inner = (name.split("Serdes.")[at].partition("(")[0] for at in (1, -1))
    if kind == "string":
        return text
    if kind in ("double", "float"):
        return real(text)
    if kind == "uuid":
        return uuid.UUID(text)
    found: object = json.loads(text, object_pairs_hook=one_of_each)
    if inner in WHOLE and not all(type(each) is int for each in flat(found)):
        raise ValueError("only whole numbers are")
    return found


def flat(found: object) -> Iterator[object]:
    """What stands in a list and the lists in it."""
    if not isinstance(found, list):
        yield found
        return
    for each in found:
        yield from flat(each)


def real(text: str) -> float:
    """A number with a point, as Java reads it: no underscores, and none that only becomes infinite by being read."""
    found = float(text)
    if "_" in text or (math.isinf(found) and "inf" not in text.lower()):
        raise ValueError("it is no number of 64 bits")
    return found


def one_of_each(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON. A name that stands in it twice would lose the first value without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} stands in it twice")
    return found


def shown(data: bytes) -> str:
    """The beginning of a line as messages say it."""
    text = data[:60].decode("utf-8", "backslashreplace")
    return f"{text!r}{'…' * (len(data) > 60)}"

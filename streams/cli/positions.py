"""Options that say where positions are set to, the same for `reset` and `groups reset-offsets`; how that is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from streams.cli import render
from streams.cli.failure import Refused
from streams.cli.options import C
from streams.clients.offset_targets import (
    Logs,
    Move,
    Target,
    at_offset,
    at_time,
    current,
    earliest,
    latest,
    shifted,
)
from streams.durations import from_iso
from streams.errors import IllegalArgumentException
from streams.record import TopicPartition
from streams.world import SYSTEM

LARGEST = (1 << 63) - 1
_ANY = click.IntRange(-LARGEST, LARGEST)
_CHOSEN = f"{__name__}.chosen"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The one option that was given, its target, and for `--from-file` what the file says."""

    option: str
    target: Target
    of_file: Mapping[TopicPartition, int] = field(default_factory=dict)


def options(command: C) -> C:
    """`--to-earliest` and its like. One at most is given; `chosen()` tells which."""
    flags: tuple[tuple[str, Target, str], ...] = (
        ("--to-current", current, "Where they are; moved into the log where they lie outside."),
        ("--to-latest", latest, "Behind the last records."),
        ("--to-earliest", earliest, "To the first records that are still there."),
    )
    values: tuple[tuple[str, Callable[[str], Chosen], str, str, click.ParamType[object]], ...] = (
        ("--from-file", _file, "FILE", "To what a file says; a line: TOPIC,PARTITION,OFFSET.", click.Path()),
        ("--shift-by", lambda n: Chosen("--shift-by", shifted(int(n))), "N", "N records on; back if negative.", _ANY),
        ("--by-duration", _ago, "DURATION", "To the first records of the last P7D, PT1H30M, …", click.STRING),
        ("--to-datetime", _time, "TIME", "To the first records at or after 2026-11-29T08:00:00[.000][Z|+01:00]; UTC.",
         click.STRING),
        ("--to-offset", lambda n: Chosen("--to-offset", at_offset(int(n))), "N", "To this offset.", _ANY),
    )  # fmt: skip
    for name, read, metavar, words, kind in values:
        click.option(
            name,
            default=None,
            metavar=metavar,
            type=kind,
            help=words,
            expose_value=False,
            callback=partial(_take, read),
        )(command)
    for name, target, words in flags:
        click.option(
            name, is_flag=True, help=words, expose_value=False, callback=partial(_take, _always(Chosen(name, target)))
        )(command)
    return command


def _always(one: Chosen) -> Callable[[str], Chosen]:
    return lambda _: one


def _take(read: Callable[[str], Chosen], context: click.Context, parameter: click.Parameter, given: object) -> None:
    if given is None or given is False:
        return
    before = context.meta.get(_CHOSEN)
    found = read(str(given))
    if before is not None:
        raise Refused(f"{before.option} and {found.option} are both given. Give one of them.")
    context.meta[_CHOSEN] = found


def chosen() -> Chosen | None:
    """What was given on this command line; None: no option of these."""
    found = click.get_current_context().meta.get(_CHOSEN)
    return found if isinstance(found, Chosen) else None


def _time(given: str) -> Chosen:
    try:
        at = datetime.fromisoformat(given.strip())
    except ValueError:
        at = None
    if at is None or "T" not in given:
        raise Refused(
            f"--to-datetime {given!r} is no time of the form 2026-11-29T08:00:00.000, with Z or +01:00 or none."
        )
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return Chosen("--to-datetime", at_time(max(0, round(aware.timestamp() * 1000))))


def _ago(given: str) -> Chosen:
    try:
        return Chosen("--by-duration", at_time(max(0, SYSTEM.now_ms() - from_iso(given, "--by-duration"))))
    except IllegalArgumentException as error:
        raise Refused(str(error)) from None


def _file(given: str) -> Chosen:
    try:
        text = Path(given).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"--from-file {given} cannot be read: {error}") from None
    found: dict[TopicPartition, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        parts = [part.strip().strip('"') for part in line.split(",")]
        if len(parts) != 3 or not parts[0] or not _whole(parts[1]) or not _whole(parts[2].removeprefix("-")):
            raise Refused(f"{given}:{number}: {line!r} is not of the form TOPIC,PARTITION,OFFSET.")
        where = TopicPartition(parts[0], int(parts[1]))
        if where in found:
            raise Refused(f"{given}:{number}: {where} stands in the file twice.")
        found[where] = int(parts[2])
    if not found:
        raise Refused(f"--from-file {given} is empty. It has a line a partition: TOPIC,PARTITION,OFFSET.")

    def target(logs: Logs) -> Mapping[TopicPartition, int]:
        without = [str(partition) for partition in logs.ends if partition not in found]
        if without:
            raise Refused(f"{given} says nothing of {', '.join(without)}. Add a line for each.")
        return {partition: found[partition] for partition in logs.ends}

    return Chosen("--from-file", target, found)


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= LARGEST


def rows(found: Sequence[Move]) -> list[dict[str, object]]:
    """Positions before and after, for programs."""
    return [
        {
            "topic": move.partition.topic,
            "partition": move.partition.partition,
            "before": move.before,
            "after": move.after,
        }
        for move in found
    ]


def show(found: Sequence[Move], title: str) -> None:
    """Positions before and after, for people, and what was moved into its log."""
    table = [[move.partition.topic, move.partition.partition, move.before, move.after] for move in found]
    render.table(["Topic", "Partition", "Before", "After"], table, False, title)
    for move in found:
        if move.clipped:
            click.echo(f"WARNING: {move.clipped}", err=True)

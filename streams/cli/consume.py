"""`streams-app consume`: prints the records of a topic and follows it."""

from __future__ import annotations

import io
import re
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from types import FrameType

import click

from streams.cli import options
from streams.cli.failure import INTERRUPTED, Refused, refusals
from streams.cli.record_text import Show, as_line, as_object, formatted
from streams.cli.topics import no_topic
from streams.clients import Admin, Consumer, ConsumerRecord
from streams.durations import instant_ms
from streams.errors import WakeupException
from streams.names import check_topic
from streams.record import TopicPartition
from streams.world import SYSTEM

LOOK_AGAIN_MS = 200
"""Between two looks for a topic that is waited for."""

_offset = re.compile(r"beginning|earliest|end|latest|-?\d+").fullmatch


@click.command(
    help="Print the records of a topic: key, tab, value. Follows it until interrupted; a topic that does not exist yet "
    "is waited for, unless the command is to stop at the end."
)
@click.argument("topic")
@click.option("--from-beginning", is_flag=True, help="From the first record; default: only new ones.")
@click.option(
    "--offset", "-o", default=None, help="Where to begin in each partition: beginning, end, N, or -N for the last N."
)
@click.option(
    "--from-time", type=click.DateTime(), default=None, help="From the first record at or after this UTC time."
)
@click.option("--to-time", type=click.DateTime(), default=None, help="Stop before records at or after this UTC time.")
@click.option("--key-serde", default="string", show_default=True, help="Reads the keys.")
@click.option("--value-serde", default="string", show_default=True, help="Reads the values.")
@click.option("--partition", "-p", type=int, multiple=True, help="Only these partitions.")
@click.option("--group", "-g", default=None, help="Read as a member of this group and commit.")
@click.option(
    "--isolation-level", type=click.Choice(["read_uncommitted", "read_committed"]), default="read_uncommitted",
    show_default=True, help="read_committed: nothing of open or aborted transactions, and nothing behind an open one.",
)
@click.option("--max-records", "-n", type=click.IntRange(1), default=None, help="Stop after so many.")
@click.option("--exit-at-end", "-e", is_flag=True, help="Stop at the end of the topic.")
@click.option("--timestamps", is_flag=True, help="Print each record's timestamp (ms) first.")
@click.option("--headers", is_flag=True, help="Print each record's headers last.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line, with partition, offset, timestamp, headers."
)
@click.option(
    "--format", "-f", "layout", default=None, help=r"How each record is printed, as in kcat: '%k %v\n', with "
    "%t topic, %p partition, %o offset, %T timestamp, %h headers.",
)  # fmt: skip
@options.bootstrap
def consume(
    topic: str,
    from_beginning: bool,
    offset: str | None,
    from_time: datetime | None,
    to_time: datetime | None,
    key_serde: str,
    value_serde: str,
    partition: tuple[int, ...],
    group: str | None,
    isolation_level: str,
    max_records: int | None,
    exit_at_end: bool,
    timestamps: bool,
    headers: bool,
    as_json: bool,
    layout: str | None,
    bootstrap_servers: str | None,
) -> None:
    places = {"--from-beginning": from_beginning, "--offset": offset, "--from-time": from_time}
    refuse_contradictions(group, partition, {name for name, value in places.items() if value}, offset)
    show = layout_of(layout, as_json, timestamps, headers)
    config: dict[str, object] = {
        "key.deserializer": options.serde(key_serde),
        "value.deserializer": options.serde(value_serde),
        "auto.offset.reset": "earliest" if from_beginning or from_time is not None else "latest",
        "enable.auto.commit": group is not None,
        "isolation.level": isolation_level,
        **({} if group is None else {"group.id": group}),
        **options.servers(bootstrap_servers),
    }
    last_ms = None if to_time is None else utc_ms(to_time)
    to_the_end = exit_at_end or to_time is not None
    show_what_has_no_letter()
    with refusals():
        try:
            if found_after_waiting(check_topic(topic), bootstrap_servers, to_the_end):
                config["auto.offset.reset"] = "earliest"  # all that is in it is new
            with Consumer(config) as consumer:
                stop_on_signals(consumer)
                ends = place(consumer, topic, partition, group, from_time, offset, to_the_end)
                count = 0
                with closing(following(consumer, ends)) as records:
                    for record in records:
                        if last_ms is not None and record.timestamp >= last_ms:
                            continue
                        click.echo(show(record), nl=layout is None)
                        count += 1
                        if count == max_records:
                            break
        except WakeupException:
            sys.exit(INTERRUPTED)


def show_what_has_no_letter() -> None:
    """What the terminal's encoding does not have is shown by its number."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")


def refuse_contradictions(group: str | None, partition: tuple[int, ...], places: set[str], offset: str | None) -> None:
    """Options that cannot be heeded together are refused, rather than one of them ignored."""
    if len(places) > 1:
        raise Refused(f"{' and '.join(sorted(places))} each say where to begin. Give one of them.")
    if offset is not None and not _offset(offset):
        raise Refused(f"--offset {offset!r} is none of beginning, end, N, or -N for the last N records.")
    if group is not None and (by_hand := sorted(places - {"--from-beginning"}) + ["--partition"] * bool(partition)):
        raise Refused(
            f"A member of a group reads the partitions it is given, from where the group has committed: --group and "
            f"{by_hand[0]} exclude each other."
        )


def layout_of(layout: str | None, as_json: bool, timestamps: bool, headers: bool) -> Show:
    """How each record is printed."""
    if layout is not None:
        if as_json or timestamps or headers:
            raise Refused("--format says all that is printed: leave --json, --timestamps and --headers away.")
        return formatted(layout)
    return as_object if as_json else lambda record: as_line(record, timestamps, headers)


def found_after_waiting(topic: str, bootstrap_servers: str | None, to_the_end: bool) -> bool:
    """Whether the topic had to be waited for.

    Raises:
        UnknownTopicOrPartitionException: it does not exist, and only what is there is asked for.
        WakeupException: a signal came meanwhile.
    """
    with Admin(options.servers(bootstrap_servers)) as engine:
        if engine.describe_topics([topic]):
            return False
        if to_the_end:
            raise no_topic(topic)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop_waiting)
        click.echo(
            f"streams-app: there is no topic {topic} yet; waiting for it. "
            f"`streams-app topics create {topic}` makes it.",
            err=True,
        )
        while not engine.describe_topics([topic]):
            SYSTEM.sleep(LOOK_AGAIN_MS)
    return True


def stop_waiting(number: int, frame: FrameType | None) -> None:
    raise WakeupException("interrupted while waiting for a topic.")


def stop_on_signals(consumer: Consumer) -> None:
    """SIGINT and SIGTERM end the next poll, so that the consumer leaves its group cleanly."""

    def stop(number: int, frame: FrameType | None) -> None:
        consumer.wakeup()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def utc_ms(moment: datetime) -> int:
    """A point in time that was typed without a time zone, in ms since the epoch."""
    return instant_ms(moment.replace(tzinfo=UTC), "time")


def place(
    consumer: Consumer,
    topic: str,
    numbers: tuple[int, ...],
    group: str | None,
    from_time: datetime | None,
    offset: str | None,
    to_the_end: bool,
) -> dict[TopicPartition, int] | None:
    """Sets the consumer on its partitions; gives the ends to stop at, or None to follow."""
    known = consumer.partitions_for(topic)
    partitions = [p for p in known if not numbers or p.partition in numbers]
    if wrong := set(numbers) - {p.partition for p in known}:
        raise Refused(f"Topic {topic} has partitions 0 to {len(known) - 1}, not {', '.join(map(str, sorted(wrong)))}.")
    ends = consumer.end_offsets(partitions) if to_the_end else None
    if group is not None:
        consumer.subscribe([topic])
        return ends
    consumer.assign(partitions)
    if from_time is not None:
        found = consumer.offsets_for_times({p: utc_ms(from_time) for p in partitions})
        last = consumer.end_offsets(partitions)
        for p in partitions:
            at = found.get(p)
            consumer.seek(p, last[p] if at is None else at.offset)
    elif offset is not None:
        seek(consumer, partitions, offset)
    return ends


def seek(consumer: Consumer, partitions: list[TopicPartition], offset: str) -> None:
    """Sets each partition to an offset as `--offset` has it; one outside of the log is moved to its nearer end."""
    first, last = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    for p in partitions:
        if offset in ("beginning", "earliest"):
            at = first[p]
        elif offset in ("end", "latest"):
            at = last[p]
        else:
            at = last[p] + int(offset) if offset.startswith("-") else int(offset)
        consumer.seek(p, min(max(at, first[p]), last[p]))


def following(consumer: Consumer, ends: dict[TopicPartition, int] | None) -> Generator[ConsumerRecord, None, None]:
    """Records as they come, until the ends where there are any."""
    while True:
        records = consumer.poll(500)
        for number, record in enumerate(records, 1):
            end = None if ends is None else ends.get(TopicPartition(record.topic, record.partition))
            if end is None or record.offset < end:
                try:
                    yield record
                except GeneratorExit:
                    take_back(consumer, records[number:])
                    raise
        sys.stdout.flush()
        if ends is not None and reached(consumer, ends):
            return


def take_back(consumer: Consumer, records: Sequence[ConsumerRecord]) -> None:
    """Records that were read and not shown are not to be committed as if they had been."""
    for record in reversed(records):
        consumer.seek(TopicPartition(record.topic, record.partition), record.offset)


def reached(consumer: Consumer, ends: dict[TopicPartition, int]) -> bool:
    mine = consumer.assignment()
    return bool(mine) and all(consumer.position(p) >= ends.get(p, 0) for p in mine)

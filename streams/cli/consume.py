"""`streams-app consume`: prints the records of a topic and follows it."""

from __future__ import annotations

import io
import json
import math
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from types import FrameType

import click

from streams.cli import options
from streams.cli.failure import FAILED, INTERRUPTED, Refused, refusals
from streams.clients import Consumer, ConsumerRecord
from streams.durations import instant_ms
from streams.errors import WakeupException
from streams.record import TopicPartition, Windowed


@click.command(help="Print the records of a topic: key, tab, value. Follows it until interrupted.")
@click.argument("topic")
@click.option("--from-beginning", is_flag=True, help="From the first record; default: only new ones.")
@click.option(
    "--from-time", type=click.DateTime(), default=None, help="From the first record at or after this UTC time."
)
@click.option("--to-time", type=click.DateTime(), default=None, help="Stop before records at or after this UTC time.")
@click.option("--key-serde", default="string", show_default=True)
@click.option("--value-serde", default="string", show_default=True)
@click.option("--partition", type=int, multiple=True, help="Only these partitions.")
@click.option("--group", default=None, help="Read as a member of this group and commit.")
@click.option("--max-records", "-n", type=click.IntRange(1), default=None, help="Stop after so many.")
@click.option("--exit-at-end", is_flag=True, help="Stop at the end of the topic.")
@click.option("--timestamps", is_flag=True, help="Print each record's timestamp (ms) first.")
@click.option("--headers", is_flag=True, help="Print each record's headers last.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line, with partition, offset, timestamp, headers."
)
@options.bootstrap
def consume(
    topic: str,
    from_beginning: bool,
    from_time: datetime | None,
    to_time: datetime | None,
    key_serde: str,
    value_serde: str,
    partition: tuple[int, ...],
    group: str | None,
    max_records: int | None,
    exit_at_end: bool,
    timestamps: bool,
    headers: bool,
    as_json: bool,
    bootstrap_servers: str | None,
) -> None:
    config: dict[str, object] = {
        "key.deserializer": options.serde(key_serde),
        "value.deserializer": options.serde(value_serde),
        "auto.offset.reset": "earliest" if from_beginning or from_time is not None else "latest",
        "enable.auto.commit": group is not None,
    }
    if group is not None:
        config["group.id"] = group
    if bootstrap_servers is not None:
        config["bootstrap.servers"] = bootstrap_servers
    last_ms = None if to_time is None else utc_ms(to_time)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")  # what the terminal's encoding does not have is shown so
    with refusals(), Consumer(config) as consumer:
        stop_on_signals(consumer)
        ends = place(consumer, topic, partition, group, from_time, exit_at_end or to_time is not None)
        count = 0
        try:
            with closing(following(consumer, ends)) as records:
                for record in records:
                    if last_ms is not None and record.timestamp >= last_ms:
                        continue
                    click.echo(as_object(record) if as_json else as_line(record, timestamps, headers))
                    count += 1
                    if count == max_records:
                        break
        except WakeupException:
            sys.exit(INTERRUPTED)


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
    to_the_end: bool,
) -> dict[TopicPartition, int] | None:
    """Sets the consumer on its partitions; gives the ends to stop at, or None to follow."""
    known = consumer.partitions_for(topic)
    if not known:
        raise Refused(f"There is no topic {topic}. `streams-app topics list` shows those there are.", FAILED)
    partitions = [p for p in known if not numbers or p.partition in numbers]
    if not partitions:
        raise Refused(f"Topic {topic} has partitions 0 to {len(known) - 1}, not {', '.join(map(str, numbers))}.")
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
    return ends


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


def shown(value: object) -> object:
    """A key or value for people: windowed keys as `key@start/end`, bytes as text where they are."""
    if isinstance(value, Windowed):
        return f"{shown(value.key)}@{value.window.start}/{value.window.end}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return value


def as_line(record: ConsumerRecord, timestamps: bool, headers: bool) -> str:
    parts = [str(record.timestamp)] if timestamps else []
    parts += ["null" if part is None else str(shown(part)) for part in (record.key, record.value)]
    if headers:
        parts.append(",".join(f"{name}:{shown(value)}" for name, value in record.headers))
    return "\t".join(parts)


def plain(value: object) -> object:
    """A value as JSON has it. Java's JSON writes numbers that are none as text, and so do we."""
    if isinstance(value, dict):
        return {str(shown(name)): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if value is None or isinstance(value, (int, float)) else str(shown(value))


def as_object(record: ConsumerRecord) -> str:
    fields = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": plain(record.key),
        "value": plain(record.value),
        "headers": [[name, plain(value)] for name, value in record.headers],
    }
    return json.dumps(fields, ensure_ascii=False)

"""One topic read in both ways: as a stream, from its end on, and as a batch, between two points in time.

    python examples/stream_and_batch.py TOPIC                                          # follows it until interrupted
    python examples/stream_and_batch.py TOPIC 2026-01-01T00:00 2026-01-02T00:00        # prints that day and ends

The command line does the same: `streams-app consume TOPIC`, and
`streams-app consume TOPIC --from-time 2026-01-01 --to-time 2026-01-02`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from streams import Serde, Serdes
from streams.clients import Consumer, ConsumerRecord


def consumer(bootstrap_servers: str, key_serde: Serde[Any], value_serde: Serde[Any], reset: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "key.deserializer": key_serde,
            "value.deserializer": value_serde,
            "auto.offset.reset": reset,
            "enable.auto.commit": False,
        }
    )


def stream(
    bootstrap_servers: str, topic: str, key_serde: Serde[Any], value_serde: Serde[Any]
) -> Iterator[ConsumerRecord]:
    """Records as they are written from now on, without end."""
    with consumer(bootstrap_servers, key_serde, value_serde, "latest") as reader:
        reader.assign(reader.partitions_for(topic))
        while True:
            yield from reader.poll(500)


def batch(
    bootstrap_servers: str,
    topic: str,
    since: datetime,
    until: datetime | None,
    key_serde: Serde[Any],
    value_serde: Serde[Any],
) -> Iterator[ConsumerRecord]:
    """Records with timestamps in `[since, until)` that are there now; then it ends."""
    with consumer(bootstrap_servers, key_serde, value_serde, "none") as reader:
        partitions = reader.partitions_for(topic)
        ends = reader.end_offsets(partitions)
        reader.assign(partitions)
        found = reader.offsets_for_times({partition: ms(since) for partition in partitions})
        for partition in partitions:
            first = found.get(partition)
            reader.seek(partition, ends[partition] if first is None else first.offset)
        before = None if until is None else ms(until)
        while any(reader.position(partition) < ends[partition] for partition in partitions):
            for record in reader.poll(500):
                late = record.timestamp < ms(since) or (before is not None and record.timestamp >= before)
                if not late:
                    yield record


def ms(moment: datetime) -> int:
    """Milliseconds since the epoch; a moment without a time zone is in UTC."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description="Read a topic as a stream, or as a batch between two times.")
    parser.add_argument("topic")
    parser.add_argument("since", nargs="?", type=datetime.fromisoformat)
    parser.add_argument("until", nargs="?", type=datetime.fromisoformat)
    parser.add_argument("--bootstrap-servers", default="local://")
    given = parser.parse_args()
    text = Serdes.string()
    if given.since is None:
        records = stream(given.bootstrap_servers, given.topic, text, text)
    else:
        records = batch(given.bootstrap_servers, given.topic, given.since, given.until, text, text)
    try:
        for record in records:
            print(record.timestamp, record.key, record.value, sep="\t")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

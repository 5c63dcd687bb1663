"""The same topic read as a stream (from its end on) and as a batch (between two times, then stop).

python examples/clients/stream_or_batch.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Consumer, Producer, ProducerRecord, TopicPartition

ONLY = TopicPartition("temperatures", 0)
NOON = 1_700_000_000_000
MINUTE = 60_000


def between(servers: str, start: int, end: int) -> list[str]:
    """The values with timestamps from `start` to before `end`."""
    with Consumer(bootstrap_servers=servers, value_deserializer="string") as reader:
        reader.assign([ONLY])
        first, last = (reader.offsets_for_times({ONLY: time})[ONLY] for time in (start, end))
        stop = reader.end_offsets([ONLY])[ONLY] if last is None else last.offset
        values: list[str] = []
        reader.seek(ONLY, stop if first is None else first.offset)
        while reader.position(ONLY) < stop:
            values += [str(record.value) for record in reader.poll(1_000) if record.offset < stop]
        return values


def main(servers: str) -> tuple[list[str], list[str]]:
    with Producer(bootstrap_servers=servers, value_serializer="string") as producer:
        for minute in range(10):
            producer.send(ProducerRecord(ONLY.topic, f"{20 + minute} C", timestamp=NOON + minute * MINUTE))
        producer.flush()
        batch = between(servers, NOON + 3 * MINUTE, NOON + 6 * MINUTE)

        with Consumer(bootstrap_servers=servers, value_deserializer="string") as reader:
            reader.assign([ONLY])
            reader.seek_to_end()
            producer.send(ProducerRecord(ONLY.topic, "35 C"))
            stream: list[str] = []
            while not stream:
                stream += [str(record.value) for record in reader.poll(1_000)]
    print(f"batch {batch}, stream {stream}")
    return batch, stream


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

"""Four ways to commit: by itself every N ms; and wait, per batch or per record; or do not wait, with a callback.

python examples/clients/commits.py [local://DIR]
"""

from __future__ import annotations

import sys
import time

from streams.clients import Consumer, OffsetAndMetadata, Producer, ProducerRecord, TopicPartition

ONLY, COUNT = TopicPartition("entries", 0), 10


def consumer(servers: str, group: str, **settings: object) -> Consumer:
    config: dict[str, object] = {"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest"}
    made = Consumer({**config, **{name.replace("_", "."): value for name, value in settings.items()}})
    made.subscribe([ONLY.topic])
    return made


def committed(reader: Consumer) -> int | None:
    found = reader.committed([ONLY])[ONLY]
    return None if found is None else found.offset


def by_itself(servers: str) -> int | None:
    """Every 50 ms: what the poll before has handed out is taken to be done when the next one is called."""
    with consumer(servers, "by-itself", auto_commit_interval_ms=50) as reader:
        deadline = time.monotonic() + 30
        while committed(reader) != COUNT and time.monotonic() < deadline:
            reader.poll(50)
        return committed(reader)


def and_wait(servers: str) -> list[int | None]:
    """After each batch, then after each record, by the offset of the next one."""
    seen: list[int | None] = []
    with consumer(servers, "and-wait", enable_auto_commit=False, max_poll_records=5) as reader:
        batch = reader.poll(10_000)
        while not batch:
            batch = reader.poll(10_000)
        reader.commit_sync()
        seen.append(committed(reader))
        for record in reader.poll(10_000):
            where = TopicPartition(record.topic, record.partition)
            reader.commit_sync({where: OffsetAndMetadata(record.offset + 1, "one by one")})
            seen.append(committed(reader))
    return seen


def do_not_wait(servers: str) -> list[tuple[int, object]]:
    """The callback gets the offsets and the error, inside a later call of the consumer."""
    told: list[tuple[int, object]] = []
    with consumer(servers, "do-not-wait", enable_auto_commit=False) as reader:
        read = 0
        while read < COUNT:
            read += len(reader.poll(10_000))
        reader.commit_async(callback=lambda offsets, error: told.append((offsets[ONLY].offset, error)))
    return told


def main(servers: str) -> tuple[int | None, list[int | None], list[tuple[int, object]]]:
    with Producer(bootstrap_servers=servers) as producer:
        for number in range(COUNT):
            producer.send(ProducerRecord(ONLY.topic, b"%d" % number))
    results = by_itself(servers), and_wait(servers), do_not_wait(servers)
    print(*results, sep="\n")
    return results


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

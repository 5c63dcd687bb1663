"""Batches both ways: the producer gathers records for `linger.ms`, the consumer gets up to `max.poll.records`.

python examples/clients/batching.py [local://DIR]
"""

from __future__ import annotations

import sys
import time

from streams.clients import Consumer, Producer, ProducerRecord, TopicPartition

COUNT = 20_000


def main(servers: str) -> tuple[int, int]:
    started = time.perf_counter()
    with Producer(bootstrap_servers=servers, linger_ms=20, batch_size=64 * 1024) as producer:
        for number in range(COUNT):
            producer.send(ProducerRecord("readings", b"reading %d" % number))
    print(f"{COUNT} records sent in {time.perf_counter() - started:.2f} s")

    started, polls, read = time.perf_counter(), 0, 0
    with Consumer(bootstrap_servers=servers, max_poll_records=2_000) as reader:
        reader.assign([TopicPartition("readings", 0)])
        reader.seek_to_beginning()
        while read < COUNT:
            read += len(reader.poll(1_000))
            polls += 1
    print(f"{read} records read in {polls} polls and {time.perf_counter() - started:.2f} s")
    return read, polls


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

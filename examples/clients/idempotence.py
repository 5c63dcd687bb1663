"""A batch that is sent again is stored once: producer id and sequence tell the engine.

Idempotence is on by default. Here the broker is killed while records are on their way; the producer sends again what
has no answer, and nothing is missing or there twice.

    python examples/clients/idempotence.py [local://DIR]
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from streams.clients import Consumer, Producer, ProducerRecord, TopicPartition
from streams.clients.connect import data_directory

COUNT, ONLY = 2_000, TopicPartition("once", 0)


def main(servers: str) -> list[int]:
    endpoint = Path(data_directory(servers.removeprefix("local://"))) / "endpoint"
    with Producer(bootstrap_servers=servers, linger_ms=0) as producer:
        for number in range(COUNT):
            producer.send(ProducerRecord(ONLY.topic, b"%d" % number))
            if number == COUNT // 2:
                os.kill(json.loads(endpoint.read_text())["pid"], signal.SIGKILL)

    values: list[int] = []
    with Consumer(bootstrap_servers=servers) as reader:
        reader.assign([ONLY])
        reader.seek_to_beginning()
        end = reader.end_offsets([ONLY])[ONLY]
        while reader.position(ONLY) < end:
            values += [int(record.value) for record in reader.poll(1_000) if isinstance(record.value, bytes)]
    print(f"{COUNT} sent through a crash, {len(values)} stored, {len(set(values))} different")
    return values


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

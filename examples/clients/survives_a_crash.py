"""Records outlive a crash of the engine: its broker is killed, and the next client starts another.

Reading deletes nothing. Only retention, compaction or an admin (`delete_records`) do.

    python examples/clients/survives_a_crash.py [local://DIR]
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition
from streams.clients.connect import data_directory

ONLY = TopicPartition("ledger", 0)


def read_all(servers: str) -> list[object]:
    with Consumer(bootstrap_servers=servers, value_deserializer="string") as reader:
        reader.assign([ONLY])
        reader.seek_to_beginning()
        end, values = reader.end_offsets([ONLY])[ONLY], list[object]()
        while reader.position(ONLY) < end:
            values += [record.value for record in reader.poll(1_000)]
        return values


def main(servers: str) -> tuple[list[object], list[object], list[object]]:
    with Producer(bootstrap_servers=servers, value_serializer="string") as producer:
        for number in range(3):
            producer.send(ProducerRecord("ledger", f"entry {number}"))
    before = read_all(servers)

    endpoint = Path(data_directory(servers.removeprefix("local://"))) / "endpoint"
    os.kill(json.loads(endpoint.read_text())["pid"], signal.SIGKILL)
    after = read_all(servers)

    with Admin(bootstrap_servers=servers) as admin:
        admin.delete_records({ONLY: len(after) - 1})
    left = read_all(servers)
    print(f"before the crash {before}\nafter it         {after}\nafter deletion   {left}")
    return before, after, left


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

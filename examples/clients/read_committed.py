"""What a reader of committed records sees while a transaction goes on: nothing of it, and nothing behind it.

`isolation.level=read_committed` never passes an open transaction, so that the order of a partition is kept; what was
aborted is left out. `read_uncommitted`, the default, sees everything at once. Who holds others up is found by an admin.

    python examples/clients/read_committed.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition

ONLY = TopicPartition("sensor", 0)


def seen(servers: str, isolation: str) -> list[object]:
    with Consumer(bootstrap_servers=servers, isolation_level=isolation, value_deserializer="string") as reader:
        reader.assign([ONLY])
        reader.seek_to_beginning()
        values: list[object] = []
        end = reader.end_offsets([ONLY])[ONLY]  # with read_committed no further than the first open transaction
        while reader.position(ONLY) < end:
            values += [record.value for record in reader.poll(1_000)]
        return values


def main(servers: str) -> dict[str, tuple[list[object], list[object]]]:
    found: dict[str, tuple[list[object], list[object]]] = {}

    def look(when: str) -> None:
        found[when] = seen(servers, "read_committed"), seen(servers, "read_uncommitted")
        print(f"{when:<20} committed {found[when][0]}, all {found[when][1]}")

    with (
        Producer(bootstrap_servers=servers, value_serializer="string") as plain,
        Producer(bootstrap_servers=servers, transactional_id="sensor-1", value_serializer="string") as careful,
    ):
        careful.init_transactions()
        plain.send(ProducerRecord("sensor", "20 C")).result()
        careful.begin_transaction()
        careful.send(ProducerRecord("sensor", "21 C")).result()
        plain.send(ProducerRecord("sensor", "22 C")).result()
        look("while it goes on")
        with Admin(bootstrap_servers=servers) as admin:
            open_ = [each.transactional_id for each in admin.list_transactions() if each.state == "Ongoing"]
            print("held up by", open_)
        careful.commit_transaction()
        look("committed")

        careful.begin_transaction()
        careful.send(ProducerRecord("sensor", "-300 C")).result()
        careful.abort_transaction()
        plain.send(ProducerRecord("sensor", "23 C")).result()
        look("another is aborted")
    return found


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

"""Topics are made of partitions, each an ordered queue with offsets; equal keys go to one partition.

python examples/clients/topics_and_partitions.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition


def main(servers: str) -> dict[int, list[tuple[int, str, str]]]:
    with Admin(bootstrap_servers=servers) as admin:
        for topic in ("payments", "refunds"):
            if topic not in admin.list_topics():
                admin.create_topic(topic, partitions=3)

    with Producer(bootstrap_servers=servers, key_serializer="string", value_serializer="string") as producer:
        for amount in ("10", "20", "30"):
            for name in ("alice", "bob", "carol"):
                producer.send(ProducerRecord("payments", amount, key=name))
        producer.send(ProducerRecord("refunds", "5", key="bob"))

    found: dict[int, list[tuple[int, str, str]]] = {0: [], 1: [], 2: []}
    reader = Consumer(bootstrap_servers=servers, key_deserializer="string", value_deserializer="string")
    with reader:
        partitions = [TopicPartition("payments", number) for number in range(3)]
        reader.assign(partitions)
        reader.seek_to_beginning()
        ends = reader.end_offsets(partitions)
        while any(reader.position(each) < ends[each] for each in partitions):
            for record in reader.poll(1_000):
                found[record.partition].append((record.offset, str(record.key), str(record.value)))
    for number, rows in found.items():
        print(f"payments-{number}:", *(f"{offset}:{key}={value}" for offset, key, value in rows))
    return found


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

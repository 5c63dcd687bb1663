"""A partitioner of one's own: one value always to partition 0, others by Kafka's hash of the key over the rest.

A missing key is refused with an error that says so.

    python examples/clients/custom_partitioner.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Admin, Producer, ProducerRecord
from streams.partition import partition_for


def vips_first(topic: str, key: object, value: object, partitions: int) -> int:
    if not isinstance(key, str):
        raise ValueError(f"{topic}: every record needs a key, this one has none: {value!r}")
    if value == "vip":
        return 0
    return 1 + partition_for(key.encode(), partitions - 1)


def main(servers: str) -> tuple[list[int], str]:
    with Admin(bootstrap_servers=servers) as admin:
        if "guests" not in admin.list_topics():
            admin.create_topic("guests", 4)
    config = {"bootstrap.servers": servers, "key.serializer": "string", "value.serializer": "string"}
    with Producer({**config, "partitioner.class": vips_first}) as producer:
        futures = [
            producer.send(ProducerRecord("guests", "vip" if number % 3 == 0 else "guest", key=f"guest-{number}"))
            for number in range(9)
        ]
        producer.flush()
        used = [future.result().partition for future in futures]
        refused = "nothing"
        try:
            producer.send(ProducerRecord("guests", "nobody"))
        except ValueError as error:
            refused = str(error)
    print(f"partitions {used}\nrefused: {refused}")
    return used, refused


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

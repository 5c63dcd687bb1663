"""Sending: a value; key and value; partition, key and value. What becomes of a record is told by its future.

python examples/clients/produce.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Admin, Producer, ProducerRecord, RecordMetadata
from streams.errors import InvalidTopicException, RecordTooLargeException


def main(servers: str) -> tuple[list[RecordMetadata], list[str]]:
    with Admin(bootstrap_servers=servers) as admin:
        if "greetings" not in admin.list_topics():
            admin.create_topic("greetings", 3)

    config = {
        "bootstrap.servers": servers,
        "key.serializer": "string",
        "value.serializer": "string",
        "batch.size": 32_768,
        "linger.ms": 10,
        "buffer.memory": 1_000_000,
    }
    with Producer(config) as producer:
        futures = [
            producer.send(ProducerRecord("greetings", "hello")),
            producer.send(ProducerRecord("greetings", "hello", key="alice")),
            producer.send(ProducerRecord("greetings", "hello", key="alice", partition=2)),
            producer.send(ProducerRecord("greetings", "hello", headers=(("language", b"en"),), timestamp=1_000)),
        ]
        producer.flush()
        sent = [future.result() for future in futures]
        for each in sent:
            print(f"{each.topic}-{each.partition} offset {each.offset} timestamp {each.timestamp}")

        errors: list[str] = []
        for record in (ProducerRecord("no/such", "x"), ProducerRecord("greetings", "x" * 2_000_000)):
            try:
                producer.send(record).result()
            except (InvalidTopicException, RecordTooLargeException) as error:
                errors.append(type(error).__name__)
                print(f"{type(error).__name__}: {error}")
    return sent, errors


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

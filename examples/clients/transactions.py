"""Records of several topics that are there together, or not at all: a transfer between two accounts.

A producer with a `transactional.id` begins, sends, and commits or aborts. Another one with the same id fences it: of
two copies of a program only the younger one writes.

    python examples/clients/transactions.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Consumer, Producer, ProducerRecord, TopicPartition
from streams.errors import ProducerFencedException


def transfer(producer: Producer, giver: str, taker: str, amount: int) -> None:
    producer.send(ProducerRecord("debits", f"-{amount}", giver))
    producer.send(ProducerRecord("credits", f"+{amount}", taker))
    producer.flush()
    if giver == taker:
        raise ValueError("nobody pays themselves")


def till(servers: str) -> Producer:
    made = Producer(
        bootstrap_servers=servers, transactional_id="till-1", key_serializer="string", value_serializer="string"
    )
    made.init_transactions()
    return made


def main(servers: str) -> tuple[dict[str, list[str]], str]:
    with till(servers) as producer:
        producer.begin_transaction()
        transfer(producer, "alice", "bob", 10)
        producer.commit_transaction()

        producer.begin_transaction()
        try:
            transfer(producer, "carol", "carol", 99)
            producer.commit_transaction()
        except ValueError as error:
            producer.abort_transaction()
            print(f"aborted: {error}")

        with producer.transaction():  # the same as a block: committed at its end, aborted by an exception
            transfer(producer, "bob", "carol", 5)

        fenced = "nobody"
        with till(servers):  # a second copy of this program starts
            try:
                producer.begin_transaction()
                producer.send(ProducerRecord("debits", "-1", "alice")).result(20)
            except ProducerFencedException as error:
                fenced = type(error).__name__
        print(f"the first copy: {fenced}")

    found: dict[str, list[str]] = {}
    with Consumer(
        bootstrap_servers=servers, isolation_level="read_committed", key_deserializer="string",
        value_deserializer="string",
    ) as reader:  # fmt: skip
        for topic in ("debits", "credits"):
            only = TopicPartition(topic, 0)
            reader.assign([only])
            reader.seek_to_beginning()
            found[topic], end = [], reader.end_offsets([only])[only]
            while reader.position(only) < end:
                found[topic] += [f"{record.key} {record.value}" for record in reader.poll(1_000)]
            print(topic, found[topic])
    return found, fenced


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

"""From one topic to another, exactly once: what was read counts as read only with what was made of it.

The positions of the consumer are committed by the producer's transaction (`send_offsets_to_transaction`), not by the
consumer. When the work fails, results and positions are rolled back together, and the same records come again; here it
fails three times, with its results sent already. (A topology needs none of this but
`processing.guarantee=exactly_once_v2`.)

    python examples/clients/topic_to_topic.py [local://DIR]
"""

from __future__ import annotations

import sys
from contextlib import suppress

from streams.clients import (
    Consumer,
    ConsumerRecord,
    OffsetAndMetadata,
    Producer,
    ProducerRecord,
    TopicPartition,
)

ORDERS, IN = 20, TopicPartition("orders-in", 0)
OUT = TopicPartition("invoices", 0)


class Crash(Exception):
    """The program stops here."""


def work(consumer: Consumer, producer: Producer, records: list[ConsumerRecord], fails: bool) -> None:
    """Makes invoices, and commits them with the positions."""
    with producer.transaction():
        for record in records:
            producer.send(ProducerRecord("invoices", f"invoice for {record.value}"))
        positions = {TopicPartition(each.topic, each.partition): OffsetAndMetadata(each.offset + 1) for each in records}
        producer.send_offsets_to_transaction(positions, consumer.group_metadata())
        producer.flush()
        if fails:
            raise Crash


def run(servers: str, life: int) -> bool:
    """The program from its start to its end; its first three lives crash in their second round, and are not at it."""
    with (
        suppress(Crash),
        Consumer(
            bootstrap_servers=servers, group_id="billing", auto_offset_reset="earliest", enable_auto_commit=False,
            isolation_level="read_committed", max_poll_records=5, value_deserializer="string",
        ) as consumer,
        Producer(bootstrap_servers=servers, transactional_id="billing-1", value_serializer="string") as producer,
    ):  # fmt: skip
        producer.init_transactions()  # what an earlier life left open is aborted
        consumer.subscribe([IN.topic])
        rounds = 0
        while IN not in consumer.assignment() or consumer.position(IN) < ORDERS:
            records = consumer.poll(1_000)
            if records:
                work(consumer, producer, records, fails=life < 3 and rounds == 1)
                rounds += 1
        return True
    return False


def main(servers: str) -> list[object]:
    with Producer(bootstrap_servers=servers, value_serializer="string") as producer:
        for number in range(ORDERS):
            producer.send(ProducerRecord("orders-in", f"order {number}"))
    life = 0
    while not run(servers, life):
        print(f"life {life} has crashed, with results sent and not committed")
        life += 1

    values: list[object] = []
    with Consumer(bootstrap_servers=servers, isolation_level="read_committed", value_deserializer="string") as reader:
        reader.assign([OUT])
        reader.seek_to_beginning()
        end = reader.end_offsets([OUT])[OUT]
        while reader.position(OUT) < end:
            values += [record.value for record in reader.poll(1_000)]
    print(f"{ORDERS} orders, {life} crashes, {len(values)} invoices, {len(set(values))} different")
    return values


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")

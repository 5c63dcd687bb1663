r"""A table that is asked while the application runs: by Python, by the command line, over HTTP.

    streams-app topics create moves --partitions 4
    streams-app --application-id homes --http 127.0.0.1:8080 examples/ask_a_table.py &
    printf 'alice:Rome\nbob:Oslo\nalice:Paris\n' | streams-app produce moves --key-separator :
    streams-app query --application-id homes homes alice
    streams-app state --application-id homes
    curl http://127.0.0.1:8080/stores/homes/keys/alice

`python examples/ask_a_table.py` runs it and asks it in one process. What the producer is told of a record is where it
lies: whoever asks with that position is answered as soon as the table has seen the record, and never with less.
"""

from __future__ import annotations

import sys
import time

from streams import (
    KafkaStreams,
    KeyQuery,
    Position,
    PositionBound,
    ReadOnlyKeyValueStore,
    Serdes,
    StateQueryRequest,
    StreamsBuilder,
)
from streams.clients import Admin, Producer, ProducerRecord, RecordMetadata

text = Serdes.string()
MOVES = (("alice", "Rome"), ("bob", "Oslo"), ("alice", "Paris"))


def topology(builder: StreamsBuilder) -> None:
    builder.table("moves", key_serde=text, value_serde=text, store="homes")


def home_of(app: KafkaStreams, name: str, sent: RecordMetadata) -> object:
    """What the table says once it has seen a record."""
    request = (
        StateQueryRequest.in_store("homes")
        .with_query(KeyQuery.with_key(name))
        .with_partitions([sent.partition])
        .with_position_bound(PositionBound.at(Position.of_record(sent)))
    )
    while (found := app.query(request).partition_results[sent.partition]).is_failure:
        time.sleep(found.retry_after_s or 0.1)
    return found.result


def main(servers: str) -> dict[str, str]:
    with Admin(bootstrap_servers=servers) as admin:
        if "moves" not in admin.list_topics():
            admin.create_topic("moves", 4)
    builder = StreamsBuilder()
    topology(builder)
    with (
        KafkaStreams(builder, application_id="homes", bootstrap_servers=servers) as app,
        Producer(bootstrap_servers=servers, key_serializer=text, value_serializer=text) as producer,
    ):
        app.wait_until_running(60_000)
        for name, city in MOVES:
            sent = producer.send(ProducerRecord("moves", city, name)).result(30)
            print(f"{name} moves to {city}: the table says {home_of(app, name, sent)}")
        with app.store("homes", ReadOnlyKeyValueStore[str, str]).all() as rows:
            return dict(rows)


if __name__ == "__main__":
    print(main(sys.argv[1] if len(sys.argv) > 1 else "local://"))

"""A whole application in a simulated world: a broker, two workers, a producer and a consumer, one process, one seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from streams import KafkaStreams, Materialized, Serdes, Stores, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.clients.api import Door
from streams.clients.connect import connect
from streams.testing import SimulatedWorld, forget

WORDS = ("all", "streams", "lead", "to", "kafka")


def word_count() -> StreamsBuilder:
    """Counts words over a repartition topic, in stores in memory."""
    builder = StreamsBuilder()
    lines = builder.stream("lines", key_serde=Serdes.string(), value_serde=Serdes.string())
    text = Serdes.string()
    words = lines.flat_map_values(str.split).group_by(lambda _, word: word, key_serde=text, value_serde=text)
    counts = words.count(Materialized(supplier=Stores.in_memory_key_value_store("counts")))
    counts.to_stream().to("counts", key_serde=Serdes.string(), value_serde=Serdes.long())
    return builder


def simulate(seed: int, state: Path, lines: int = 30) -> tuple[list[str], dict[str, int], dict[str, int]]:
    """Runs it; gives the trace, the last count of each word, and what they must be."""
    world = SimulatedWorld(seed)
    name = f"simulation-{seed}"
    address = f"memory://{name}"
    truth: Counter[str] = Counter()

    def main() -> dict[str, int]:
        with closing(connect(address, "main", world)) as door, ExitStack() as after:
            after.callback(forget, name)
            with Admin(door=door) as admin:
                admin.create_topic("lines", partitions=2)
                admin.create_topic("counts", partitions=1)
            config = {"application.id": "simulated", "num.stream.threads": 2, "state.dir": str(state)}
            with KafkaStreams(word_count(), config, door=door):
                with Producer(door=door) as producer:
                    for number in range(lines):
                        line = " ".join(WORDS[world.choice(len(WORDS))] for _ in range(3))
                        truth.update(line.split())
                        producer.send(ProducerRecord("lines", line.encode(), partition=number % 2))
                        world.sleep(world.choice(200))
                return consumed(door, truth)

    def consumed(door: Door, truth: Counter[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        with Consumer(door=door, group_id="reader", auto_offset_reset="earliest") as consumer:
            consumer.subscribe(["counts"])
            deadline = world.monotonic_ms() + timedelta(minutes=5) / timedelta(milliseconds=1)
            while found != truth and world.monotonic_ms() < deadline:
                for record in consumer.poll(1_000):
                    found[record.key.decode()] = int.from_bytes(record.value, "big")
        return found

    found = world.run(main)
    return world.trace, found, dict(truth)


def digest_of(seed: int) -> str:
    """SHA-256 of the trace of a run and of what came out of it, which must be right."""
    with TemporaryDirectory() as state:
        trace, found, truth = simulate(seed, Path(state))
    assert found == truth, f"seed {seed}: counted {found}, sent {truth}"
    return hashlib.sha256("\n".join([*trace, repr(sorted(found.items()))]).encode()).hexdigest()

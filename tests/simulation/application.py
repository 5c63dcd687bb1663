"""A whole application in a simulated world: a broker, two workers, a producer and a consumer, one process, one seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import timedelta
from typing import NamedTuple

from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.clients.api import Door, Isolation
from streams.clients.connect import connect
from streams.record import TopicPartition
from streams.runtime.worker.guarantee import AT_LEAST_ONCE
from streams.testing import SimulatedWorld, forget

WORDS = ("all", "streams", "lead", "to", "kafka")
TOPICS = {"lines": 2, "counts": 1}
"""Of the application, with their partitions."""


def word_count() -> StreamsBuilder:
    """Counts words over a repartition topic."""
    builder = StreamsBuilder()
    lines = builder.stream("lines", key_serde=Serdes.string(), value_serde=Serdes.string())
    text = Serdes.string()
    words = lines.flat_map_values(str.split).group_by(lambda _, word: word, key_serde=text, value_serde=text)
    counts = words.count(store="counts")
    counts.to_stream().to("counts", key_serde=Serdes.string(), value_serde=Serdes.long())
    return builder


def simulate(seed: int, lines: int = 30) -> tuple[list[str], dict[str, int], dict[str, int]]:
    """Runs it; gives the trace, the last count of each word, and what they must be."""
    world, name = SimulatedWorld(seed), f"simulation-{seed}"
    truth: Counter[str] = Counter()

    def main() -> dict[str, int]:
        with engine(world, name) as door, KafkaStreams(word_count(), config(2), door=door):
            truth.update(sent(world, door, lines))
            return consumed(world, door, truth)

    found = world.run(main)
    return world.trace, found, dict(truth)


def config(threads: int) -> dict[str, object]:
    """State lies in the files of the world."""
    return {"application.id": "simulated", "num.stream.threads": threads, "state.dir": "/state"}


@contextmanager
def engine(world: SimulatedWorld, name: str, topics: Mapping[str, int] = TOPICS) -> Iterator[Door]:
    """A broker with these topics, by their partitions, while the block lasts."""
    with closing(connect(f"memory://{name}", "main", world)) as door, ExitStack() as after:
        after.callback(forget, name)
        with Admin(door=door) as admin:
            for topic, partitions in topics.items():
                admin.create_topic(topic, partitions)
        yield door


def sent(world: SimulatedWorld, door: Door, lines: int) -> Counter[str]:
    """Sends lines, now and then one; how often each word is in them."""
    truth: Counter[str] = Counter()
    with Producer(door=door) as producer:
        for number in range(lines):
            line = " ".join(WORDS[world.choice(len(WORDS))] for _ in range(3))
            truth.update(line.split())
            producer.send(ProducerRecord("lines", line.encode(), partition=number % 2))
            world.sleep(world.choice(200))
    return truth


def consumed(world: SimulatedWorld, door: Door, truth: Mapping[str, int]) -> dict[str, int]:
    """The last count of each word, when they are what they must be or five minutes have passed."""
    found: dict[str, int] = {}
    with Consumer(door=door, group_id="reader", auto_offset_reset="earliest") as consumer:
        consumer.subscribe(["counts"])
        deadline = world.monotonic_ms() + timedelta(minutes=5) / timedelta(milliseconds=1)
        while found != truth and world.monotonic_ms() < deadline:
            for record in consumer.poll(1_000):
                found[record.key.decode()] = int.from_bytes(record.value, "big")
    return found


class Died(BaseException):
    """What no part of a worker takes for an error of its own."""


class Restored:
    """How many records were read into stores."""

    def __init__(self) -> None:
        self.records = 0

    def on_restore_start(self, partition: TopicPartition, store: str, start: int, end: int) -> None: ...

    def on_batch_restored(self, partition: TopicPartition, store: str, end: int, count: int) -> None:
        self.records += count

    def on_restore_end(self, partition: TopicPartition, store: str, total: int) -> None: ...


class TakenOver(NamedTuple):
    """What came of it: the last counts, what they must be, records that the second worker had to restore, and how many
    there were in the changelog."""

    counts: dict[str, int]
    truth: dict[str, int]
    restored: int
    changelog: int


def taken_over(seed: int, step: str) -> TakenOver:
    """A worker dies after a step of a commit, and another one takes over its state from the files of the world."""
    world, listener = SimulatedWorld(seed), Restored()
    honest, armed = AT_LEAST_ONCE.commit, [False]

    def die(one: object) -> None:
        if armed[0]:
            raise Died

    def main() -> TakenOver:
        with engine(world, f"taken-over-{seed}-{step}") as door:
            first = KafkaStreams(word_count(), config(1), door=door)
            first.start()
            truth = sent(world, door, 15)
            world.sleep(15_000)  # what is committed goes to the database every ten seconds
            armed[0] = True
            while not first.state.is_final:
                truth += sent(world, door, 1)
            with suppress(Died):
                first.close()
            AT_LEAST_ONCE.commit = honest
            logs = [TopicPartition("simulated-counts-changelog", number) for number in range(2)]
            ends = door.admin().end_offsets(logs, Isolation.READ_UNCOMMITTED)
            second = KafkaStreams(word_count(), config(1), door=door)
            second.set_global_state_restore_listener(listener)
            with second:
                truth += sent(world, door, 5)
                found = consumed(world, door, truth)
            return TakenOver(found, dict(truth), listener.records, sum(ends.values()))

    AT_LEAST_ONCE.commit = [each for s in honest for each in ((s, ("die", die)) if s[0] == step else (s,))]
    try:
        return world.run(main)
    finally:
        AT_LEAST_ONCE.commit = honest


def digest_of(seed: int) -> str:
    """SHA-256 of the trace of a run and of what came out of it, which must be right."""
    trace, found, truth = simulate(seed)
    assert found == truth, f"seed {seed}: counted {found}, sent {truth}"
    return hashlib.sha256("\n".join([*trace, repr(sorted(found.items()))]).encode()).hexdigest()

"""Clients and a broker in a simulated world: what a test of deadlines needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TypeVar

from streams import KafkaStreams, StreamsBuilder
from streams.clients import Admin, Consumer, ConsumerRecord, Producer, ProducerRecord
from streams.clients.api import Door
from streams.testing import SimulatedWorld
from tests.simulation.application import engine

T = TypeVar("T")


class Clients:
    """Makes clients over one door, with Kafka's defaults where a test says nothing else.

    Args:
        world: whose time passes.
        door: to the broker.
    """

    def __init__(self, world: SimulatedWorld, door: Door) -> None:
        self.world = world
        self._door = door

    def admin(self) -> Admin:
        return Admin(door=self._door)

    def producer(self, **settings: object) -> Producer:
        return Producer({name.replace("_", "."): value for name, value in settings.items()}, door=self._door)

    def consumer(self, **settings: object) -> Consumer:
        given = {"group_id": "g", "auto_offset_reset": "earliest", **settings}
        return Consumer({name.replace("_", "."): value for name, value in given.items()}, door=self._door)

    @contextmanager
    def streams(self, builder: StreamsBuilder, settings: Mapping[str, object] | None = None) -> Iterator[KafkaStreams]:
        """An application `app` that runs meanwhile."""
        with TemporaryDirectory() as state:
            config = {"application.id": "app", "state.dir": state, **(settings or {})}
            with KafkaStreams(builder, config, door=self._door) as app:
                yield app

    def fill(self, topic: str, count: int, partition: int = 0) -> None:
        """Sends the numbers from 0 on."""
        with self.producer() as producer:
            for number in range(count):
                producer.send(ProducerRecord(topic, b"%d" % number, partition=partition))

    def minutes(self) -> float:
        """How many have passed since the beginning."""
        return self.world.monotonic_ms() / 60_000


def take(consumer: Consumer, count: int) -> list[ConsumerRecord]:
    """Polls until so many records have come."""
    found: list[ConsumerRecord] = []
    while len(found) < count:
        found += consumer.poll(100)
    assert len(found) == count
    return found


def simulated(main: Callable[[Clients], T], seed: int = 1) -> T:
    """Runs `main` with clients in a world of its own; there is a topic `t` of two partitions."""
    world = SimulatedWorld(seed)

    def body() -> T:
        with engine(world, f"deadlines-{seed}", {"t": 2}) as door:
            return main(Clients(world, door))

    return world.run(body)

"""Consumers that note what they are shown."""

from __future__ import annotations

from collections.abc import Collection

from streams.clients import Consumer
from streams.record import TopicPartition
from streams.testing import SimulatedProcess
from tests.simulation.cluster import Cluster, Member
from tests.simulation.history import History, Shown


def take(
    cluster: Cluster, history: History, consumer: Consumer, name: str, committed_only: bool, wait_ms: int
) -> dict[TopicPartition, int]:
    """What a poll gives is noted; where each partition is after it."""
    taken: dict[TopicPartition, int] = {}
    records = consumer.poll(wait_ms)
    now, assignment = cluster.world.monotonic_ms(), history.assignments.get(name, 0)
    for record in records:
        where = TopicPartition(record.topic, record.partition)
        history.shown.append(Shown(name, assignment, committed_only, where, record.offset, record.value, now))
        taken[where] = record.offset + 1
    return taken


def watch(
    cluster: Cluster,
    history: History,
    partitions: Collection[TopicPartition],
    committed_only: bool,
    process: SimulatedProcess,
    member: Member,
) -> None:
    """Reads from the beginning, alone."""
    name = history.life_of(member.name)
    settings = {
        "isolation.level": "read_committed" if committed_only else "read_uncommitted",
        "auto.offset.reset": "earliest",
    }
    with Consumer(settings, door=cluster.broker.door(process)) as consumer:
        consumer.assign(partitions)
        while member.wanted:
            take(cluster, history, consumer, name, committed_only, 500)

"""A scrape of many tasks: the text of all their metrics, as `GET /metrics` answers it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial

from benchmarks.data import DATASETS
from benchmarks.engine import Engine
from benchmarks.jobs import JOBS
from statestore.memory import MemoryEngine
from statestore.rocks import FIGURES
from streams.clients.api import Fetched
from streams.config import StreamsConfig
from streams.dsl.builder import StreamsBuilder
from streams.metrics.exposition import openmetrics
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.state.context import TaskContext
from streams.runtime.state.freshness import Freshness
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.task import StreamTask, output_of
from streams.topology.node import TaskId
from streams.world import SYSTEM

TASKS = 1_000
RECORDS = 10
"""Of each of them."""
TOPIC = "in"


class Database(MemoryEngine):
    """In memory, with figures as RocksDB has them: a thousand databases would be measured otherwise."""

    def figures(self) -> Mapping[str, int]:
        return dict.fromkeys(FIGURES, 123_456)

    def statistics(self) -> Mapping[str, Mapping[str, float]]:
        return {}


def scrape(engine: Engine, count: int) -> Iterator[float]:
    """CPU nanoseconds a task of a scrape of `TASKS` of the job W2: a source, a count on disk, a sink. All have worked,
    so that every metric has a value."""
    builder = StreamsBuilder()
    JOBS["W2"].build(builder, {"orders": TOPIC, "out": "out"})
    config = StreamsConfig({"application.id": "bench"})
    built = builder.build(config).built(config)
    metrics = Metrics()
    context = TaskContext(config, metrics, "bench", built.internal_topics, thread="bench-StreamThread-1")
    tasks, freshness = [], Freshness(built.subtopologies)
    for partition in range(TASKS):
        state = TaskState(TaskId(0, partition), built.subtopologies[0], context, Database())
        task = StreamTask(state, [TopicPartition(TOPIC, partition)], output_of(lambda topic: 1))
        task.start(0)
        _work(task, partition)
        freshness.add(task.id, task.unseen_ms)
        task.measured.freshness(state.topology, partial(_fresh, freshness, task))
        task.measured.busy(lambda: 0.5)
        tasks.append(task)
    openmetrics(metrics)  # the texts of lines are made once
    while True:
        start = time.process_time_ns()
        openmetrics(metrics)
        yield (time.process_time_ns() - start) / TASKS


def _fresh(freshness: Freshness, task: StreamTask) -> float:
    return freshness.seconds(task.id, SYSTEM.monotonic_ms())


def _work(task: StreamTask, partition: int) -> None:
    """Processes some records; one is left."""
    chunk = next(iter(DATASETS["orders"].rows(RECORDS)))
    offsets = range(len(chunk.keys))
    batch = RecordBatch(tuple(chunk.keys), tuple(chunk.values), chunk.timestamps, None, offsets, len(offsets))
    task.add(Fetched(TopicPartition(TOPIC, partition), batch, None, 0, 0, len(offsets)))
    now = SYSTEM.now_ms()
    task.run(now, RECORDS - 1)
    task.outbox.due(now, True)
    task.inbox.note_ends(SYSTEM.monotonic_ms())

"""A scrape of many tasks: the text of all their metrics, as `GET /metrics` answers it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from benchmarks.engine import Engine
from benchmarks.jobs import JOBS
from statestore.memory import MemoryEngine
from statestore.rocks import FIGURES
from streams.config import StreamsConfig
from streams.dsl.builder import StreamsBuilder
from streams.metrics.exposition import openmetrics
from streams.metrics.registry import Metrics
from streams.record import TopicPartition
from streams.runtime.state.context import TaskContext
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.task import StreamTask, output_of
from streams.topology.node import TaskId

TASKS = 1_000
TOPIC = "in"


class Database(MemoryEngine):
    """In memory, with figures as RocksDB has them: a thousand databases would be measured otherwise."""

    def figures(self) -> Mapping[str, int]:
        return dict.fromkeys(FIGURES, 123_456)

    def statistics(self) -> Mapping[str, Mapping[str, float]]:
        return {}


def scrape(engine: Engine, count: int) -> Iterator[float]:
    """CPU nanoseconds a task of a scrape of `TASKS` of the job W2: a source, a count on disk, a sink."""
    builder = StreamsBuilder()
    JOBS["W2"].build(builder, {"orders": TOPIC, "out": "out"})
    config = StreamsConfig({"application.id": "bench"})
    built = builder.build(config).built(config)
    metrics = Metrics()
    context = TaskContext(config, metrics, "bench", built.internal_topics, thread="bench-StreamThread-1")
    tasks = []
    for partition in range(TASKS):
        state = TaskState(TaskId(0, partition), built.subtopologies[0], context, Database())
        task = StreamTask(state, [TopicPartition(TOPIC, partition)], output_of(lambda topic: 1))
        task.start(0)
        task.outbox.produced("out")
        tasks.append(task)
    openmetrics(metrics)  # the texts of lines are made once
    while True:
        start = time.process_time_ns()
        openmetrics(metrics)
        yield (time.process_time_ns() - start) / TASKS

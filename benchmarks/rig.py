"""A task without broker or worker: prepared batches in, columns out. For stages and growth."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from statestore.api import Layered
from statestore.rocks import RocksEngine
from streams import StreamsBuilder
from streams.clients.api import Fetched
from streams.config.application import StreamsConfig
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.state.context import TaskContext
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.task import StreamTask, output_of
from streams.runtime.worker.spill import SPILL_TASK_BYTES
from streams.topology.node import TaskId

COMMIT_EVERY = 100_000
"""Records between two commits, about what a worker does in 100 ms."""
SPILL_ROWS = 2_000
TOPIC = "in"


class Rig:
    """One task over a database on disk, that commits as a worker would."""

    def __init__(self, task: StreamTask) -> None:
        self.task = task
        self.partition = TopicPartition(TOPIC, 0)
        self._offset = 0
        self._uncommitted = 0

    def batch(self, keys: list[bytes | None], values: list[bytes | None], timestamps: list[int]) -> Fetched:
        """What a poll would bring."""
        start = self._offset
        self._offset = end = start + len(keys)
        batch = RecordBatch(tuple(keys), tuple(values), timestamps, None, range(start, end), end)
        return Fetched(self.partition, batch, None, 0, 0)

    def take(self, fetched: Fetched) -> None:
        """Processes a batch; what comes out is counted as sent."""
        task = self.task
        task.add(fetched)
        now = int(time.time() * 1000)
        while count := task.run(now):
            task.punctuate_stream_time()
            self._uncommitted += count
        task.outbox.due(now, False)
        if self._uncommitted >= COMMIT_EVERY:
            self.commit()

    def commit(self) -> None:
        """Flush, and everything is committed; over the bound the database takes rows."""
        task = self.task
        self._uncommitted = 0
        task.flush()
        task.outbox.due(0, True)
        task.committable()
        task.committed()
        for store in task.state.stores.values():
            if store.layers.committed_bytes > SPILL_TASK_BYTES:
                _to_disk(store.layers)

    def spill(self) -> None:
        """Everything committed goes to the database: what is measured next does not pay for what was before."""
        for store in self.task.state.stores.values():
            _to_disk(store.layers)


def _to_disk(layers: Layered) -> None:
    while layers.spill(SPILL_ROWS):
        pass


@contextmanager
def rig(build: Callable[[StreamsBuilder], None], settings: Mapping[str, object] | None = None) -> Iterator[Rig]:
    """A rig for a topology that reads the topic `in` and has no other source."""
    directory = tempfile.mkdtemp(prefix="streams-bench-")
    builder = StreamsBuilder()
    build(builder)
    config = StreamsConfig({"application.id": "bench", **(settings or {})})
    built = builder.build(config).built(config)
    engine = RocksEngine(f"{directory}/task")
    id, context = TaskId(0, 0), TaskContext(config, Metrics(), "bench", built.internal_topics)
    state = TaskState(id, built.subtopologies[0], context, engine)
    task = StreamTask(state, [TopicPartition(TOPIC, 0)], output_of(lambda topic: 1))
    task.start(0)
    try:
        yield Rig(task)
    finally:
        task.close(clean=False)
        engine.close()
        shutil.rmtree(directory, ignore_errors=True)


def cpu_ns(work: Callable[[], object], times: int = 1) -> float:
    """CPU nanoseconds of one call."""
    start = time.process_time_ns()
    for _ in range(times):
        work()
    return (time.process_time_ns() - start) / times


def all_of(rig: Rig, batches: Iterable[Fetched]) -> float:
    """CPU nanoseconds of taking the batches and committing."""
    ready = list(batches)
    start = time.process_time_ns()
    for fetched in ready:
        rig.take(fetched)
    rig.commit()
    return float(time.process_time_ns() - start)

"""A global store and what fills it: all partitions of one topic, through the store's processor (decision 12).

It is a task whose sub-topology is that source and that processor: decoding, handlers and metrics are the
same. Test driver and worker feed it; nothing is time-synchronised with streams.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from statestore.engine import Engine
from streams.clients.api import Fetched, Position
from streams.exception_handlers import LogAndFailProcessingExceptionHandler
from streams.record import TopicPartition
from streams.runtime.compile.handlers import PROCESSING
from streams.runtime.state.context import TaskContext
from streams.runtime.state.stores import OpenStore
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.task import StreamTask, output_of
from streams.topology.node import GlobalStore, Node, StepNode, SubTopology, TaskId

log = logging.getLogger("streams.runtime.global")

GLOBAL = TaskId(-1, -1)
"""The id that Java gives to what fills global stores."""
HANDLED = "processing.exception.handler.global.enabled"


class GlobalTask:
    """Fills one global store.

    Args:
        topology: the store, its source and its processor.
        partitions: all partitions of its topic.
        context: as for tasks.
        disk: the database of the global stores; closed by who opened it.
        partitions_for: how many partitions a topic has.
        home: the directory of the database.
    """

    def __init__(
        self,
        topology: GlobalStore,
        partitions: Sequence[TopicPartition],
        context: TaskContext,
        disk: Engine,
        partitions_for: Callable[[str], int],
        home: Path = Path(),
    ) -> None:
        self.store_name = topology.store.name
        self.partitions = tuple(partitions)
        config: Mapping[str, object] = context.config
        if not config.get(HANDLED):
            config = {**config, PROCESSING: LogAndFailProcessingExceptionHandler}
        context = replace(context, config={**config, "max.task.idle.ms": -1})
        self._state = TaskState(GLOBAL, _alone(topology, context.record_cache is not None), context, disk, home)
        self._output = output_of(partitions_for)
        self._task = self._made({})

    def _made(self, positions: Mapping[TopicPartition, Position]) -> StreamTask:
        return StreamTask(self._state, self.partitions, self._output, positions)

    @property
    def store(self) -> OpenStore:
        """The store, as tasks read it."""
        return self._state.stores[self.store_name]

    @property
    def engine(self) -> Engine:
        """Where the rows of the store lie."""
        return self._state.engine_of(self.store)

    @property
    def processing(self) -> StreamTask:
        """What fills it now."""
        return self._task

    def start(self, now: int, positions: Mapping[TopicPartition, Position] | None = None) -> None:
        """Makes the processor; reading goes on at the positions that the store stands for.

        Args:
            now: wall clock in ms.
        """
        if positions:
            self._task = self._made(positions)
        self._task.start(now)

    def apply(self, fetched: Fetched, now: int) -> int:
        """Applies what was fetched of one partition; returns the number of records.

        Raises:
            StreamsException: a record could not be read or processed.
        """
        task = self._task
        task.add(fetched)
        total = 0
        try:
            while count := task.run(now):
                total += count
        finally:
            self._leave_dead_letters()
        return total

    def _leave_dead_letters(self) -> None:
        """As in Java they are not sent: every worker reads the topic, anew at each start, and would send its own."""
        boxes = self._output.dead_letters, self._output.last_letters
        for (topic, _), count in [each for box in boxes for each in box.held.items()]:
            log.warning(
                "%d dead letters of global store %s are not sent to %s: each worker reads a global table for itself. "
                "The records are still in its topic, where the lines above say.",
                count,
                self.store_name,
                topic,
            )
        for box in boxes:
            box.drop()

    def commit(self) -> dict[TopicPartition, Position]:
        """What was applied since the last call is committed in memory; the positions that it stands for. The
        owner spills the store with these as marks."""
        self._task.flush()
        positions = self._task.committable()
        self._task.committed()
        return positions

    def revive(self) -> None:
        """The store is to be filled anew: nothing of what was applied counts. `start` follows."""
        self._task.abandon()
        self._state.abort()
        self.store.layers.apply(())
        self._task = self._made({})

    def close(self, clean: bool) -> None:
        """Closes processor and store; the database stays open.

        Raises:
            StreamsException: the end is clean, and the processor failed in `close`.
        """
        self._task.close(clean)


def _alone(topology: GlobalStore, takes_room: bool) -> SubTopology:
    """The store, its source and its processor as a sub-topology. It has no changelog: the topic itself is one.

    Args:
        takes_room: its rows lie in a record cache that the tasks' stores share, as in Java's driver, and it is flushed
            after each record. Otherwise nobody could tell it from one that is not cached.
    """
    store = replace(topology.store, caching=topology.store.caching and takes_room, logging=None)
    processor = topology.processor
    parents, stores = (topology.source.name,), (store.name,)
    node: Node
    if isinstance(processor, StepNode):
        node = replace(processor, parents=parents, stores=stores)
    else:
        node = replace(processor, parents=parents, stores=stores)
    topics = topology.source.topics
    return SubTopology(
        id=GLOBAL.subtopology,
        nodes=(topology.source, node),
        stores=(store,),
        source_topics=topics if isinstance(topics, tuple) else (),
        repartition_topics={},
        changelogs={},
        copartitioned=(),
    )

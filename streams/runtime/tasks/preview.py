"""The entry functions of a topology as text, without running it: what `topology code` prints."""

from __future__ import annotations

from collections.abc import Mapping

from statestore.memory import MemoryEngine
from streams.metrics.registry import Metrics
from streams.record import TopicPartition
from streams.runtime.state.context import TaskContext
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.global_task import GlobalTask
from streams.runtime.tasks.task import StreamTask, output_of
from streams.topology.node import BuiltTopology, TaskId


def entry_text(topology: BuiltTopology, config: Mapping[str, object], prefix: str = "app") -> dict[int, str]:
    """The text of each sub-topology's entry functions, by its number.

    A task of each is made in memory, which calls the `init` of its processors, and closed again. Topics have
    one partition each, so that sinks show their shortest form.

    Args:
        config: complete settings (`StreamsConfig`).
        prefix: of internal topics.
    Raises:
        StreamsException: a serde is missing, or a processor failed in `init`.
    """
    context = TaskContext(config, Metrics(), prefix, topology.internal_topics)
    fillers = [GlobalTask(each, [], context, MemoryEngine(), _one) for each in topology.global_stores]
    stores = {each.store_name: each.store for each in fillers}
    found: dict[int, str] = {}
    for sub in topology.subtopologies:
        id = TaskId(sub.id, 0)
        state = TaskState(id, sub, context, MemoryEngine())
        partitions = [TopicPartition(context.topic_name(topic), 0) for topic in sub.source_topics]
        task = StreamTask(state, partitions, output_of(_one), global_stores=stores)
        task.start(0)
        found[sub.id] = task.graph.text
        task.close(clean=False)
    for filler in fillers:
        filler.close(clean=False)
    return found


def _one(topic: str) -> int:
    return 1

"""Taking over a task, the same list for whoever does it and for whatever reason (decision 15).

1. Committed positions are fetched; for a partition without one the reset policy decides.
2. Every store's mark is read and judged against the log it came from, as that is now: a store that holds what a power
   cut took from its log is rebuilt, and no other.
3. The target is where the changelog has been appended to, taken after step 1, shown or not: batches on their way to the
   disk, or an open transaction, hide what an earlier owner wrote. For a store on its source topic it is the committed
   position, if that is lower.
4. The stores are restored to their targets.
5. Positions and processor metadata go to the task, processors are initialised, processing starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from streams.clients.api import Admin, Isolation, LogEnd, Position, TopicDescription
from streams.errors import NoOffsetForPartitionException
from streams.record import TopicPartition
from streams.runtime.compile.sources import source_of
from streams.runtime.state.changelog import Mark, beyond, read_mark, wipe
from streams.runtime.state.stores import OpenStore
from streams.runtime.tasks.restore import SourceRows, StoreRestore
from streams.runtime.tasks.task import StreamTask
from streams.serdes.offset_metadata import decode_offset_metadata
from streams.topology.node import SubTopology, TaskId

log = logging.getLogger("streams.runtime.takeover")

Reset = Callable[[TopicPartition], str]
"""The reset policy of a source partition: earliest, latest, none or by_duration:<ms>."""


def positions(
    admin: Admin,
    partitions: Sequence[TopicPartition],
    committed: Mapping[TopicPartition, Position],
    reset: Reset,
    now: int,
) -> dict[TopicPartition, Position]:
    """Step 1: where processing goes on.

    Raises:
        NoOffsetForPartitionException: nothing is committed and the policy is `none`.
    """
    found = {p: committed[p] for p in partitions if p in committed}
    fresh: dict[str, list[TopicPartition]] = {}
    for partition in partitions:
        if partition not in found:
            fresh.setdefault(reset(partition), []).append(partition)
    for policy, missing in fresh.items():
        for partition, offset in starts(admin, policy, missing, now).items():
            found[partition] = Position(offset)
    return found


def starts(admin: Admin, policy: str, missing: Sequence[TopicPartition], now: int) -> Mapping[TopicPartition, int]:
    """Where partitions without a committed position begin."""
    if policy == "earliest":
        return admin.beginning_offsets(missing)
    if policy == "latest":
        return admin.end_offsets(missing, Isolation.READ_COMMITTED)
    if policy.startswith("by_duration:"):
        since = now - int(policy.partition(":")[2])
        ends = admin.end_offsets(missing, Isolation.READ_COMMITTED)
        times = admin.offsets_for_times(dict.fromkeys(missing, since))
        return {p: ends[p] if (at := times.get(p)) is None else at.offset for p in missing}
    raise NoOffsetForPartitionException(
        f"No offset is committed for {', '.join(map(str, missing))}, and auto.offset.reset is {policy}. "
        "Set it to earliest or latest, or commit offsets for the group first."
    )


def reset_of(topology: SubTopology, default: str, name_of: Callable[[str], str]) -> Reset:
    """The policy of each source partition; repartition topics are always read from their start."""
    internal = {name_of(topic) for topic in topology.repartition_topics}

    def reset(partition: TopicPartition) -> str:
        if partition.topic in internal:
            return "earliest"
        return source_of(topology, partition.topic, name_of)[1].reset or default

    return reset


def restores(
    admin: Admin, task: StreamTask, committed: Mapping[TopicPartition, Position]
) -> list[StoreRestore]:
    """Steps 2 and 3: what each store lacks. Stores without a changelog are not restored.

    Args:
        committed: what the group has committed; a store on a source topic of which nothing is committed starts empty,
            wherever the reset policy lets processing start.
    """
    state = task.state
    logs = [log.partition for log in state.changelogs.values()]
    if not logs:
        return []
    marks = {name: read_mark(state.engine_of(state.stores[name]), name) for name in state.changelogs}
    seen = {name: -1 if mark is None else mark.log_epoch for name, mark in marks.items()}
    topics = admin.describe_topics({partition.topic for partition in logs})
    ends = admin.log_ends({log.partition: seen[name] for name, log in state.changelogs.items()})
    begins = admin.beginning_offsets(logs)
    made = []
    for name, log in state.changelogs.items():
        store, changelog = state.stores[name], log.partition
        end, done = ends[changelog], committed.get(changelog)
        target = end.offset
        if store.spec.source_topic is not None:
            target = min(target, done.offset) if done is not None else 0
        empty = partial(wipe, state.engine_of(store), name, store.layers)
        start, log.reach = judged(state.id, name, marks[name], topics.get(changelog.topic), end, empty)
        log.topic_id, log.log_epoch = topics[changelog.topic].topic_id, end.log_epoch
        log.offset = max(start, begins[changelog])
        source = _source_rows(task, store, changelog, done if start else None)
        one = StoreRestore(state.id, name, log, store.layers, target, empty, kept=start, source=source)
        one.restored = state.scope.counter("restore-total")
        one.timed = state.measured.timed.get(("restore", name))
        made.append(one)
    task.restores = made
    return made


def _source_rows(
    task: StreamTask, store: OpenStore, changelog: TopicPartition, since: Position | None
) -> SourceRows | None:
    """What makes the rows of a store on its source topic.

    Args:
        since: the committed position, where the store has a part of the topic already.
    """
    if store.spec.source_topic is None:
        return None
    time = -1 if since is None else decode_offset_metadata(since.metadata).partition_time
    return SourceRows(changelog, task.inbox.reads(changelog).reading, store.access, time)


def judged(
    task: TaskId,
    store: str,
    mark: Mark | None,
    topic: TopicDescription | None,
    end: LogEnd,
    wipe: Callable[[], None],
) -> tuple[int, int]:
    """Where the store's restore starts, and how far its rows reach: at its mark, or at zero for one of the named
    reasons of decision 10."""
    if mark is None:
        return 0, 0
    if topic is None or mark.topic_id != topic.topic_id:
        reason: str | None = "its changelog was deleted and made again (another topic id)"
    else:
        reason = beyond(mark, end)
    if reason is None:
        return mark.offset, mark.reach
    log.warning("Store %s of task %s is rebuilt from its changelog: %s.", store, task, reason)
    wipe()
    return 0, 0

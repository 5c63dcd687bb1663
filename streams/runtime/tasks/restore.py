"""From changelogs to stores, in slices of the worker's loop.

A restore reads each store's changelog from the store's mark to a target, and puts the bytes straight into the engine.
The target counts markers and removed records: it is reached by position, not by the last record seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from statestore.api import Layered
from statestore.engine import EngineError
from streams.clients.api import Fetched, Reader
from streams.errors import LogTruncatedException, OffsetOutOfRangeException, ProcessorStateException
from streams.record import RecordBatch, TopicPartition
from streams.runtime.state.marks import Mark, name_of, write_mark
from streams.runtime.tasks.source_rows import Row, SourceRows
from streams.topology.node import TaskId

log = logging.getLogger("streams.runtime.restore")

_NOWHERE = TopicPartition("", -1)


class RestoreListener(Protocol):
    """Java's `StateRestoreListener`: told when a store's restore starts, goes on and ends."""

    def on_restore_start(self, partition: TopicPartition, store: str, start: int, end: int) -> None: ...

    def on_batch_restored(self, partition: TopicPartition, store: str, end: int, count: int) -> None: ...

    def on_restore_end(self, partition: TopicPartition, store: str, total: int) -> None: ...


@dataclass(slots=True)
class StoreRestore:
    """One store on its way.

    Args:
        changelog: where it is read from.
        layers: the store.
        logged: its mark is kept, since the database outlives the process.
        topic_id: of the changelog, for the mark.
        position: the next offset to be applied.
        target: where it is done.
        wipe: empties the store, for the case that its position is worthless.
        source: makes the rows, where the log is a source topic; None: its records are rows.
    """

    task: TaskId
    store: str
    changelog: TopicPartition
    layers: Layered
    topic_id: str
    position: int
    target: int
    wipe: Callable[[], None]
    start: int = 0
    total: int = 0
    log_epoch: int = 0
    kept: int = 0
    """Up to where the store had its log before, until the log was seen and this is known to be worth something."""
    source: SourceRows | None = None

    @property
    def done(self) -> bool:
        return self.position >= self.target

    @property
    def name(self) -> str:
        """The store and its task, for people."""
        return f"{self.store} {self.task}"

    @property
    def progress(self) -> tuple[int, int]:
        """Records done and to be done."""
        return self.position - self.start, self.target - self.start

    def rows(self, batch: RecordBatch) -> list[Row]:
        """What is still to be applied of a batch."""
        make = rows_of if self.source is None else self.source.rows
        return make(batch, self.position, self.target)

    def mark(self) -> Mark:
        return Mark(self.topic_id, self.log_epoch, self.position)


class Restorer:
    """All restores of a worker, over one reader.

    Args:
        reader: reads changelogs.
        listener: told of progress, or None.
    """

    def __init__(self, reader: Reader, listener: RestoreListener | None) -> None:
        self._reader = reader
        self._listener = listener
        self._running: dict[TopicPartition, StoreRestore] = {}
        self._moved: set[TopicPartition] = set()  # to be read anew: what the last poll brought of them is not wanted
        self._done: dict[str, tuple[int, int]] = {}
        self.restored = self._told_of = 0
        """Records applied, ever."""

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def begin(self, restores: Iterable[StoreRestore]) -> None:
        """Starts reading for these stores; those that are at their target already end at once."""
        places: dict[TopicPartition, int] = {}
        if not self._running:
            self._done.clear()
        for each in restores:
            each.start = each.position
            self._told("on_restore_start", each.changelog, each.store, each.position, each.target)
            if each.done:
                self._end(each)
            else:
                self._running[each.changelog] = each
                places[each.changelog] = each.position
        if places:
            self._reader.seek(places)

    def waits_for(self, task: TaskId) -> bool:
        """Is some store of the task still on its way?"""
        return any(each.task == task for each in self._running.values())

    def drop(self, task: TaskId) -> None:
        """The task is gone: its stores are read no further."""
        gone = [partition for partition, each in self._running.items() if each.task == task]
        for partition in gone:
            del self._running[partition]
        self._reader.drop(gone)

    def step(self, timeout_ms: int) -> int:
        """One poll and what it brought; returns the number of records applied."""
        if not self._running:
            return 0
        try:
            fetched = self._reader.poll(timeout_ms)
        except OffsetOutOfRangeException as error:
            self._out_of_range(error)
            return 0
        except LogTruncatedException as error:
            each = self._running.get(error.partition or _NOWHERE)
            if each is not None:
                self._anew(each, f"its changelog was cut back below its position {each.position}")
            return 0
        self._moved.clear()
        return sum(self._take(each) for each in fetched if each.partition not in self._moved)

    def progress(self) -> Mapping[str, tuple[int, int]]:
        """Per store that is restored: records done and to be done. Those that are done count until all are."""
        running = {each.name: each.progress for each in list(self._running.values())}
        return {**self._done, **running} if running else {}

    def restored_since(self) -> int:
        """Records applied since this was asked last."""
        before, self._told_of = self._told_of, self.restored
        return self.restored - before

    def close(self) -> None:
        self._reader.close()

    def _take(self, fetched: Fetched) -> int:
        each = self._running.get(fetched.partition)
        if each is None:
            return 0
        reason = outdated(each, fetched)
        each.log_epoch = fetched.log_epoch
        each.kept = 0
        if reason is not None:
            self._anew(each, reason)
            return 0
        count = 0
        batch = fetched.batch
        if batch is not None:
            before, rows = each.position, each.rows(batch)
            each.position = min(max(each.position, batch.next_offset), max(each.target, each.position))
            try:
                each.layers.apply(rows, {name_of(each.store): write_mark(each.mark())})
            except EngineError:  # no fault of the rows
                raise
            except Exception as error:
                raise _no_row(each, batch, before) from error
            count = len(rows)
            each.total += count
            self.restored += count
            self._told("on_batch_restored", each.changelog, each.store, each.position, count)
        end = fetched.caught_up_at
        if end is not None:
            # Only where the log itself ends here there is no more. Where a reader is only not shown what follows (a
            # transaction is open, or it is not durable yet) the rest belongs to the store, and is waited for.
            if 0 <= fetched.log_end <= end:
                each.target = min(each.target, end)
            each.position = max(each.position, min(each.target, end))
        if each.done:
            self._done[each.name] = each.progress
            del self._running[each.changelog]
            self._reader.drop([each.changelog])
            self._end(each)
        return count

    def _out_of_range(self, error: OffsetOutOfRangeException) -> None:
        each = self._running.get(error.partition or _NOWHERE)
        if each is None:  # it was dropped meanwhile
            return
        start = error.log_start
        if each.position > start:
            self._anew(each, f"its position {each.position} lies behind the log's end")
        # A log that lost its beginning (expired windows, compaction) goes on where it starts now.
        each.position = start
        self._reader.seek({each.changelog: start})

    def _anew(self, each: StoreRestore, reason: str) -> None:
        log.warning("Store %s of task %s is rebuilt from its changelog: %s.", each.store, each.task, reason)
        each.wipe()
        each.position = each.start = 0
        self._moved.add(each.changelog)
        self._reader.seek({each.changelog: 0})

    def _end(self, each: StoreRestore) -> None:
        if each.source is not None:
            each.source.tell()
        self._told("on_restore_end", each.changelog, each.store, each.total)

    def _told(self, what: str, partition: TopicPartition, store: str, *numbers: int) -> None:
        if self._listener is not None:
            getattr(self._listener, what)(partition, store, *numbers)


def outdated(each: StoreRestore, fetched: Fetched) -> str | None:
    """Why what a store has of its log is worth nothing, by the first that is fetched of it (decision 10); else None."""
    if each.kept == 0:
        return None
    if each.log_epoch != fetched.log_epoch:
        return f"its log epoch is {fetched.log_epoch}, not {each.log_epoch} as when it was written"
    if each.kept < fetched.tombstones_gone:
        return (
            f"it was away for longer than delete.retention.ms: its offset is {each.kept}, and deletions before "
            f"{fetched.tombstones_gone} are no longer in its changelog"
        )
    return None


def _no_row(each: StoreRestore, batch: RecordBatch, start: int) -> ProcessorStateException:
    """The error for a batch that holds something else than rows of the store: names the first such record."""
    where = f"offsets {start} to {batch.next_offset - 1}"
    for offset in batch.offsets:
        try:
            each.layers.apply(rows_of(batch, max(offset, start), min(offset + 1, each.target)))
        except Exception:
            where = f"offset {offset}"
            break
    return ProcessorStateException(
        f"Store {each.store} of task {each.task} cannot be restored from {each.changelog}: what lies at {where} is no "
        "row of this store. Only the application itself may write its changelogs. Where another kind of store had this "
        "name, take another name, or delete the changelog and the state directory."
    )


def rows_of(batch: RecordBatch, start: int, stop: int) -> list[Row]:
    """The batch's records at offsets from `start` and below `stop`; those without a key are no rows."""
    offsets = batch.offsets
    if len(offsets) and offsets[0] >= start and offsets[-1] < stop:
        return [(k, v, t) for k, v, t in zip(batch.keys, batch.values, batch.timestamps, strict=True) if k is not None]
    columns = zip(batch.keys, batch.values, batch.timestamps, offsets, strict=True)
    return [(k, v, t) for k, v, t, at in columns if k is not None and start <= at < stop]

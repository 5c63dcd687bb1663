"""From changelogs to stores, in slices of the worker's loop.

A restore reads each store's changelog from the store's mark to a target, and puts the bytes straight into the engine.
The target counts markers and removed records: it is reached by position, not by the last record seen.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from statestore.api import Layered
from statestore.engine import EngineError
from streams.clients.api import Fetched, Reader
from streams.errors import LogTruncatedException, OffsetOutOfRangeException, ProcessorStateException
from streams.metrics.registry import Counter
from streams.metrics.sensor import Sensor
from streams.operators.base import StoreAccess
from streams.record import Headers, RecordBatch, TopicPartition
from streams.runtime.compile.timestamps import Reading, stamped
from streams.runtime.state.changelog import Changelog, Mark, mark_name, write_mark
from streams.serdes.base import AnySerde
from streams.topology.node import TaskId

log = logging.getLogger("streams.runtime.restore")

Row = tuple[bytes, bytes | None, int]
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
        log: where it is read from, and up to where it has been applied.
        layers: the store.
        target: where it is done.
        wipe: empties the store, for the case that its position is worthless.
        source: makes the rows, where the log is a source topic; None: its records are rows.
    """

    task: TaskId
    store: str
    log: Changelog
    layers: Layered
    target: int
    wipe: Callable[[], None]
    start: int = 0
    total: int = 0
    kept: int = 0
    """Up to where the database had its log when it was opened; 0: nothing has to be proven, or it is proven already.

    What lies in the database is believed only when the log has been seen: it may have lost tombstones that the store
    never saw, or have been cut back since the store was judged (`outdated`). The first fetch says both, and from it on
    this is 0: either the store was emptied, or what it had is as good as what it reads now.
    """
    source: SourceRows | None = None
    restored: Counter = field(default_factory=Counter)
    """Counts the records that are applied."""
    timed: Sensor | None = None
    """Takes how long each slice took (ns)."""

    @property
    def done(self) -> bool:
        return self.log.offset >= self.target

    @property
    def name(self) -> str:
        """The store and its task, for people."""
        return f"{self.store} {self.task}"

    @property
    def progress(self) -> tuple[int, int]:
        """Records done and to be done."""
        return self.log.offset - self.start, self.target - self.start

    def rows(self, batch: RecordBatch) -> list[Row]:
        """What is still to be applied of a batch."""
        make = rows_of if self.source is None else self.source.rows
        return make(batch, self.log.offset, self.target)

    def mark(self) -> Mark:
        return self.log.mark()


class Restorer:
    """All restores of a worker, over one reader.

    Args:
        reader: reads changelogs.
        listener: told of progress, or None.
        sources: reads source topics that serve as changelogs, if they are to be read otherwise: as they were processed.
    """

    def __init__(self, reader: Reader, listener: RestoreListener | None, sources: Reader | None = None) -> None:
        self._reader = reader
        self._sources = sources
        self._listener = listener
        self._running: dict[TopicPartition, StoreRestore] = {}
        self._moved: set[TopicPartition] = set()  # to be read anew: what the last poll brought of them is not wanted
        self._done: dict[str, tuple[int, int]] = {}
        self.restored = self._told_of = 0
        """Records applied, ever."""
        self.polls = 0
        """Polls of changelogs, ever."""

    @property
    def tasks(self) -> int:
        """How many tasks are being restored. Any thread may ask."""
        return len({each.task for each in list(self._running.values())})

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def begin(self, restores: Iterable[StoreRestore]) -> None:
        """Starts reading for these stores; those that are at their target already end at once."""
        places: dict[TopicPartition, int] = {}
        from_sources: dict[TopicPartition, int] = {}
        if not self._running:
            self._done.clear()
        for each in restores:
            each.start = each.log.offset
            self._told("on_restore_start", each.log.partition, each.store, each.log.offset, each.target)
            if each.done:
                self._end(each)
            else:
                self._running[each.log.partition] = each
                to = places if self._of(each) is self._reader else from_sources
                to[each.log.partition] = each.log.offset
        if places:
            self._reader.seek(places)
        if from_sources and self._sources is not None:
            self._sources.seek(from_sources)

    def _of(self, each: StoreRestore) -> Reader:
        return self._reader if each.source is None or self._sources is None else self._sources

    def waits_for(self, task: TaskId) -> bool:
        """Is some store of the task still on its way?"""
        return any(each.task == task for each in self._running.values())

    def drop(self, task: TaskId) -> None:
        """The task is gone: its stores are read no further."""
        for each in [each for each in self._running.values() if each.task == task]:
            del self._running[each.log.partition]
            self._of(each).drop([each.log.partition])

    def step(self, timeout_ms: int) -> int:
        """One poll and what it brought; returns the number of records applied."""
        readers = {id(reader): reader for reader in map(self._of, self._running.values())}
        return sum([self._step(reader, timeout_ms) for reader in readers.values()])

    def _step(self, reader: Reader, timeout_ms: int) -> int:
        self.polls += 1
        try:
            fetched = reader.poll(timeout_ms)
        except OffsetOutOfRangeException as error:
            self._out_of_range(error)
            return 0
        except LogTruncatedException as error:
            each = self._running.get(error.partition or _NOWHERE)
            if each is not None:
                self._anew(each, f"its changelog was cut back below its position {each.log.offset}")
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
        if self._sources is not None:
            self._sources.close()

    def _take(self, fetched: Fetched) -> int:
        each = self._running.get(fetched.partition)
        if each is None:
            return 0
        reason = outdated(each, fetched)
        if fetched.log_epoch > each.log.log_epoch:
            reason = reason or cut_back_since(each)
            each.log.log_epoch = fetched.log_epoch
        each.kept = 0
        if reason is not None:
            self._anew(each, reason)
            return 0
        count = 0
        batch = fetched.batch
        if batch is not None:
            before, rows = each.log.offset, each.rows(batch)
            each.log.offset = min(max(each.log.offset, batch.next_offset), max(each.target, each.log.offset))
            began = 0.0 if each.timed is None else each.timed.now_ms()
            try:
                each.layers.apply(rows, {mark_name(each.store): write_mark(each.mark())})
            except EngineError:  # no fault of the rows
                raise
            except Exception as error:
                raise _no_row(each, batch, before) from error
            count = len(rows)
            if each.timed is not None:
                each.timed.record((each.timed.now_ms() - began) * 1e6)
            each.total += count
            each.restored.value += count
            self.restored += count
            self._told("on_batch_restored", each.log.partition, each.store, each.log.offset, count)
        end = fetched.caught_up_at
        if end is not None:
            # Only where the log itself ends here there is no more. Where a reader is only not shown what follows (a
            # transaction is open, or it is not durable yet) the rest belongs to the store, and is waited for.
            if 0 <= fetched.log_end <= end:
                each.target = min(each.target, end)
            each.log.offset = max(each.log.offset, min(each.target, end))
        if each.done:
            self._done[each.name] = each.progress
            del self._running[each.log.partition]
            self._of(each).drop([each.log.partition])
            self._end(each)
        return count

    def _out_of_range(self, error: OffsetOutOfRangeException) -> None:
        each = self._running.get(error.partition or _NOWHERE)
        if each is None:  # it was dropped meanwhile
            return
        start = error.log_start
        if each.log.offset > start:
            self._anew(each, f"its position {each.log.offset} lies behind the log's end")
        # A log that lost its beginning (expired windows, compaction) goes on where it starts now.
        each.log.offset = start
        self._of(each).seek({each.log.partition: start})

    def _anew(self, each: StoreRestore, reason: str) -> None:
        log.warning("Store %s of task %s is rebuilt from its changelog: %s.", each.store, each.task, reason)
        each.wipe()
        each.log.offset = each.log.reach = each.start = 0
        self._moved.add(each.log.partition)
        self._of(each).seek({each.log.partition: 0})

    def _end(self, each: StoreRestore) -> None:
        if each.source is not None:
            each.source.tell()
        self._told("on_restore_end", each.log.partition, each.store, each.total)

    def _told(self, what: str, partition: TopicPartition, store: str, *numbers: int) -> None:
        if self._listener is not None:
            getattr(self._listener, what)(partition, store, *numbers)


def outdated(each: StoreRestore, fetched: Fetched) -> str | None:
    """Why what a store has of its log is worth nothing, by the first that is fetched of it (decision 10); else None."""
    if each.kept == 0:
        return None
    if each.kept < fetched.tombstones_gone:
        return (
            f"it was away for longer than delete.retention.ms: its offset is {each.kept}, and deletions before "
            f"{fetched.tombstones_gone} are no longer in its changelog"
        )
    return None


def cut_back_since(each: StoreRestore) -> str | None:
    """Why what a store has is worth nothing after a power cut between its judgement and what is read now.

    A reader is told where its log parts from the one it has read, and does not come here. Here is what it has not read:
    rows that the database had before.
    """
    if each.kept or each.log.reach > each.log.offset:
        return f"its changelog was cut back while it was restored, with the epoch {each.log.log_epoch}"
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
        f"Store {each.store} of task {each.task} cannot be restored from {each.log.partition}: what lies at {where} is "
        "no row of this store. Only the application itself may write its changelogs. Where another kind of store had "
        "this name, take another name, or delete the changelog and the state directory."
    )


def rows_of(batch: RecordBatch, start: int, stop: int) -> list[Row]:
    """The batch's records at offsets from `start` and below `stop`; those without a key are no rows."""
    offsets = batch.offsets
    if len(offsets) and offsets[0] >= start and offsets[-1] < stop:
        return [(k, v, t) for k, v, t in zip(batch.keys, batch.values, batch.timestamps, strict=True) if k is not None]
    columns = zip(batch.keys, batch.values, batch.timestamps, offsets, strict=True)
    return [(k, v, t) for k, v, t, at in columns if k is not None and start <= at < stop]


class SourceRows:
    """Makes rows of a store from the records of the source topic that it is restored from
    (`reuse.ktable.source.topics`).

    A changelog holds rows; a source topic holds what anybody sent. So each record goes the way it went when it was
    processed: decoded by the source's serdes, given its time by the source's extractor, written by the store's serdes.
    What has been skipped on that way stays out: what cannot be decoded or written, and what has no timestamp. The
    positions that are restored are committed, so a handler has let such a record go; it is not asked again, and no dead
    letter is sent again. Java restores the bytes as they are (KAFKA-8037).

    Args:
        partition: of the source topic.
        reading: serdes and timestamp extractor of the source.
        store: whose rows are made.
        partition_time: the highest timestamp (ms) before what is read, -1 if that is the start.
    """

    def __init__(
        self, partition: TopicPartition, reading: Reading, store: StoreAccess[object], partition_time: int
    ) -> None:
        self._partition = partition
        self._reading = reading
        self._store = store
        self._time = partition_time
        self._key = _rewritten(reading.key_serde, store.key_serde, partition.topic)
        self._value = _rewritten(reading.value_serde, store.value_serde, partition.topic)
        self._left_out = 0
        self._first = -1

    def rows(self, batch: RecordBatch, start: int, stop: int) -> list[Row]:
        """The rows of the records at offsets from `start` and below `stop`. A table has none without a key."""
        if not len(batch):
            return []
        times, faults = stamped(self._reading, self._partition, batch, self._time)
        self._time = max(self._time, *times)
        headers = batch.headers or [()] * len(batch)
        found: list[Row] = []
        for at, offset in enumerate(batch.offsets):
            key, value = batch.keys[at], batch.values[at]
            if key is None or not start <= offset < stop:
                continue
            try:
                row = self._key(key, headers[at]), None if value is None else self._value(value, headers[at]), times[at]
            except Exception:
                self._leave_out(offset)
                continue
            if at in faults:
                self._leave_out(offset)
            else:
                found.append(row)
        return found

    def _leave_out(self, offset: int) -> None:
        self._left_out += 1
        if self._first < 0:
            self._first = offset

    def tell(self) -> None:
        """Says what was left out, once a restore."""
        if self._left_out:
            log.warning(
                "Store %s was restored from %s without %d records that had been skipped when they were processed: they "
                "cannot be read, or have no timestamp. The first is at offset %d.",
                self._store.name,
                self._partition,
                self._left_out,
                self._first,
            )


def _rewritten(reads: AnySerde, writes: AnySerde, topic: str) -> Callable[[bytes, Headers], bytes]:
    """From the bytes that a source reads to those that the store keeps; raises what the serdes do.

    They differ also under one canonical serde: malformed text is read with replacement characters, and written so.
    """
    encode = writes.encoder(topic)
    return lambda data, headers: encode(reads.deserialize(topic, data, headers))

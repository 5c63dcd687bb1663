"""Bugs of recovery to be planted into the product, which the crash runs must find (`test_planted_in_recovery`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from statestore.buffer import ChangeBuffer
from statestore.segments import Segments
from streams.clients.api import Position
from streams.clients.group_membership import GroupMembership
from streams.record import RecordBatch, TopicPartition
from streams.runtime.state.changelog import Mark
from streams.runtime.tasks import restore
from streams.runtime.tasks.restore import Row, StoreRestore
from streams.runtime.tasks.task import StreamTask
from streams.runtime.worker.commit import Commit
from streams.runtime.worker.guarantee import AT_LEAST_ONCE

Plant = Callable[[object, str, object], None]
"""Puts something in the place of an attribute, as `MonkeyPatch.setattr` does."""


def buffer_before_caches(plant: Plant) -> None:
    """What a suppress buffer has taken goes to its changelog first, and then the caches are flushed, into it."""

    def flush(self: StreamTask) -> None:
        self._current.active = True
        buffers = [each for each in self._flushed if isinstance(each[1], ChangeBuffer)]
        caches = [each for each in self._flushed if each not in buffers]
        for name, layers in (*buffers, *caches):
            self._flush(name, layers)
        self._run_end.run()
        self._current.active = False

    plant(StreamTask, "flush", flush)


def offsets_before_flush(plant: Plant) -> None:
    """Offsets are committed before what was done for them is anywhere."""
    flush, send, offsets, *others = AT_LEAST_ONCE.commit
    plant(AT_LEAST_ONCE, "commit", (offsets, flush, send, *others))


def on_disk_before_offsets(plant: Plant) -> None:
    """What was flushed goes to the disk before its offsets are committed: it is done a second time on top of it."""

    def flush(one: Commit) -> None:
        flushed(one)
        for task in one.tasks:
            for store in task.state.stores.values():
                store.layers.commit()
                store.layers.spill(1_000_000)

    (name, flushed), *others = AT_LEAST_ONCE.commit
    plant(AT_LEAST_ONCE, "commit", ((name, flush), *others))


def buffer_without_changelog(plant: Plant) -> None:
    """A suppress buffer's changes are in no changelog."""
    honest = ChangeBuffer.bind

    def bind(self: ChangeBuffer, changelog: Any, forward: Any, sends_old: bool) -> None:
        honest(self, None, forward, sends_old)

    plant(ChangeBuffer, "bind", bind)


def timestamps_dropped(plant: Plant) -> None:
    """Rows are restored without the timestamps of their changelog."""
    honest = restore.rows_of

    def rows_of(batch: RecordBatch, start: int, stop: int) -> list[Row]:
        return [(key, value, 0) for key, value, _ in honest(batch, start, stop)]

    plant(restore, "rows_of", rows_of)


def store_time_not_restored(plant: Plant) -> None:
    """A window store is restored without the time it has seen: what has expired is seen again."""
    honest = Segments.restore

    def restored(self: Segments[Any], rows: Iterable[Row], marks: Mapping[bytes, bytes]) -> None:
        honest(self, rows, marks)
        self.observed = self.highest = -1
        self._set_live()
        self.commit()

    plant(Segments, "restore", restored)


def partition_times_not_committed(plant: Plant) -> None:
    """Offsets are committed without the time of their partition."""
    honest = GroupMembership.commit_now

    def commit_now(self: GroupMembership, offsets: Mapping[TopicPartition, Position], timeout_ms: int) -> None:
        honest(self, {partition: Position(at.offset) for partition, at in offsets.items()}, timeout_ms)

    plant(GroupMembership, "commit_now", commit_now)


def last_row_not_restored(plant: Plant) -> None:
    """A restore ends one row before its target."""
    honest = StoreRestore.rows

    def rows(self: StoreRestore, batch: RecordBatch) -> list[Row]:
        found = honest(self, batch)
        return found[:-1] if batch.next_offset >= self.target else found

    plant(StoreRestore, "rows", rows)


def marked_before_it_is_restored(plant: Plant) -> None:
    """A restore that was cut short says that it has come to its end."""

    def mark(self: StoreRestore) -> Mark:
        return Mark(self.log.topic_id, self.log.log_epoch, self.target, self.target)

    plant(StoreRestore, "mark", mark)


def tombstones_not_restored(plant: Plant) -> None:
    """Deletions in a changelog are passed over."""
    honest = restore.rows_of

    def rows_of(batch: RecordBatch, start: int, stop: int) -> list[Row]:
        return [row for row in honest(batch, start, stop) if row[1] is not None]

    plant(restore, "rows_of", rows_of)


PLANTED: Mapping[str, Callable[[Plant], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        buffer_before_caches,
        buffer_without_changelog,
        last_row_not_restored,
        marked_before_it_is_restored,
        offsets_before_flush,
        on_disk_before_offsets,
        store_time_not_restored,
        partition_times_not_committed,
        timestamps_dropped,
        tombstones_not_restored,
    )
}

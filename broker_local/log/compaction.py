"""Compaction: of every key the newest record stays, and its tombstone for a while.

`plan` is pure: from what is known of a log it says whether a pass is due, which segments it reads and how
far it goes. `run` makes the pass: it reads those segments and writes new ones beside them. `Partition.swap`
then puts them in place in one step. The rules are Kafka's (`LogCleaner`):

* the segment that is written to, and what is not durable or stable, is never touched; nor what is younger than
  `min.compaction.lag.ms`;
* offsets never change; a batch keeps base offset, span, producer and sequence;
* a tombstone stays `delete.retention.ms` from the pass that first saw it; that time stands in its batch
  (`cleaned at`);
* nothing of an open transaction is touched. What is older is decided: batches that were aborted go, those that were
  committed are of no transaction any more, and so their markers have nothing left to tell and go as well;
* the last batch of every producer stays, if need be without records, so that its sequence is known; so does the
  last batch of the pass, so that a reader's position gets to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from broker_local.base.faults import Corruption, Crashed, StorageFailure, Unreadable
from broker_local.base.files import Files, Handles
from broker_local.log import format as batches
from broker_local.log.format import NO_TIME, BadBatch, Header
from broker_local.log.segment import BatchPosition, Name, Segment
from broker_local.log.topics import TopicSettings
from broker_local.log.transactions import AbortedRange, AbortedRanges, by_producer, is_aborted

KEY_BYTES = 128 << 20
"""Memory for the keys of one pass (`log.cleaner.dedupe.buffer.size`); what does not fit waits for the next."""

ENTRY_BYTES = 160
"""What a key takes beside its own bytes."""


class SegmentFacts(NamedTuple):
    """A segment as a compaction sees it: name, end, bytes, timestamps (ms) of its oldest
    batch and its newest record."""

    name: Name
    end: int
    size: int
    oldest: int
    newest: int


class Facts(NamedTuple):
    """A log as a compaction sees it.

    Args:
        where: the partition's directory.
        segments: in order; the last is still written to.
        clean_end: offset up to which earlier passes have been.
        log_start: records before it are gone.
        limit: offset that no pass goes beyond: what is durable and stable.
        horizon: time (ms) of the earliest pass that saw a tombstone which is still there, -1 for none.
        last_batches: base offsets of each producer's last batch, which stays.
        number: of the next pass.
        aborted: what transactions wrote that were aborted.
    """

    where: str
    segments: tuple[SegmentFacts, ...]
    clean_end: int
    log_start: int
    limit: int
    horizon: int
    last_batches: frozenset[int]
    number: int
    aborted: tuple[AbortedRange, ...] = ()


class Job(NamedTuple):
    """One pass.

    Args:
        where: the partition's directory.
        groups: segments to read, as they were closed; each group becomes one segment.
        dirty_from: offset from which on keys are looked at: earlier passes have been before it.
        end: offset that the pass goes to at most.
        log_start: records before it are dropped.
        expired: tombstones first seen at or before this time (ms) are dropped.
        now: the time of the pass (ms).
        last_batches: base offsets of batches that stay, if need be without records.
        number: of the pass, part of the names of what it writes.
        interval: bytes between index entries.
        key_bytes: memory for keys.
        aborted: what transactions wrote that were aborted; it goes.
    """

    where: str
    groups: tuple[tuple[SegmentFacts, ...], ...]
    dirty_from: int
    end: int
    log_start: int
    expired: int
    now: int
    last_batches: frozenset[int]
    number: int
    interval: int
    key_bytes: int
    aborted: tuple[AbortedRange, ...] = ()


class CompactionResult(NamedTuple):
    """What a pass did.

    Args:
        read: the segments it read.
        wrote: those it wrote, durable.
        clean_end: offset up to which the log is compacted.
        gone: offset below which it removed tombstones, 0 if none.
        horizon: time (ms) of the earliest pass that saw a tombstone which is still there, -1 for none.
        number: of the pass.
        unread: file, byte and cause of each batch that nobody can read; it stays as it is.
    """

    read: tuple[Name, ...]
    wrote: tuple[Name, ...]
    clean_end: int
    gone: int
    horizon: int
    number: int
    unread: tuple[tuple[str, int, str], ...] = ()


Outcome = CompactionResult | StorageFailure | OSError | Crashed
"""What came of a pass."""


def plan(facts: Facts, settings: TopicSettings, now: int, key_bytes: int = KEY_BYTES) -> Job | None:
    """Says what a pass over a log would do now.

    Args:
        facts: the log.
        settings: its topic's.
        now: the time in ms.
        key_bytes: memory for keys.
    Returns:
        The pass, or None if none is due.
    """
    ready: list[SegmentFacts] = []
    for segment in facts.segments[:-1]:
        young = settings.min_compaction_lag_ms and segment.newest > now - settings.min_compaction_lag_ms
        if segment.end > facts.limit or young:
            break
        ready.append(segment)
    dirty = [segment for segment in ready if segment.end > facts.clean_end]
    size = sum(segment.size for segment in ready)
    dirty_size = sum(segment.size for segment in dirty)
    expired = now - settings.delete_retention_ms
    due = (
        (dirty_size > 0 and dirty_size >= settings.min_cleanable_dirty_ratio * size)
        or any(now - segment.oldest > settings.max_compaction_lag_ms for segment in dirty if segment.size)
        or (bool(ready) and facts.horizon != NO_TIME and facts.horizon <= expired)
    )
    if not due:
        return None
    return Job(
        where=facts.where,
        groups=_groups(ready, settings.segment_bytes),
        dirty_from=max(facts.clean_end, facts.log_start),
        end=ready[-1].end,
        log_start=facts.log_start,
        expired=expired,
        now=now,
        last_batches=facts.last_batches,
        number=facts.number,
        interval=settings.index_interval_bytes,
        key_bytes=key_bytes,
        aborted=tuple(each for each in facts.aborted if each.first < ready[-1].end),
    )


def _groups(segments: Sequence[SegmentFacts], most: int) -> tuple[tuple[SegmentFacts, ...], ...]:
    """Neighbours that fit into one segment together."""
    groups: list[list[SegmentFacts]] = []
    size = 0
    for segment in segments:
        if not groups or size + segment.size > most:
            groups.append([])
            size = 0
        groups[-1].append(segment)
        size += segment.size
    return tuple(map(tuple, groups))


def run(files: Files, job: Job) -> CompactionResult:
    """Makes a pass: writes new segments beside the old ones, and leaves those as they are.

    Args:
        files: the disk.
        job: the pass.
    Raises:
        Corruption: a batch it has to read is not what was written.
        OSError: the disk. In every case what was written is removed again.
    """
    handles = Handles(files, limit=8)
    old = [[_found(handles, job, facts) for facts in group] for group in job.groups]
    aborted = by_producer(job.aborted)
    newest, end = _newest_offsets([segment for group in old for segment in group], job, aborted)
    walker = _Pass(job, newest, end, aborted)
    fresh: list[Segment] = []
    read: list[Name] = []
    try:
        for group in old:
            if group[0].base >= end:
                break
            segment = Segment(handles, job.where, Name(group[0].base, job.number), job.interval)
            fresh.append(segment)
            segment.create()
            for source in group:
                read.append(source.name)
                walker.copy(source, segment)
            segment.save_index(closing=True)
            files.fsync(segment.path)
            if segment.size:
                files.fsync(segment.index_path)
        files.fsync(job.where)
    except BaseException:
        for segment in fresh:
            segment.remove()
        raise
    wrote = tuple(segment.name for segment in fresh)
    return CompactionResult(tuple(read), wrote, end, walker.gone, walker.horizon, job.number, tuple(walker.unread))


def _found(handles: Handles, job: Job, facts: SegmentFacts) -> Segment:
    """A segment that is to be read, if it still is what it was."""
    segment = Segment(handles, job.where, facts.name, job.interval)
    segment.find_closed(facts.size, facts.end)
    return segment


def _newest_offsets(
    segments: Sequence[Segment], job: Job, aborted: AbortedRanges
) -> tuple[dict[bytes, int], int]:
    """The newest offset of every key from `dirty_from` on, and how far that goes: as much as there is memory for."""
    newest: dict[bytes, int] = {}
    room, done = job.key_bytes, job.dirty_from
    for segment in segments:
        for placed in segment.walk(max(job.dirty_from, segment.base)):
            if placed.header.next_offset <= job.dirty_from or is_aborted(placed.header, aborted):
                continue
            try:
                keys, _, _, _, offsets, next_offset = segment.read(placed)
            except Unreadable:  # it has no keys that anybody knows; the copy tells of it
                done = placed.header.next_offset
                continue
            need = sum(ENTRY_BYTES + len(key) for key in keys if key is not None and key not in newest)
            if need > room and newest:
                return newest, placed.header.base_offset
            room -= need
            for key, offset in zip(keys, offsets, strict=True):
                if key is not None:
                    newest[key] = offset
            done = next_offset
    return newest, max(done, job.end)


class _Pass:
    """What a pass has learned while it copies."""

    __slots__ = ("_aborted", "_end", "_held", "_job", "_newest", "gone", "horizon", "unread")

    def __init__(self, job: Job, newest: dict[bytes, int], end: int, aborted: AbortedRanges) -> None:
        self._aborted = aborted
        self._job = job
        self._newest = newest
        self._end = end
        self._held: set[tuple[int, int]] = set()  # transactions of which something unreadable stays as it is
        self.gone = 0
        self.horizon = NO_TIME
        self.unread: list[tuple[str, int, str]] = []

    def copy(self, source: Segment, target: Segment) -> None:
        """Copies what stays of one segment behind what another already has."""
        for placed in source.walk(source.base):
            header = placed.header
            data = source.file().pread(header.size, placed.position)
            kept = self._kept(header, data, source, placed)
            if kept is not None:
                target.append(kept[: batches.PREFIX], kept[batches.PREFIX :], batches.peek(kept))

    def _kept(self, header: Header, data: bytes, source: Segment, placed: BatchPosition) -> bytes | None:
        """The bytes of a batch after the pass; None if nothing of it stays."""
        job, newest, transaction = self._job, self._newest, (header.producer_id, header.epoch)
        if header.base_offset >= self._end:
            return data
        if header.flags & batches.CONTROL:
            return data if transaction in self._held or header.next_offset == self._end else None
        decided = bool(header.flags & batches.TRANSACTIONAL)
        gone = is_aborted(header, self._aborted)
        try:
            keys, values, times, headers, offsets, _ = batches.read(data)
        except batches.Unreadable as error:
            if not gone:
                self.unread.append((source.path, placed.position, str(error)))
                if decided:  # its marker tells that it is
                    self._held.add(transaction)
                return data
            keys, values, times, headers, offsets = [], [], [], None, range(0)
        except BadBatch as error:
            raise Corruption(source.path, placed.position, str(error)) from error
        base, seen = header.base_offset, header.cleaned_at
        old_tombstones = seen != NO_TIME and seen <= job.expired
        stay: list[int] = []
        tombstones = False
        for at, (key, value, offset) in enumerate(zip(keys, values, offsets, strict=True)):
            if offset >= self._end:
                stay.append(at)
                continue
            if gone or key is None or offset < job.log_start or newest.get(key, -1) > offset:
                continue
            if value is None:
                if old_tombstones:
                    self.gone = max(self.gone, offset + 1)
                    continue
                tombstones = True
            stay.append(at)
        cleaned_at = (seen if seen != NO_TIME else job.now) if tombstones else NO_TIME
        if tombstones:
            self.horizon = cleaned_at if self.horizon == NO_TIME else min(self.horizon, cleaned_at)
        if not stay and base not in job.last_batches and header.next_offset != self._end:
            return None
        if len(stay) == len(keys) and cleaned_at == seen and not decided and not gone:
            return data
        return batches.rewrite(
            header,
            [keys[at] for at in stay],
            [values[at] for at in stay],
            [times[at] for at in stay],
            None if headers is None or not stay else [headers[at] for at in stay],
            [offsets[at] - base for at in stay],
            cleaned_at,
        )

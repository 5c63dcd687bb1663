"""One partition: a log of batches that is appended to at its end, read anywhere, and shortened at its start."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, NoReturn

from broker_local.base import atomic_file
from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption, DiskFailed, Refusal
from broker_local.base.files import PASSING, Handles, lacking
from broker_local.log import format as batches
from broker_local.log import layout, recovery
from broker_local.log.compaction import CompactionResult, Facts, SegmentFacts
from broker_local.log.format import NO_PRODUCER, NO_TIME, BadBatch, Header
from broker_local.log.layout import State
from broker_local.log.recovery import NOTHING, LogCheckpoint
from broker_local.log.segment import BatchPosition, Name, Piece, Segment
from broker_local.log.topics import LONG_MAX, Topic
from broker_local.log.transactions import OpenTransaction, is_aborted

SNAPSHOT_BATCHES = 4_096
SNAPSHOT_BYTES = 16 << 20
"""After so many batches or bytes producers are noted again, which bounds what a start has to read."""
SPLIT = 16
"""Most pieces of one segment in a read that leaves out what was aborted: each costs a descriptor."""


class LogAppendInfo(NamedTuple):
    """Where a batch lies.

    Args:
        base_offset: offset of its first record.
        timestamp: ms; the time of the append under `LogAppendTime`, else -1.
        log_start: first offset of the log.
        duplicate: it was there before; nothing was written.
    """

    base_offset: int
    timestamp: int
    log_start: int
    duplicate: bool


class OffsetAndTimestamp(NamedTuple):
    """A record that was looked for by time: its offset and its timestamp in ms."""

    offset: int
    timestamp: int


class Read(NamedTuple):
    """What a reader gets: pieces of the log, in order, and the offset at which it goes on."""

    pieces: list[Piece]
    next_offset: int


class Partition:
    """One partition, open. It has one owner: nothing here may be called from two threads at once.

    Args:
        handles: the open files.
        topic: the topic.
        number: which of its partitions.
        known: what the recovery point says of it.
        on_dirty: called before anything is written that has to be made durable, where nothing was yet.
    Raises:
        Corruption: its files are not what was written.
    """

    __slots__ = (
        "_appended",
        "_failed",
        "_handles",
        "_on_dirty",
        "_producers",
        "_segments",
        "_settings",
        "_snapshot_due",
        "_snapshots",
        "_state",
        "_transactions",
        "_unsaved",
        "_unsynced",
        "_where",
        "cut_bytes",
        "durable_end",
        "end",
        "log_epoch",
        "log_start",
        "number",
        "topic",
    )

    def __init__(
        self,
        handles: Handles,
        topic: Topic,
        number: int,
        known: LogCheckpoint = NOTHING,
        on_dirty: Callable[[Partition], None] = lambda partition: None,
    ) -> None:
        self.topic = topic
        self.number = number
        self._settings = topic.settings
        self._where = layout.directory(topic.id, number)
        self._handles = handles
        self._on_dirty = on_dirty
        opened = recovery.open_log(handles, self._where, self._settings.index_interval_bytes, known)
        self._state, self._segments = opened.state, opened.segments
        self._producers, self._transactions = opened.producers, opened.transactions
        self.cut_bytes = opened.cut_bytes
        self._unsaved = opened.unsaved
        self._failed: DiskFailed | Refusal | None = None
        self._appended = [opened.replayed, 0]
        self._snapshots = opened.snapshots
        self._unsynced: dict[str, None] = {}
        self.end = self._segments[-1].next_offset if self._segments else self._state.start
        self.log_start = max(self._state.start, self._segments[0].base if self._segments else 0)
        self.log_epoch = max([known.epoch, *(epoch for epoch, _ in self._state.cuts)])
        self.durable_end = self.end
        # A last segment that nothing is known of may have been made by one that was killed before it wrote: its entry
        # in the directory is on no disk, and no later write would see to that.
        young = bool(self._segments) and self._segments[-1].base >= known.end
        if self.end > known.end or self.cut_bytes or young:
            self.durable_end = min(known.end, self.end)
            for path in _directories(self._where):
                self._dirty(path)
            for segment, end in zip(self._segments, self._ends(), strict=True):
                if end > known.end or segment is self._segments[-1]:
                    self._dirty(segment.path)
            for offset in self._snapshots:  # written before a kill, and perhaps not on the disk
                self._dirty(layout.snapshot_path(self._where, offset))

    def _ends(self) -> list[int]:
        """Where each segment ends: where the next begins, though compaction may have emptied its tail."""
        return [*(segment.base for segment in self._segments[1:]), self.end][: len(self._segments)]

    def __repr__(self) -> str:
        return f"{self.topic.name}-{self.number}"

    @property
    def last_stable_offset(self) -> int:
        """The offset of the first record of the first transaction that is open; the end where none is."""
        return max(self.log_start, self._transactions.stable(self.end))

    @property
    def open_transactions(self) -> Mapping[int, OpenTransaction]:
        """Those that have not ended here, by producer id."""
        return self._transactions.open

    @property
    def size(self) -> int:
        """Bytes of the log."""
        return sum(segment.size for segment in self._segments)

    @property
    def tombstones_gone(self) -> int:
        """The offset below which compaction removed tombstones: who stopped below it may keep deleted keys."""
        return self._state.gone

    def reconfigure(self, topic: Topic) -> None:
        """Takes the topic's new settings."""
        self.topic = topic
        self._settings = topic.settings

    # appending

    def append(
        self, batch: bytes | memoryview, now: int, begin: Callable[[Header], None] | None = None
    ) -> LogAppendInfo:
        """Appends one batch, if it is whole, in order and new.

        Args:
            batch: the producer's part.
            now: the time in ms.
            begin: called before a batch of a transaction is written, which belongs to it from then on; raises Refusal
                where it may not. None: only batches of no transaction are taken.
        Returns:
            Where it lies now, or lay already.
        Raises:
            Refusal: CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_RECORD, INVALID_TIMESTAMP,
                UNSUPPORTED_COMPRESSION_TYPE, what `Producers.check` says, or KAFKA_STORAGE_ERROR when the
                disk is full: then the log is as before, and the same request may succeed later.
            DiskFailed: the disk failed; nothing more is taken.
        """
        if self._failed is not None:
            raise self._failed
        try:
            header = batches.produced(batch)
        except BadBatch as error:
            raise Refusal(ErrorCode.CORRUPT_MESSAGE, f"a batch for {self!r} arrived damaged: {error}") from error
        self._admit(header, len(batch) + batches.PREFIX, now)
        if begin is not None:
            begin(header)
        elif header.flags & batches.TRANSACTIONAL:
            said = f"a batch for {self!r} belongs to a transaction, and its request has no transactional id"
            raise Refusal(ErrorCode.INVALID_TXN_STATE, said)
        # Before the payload is looked at: what is stored already is answered so, whatever is asked of payloads by now.
        if header.producer_id != NO_PRODUCER:
            stored = self._producers.check(header)
            if stored is not None:
                return LogAppendInfo(stored.base_offset, stored.timestamp, self.log_start, True)
        try:
            batches.check_outline(header, batch)
        except BadBatch as error:
            raise Refusal(ErrorCode.INVALID_RECORD, f"a batch for {self!r} was refused: {error}") from error
        append_time = now if self._settings.log_append_time else NO_TIME
        header = self._write(batch, header, now, append_time)
        self._producers.stored(header, now)
        return LogAppendInfo(header.base_offset, append_time, self.log_start, False)

    def end_transaction(self, producer_id: int, epoch: int, commit: bool, now: int) -> bool:
        """Appends the marker of a transaction, if it is open here: done twice it is done once.

        Returns:
            Whether there was anything to end.
        Raises:
            Refusal: KAFKA_STORAGE_ERROR, the disk is full.
            DiskFailed: the disk failed; nothing more is taken.
        """
        if self._failed is not None:
            raise self._failed
        begun = self._transactions.open.get(producer_id)
        if begun is None or begun.epoch != epoch:
            return False
        batch = batches.marker(producer_id, epoch, commit, now)
        self._write(batch, batches.produced(batch, own=True), now, NO_TIME)
        return True

    def _write(self, batch: bytes | memoryview, header: Header, now: int, append_time: int) -> Header:
        """Writes a batch at the end; its header with its place."""
        if not self._unsynced:
            self._on_dirty(self)  # before anything is written: it may have to be noted first that something is
        segment = self._room(header, now)
        prefix = batches.seal(batch, self.end, self.log_epoch, append_time)
        header = header._replace(base_offset=self.end, log_epoch=self.log_epoch, append_time=append_time)
        try:
            segment.append(prefix, batch, header)
        except OSError as error:
            self._not_written(error, segment)
        self._unsynced[segment.path] = None
        self._transactions.stored(header)
        self._appended[0] += 1
        self._appended[1] += header.size
        self.end = header.next_offset
        return header

    def _admit(self, header: Header, size: int, now: int) -> None:
        settings = self._settings
        if size > settings.max_message_bytes:
            said = f"a batch of {size} bytes is larger than max.message.bytes, {settings.max_message_bytes}"
            raise Refusal(ErrorCode.MESSAGE_TOO_LARGE, f"{said}, of {self!r}")
        if header.codec != batches.CODEC_NONE:
            name = batches.CODECS.get(header.codec, f"number {header.codec}")
            raise Refusal(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, f"codec {name} is not built yet; send uncompressed")
        if settings.compacts and header.flags & batches.KEYLESS:
            said = f"Compacted topic cannot accept message without key in topic partition {self!r}."
            raise Refusal(ErrorCode.INVALID_RECORD, said)
        if settings.log_append_time:
            return
        if header.max_timestamp > now + settings.timestamp_after_max_ms or (
            settings.timestamp_before_max_ms != LONG_MAX
            and header.first_timestamp < now - settings.timestamp_before_max_ms
        ):
            said = f"Timestamps {header.first_timestamp} to {header.max_timestamp} lie out of the range that"
            allowed = "message.timestamp.before.max.ms and message.timestamp.after.max.ms"
            raise Refusal(ErrorCode.INVALID_TIMESTAMP, f"{said} {allowed} of {self!r} allow around {now}")

    def _dirty(self, path: str) -> None:
        if not self._unsynced:
            self._on_dirty(self)
        self._unsynced[path] = None

    def _not_written(self, error: OSError, segment: Segment) -> NoReturn:
        """After a failed write: cuts off what was written of it, or gives the log up."""
        cause: OSError = error
        if error.errno in PASSING:
            try:
                segment.trim()
            except OSError as second:
                cause = second
            else:
                said = f"{lacking(error)} for {self!r} ({error.strerror}); free some and try again"
                raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, said) from error
        self._give_up(cause, segment.path, segment.size)

    def _give_up(self, error: OSError, path: str, position: int) -> NoReturn:
        self._failed = DiskFailed(path, position, error.strerror or str(error))
        raise self._failed from error

    def _room(self, header: Header, now: int) -> Segment:
        """The segment that takes the batch; a new one where the last is full or spans too much time."""
        settings = self._settings
        if self._segments:
            active = self._segments[-1]
            if not active.size:
                return active
            spans = (now if settings.log_append_time else header.max_timestamp) - active.oldest
            longest = settings.segment_ms
            if settings.compacts:  # what is still written to is not compacted
                longest = min(longest, settings.max_compaction_lag_ms)
            if active.size + header.size <= settings.segment_bytes and spans <= longest:
                return active
        return self._roll()

    def _roll(self) -> Segment:
        """Closes the last segment and begins one at the end of the log."""
        fresh = Segment(self._handles, self._where, Name(self.end), self._settings.index_interval_bytes)
        state = self._state.with_segments([*self._segments, fresh])
        try:
            if self._segments:
                self.checkpoint(closing=True)
                fresh.create()
                self._write_state(state)
            else:
                self._handles.files.make_directory(self._where)
                fresh.create()
                if self._handles.files.size(f"{self._where}/state") >= 0:
                    self._write_state(state)
                for path in _directories(self._where):
                    self._dirty(path)
        except OSError as error:
            if error.errno in PASSING:
                fresh.remove()
                said = f"{lacking(error)} for a new segment of {self!r}; free some and try again"
                raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, said) from error
            self._give_up(error, fresh.path, 0)
        self._segments.append(fresh)
        self._state = state
        return fresh

    def _write_state(self, state: State) -> None:
        for path in _directories(self._where):
            if path in self._unsynced:  # the state may not be lost with the directory it lies in
                self._handles.files.fsync(path)
        try:
            layout.write_state(self._handles.files, self._where, state)
        except DiskFailed as fault:
            self._failed = fault
            raise
        self._state = state

    @property
    def saved(self) -> bool:
        """Is its state on the disk, or was that too full for it when the log was opened?"""
        return self._unsaved is None

    def save(self) -> None:
        """Writes the state that a start on a full disk could not write.

        Raises:
            OSError: as before.
        """
        if self._unsaved is not None:
            self._write_state(self._state)
            self._remove(self._unsaved)
            self._unsaved = None

    # durability

    def checkpoint(self, closing: bool = False) -> None:
        """Saves what spares the next start work: index entries, and producers when much has come since.

        Args:
            closing: nothing more is appended to the last segment.
        Raises:
            OSError: nothing is lost by it but that work.
        """
        if not self._segments:
            return
        active = self._segments[-1]
        if active.save_index(closing):
            self._dirty(active.index_path)
        count, size = self._appended
        if count and (closing or count >= SNAPSHOT_BATCHES or size >= SNAPSHOT_BYTES):
            self._appended = [0, 0]
            path = layout.snapshot_path(self._where, self.end)
            content = {"producers": self._producers.dump(), **self._transactions.dump()}
            data = atomic_file.pack(layout.SNAPSHOT_KIND, layout.SNAPSHOT_VERSION, content)
            self._handles.files.remove(path)
            self._handles.files.open(path, create=True).write((data,), 0)
            self._dirty(path)
            self._dirty(self._where)
            self._snapshots.insert(0, self.end)
            while len(self._snapshots) > 2:
                old = layout.snapshot_path(self._where, self._snapshots.pop())
                self._unsynced.pop(old, None)
                self._handles.files.remove(old)

    def take_unsynced(self) -> list[str]:
        """Paths that are to be fsynced to make the log durable up to its present end; they count as taken."""
        paths = list(self._unsynced)
        self._unsynced = {}
        return paths

    def synced(self, end: int) -> None:
        """All up to `end` is durable now."""
        self.durable_end = max(self.durable_end, end)
        self._transactions.durable(self.durable_end)

    def close(self) -> None:
        """Its topic is gone: nothing more is taken, and its files are let go."""
        self._failed = Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"{self!r} was deleted")
        for segment in self._segments:
            segment.forget()

    # reading

    def _number(self, offset: int) -> int:
        return max(0, bisect_right(self._segments, offset, key=lambda segment: segment.base) - 1)

    def read_committed(self, offset: int, max_bytes: int, up_to: int | None = None) -> Read:
        """As `read`, without the batches of transactions that were aborted; nothing at or after the last stable offset.
        Headers are looked at only where there are such batches."""
        if not self._transactions.any:
            return self.read(offset, max_bytes, up_to)
        stable = self.last_stable_offset
        found = self.read(offset, max_bytes, stable if up_to is None else min(up_to, stable))
        if not self._transactions.between(offset, found.next_offset):
            return found
        pieces: list[Piece] = []
        for piece in found.pieces:
            segment = next(each for each in self._segments if each.path == piece.data.file.path)
            begin = max(offset, segment.base)
            aborted = self._transactions.between(begin, piece.next_offset)
            kept, whole = segment.split(piece, aborted, SPLIT) if aborted else ([piece], True)
            pieces += kept
            if not whole:
                return Read(pieces, kept[-1].next_offset)
        return Read(pieces, found.next_offset)

    def read(self, offset: int, max_bytes: int, up_to: int | None = None) -> Read:
        """Finds the bytes of whole batches from `offset` on.

        The first batch may begin before `offset`: its reader drops what it did not ask for.

        Args:
            offset: the first offset that is wanted.
            max_bytes: how much at most; one batch is given even if it is larger.
            up_to: read no batch at or after this offset: the end if None, or durable or last stable offset.
        Returns:
            Pieces in order, one a segment, and where to go on. Without a piece that is where it was asked from, or,
            where all up to the limit was removed, the limit.
        Raises:
            Refusal: OFFSET_OUT_OF_RANGE.
            Corruption: what lies there is not what was written.
        """
        limit = self.end if up_to is None else min(up_to, self.end)
        if not self.log_start <= offset <= self.end:
            said = f"offset {offset} of {self!r} is out of range: the log has {self.log_start} to {self.end}"
            raise Refusal(ErrorCode.OFFSET_OUT_OF_RANGE, said)
        pieces: list[Piece] = []
        if offset >= limit:
            return Read(pieces, offset)
        first = self._number(offset)
        for number, segment in enumerate(self._segments[first:], first + 1):
            if segment.base >= limit:
                break
            if pieces and (max_bytes <= 0 or not segment.ready()):
                return Read(pieces, pieces[-1].next_offset)
            start = segment.locate(offset)
            stop = segment.locate(limit)
            if start >= stop:
                continue
            # What a compaction has emptied at the end of a segment is passed over with the last batch before it.
            after = min(limit, self._segments[number].base) if number < len(self._segments) else limit
            found = segment.slice(start, max_bytes, stop, after)
            if pieces and found.data.length > max_bytes:
                return Read(pieces, pieces[-1].next_offset)
            pieces.append(found)
            max_bytes -= found.data.length
            if start + found.data.length < stop:
                return Read(pieces, found.next_offset)
        return Read(pieces, limit)

    def ready(self, offset: int) -> bool:
        """Is the index there that a read from an offset needs? If it was lost, some of it is made."""
        return not self._segments or self._segments[self._number(offset)].ready()

    def offset_for_time(self, timestamp: int, committed: bool = False) -> OffsetAndTimestamp | None:
        """The first record that is at least as new as `timestamp` (ms); None if there is none. `committed`: none that
        was aborted counts."""
        aborted = self._transactions.between(self.log_start, self.end) if committed else {}
        for segment in self._segments:
            segment.look_at_end()
            if segment.newest < timestamp:
                continue
            for placed in segment.batches_for_time(timestamp):
                if is_aborted(placed.header, aborted):
                    continue
                found = self._first(segment, placed, timestamp)
                if found is not None:
                    return found
        return None

    def _first(self, segment: Segment, placed: BatchPosition, timestamp: int) -> OffsetAndTimestamp | None:
        if placed.header.next_offset <= self.log_start:
            return None
        _, _, times, _, offsets, _ = segment.read(placed)
        for offset, time in zip(offsets, times, strict=True):
            if time >= timestamp and offset >= self.log_start:
                return OffsetAndTimestamp(offset, time)
        return None

    def newest(self, committed: bool = False) -> OffsetAndTimestamp | None:
        """The first record with the highest timestamp of the log; None if there is no record. `committed`: of those
        that were not aborted, before the last stable offset."""
        if committed and self._transactions.any:
            stable, aborted = self.last_stable_offset, self._transactions.between(self.log_start, self.end)
            times = (
                header.newest
                for header in self.headers(self.log_start)
                if header.base_offset < stable and header.records and not is_aborted(header, aborted)
            )
            newest = max(times, default=NO_TIME)
            return None if newest == NO_TIME else self.offset_for_time(newest, committed=True)
        for segment in self._segments:
            segment.look_at_end()
        highest = max((segment.newest for segment in self._segments), default=NO_TIME)
        return None if highest == NO_TIME else self.offset_for_time(highest)

    def end_of_epoch(self, epoch: int) -> int:
        """The offset up to which a reader that last saw `epoch` has the same records as this log."""
        return min([self.end, *(offset for later, offset in self._state.cuts if later > epoch)])

    def headers(self, offset: int, deep: bool = False) -> Iterator[Header]:
        """Headers of all batches that end after `offset`.

        Args:
            offset: where to begin.
            deep: check the payloads as well.
        Raises:
            Corruption: what lies there is not what was written.
        """
        for segment in self._segments[self._number(offset) :]:
            for placed in segment.walk(max(offset, segment.base), deep):
                yield placed.header

    def verify(self) -> list[Corruption]:
        """Decodes all that is there and tells what is unreadable, and what is damaged: of that
        at most one place a segment."""
        found: list[Corruption] = []
        for segment, end in zip(self._segments, self._ends(), strict=True):
            try:
                found += segment.verify(end)
            except Corruption as damage:
                found.append(damage)
        return found

    # shortening

    def delete_records(self, before: int) -> int:
        """Removes the records before an offset.

        Args:
            before: the new log start; -1 for the end. No record goes that comes after the begin of an open transaction.
        Returns:
            The log start.
        Raises:
            Refusal: OFFSET_OUT_OF_RANGE if the log ends before it; KAFKA_STORAGE_ERROR if the disk is full.
        """
        before = self.deletable(before)
        if before > self.log_start:
            self._shorten(sum(1 for segment in self._segments[1:] if segment.base <= before), before)
        return self.log_start

    def deletable(self, before: int) -> int:
        """What the log start would be after `delete_records`, which raises as this does."""
        before = self.end if before == -1 else before
        if not 0 <= before <= self.end:
            said = f"records before {before} of {self!r} cannot be deleted: the log ends at {self.end}"
            raise Refusal(ErrorCode.OFFSET_OUT_OF_RANGE, said)
        return max(self.log_start, min(before, self.last_stable_offset))

    def retain(self, now: int) -> int:
        """Removes whole segments that are older or more than the topic keeps, never what is not durable or decided yet.

        Args:
            now: the time in ms.
        Returns:
            How many segments went.
        """
        settings, segments = self._settings, self._segments
        self._producers.expire(now, self._transactions.open)
        if not settings.deletes or not segments:
            return 0
        drop, size, settled = 0, self.size, self._transactions.settled(self.durable_end)
        for segment, end in zip(segments, self._ends(), strict=True):
            segment.look_at_end()
            newest = segment.oldest if segment.newest == NO_TIME else segment.newest  # nothing but markers
            expired = segment.size and 0 <= settings.retention_ms < now - newest
            over = segment.size and 0 <= settings.retention_bytes <= size - segment.size
            empty = not segment.size and segment is not segments[-1]
            if end > settled or not (expired or over or empty):
                break
            drop += 1
            size -= segment.size
        if drop == len(segments) and drop:
            self._roll()
        if drop:
            self._shorten(drop, self._segments[drop].base)
        return drop

    def _shorten(self, drop: int, start: int) -> None:
        """Drops the first segments and begins the log at `start`; the state is durable before a file goes."""
        doomed, kept = self._segments[:drop], self._segments[drop:]
        state = replace(self._state.with_segments(kept), start=max(start, self._state.start))
        try:
            for path in self._unsynced:  # what is known of producers may not go with the batches that say it
                if path.endswith(".producers"):
                    self._handles.files.fsync(path)
            self._write_state(state)
        except OSError as error:
            self._full(error)
        self._segments = kept
        self.log_start = max(state.start, kept[0].base)
        self._transactions.forget(self.log_start)
        self._remove(doomed)

    def _full(self, error: OSError) -> NoReturn:
        if error.errno in PASSING:
            raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, f"{lacking(error)} for the state of {self!r}") from error
        self._give_up(error, f"{self._where}/state", 0)

    def _remove(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            self._unsynced.pop(segment.path, None)
            self._unsynced.pop(segment.index_path, None)
            segment.remove()

    # compaction

    def facts(self) -> Facts:
        """What a compaction has to know of the log."""
        segments = []
        for segment, end in zip(self._segments, self._ends(), strict=True):
            segment.look_at_end()
            segments.append(SegmentFacts(segment.name, end, segment.size, segment.oldest, segment.newest))
        state = self._state
        return Facts(
            self._where,
            tuple(segments),
            state.clean_end,
            self.log_start,
            self._transactions.settled(self.durable_end),
            state.horizon,
            self._producers.last_batches(),
            state.passes + 1,
            tuple(self._transactions.aborted),
        )

    def owns(self, path: str) -> bool:
        """Whether a file is a segment of the log as it is now."""
        return any(segment.path == path for segment in self._segments)

    def swap(self, done: CompactionResult) -> bool:
        """Puts the segments that a compaction wrote in the place of those it read.

        Args:
            done: what it did; the files it wrote are durable.
        Returns:
            False if the log has changed meanwhile; then what was written is removed.
        Raises:
            Refusal: KAFKA_STORAGE_ERROR, the disk is full; the log is as before.
        """
        old = list(done.read)
        names = [segment.name for segment in self._segments]
        interval = self._settings.index_interval_bytes
        fresh = [Segment(self._handles, self._where, name, interval) for name in done.wrote]
        first = names.index(old[0]) if old[0] in names else -1
        if first < 0 or names[first : first + len(old)] != old or first + len(old) >= len(names):
            self._remove(fresh)
            return False
        for segment in fresh:
            segment.find()
        segments = [*self._segments[:first], *fresh, *self._segments[first + len(old) :]]
        state = replace(
            self._state.with_segments(segments),
            clean_end=max(done.clean_end, self._state.clean_end),
            gone=max(done.gone, self._state.gone),
            horizon=done.horizon,
            passes=done.number,
        )
        try:
            self._write_state(state)
        except OSError as error:
            self._remove(fresh)
            self._full(error)
        self._transactions.forget(state.clean_end)
        doomed, self._segments = self._segments[first : first + len(old)], segments
        self._remove(doomed)
        return True


def _directories(where: str) -> tuple[str, str, str]:
    """A partition's directory and those above it, from the top."""
    return "topics", where.rpartition("/")[0], where

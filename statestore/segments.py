"""The rows of window and session stores below the committed layer: read cache by time, and segments in the engine.

A cell begins with the time that counts for retention: a window's start, a session's end. Segments are numbered time //
interval; a segment is dropped whole once the time observed less the retention has left it. In the engine:

    store number(2) ‖ segment(8) ‖ Java's key

The read cache keeps what was written, by slots of time, and lets the oldest slots go when it grows over its bytes. All
rows from `complete_from` on are in memory, so for these times the engine is never asked, neither for a row that is not
there nor for a range: a store that is read near its observed time costs no disk reads however many windows it keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from struct import Struct
from typing import Final, Generic

from statestore.cache_share import EXPIRED, PROCESS, CacheShare
from statestore.engine import Engine
from statestore.entries import ABSENT, Entries, Entry
from statestore.indexes import TimedCell
from statestore.keys import observed_mark, segment_prefix, store_prefix
from statestore.sizes import Sizes

SMALLEST_INTERVAL: Final = 60_000
"""A segment spans at least this many ms, as in Java."""

SLOTS: Final = 16
"""Slots of the read cache in the span of one segment."""

_STATE = Struct(">qq")


def default_interval(retention: int) -> int:
    """Ms of a segment, where nobody says otherwise: Java's."""
    return max(retention // 2, SMALLEST_INTERVAL)


class RowFormat(Generic[TimedCell]):
    """How cells and Java's keys are made of each other, and the sequence number in a cell, if it has one."""

    __slots__ = ("pack", "sequence", "unpack")

    def __init__(
        self,
        pack: Callable[[TimedCell], bytes],
        unpack: Callable[[bytes], TimedCell],
        sequence: Callable[[TimedCell], int] | None = None,
    ) -> None:
        self.sequence: Callable[[TimedCell], int] | None = sequence
        self.pack: Callable[[TimedCell], bytes] = pack
        self.unpack: Callable[[bytes], TimedCell] = unpack


class Segments(Generic[TimedCell]):
    """Implements `Base`, and keeps the observed time of its store."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        entries: Entries,
        sizes: Sizes,
        rows: RowFormat[TimedCell],
        retention: int,
        interval: int | None,
        share: CacheShare = PROCESS,
        one_by_one: bool = False,
        caching: bool = False,
        longer: int = 0,
        needs_kept: bool = False,
    ) -> None:
        """
        Args:
            one_by_one: rows may not be put once they are not seen any more, rather than once their segment is dropped.
            caching: rows are read through Java's record cache, which knows no retention: what is in memory is seen.
                Time is that of what was flushed, since Java's store below the cache sees nothing else.
            longer: rows are seen for so many ms beyond the retention.
            needs_kept: all rows of the segments that are kept may be asked for (`Ranges.by_time`).
        """
        self.prefix = store_prefix(engine.number(name))
        self.retention = retention
        self.one_by_one = one_by_one
        self.caching = caching
        self._needs_kept = needs_kept
        self._seen = retention - 1 + longer
        self.interval = interval or default_interval(retention)
        self._engine = engine
        self._entries = entries
        self._sizes = sizes
        self._rows: RowFormat[TimedCell] = rows
        self._portion, self._expired = share.portion(), EXPIRED.portion()
        self._width = max(1, self.interval // SLOTS)
        self._slots: dict[int, dict[TimedCell, Entry]] = {}
        self._cached = self._look_at = 0
        self._mark = observed_mark(self.prefix)
        state = engine.mark(self._mark)
        self.observed, self.sequence = -1, 0
        if state:
            self.observed, self.sequence = _STATE.unpack(state)
        self._kept = (self.observed, self.sequence)
        self.highest = self.observed
        """The highest time that was put: with a cache it may not have been observed yet."""
        self._dropped_to = 0
        self.complete_from = self.observed + 1
        self.live_from = self._next_live = 0
        self.visible_from = self.shown_from = 0
        """Rows of an earlier time are not seen any more; `shown_from`: not even those in memory."""
        self._set_live()
        self.refused: Callable[[], None] = _nothing
        """Called for each row that is too old to be taken."""
        self.on_forget: Callable[[Iterable[TimedCell]], None] = _ignore
        self.index_bytes: Callable[[int], int] = _no_index
        """Memory, estimated, of the indexes of so many cells."""
        self.postpone: Callable[[], bool] = _never

    # time

    def advance(self, time: int) -> None:
        """Time has been observed; `live_from` is the lowest time that is still taken."""
        if time > self.observed:
            self.observed = time
            if time > self.highest:
                self.highest = time
            if time >= self._next_live:
                self._set_live()
                return
            # `_set_visible`, without the call
            visible = time - self._seen
            self.visible_from = visible if visible > 0 else 0
            if not self.caching:
                self.shown_from = self.visible_from

    def _set_live(self) -> None:
        self.live_from = self._live_from(self.observed)
        # rows that expire one by one do so with every ms
        self._next_live = self.observed + 1 if self.one_by_one else self.live_from + self.retention + self.interval
        self._set_visible()

    def _set_visible(self) -> None:
        # live_from <= visible_from, always: a segment is dropped once all of it has left the retention. So what is seen
        # lies in no dropped segment, while a row that nobody sees any more may still be put, as in Java. Under a cache
        # only the rows below it are hidden (`hides`); what is in memory is shown whatever its age.
        visible = self.observed - self._seen
        self.visible_from = visible if visible > 0 else 0
        if not self.caching:
            self.shown_from = self.visible_from

    def _live_from(self, observed: int) -> int:
        if self.one_by_one:
            return max(0, observed - self.retention + 1)
        return max(0, (observed - self.retention) // self.interval * self.interval)

    def _needed_from(self, observed: int) -> int:
        """Rows of an earlier time can be seen by nobody, once they are not in memory."""
        live_from = self._live_from(observed)
        return live_from if self._needs_kept else max(live_from, observed - self._seen)

    def hides(self, cell: TimedCell) -> bool:
        """See `Base`: the row has expired."""
        return cell[0] < self.visible_from

    def flushed(self, cell: TimedCell) -> None:
        """See `Base`: time is what has been flushed so far; a row that is too old for it is refused."""
        time = cell[0]
        if time > self.observed:
            self.advance(time)
        elif time < self.live_from:
            self.refused()

    def commit(self) -> None:
        self._kept = (self.observed, self.sequence)

    def abort(self) -> None:
        self.observed, self.sequence = self._kept
        self.highest = self.observed
        self._set_live()

    # Base

    def cached(self, cell: TimedCell) -> Entry | None:
        slot = self._slots.get(cell[0] // self._width)
        return None if slot is None else slot.get(cell)

    def find(self, cell: TimedCell) -> Entry:
        time = cell[0]
        slot = self._slots.get(time // self._width)
        if slot is not None and cell in slot:
            return slot[cell]
        if time >= self.complete_from or time < self.visible_from:
            return ABSENT
        return self._entries.load(self._engine.get(self._engine_key(cell)))

    def peek(self, cell: TimedCell) -> Entry:
        # By this order: `complete_from` rises before a slot goes.
        slot = self._slots.get(cell[0] // self._width)
        entry = None if slot is None else slot.get(cell)
        if entry is not None:
            return entry
        return ABSENT if cell[0] >= self.complete_from else self._entries.load(self._engine.get(self._engine_key(cell)))

    @property
    def committed_from(self) -> int:
        """Rows of an earlier time have expired by the time that was committed."""
        return max(0, self._kept[0] - self._seen)

    @property
    def committed_to(self) -> int:
        """The highest time that was committed."""
        return self._kept[0]

    def write(self, rows: dict[TimedCell, Entry], marks: Mapping[bytes, bytes]) -> Collection[TimedCell]:
        # By the time that was committed, not by the newest: rows and segments go for good here, and an abort takes the
        # newer time back.
        observed = self._kept[0]
        needed_from = self._needed_from(observed)
        width, slots = self._width, self._slots
        live = {cell: entry for cell, entry in rows.items() if cell[0] >= needed_from}
        self._write(self._engine_rows(live), marks, self._live_from(observed))
        if self.caching:
            live = rows
        for cell, entry in live.items():
            at = cell[0] // width
            slot = slots.get(at)
            if slot is None:
                slot = slots[at] = {}
            self._cached += cell not in slot
            slot[cell] = entry
        # where a cache shows it longer: only once an eighth is new, so that a row pays next to nothing for the look
        self._shrink(not self.caching or self._cached >= self._look_at)
        return () if len(live) == len(rows) else [cell for cell in rows if cell[0] < needed_from]

    def restore(self, rows: Iterable[tuple[bytes, bytes | None, int]], marks: Mapping[bytes, bytes]) -> None:
        unpack, restored = self._rows.unpack, self._entries.restored
        read = [(unpack(key), restored(value, timestamp)) for key, value, timestamp in rows]
        if self._engine.mark(self._mark) == b"":  # the store was emptied: its time begins anew with its rows
            self.observed = self.highest = -1
            self.sequence = self._dropped_to = 0
            self._set_live()
        self.advance(max((cell[0] for cell, _ in read), default=self.observed))
        if self._rows.sequence is not None:
            self.sequence = max(self.sequence, *(self._rows.sequence(cell) for cell, _ in read), 0)
        self.commit()
        self.close()
        live = [(self._engine_key(cell), row) for cell, row in read if cell[0] >= self.live_from]
        self._write(live, marks, self.live_from)

    def _engine_rows(self, rows: dict[TimedCell, Entry]) -> list[tuple[bytes, bytes | None]]:
        row, pack, interval = self._entries.row, self._rows.pack, self.interval
        made, last, head = [], -1, b""
        for cell, entry in rows.items():
            segment = cell[0] // interval
            if segment != last:
                last, head = segment, self.prefix + segment_prefix(segment)
            made.append((head + pack(cell), row(entry)))
        return made

    def _write(self, rows: list[tuple[bytes, bytes | None]], marks: Mapping[bytes, bytes], live_from: int) -> None:
        drops = []
        if live_from // self.interval > self._dropped_to // self.interval:
            drops.append((self.prefix, self.prefix + segment_prefix(live_from // self.interval)))
            self._dropped_to = live_from
        state = {self._mark: _STATE.pack(*self._kept)}
        if rows or drops or marks:
            self._engine.write(rows, drops, {**marks, **state})

    def close(self) -> None:
        self._slots.clear()
        self._cached = self._look_at = 0
        self.complete_from = self.observed + 1
        self._portion.held = self._expired.held = 0

    def trim(self) -> None:
        self._shrink(True)

    def _shrink(self, expired: bool) -> None:
        """`expired`: look through all slots for what nobody needs."""
        if self.postpone():
            return
        if expired:
            self._forget_expired()
        held = self._held
        allowed = self._portion.hold(held)
        if held > allowed:
            # Oldest first, and with each slot complete_from rises above it: all rows at or above it are in memory, so
            # that a miss there needs no look at the engine. A little more than it must, for room for a while.
            for at in sorted(self._slots):
                self.complete_from = max(self.complete_from, (at + 1) * self._width)
                self._forget(at)
                if self._held <= allowed * 7 / 8:
                    break
            self._portion.held = self._held

    @property
    def _held(self) -> int:
        return int(self._cached * self._sizes.in_memory) + self.index_bytes(self._cached)

    def _forget_expired(self) -> None:
        """What nobody needs. Java's record cache shows it still, while there is room: so much of it is kept."""
        needed = self._needed_from(self._kept[0]) // self._width
        expired = sorted(at for at in self._slots if at < needed)
        weight, left = self._sizes.in_memory, sum(len(self._slots[at]) for at in expired)
        most = self._expired.hold(left * weight) / weight if self.caching else 0
        for at in expired:
            if left <= most:
                break
            left -= len(self._slots[at])
            self._forget(at)
        self._expired.held = int(left * weight)
        self._look_at = self._cached + self._cached // 8

    def _forget(self, at: int) -> None:
        slot = self._slots.pop(at)
        self._cached -= len(slot)
        self.on_forget(slot)

    # ranges

    def cells(self) -> Iterator[TimedCell]:
        """All cells of the read cache."""
        for slot in self._slots.values():
            yield from slot

    def sort_key(self, cell: TimedCell) -> bytes:
        """The engine's key without the store's number: segment ‖ Java's key."""
        return segment_prefix(cell[0] // self.interval) + self._rows.pack(cell)

    def cell(self, sort_key: bytes) -> TimedCell:
        return self._rows.unpack(sort_key[8:])

    def _engine_key(self, cell: TimedCell) -> bytes:
        return self.prefix + self.sort_key(cell)

    def on_disk(self, time_from: int, time_to: int) -> range:
        """The segments that must be read for these times, beside what is in memory."""
        time_from = max(time_from, self.live_from if self._needs_kept else self.visible_from)
        if time_from >= self.complete_from:
            return range(0)
        return range(time_from // self.interval, min(time_to, self.complete_from - 1) // self.interval + 1)

    def rows_of(
        self, segment: int, key: bytes | None, time_from: int, time_to: int
    ) -> Iterator[tuple[TimedCell, Entry]]:
        """Rows of one segment within these times, of one key or of all, as the engine has them and shows them."""
        if not self._needs_kept:
            time_from = max(time_from, self.visible_from)
        low, high = segment_prefix(segment), segment_prefix(segment + 1)
        if key is not None:
            low, high = low + key + segment_prefix(time_from), low + key + segment_prefix(time_to + 1)
        scan = self._engine.scan(self.prefix + low, self.prefix + high)
        try:
            for found, row in scan:
                cell = self._rows.unpack(found[10:])
                if time_from <= cell[0] <= time_to:
                    yield cell, self._entries.load(row)
        finally:
            scan.close()


def _ignore(cells: object) -> None:
    """Nobody keeps an index."""


def _no_index(cells: int) -> int:
    return 0


def _never() -> bool:
    return False


def _nothing() -> None:
    """Nobody counts."""

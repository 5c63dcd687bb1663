"""One segment of a log: a file of batches back to back, and its index.

A segment is named by the offset of its first record, `00000000000000000042.log`; one that compaction wrote
also by the number of the pass, `00000000000000000042-3.log`. Its index has the ending `.index`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import NamedTuple

from broker_local.base.faults import Corruption, Unreadable
from broker_local.base.files import File, FileSlice, Handles
from broker_local.log import format as batches
from broker_local.log import index as indexes
from broker_local.log.format import NO_TIME, BadBatch, Header, Torn
from broker_local.log.index import Index
from broker_local.log.transactions import AbortedRanges, is_aborted

_CHUNK = 16_384
_HINTS = 256
_STRIDE = 1 << 20
"""Bytes whose batches are looked at in one step of making an index."""


class Name(NamedTuple):
    """What a segment is called: base offset, and the compaction pass that wrote it (0: none)."""

    base: int
    generation: int = 0

    @property
    def stem(self) -> str:
        """The file name without its ending."""
        return f"{self.base:020d}-{self.generation}" if self.generation else f"{self.base:020d}"


class BatchPosition(NamedTuple):
    """A batch's header and where the batch lies in its file."""

    position: int
    header: Header


class Piece(NamedTuple):
    """Whole batches, back to back in a file, and the offset at which a reader goes on behind them: it may be after the
    last one's, where what follows was removed."""

    data: FileSlice
    next_offset: int


def walk(file: File, start: int, stop: int, deep: bool = False) -> Iterator[BatchPosition]:
    """Goes from batch to batch.

    Args:
        file: the segment.
        start: position of a batch.
        stop: where to end, at the latest the length of the file.
        deep: check the payloads' sums as well, not only the headers'.
    Yields:
        Headers with their positions.
    Raises:
        Torn: the last batch is not whole; `position` is where it begins.
        BadBatch: something else is there; `position` is where.
    """
    position, chunk, chunk_at = start, b"", start
    while position < stop:
        at = position - chunk_at
        if len(chunk) - at < batches.HEADER:
            chunk, chunk_at, at = file.pread(min(_CHUNK, stop - position), position), position, 0
        try:
            header = batches.peek(chunk, at)
            if position + header.size > stop:
                raise Torn(f"the batch ends {position + header.size - stop} bytes after the file")
            if deep:
                if len(chunk) - at < header.size:
                    chunk, chunk_at, at = file.pread(max(header.size, 4 * _CHUNK), position), position, 0
                batches.verify(chunk, at)
        except BadBatch as error:
            error.position = position
            raise
        yield BatchPosition(position, header)
        position += header.size


class Segment:
    """One segment.

    Args:
        handles: the open files.
        directory: the partition's directory.
        name: base offset and generation.
        interval: bytes of the log between two entries of the index.
    """

    __slots__ = (
        "_handles",
        "_hints",
        "_index",
        "_interval",
        "_making",
        "_oldest",
        "base",
        "index_path",
        "name",
        "newest",
        "next_offset",
        "path",
        "size",
    )

    def __init__(self, handles: Handles, directory: str, name: Name, interval: int) -> None:
        self.name = name
        self.base = name.base
        self.path = f"{directory}/{name.stem}.log"
        self.index_path = f"{directory}/{name.stem}.index"
        self.size = 0
        self.next_offset = name.base
        self.newest = NO_TIME
        self._handles = handles
        self._interval = interval
        self._index: Index | None = None
        self._making: tuple[Segment, Generator[None, None, None]] | None = None
        self._oldest = NO_TIME
        self._hints: dict[int, int] = {}

    # opening

    def create(self) -> None:
        """Makes the empty file, also where a pass that was cut short has left one."""
        self._handles.files.remove(self.index_path)
        self._handles.get(self.path, create=True).truncate(0)
        self._index = Index(self.base)

    def find(self) -> None:
        """Notes the file's length.

        Raises:
            Corruption: there is no such file.
        """
        self.size = self._handles.files.size(self.path)
        if self.size < 0:
            raise Corruption(self.path, 0, "the file is missing")

    def find_closed(self, length: int | None, end: int) -> None:
        """Finds a segment that nothing is appended to any more, and looks whether it is still what it was.

        Its batches and their sums are looked at when they are read.

        Args:
            length: its bytes when it was closed; None: that was not written down, so its index or its batches say it.
            end: where the next segment begins. One that compaction wrote may end before it, or have nothing left.
        Raises:
            Corruption: it is missing, shorter or longer, or holds the batches of another segment.
        """
        self.find()
        if length is None:
            _ = self.index
            self.check_end(self.next_offset, end)
        elif self.size != length:
            words = f"the file has {self.size} bytes; it had {length} when the segment was closed"
            raise Corruption(self.path, min(self.size, length), words)
        self.check_begin()

    def check_begin(self) -> None:
        """Looks whether the first batch is one of this segment.

        Raises:
            Corruption: it is not, or it is no batch.
        """
        if not self.size:
            return
        try:
            found = next(walk(self.file(), 0, self.size)).header.base_offset
        except BadBatch as error:
            raise Corruption(self.path, 0, str(error)) from error
        if found != self.base and self._closes_up(found, self.base):
            raise Corruption(self.path, 0, f"the first batch has offset {found}; the segment begins with {self.base}")

    def _closes_up(self, found: int, wanted: int) -> bool:
        """Is it wrong that an offset is found where another is wanted? Only compaction leaves offsets out."""
        return found < wanted or not self.name.generation

    def check_end(self, found: int, end: int) -> None:
        """Looks whether the segment ends, at offset `found`, where the next one begins, at `end`.

        Raises:
            Corruption: it does not; after a compaction it may end before.
        """
        if found != end and (found > end or not self.name.generation):
            said = f"the segment ends at offset {found}; the next one begins with {end}"
            raise Corruption(self.path, self.size, said)

    def verify(self, end: int) -> list[Unreadable]:
        """Decodes it all.

        Args:
            end: the offset of the next segment, or of the end of the log.
        Returns:
            The batches that nobody can read.
        Raises:
            Corruption: a batch is not what was written, or there are offsets that no batch has.
        """
        at, found = self.base, list[Unreadable]()
        for placed in self.walk(self.base):
            try:
                self.read(placed)
            except Unreadable as place:  # what comes after it can be read
                found.append(place)
            first = placed.header.base_offset
            if first != at and self._closes_up(first, at):
                raise Corruption(self.path, placed.position, f"offset {first} comes where {at} was to come")
            at = placed.header.next_offset
        self.check_end(at, end)
        return found

    def _read_index(self) -> Index:
        try:
            data = self._handles.files.read(self.index_path)
        except FileNotFoundError:
            data = b""
        return indexes.load(data, self.base, self.size)

    def load(self, trusted: int | None = None) -> None:
        """Learns end and newest timestamp, from the index as far as it goes and from the batches after it.

        Args:
            trusted: the offset from which on neither index nor payloads are believed unseen; None: the index is.
        Raises:
            BadBatch: what follows `size` is no whole batch; all before it is known and can be used.
        """
        for _ in self._load(trusted):
            pass

    def _load(self, trusted: int | None) -> Generator[None, None, None]:
        index, stop = self._read_index(), self.size
        if trusted is not None:
            index.cut(index.before_offset(max(trusted, self.base)).position)
        try:
            yield from self._follow(index, stop)
        except BadBatch as error:
            if error.position != index.last.position or not error.position:
                raise
            # Where the index ends no batch begins: either may be wrong, so the index is not asked.
            yield from self._follow(Index(self.base), stop)

    def _follow(self, index: Index, stop: int) -> Generator[None, None, None]:
        start = index.last
        self._index, self.size = index, start.position
        self.next_offset, self.newest = start.offset, start.newest
        if stop == start.position:
            return
        for position, header in walk(self.file(), start.position, stop, deep=True):
            if header.base_offset != self.next_offset and self._closes_up(header.base_offset, self.next_offset):
                error = BadBatch(f"offset {header.base_offset} comes where {self.next_offset} was to come")
                error.position = position
                raise error
            self._took(header)
            if position // _STRIDE != self.size // _STRIDE:
                yield

    def ready(self) -> bool:
        """Is the index there? If not, some of it is made, beside what others see of the segment.

        Raises:
            Corruption: the segment cannot be read to its end.
        """
        if self._index is None:
            if self._making is None:
                twin = Segment(self._handles, self.path.rpartition("/")[0], self.name, self._interval)
                twin.size = self.size
                self._making = twin, twin._load(None)
            twin, making = self._making
            try:
                for _ in making:
                    return False
            except BadBatch as error:
                self._making = None
                raise Corruption(self.path, error.position, str(error)) from error
            self._index, self.size = twin._index, twin.size
            self.next_offset, self.newest = twin.next_offset, twin.newest
        self._making = None
        return True

    def look_at_end(self) -> None:
        """Learns end and newest timestamp of a segment that nothing is appended to any more. Where the last entry of
        its index stands at its end, no more is read.

        Raises:
            Corruption: the segment cannot be read to its end.
        """
        if self._index is not None or self.newest != NO_TIME:
            return
        last = indexes.last(self._handles.files, self.index_path)
        if last is not None and last.position == self.size:
            self.next_offset, self.newest = last.offset, last.newest
        else:
            _ = self.index

    @property
    def index(self) -> Index:
        """The index, read or rebuilt when it is first asked for.

        Raises:
            Corruption: the segment cannot be read to its end.
        """
        if self._index is None:
            stop = self.size
            try:
                self.load()
            except BadBatch as error:
                self._index, self.size = None, stop
                raise Corruption(self.path, error.position, str(error)) from error
        assert self._index is not None
        return self._index

    def file(self) -> File:
        """The open file."""
        return self._handles.get(self.path)

    # writing

    def _took(self, header: Header) -> None:
        index = self._index
        assert index is not None
        if self.size - index.last.position >= self._interval:
            index.add(header.base_offset, self.size, self.newest)
        self.size += header.size
        self.next_offset = header.next_offset
        self.newest = max(self.newest, header.newest)

    def append(self, prefix: bytes, batch: bytes | memoryview, header: Header) -> None:
        """Writes a batch at the end.

        Args:
            prefix: the broker's part.
            batch: the producer's part.
            header: both, as they will be read again.
        Raises:
            OSError: as from `File.write`; nothing is noted, the file may be longer than `size`.
        """
        _ = self.index
        self.file().write((prefix, batch), self.size)
        self._took(header)

    def cut(self, offset: int) -> None:
        """Cuts the segment back to end before `offset`, which must be a batch's first.

        What is cut off does not come back, not even after a power cut: others will get its offsets.
        """
        position, files = self.locate(offset), self._handles.files
        self.index.cut(position)
        self._hints.clear()
        self._oldest = NO_TIME
        if files.size(self.index_path) > self.index.file_size:
            self._handles.get(self.index_path).truncate(self.index.file_size)
            files.fsync(self.index_path)
        self.file().truncate(position)
        files.fsync(self.path)
        start = self.index.last
        stop, self.size, self.next_offset, self.newest = position, start.position, start.offset, start.newest
        for _, header in walk(self.file(), start.position, stop):
            self._took(header)

    def trim(self) -> None:
        """Cuts off what lies behind the last whole batch."""
        self.file().truncate(self.size)

    def save_index(self, closing: bool = False) -> bool:
        """Writes the index entries that are not in its file yet.

        Args:
            closing: also one at the end of the segment, which spares the next start reading it.
        Returns:
            Whether anything was written.
        """
        index = self.index
        if closing and self.size:
            index.add(self.next_offset, self.size, self.newest)
        place, data = index.unsaved()
        if data:
            self._handles.get(self.index_path, create=True).write((data,), place)
        return bool(data)

    def remove(self) -> None:
        """Removes the files; slices that are held can still be read. What stays is swept away at the next start."""
        self.forget()
        for path in (self.path, self.index_path):
            with suppress(OSError):
                self._handles.files.remove(path)

    def forget(self) -> None:
        """Lets go of the open files."""
        self._handles.forget(self.path)
        self._handles.forget(self.index_path)

    # reading

    def walk(self, offset: int, deep: bool = False) -> Iterator[BatchPosition]:
        """The batches that end after `offset`.

        Raises:
            Corruption: naming the file and the position.
        """
        try:
            yield from walk(self.file(), self.locate(offset), self.size, deep)
        except BadBatch as error:
            raise Corruption(self.path, error.position, str(error)) from error

    def locate(self, offset: int) -> int:
        """Position of the first batch that ends after `offset`; the segment's length if none does.

        Raises:
            Corruption: on the way there something else is found.
        """
        if offset >= self.next_offset and self._index is not None:
            self._hint(self.next_offset, self.size)
            return self.size
        hint = self._hints.get(offset)
        if hint is not None:
            return hint
        entry = self.index.before_offset(offset)
        if entry.offset == offset:
            return entry.position
        try:
            for position, header in walk(self.file(), entry.position, self.size):
                if header.next_offset > offset:
                    return position
        except BadBatch as error:
            raise Corruption(self.path, error.position, str(error)) from error
        return self.size

    def _hint(self, offset: int, position: int) -> None:
        if len(self._hints) > _HINTS:
            self._hints.clear()
        self._hints[offset] = position

    def slice(self, start: int, max_bytes: int, stop: int, after: int) -> Piece:
        """Whole batches from `start` on: as many as fit into `max_bytes`, and at least one.

        Args:
            start: position of a batch, less than `stop`.
            max_bytes: how much is wanted.
            stop: where to end at the latest, the position of a batch or the end.
            after: the offset at which a reader goes on that has read up to `stop`.
        """
        end, next_offset = stop, after
        if stop - start > max_bytes:
            entry = self.index.before_position(start + max(0, max_bytes))
            if entry.position > start:
                end, next_offset = entry.position, entry.offset
            else:
                try:
                    _, header = next(walk(self.file(), start, stop))
                except BadBatch as error:
                    raise Corruption(self.path, error.position, str(error)) from error
                end = start + header.size
                next_offset = after if end == stop else header.next_offset
        file = self.file()
        found = file.size()
        if found < end:  # it was cut while it was open
            raise Corruption(self.path, found, f"the file ends at byte {found}; {self.size} were written")
        return Piece(FileSlice(file, start, end - start), next_offset)

    def split(self, piece: Piece, aborted: AbortedRanges, most: int) -> tuple[list[Piece], bool]:
        """A slice of the segment without the batches of aborted transactions: pieces, at most so many, and whether that
        is all of it. What is left out at the end is passed over with the last piece.

        Raises:
            Corruption: on the way there something else is found.
        """
        data, kept = piece.data, []
        begin: int | None = None
        stop, after = data.position, -1
        try:
            for position, header in walk(self.file(), data.position, data.position + data.length):
                if is_aborted(header, aborted):
                    if begin is not None:
                        kept.append(Piece(FileSlice(data.file, begin, stop - begin), after))
                        begin = None
                        if len(kept) == most:
                            return kept, False
                elif begin is None:
                    begin = position
                stop, after = position + header.size, header.next_offset
        except BadBatch as error:
            raise Corruption(self.path, error.position, str(error)) from error
        if begin is not None:
            kept.append(Piece(FileSlice(data.file, begin, stop - begin), after))
        if kept:
            kept[-1] = Piece(kept[-1].data, piece.next_offset)
        return kept, True

    def batches_for_time(self, timestamp: int) -> Iterator[BatchPosition]:
        """The batches with a record at least as new as `timestamp` (ms).

        Raises:
            Corruption: on the way there something else is found.
        """
        for placed in self.walk(self.index.before_time(timestamp).offset):
            if placed.header.newest >= timestamp:
                yield placed

    @property
    def oldest(self) -> int:
        """The newest timestamp (ms) of the first batch (of a marker: when it was written): from there a segment's age
        is counted, as in Kafka."""
        if self._oldest == NO_TIME and self.size:
            try:
                header = next(walk(self.file(), 0, self.size)).header
                self._oldest = max(header.newest, header.first_timestamp)
            except BadBatch as error:
                raise Corruption(self.path, error.position, str(error)) from error
        return self._oldest

    def read(self, placed: BatchPosition) -> batches.Columns:
        """Decodes one batch.

        Raises:
            Unreadable: its bytes are what was sent, and no batch.
            Corruption: its bytes are not what was written.
        """
        try:
            return batches.read(self.file().pread(placed.header.size, placed.position))
        except batches.Unreadable as error:
            raise Unreadable(self.path, placed.position, str(error)) from error
        except BadBatch as error:
            raise Corruption(self.path, placed.position, str(error)) from error

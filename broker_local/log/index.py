"""The sparse index of a segment: where in the file an offset, and a time, is to be looked for.

    | 4 bytes "BLIX" | u32 version 1 | entry | entry | ...
    entry: | i64 offset | i64 position | i64 newest | u32 CRC-32 of these |

An entry says: the batch at `position` begins with `offset`, and `newest` is the highest timestamp (ms) of all batches
before it in the segment. Offsets and positions rise, newest never falls, so one list answers both questions. When a
segment is closed a last entry stands at its end; a file that goes on growing has it as one more entry. Everything here
can be rebuilt from the segment, so the first entry that is wrong ends the list.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from broker_local.base.files import Files
from broker_local.log.format import NO_TIME

HEAD = b"BLIX\x01\x00\x00\x00"
_ENTRY = struct.Struct("<qqqI")
_BODY = struct.Struct("<qqq")


class Entry(NamedTuple):
    """One entry of the index."""

    offset: int
    position: int
    newest: int


class Index:
    """The index of one segment; the batch at position 0 is always in it.

    Args:
        base: the segment's base offset.
    """

    __slots__ = ("_newest", "_offsets", "_positions", "_saved")

    def __init__(self, base: int) -> None:
        self._offsets = array("q", [base])
        self._positions = array("q", [0])
        self._newest = array("q", [NO_TIME])
        self._saved = 1

    def __len__(self) -> int:
        return len(self._offsets)

    def _entry(self, at: int) -> Entry:
        return Entry(self._offsets[at], self._positions[at], self._newest[at])

    @property
    def last(self) -> Entry:
        """The entry farthest in the file."""
        return self._entry(-1)

    def add(self, offset: int, position: int, newest: int) -> None:
        """Notes a batch behind all others; what is noted already is left alone."""
        if position > self._positions[-1]:
            self._offsets.append(offset)
            self._positions.append(position)
            self._newest.append(newest)

    def before_offset(self, offset: int) -> Entry:
        """The last entry at or before an offset."""
        return self._entry(max(0, bisect_right(self._offsets, offset) - 1))

    def before_position(self, position: int) -> Entry:
        """The last entry at or before a position."""
        return self._entry(bisect_right(self._positions, position) - 1)

    def before_time(self, timestamp: int) -> Entry:
        """The last entry before which all is older than `timestamp`."""
        return self._entry(max(0, bisect_left(self._newest, timestamp) - 1))

    def cut(self, position: int) -> None:
        """Drops the entries behind a position."""
        keep = max(1, bisect_right(self._positions, position))
        del self._offsets[keep:], self._positions[keep:], self._newest[keep:]
        self._saved = min(self._saved, keep)

    def unsaved(self) -> tuple[int, bytes]:
        """What is not in the file yet: where it goes, and the bytes. It counts as saved from here on."""
        rows = []
        for at in range(self._saved, len(self._offsets)):
            body = _BODY.pack(self._offsets[at], self._positions[at], self._newest[at])
            rows.append(body + crc32(body).to_bytes(4, "little"))
        place = len(HEAD) + (self._saved - 1) * _ENTRY.size
        if self._saved == 1 and rows:
            place, rows = 0, [HEAD, *rows]
        self._saved = len(self._offsets)
        return place, b"".join(rows)

    @property
    def file_size(self) -> int:
        """Bytes of the file that are valid."""
        return len(HEAD) + (self._saved - 1) * _ENTRY.size


def last(files: Files, path: str) -> Entry | None:
    """The last entry of an index's file; None if there is none that can be believed."""
    size = files.size(path)
    if size < len(HEAD) + _ENTRY.size or (size - len(HEAD)) % _ENTRY.size:
        return None
    data = files.open(path).pread(_ENTRY.size, size - _ENTRY.size)
    row: tuple[int, int, int, int] = _ENTRY.unpack(data)
    offset, position, newest, found = row
    return Entry(offset, position, newest) if crc32(data[: _BODY.size]) == found else None


def load(data: bytes, base: int, size: int) -> Index:
    """Reads an index as far as it can be believed.

    Args:
        data: the file's bytes; may be empty.
        base: the segment's base offset.
        size: the segment's length in bytes; entries behind it are of a log that was cut.
    """
    index = Index(base)
    if data[: len(HEAD)] != HEAD:
        return index
    offsets, positions, times = index._offsets, index._positions, index._newest
    last_offset, last_position, last_newest = index.last
    rows = memoryview(data)[len(HEAD) : len(data) - (len(data) - len(HEAD)) % _ENTRY.size]
    place = 0
    entries: Iterator[tuple[int, int, int, int]] = _ENTRY.iter_unpack(rows)
    for offset, position, newest, found in entries:
        if crc32(rows[place : place + _BODY.size]) != found:
            break
        if position > size or position <= last_position or offset <= last_offset or newest < last_newest:
            break
        offsets.append(offset)
        positions.append(position)
        times.append(newest)
        last_offset, last_position, last_newest = offset, position, newest
        place += _ENTRY.size
    index._saved = len(index)
    return index

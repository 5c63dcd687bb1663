"""One key's versions, and their row in the engine: the layout of a segment value of Java's versioned store.

    next timestamp(8) ‖ lowest timestamp(8) ‖ ( timestamp(8) ‖ length(4) )* ‖ value*

Versions stand newest first, their values in the reverse order; length -1 is a deletion. The next timestamp is the end
of the newest version's validity, here always `OPEN_END`: the newest version of the key is in the row too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from struct import Struct
from typing import Final

OPEN_END: Final = 2**63 - 1

Version = tuple[int, bytes | None]
"""Timestamp and value; None is a deletion."""

History = tuple[Version, ...]
"""Versions by falling timestamp, no two of one timestamp."""

_HEAD = Struct(">qq")
_VERSION = Struct(">qi")
_read_head: Callable[[bytes], tuple[int, int]] = _HEAD.unpack_from
_read_version: Callable[[bytes, int], tuple[int, int]] = _VERSION.unpack_from


def pack(history: History, next_timestamp: int = OPEN_END) -> bytes:
    """The row; the history holds at least one version."""
    parts = [_HEAD.pack(next_timestamp, history[-1][0])]
    parts += [_VERSION.pack(at, -1 if value is None else len(value)) for at, value in history]
    parts += [value for _, value in reversed(history) if value is not None]
    return b"".join(parts)


def unpack(row: bytes) -> History:
    lowest = _read_head(row)[1]
    versions: list[Version] = []
    place, end = _HEAD.size, len(row)
    while not versions or versions[-1][0] != lowest:
        at, length = _read_version(row, place)
        place += _VERSION.size
        if length < 0:
            versions.append((at, None))
        else:
            versions.append((at, row[end - length : end]))
            end -= length
    return tuple(versions)


def _falling(version: Version) -> int:
    return -version[0]


def insert(history: History, timestamp: int, value: bytes | None) -> tuple[History, int]:
    """With the version, in place of one of the same timestamp; and the timestamp of the next one, or `OPEN_END`.

    Java keeps the time of a deletion only as the end of the value before it. So a newest value that is deleted as of
    its own timestamp is as if it had never been, if no value comes before it; the history may be empty then.
    """
    at = bisect_left(history, -timestamp, key=_falling)
    replaces = at < len(history) and history[at][0] == timestamp
    rest = history[at + 1 :] if replaces else history[at:]
    if replaces and value is None and at == 0 and history[0][1] is not None and not (rest and rest[0][1] is not None):
        return rest, OPEN_END
    return (*history[:at], (timestamp, value), *rest), history[at - 1][0] if at else OPEN_END


def prune(history: History, before: int) -> History:
    """Without the versions that were no longer valid at `before`; empty if the newest is a deletion of before then."""
    for place in range(1, len(history)):
        if history[place - 1][0] <= before:
            history = history[:place]
            break
    return () if len(history) == 1 and history[0][1] is None and history[0][0] < before else history


def place_of(history: History, as_of: int) -> int:
    """Where the version valid as of a time stands; `len(history)` if there is none."""
    return bisect_left(history, -as_of, key=_falling)

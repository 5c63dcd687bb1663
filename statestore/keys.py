"""Keys in the engine, in changelogs, and in the row format of Java's stores. Times are big-endian, 8 bytes.

    window    key ‖ start(8) ‖ seq(4)          seq counts duplicates, else 0
    session   key ‖ end(8) ‖ start(8)
    time first (local stores of emit on close in Java, and the shared store of outer joins)
              00 ‖ start(8) ‖ key ‖ seq(4)     00 ‖ end(8) ‖ start(8) ‖ key
    index of a time-first store: 01 ‖ the key-first layout

In the engine every key begins with the store's number, 2 bytes; in window, session and versioned stores the
segment follows, 8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

_SHORT = Struct(">H")
_LONG = Struct(">q")
_WINDOW = Struct(">qI")
_SESSION = Struct(">qq")
_read_window: Callable[[bytes, int], tuple[int, int]] = _WINDOW.unpack_from
_read_session: Callable[[bytes, int], tuple[int, int]] = _SESSION.unpack_from


def store_prefix(number: int) -> bytes:
    """The first two bytes of every key of a store."""
    return _SHORT.pack(number)


def observed_mark(prefix: bytes) -> bytes:
    """The name of the mark in which a store keeps the time it has observed; it is emptied with the store."""
    return b"observed:" + prefix


segment_prefix = _LONG.pack
"""The eight bytes of a segment's number that follow in stores with segments; of a time in a key, too."""


window_tail = _WINDOW.pack
"""Of start and sequence number: what follows the key."""

session_tail = _SESSION.pack
"""Of end and start: what follows the key."""


def window_key(key: bytes, start: int, seq: int = 0) -> bytes:
    return key + window_tail(start, seq)


def split_window_key(data: bytes) -> tuple[bytes, int, int]:
    """Key, start and sequence number."""
    start, seq = _read_window(data, len(data) - 12)
    return data[:-12], start, seq


def session_key(key: bytes, start: int, end: int) -> bytes:
    return key + session_tail(end, start)


def split_session_key(data: bytes) -> tuple[bytes, int, int]:
    """Key, start and end."""
    end, start = _read_session(data, len(data) - 16)
    return data[:-16], start, end


def window_key_time_first(key: bytes, start: int, seq: int = 0) -> bytes:
    return b"\0" + _LONG.pack(start) + key + _WINDOW.pack(0, seq)[8:]


# No store here lies so: its indexes are in memory. Goldens hold Java's layout; it waits for reading Java's stores.


def window_key_index(key: bytes, start: int, seq: int = 0) -> bytes:
    return b"\1" + window_key(key, start, seq)


def session_key_time_first(key: bytes, start: int, end: int) -> bytes:
    return b"\0" + _SESSION.pack(end, start) + key


def session_key_index(key: bytes, start: int, end: int) -> bytes:
    return b"\1" + session_key(key, start, end)

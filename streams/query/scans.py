"""What HTTP reads of one partition: one row, or a page of rows, as JSON objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from streams.errors import IllegalArgumentException
from streams.query.composite import MAX_TIME
from streams.query.reading import page
from streams.query.texts import key_bytes
from streams.serdes.base import AnySerde
from streams.state.local_store import LocalStore
from streams.topology.store import StoreKind, StoreSpec
from streams.validation import number_of, shown

Row = dict[str, object]
After = tuple[bytes | int, ...]
WINDOWED = (StoreKind.WINDOW, StoreKind.TIMESTAMPED_WINDOW)


class Found(NamedTuple):
    """What was found of a key.

    Args:
        members: of the JSON object; None: it is known that there is nothing.
        raw: the value's bytes.
        absent: says what is not there.
    """

    members: Row | None
    raw: bytes = b""
    absent: str = ""


class Rows(NamedTuple):
    """A page: its rows, and the place behind the last one; None: there are no more."""

    rows: list[Row]
    after: After | None


Scanned = Callable[[LocalStore, bool, After | None, int], Rows]
"""Reads a page: of a partition, committed or not, behind a place, at most so many rows."""


def single(given: Mapping[str, str]) -> Callable[[LocalStore, bytes, bool], Found]:
    """Reads one row: the value of a key, of its window or session (`start`, `end`), or of its version (`as_of`)."""
    start, end, as_of = (whole(given, name) for name in ("start", "end", "as_of"))

    def read(local: LocalStore, key: bytes, committed: bool) -> Found:
        shown_key = local.access.key_serde.decode(key)
        row: Row = {"key": shown_key}
        value: object = None
        if local.key_value is not None:
            found = local.key_value.at(committed).get(key)
            if found is not None:
                value, timestamp = found
                row.update(value=value, timestamp=timestamp if local.spec.has_timestamps else None)
        elif local.versioned is not None:
            version = local.versioned.at(committed).get(key, as_of)
            if version is not None:
                value = version.value
                row.update(value=value, timestamp=version.timestamp)
                if as_of is not None:
                    row.update(valid_to=version.valid_to)
        elif local.window is not None:
            if start is None:
                raise wrong_kind(local.spec, "a key has several windows: give start=, or ask /windows/{key}")
            found = local.window.at(committed).fetch(key, start)
            if found is not None:
                value, timestamp = found
                row.update(window={"start": start, "end": start + local.spec.window_ms}, value=value)
                row.update(timestamp=timestamp if local.spec.has_timestamps else None)
        elif local.session is not None:
            if start is None or end is None:
                raise wrong_kind(local.spec, "a key has several sessions: give start= and end=, or ask /sessions/{key}")
            value = local.session.at(committed).fetch_session(key, start, end)
            row.update(window={"start": start, "end": end}, value=value)
        else:
            raise wrong_kind(local.spec, "it is the framework's own")
        if value is None:
            return Found(None, absent=f"{local.name} has no {shown(shown_key)}.")
        return Found(row, local.access.value_serde.encode(value))

    return read


def wrong_kind(spec: StoreSpec, why: str) -> IllegalArgumentException:
    """The question does not fit the store."""
    return IllegalArgumentException(f"{spec.name} is a {spec.kind.value} store: {why}.")


def whole(given: Mapping[str, str], name: str) -> int | None:
    """A time or a number among the parameters."""
    text = given.get(name)
    if text is None or text == "":
        return None
    number = number_of(text.removeprefix("-"))
    if number is None:
        raise IllegalArgumentException(f"Invalid {name} {shown(text)}: give a whole number of at most 64 bits.")
    return -number if text.startswith("-") else number


def scanned(spec: StoreSpec, serde: AnySerde, given: Mapping[str, str], key: bytes | None, key_format: str) -> Scanned:
    """Reads pages of what the parameters ask for: `from`, `to`, `prefix`, `reverse`.

    Args:
        key: the only one that is asked for; None: all.
    Raises:
        IllegalArgumentException: the question does not fit the store.
    """
    backwards = given.get("reverse", "false") in ("true", "1", "")
    if spec.kind in WINDOWED:
        return _windows(key, whole(given, "from") or 0, _last(given), backwards)
    if spec.kind is StoreKind.SESSION:
        return _sessions(key, whole(given, "from") or 0, _last(given), backwards)
    if spec.kind is StoreKind.VERSIONED:
        if key is None:
            raise wrong_kind(spec, "its keys are asked for one by one, /versions/{key}")
        return _versions(key, whole(given, "from") or 0, _last(given), not backwards and "reverse" in given)
    if key is not None:
        raise wrong_kind(spec, "it has no windows, no sessions and no versions")
    low, high, prefix = (
        None if given.get(name) is None else key_bytes(given[name], serde, key_format)
        for name in ("from", "to", "prefix")
    )
    return _keys(low, high, prefix or b"", backwards)


def check_place(spec: StoreSpec, after: After | None) -> None:
    """
    Raises:
        IllegalArgumentException: no row of such a store has that place.
    """
    times = 1 if spec.kind in WINDOWED else 2 if spec.kind is StoreKind.SESSION else 0
    if after is not None and tuple(map(type, after)) != (bytes, *[int] * times):
        raise IllegalArgumentException(f"The cursor is none of {spec.name}. Begin anew.")


def _last(given: Mapping[str, str]) -> int:
    found = whole(given, "to")
    return MAX_TIME if found is None else found


def _keys(low: bytes | None, high: bytes | None, prefix: bytes, backwards: bool) -> Scanned:
    def read(local: LocalStore, committed: bool, after: After | None, most: int) -> Rows:
        assert local.key_value is not None
        reads, decode = local.key_value.at(committed), local.access.key_serde.decode

        def scan(behind: bytes | None) -> Iterator[tuple[bytes, object, int]]:
            return reads.scan(low, high, prefix, backwards, behind)

        last = None if after is None or not isinstance(after[0], bytes) else after[0]
        found = page(scan, lambda row: row[0], last, most)
        timed = local.spec.has_timestamps
        rows: list[Row] = [
            {"key": decode(key), "value": value, "timestamp": timestamp if timed else None}
            for key, value, timestamp in found.rows
        ]
        return Rows(rows, (found.rows[-1][0],) if found.more else None)

    return read


def _windows(key: bytes | None, first: int, last: int, backwards: bool) -> Scanned:
    def read(local: LocalStore, committed: bool, after: After | None, most: int) -> Rows:
        assert local.window is not None
        reads, decode = local.window.at(committed), local.access.key_serde.decode

        def scan(behind: tuple[bytes, int] | None) -> Iterator[tuple[bytes, int, object, int]]:
            return reads.scan(key, key, first, last, backwards, behind)

        place = None
        if after is not None and isinstance(after[0], bytes) and isinstance(after[1], int):
            place = after[0], after[1]
        found = page(scan, lambda row: row[:2], place, most)
        size, timed = local.spec.window_ms, local.spec.has_timestamps
        rows: list[Row] = [
            {
                "key": decode(raw),
                "window": {"start": start, "end": start + size},
                "value": value,
                "timestamp": timestamp if timed else None,
            }
            for raw, start, value, timestamp in found.rows
        ]
        return Rows(rows, found.rows[-1][:2] if found.more else None)

    return read


def _sessions(key: bytes | None, first: int, last: int, backwards: bool) -> Scanned:
    def read(local: LocalStore, committed: bool, after: After | None, most: int) -> Rows:
        assert local.session is not None
        reads, decode = local.session.at(committed), local.access.key_serde.decode

        def scan(behind: tuple[bytes, int, int] | None) -> Iterator[tuple[bytes, int, int, object]]:
            return reads.scan(key, key, first, last, backwards, behind)

        place = None
        if after is not None:
            raw, start, end = after
            if isinstance(raw, bytes) and isinstance(start, int) and isinstance(end, int):
                place = raw, start, end
        found = page(scan, lambda row: row[:3], place, most)
        rows: list[Row] = [
            {"key": decode(raw), "window": {"start": start, "end": end}, "value": value}
            for raw, start, end, value in found.rows
        ]
        return Rows(rows, found.rows[-1][:3] if found.more else None)

    return read


def _versions(key: bytes, first: int, last: int, ascending: bool) -> Scanned:
    def read(local: LocalStore, committed: bool, after: After | None, most: int) -> Rows:
        assert local.versioned is not None
        shown_key = local.access.key_serde.decode(key)
        rows: list[Row] = [
            {"key": shown_key, "value": each.value, "timestamp": each.timestamp, "valid_to": each.valid_to}
            for each in local.versioned.at(committed).versions(key, first, last, ascending)
        ]
        return Rows(rows, None)

    return read

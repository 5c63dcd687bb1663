"""Window stores against a dict, over both engines, with and without cache or duplicates, through aborts and kills."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statestore.keys import window_key
from statestore.window import LayeredWindowStore
from tests.contracts.store.places import JSON, RUNS, Changelog, Place, place

RETENTION, INTERVAL = 100, 40

KEYS = st.sampled_from([b"", b"a", b"ab", b"a\0\0\0\0\0\0\0\5", b"b"])
TIMES = st.integers(0, 60).map(lambda at: at * 5)
BOUNDS = st.tuples(TIMES, TIMES)
STEPS = st.lists(
    st.tuples(st.just("put"), KEYS, TIMES, st.none() | st.sampled_from(["x", "y"]) | st.just([1]))
    | st.tuples(st.sampled_from(["flush", "commit", "abort", "reopen", "finish"]))
    | st.tuples(st.just("spill"), st.integers(1, 4))
    | st.tuples(st.just("one"), KEYS, BOUNDS, st.booleans())
    | st.tuples(st.just("open"), st.none() | KEYS, st.none() | KEYS, BOUNDS, st.booleans())
    | st.tuples(st.just("by_time"), BOUNDS),
    min_size=12,
    max_size=50,
)

Cell = tuple[bytes, int, int]
Row = tuple[bytes, int, object, int]


class Run:
    """A store and its rows by key, start and sequence number."""

    def __init__(self, where: Place, caching: bool, duplicates: bool, cache_bytes: int) -> None:
        self.where = where
        self.make = lambda: LayeredWindowStore(
            "rows",
            where.engine,
            JSON,
            retention=RETENTION,
            segment_interval=INTERVAL,
            retain_duplicates=duplicates,
            caching=caching,
            cache_bytes=cache_bytes,
        )
        self.caching, self.duplicates = caching, duplicates
        self.store = self.make()
        self.changelog, self.emitted = Changelog(), list[tuple[object, ...]]()
        self.now: dict[Cell, tuple[object, int]] = {}
        self.flushed: dict[Cell, tuple[object, int]] = {}
        self.committed: tuple[dict[Cell, tuple[object, int]], int, int] = ({}, -1, 0)
        self.dirty: dict[Cell, tuple[object, int]] = {}
        self.observed, self.sequence, self.flushed_time = -1, 0, -1
        self.opened: list[tuple[Iterator[Row], list[Row]]] = []
        self.clock = count(1)
        self.bind()

    def bind(self) -> None:
        self.store.bind(self.changelog, lambda *change: self.emitted.append(change), True)

    def seen_from(self) -> int:
        """The lowest time at which a row of one key is seen: through a cache, as long as its segment is kept."""
        expired = self.observed - RETENTION
        return max(0, expired // INTERVAL * INTERVAL) if self.caching else expired + 1

    def closing_from(self) -> int:
        """The same for windows that are emitted when they close: without a cache, one ms more than else."""
        return self.seen_from() if self.caching else self.seen_from() - 1

    def expired(self, time: int) -> bool:
        """Is a row that is flushed older than what was flushed before?"""
        expired = time <= self.flushed_time - RETENTION
        self.flushed_time = max(self.flushed_time, time)
        return expired

    def visible(self, low: int = 0, high: int = 10**6, seen_from: int | None = None) -> list[Row]:
        """By segment and Java's key."""
        lowest = self.observed - RETENTION + 1 if seen_from is None else seen_from
        rows = [
            (cell[1] // INTERVAL, window_key(*cell), (cell[0], cell[1], *self.now[cell]))
            for cell in self.now
            if max(low, lowest) <= cell[1] <= high
        ]
        return [row for _, _, row in sorted(rows, key=lambda row: row[:2])]

    def put(self, key: bytes, start: int, value: object) -> None:
        at = next(self.clock)
        before = len(self.changelog.open)
        taken = self.store.put(key, start, value, at, f"o{at}")
        self.sequence += self.duplicates
        cell = (key, start, self.sequence)
        data = None if value is None else JSON.encode(value)
        if value is None and self.duplicates:
            assert taken and self.changelog.open[before:] == [(window_key(*cell), None, at)]
            return
        self.observed = max(self.observed, start)
        live = start // INTERVAL >= (self.observed - RETENTION) // INTERVAL
        assert taken is live
        if not live and not self.caching:
            assert self.changelog.open[before:] == [(window_key(*cell), data, at)]
            return
        if value is None:
            self.now.pop(cell, None)
        else:
            self.now[cell] = value, at
        if self.caching:
            self.dirty.pop(cell, None)
            self.dirty[cell] = value, at
        else:
            assert self.changelog.open[before:] == [(window_key(*cell), data, at)]

    def flush(self) -> None:
        self.emitted.clear()
        before = len(self.changelog.open)
        self.store.flush()
        want, logged = [], []
        for cell, (value, at) in self.dirty.items():
            there = self.flushed.get(cell, (None, 0))[0]
            if value is None and there is None:
                continue  # nothing is written, and no time seen
            old = None if self.expired(cell[1]) else there
            if old is not None or value is not None:
                want.append((cell[0], cell[1], value, old, at, f"o{at}"))
                logged.append((window_key(*cell), None if value is None else JSON.encode(value), at))
        assert self.emitted == want
        assert self.changelog.open[before:] == logged
        self.dirty.clear()
        self.flushed = self.now.copy()

    def commit(self) -> None:
        self.flush()
        self.store.commit()
        self.changelog.commit()
        self.committed = self.now.copy(), self.observed, self.sequence

    def abort(self) -> None:
        self.store.abort()
        self.changelog.open.clear()
        self.dirty.clear()
        rows, self.observed, self.sequence = self.committed
        self.flushed_time = self.observed
        self.now, self.flushed = rows.copy(), rows.copy()

    def reopen(self) -> None:
        """Kill, open, replay the tail; then bring the observed time up, of which only what was logged is known."""
        self.store.close()
        self.opened.clear()
        self.where.reopen()
        self.store = self.make()
        self.store.apply(self.changelog.tail(self.where.engine), self.changelog.offset())
        rows, observed, sequence = self.committed
        assert max((cell[1] for cell in rows), default=-1) <= self.store.observed_time <= observed
        self.bind()
        self.flushed_time = self.store.observed_time
        self.changelog.open.clear()
        self.dirty.clear()
        self.now, self.flushed, self.observed, self.sequence = rows.copy(), rows.copy(), observed, sequence
        if self.store.observed_time < observed or self.duplicates:
            self.put(b"up", max(observed, 0), "x")
            self.commit()

    def step(self, name: str, *given: object) -> None:
        match name, given:
            case "put", (bytes(key), int(start), value):
                self.put(key, start, value)
            case "spill", (int(rows),):
                self.store.spill(rows, self.changelog.offset())
            case "finish", ():
                while self.store.spill(2, self.changelog.offset()):
                    pass
            case "one", (bytes(key), (int(low), int(high)), bool(backwards)):
                self.one(key, low, high, backwards)
            case "open", (key_from, key_to, (int(low), int(high)), bool(backwards)):
                assert key_from is None or isinstance(key_from, bytes)
                assert key_to is None or isinstance(key_to, bytes)
                want = [
                    row
                    for row in self.visible(low, high)
                    if (key_from is None or key_from <= row[0]) and (key_to is None or row[0] <= key_to)
                ]
                rows = self.store.fetch_keys(key_from, key_to, low, high, backwards)
                self.opened.append((rows, want[::-1] if backwards else want))
            case "by_time", _ if self.duplicates:
                pass  # no order is promised: nobody closes the windows of a join
            case "by_time", ((int(low), int(high)),):
                for closing in (False, True):
                    rows = self.store.fetch_by_time(low, high, closing)
                    found = self.visible(low, high, self.closing_from() if closing else None)
                    self.opened.append((rows, sorted(found, key=lambda row: (row[1], row[0]))))
            case _:
                getattr(self, name)()

    def one(self, key: bytes, low: int, high: int, backwards: bool) -> None:
        rows = self.visible(low, high, self.seen_from())
        want = sorted((row for row in rows if row[0] == key), key=lambda row: row[1])
        found = list(self.store.fetch_range(key, low, high, backwards))
        assert found == [row[1:] for row in (want[::-1] if backwards else want)]

    def check(self) -> None:
        assert self.store.observed_time == self.observed
        for key in (b"", b"a", b"ab", b"none"):
            for start in (0, 50, 150, 200, 300):
                found = [row for row in self.visible(start, start, self.seen_from()) if row[0] == key]
                assert self.store.fetch(key, start) == (found[-1][2:] if found else None)


@pytest.mark.parametrize(
    "caching, duplicates", [(False, False), (True, False), (False, True)], ids=["plain", "caching", "duplicates"]
)
@pytest.mark.parametrize("kind", ["memory", "rocks"])
@given(steps=STEPS, cache_bytes=st.sampled_from([0, 2000, 1 << 20]))
@RUNS
def test_against_a_dict(
    kind: str, caching: bool, duplicates: bool, steps: list[tuple[object, ...]], cache_bytes: int
) -> None:
    with place(kind) as where:
        run = Run(where, caching, duplicates, cache_bytes)
        for step in steps:
            run.step(str(step[0]), *step[1:])
            run.check()
        for rows, want in run.opened:
            assert list(rows) == want
        assert list(run.store.all()) == run.visible()
        assert list(run.store.all(True)) == run.visible()[::-1]
        assert list(run.store.fetch_all(50, 150)) == run.visible(50, 150)
        run.store.close()

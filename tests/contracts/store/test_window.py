"""Window stores against a dict, over both engines, with and without cache or duplicates, through aborts and kills."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statestore.cache_share import CacheShare
from statestore.keys import split_window_key, window_key
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
Stamped = tuple[object, int]
LARGE = 1 << 20
"""Bytes of a read cache that lets nothing go in these tests."""


class Run:
    """A store and its rows by key, start and sequence number, as Java has them: those below the record cache, and those
    in it (of everything that was put, while it is open), which are seen whatever their age."""

    def __init__(self, where: Place, kind: str, cache_bytes: int) -> None:
        self.where = where
        self.caching, self.duplicates = kind == "caching", kind == "duplicates"
        self.time_first, self.one_by_one = kind == "time first", kind == "one by one"
        self.make = lambda: LayeredWindowStore(
            "rows",
            where.engine,
            JSON,
            retention=RETENTION,
            segment_interval=INTERVAL,
            retain_duplicates=self.duplicates,
            caching=self.caching,
            share=CacheShare(cache_bytes),
            one_by_one=self.one_by_one,
            time_first=self.time_first,
        )
        self.forgets = cache_bytes < LARGE
        self.refused, self.told = 0, 0
        self.store = self.make()
        self.changelog, self.emitted = Changelog(), list[tuple[object, ...]]()
        self.below: dict[Cell, Stamped] = {}
        self.cache: dict[Cell, Stamped] = {}
        self.dirty: dict[Cell, Stamped] = {}
        self.observed, self.sequence = -1, 0
        self.committed: tuple[dict[Cell, Stamped], dict[Cell, Stamped], int, int] = ({}, {}, -1, 0)
        self.opened: list[tuple[Iterator[Row], list[Row]]] = []
        self.clock = count(1)
        self.bind()

    def bind(self) -> None:
        self.store.life.bind(self.changelog, lambda *change: self.emitted.append(change), True)

        def refuse() -> None:
            self.refused += 1

        self.store.count_refused(refuse)

    def expired(self, start: int) -> bool:
        """Does the store below the cache not show it any more?"""
        return start < self.observed - RETENTION + 1 - self.time_first

    def visible(self, low: int = 0, high: int = 10**6) -> list[Row]:
        """By segment and Java's key."""
        rows = {cell: row for cell, row in self.below.items() if not self.expired(cell[1])}
        rows.update(self.cache)
        keyed = [
            (cell[1] // INTERVAL, window_key(*cell), (cell[0], cell[1], *row))
            for cell, row in rows.items()
            if low <= cell[1] <= high and row[0] is not None
        ]
        return [row for _, _, row in sorted(keyed, key=lambda row: row[:2])]

    def by_time(self, rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: (row[1], row[0])) if self.time_first or self.one_by_one else rows

    def same(self, found: list[Row], want: list[Row]) -> None:
        """A small read cache has let go of rows that only it showed."""
        if self.forgets and self.caching:
            found, want = ([row for row in rows if not self.expired(row[1])] for rows in (found, want))
        assert found == want

    def take(self, cell: Cell, value: object, at: int) -> None:
        """What a put means below the cache."""
        self.observed = max(self.observed, cell[1])
        oldest = self.observed - RETENTION
        if cell[1] <= oldest if self.one_by_one else cell[1] // INTERVAL < oldest // INTERVAL:
            self.told += 1
        elif value is None:
            self.below.pop(cell, None)
        else:
            self.below[cell] = value, at

    def put(self, key: bytes, start: int, value: object) -> None:
        at = next(self.clock)
        before = len(self.changelog.open)
        self.store.put(key, start, value, at, f"o{at}")
        self.sequence += self.duplicates
        cell = (key, start, self.sequence)
        if self.caching:
            self.dirty.pop(cell, None)
            self.dirty[cell] = self.cache[cell] = value, at
            return
        data = None if value is None else JSON.encode(value)
        assert self.changelog.open[before:] == [(window_key(*cell), data, at)]
        if value is not None or not self.duplicates:
            self.take(cell, value, at)

    def flush(self) -> None:
        self.emitted.clear()
        before = len(self.changelog.open)
        self.store.life.flush()
        want, logged = [], []
        for cell, (value, at) in self.dirty.items():
            there = self.below.get(cell)
            old = None if there is None or self.expired(cell[1]) else there[0]
            if value is not None or old is not None:  # else nothing is written, and no time seen
                self.take(cell, value, at)
                want.append((cell[0], cell[1], value, old, at, f"o{at}"))
                logged.append((window_key(*cell), None if value is None else JSON.encode(value), at))
            if value is None:
                del self.cache[cell]
        assert self.emitted == want
        assert self.changelog.open[before:] == logged
        self.dirty.clear()

    def commit(self) -> None:
        self.flush()
        self.store.life.commit()
        self.changelog.commit()
        self.committed = self.below.copy(), self.cache.copy(), self.observed, self.sequence

    def abort(self) -> None:
        self.store.life.abort()
        self.changelog.open.clear()
        self.dirty.clear()
        below, cache, self.observed, self.sequence = self.committed
        self.below, self.cache = below.copy(), cache.copy()

    def reopen(self) -> None:
        """Kill, open, replay the tail."""
        self.store.life.close()
        self.opened.clear()
        self.where.reopen()
        self.store = self.make()
        self.store.life.apply(self.changelog.tail(self.where.engine), self.changelog.offset())
        self.bind()
        self.abort()
        highest = max([self.observed, *(split_window_key(key)[1] for key, _, _ in self.changelog.lasting)])
        assert self.observed <= self.store.observed_time <= (highest if self.duplicates else self.observed)
        self.observed = self.store.observed_time  # a None in the log moves it, as in Java, where the put did not
        self.committed = self.below.copy(), {}, self.observed, self.sequence
        self.cache.clear()

    def step(self, name: str, *given: object) -> None:
        match name, given:
            case "put", (bytes(key), int(start), value):
                self.put(key, start, value)
            case "spill", (int(rows),):
                self.store.life.spill(rows, self.changelog.offset())
            case "finish", ():
                while self.store.life.spill(2, self.changelog.offset()):
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
                if self.one_by_one:
                    want = self.by_time(want)
                rows = self.store.fetch_keys(key_from, key_to, low, high, backwards)
                self.opened.append((rows, want[::-1] if backwards else want))
            case "by_time", ((int(low), int(high)),):
                want = self.by_time(self.visible(low, high))
                for backwards in (False, True):
                    rows = self.store.fetch_all(low, high, backwards)
                    self.opened.append((rows, want[::-1] if backwards else want))
            case _:
                getattr(self, name)()

    def one(self, key: bytes, low: int, high: int, backwards: bool) -> None:
        want = sorted((row for row in self.visible(low, high) if row[0] == key), key=lambda row: row[1])
        found = [(key, *row) for row in self.store.fetch_range(key, low, high, backwards)]
        self.same(found, want[::-1] if backwards else want)

    def check(self) -> None:
        assert self.refused == self.told
        for key in (b"", b"a", b"ab", b"none"):
            for start in (0, 50, 150, 200, 300):
                want = [row for row in self.visible(start, start) if row[0] == key]
                found = self.store.fetch(key, start)
                self.same([] if found is None else [(key, start, *found)], want[-1:])


@pytest.mark.parametrize("layout", ["plain", "caching", "duplicates", "time first", "one by one"])
@pytest.mark.parametrize("kind", ["memory", "rocks"])
@given(steps=STEPS, cache_bytes=st.sampled_from([0, 2000, LARGE]))
@RUNS
def test_against_a_dict(kind: str, layout: str, steps: list[tuple[object, ...]], cache_bytes: int) -> None:
    with place(kind) as where:
        run = Run(where, layout, cache_bytes)
        for step in steps:
            run.step(str(step[0]), *step[1:])
            run.check()
        for rows, want in run.opened:
            run.same(list(rows), want)
        everything = run.by_time(run.visible())
        run.same(list(run.store.all()), everything)
        run.same(list(run.store.all(True)), everything[::-1])
        run.store.life.close()

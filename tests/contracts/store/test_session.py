"""Session stores against a dict, over both engines, with and without cache, through aborts and kills."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statestore.cache_share import CacheShare
from statestore.keys import session_key
from statestore.memory import MemoryEngine
from statestore.session import LayeredSessionStore
from tests.contracts.store.places import JSON, RUNS, Changelog, Place, place

RETENTION, INTERVAL = 100, 40

KEYS = st.sampled_from([b"", b"a", b"ab", b"b"])
TIMES = st.integers(0, 60).map(lambda at: at * 5)
SPANS = st.tuples(TIMES, st.sampled_from([0, 5, 60]))
STEPS = st.lists(
    st.tuples(st.just("put"), KEYS, SPANS, st.sampled_from(["x", "y"]) | st.just([1]))
    | st.tuples(st.just("remove"), st.integers(0, 50), st.booleans())
    | st.tuples(st.sampled_from(["flush", "commit", "abort", "reopen", "finish"]))
    | st.tuples(st.just("spill"), st.integers(1, 4))
    | st.tuples(st.just("find"), KEYS, TIMES, TIMES, st.booleans())
    | st.tuples(st.just("keys"), st.none() | KEYS, st.none() | KEYS, TIMES, TIMES, st.booleans())
    | st.tuples(st.just("all"), TIMES, TIMES),
    min_size=12,
    max_size=50,
)

Cell = tuple[bytes, int, int]
Row = tuple[bytes, int, int, object]
LARGE = 1 << 20
"""Bytes of a read cache that lets nothing go in these tests."""


class Run:
    """A store and its rows by key, start and end, as Java has them: those below the record cache, and those in it (of
    everything that was put, while it is open), which are seen whatever their age."""

    def __init__(self, where: Place, kind: str, cache_bytes: int) -> None:
        self.where, self.caching = where, kind == "caching"
        self.time_first, self.one_by_one = kind == "time first", kind == "one by one"
        self.make = lambda: LayeredSessionStore(
            "rows",
            where.engine,
            JSON,
            retention=RETENTION,
            segment_interval=INTERVAL,
            caching=self.caching,
            share=CacheShare(cache_bytes),
            one_by_one=self.one_by_one,
            time_first=self.time_first,
        )
        self.forgets = cache_bytes < LARGE
        self.refused, self.told = 0, 0
        self.store = self.make()
        self.changelog, self.emitted = Changelog(), list[tuple[object, ...]]()
        self.below: dict[Cell, object] = {}
        self.cache: dict[Cell, object] = {}
        self.dirty: dict[Cell, tuple[object, int]] = {}
        self.observed = -1
        self.committed: tuple[dict[Cell, object], dict[Cell, object], int] = ({}, {}, -1)
        self.opened: list[tuple[Iterator[Row], list[Row]]] = []
        self.clock = count(1)
        self.bind()

    def bind(self) -> None:
        self.store.life.bind(self.changelog, lambda *change: self.emitted.append(change), False)

        def refuse() -> None:
            self.refused += 1

        self.store.count_refused(refuse)

    def expired(self, end: int) -> bool:
        """Does the store below the cache not show it any more?"""
        return end <= self.observed - RETENTION

    def kept(self) -> int:
        """The lowest time of the segments that are kept."""
        return max(0, (self.observed - RETENTION) // INTERVAL * INTERVAL)

    def visible(self, earliest_end: int = 0, latest_start: int = 10**6, kept: bool = False) -> list[Row]:
        """By end, then start, then key; where rows expire one by one by end, key and start."""
        shown = self.below.items()
        rows = {c: row for c, row in shown if not self.expired(c[2]) or (kept and c[2] >= self.kept())}
        rows.update(self.cache)
        cells = [c for c, row in rows.items() if c[2] >= earliest_end and c[1] <= latest_start and row is not None]
        cells.sort(key=lambda c: (c[2], c[0], c[1]) if self.one_by_one else (c[2], c[1], c[0]))
        return [(*cell, rows[cell]) for cell in cells]

    def by_keys(self, rows: list[Row]) -> list[Row]:
        if self.one_by_one:
            return rows
        return sorted(rows, key=lambda row: (row[2] // INTERVAL, session_key(*row[:3])))

    def same(self, found: list[Row], want: list[Row]) -> None:
        """A small read cache has let go of rows that only it showed."""
        if self.forgets and self.caching:
            found, want = ([row for row in rows if not self.expired(row[2])] for rows in (found, want))
        assert found == want

    def take(self, cell: Cell, value: object) -> None:
        """What a put means below the cache."""
        self.observed = max(self.observed, cell[2])
        if self.expired(cell[2]) if self.one_by_one else cell[2] < self.kept():
            self.told += 1
        elif value is None:
            self.below.pop(cell, None)
        else:
            self.below[cell] = value

    def put(self, cell: Cell, value: object, remove: bool = False) -> None:
        at = next(self.clock)
        before = len(self.changelog.open)
        if remove:
            self.store.remove(*cell, at)
        else:
            self.store.put(*cell, value, at)
        if self.caching:
            self.dirty.pop(cell, None)
            self.dirty[cell] = value, at
            self.cache[cell] = value
            return
        assert self.changelog.open[before:] == [(session_key(*cell), None if value is None else JSON.encode(value), at)]
        if not remove:
            self.take(cell, value)
        else:
            self.observed = self.observed if self.one_by_one else max(self.observed, cell[2])
            self.below.pop(cell, None)

    def flush(self) -> None:
        self.emitted.clear()
        self.store.life.flush()
        want = []
        for cell, (value, at) in self.dirty.items():
            known = cell in self.below and not self.expired(cell[2])
            if value is not None or known:  # else nothing is written, and no time seen
                self.take(cell, value)
                want.append((*cell, value, None, at, None))
            if value is None:
                del self.cache[cell]
        assert self.emitted == want
        self.dirty.clear()

    def commit(self) -> None:
        self.flush()
        self.store.life.commit()
        self.changelog.commit()
        self.committed = self.below.copy(), self.cache.copy(), self.observed

    def abort(self) -> None:
        self.store.life.abort()
        self.changelog.open.clear()
        self.dirty.clear()
        below, cache, self.observed = self.committed
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
        self.observed = self.store.observed_time  # a removal in the log moves it, as in Java
        self.committed = self.below.copy(), {}, self.observed
        self.cache.clear()

    def step(self, name: str, *given: object) -> None:
        match name, given:
            case "put", (bytes(key), (int(start), int(length)), value):
                self.put((key, start, start + length), value)
            case "remove", (int(which), bool(remove)):
                known = sorted({*self.below, *self.cache}) or [(b"a", 0, 5)]
                self.put(known[which % len(known)], None, remove)
            case "spill", (int(rows),):
                self.store.life.spill(rows, self.changelog.offset())
            case "finish", ():
                while self.store.life.spill(2, self.changelog.offset()):
                    pass
            case "find", (bytes(key), int(earliest), int(latest), bool(backwards)):
                want = [row for row in self.visible(earliest, latest) if row[0] == key]
                found = list(self.store.find(key, earliest, latest, backwards))
                self.same(found, want[::-1] if backwards else want)
            case "keys", (key_from, key_to, int(earliest), int(latest), bool(backwards)):
                assert key_from is None or isinstance(key_from, bytes)
                assert key_to is None or isinstance(key_to, bytes)
                want = [
                    row
                    for row in self.by_keys(self.visible(earliest, latest))
                    if (key_from is None or key_from <= row[0]) and (key_to is None or row[0] <= key_to)
                ]
                found_keys = self.store.find_keys(key_from, key_to, earliest, latest, backwards)
                self.opened.append((found_keys, want[::-1] if backwards else want))
            case "all", (int(earliest), int(latest)):
                want = self.visible(earliest, kept=self.time_first)
                rows = self.store.find_all(earliest, latest)
                self.opened.append((rows, [row for row in want if row[2] <= latest]))
            case _:
                getattr(self, name)()

    def check(self) -> None:
        assert self.refused == self.told
        shown = {row[:3]: row[3] for row in self.visible()}
        for cell in [*self.below, *self.cache, (b"a", 5, 10)]:
            found, want = self.store.fetch_session(*cell), shown.get(cell)
            self.same([] if found is None else [(*cell, found)], [] if want is None else [(*cell, want)])


@pytest.mark.parametrize("layout", ["plain", "caching", "time first", "one by one"])
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
        run.same(list(run.store.fetch_keys(None, None)), run.by_keys(run.visible()))
        run.same(list(run.store.fetch(b"a", True)), [row for row in run.visible()[::-1] if row[0] == b"a"])
        run.store.life.close()


def test_a_session_that_only_the_cache_knows_goes_without_a_trace() -> None:
    store = LayeredSessionStore("rows", MemoryEngine(), JSON, retention=RETENTION, caching=True)
    changelog, emitted = Changelog(), list[tuple[object, ...]]()
    store.life.bind(changelog, lambda *change: emitted.append(change), False)
    store.put(b"a", 0, 0, 0, 0)
    one = store.life.dirty_bytes
    for end in range(1, RETENTION):
        store.remove(b"a", 0, end - 1, end)
        store.put(b"a", 0, end, end, end)
        assert store.life.dirty_bytes < 2 * one
    store.life.flush()
    last = RETENTION - 1
    assert emitted == [(b"a", 0, last, last, None, last, None)]
    assert changelog.open == [(session_key(b"a", 0, last), JSON.encode(last), last)]
    store.remove(b"a", 0, last, 99)
    store.life.flush()
    assert emitted[1:] == [(b"a", 0, last, None, None, 99, None)]

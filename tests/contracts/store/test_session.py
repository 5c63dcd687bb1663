"""Session stores against a dict, over both engines, with and without cache, through aborts and kills."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    | st.tuples(st.just("remove"), st.integers(0, 50))
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


class Run:
    """A store and its rows by key, start and end."""

    def __init__(self, where: Place, caching: bool, cache_bytes: int) -> None:
        self.where, self.caching = where, caching
        self.make = lambda: LayeredSessionStore(
            "rows",
            where.engine,
            JSON,
            retention=RETENTION,
            segment_interval=INTERVAL,
            caching=caching,
            cache_bytes=cache_bytes,
        )
        self.store = self.make()
        self.changelog, self.emitted = Changelog(), list[tuple[object, ...]]()
        self.now: dict[Cell, object] = {}
        self.flushed: dict[Cell, object] = {}
        self.committed: tuple[dict[Cell, object], int] = ({}, -1)
        self.dirty: dict[Cell, tuple[object, int]] = {}
        self.observed = self.flushed_time = -1
        self.opened: list[tuple[Iterator[Row], list[Row]]] = []
        self.clock = count(1)
        self.bind()

    def bind(self) -> None:
        self.store.bind(self.changelog, lambda *change: self.emitted.append(change), False)

    def seen_from(self) -> int:
        """The lowest time at which a row of one key is seen: through a cache, as long as its segment is kept."""
        expired = self.observed - RETENTION
        return max(0, expired // INTERVAL * INTERVAL) if self.caching else expired + 1

    def expired(self, time: int) -> bool:
        """Is a row that is flushed older than what was flushed before?"""
        expired = time <= self.flushed_time - RETENTION
        self.flushed_time = max(self.flushed_time, time)
        return expired

    def visible(
        self, earliest_end: int = 0, latest_start: int = 10**6, seen_from: int | None = None
    ) -> list[Row]:
        """By end, then start, then key."""
        oldest = max(earliest_end, self.observed - RETENTION + 1 if seen_from is None else seen_from)
        cells = [cell for cell in self.now if cell[2] >= oldest and cell[1] <= latest_start]
        return [(*cell, self.now[cell]) for cell in sorted(cells, key=lambda cell: (cell[2], cell[1], cell[0]))]

    def put(self, cell: Cell, value: object) -> None:
        at = next(self.clock)
        before = len(self.changelog.open)
        if value is None:
            taken = self.store.remove(*cell, at)
        else:
            taken = self.store.put(*cell, value, at)
        self.observed = max(self.observed, cell[2])
        assert taken is (cell[2] // INTERVAL >= (self.observed - RETENTION) // INTERVAL)
        data = None if value is None else JSON.encode(value)
        if not taken and not self.caching:
            assert self.changelog.open[before:] == [(session_key(*cell), data, at)]
            return
        if value is None:
            self.now.pop(cell, None)
        else:
            self.now[cell] = value
        if self.caching:
            self.dirty.pop(cell, None)
            self.dirty[cell] = value, at
        else:
            assert self.changelog.open[before:] == [(session_key(*cell), data, at)]

    def flush(self) -> None:
        self.emitted.clear()
        self.store.flush()
        want = []
        for cell, (value, at) in self.dirty.items():
            if value is None and cell not in self.flushed:
                continue  # nothing was there: nothing is written, and no time seen
            known = not self.expired(cell[2]) and cell in self.flushed
            if value is not None or known:
                want.append((*cell, value, None, at, None))
        assert self.emitted == want
        self.dirty.clear()
        self.flushed = self.now.copy()

    def commit(self) -> None:
        self.flush()
        self.store.commit()
        self.changelog.commit()
        self.committed = self.now.copy(), self.observed

    def abort(self) -> None:
        self.store.abort()
        self.changelog.open.clear()
        self.dirty.clear()
        rows, self.observed = self.committed
        self.flushed_time = self.observed
        self.now, self.flushed = rows.copy(), rows.copy()

    def reopen(self) -> None:
        self.store.close()
        self.opened.clear()
        self.where.reopen()
        self.store = self.make()
        self.store.apply(self.changelog.tail(self.where.engine), self.changelog.offset())
        self.bind()
        self.flushed_time = self.store.observed_time
        self.changelog.open.clear()
        self.dirty.clear()
        rows, self.observed = self.committed
        self.now, self.flushed = rows.copy(), rows.copy()
        if self.store.observed_time < self.observed:
            self.put((b"up", self.observed, self.observed), "x")
            self.commit()

    def step(self, name: str, *given: object) -> None:
        match name, given:
            case "put", (bytes(key), (int(start), int(length)), value):
                self.put((key, start, start + length), value)
            case "remove", (int(which),):
                if self.now:
                    self.put(sorted(self.now)[which % len(self.now)], None)
            case "spill", (int(rows),):
                self.store.spill(rows, self.changelog.offset())
            case "finish", ():
                while self.store.spill(2, self.changelog.offset()):
                    pass
            case "find", (bytes(key), int(earliest), int(latest), bool(backwards)):
                want = [row for row in self.visible(earliest, latest, self.seen_from()) if row[0] == key]
                found = list(self.store.find(key, earliest, latest, backwards))
                assert found == (want[::-1] if backwards else want)
            case "keys", (key_from, key_to, int(earliest), int(latest), bool(backwards)):
                assert key_from is None or isinstance(key_from, bytes)
                assert key_to is None or isinstance(key_to, bytes)
                want = [
                    row
                    for row in self.visible(earliest, latest)
                    if (key_from is None or key_from <= row[0]) and (key_to is None or row[0] <= key_to)
                ]
                want.sort(key=lambda row: (row[2] // INTERVAL, session_key(*row[:3])), reverse=backwards)
                found_keys = self.store.find_keys(key_from, key_to, earliest, latest, backwards)
                self.opened.append((found_keys, want))
            case "all", (int(earliest), int(latest)):
                for closing in (False, True):
                    rows = self.store.find_all(earliest, latest, closing)
                    kept = max(0, (self.observed - RETENTION) // INTERVAL * INTERVAL) if closing else None
                    found = self.visible(earliest, seen_from=kept)
                    self.opened.append((rows, [row for row in found if row[2] <= latest]))
            case _:
                getattr(self, name)()

    def check(self) -> None:
        assert self.store.observed_time == self.observed
        for cell in [*self.now, (b"a", 5, 10)]:
            want = self.now.get(cell) if cell[2] >= self.seen_from() else None
            assert self.store.fetch_session(*cell) == want


@pytest.mark.parametrize("caching", [False, True])
@pytest.mark.parametrize("kind", ["memory", "rocks"])
@given(steps=STEPS, cache_bytes=st.sampled_from([0, 2000, 1 << 20]))
@RUNS
def test_against_a_dict(kind: str, caching: bool, steps: list[tuple[object, ...]], cache_bytes: int) -> None:
    with place(kind) as where:
        run = Run(where, caching, cache_bytes)
        for step in steps:
            run.step(str(step[0]), *step[1:])
            run.check()
        for rows, want in run.opened:
            assert list(rows) == want
        by_key = sorted(run.visible(), key=lambda row: (row[2] // INTERVAL, session_key(*row[:3])))
        assert list(run.store.fetch_keys(None, None)) == by_key
        of_one = run.visible(seen_from=run.seen_from())[::-1]
        assert list(run.store.fetch(b"a", True)) == [row for row in of_one if row[0] == b"a"]
        run.store.close()


def test_a_session_that_only_the_cache_knows_goes_without_a_trace() -> None:
    store = LayeredSessionStore("rows", MemoryEngine(), JSON, retention=RETENTION, caching=True)
    changelog, emitted = Changelog(), list[tuple[object, ...]]()
    store.bind(changelog, lambda *change: emitted.append(change), False)
    store.put(b"a", 0, 0, 0, 0)
    one = store.dirty_bytes
    for end in range(1, RETENTION):
        store.remove(b"a", 0, end - 1, end)
        store.put(b"a", 0, end, end, end)
        assert store.dirty_bytes < 2 * one
    store.flush()
    last = RETENTION - 1
    assert emitted == [(b"a", 0, last, last, None, last, None)]
    assert changelog.open == [(session_key(b"a", 0, last), JSON.encode(last), last)]
    store.remove(b"a", 0, last, 99)
    store.flush()
    assert emitted[1:] == [(b"a", 0, last, None, None, 99, None)]

"""Key-value stores against a dict, over both engines, with and without cache, through aborts and kills."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statestore.cache_share import CacheShare
from statestore.keyvalue import LayeredKeyValueStore
from tests.contracts.store.places import JSON, RUNS, Changelog, Place, place

KEYS = st.sampled_from([b"", b"a", b"ab", b"b", b"\xff", b"\xff\xff\0"])
VALUES = st.none() | st.sampled_from(["x", "y", "a longer text"]) | st.just([1, "list"])
STEPS = st.lists(
    st.tuples(st.just("put"), KEYS, VALUES)
    | st.tuples(st.sampled_from(["delete", "prefix"]), KEYS, st.just("v"))
    | st.tuples(st.sampled_from(["flush", "commit", "abort", "reopen", "finish"]))
    | st.tuples(st.just("spill"), st.integers(1, 4))
    | st.tuples(st.just("open"), st.none() | KEYS, st.none() | KEYS, st.booleans()),
    min_size=12,
    max_size=50,
)

Rows = dict[bytes, tuple[object, int]]


class Run:
    """A store and what it must be: `now` as seen by reads, `flushed` below the cache, `committed` after an abort."""

    def __init__(self, where: Place, caching: bool, timestamped: bool, cache_bytes: int, kept: bool) -> None:
        self.where = where
        codec = JSON._replace(immutable=kept)
        self.make = lambda: LayeredKeyValueStore(
            "rows", where.engine, codec, timestamped=timestamped, caching=caching, share=CacheShare(cache_bytes)
        )
        self.timestamped, self.caching = timestamped, caching
        self.store = self.make()
        self.changelog, self.emitted = Changelog(), list[tuple[object, ...]]()
        self.now: Rows = {}
        self.flushed: Rows = {}
        self.committed: Rows = {}
        self.dirty: dict[bytes, tuple[object, int, object]] = {}
        self.opened: list[tuple[Iterator[tuple[bytes, object, int]], list[tuple[bytes, object, int]]]] = []
        self.clock = 0
        self.bind()

    def bind(self) -> None:
        self.store.life.bind(self.changelog, lambda *change: self.emitted.append(change), True)

    def seen(self, rows: Iterator[tuple[bytes, object, int]]) -> list[tuple[bytes, object, int]]:
        """A plain store forgets timestamps on its way through the engine."""
        return [(key, value, at if self.timestamped else 0) for key, value, at in rows]

    def rows(self, low: bytes | None, high: bytes | None, backwards: bool) -> list[tuple[bytes, object, int]]:
        found = [
            (key, value, at if self.timestamped else 0)
            for key, (value, at) in sorted(self.now.items(), reverse=backwards)
            if (low is None or low <= key) and (high is None or key <= high)
        ]
        return found

    def put(self, key: bytes, value: object) -> None:
        self.clock += 1
        before = len(self.changelog.open)
        self.store.put(key, value, self.clock, f"o{self.clock}")
        self.noted(key, value)
        if not self.caching:
            data = None if value is None else JSON.encode(value)
            assert self.changelog.open[before:] == [(key, data, self.clock)]

    def noted(self, key: bytes, value: object) -> None:
        self.set(self.now, key, value, self.clock)
        if self.caching:
            self.dirty.pop(key, None)
            self.dirty[key] = value, self.clock, f"o{self.clock}"

    @staticmethod
    def set(rows: Rows, key: bytes, value: object, at: int) -> None:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value, at

    def flush(self) -> None:
        self.emitted.clear()
        before = len(self.changelog.open)
        self.store.life.flush()
        want, logged = [], []
        for key, (value, at, origin) in self.dirty.items():
            old = self.flushed.get(key, (None, 0))[0]
            if old is not None or value is not None:
                want.append((key, value, old, at, origin))
                logged.append((key, None if value is None else JSON.encode(value), at))
        assert self.emitted == want
        assert self.changelog.open[before:] == logged
        assert self.store.life.dirty_bytes == 0
        self.dirty.clear()
        self.flushed = self.now.copy()

    def commit(self) -> None:
        self.flush()
        self.store.life.commit()
        self.changelog.commit()
        self.committed = self.now.copy()
        assert self.store.life.uncommitted_bytes == 0

    def abort(self) -> None:
        self.store.life.abort()
        self.changelog.open.clear()
        self.dirty.clear()
        self.now, self.flushed = self.committed.copy(), self.committed.copy()

    def reopen(self) -> None:
        """Kill, open, replay the tail."""
        self.store.life.close()
        self.opened.clear()
        self.where.reopen()
        self.store = self.make()
        self.store.life.apply(self.changelog.tail(self.where.engine), self.changelog.offset())
        self.bind()
        self.abort()

    def step(self, name: str, *given: object) -> None:
        match name, given:
            case "put", (bytes(key), value):
                self.put(key, value)
            case "delete", (bytes(key), _):
                self.clock += 1
                found = self.store.delete(key, self.clock, f"o{self.clock}")
                assert (found and found[0]) == self.now.get(key, (None,))[0]
                self.noted(key, None)
            case "prefix", (bytes(key), _):
                with self.store.prefix_scan(key) as rows:
                    want = [row for row in self.rows(None, None, False) if row[0].startswith(key)]
                    assert self.seen(iter(rows)) == want
            case "spill", (int(count),):
                self.store.life.spill(count, self.changelog.offset())
            case "finish", ():
                while self.store.life.spill(2, self.changelog.offset()):
                    pass
                assert self.store.life.committed_bytes == 0
            case "open", (low, high, bool(backwards)):
                assert low is None or isinstance(low, bytes)
                assert high is None or isinstance(high, bytes)
                rows = self.store.range(low, high, backwards)
                self.opened.append((rows, self.rows(low, high, backwards)))
            case _:
                getattr(self, name)()

    def check(self) -> None:
        for key in (b"", b"a", b"ab", b"b", b"\xff", b"none"):
            found = self.store.get(key)
            want = self.now.get(key)
            assert (found and found[0]) == (want and want[0])
            assert not self.timestamped or found == want


@pytest.mark.parametrize("caching", [False, True])
@pytest.mark.parametrize("timestamped", [False, True])
@pytest.mark.parametrize("kind", ["memory", "rocks"])
@given(steps=STEPS, cache_bytes=st.sampled_from([0, 500, 1 << 20]), kept=st.booleans())
@RUNS
def test_against_a_dict(
    kind: str, timestamped: bool, caching: bool, steps: list[tuple[object, ...]], cache_bytes: int, kept: bool
) -> None:
    with place(kind) as where:
        run = Run(where, caching, timestamped, cache_bytes, kept)
        for step in steps:
            run.step(str(step[0]), *step[1:])
            run.check()
        for rows, want in run.opened:
            assert run.seen(rows) == want
        assert run.seen(run.store.all()) == run.rows(None, None, False)
        assert run.seen(run.store.all(True)) == run.rows(None, None, True)
        assert run.store.approximate_entries() == len(run.now)
        run.store.life.close()

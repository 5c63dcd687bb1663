"""Versioned stores against lists of versions, over both engines, through aborts and kills."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statestore.api import NOT_PUT, VALID_TO_UNDEFINED
from statestore.cache_share import CacheShare
from statestore.versioned import LayeredVersionedStore
from tests.contracts.store.places import JSON, RUNS, Changelog, Place, place

HISTORY = 60

KEYS = st.sampled_from([b"a", b"b"])
TIMES = st.integers(0, 150)
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "delete"]), KEYS, TIMES, st.none() | st.sampled_from(["x", [1]]))
    | st.tuples(st.sampled_from(["commit", "abort", "reopen", "finish"]))
    | st.tuples(st.just("spill"), st.integers(1, 2)),
    min_size=12,
    max_size=50,
)

Versions = dict[bytes, dict[int, object]]


def copy(rows: Versions) -> Versions:
    return {key: dict(versions) for key, versions in rows.items()}


class Run:
    """A store and every version that was ever put."""

    def __init__(self, where: Place, cache_bytes: int) -> None:
        self.where = where
        self.make = lambda: LayeredVersionedStore(
            "rows", where.engine, JSON, history_retention=HISTORY, share=CacheShare(cache_bytes)
        )
        self.store = self.make()
        self.changelog = Changelog()
        self.rows: Versions = {}
        self.observed = -1
        self.committed: tuple[Versions, int] = ({}, -1)
        self.store.life.bind(self.changelog, None, False)

    def as_of(self, key: bytes, at: int | None) -> tuple[object, int, int | None] | None:
        """What `get` must give: value, timestamp, valid to."""
        versions = self.rows.get(key, {})
        times = [time for time in versions if at is None or time <= at]
        if not times or versions[max(times)] is None:
            return None
        time = max(times)
        later = min((other for other in versions if other > time), default=None)
        if at is not None and later is not None and at < self.observed - HISTORY:
            return None
        return versions[time], time, later

    def put(self, key: bytes, at: int, value: object) -> None:
        before = len(self.changelog.open)
        if at < self.observed - HISTORY:
            assert self.store.put(key, value, at) == NOT_PUT
            assert len(self.changelog.open) == before + 1
            return
        later = min((time for time in self.rows.get(key, {}) if time > at), default=VALID_TO_UNDEFINED)
        assert self.store.put(key, value, at) == later
        self.note(key, at, value, before)

    def note(self, key: bytes, at: int, value: object, before: int) -> None:
        versions = self.rows.setdefault(key, {})
        # Java: a newest value that is deleted as of its own time leaves no trace, unless it ends a value before it.
        ended = max((time for time in versions if time < at), default=None)
        traceless = (
            value is None
            and versions.get(at) is not None
            and max(versions) == at
            and (ended is None or versions[ended] is None)
        )
        if traceless:
            del versions[at]
        else:
            versions[at] = value
        self.observed = max(self.observed, at)
        assert self.changelog.open[before:] == [(key, None if value is None else JSON.encode(value), at)]

    def delete(self, key: bytes, at: int, _: object) -> None:
        before = len(self.changelog.open)
        if at < self.observed - HISTORY:
            assert self.store.delete(key, at) is None
            assert self.changelog.open[before:] == [(key, None, at)]
            return
        self.observed = max(self.observed, at)
        want = self.as_of(key, at)
        assert self.store.delete(key, at) == want
        self.note(key, at, None, before)

    def commit(self) -> None:
        self.store.life.commit()
        self.changelog.commit()
        self.committed = copy(self.rows), self.observed

    def abort(self) -> None:
        self.store.life.abort()
        self.changelog.open.clear()
        self.rows, self.observed = copy(self.committed[0]), self.committed[1]

    def reopen(self) -> None:
        self.store.life.close()
        self.where.reopen()
        self.store = self.make()
        self.store.life.apply(self.changelog.tail(self.where.engine), self.changelog.offset())
        self.store.life.bind(self.changelog, None, False)
        self.abort()

    def spill(self, count: int) -> None:
        self.store.life.spill(count, self.changelog.offset())

    def finish(self) -> None:
        while self.store.life.spill(1, self.changelog.offset()):
            pass

    def check(self) -> None:
        assert self.store.observed_time == self.observed
        for key in (b"a", b"b", b"none"):
            assert self.store.get(key) == self.as_of(key, None)
            for at in range(0, 160, 13):
                assert self.store.get(key, at) == self.as_of(key, at)
        oldest = max(40, self.observed - HISTORY + 1)
        for key, versions in self.rows.items():
            if self.observed - HISTORY <= 90:
                want = [
                    found
                    for time in sorted(versions, reverse=True)
                    if time <= 90
                    and (found := self.as_of_version(key, time)) is not None
                    and (found[2] is None or found[2] > oldest)
                ]
                assert list(self.store.versions(key, 40, 90)) == want
                assert list(self.store.versions(key, 40, 90, True)) == want[::-1]

    def as_of_version(self, key: bytes, time: int) -> tuple[object, int, int | None] | None:
        value = self.rows[key][time]
        later = min((other for other in self.rows[key] if other > time), default=None)
        return None if value is None else (value, time, later)


@pytest.mark.parametrize("kind", ["memory", "rocks"])
@given(steps=STEPS, cache_bytes=st.sampled_from([0, 1 << 20]))
@RUNS
def test_against_lists(kind: str, steps: list[tuple[object, ...]], cache_bytes: int) -> None:
    with place(kind) as where:
        run = Run(where, cache_bytes)
        for step in steps:
            getattr(run, str(step[0]))(*step[1:])
            run.check()
        run.store.life.close()

"""What window and session stores read and drop: cost does not grow with the windows kept."""

from __future__ import annotations

from statestore.api import Codec
from statestore.cache_share import CacheShare
from statestore.memory import MemoryEngine
from statestore.session import LayeredSessionStore
from statestore.window import LayeredWindowStore
from tests.statestore.counting import Counting

TEXT = Codec(lambda value: str(value).encode(), lambda data: data.decode(), lambda value: type(value) is str)


def window(engine: MemoryEngine, retention: int, cache_bytes: int = 1 << 20) -> LayeredWindowStore:
    return LayeredWindowStore(
        "w", engine, TEXT, retention=retention, segment_interval=retention // 2, share=CacheShare(cache_bytes)
    )


def settle(store: LayeredWindowStore | LayeredSessionStore) -> None:
    store.life.commit()
    while store.life.spill(1000):
        pass


def refusals(store: LayeredWindowStore, *starts: int) -> list[int]:
    """How often each of these puts was refused."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 1

    store.count_refused(count)
    each = []
    for start in starts:
        before = counted
        store.put(b"k", start, "v", 0)
        each.append(counted - before)
    return each


def test_segments_are_java_s_by_default() -> None:
    engine = MemoryEngine()
    for retention, interval in ((1000, 60_000), (300_000, 150_000)):
        store = LayeredWindowStore(f"w{retention}", engine, TEXT, retention=retention)
        assert store._segments.interval == interval


def test_expired_segments_leave_the_engine() -> None:
    engine = MemoryEngine()
    store = window(engine, 100)
    for start in range(0, 1000, 10):
        store.put(b"k", start, "v", start)
        settle(store)
    # observed 990, retention 100: the segment of 890 begins at 850
    assert len(engine._rows) == 15
    refused: list[str] = []
    store.count_refused(lambda: refused.append("late"))
    store.put(b"k", 0, "late", 0)
    assert refused == ["late"]
    assert [start for start, _, _ in store.fetch_range(b"k", 0, 2000)] == list(range(900, 1000, 10))


def test_reads_near_the_observed_time_need_no_engine() -> None:
    engine = Counting()
    store = window(engine, 10_000)
    for start in range(0, 5000, 10):
        store.put(b"k%d" % (start % 7), start, "v", start)
        settle(store)
        store.fetch(b"new", start)
        list(store.fetch_range(b"k1", start - 100, start))
    assert (engine.reads, engine.scans) == (0, 0)


def test_an_overgrown_read_cache_lets_old_times_go() -> None:
    engine = Counting()
    store = window(engine, 10_000, cache_bytes=20_000)
    for start in range(0, 5000, 10):
        store.put(b"k", start, str(start), start)
        settle(store)
    assert list(store.fetch_range(b"k", 4900, 5000)) == [(at, str(at), at) for at in range(4900, 5000, 10)]
    assert engine.scans == 0
    assert list(store.fetch_range(b"k", 0, 5000)) == [(at, str(at), at) for at in range(0, 5000, 10)]
    assert store.fetch(b"k", 10) == ("10", 10)
    assert engine.scans > 0 and engine.reads == 1


def test_abort_takes_the_observed_time_back() -> None:
    store = window(MemoryEngine(), 100)
    store.put(b"k", 10, "v", 10)
    store.life.commit()
    store.put(b"k", 900, "v", 900)
    assert store.fetch(b"k", 10) is None
    store.life.abort()
    assert (store.observed_time, store.fetch(b"k", 10)) == (10, ("v", 10))


def test_duplicates_after_a_restart_do_not_meet_older_ones() -> None:
    engine = MemoryEngine()

    def opened() -> LayeredWindowStore:
        return LayeredWindowStore("w", engine, TEXT, retention=100, retain_duplicates=True, timestamped=False)

    store = opened()
    store.put(b"k", 5, "a", 5)
    settle(store)
    store = opened()
    store.put(b"k", 5, "b", 5)
    settle(store)
    assert [value for _, value, _ in opened().fetch_range(b"k", 0, 10)] == ["a", "b"]


def test_sessions_of_many_keys_are_found_by_their_key_alone() -> None:
    engine = Counting()
    store = LayeredSessionStore("s", engine, TEXT, retention=1000)
    for number in range(100):
        store.put(b"k%d" % number, number, number + 5, "v", number)
    settle(store)
    assert list(store.find(b"k7", 0, 100)) == [(b"k7", 7, 12, "v")]
    assert engine.scans == 0


def test_expiry_one_by_one_refuses_what_would_not_be_seen() -> None:
    for exact, late in ((True, [1, 1, 0]), (False, [1, 0, 0])):
        store = LayeredWindowStore("w", MemoryEngine(), TEXT, retention=100, segment_interval=50, one_by_one=exact)
        assert refusals(store, 990, 849, 890, 891) == [0, *late]
        assert [start for start, _, _ in store.fetch_range(b"k", 0, 2000)] == [891, 990]
        settle(store)
        assert [start for start, _, _ in store.fetch_range(b"k", 0, 2000)] == [891, 990]


def test_expiry_one_by_one_takes_every_ms() -> None:
    """Java's store in memory has forgotten what is as old as its retention, be that 0."""
    for retention in (0, 1, 5):
        store = LayeredWindowStore("w", MemoryEngine(), TEXT, retention=retention, one_by_one=True)
        assert refusals(store, 85, 86, 86 - retention) == ([1, 1, 1] if retention == 0 else [0, 0, 1])


def test_rows_that_lie_by_time_are_seen_a_little_longer() -> None:
    """In window stores by one ms; of sessions all that are kept are read by time."""
    for time_first in (False, True):
        windows = LayeredWindowStore(
            "w", MemoryEngine(), TEXT, retention=100, segment_interval=50, time_first=time_first
        )
        sessions = LayeredSessionStore(
            "s", MemoryEngine(), TEXT, retention=100, segment_interval=50, time_first=time_first
        )
        for time in (860, 889, 890, 891, 900):
            windows.put(b"k", time, "v", 0)
            sessions.put(b"k", time, time, "v", 0)
        windows.put(b"k", 990, "v", 0)
        sessions.put(b"k", 990, 990, "v", 0)
        starts = [890, 891, 900] if time_first else [891, 900]
        assert [row[1] for row in windows.fetch_all(0, 900)] == starts
        assert [start for start, _, _ in windows.fetch_range(b"k", 0, 900)] == starts
        assert (windows.fetch(b"k", 890) is not None) is time_first
        ends = [row[2] for row in sessions.find_all(0, 900)]
        assert ends == ([860, 889, 890, 891, 900] if time_first else [891, 900])
        assert [row[2] for row in sessions.fetch(b"k")] == [891, 900, 990]


def test_all_windows_come_by_segment_and_key_or_by_time() -> None:
    orders: dict[bool, list[tuple[bytes, int]]] = {}
    for time_first in (False, True):
        store = LayeredWindowStore("w", MemoryEngine(), TEXT, retention=1_000_000, time_first=time_first)
        for key, start in ((b"b", 10), (b"a", 20), (b"b", 600_000), (b"a", 700_000), (b"a", 10)):
            store.put(key, start, "v", start)
        orders[time_first] = [row[:2] for row in store.fetch_all(0, 1_000_000)]
    assert orders[False] == [(b"a", 10), (b"a", 20), (b"b", 10), (b"a", 700_000), (b"b", 600_000)]
    assert orders[True] == [(b"a", 10), (b"b", 10), (b"a", 20), (b"b", 600_000), (b"a", 700_000)]


def test_rows_that_expire_before_they_are_spilled_never_reach_the_engine() -> None:
    engine = MemoryEngine()
    store = LayeredWindowStore("w", engine, TEXT, retention=100, segment_interval=1000, retain_duplicates=True)
    for start in range(0, 1000, 10):
        store.put(b"k%d" % start, start, "v", start)
        assert [*store.fetch_range(b"k%d" % start, 0, start)] == [(start, "v", start)]
    settle(store)
    # observed 990: 891 and later are seen
    assert len(engine._rows) == 10
    assert len(store._by_key) == 10


def test_what_a_cache_holds_is_seen_whatever_the_retention() -> None:
    """Java's record cache knows no retention; but it is gone at a restart, and its store below shows less."""
    engine = MemoryEngine()

    def opened() -> tuple[LayeredWindowStore, LayeredSessionStore]:
        windows = LayeredWindowStore("w", engine, TEXT, retention=100, caching=True)
        return windows, LayeredSessionStore("s", engine, TEXT, retention=100, caching=True)

    windows, sessions = opened()
    for time in (0, 500_000):
        windows.put(b"k", time, "v", time)
        sessions.put(b"k", time, time, "v", time)
        windows.life.flush()
        sessions.life.flush()
        settle(windows)
        settle(sessions)
    assert windows.fetch(b"k", 0) == ("v", 0)
    for found in (windows.fetch_range(b"k", 0, 500_000), windows.fetch_keys(None, None, 0, 500_000), windows.all()):
        assert len([*found]) == 2
    assert len([*sessions.fetch(b"k")]) == len([*sessions.fetch_keys(None, b"z")]) == 2
    windows, sessions = opened()
    assert windows.fetch(b"k", 0) is None
    assert [row[1] for row in windows.all()] == [500_000]
    assert [row[2] for row in sessions.fetch(b"k")] == [500_000]


def test_a_deletion_of_what_a_cache_alone_knows_moves_no_time() -> None:
    store = LayeredWindowStore("w", MemoryEngine(), TEXT, retention=100, caching=True)
    store.life.bind(None, lambda *change: None, False)
    store.put(b"k", 0, "v", 0)
    store.life.flush()
    store.put(b"other", 1_000, None, 1_000)
    store.life.flush()
    settle(store)
    assert store._segments.observed == 0


def test_a_cache_lets_go_of_what_nobody_else_shows_when_it_is_full() -> None:
    store = LayeredWindowStore("w", MemoryEngine(), TEXT, retention=100, caching=True, share=CacheShare(50_000))
    for start in range(0, 100_000, 100):
        store.put(b"k", start, "v", start)
        store.life.flush()
        settle(store)
    held = len([*store.all()])
    assert 100 < held < 900 and store._segments._cached == held

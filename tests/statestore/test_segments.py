"""What window and session stores read and drop: cost does not grow with the windows kept."""

from __future__ import annotations

from statestore.api import Codec
from statestore.memory import MemoryEngine
from statestore.session import LayeredSessionStore
from statestore.window import LayeredWindowStore
from tests.statestore.counting import Counting

TEXT = Codec(lambda value: str(value).encode(), lambda data: data.decode(), lambda value: type(value) is str)


def window(engine: MemoryEngine, retention: int, cache_bytes: int = 1 << 20) -> LayeredWindowStore:
    return LayeredWindowStore(
        "w", engine, TEXT, retention=retention, segment_interval=retention // 2, cache_bytes=cache_bytes
    )


def settle(store: LayeredWindowStore | LayeredSessionStore) -> None:
    store.commit()
    while store.spill(1000):
        pass


def test_segments_are_java_s_by_default() -> None:
    engine = MemoryEngine()
    for retention, interval in ((1000, 60_000), (300_000, 150_000)):
        store = LayeredWindowStore(f"w{retention}", engine, TEXT, retention=retention)
        assert store._segments.interval == interval


def test_expired_segments_leave_the_engine() -> None:
    engine = MemoryEngine()
    store = window(engine, 100)
    for start in range(0, 1000, 10):
        assert store.put(b"k", start, "v", start)
        settle(store)
    # observed 990, retention 100: the segment of 890 begins at 850
    assert len(engine._rows) == 15
    assert not store.put(b"k", 0, "late", 0)
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
    store.commit()
    store.put(b"k", 900, "v", 900)
    assert store.fetch(b"k", 10) is None
    store.abort()
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
    for exact, taken in ((True, [False, False, True]), (False, [False, True, True])):
        store = LayeredWindowStore("w", MemoryEngine(), TEXT, retention=100, segment_interval=50, one_by_one=exact)
        store.put(b"k", 990, "v", 0)
        assert [store.put(b"k", start, "v", 0) for start in (849, 890, 891)] == taken
        assert [start for start, _, _ in store.fetch_range(b"k", 0, 2000)] == [891, 990]
        settle(store)
        assert [start for start, _, _ in store.fetch_range(b"k", 0, 2000)] == [891, 990]


def test_what_closes_is_seen_a_little_longer() -> None:
    """By one ms in window stores and by segments in session stores, unless rows expire one by one."""
    for one_by_one in (False, True):
        windows = LayeredWindowStore(
            "w", MemoryEngine(), TEXT, retention=100, segment_interval=50, one_by_one=one_by_one
        )
        sessions = LayeredSessionStore(
            "s", MemoryEngine(), TEXT, retention=100, segment_interval=50, one_by_one=one_by_one
        )
        for time in (860, 889, 890, 891, 900):
            windows.put(b"k", time, "v", 0)
            sessions.put(b"k", time, time, "v", 0)
        windows.put(b"k", 990, "v", 0)
        sessions.put(b"k", 990, 990, "v", 0)
        starts = [row[1] for row in windows.fetch_by_time(0, 900, closing=True)]
        assert starts == ([891, 900] if one_by_one else [890, 891, 900])
        assert [row[1] for row in windows.fetch_by_time(0, 900)] == [891, 900]
        ends = [row[2] for row in sessions.find_all(0, 900, closing=True)]
        assert ends == ([891, 900] if one_by_one else [860, 889, 890, 891, 900])


def test_rows_that_expire_before_they_are_spilled_never_reach_the_engine() -> None:
    engine = MemoryEngine()
    store = LayeredWindowStore("w", engine, TEXT, retention=100, segment_interval=1000, retain_duplicates=True)
    for start in range(0, 1000, 10):
        store.put(b"k%d" % start, start, "v", start)
        assert [*store.fetch_range(b"k%d" % start, 0, start)] == [(start, "v", start)]
    settle(store)
    # observed 990: 891 and later are seen, 890 may still be asked for as closed
    assert len(engine._rows) == 11
    assert len(store._by_key.rows) == 11
    assert [start for _, start, _, _ in store.fetch_by_time(0, 2000, closing=True)] == list(range(890, 1000, 10))


def test_expired_rows_that_a_cache_or_a_session_store_shows_are_spilled() -> None:
    engine = MemoryEngine()
    windows = LayeredWindowStore("w", engine, TEXT, retention=100, segment_interval=1000, caching=True)
    sessions = LayeredSessionStore("s", engine, TEXT, retention=100, segment_interval=1000)
    for time in (0, 500):
        windows.put(b"k", time, "v", time)
        sessions.put(b"k", time, time, "v", time)
    windows.flush()
    settle(windows)
    settle(sessions)
    assert windows.fetch(b"k", 0) == ("v", 0)
    assert len([*sessions.find_all(0, 500, closing=True)]) == 2

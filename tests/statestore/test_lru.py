from __future__ import annotations

import pytest

from statestore.api import Codec
from statestore.cached_lru import CachedLruMap
from statestore.lru import LruMap

TEXT = Codec(lambda value: str(value).encode(), lambda data: data.decode(), lambda value: type(value) is str)


def filled() -> tuple[LruMap, list[tuple[bytes, bytes | None, int, object]]]:
    logged: list[tuple[bytes, bytes | None, int, object]] = []
    rows = LruMap("lru", TEXT, 2)
    rows.life.bind(lambda *row: logged.append(row), None, False)
    rows.put(b"a", "1", 1)
    rows.put(b"b", "2", 2)
    return rows, logged


def test_the_key_used_longest_ago_gives_way_and_is_deleted_in_the_changelog_first() -> None:
    rows, logged = filled()
    assert rows.get(b"a") == ("1", 1)
    rows.put(b"c", "3", 3, "origin")
    assert logged[2:] == [(b"b", None, 3, "origin"), (b"c", b"3", 3, "origin")]
    assert rows.get(b"b") is None
    assert rows.get(b"a") == ("1", 1)
    assert rows.approximate_entries() == 2


def test_abort_brings_back_what_gave_way() -> None:
    rows, _ = filled()
    rows.life.commit()
    rows.put(b"c", "3", 3)
    rows.delete(b"b", 4)
    rows.life.abort()
    assert [rows.get(key) for key in (b"a", b"b", b"c")] == [("1", 1), ("2", 2), None]


def test_a_changelog_is_replayed_to_the_same_rows() -> None:
    rows, logged = filled()
    rows.put(b"c", "3", 3)
    again = LruMap("lru", TEXT, 2)
    again.life.apply([row[:3] for row in logged])
    assert [again.get(key) for key in (b"a", b"b", b"c")] == [None, ("2", 2), ("3", 3)]
    assert not again.life.logged and not again.life.spill(10)


def test_an_old_value_is_given_by_delete() -> None:
    rows, _ = filled()
    rows.put(b"c", "9", 9)
    assert rows.delete(b"c", 10) == ("9", 9)
    assert rows.delete(b"c", 10) is None


def test_ranges_are_by_key_bytes_and_are_no_use_of_a_key() -> None:
    rows = LruMap("lru", TEXT, 3)
    for key in (b"b", b"a", b"bb"):
        rows.put(key, key.decode(), 1)
    assert [key for key, _, _ in rows.range(b"a", b"b")] == [b"a", b"b"]
    assert [key for key, _, _ in rows.range(b"b", None, backwards=True)] == [b"bb", b"b"]
    assert [key for key, _, _ in rows.prefix_scan(b"b")] == [b"b", b"bb"]
    rows.put(b"c", "c", 2)
    assert [key for key, _, _ in rows.all()] == [b"a", b"bb", b"c"]


def test_a_range_through_the_cache_sees_what_gave_way_below_it() -> None:
    rows, _, _ = cached(1)
    for key in (b"a", b"b"):
        rows.put(key, "1", 1)
        rows.life.flush()
    assert [key for key, _, _ in rows.range(None, None)] == [b"a", b"b"]
    rows.forget()
    assert [key for key, _, _ in rows.all()] == [b"b"]


def test_a_map_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LruMap("lru", TEXT, 0)


def test_what_is_held_can_be_listed() -> None:
    rows, _ = filled()
    with rows.all() as listed:
        assert list(listed) == [(b"a", "1", 1), (b"b", "2", 2)]


def cached(most: int) -> tuple[CachedLruMap, list[tuple[object, ...]], list[tuple[object, ...]]]:
    logged: list[tuple[object, ...]] = []
    told: list[tuple[object, ...]] = []
    rows = CachedLruMap("lru", TEXT, most)
    rows.life.bind(lambda key, value, ts, origin: logged.append((key, value, ts)), lambda *row: told.append(row), True)
    return rows, logged, told


def test_a_cache_over_the_map_remembers_what_gave_way() -> None:
    rows, logged, told = cached(1)
    for key in (b"a", b"b"):
        rows.put(key, "1", 1)
        rows.life.flush()
        rows.life.commit()
    assert rows.get(b"a") == ("1", 1)
    assert rows.approximate_entries() == 1
    assert logged == [(b"a", b"1", 1), (b"b", b"1", 1)]
    assert [row[:3] for row in told] == [(b"a", "1", None), (b"b", "1", None)]


def test_a_cached_map_of_a_processor_deletes_what_gives_way_in_the_changelog() -> None:
    logged: list[tuple[object, ...]] = []
    rows = CachedLruMap("lru", TEXT, 1, timestamped=False)
    rows.life.bind(lambda key, value, ts, origin: logged.append((key, value, ts)), None, False)
    for key in (b"a", b"b"):
        rows.put(key, "1", 1)
        rows.life.flush()
    assert logged == [(b"a", b"1", 1), (b"a", None, 1), (b"b", b"1", 1)]


def test_a_cache_over_the_map_merges_updates_and_forgets_what_was_never_there() -> None:
    rows, logged, told = cached(3)
    rows.put(b"a", "1", 1)
    rows.put(b"a", "2", 2)
    rows.delete(b"b", 3)
    rows.life.flush()
    assert logged == [(b"a", b"2", 2)]
    assert [row[:4] for row in told] == [(b"a", "2", None, 2)]
    rows.life.commit()
    rows.put(b"a", "3", 3)
    rows.life.flush()
    assert told[-1][:3] == (b"a", "3", "2")


def test_an_abort_of_a_cached_map_takes_back_what_was_not_committed() -> None:
    rows, _, _ = cached(1)
    rows.put(b"a", "1", 1)
    rows.life.flush()
    rows.life.commit()
    rows.put(b"b", "2", 2)
    rows.life.flush()
    rows.put(b"a", "3", 3)
    rows.life.abort()
    assert rows.get(b"a") == ("1", 1)
    assert rows.get(b"b") is None

"""Store contents as SPEC.md 6.2 lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from statestore.cached import CachedKeyValue, CachedSession, CachedWindow
from statestore.cached_lru import CachedLruMap
from statestore.session import LayeredSessionStore
from statestore.window import LayeredWindowStore
from streams.record import Windowed
from streams.testing import TopologyTestDriver

Rows = list[list[Any]]


def shown_key(key: Any) -> Any:
    """A key as the cases write it; a windowed one as its parts."""
    if isinstance(key, Windowed):
        return {"k": shown_key(key.key), "start": key.window.start, "end": key.window.end}
    return key


def key_values(driver: TopologyTestDriver, name: str) -> Rows:
    with driver.get_key_value_store(name).all() as rows:
        return [[shown_key(key), value] for key, value in rows]


def timestamped_key_values(driver: TopologyTestDriver, name: str) -> Rows:
    with driver.get_timestamped_key_value_store(name).all() as rows:
        return [[shown_key(key), value.value, value.timestamp] for key, value in rows]


def windows(driver: TopologyTestDriver, name: str) -> Rows:
    with driver.get_window_store(name).all() as rows:
        return [[shown_key(windowed.key), windowed.window.start, value] for windowed, value in rows]


def timestamped_windows(driver: TopologyTestDriver, name: str) -> Rows:
    with driver.get_timestamped_window_store(name).all() as rows:
        return [[shown_key(w.key), w.window.start, value.value, value.timestamp] for w, value in rows]


def sessions(driver: TopologyTestDriver, name: str) -> Rows:
    with driver.get_session_store(name).fetch(None, None) as rows:
        return [[shown_key(w), value] for w, value in rows]


def drop_cache(driver: TopologyTestDriver, name: str) -> None:
    """What is read afterwards is what the store itself shows, as in the recorder, which takes the cache from Java's."""
    store: Any = driver._stores()[name].access.store
    if isinstance(store, LayeredWindowStore | LayeredSessionStore):
        segments = store._ranges.segments
        segments.shown_from = segments.visible_from
    elif isinstance(store, CachedLruMap | CachedKeyValue | CachedWindow | CachedSession):
        store.forget()


KINDS: dict[str, Callable[[TopologyTestDriver, str], Rows]] = {
    "kv": key_values,
    "timestamped_kv": timestamped_key_values,
    "window": windows,
    "timestamped_window": timestamped_windows,
    "session": sessions,
}


def rows_of(
    driver: TopologyTestDriver, name: str, wanted: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> dict[str, Rows]:
    if wanted["kind"] != "versioned":
        drop_cache(driver, name)
        return {"rows": KINDS[wanted["kind"]](driver, name)}
    store = driver.get_versioned_key_value_store(name)
    keys = list(dict.fromkeys(row[0] for row in wanted["as_of"]))
    found = [(key, store.get(key)) for key in keys]
    rows = [[key, record.value, record.timestamp] for key, record in found if record is not None]
    times = [event["ts"] for event in events if "ts" in event]
    low, high = min(times), max(times)
    moments = [*(high - (high - low) // 2**i for i in range(7)), high]
    as_of = [[key, t, version(store.get(key, t))] for key in keys for t in moments]
    return {"rows": rows, "as_of": as_of}


def version(record: Any) -> list[Any] | None:
    return None if record is None else [record.value, record.timestamp, record.valid_to]

"""Every parameter of the stores, of the processor's context and of serdes with a table of values: an answer, or a
refusal with words. A processor may take the refusal for what it is, and go on."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from streams import (
    FixedKeyRecord,
    PunctuationType,
    Record,
    Serdes,
    Stores,
    StreamsBuilder,
    ValueAndTimestamp,
    Window,
    Windowed,
)
from streams.errors import InvalidStateStoreException, KafkaException
from streams.testing import TopologyTestDriver
from tests.wrong import VALUES, faults

Calls = list[tuple[str, Callable[..., object]]]
TEXT = Serdes.string()
PLACES = {
    "in memory": (
        Stores.in_memory_key_value_store,
        lambda name: Stores.in_memory_window_store(name, 10_000, 1_000),
        lambda name: Stores.in_memory_session_store(name, 10_000),
    ),
    "on disk": (
        Stores.persistent_key_value_store,
        lambda name: Stores.persistent_window_store(name, 10_000, 1_000),
        lambda name: Stores.persistent_session_store(name, 10_000),
    ),
}


def builders(place: str) -> list[Any]:
    plain, windows, sessions = PLACES[place]
    return [
        Stores.key_value_store_builder(plain("kv"), TEXT, TEXT),
        Stores.timestamped_key_value_store_builder(plain("tkv"), TEXT, TEXT),
        Stores.key_value_store_builder(Stores.lru_map("lru", 3), TEXT, TEXT),
        Stores.window_store_builder(windows("w"), TEXT, TEXT),
        Stores.timestamped_window_store_builder(windows("tw"), TEXT, TEXT),
        Stores.session_store_builder(sessions("s"), TEXT, TEXT),
        Stores.versioned_key_value_store_builder(Stores.persistent_versioned_key_value_store("v", 10_000), TEXT, TEXT),
    ]


def read(rows: Any) -> list[Any]:
    """All of an iterator; it is closed."""
    with rows:
        return list(itertools.islice(rows, 100))


def of_key_values(store: Any, value: Any) -> Calls:
    name = store.name
    return [
        (f"{name}.put(key)", lambda x: store.put(x, value)),
        (f"{name}.put(value)", lambda x: store.put("k", x)),
        (f"{name}.put_if_absent(key)", lambda x: store.put_if_absent(x, value)),
        (f"{name}.put_if_absent(value)", lambda x: store.put_if_absent("n", x)),
        (f"{name}.put_all", store.put_all),
        (f"{name}.put_all(one)", lambda x: store.put_all([x])),
        (f"{name}.get", store.get),
        (f"{name}.delete", store.delete),
        (f"{name}.range(low)", lambda x: read(store.range(x, "z"))),
        (f"{name}.range(high)", lambda x: read(store.range("a", x))),
        (f"{name}.reverse_range", lambda x: read(store.reverse_range(x, x))),
        (f"{name}.prefix_scan", lambda x: read(store.prefix_scan(x))),
        (f"{name}.prefix_scan(serde)", lambda x: read(store.prefix_scan("a", x))),
    ]


def of_windows(store: Any, value: Any) -> Calls:
    name = store.name
    return [
        (f"{name}.put(key)", lambda x: store.put(x, value, 0)),
        (f"{name}.put(value)", lambda x: store.put("k", x, 0)),
        (f"{name}.put(start)", lambda x: store.put("k", value, x)),
        (f"{name}.fetch(key)", lambda x: store.fetch(x, 0)),
        (f"{name}.fetch(time)", lambda x: store.fetch("k", x)),
        (f"{name}.fetch(key, from)", lambda x: read(store.fetch("k", x, 5))),
        (f"{name}.fetch(key, to)", lambda x: read(store.fetch("k", 0, x))),
        (f"{name}.fetch(range)", lambda x: read(store.fetch("k", x, 0, 5))),
        (f"{name}.backward_fetch", lambda x: read(store.backward_fetch(x, 0, 5))),
        (f"{name}.fetch_all(from)", lambda x: read(store.fetch_all(x, 5))),
        (f"{name}.backward_fetch_all(to)", lambda x: read(store.backward_fetch_all(0, x))),
        (f"{name}.fetch of nothing", lambda x: store.fetch(x)),
    ]


def of_sessions(store: Any) -> Calls:
    return [
        ("put(session)", lambda x: store.put(x, "v")),
        ("put(key)", lambda x: store.put(Windowed(x, Window(0, 1)), "v")),
        ("put(window)", lambda x: store.put(Windowed("k", x), "v")),
        ("put(start)", lambda x: store.put(Windowed("k", Window(x, 1)), "v")),
        ("put(end)", lambda x: store.put(Windowed("k", Window(0, x)), "v")),
        ("put(aggregate)", lambda x: store.put(Windowed("k", Window(0, 1)), x)),
        ("remove", store.remove),
        ("fetch_session(key)", lambda x: store.fetch_session(x, 0, 1)),
        ("fetch_session(start)", lambda x: store.fetch_session("k", x, 1)),
        ("fetch_session(end)", lambda x: store.fetch_session("k", 0, x)),
        ("find_sessions(key)", lambda x: read(store.find_sessions(x, 0, 1))),
        ("find_sessions(earliest)", lambda x: read(store.find_sessions("k", x, 1))),
        ("find_sessions(latest)", lambda x: read(store.backward_find_sessions("k", 0, x))),
        ("find_sessions(times)", lambda x: read(store.find_sessions(x, 5))),
        ("fetch(key)", lambda x: read(store.fetch(x))),
        ("fetch(key_to)", lambda x: read(store.backward_fetch("k", x))),
    ]


def of_versions(store: Any) -> Calls:
    return [
        ("put(key)", lambda x: store.put(x, "v", 1)),
        ("put(value)", lambda x: store.put("k", x, 1)),
        ("put(timestamp)", lambda x: store.put("k", "v", x)),
        ("delete(key)", lambda x: store.delete(x, 1)),
        ("delete(timestamp)", lambda x: store.delete("k", x)),
        ("get(key)", store.get),
        ("get(as_of)", lambda x: store.get("k", x)),
    ]


def of_context(context: Any, record: Any) -> Calls:
    return [
        ("forward(record)", context.forward),
        ("forward(child)", lambda x: context.forward(record, x)),
        ("forward(timestamp)", lambda x: context.forward(record.with_timestamp(x))),
        ("forward(headers)", lambda x: context.forward(record.with_headers(x))),
        ("schedule(interval)", lambda x: context.schedule(x, PunctuationType.STREAM_TIME, print).cancel()),
        ("schedule(type)", lambda x: context.schedule(5, x, print).cancel()),
        ("schedule(punctuator)", lambda x: context.schedule(5, PunctuationType.STREAM_TIME, x).cancel()),
        ("get_state_store", context.get_state_store),
        ("app_configs_with_prefix", context.app_configs_with_prefix),
        ("Record(timestamp)", lambda x: Record("k", "v", x)),
        ("Record(headers)", lambda x: Record("k", "v", 0, x)),
        ("FixedKeyRecord.with_headers", lambda x: FixedKeyRecord("k", "v", 0).with_headers(x)),
    ]


def tried(calls: Callable[[Any, Any], Calls], *stores: Any) -> list[str]:
    """What a processor finds that makes these calls."""
    found: list[str] = []

    class Trying:
        def init(self, context: Any) -> None:
            self.context = context

        def process(self, record: Any) -> None:
            found.extend(faults(calls(self.context, record)))

    builder = StreamsBuilder()
    for store in stores:
        builder.add_state_store(store)
    made = builder.stream("in", key_serde=TEXT, value_serde=TEXT).process(Trying, *(store.name for store in stores))
    made.to("out", key_serde=TEXT, value_serde=TEXT)
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "v", 1)
    return found


@pytest.mark.parametrize("place", PLACES)
def test_stores(place: str) -> None:
    def calls(context: Any, record: Any) -> Calls:
        def store(name: str) -> Any:
            return context.get_state_store(name)

        timed = ValueAndTimestamp("v", 1)
        return [
            *of_key_values(store("kv"), "v"),
            *of_key_values(store("tkv"), timed),
            *of_key_values(store("lru"), "v"),
            *of_windows(store("w"), "v"),
            *of_windows(store("tw"), timed),
            *of_sessions(store("s")),
            *of_versions(store("v")),
            ("tkv.put(time)", lambda x: store("tkv").put("k", ValueAndTimestamp("v", x))),
            ("tkv.put(inner)", lambda x: store("tkv").put("k", ValueAndTimestamp(x, 1))),
        ]

    assert tried(calls, *builders(place)) == []


def test_the_context() -> None:
    assert tried(of_context) == []


@pytest.mark.parametrize("place", PLACES)
def test_a_store_whose_driver_is_closed_is_refused(place: str) -> None:
    kept: dict[str, Any] = {}
    rows: list[Any] = []

    class Keeping:
        def init(self, context: Any) -> None:
            self.context = context

        def process(self, record: Any) -> None:
            for each in builders(place):
                kept[each.name] = self.context.get_state_store(each.name)
            kept["context"] = self.context
            kept["kv"].put("a", "b")
            rows.append(kept["kv"].all())

    builder = StreamsBuilder()
    for store in builders(place):
        builder.add_state_store(store)
    builder.stream("in", key_serde=TEXT, value_serde=TEXT).process(Keeping, *(each.name for each in builders(place)))
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "v", 1)
    for call in (
        lambda: kept["kv"].put("k", "v"),
        lambda: kept["kv"].get("k"),
        lambda: kept["kv"].all(),
        lambda: kept["lru"].put("k", "v"),
        lambda: kept["w"].put("k", "v", 0),
        lambda: kept["tw"].fetch("k", 0),
        lambda: kept["s"].put(Windowed("k", Window(0, 1)), "v"),
        lambda: kept["s"].fetch("k"),
        lambda: kept["v"].put("k", "v", 1),
        lambda: kept["v"].get("k"),
        lambda: next(rows[0]),
    ):
        with pytest.raises(InvalidStateStoreException):
            call()
    rows[0].close()
    with pytest.raises(KafkaException):
        kept["context"].forward(Record("k", "v", 0))


SERDES = {
    **{name: getattr(Serdes, name)() for name in ("string", "bytes", "long", "integer", "short", "double", "float")},
    **{name: getattr(Serdes, name)() for name in ("boolean", "uuid", "void", "json", "msgpack")},
    "list": Serdes.list(TEXT),
    "list of numbers": Serdes.list(Serdes.long()),
    "time_windowed": Serdes.time_windowed(TEXT, 10),
    "session_windowed": Serdes.session_windowed(TEXT),
    "json of a type": Serdes.json(ValueAndTimestamp),
    "msgpack of a type": Serdes.msgpack(ValueAndTimestamp),
}
BROKEN = [b"", b"\0", b"\xff", b"\x80" * 7, b"\0" * 8, b"\xff" * 9, b"\1" + b"\xff" * 8, b"[" * 5_000, b"\x91" * 5_000]


@pytest.mark.parametrize("name", SERDES)
def test_a_serde_writes_and_reads_or_says_why_not(name: str) -> None:
    serde = SERDES[name]
    windowed = [Windowed(value, Window(0, 1)) for value in VALUES] + [Windowed("k", value) for value in VALUES]
    written = [("serialize", lambda x: serde.serialize("t", x)), ("encode", serde.encode)]
    assert faults(written, [*VALUES[1:], *windowed, *[[value] for value in VALUES]]) == []
    assert faults([("deserialize", lambda data: serde.deserialize("t", data))], BROKEN) == []

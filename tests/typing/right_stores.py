"""What a checker must understand of processors, stores and the test driver. Never run."""

from __future__ import annotations

from typing import Any, assert_type

from streams import (
    AutoOffsetReset,
    Consumed,
    ContextualFixedKeyProcessor,
    ContextualProcessor,
    FixedKeyProcessorContext,
    FixedKeyRecord,
    GlobalKTable,
    KeyValueIterator,
    KeyValueStore,
    KStream,
    KTable,
    ProcessorContext,
    ReadOnlyKeyValueStore,
    ReadOnlySessionStore,
    ReadOnlyWindowStore,
    Record,
    Serdes,
    SessionStore,
    Stores,
    StreamsBuilder,
    TestInputTopic,
    TestOutputTopic,
    TestRecord,
    TimestampedKeyValueStore,
    TimestampedWindowStore,
    Topology,
    TopologyTestDriver,
    ValueAndTimestamp,
    VersionedKeyValueStore,
    VersionedRecord,
    Window,
    Windowed,
    WindowStore,
    WindowStoreIterator,
)

TEXT, NUMBER = Serdes.string(), Serdes.long()
builder = StreamsBuilder()
stream: KStream[str, int] = builder.stream("s", key_serde=TEXT, value_serde=NUMBER)
table: KTable[str, str] = builder.table("t", key_serde=TEXT, value_serde=TEXT)


class Halves:
    """All three methods: what it forwards is known by its context."""

    def init(self, context: ProcessorContext[int, float]) -> None:
        self.context = context
        self.counts = context.get_state_store("counts", KeyValueStore[str, int])
        assert_type(self.counts, KeyValueStore[str, int])
        assert_type(context.get_state_store("counts"), Any)
        declared: KeyValueStore[str, int] = context.get_state_store("counts")
        assert_type(declared.get("a"), int | None)

    def process(self, record: Record[str, int]) -> None:
        assert_type(record.key, str)
        assert_type(record.with_key(1), Record[int, int])
        assert_type(record.with_value(0.5), Record[str, float])
        self.context.forward(record.with_key(1).with_value(record.value / 2))

    def close(self) -> None: ...


class Only:
    def process(self, record: Record[str, int]) -> None: ...


class Kept(ContextualProcessor[str, int, str, bytes]):
    def process(self, record: Record[str, int]) -> None:
        self.context.forward(record.with_value(b""), "child")


class Lengths:
    def init(self, context: FixedKeyProcessorContext[str, float]) -> None:
        self.context = context

    def process(self, record: FixedKeyRecord[str, int]) -> None:
        self.context.forward(record.with_value(record.value / 2))

    def close(self) -> None: ...


class KeptValues(ContextualFixedKeyProcessor[str, int, bytes]):
    def process(self, record: FixedKeyRecord[str, int]) -> None:
        self.context.forward(record.with_value(b""))


class Measured:
    def transform(self, key: str, value: str) -> int:
        return len(value)


assert_type(stream.process(Halves, "counts"), KStream[int, float])
assert_type(stream.process(lambda: Halves(), "counts", name="halves"), KStream[int, float])
assert_type(stream.process(Kept), KStream[str, bytes])
assert_type(stream.process(Only), KStream[Any, Any])
assert_type(stream.process_values(Lengths), KStream[str, float])
assert_type(stream.process_values(KeptValues, name="kept"), KStream[str, bytes])
assert_type(table.transform_values(Measured, store="m"), KTable[str, int])


def key_value(store: KeyValueStore[str, int], only_read: ReadOnlyKeyValueStore[str, int]) -> None:
    assert_type(store.get("a"), int | None)
    assert_type(store.put_if_absent("a", 1), int | None)
    assert_type(store.delete("a"), int | None)
    store.put("a", 1)
    store.put("a", None)
    store.put_all([("a", 1), ("b", None)])
    store.put_all({"a": 1})
    assert_type(store.range("a", None), KeyValueIterator[str, int])
    assert_type(store.all().peek_next_key(), str)
    with store.reverse_all() as rows:
        for key, value in rows:
            assert_type(key, str)
            assert_type(value, int)
    assert_type(only_read.get("a"), int | None)
    assert_type(store.approximate_num_entries(), int)
    wide: ReadOnlyKeyValueStore[str, int] = store
    assert_type(wide.prefix_scan("a"), KeyValueIterator[str, int])


def timestamped(store: TimestampedKeyValueStore[str, int], windows: TimestampedWindowStore[str, int]) -> None:
    assert_type(store.get("a"), ValueAndTimestamp[int] | None)
    store.put("a", ValueAndTimestamp(1, 2))
    found = windows.fetch("a", 0)
    if found is not None:
        assert_type(found.value, int)
        assert_type(found.timestamp, int)


def versioned(store: VersionedKeyValueStore[str, int]) -> None:
    assert_type(store.put("a", 1, 2), int)
    assert_type(store.get("a"), VersionedRecord[int] | None)
    assert_type(store.get("a", 10), VersionedRecord[int] | None)
    assert_type(store.delete("a", 10), VersionedRecord[int] | None)


def windows(store: WindowStore[str, int], only_read: ReadOnlyWindowStore[str, int]) -> None:
    store.put("a", 1, 0)
    assert_type(store.fetch("a", 0), int | None)
    assert_type(store.fetch("a", 0, 10), WindowStoreIterator[int])
    assert_type(store.fetch("a", "b", 0, 10), KeyValueIterator[Windowed[str], int])
    assert_type(only_read.backward_fetch(None, None, 0, 10), KeyValueIterator[Windowed[str], int])
    for window, value in store.all():
        assert_type(window, Windowed[str])
        assert_type(window.window.start, int)
        assert_type(value, int)


def sessions(store: SessionStore[str, int], only_read: ReadOnlySessionStore[str, int]) -> None:
    store.put(Windowed("a", Window(0, 1)), 1)
    store.remove(Windowed("a", Window(0, 1)))
    assert_type(store.fetch("a"), KeyValueIterator[Windowed[str], int])
    assert_type(store.find_sessions("a", 0, 10), KeyValueIterator[Windowed[str], int])
    assert_type(store.find_sessions(0, 10), KeyValueIterator[Windowed[str], int])
    assert_type(only_read.fetch_session("a", 0, 10), int | None)


with TopologyTestDriver(builder.build()) as driver:
    piped = driver.create_input_topic("s", TEXT, NUMBER)
    assert_type(piped, TestInputTopic[str, int])
    piped.pipe_input("a", 1)
    piped.pipe_input("a", None, timestamp=5)
    piped.pipe_input(TestRecord("a", 1, 5))
    piped.pipe_key_value_list([("a", 1), ("b", None)])
    read = driver.create_output_topic("out", TEXT, NUMBER)
    assert_type(read, TestOutputTopic[str, int])
    assert_type(read.read_value(), int | None)
    assert_type(read.read_record(), TestRecord[str, int])
    assert read.read_key_values_to_list() == [("a", 1), ("b", None)]
    counts: KeyValueStore[str, int] = driver.get_key_value_store("counts")
    assert driver.get_key_value_store("counts").get("a") == 1
    assert driver.get_window_store("counts").fetch("a", 0) == 1
    per_hour: WindowStore[str, int] = driver.get_window_store("counts")
everywhere: GlobalKTable[str, int] = builder.global_table("g", key_serde=TEXT, value_serde=NUMBER, name="g")

topology = Topology()
topology.add_source("in", "topic", "other", key_serde=TEXT)
topology.add_source("in", TEXT, NUMBER, "topic")
topology.add_source(AutoOffsetReset.earliest(), "in", "topic")
topology.add_processor("p", Halves, "in")
topology.add_sink("out", "topic", "p", value_serde=NUMBER)
topology.add_sink("out", "topic", TEXT, NUMBER, "p")
topology.add_sink("out", lambda key, value, context: str(key), "p")
counted = Stores.key_value_store_builder(Stores.in_memory_key_value_store("counts"), TEXT, NUMBER)
topology.add_global_store(counted, "source", TEXT, NUMBER, "topic", "p", Only)
builder.add_global_store(counted, "topic", Consumed.with_(TEXT, NUMBER), Only)
builder.add_global_store(counted, "topic", Only)

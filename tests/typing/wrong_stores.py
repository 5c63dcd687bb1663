"""What a checker must refuse of processors, stores and the test driver: lines that end with `refused`. Never run."""

from __future__ import annotations

from streams import (
    KeyValueStore,
    KStream,
    KTable,
    ProcessorContext,
    ReadOnlyKeyValueStore,
    Record,
    Serdes,
    SessionStore,
    StreamsBuilder,
    TimestampedKeyValueStore,
    TopologyTestDriver,
    VersionedKeyValueStore,
    Window,
    Windowed,
    WindowStore,
)

TEXT, NUMBER = Serdes.string(), Serdes.long()
builder = StreamsBuilder()
stream: KStream[str, int] = builder.stream("s", key_serde=TEXT, value_serde=NUMBER)
table: KTable[str, str] = builder.table("t", key_serde=TEXT, value_serde=TEXT)


class OfText:
    def init(self, context: ProcessorContext[str, int]) -> None:
        self.context = context
        self.counts = context.get_state_store("counts", KeyValueStore[str, int])
        self.counts.put("a", "b")  # refused
        self.counts.get(1)  # refused
        self.counts.fetch("a", 1)  # refused
        context.get_state_store("counts", "KeyValueStore")  # refused
        context.get_state_store(1)  # refused
        context.getStateStore("counts")  # refused

    def process(self, record: Record[str, str]) -> None:
        self.context.forward(record)  # refused
        record.value = "a"  # refused
        print(record.value + 1)  # refused

    def close(self) -> None: ...


class Measured:
    def transform(self, key: str, value: int) -> int:
        return value


stream.process(OfText)  # refused
stream.process(OfText())  # refused
stream.process(len)  # refused
stream.process_values(OfText)  # refused
stream.process(KeyValueStore)  # refused
table.transform_values(Measured)  # refused
table.transform_values(OfText)  # refused


def stores(
    only_read: ReadOnlyKeyValueStore[str, int],
    timestamped: TimestampedKeyValueStore[str, int],
    versioned: VersionedKeyValueStore[str, int],
    windows: WindowStore[str, int],
    sessions: SessionStore[str, int],
) -> None:
    only_read.put("a", 1)  # refused
    print(only_read.get("a") + 1)  # refused
    timestamped.put("a", 1)  # refused
    versioned.put("a", 1)  # refused
    print(versioned.get("a").timestamp)  # refused
    windows.put("a", 1)  # refused
    windows.put("a", "b", 0)  # refused
    windows.fetch(1, 0)  # refused
    windows.fetch("a")  # refused
    sessions.put("a", 1)  # refused
    sessions.put(Windowed(1, Window(0, 1)), 1)  # refused
    sessions.fetch_session("a", "b", 1)  # refused


with TopologyTestDriver(builder.build()) as driver:
    piped = driver.create_input_topic("s", TEXT, NUMBER)
    piped.pipe_input("a", "b")  # refused
    piped.pipe_input(1, 1)  # refused
    piped.pipe_value_list(["a"])  # refused
    driver.create_output_topic("out", TEXT).read_value()  # refused
    read: int = driver.create_output_topic("out", TEXT, TEXT).read_value()  # refused
    driver.getKeyValueStore("counts")  # refused

"""The Processor API: contexts, forwarding, punctuation, stores."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from streams import (
    KeyValueStore,
    ReadOnlyKeyValueStore,
    SessionStore,
    TimestampedKeyValueStore,
    TimestampedWindowStore,
    VersionedKeyValueStore,
    WindowStore,
)
from streams.errors import ClassCastException, IllegalArgumentException, StreamsException
from streams.exception_handlers import Response
from streams.operators import stateless
from streams.operators.base import Call
from streams.processor import FixedKeyRecord, PunctuationType, Record
from streams.topology.node import Node, ProcessorNode
from streams.topology.store import StoreKind
from tests.streams.runtime.walking import LONGS, STRING, Row, Walked, sink, source, step, table


def processor(name: str, parents: str, supplier: Any, *stores: str, fixed_key: bool = False) -> ProcessorNode:
    return ProcessorNode(name, tuple(parents.split()), stores, supplier, fixed_key)


class Base:
    def init(self, context: Any) -> None:
        self.context = context


def supply(process: Any, init: Any = None) -> type[Base]:
    class Made(Base):
        def init(self, context: Any) -> None:
            super().init(context)
            if init is not None:
                init(context)

        def process(self, record: Any) -> None:
            process(self.context, record)

    return Made


def run(supplier: Any, *rows: Row, stores: Any = (), **settings: object) -> list[Row]:
    nodes: list[Node] = [source(), processor("p", "in", supplier, *(spec.name for spec in stores)), sink("p")]
    return Walked(nodes, stores, **settings).pipe("in", *rows)


def test_records_go_through_with_changed_copies() -> None:
    def process(context: Any, record: Any) -> None:
        context.forward(record)
        context.forward(record.with_key("K").with_value("V").with_timestamp(9).with_headers((("a", b"b"),)))

    assert run(supply(process), ("k", "v", 1), ("k", "w", 2, (("h", b"1"),))) == [
        (b"k", b"v", 1),
        (b"K", b"V", 9, (("a", b"b"),)),
        (b"k", b"w", 2, (("h", b"1"),)),
        (b"K", b"V", 9, (("a", b"b"),)),
    ]


def test_a_record_kept_after_process_returned_can_be_forwarded_later() -> None:
    kept: list[Any] = []

    def process(context: Any, record: Any) -> None:
        for each in kept:
            context.forward(each)
        kept[:] = [record]

    assert run(supply(process), ("a", "1", 1), ("b", "2", 2)) == [(b"a", b"1", 1)]


def test_forward_goes_to_one_child_by_name_or_to_all() -> None:
    def process(context: Any, record: Any) -> None:
        context.forward(record, record.value if record.value != "all" else None)

    nodes = [
        source(),
        processor("p", "in", supply(process)),
        step("x", "p", stateless.map_values(Call(lambda v: f"x {v}", False))),
        step("y", "p", stateless.map_values(Call(lambda v: f"y {v}", False))),
        sink("x y"),
    ]
    out = Walked(nodes).pipe("in", ("k", "y", 1), ("k", "x", 2), ("k", "all", 3))
    assert [row[1] for row in out] == [b"y y", b"x x", b"x all", b"y all"]
    with pytest.raises(StreamsException) as caught:
        Walked(nodes).pipe("in", ("k", "missing", 1))
    assert str(caught.value.__cause__) == (
        "Unknown downstream node: missing either does not exist or is not connected to this processor."
    )


def test_forwarding_is_refused_outside_of_processing() -> None:
    def init(context: Any) -> None:
        context.forward(Record("k", "v", 1))

    with pytest.raises(StreamsException, match="failed to initialize processor p") as caught:
        run(supply(lambda context, record: None, init), ("k", "v", 1))
    assert "cannot forward now" in str(caught.value.__cause__)

    class AtTheEnd(Base):
        def process(self, record: Any) -> None:
            pass

        def close(self) -> None:
            self.context.forward(Record("k", "v", 1))

    walk = Walked([source(), processor("p", "in", AtTheEnd), sink("p")])
    walk.pipe("in", ("k", "v", 1))
    with pytest.raises(StreamsException, match="failed to close processor p"):
        walk.task.close(clean=True)
    assert walk.sent() == []


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(StreamsException) as caught:
        run(supply(lambda context, record: context.forward(("k", "v"))), ("k", "v", 1))
    assert isinstance(caught.value.__cause__, ClassCastException)
    assert "p must forward a Record, got tuple" in str(caught.value.__cause__)


def test_the_failure_of_a_later_processor_is_its_own() -> None:
    def fail(context: Any, record: Any) -> None:
        raise ValueError("later")

    seen: list[str] = []

    def process(context: Any, record: Any) -> None:
        context.forward(record)
        seen.append("went on")

    answers = iter([Response.RESUME, Response.FAIL])
    nodes = [source(), processor("p", "in", supply(process)), processor("q", "p", supply(fail))]
    walk = Walked(nodes, processing_exception_handler=lambda context, record, error: next(answers))
    with pytest.raises(StreamsException, match="processor=q, topic=in, partition=0, offset=1"):
        walk.pipe("in", ("k", "v", 1), ("k", "v", 2))
    assert seen == ["went on"]


def test_context_tells_where_the_record_came_from_and_what_time_it_is() -> None:
    seen: list[tuple[Any, ...]] = []

    def process(context: Any, record: Any) -> None:
        metadata = context.record_metadata
        seen.append((metadata.topic, metadata.partition, metadata.offset, context.current_stream_time_ms()))
        assert context.headers == (("h", b"1"),)
        assert context.application_id == "app"
        assert str(context.task_id) == "0_0"
        assert context.current_system_time_ms() == 77
        assert context.app_configs()["application.id"] == "app"
        assert context.app_configs_with_prefix("application.") == {"id": "app"}

    nodes = [source(), processor("p", "in", supply(process))]
    walk = Walked(nodes)
    walk.now = 77
    headers = (("h", b"1"),)
    walk.pipe("in", ("k", "v", 5, headers), ("k", "v", 3, headers), ("k", "v", 9, headers))
    walk.pipe("in", ("k", "v", 1, headers))
    assert seen == [("in", 0, 0, 5), ("in", 0, 1, 5), ("in", 0, 2, 9), ("in", 0, 3, 9)]


def test_punctuations_on_both_clocks_forward_with_their_time() -> None:
    def init(context: Any) -> None:
        assert context.record_metadata is None

        def tick(kind: str) -> Any:
            def call(now: int) -> None:
                assert context.record_metadata is None
                context.forward(Record(kind, str(context.current_stream_time_ms()), now))

            return call

        context.schedule(timedelta(milliseconds=10), PunctuationType.STREAM_TIME, tick("stream"))
        context.schedule(100, PunctuationType.WALL_CLOCK_TIME, tick("wall"))

    walk = Walked([source(), processor("p", "in", supply(lambda context, record: None, init)), sink("p")])
    assert walk.pipe("in", ("k", "v", 5), ("k", "v", 6), ("k", "v", 30)) == [
        (b"stream", b"5", 5),
        (b"stream", b"30", 30),
    ]
    assert not walk.task.punctuate(99)
    assert walk.task.punctuate(100)
    assert walk.sent() == [(b"wall", b"30", 100)]
    assert walk.metrics.total("punctuate-total") == 3


def test_a_punctuation_that_fails_says_so() -> None:
    def init(context: Any) -> None:
        def fail(now: int) -> None:
            raise ValueError("tick")

        context.schedule(10, PunctuationType.STREAM_TIME, fail)

    with pytest.raises(StreamsException) as caught:
        run(supply(lambda context, record: None, init), ("k", "v", 5))
    assert str(caught.value) == "test Exception caught while punctuating processor 'p'"
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_interval_below_a_millisecond_is_refused() -> None:
    def init(context: Any) -> None:
        context.schedule(0, PunctuationType.STREAM_TIME, lambda now: None)

    with pytest.raises(StreamsException, match="failed to initialize processor p") as caught:
        run(supply(lambda context, record: None, init), ("k", "v", 5))
    assert isinstance(caught.value.__cause__, IllegalArgumentException)


def test_stores_are_those_that_are_connected() -> None:
    def process(context: Any, record: Any) -> None:
        store = context.get_state_store("store")
        count = (store.get(record.key) or 0) + 1
        store.put(record.key, count)
        context.forward(record.with_value(str(count)))

    spec = table(kind=StoreKind.KEY_VALUE)
    rows = [("a", "x", 1), ("b", "x", 2), ("a", "x", 7)]
    assert run(supply(process), *rows, stores=[spec]) == [(b"a", b"1", 1), (b"b", b"1", 2), (b"a", b"2", 7)]
    with pytest.raises(StreamsException) as caught:
        Walked([source(), processor("p", "in", supply(process))], [spec]).pipe("in", ("a", "x", 1))
    told = str(caught.value.__cause__)
    assert told.startswith("The store store is not connected to p. Give its name to the step, as in process(supplier, ")
    assert "(Kafka Streams says: Processor p has no access to StateStore store as the store" in told


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (StoreKind.KEY_VALUE, KeyValueStore[str, int]),
        (StoreKind.KEY_VALUE, ReadOnlyKeyValueStore),
        (StoreKind.TIMESTAMPED_KEY_VALUE, TimestampedKeyValueStore[str, int]),
        (StoreKind.TIMESTAMPED_KEY_VALUE, KeyValueStore[str, int]),
        (StoreKind.VERSIONED, VersionedKeyValueStore[str, int]),
        (StoreKind.WINDOW, WindowStore[str, int]),
        (StoreKind.TIMESTAMPED_WINDOW, TimestampedWindowStore[str, int]),
        (StoreKind.SESSION, SessionStore[str, int]),
    ],
)
def test_a_store_is_given_as_the_kind_it_is_asked_for(kind: StoreKind, kept: Any) -> None:
    given = []

    def init(context: Any) -> None:
        given.append((context.get_state_store("store", kept), context.get_state_store("store")))

    run(supply(lambda context, record: None, init), ("a", "x", 1), stores=[table(kind=kind)])
    typed, plain = given[0]
    assert type(typed) is type(plain)


@pytest.mark.parametrize(
    ("kept", "error", "said"),
    [
        (WindowStore[str, int], ClassCastException, "Store store is a KeyValueStore, not a WindowStore"),
        (TimestampedKeyValueStore, ClassCastException, "Store store is a KeyValueStore, not a Timestamped"),
        ("KeyValueStore", IllegalArgumentException, "Invalid kind of store: 'KeyValueStore' (str). Give a class"),
        (5, IllegalArgumentException, "Invalid kind of store: 5 (int). Give a class"),
    ],
)
def test_a_store_of_another_kind_is_refused_when_it_is_asked_for(kept: Any, error: type[Exception], said: str) -> None:
    def init(context: Any) -> None:
        context.get_state_store("store", kept)

    with pytest.raises(StreamsException) as caught:
        run(supply(lambda context, record: None, init), ("a", "x", 1), stores=[table(kind=StoreKind.KEY_VALUE)])
    assert isinstance(caught.value.__cause__, error)
    assert str(caught.value.__cause__).startswith(said)


def test_a_plain_store_logs_with_the_time_of_the_record_or_punctuation() -> None:
    def init(context: Any) -> None:
        store = context.get_state_store("store")
        context.schedule(10, PunctuationType.STREAM_TIME, lambda now: store.put("tick", now))

    def process(context: Any, record: Any) -> None:
        context.get_state_store("store").put(record.key, 1)

    nodes = [source(), processor("p", "in", supply(process, init), "store")]
    walk = Walked(nodes, [table(kind=StoreKind.KEY_VALUE)])
    walk.pipe("in", ("a", "x", 3), ("a", "x", 12))
    times = [(row[0], row[2]) for topic, row in walk.out if topic == "app-store-changelog"]
    assert times == [(b"a", 3), (b"tick", 3), (b"a", 12), (b"tick", 12)]


def test_commit_ends_the_run_after_the_record() -> None:
    def process(context: Any, record: Any) -> None:
        if record.value == "commit":
            context.commit()
        context.forward(record)

    walk = Walked([source(), processor("p", "in", supply(process)), sink("p")])
    walk.fetch("in", ("k", "a", 1), ("k", "commit", 2), ("k", "b", 3))
    assert walk.task.run(0) == 2
    assert walk.task.commit_requested
    assert [position.offset for position in walk.task.committable().values()] == [2]
    walk.task.committed()
    assert not walk.task.commit_requested
    assert walk.task.run(0) == 1
    assert [row[1] for row in walk.sent()] == [b"a", b"commit", b"b"]


def test_fixed_key_processors_forward_what_keeps_the_key() -> None:
    def process(context: Any, record: Any) -> None:
        assert isinstance(record, FixedKeyRecord)
        context.forward(record.with_value(record.value * 2))

    nodes = [source(), processor("p", "in", supply(process), fixed_key=True), sink("p")]
    assert Walked(nodes).pipe("in", ("k", "v", 1)) == [(b"k", b"vv", 1)]
    wrong = supply(lambda context, record: context.forward(Record("other", "v", 1)))
    with pytest.raises(StreamsException) as caught:
        Walked([source(), processor("p", "in", wrong, fixed_key=True), sink("p")]).pipe("in", ("k", "v", 1))
    assert "must forward a FixedKeyRecord" in str(caught.value.__cause__)


def test_init_and_close_may_be_left_out_and_come_in_the_order_of_the_nodes() -> None:
    order: list[str] = []

    def noted(name: str) -> Any:
        class Noted:
            def init(self, context: Any) -> None:
                order.append(f"init {name}")

            def process(self, record: Any) -> None:
                order.append(f"process {name}")

            def close(self) -> None:
                order.append(f"close {name}")

        return Noted

    class Bare:
        def process(self, record: Any) -> None:
            order.append("process bare")

    nodes = [
        source(),
        processor("a", "in", noted("a")),
        processor("bare", "in", Bare),
        processor("b", "in", noted("b")),
    ]
    walk = Walked(nodes)
    walk.pipe("in", ("k", "v", 1))
    walk.task.close(clean=True)
    assert order == ["init a", "init b", "process a", "process bare", "process b", "close a", "close b"]


def test_serdes_of_the_context_are_the_defaults() -> None:
    seen: list[Any] = []
    init = lambda context: seen.append((context.key_serde, context.value_serde))  # noqa: E731
    run(supply(lambda context, record: None, init), ("k", "v", 1), default_key_serde=STRING, default_value_serde=LONGS)
    assert seen == [(STRING, LONGS)]

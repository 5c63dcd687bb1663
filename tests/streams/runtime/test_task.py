"""A task's life: several sources, commits, aborts, caches, and what is kept across them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.clients.api import Position
from streams.errors import StreamsException
from streams.exception_handlers import Response
from streams.operators import stateless
from streams.operators.aggregate import stream_count
from streams.operators.base import Call
from streams.operators.source_table import source_table
from streams.processor import PunctuationType, Record
from streams.record import TopicPartition
from streams.runtime.state.stores import SMALL_CACHE
from streams.serdes.offset_metadata import decode_offset_metadata
from streams.topology.node import Node, ProcessorNode
from tests.streams.runtime.walking import LONGS, STRING, Row, Walked, sink, source, step, table

IN = TopicPartition("in", 0)


def n(value: int) -> bytes:
    return value.to_bytes(8, "big")


def counting(caching: bool = False, **settings: object) -> Walked:
    nodes = [source(), step("count", "in", stream_count("store"), "store"), sink("count", value=LONGS)]
    return Walked(nodes, [table(caching=caching)], **settings)


def commit(walk: Walked) -> dict[TopicPartition, Position]:
    walk.task.flush()
    positions = walk.task.committable()
    walk.task.committed()
    return positions


def test_two_topics_are_processed_in_the_order_of_their_timestamps() -> None:
    nodes = [source("a"), source("b"), sink("a b")]
    walk = Walked(nodes)
    walk.fetch("a", ("k", "a1", 1), ("k", "a4", 4), ("k", "a3", 3))
    walk.fetch("b", ("k", "b1", 1), ("k", "b2", 2), ("k", "b9", 9))
    while walk.task.run(0):
        pass
    assert [row[1] for row in walk.sent()] == [b"a1", b"b1", b"b2", b"a4", b"a3", b"b9"]


rows = st.lists(
    st.tuples(st.just("k"), st.text("ab", max_size=1), st.integers(0, 30), st.sampled_from([(), (("h", b"1"),)])),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(a=rows, b=rows, bad=st.booleans())
def test_merged_runs_give_the_same_records_contexts_and_times(a: list[Row], b: list[Row], bad: bool) -> None:
    def walked(merges: bool) -> list[Any]:
        seen: list[Any] = []

        class Spy:
            def init(self, context: Any) -> None:
                self.context = context

            def process(self, record: Any) -> None:
                where = self.context.record_metadata
                time = self.context.current_stream_time_ms()
                seen.append((record, where, time))
                if record.value == "b" and where.offset % 7 == 6:
                    self.context.commit()
                if bad and record.value == "" and where.offset % 5 == 4:
                    raise ValueError("refused")

        nodes: list[Node] = [
            source("a"),
            source("b"),
            step("upper", "b", stateless.map_values(Call(str.lower, False))),
            step("both", "a upper", stateless.pass_through()),
            ProcessorNode("spy", ("both",), (), Spy),
        ]
        walk = Walked(nodes, processing_exception_handler=lambda context, record, error: Response.RESUME)
        assert walk.task.inbox.merges
        walk.task.inbox.merges = merges
        walk.fetch("a", *a)
        walk.fetch("b", *b)
        while walk.task.run(0):
            if walk.task.commit_requested:
                seen.append({str(where): position for where, position in walk.task.committable().items()})
                walk.task.committed()
        return [*seen, walk.task.committable(), walk.dropped]

    assert walked(True) == walked(False)


def test_positions_hold_the_partition_time() -> None:
    walk = counting()
    assert not walk.task.commit_needed
    walk.pipe("in", ("k", "v", 7), ("k", "v", 3))
    assert walk.task.commit_needed
    positions = commit(walk)
    assert positions[IN].offset == 2
    assert decode_offset_metadata(positions[IN].metadata).partition_time == 7
    assert commit(walk) == {}
    assert not walk.task.commit_needed


def test_kept_numbers_are_committed_and_come_back() -> None:
    class Keeps:
        def __init__(self, scope: Any) -> None:
            self.kept = scope.processor_metadata("closed")

        def write_step(self, code: Any, rec: Any, down: Any) -> None:
            code.line(f"{code.use(self.kept)}.value = {rec.ts}")

        def close(self) -> None:
            pass

    nodes = [source(), step("keeps", "in", Keeps)]
    walk = Walked(nodes)
    walk.pipe("in", ("k", "v", 12))
    positions = commit(walk)
    assert decode_offset_metadata(positions[IN].metadata).processor_metadata == {"closed": 12}
    again = Walked(nodes, positions=positions)
    assert again.task.graph.processor_metadata("closed").value == 12
    again.revive()
    assert again.task.graph.processor_metadata("closed").value == -1


def test_an_abort_takes_back_writes_output_input_and_what_operators_saw() -> None:
    made: list[str] = []

    class Seen:
        def init(self, context: Any) -> None:
            made.append("init")
            self.seen: list[str] = []
            self.context = context
            context.schedule(10, PunctuationType.STREAM_TIME, lambda now: None)

        def process(self, record: Any) -> None:
            self.seen.append(record.value)
            self.context.forward(record.with_value(",".join(self.seen)))

        def close(self) -> None:
            made.append("close")

    nodes: list[Node] = [
        source(),
        ProcessorNode("seen", ("in",), (), Seen),
        step("count", "in", stream_count("store"), "store"),
        sink("seen"),
    ]
    walk = Walked(nodes, [table()])
    walk.pipe("in", ("k", "1", 1))
    positions = commit(walk)
    walk.out.clear()
    walk.fetch("in", ("k", "2", 2), ("k", "3", 3))
    walk.task.run(0)
    walk.revive(positions)
    assert walk.sent() == []
    assert not walk.task.inbox.waiting
    assert made == ["init", "close", "init"]
    walk.offsets[IN] = 1
    assert walk.pipe("in", ("k", "2", 2)) == [(b"k", b"2", 2)]
    assert [row for topic, row in walk.out if topic.endswith("changelog")] == [(b"k", n(2), 2)]


def test_a_flush_goes_down_the_topology_until_nothing_is_left() -> None:
    nodes = [
        source(),
        step("first", "in", stream_count("first"), "first"),
        step("text", "first", stateless.map_values(Call(str, False))),
        step("second", "text", source_table("second"), "second"),
        sink("second"),
    ]
    # the stores are given in the wrong order on purpose
    stores = [table("second", STRING, caching=True), table("first", caching=True)]
    walk = Walked(nodes, stores)
    assert walk.pipe("in", ("k", "v", 1), ("k", "v", 2)) == []
    walk.task.flush()
    assert walk.sent() == [(b"k", b"2", 2)]
    assert walk.task.dirty_bytes == 0


def test_a_full_cache_is_let_go_at_the_end_of_a_run() -> None:
    import dataclasses

    walk = counting(caching=True)
    walk.begin(dataclasses.replace(walk.context, cache_bytes=SMALL_CACHE + 1))
    assert walk.pipe("in", ("a", "v", 1)) == []
    keys = [f"k{at:05}" for at in range(10_000)]
    out = walk.pipe("in", *((key, "v", 2) for key in keys))
    assert out[0] == (b"a", n(1), 1)
    assert out[1:] == [(key.encode(), n(1), 2) for key in keys[: len(out) - 1]]
    assert 0 < walk.task.dirty_bytes <= SMALL_CACHE + 1


def test_headers_and_context_of_the_last_update_come_out_of_the_cache() -> None:
    seen: list[Any] = []

    class Spy:
        def init(self, context: Any) -> None:
            self.context = context

        def process(self, record: Any) -> None:
            metadata = self.context.record_metadata
            seen.append((record.key, record.value, record.headers, metadata.topic, metadata.offset))

    nodes: list[Node] = [
        source(),
        step("count", "in", stream_count("store"), "store"),
        ProcessorNode("spy", ("count",), (), Spy),
    ]
    walk = Walked(nodes, [table(caching=True)])
    walk.pipe("in", ("a", "v", 1, (("h", b"1"),)), ("b", "v", 2), ("a", "v", 3, (("h", b"3"),)), ("b", "v", 4))
    walk.task.flush()
    assert seen == [("a", 2, (("h", b"3"),), "in", 2), ("b", 2, (), "in", 3)]


def test_what_is_forwarded_before_the_start_is_refused() -> None:
    kept: list[Any] = []

    class Leaky:
        def init(self, context: Any) -> None:
            kept.append(context)

        def process(self, record: Any) -> None:
            pass

    walk = Walked([source(), ProcessorNode("p", ("in",), (), Leaky), sink("p")])
    with pytest.raises(StreamsException, match="cannot forward now"):
        kept[0].forward(Record("k", "v", 1))
    walk.task.close(clean=False)


def test_a_slow_run_makes_the_next_one_shorter() -> None:
    walk = Walked([source(), sink("in")])
    walk.fetch("in", *(("k", "v", at) for at in range(2_000)))
    assert walk.task.run(0) == 1_000
    assert walk.task.run(100) == 100
    assert walk.task.run(101) == 200
    assert walk.task.run(102) == 400


def test_records_are_counted() -> None:
    walk = Walked([source(), sink("in")])
    walk.pipe("in", ("k", "v", 1), ("k", "v", 2))
    assert walk.metrics.total("process-total") == 2
    assert walk.metrics.total("records-produced-total") == 2

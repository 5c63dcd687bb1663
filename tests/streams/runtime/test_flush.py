"""A commit's flush: the order of the stores, and that all it brings about is in the same commit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams import BufferConfig, Stores, StreamsBuilder, Suppressed
from streams.runtime.state.task_state import flush_order
from streams.testing import TopologyTestDriver
from tests.streams.apps import TEXT
from tests.streams.runtime.turned import Turned

HELD = Suppressed.until_time_limit(50, BufferConfig.unbounded())
Build = Callable[[StreamsBuilder], None]


def joined_with_a_stream(builder: StreamsBuilder) -> None:
    """The join's node stands next to the stream's source, and reads the buffer of the table."""
    clicks = builder.stream("clicks")
    held = builder.table("in").suppress(HELD)
    clicks.left_join(held, lambda click, row: f"{click}{row}").to("joined")
    held.to_stream().to("out")


def joined_with_a_table(builder: StreamsBuilder) -> None:
    clicks = builder.table("clicks")
    held = builder.table("in").suppress(HELD)
    clicks.left_join(held, lambda click, row: f"{click}{row}").to_stream().to("joined")
    held.to_stream().to("out")


def behind_an_asynchronous_step(builder: StreamsBuilder) -> None:
    """The table's flush reaches the buffer only when the step lets go, after all stores."""

    async def same(value: str) -> str:
        return value

    rows = builder.table("in", store="rows").to_stream().map_values_async(same).group_by_key()
    latest = rows.reduce(lambda old, new: new, store="latest", caching=False)
    latest.suppress(HELD).to_stream().to("out")


def two_in_a_row(builder: StreamsBuilder) -> None:
    first = builder.table("in").suppress(Suppressed.until_time_limit(0, BufferConfig.unbounded()))
    first.map_values(lambda value: value, store="between").suppress(HELD).to_stream().to("out")


BUILDS = pytest.mark.parametrize(
    "build", [joined_with_a_stream, joined_with_a_table, behind_an_asynchronous_step, two_in_a_row]
)


@BUILDS
def test_what_a_flush_brings_to_a_buffer_is_logged_by_the_same_commit(build: Build) -> None:
    builder = StreamsBuilder()
    build(builder)
    with TopologyTestDriver(builder.build(), {"default.key.serde": TEXT, "default.value.serde": TEXT}) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("a", "one", timestamp=10)
        buffers = [topic for topic in driver.produced_topic_names() if "SUPPRESS" in topic]
        held = {record.key for topic in buffers for record in driver.records_of(topic) if record.value is not None}
    assert held == {b"a"}


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "crash"])
@BUILDS
def test_what_a_buffer_took_in_a_flush_is_there_after_a_crash(build: Build, clean: bool, tmp_path: Path) -> None:
    with Turned(build, tmp_path / "s", "in", "clicks", "joined") as one:
        one.send("in", "a", "one", 10)
        one.turn()
        one.restart(clean)
        one.send("in", "b", "two", 100)
        one.turn()
        assert one.out() == ["a=one@10"]


def test_stores_are_flushed_in_the_order_in_which_their_nodes_were_added() -> None:
    """A breadth-first order would have `late` before `below`: its node is one step from a source."""
    builder = StreamsBuilder()
    early = builder.table("t0", store="early")
    table = builder.table("t1", store="table")
    below = table.map_values(len, store="below")
    both = table.join(below, lambda row, size: f"{row}{size}", store="both")
    early.join(both, lambda one, other: f"{one}{other}", store="late")
    built = builder.build().built(None)
    assert flush_order(built.subtopologies[0]) == ("early", "table", "below", "both", "late")


def test_stores_of_one_node_are_flushed_in_the_order_of_javas_hash_set() -> None:
    class Reader:
        def init(self, context: object) -> None:
            pass

        def process(self, record: object) -> None:
            pass

    builder = StreamsBuilder()
    names = ("zebra", "ant", "cow", "bee")
    for name in names:
        builder.add_state_store(Stores.key_value_store_builder(Stores.in_memory_key_value_store(name), TEXT, TEXT))
    builder.stream("in").process(Reader, *names)
    order = flush_order(builder.build().built(None).subtopologies[0])
    assert order == ("zebra", "bee", "ant", "cow")

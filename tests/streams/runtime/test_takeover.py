"""Taking over: where processing starts, and what each store lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from statestore.api import Codec
from statestore.keys import store_prefix
from statestore.memory import MemoryEngine
from statestore.session import LayeredSessionStore
from statestore.versioned import LayeredVersionedStore
from statestore.window import LayeredWindowStore
from streams import AutoOffsetReset, StreamsBuilder
from streams.clients.api import Position
from streams.errors import NoOffsetForPartitionException
from streams.record import TopicPartition
from streams.runtime.state.changelog import Mark, mark_name, read_mark, wipe, write_mark
from streams.runtime.worker.takeover import positions, reset_of, restores, starts
from streams.topology.node import TaskId
from streams.topology.store import StoreKind
from tests.streams.apps import TEXT
from tests.streams.runtime.estate import Engines, Estate
from tests.streams.runtime.walking import table

WORDS = TopicPartition("words", 0)
LOG = TopicPartition("app-counts-changelog", 0)
ZERO = TaskId(0, 0)


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    made.topic("words")
    made.topic("out")
    made.topic(LOG.topic)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("policy", "offset"),
    [("earliest", 1), ("latest", 4), ("by_duration:1000", 3), ("by_duration:999", 4), ("by_duration:2000", 2)],
)
def test_a_partition_without_a_position_starts_by_its_policy(engines: Engines, policy: str, offset: int) -> None:
    for time in (1_000, 2_000, 3_000, 4_000):
        engines.write("words", ("a", "a"), time=time)
    engines.admin.delete_records({WORDS: 1})
    found = positions(engines.admin, [WORDS], {}, lambda partition: policy, 5_000)
    assert found == {WORDS: Position(offset)}
    committed = {WORDS: Position(2, "told")}
    assert positions(engines.admin, [WORDS], committed, lambda partition: policy, 5_000) == committed


def test_without_a_policy_a_missing_position_is_an_error(engines: Engines) -> None:
    with pytest.raises(NoOffsetForPartitionException, match="words-0"):
        starts(engines.admin, "none", [WORDS], 0)


def test_every_source_has_its_own_policy_and_repartition_topics_start_at_their_beginning(
    engines: Engines, tmp_path: Path
) -> None:
    builder = StreamsBuilder()
    one = builder.stream("words", key_serde=TEXT, value_serde=TEXT, offset_reset=AutoOffsetReset.latest())
    two = builder.stream("more", key_serde=TEXT, value_serde=TEXT)
    one.merge(two).group_by(lambda k, v: v, key_serde=TEXT, value_serde=TEXT).count(store="counts")
    estate = Estate(engines, tmp_path, builder)
    first, second = estate.built.subtopologies
    reset = reset_of(first, "none", estate.context.topic_name)
    assert [reset(TopicPartition(topic, 0)) for topic in ("words", "more")] == ["latest", "none"]
    inside = estate.context.topic_name(next(iter(second.repartition_topics)))
    assert reset_of(second, "latest", estate.context.topic_name)(TopicPartition(inside, 0)) == "earliest"
    estate.close()


def test_a_store_lacks_what_is_between_its_mark_and_the_end(engines: Engines, tmp_path: Path) -> None:
    engines.write(LOG.topic, ("a", "12345678"), ("b", "12345678"))
    estate = Estate(engines, tmp_path)
    estate.take(ZERO)
    assert estate.restorer.restored == 2
    engines.write(LOG.topic, ("c", "12345678"))
    task = estate.tasks.by_id[ZERO]
    (one,) = restores(engines.admin, task, {})
    assert (one.log.offset, one.target, one.kept) == (2, 3, 2)
    engines.admin.delete_records({LOG: 3})
    (one,) = restores(engines.admin, task, {})
    assert (one.log.offset, one.target, one.kept) == (3, 3, 2)
    estate.close()


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        (Mark("another", 0, 1, 1), "another topic id"),
        (Mark("", 0, 9, 9), re.escape("its offset 9 lies behind the end of its changelog, 1")),
    ],
)
def test_a_mark_that_is_worth_nothing_empties_its_store(
    engines: Engines, tmp_path: Path, mark: Mark, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    engines.write(LOG.topic, ("a", "12345678"))
    estate = Estate(engines, tmp_path)
    estate.take(ZERO)
    task = estate.tasks.by_id[ZERO]
    topic_id = mark.topic_id or engines.admin.describe_topics([LOG.topic])[LOG.topic].topic_id
    task.state.disk.write((), marks={mark_name("counts"): write_mark(mark._replace(topic_id=topic_id))})
    assert estate.count("a") is not None
    (one,) = restores(engines.admin, task, {})
    assert (one.log.offset, one.target, one.kept) == (0, 1, 0)
    assert re.search(reason, caplog.text)
    assert estate.count("a") is None and read_mark(task.state.disk, "counts") is None
    estate.close()


def test_a_table_on_its_source_topic_goes_to_what_is_committed_and_no_further(engines: Engines, tmp_path: Path) -> None:
    builder = StreamsBuilder()
    table_ = builder.table("words", key_serde=TEXT, value_serde=TEXT, store="words-table")
    table_.to_stream().to("out", key_serde=TEXT, value_serde=TEXT)
    engines.write("words", ("a", "1"), ("b", "2"), ("c", "3"))
    cases: list[tuple[dict[TopicPartition, Position], int]]
    cases = [({WORDS: Position(2)}, 2), ({WORDS: Position(9)}, 3), ({}, 0)]
    for committed, target in cases:
        estate = Estate(engines, tmp_path / str(target), builder, topology_optimization="all")
        partitions = estate.metadata.task_plan().partitions
        estate.committed = dict(committed)
        estate.tasks.take({ZERO: partitions[ZERO]}, 0)
        (one,) = restores(engines.admin, estate.tasks.by_id[ZERO], committed)
        assert (one.log.partition, one.target) == (WORDS, target)
        estate.close(clean=False)


def test_wiping_takes_the_rows_and_the_mark_of_one_store(engines: Engines, tmp_path: Path) -> None:
    estate = Estate(engines, tmp_path)
    estate.take(ZERO)
    layers = estate.tasks.by_id[ZERO].state.stores["counts"].layers
    engine = MemoryEngine()
    one, two = store_prefix(engine.number("one")), store_prefix(engine.number("two"))
    mark = write_mark(Mark("id", 0, 1, 1))
    engine.write([(one + b"a", b"1"), (two + b"a", b"2")], marks={mark_name("one"): mark, mark_name("two"): mark})
    wipe(engine, "one", layers)
    assert engine.get(one + b"a") is None and engine.get(two + b"a") == b"2"
    assert read_mark(engine, "one") is None and read_mark(engine, "two") is not None
    estate.close()


CODEC = Codec(lambda value: str(value).encode(), lambda data: data.decode(), lambda value: type(value) is str)


def test_a_store_that_was_emptied_takes_rows_of_any_time_again() -> None:
    """Its changelog was made again, say, and the application works through its input from the beginning."""
    engine, old, new = MemoryEngine(), 1_000, 10_000_000

    def windows() -> LayeredWindowStore:
        return LayeredWindowStore("windows", engine, CODEC, retention=1_000)

    def sessions() -> LayeredSessionStore:
        return LayeredSessionStore("sessions", engine, CODEC, retention=1_000)

    def versions() -> LayeredVersionedStore:
        return LayeredVersionedStore("versions", engine, CODEC, history_retention=1_000)

    window, session, versioned = windows(), sessions(), versions()
    window.put(b"k", new, "v", new)
    session.put(b"k", new, new, "v", new)
    versioned.put(b"k", "v", new)
    for store in (window, session, versioned):
        store.life.commit()
        store.life.spill(10, {mark_name(store.name): b"mark"})
        wipe(engine, store.name, store.life)
        assert store.observed_time == -1

    def takes(window: LayeredWindowStore, session: LayeredSessionStore, versioned: LayeredVersionedStore) -> None:
        window.put(b"k", old, "v", old)
        session.put(b"k", old, old, "v", old)
        versioned.put(b"k", "v", old)
        assert window.fetch(b"k", old) and session.fetch_session(b"k", old, old) and versioned.get(b"k")
        for store in (window, session, versioned):
            store.life.abort()

    takes(window, session, versioned)
    takes(windows(), sessions(), versions())


def test_what_lies_on_disk() -> None:
    assert table().on_disk
    assert not table(persistent=False).on_disk
    assert not table(kind=StoreKind.SUPPRESS_BUFFER).on_disk
    assert not table(kind=StoreKind.LRU).on_disk

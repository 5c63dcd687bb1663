"""The page of errors against the exceptions there are, Kafka's numbers, and what a wrong topology says."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from streams import (
    BufferConfig,
    JoinWindows,
    Materialized,
    Record,
    Serdes,
    Stores,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
    Topology,
    TopologyException,
    errors,
)
from streams.errors import BY_CODE, KafkaException
from tests.docs.pages import ROOT, rows

PAGE = ROOT / "docs" / "errors.md"
NAMED = {row[0].strip("`"): row for row in rows(PAGE) if re.fullmatch(r"`\w+Exception`", row[0])}
KINDS = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, KafkaException)
}
BUILTIN = (ValueError, TypeError, RuntimeError, LookupError, NotImplementedError, TimeoutError)


def test_every_exception_is_on_the_page_once() -> None:
    assert set(NAMED) == set(KINDS)
    assert len(re.findall(r"^\| `\w+Exception` \|", PAGE.read_text("utf-8"), re.MULTILINE)) == len(NAMED)


def test_each_of_kafkas_numbers_means_one_exception() -> None:
    assert set(BY_CODE.values()) == {kind for kind in KINDS.values() if "code" in vars(kind)}
    assert all(kind.code == code for code, kind in BY_CODE.items())


@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_exception_is_as_the_page_says(name: str) -> None:
    _, number, means, to_do = NAMED[name]
    assert number == (str(KINDS[name].code) if "code" in vars(KINDS[name]) else "")
    assert means
    assert to_do
    said = set(re.findall(r"`(\w+Error)`", means))
    assert said == {kind.__name__ for kind in BUILTIN if kind in KINDS[name].__bases__}
    if KINDS[name] is not errors.RetriableException and "sequence" not in means:
        assert ("retriable" in means) == issubclass(KINDS[name], errors.RetriableException)


def joined(builder: StreamsBuilder, other: StreamsBuilder) -> None:
    builder.stream("a").merge(other.stream("b"))


def two_sources(builder: StreamsBuilder) -> None:
    topology = Topology()
    topology.add_source("one", "a")
    topology.add_source("two", "a")


def two_stores(builder: StreamsBuilder) -> None:
    for serde in (Serdes.string(), Serdes.long()):
        store = Stores.in_memory_key_value_store("s")
        builder.add_state_store(Stores.key_value_store_builder(store, Serdes.string(), serde))
    builder.build()


class Passes:
    def process(self, record: Record[object, object]) -> None: ...


def two_processors(builder: StreamsBuilder) -> None:
    topology = Topology()
    topology.add_source("one", "a")
    topology.add_processor("p", Passes, "one")
    topology.add_processor("p", Passes, "one")


def no_store(builder: StreamsBuilder) -> None:
    topology = Topology()
    topology.add_source("one", "a")
    topology.add_processor("p", Passes, "one")
    topology.connect_processor_and_state_stores("p", "s")


def no_windows(builder: StreamsBuilder) -> None:
    table = builder.stream("a").group_by_key().count()
    table.suppress(Suppressed.until_window_closes(BufferConfig.unbounded()))
    builder.build()


def versioned(builder: StreamsBuilder) -> None:
    store = Stores.persistent_versioned_key_value_store("v", 1_000)
    table = builder.table("a", Materialized.as_(store))
    table.suppress(Suppressed.until_time_limit(1_000, BufferConfig.unbounded()))
    builder.build()


def two_counts(builder: StreamsBuilder) -> None:
    text = Serdes.string()
    two, three = (builder.stream(name, key_serde=text, value_serde=text).repartition(number_of_partitions=count)
                  for name, count in (("a", 2), ("b", 3)))  # fmt: skip
    two.join(three, lambda left, right: left, JoinWindows.of_time_difference_with_no_grace(1_000))
    builder.build()


async def asked(value: object) -> object:
    return value


def several(value: object) -> object:
    yield value


WRONG: dict[str, Callable[[StreamsBuilder], object]] = {
    "takes a function of": lambda builder: builder.stream("a").filter(lambda one: True),  # type: ignore[arg-type,misc]
    "takes a plain function": lambda builder: builder.stream("a").map_values(asked),
    "has already been registered by another source": two_sources,
    "Following topics do not have the same number of partitions": two_counts,
    "A different StateStore has already been added with the name": two_stores,
    "is not added yet": no_store,
    "Processor … is already added": two_processors,
    "is illegal": lambda builder: builder.stream("a").filter(lambda key, value: True, name="a b"),
    "puts together what comes from two StreamsBuilders": lambda builder: joined(builder, StreamsBuilder()),
    "must subscribe to at least one source topic": lambda builder: run(builder),
    "Window close time is only defined for windowed computations": no_windows,
    "is only supported for non-versioned KTables": versioned,
}
WITH_TOPICS = {"Topics not co-partitioned"}
"""Held by tests/streams/topology/test_copartition.py."""


def run(builder: StreamsBuilder) -> None:
    from streams import KafkaStreams

    KafkaStreams(builder, application_id="a", bootstrap_servers="memory://errors")


def test_the_kinds_of_wrong_topologies_are_on_the_page() -> None:
    part = PAGE.read_text("utf-8").split("## Topologies")[1]
    assert set(re.findall(r"^\| `(.+?)` \|", part, re.MULTILINE)) == set(WRONG) | WITH_TOPICS
    copartition = (ROOT / "tests" / "streams" / "topology" / "test_copartition.py").read_text("utf-8")
    assert [words for words in WITH_TOPICS if words not in copartition] == []


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_topology_says_what_the_page_lists(words: str) -> None:
    with pytest.raises(TopologyException) as raised:
        WRONG[words](StreamsBuilder())
    text = str(raised.value)
    assert text.startswith("Invalid topology: ")
    rest = text
    for part in words.split("…"):
        assert part.strip() in rest
        rest = rest.partition(part.strip())[2]


def test_a_function_that_yields_is_told_what_takes_several_values() -> None:
    with pytest.raises(TopologyException, match=r"has `yield` in it.* for several, flat_map_values"):
        StreamsBuilder().stream("a").map_values(several)


def test_windows_are_what_the_page_says_to_use() -> None:
    builder = StreamsBuilder()
    windowed = builder.stream("a", key_serde=Serdes.string(), value_serde=Serdes.string()).group_by_key()
    counted = windowed.windowed_by(TimeWindows.of_size_with_no_grace(1_000)).count()
    counted.suppress(Suppressed.until_window_closes(BufferConfig.unbounded()))
    builder.build()

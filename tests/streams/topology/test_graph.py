"""Topologies by hand."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from streams import AutoOffsetReset, Record, Serdes, Stores, Topology, WallclockTimestampExtractor
from streams.dsl.stores import KeyedStoreBuilder
from streams.errors import IllegalArgumentException, NullPointerException, TopologyException
from streams.topology.build import refuse_empty
from streams.topology.checks import refuse_circles
from streams.topology.node import ProcessorNode, SinkNode, SourceNode


class Passing:
    def process(self, record: Record[object, object]) -> None: ...


BROUGHT = Stores.key_value_store_builder(Stores.in_memory_key_value_store("brought"), Serdes.string(), Serdes.long())


class Bringing(Passing):
    stores = (BROUGHT,)


class AskingAnInstance(Passing):
    def stores(self) -> list[object]:
        return [BROUGHT]


class NeedingArguments(Passing):
    def __init__(self, what: object) -> None: ...


def kv(name: str) -> KeyedStoreBuilder:
    return Stores.key_value_store_builder(Stores.in_memory_key_value_store(name), Serdes.string(), Serdes.long())


def test_arguments_are_told_apart_by_type() -> None:
    extractor = WallclockTimestampExtractor()
    topology = Topology().add_source(AutoOffsetReset.latest(), extractor, "s", Serdes.string(), Serdes.long(), "a", "b")
    topology.add_sink("k", "out", Serdes.string(), None, lambda topic, key, value, n: 0, "s")
    source, sink = topology.built().subtopologies[0].nodes
    assert isinstance(source, SourceNode) and isinstance(sink, SinkNode)
    assert (source.topics, source.reset, source.timestamps) == (("a", "b"), "latest", extractor)
    assert (source.key_serde, source.value_serde) == (Serdes.string(), Serdes.long())
    assert (sink.key_serde, sink.value_serde, sink.parents) == (Serdes.string(), None, ("s",))
    assert sink.partitioner is not None


def test_keywords_say_the_same() -> None:
    one = Topology().add_source("s", Serdes.string(), Serdes.long(), "a").built()
    other = Topology().add_source("s", "a", key_serde=Serdes.string(), value_serde=Serdes.long()).built()
    assert one == other


def test_a_supplier_brings_its_stores() -> None:
    topology = Topology().add_source("s", "a").add_processor("p", Bringing, "s").add_processor("q", Bringing, "s")
    built = topology.built()
    assert [s.name for s in built.subtopologies[0].stores] == ["brought"]
    assert {n.name: n.stores for n in built.subtopologies[0].nodes if isinstance(n, ProcessorNode)} == {
        "p": ("brought",),
        "q": ("brought",),
    }


def test_children_come_in_the_order_they_were_added() -> None:
    topology = Topology().add_source("s", "a").add_processor("z", Passing, "s").add_processor("a", Passing, "s")
    topology.add_processor("m", Passing, "z", "s")
    sub = topology.built().subtopologies[0]
    assert sub.children("s") == ("z", "a", "m")
    assert sub.children("z") == ("m",)


def test_a_shared_store_makes_one_sub_topology() -> None:
    topology = Topology().add_source("s1", "a").add_source("s2", "b")
    topology.add_processor("p1", Passing, "s1").add_processor("p2", Passing, "s2")
    assert len(topology.built().subtopologies) == 2
    topology.add_state_store(kv("store"), "p1")
    topology.connect_processor_and_state_stores("p2", "store")
    (sub,) = topology.built().subtopologies
    assert sub.source_topics == ("a", "b")
    assert list(sub.changelogs) == ["store"]


def test_a_read_only_store_is_restored_from_its_topic() -> None:
    topology = Topology().add_read_only_state_store(
        kv("ro"),
        "source",
        Serdes.string(),
        Serdes.long(),
        "topic",
        "filler",
        Passing,
    )
    (sub,) = topology.built().subtopologies
    (store,) = sub.stores
    assert (store.logging, store.source_topic) == (None, "topic")
    assert sub.changelogs["ro"].name == "topic"


def test_global_stores_stand_apart() -> None:
    topology = Topology().add_source("s", "a")
    topology.add_global_store(
        kv("g"),
        "gs",
        WallclockTimestampExtractor(),
        None,
        None,
        "topic",
        "gp",
        Passing,
    )
    built = topology.built()
    (store,) = built.global_stores
    assert (store.store.name, store.store.logging, store.source.topics) == ("g", None, ("topic",))
    assert store.source.timestamps is not None
    assert [sub.id for sub in built.subtopologies] == [0]


MISUSES: list[tuple[Callable[[Topology], object], type[Exception], str]] = [
    (lambda t: t.add_source("s"), TopologyException, "Invalid topology: topics cannot be empty"),
    (lambda t: t.add_source(None, "a"), NullPointerException, "name cannot be null"),
    (lambda t: t.add_sink("k", "out"), TopologyException, "Invalid topology: predecessorNames cannot be empty"),
    (lambda t: t.add_sink("k", "o", "k"), TopologyException, "Invalid topology: Parent node k is unknown (self-"),
    (lambda t: t.add_sink("k", "o", "x"), TopologyException, "Invalid topology: Parent node x is unknown."),
    (lambda t: t.add_processor("p", NeedingArguments, "x"), IllegalArgumentException, "NeedingArguments is called"),
]


@pytest.mark.parametrize(("misuse", "kind", "words"), MISUSES)
def test_misuse_is_named(misuse: Callable[[Topology], object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as raised:
        misuse(Topology())
    assert words in str(raised.value)


def test_stores_of_a_class_cannot_need_an_instance() -> None:
    with pytest.raises(IllegalArgumentException, match="make it a classmethod"):
        Topology().add_source("s", "a").add_processor("p", AskingAnInstance, "s")


def test_one_instance_twice_is_refused() -> None:
    one = Passing()
    with pytest.raises(IllegalArgumentException, match="must return a new object each time"):
        Topology().add_source("s", "a").add_processor("p", lambda: one, "s")


def test_a_pattern_meets_no_topic_of_another_source() -> None:
    topology = Topology().add_source("s", "in-1")
    with pytest.raises(TopologyException, match=r"Pattern in-\.\* will match a topic"):
        topology.add_source("p", re.compile("in-.*"))
    topology.add_source("p", re.compile("other-.*"))
    with pytest.raises(TopologyException, match="Topic other-1 matches a Pattern already registered"):
        topology.add_source("q", "other-1")


def test_a_topology_without_sources_cannot_run() -> None:
    with pytest.raises(TopologyException, match="must subscribe to at least one source topic or global table"):
        refuse_empty(Topology().built())


def test_circles_are_named() -> None:
    nodes = (
        SourceNode("s", ("a",)),
        ProcessorNode("p", ("s", "q"), (), Passing),
        ProcessorNode("q", ("p",), (), Passing),
    )
    with pytest.raises(TopologyException, match=r"p -> q -> p|q -> p -> q"):
        refuse_circles(nodes)
    refuse_circles(nodes[:1])


def test_a_source_names_a_topic_once() -> None:
    with pytest.raises(TopologyException, match="Topic a has already been registered by another source"):
        Topology().add_source("s", "a", "b", "a")

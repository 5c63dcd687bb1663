"""`Topology`: sources, processors, sinks and stores put together by hand, or by the DSL's builder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol, overload, runtime_checkable

from streams import arguments
from streams.errors import IllegalArgumentException, NotYetBuiltException, NullPointerException, TopologyException
from streams.serdes.base import AnySerde, Serde
from streams.signatures import written
from streams.spelling import corrects_names
from streams.topology.build import built
from streams.topology.describe import TopologyDescription, describe
from streams.topology.node import BuiltTopology, GlobalStore, ProcessorNode, SinkNode, SourceNode
from streams.topology.origin import calling, origin_of
from streams.topology.reset import AutoOffsetReset
from streams.topology.store import StoreSpec
from streams.topology.suppliers import brought_stores, check_supplier
from streams.topology.wiring import Wiring

EXTRACTOR = "record, partition_time"
PARTITIONER = "topic, key, value, partitions"
"""How timestamp extractors and partitioners are called."""


@runtime_checkable
class StoreBuilder(Protocol):
    """What builds a store; `streams.Stores` makes them."""

    def spec(self) -> StoreSpec:
        """The store as data."""
        ...


def spec_of(builder: object, logging: bool = True) -> StoreSpec:
    """The store that a builder means; `logging` False: without a changelog, whatever the builder says."""
    if builder is None:
        raise NullPointerException("builder can't be null")
    if not isinstance(builder, StoreBuilder):
        if hasattr(builder, "build") and hasattr(builder, "name"):
            raise NotYetBuiltException(
                f"stores of one's own ({type(builder).__qualname__}) are not built yet; make a builder by "
                "Stores.key_value_store_builder(supplier, key, value)"
            )
        raise IllegalArgumentException(
            f"{builder!r} is no store builder; make one by Stores.key_value_store_builder(supplier, key, value)"
        )
    if isinstance(builder, type):
        raise IllegalArgumentException(f"{builder!r} is a class; a store is added by a builder that Stores makes")
    spec = builder.spec()
    if not isinstance(spec, StoreSpec):
        raise IllegalArgumentException(f"spec() of {type(builder).__qualname__} gave {spec!r}, which is no store")
    return spec if logging else replace(spec, logging=None)


@corrects_names
@written
class Topology:
    """A graph of sources, processors, sinks and state stores.

    Every `add_…` gives the topology itself, so that calls can be chained. Arguments follow Java's order; serdes
    stand where Java takes serializers and deserializers.
    """

    def __init__(self, wiring: Wiring | None = None) -> None:
        self._wiring = Wiring() if wiring is None else wiring

    @overload
    def add_source(
        self,
        name: str,
        /,
        *topics: str | re.Pattern[str],
        key_serde: AnySerde | None = None,
        value_serde: AnySerde | None = None,
        timestamp_extractor: Callable[..., int] | None = None,
        offset_reset: AutoOffsetReset | None = None,
    ) -> Topology: ...
    @overload
    def add_source(
        self, name: str, key_serde: AnySerde, value_serde: AnySerde, /, *topics: str | re.Pattern[str]
    ) -> Topology: ...
    @overload
    def add_source(
        self,
        first: AutoOffsetReset | Callable[..., int],
        second: Callable[..., int] | str,
        /,
        *name_serdes_and_topics: str | re.Pattern[str] | AnySerde,
    ) -> Topology: ...
    def add_source(
        self,
        *args: object,
        key_serde: Serde[object] | None = None,
        value_serde: Serde[object] | None = None,
        timestamp_extractor: Callable[..., int] | None = None,
        offset_reset: AutoOffsetReset | None = None,
    ) -> Topology:
        """`add_source([offset_reset], [timestamp_extractor], name, [key_serde, value_serde], *topics | pattern)`.

        Raises:
            TopologyException: no topics, a name used twice, or a topic that another source has.
        """
        rest = list(args)
        first = rest[0] if rest else None
        if isinstance(first, AutoOffsetReset):
            offset_reset, rest = first, rest[1:]
        if rest and callable(rest[0]):
            timestamp_extractor = arguments.function(rest.pop(0), EXTRACTOR, "add_source()")
        name = _name(rest)
        serdes, rest = _serdes(rest)
        if serdes:
            key_serde, value_serde = serdes
        if timestamp_extractor is not None:
            arguments.function(timestamp_extractor, EXTRACTOR, "timestamp_extractor of add_source()")
        if offset_reset is not None and not isinstance(offset_reset, AutoOffsetReset):
            raise IllegalArgumentException(
                f"offset_reset of add_source() takes AutoOffsetReset.earliest() and its like, got {offset_reset!r}."
            )
        self._note_call()
        self._wiring.add_source(
            SourceNode(
                name,
                _topics(rest),
                arguments.serde(key_serde, "key_serde of add_source()"),
                arguments.serde(value_serde, "value_serde of add_source()"),
                timestamp_extractor,
                None if offset_reset is None else offset_reset.text,
            )
        )
        return self

    def add_processor(self, name: str, supplier: Callable[[], object], *parents: str) -> Topology:
        """Adds a processor; stores that the supplier names are added and connected.

        Args:
            name: the node's name.
            supplier: a class, or a callable without arguments that gives a new processor at each call.
            parents: names of the nodes whose records it gets.
        Raises:
            TopologyException: a name used twice, or an unknown parent.
            IllegalArgumentException: the supplier gives the same object twice.
        """
        self._add_user_step(name, supplier, parents, fixed_key=False)
        return self

    def add_fixed_key_processor(self, name: str, supplier: Callable[[], object], *parents: str) -> Topology:
        """Adds a processor that gets `FixedKeyRecord`s and cannot change their keys; else as `add_processor`."""
        self._add_user_step(name, supplier, parents, fixed_key=True)
        return self

    @overload
    def add_sink(
        self,
        name: str,
        topic: str | Callable[..., str],
        *parents: str,
        key_serde: AnySerde | None = None,
        value_serde: AnySerde | None = None,
        partitioner: Callable[..., object] | None = None,
    ) -> Topology: ...
    @overload
    def add_sink(
        self,
        name: str,
        topic: str | Callable[..., str],
        key_serde: AnySerde,
        value_serde: AnySerde,
        /,
        *partitioner_and_parents: str | Callable[..., object],
    ) -> Topology: ...
    @overload
    def add_sink(
        self,
        name: str,
        topic: str | Callable[..., str],
        partitioner: Callable[..., object],
        /,
        *parents: str,
    ) -> Topology: ...
    def add_sink(
        self,
        name: str,
        topic: str | Callable[..., str],
        *args: object,
        key_serde: Serde[object] | None = None,
        value_serde: Serde[object] | None = None,
        partitioner: Callable[..., object] | None = None,
    ) -> Topology:
        """`add_sink(name, topic | topic_name_extractor, [key_serde, value_serde], [partitioner], *parents)`.

        Raises:
            TopologyException: a name used twice, or an unknown parent.
        """
        _name([name])
        _present(topic, "topic cannot be null")
        if callable(topic):
            arguments.function(topic, "key, value, record_context", "add_sink()")
        else:
            arguments.topic(topic, "add_sink()")
        serdes, rest = _serdes(list(args))
        if serdes:
            key_serde, value_serde = serdes
        if rest and callable(rest[0]):
            partitioner = arguments.function(rest.pop(0), PARTITIONER, "add_sink()", may_yield=True)
        if partitioner is not None:
            arguments.function(partitioner, PARTITIONER, "partitioner of add_sink()", may_yield=True)
        key_serde = arguments.serde(key_serde, "key_serde of add_sink()")
        value_serde = arguments.serde(value_serde, "value_serde of add_sink()")
        parents = _names("add_sink() takes names of parents", rest, "predecessor name can't be null")
        self._note_call()
        self._wiring.add_sink(SinkNode(name, parents, topic, key_serde, value_serde, partitioner))
        return self

    def add_state_store(self, builder: StoreBuilder, *processors: str) -> Topology:
        """Adds a store and lets processors use it.

        Raises:
            TopologyException: another store has the name, or a processor is not there.
        """
        spec = spec_of(builder)
        users = _names("add_state_store() takes names of processors", processors, "processor name must not be null")
        self._wiring.add_store(spec, builder, *users)
        return self

    def connect_processor_and_state_stores(self, processor: str, *stores: str) -> Topology:
        """Lets a processor use stores that were added before.

        Raises:
            TopologyException: a store or the processor is not there, or no store is named.
        """
        _present(processor, "processorName cannot be null")
        if not stores:
            raise TopologyException("stateStoreNames cannot be empty")
        names = _names("state stores are connected by their names", stores, "state store name cannot be null")
        self._wiring.connect(processor, names)
        return self

    @overload
    def add_global_store(
        self,
        builder: StoreBuilder,
        source: str,
        key_serde: AnySerde,
        value_serde: AnySerde,
        topic: str,
        name: str,
        supplier: Callable[[], object],
        /,
    ) -> Topology: ...
    @overload
    def add_global_store(
        self,
        builder: StoreBuilder,
        source: str,
        timestamp_extractor: Callable[..., int],
        key_serde: AnySerde,
        value_serde: AnySerde,
        topic: str,
        name: str,
        supplier: Callable[[], object],
        /,
    ) -> Topology: ...
    def add_global_store(self, builder: StoreBuilder, *args: object) -> Topology:
        """`add_global_store(builder, source, [timestamp_extractor], key_serde, value_serde, topic, name, supplier)`.

        Every instance fills the store from all partitions of `topic`, through the processor that `supplier` gives.
        It has no changelog.
        """
        self._note_call()
        spec = spec_of(builder, logging=False)
        source, name, supplier = _filled(args)
        node = ProcessorNode(name, (source.name,), (spec.name,), supplier)
        self._wiring.add_global(GlobalStore(spec, source, node))
        return self

    @overload
    def add_read_only_state_store(
        self,
        builder: StoreBuilder,
        source: str,
        key_serde: AnySerde,
        value_serde: AnySerde,
        topic: str,
        name: str,
        supplier: Callable[[], object],
        /,
    ) -> Topology: ...
    @overload
    def add_read_only_state_store(
        self,
        builder: StoreBuilder,
        source: str,
        timestamp_extractor: Callable[..., int],
        key_serde: AnySerde,
        value_serde: AnySerde,
        topic: str,
        name: str,
        supplier: Callable[[], object],
        /,
    ) -> Topology: ...
    def add_read_only_state_store(self, builder: StoreBuilder, *args: object) -> Topology:
        """Takes the arguments of `add_global_store`, for a store of the tasks.

        The store's changelog is the topic itself; only the processor that `supplier` gives writes to the store.
        """
        self._note_call()
        spec = spec_of(builder)
        source, name, supplier = _filled(args)
        self._wiring.add_source(source)
        self._add_user_step(name, supplier, (source.name,), fixed_key=False)
        self._wiring.add_store(spec, builder, name)
        self._wiring.serve_from_topic(spec.name, str(_topics_of(source)[0]))
        return self

    def describe(self) -> TopologyDescription:
        """What the topology looks like; `str()` of it is Kafka Streams' text."""
        return describe(self._wiring)

    def built(self, config: Mapping[str, object] | None = None) -> BuiltTopology:
        """The topology as the runtime wants it: sub-topologies with their nodes, stores and internal topics.

        Args:
            config: the application's settings; those of internal topics and the default serdes count.
        Raises:
            TopologyException: it goes in circles.
        """
        return built(self._wiring, config)

    def __repr__(self) -> str:
        return f"Topology({len(self._wiring.nodes)} nodes, {len(self._wiring.stores)} stores)"

    def _repr_svg_(self) -> str:
        """The picture that a notebook shows; `streams-app topology graph --format svg` draws the same."""
        from streams.topology.tools.outline import outline
        from streams.topology.tools.svg import svg

        return svg(outline(self.built(), ""))

    def _note_call(self) -> None:
        method = calling()
        self._wiring.origin = None if method is None else origin_of(method, -len(self._wiring.nodes) - 1)

    def _add_user_step(self, name: str, supplier: object, parents: tuple[str, ...], fixed_key: bool) -> None:
        _name([name])
        parents = _names("a processor takes names of parents", parents, "predecessor name can't be null")
        make = check_supplier(supplier)
        self._note_call()
        self._wiring.add_step(ProcessorNode(name, parents, (), make, fixed_key))
        for builder in brought_stores(supplier):
            self._wiring.add_store(spec_of(builder), builder, name)


def _present(value: object, message: str) -> object:
    if value is None:
        raise NullPointerException(message)
    return value


def _name(rest: list[object]) -> str:
    name = _present(rest.pop(0) if rest else None, "name cannot be null")
    if not isinstance(name, str):
        raise IllegalArgumentException(f"{name!r} stands where the node's name is expected")
    return name


def _names(what: str, given: Iterable[object], missing: str) -> tuple[str, ...]:
    names = []
    for name in given:
        _present(name, missing)
        if not isinstance(name, str):
            raise IllegalArgumentException(f"{what}, got {name!r}.")
        names.append(name)
    return tuple(names)


def _serdes(rest: list[object]) -> tuple[tuple[Serde[object] | None, Serde[object] | None] | None, list[object]]:
    """Key and value serde, if the arguments start with two of them (one may be None)."""
    head = rest[:2]
    if (
        len(head) == 2
        and any(isinstance(s, Serde) for s in head)
        and all(s is None or isinstance(s, Serde) for s in head)
    ):
        first, second = head
        return (
            (first if isinstance(first, Serde) else None, second if isinstance(second, Serde) else None),
            rest[2:],
        )
    return None, rest


def _topics(rest: list[object]) -> tuple[str, ...] | re.Pattern[str]:
    if len(rest) == 1 and isinstance(rest[0], re.Pattern):
        return rest[0]
    return tuple(arguments.topic(_present(topic, "topic name cannot be null"), "add_source()") for topic in rest)


def _topics_of(source: SourceNode) -> tuple[str, ...]:
    if not isinstance(source.topics, tuple):
        raise TopologyException("a global store is filled from one topic, not from a pattern")
    return source.topics


def _filled(args: tuple[object, ...]) -> tuple[SourceNode, str, Callable[[], object]]:
    """Source, processor name and supplier of a store that is filled from a topic."""
    rest = list(args)
    source = _name(rest)
    extractor = None
    if rest and callable(rest[0]):
        extractor = arguments.function(rest.pop(0), EXTRACTOR, "the timestamp extractor of a global store")
    serdes, rest = _serdes(rest)
    if serdes is None and rest[:2] == [None, None]:
        rest = rest[2:]
    if len(rest) != 3:
        raise IllegalArgumentException(
            "expected (builder, source name, [timestamp extractor], key serde, value serde, topic, processor name, "
            "supplier)"
        )
    topic = arguments.topic(_present(rest[0], "topic cannot be null"), "a global store")
    name = _name([_present(rest[1], "processorName cannot be null")])
    key_serde, value_serde = serdes or (None, None)
    node = SourceNode(source, (topic,), key_serde, value_serde, extractor)
    return node, name, check_supplier(rest[2])

"""`Topology`: sources, processors, sinks and stores put together by hand, or by the DSL's builder."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol, TypeGuard, runtime_checkable

from streams.errors import IllegalArgumentException, NullPointerException, TopologyException
from streams.serdes.base import Serde
from streams.topology.describe import TopologyDescription, describe
from streams.topology.node import BuiltTopology, GlobalStore, ProcessorNode, SinkNode, SourceNode
from streams.topology.reset import AutoOffsetReset
from streams.topology.store import StoreSpec
from streams.topology.wiring import Wiring


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
        raise IllegalArgumentException(
            f"{builder!r} is no store builder; make one by Stores.key_value_store_builder(supplier, key, value)"
        )
    spec = builder.spec()
    return spec if logging else replace(spec, logging=None)


def brought_stores(supplier: object) -> tuple[object, ...]:
    """Store builders that a supplier names by its attribute or method `stores` (decision 30)."""
    stores = getattr(supplier, "stores", None)
    if isinstance(supplier, type) and inspect.isfunction(stores):
        raise IllegalArgumentException(
            f"`stores` of {_named(supplier)} is asked before there is an instance; make it a classmethod"
        )
    if callable(stores):
        stores = stores()
    if stores is None:
        return ()
    if not isinstance(stores, Iterable):
        raise IllegalArgumentException(f"`stores` of {_named(supplier)} must be an iterable of store builders")
    return tuple(stores)


def check_supplier(supplier: object) -> Callable[[], object]:
    """A supplier that gives a fresh processor at each call.

    Raises:
        NullPointerException: it is None.
        IllegalArgumentException: it gives the same object twice, or cannot be called without arguments.
    """
    if supplier is None:
        raise NullPointerException("processorSupplier cannot be null")
    if not callable(supplier):
        raise IllegalArgumentException(
            f"{supplier!r} is no supplier of processors; give the class, or a callable without arguments that "
            "makes a new processor"
        )
    try:
        inspect.signature(supplier).bind()
    except TypeError as error:
        raise IllegalArgumentException(
            f"{_named(supplier)} is called without arguments to make a processor, and does not allow it: {error}"
        ) from error
    except ValueError:
        pass
    if not isinstance(supplier, type) and supplier() is supplier():
        name = _named(supplier)
        raise IllegalArgumentException(
            f"{name} generates single reference. {name}#get() must return a new object each time it is called."
        )
    return supplier


def _named(thing: object) -> str:
    return str(getattr(thing, "__qualname__", None) or type(thing).__qualname__)


class Topology:
    """A graph of sources, processors, sinks and state stores.

    Every `add_…` gives the topology itself, so that calls can be chained. Arguments follow Java's order; serdes
    stand where Java takes serializers and deserializers.
    """

    def __init__(self, wiring: Wiring | None = None) -> None:
        self._wiring = Wiring() if wiring is None else wiring

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
            timestamp_extractor = _callable(rest.pop(0))
        name = _name(rest)
        serdes, rest = _serdes(rest)
        if serdes:
            key_serde, value_serde = serdes
        self._wiring.add_source(
            SourceNode(
                name,
                _topics(rest),
                key_serde,
                value_serde,
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
        _present(name, "name cannot be null")
        _present(topic, "topic cannot be null")
        serdes, rest = _serdes(list(args))
        if serdes:
            key_serde, value_serde = serdes
        if rest and callable(rest[0]):
            partitioner = _callable(rest.pop(0))
        parents = tuple(str(_present(parent, "predecessor name can't be null")) for parent in rest)
        self._wiring.add_sink(SinkNode(name, parents, topic, key_serde, value_serde, partitioner))
        return self

    def add_state_store(self, builder: StoreBuilder, *processors: str) -> Topology:
        """Adds a store and lets processors use it.

        Raises:
            TopologyException: another store has the name, or a processor is not there.
        """
        self._wiring.add_store(spec_of(builder), builder, *processors)
        return self

    def connect_processor_and_state_stores(self, processor: str, *stores: str) -> Topology:
        """Lets a processor use stores that were added before.

        Raises:
            TopologyException: a store or the processor is not there, or no store is named.
        """
        _present(processor, "processorName cannot be null")
        if not stores:
            raise TopologyException("stateStoreNames cannot be empty")
        for store in stores:
            _present(store, "state store name cannot be null")
        self._wiring.connect(processor, stores)
        return self

    def add_global_store(self, builder: StoreBuilder, *args: object) -> Topology:
        """`add_global_store(builder, source, [timestamp_extractor], key_serde, value_serde, topic, name, supplier)`.

        Every instance fills the store from all partitions of `topic`, through the processor that `supplier` gives.
        It has no changelog.
        """
        spec = spec_of(builder, logging=False)
        source, name, supplier = _filled(args)
        node = ProcessorNode(name, (source.name,), (spec.name,), supplier)
        self._wiring.add_global(GlobalStore(spec, source, node))
        return self

    def add_read_only_state_store(self, builder: StoreBuilder, *args: object) -> Topology:
        """Takes the arguments of `add_global_store`, for a store of the tasks.

        The store's changelog is the topic itself; only the processor that `supplier` gives writes to the store.
        """
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
        from streams.topology.build import built

        return built(self._wiring, config)

    def __repr__(self) -> str:
        return f"Topology({len(self._wiring.nodes)} nodes, {len(self._wiring.stores)} stores)"

    def _add_user_step(self, name: str, supplier: object, parents: tuple[str, ...], fixed_key: bool) -> None:
        _present(name, "name cannot be null")
        for parent in parents:
            _present(parent, "predecessor name can't be null")
        make = check_supplier(supplier)
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


def _is_call(thing: object) -> TypeGuard[Callable[..., int]]:
    return callable(thing)


def _callable(thing: object) -> Callable[..., int]:
    if not _is_call(thing):
        raise IllegalArgumentException(f"{thing!r} cannot be called")
    return thing


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
    return tuple(str(_present(topic, "topic name cannot be null")) for topic in rest)


def _topics_of(source: SourceNode) -> tuple[str, ...]:
    if not isinstance(source.topics, tuple):
        raise TopologyException("a global store is filled from one topic, not from a pattern")
    return source.topics


def _filled(args: tuple[object, ...]) -> tuple[SourceNode, str, Callable[[], object]]:
    """Source, processor name and supplier of a store that is filled from a topic."""
    rest = list(args)
    source = _name(rest)
    extractor = _callable(rest.pop(0)) if rest and callable(rest[0]) else None
    serdes, rest = _serdes(rest)
    if serdes is None and rest[:2] == [None, None]:
        rest = rest[2:]
    if len(rest) != 3:
        raise IllegalArgumentException(
            "expected (builder, source name, [timestamp extractor], key serde, value serde, topic, processor name, "
            "supplier)"
        )
    topic = str(_present(rest[0], "topic cannot be null"))
    name = str(_present(rest[1], "processorName cannot be null"))
    key_serde, value_serde = serdes or (None, None)
    node = SourceNode(source, (topic,), key_serde, value_serde, extractor)
    return node, name, check_supplier(rest[2])

"""`StreamsBuilder`: where a topology begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack, overload

from streams.dsl.flow import Flow
from streams.dsl.materialized import Materialized
from streams.dsl.options import Consumed
from streams.dsl.pick import pick, pick_two
from streams.dsl.stream import KStream
from streams.errors import IllegalArgumentException, NullPointerException
from streams.names import check_topic
from streams.signatures import written
from streams.spelling import no_attribute
from streams.topology.graph import StoreBuilder, Topology, spec_of
from streams.topology.node import SourceNode
from streams.topology.plan import GlobalStep, Plan, StateStore, StreamSource
from streams.topology.rewrite import build
from streams.topology.suppliers import check_supplier
from streams.type_variables import KAny, Unstated, VAny

if TYPE_CHECKING:
    from streams.dsl.fields import ConsumedFields, SourceTableFields
    from streams.dsl.global_table import GlobalKTable
    from streams.dsl.table import KTable
    from streams.processor import ProcessesRecords

Topics = str | Iterable[str] | re.Pattern[str]


@written
class StreamsBuilder:
    """Builds a topology by the DSL.

    Args:
        config: settings that hold for this topology, such as `ensure.explicit.internal.resource.naming`.
    """

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, config: Mapping[str, object] | None = None) -> None:
        self._config = config
        self._plan = Plan()

    def stream(
        self, topics: Topics, *options: Consumed[KAny, VAny], **fields: Unpack[ConsumedFields[KAny, VAny]]
    ) -> KStream[KAny, VAny]:
        """The records of a topic, of several topics, or of all topics whose name matches a pattern.

        Raises:
            NullPointerException: a topic or the options are None.
        """
        consumed = pick("stream", Consumed, options, fields, "consumed can't be null") or Consumed()
        names = _topics(topics)
        name = self._plan.names.named(consumed.name, "KSTREAM-SOURCE-")
        reset = None if consumed.offset_reset is None else consumed.offset_reset.text
        source = SourceNode(name, names, consumed.key_serde, consumed.value_serde, consumed.timestamp_extractor, reset)
        node = self._plan.add(name, StreamSource(source))
        return KStream(Flow(self._plan, node, name, frozenset({name}), consumed.key_serde, consumed.value_serde))

    @overload
    def table(
        self,
        topic: str,
        *options: Consumed[KAny, VAny] | Materialized[Unstated, Unstated],
        **fields: Unpack[SourceTableFields[KAny, VAny]],
    ) -> KTable[KAny, VAny]: ...
    @overload
    def table(
        self,
        topic: str,
        *options: Consumed[KAny, VAny] | Materialized[KAny, Unstated],
        **fields: Unpack[SourceTableFields[KAny, VAny]],
    ) -> KTable[KAny, VAny]: ...
    @overload
    def table(
        self,
        topic: str,
        *options: Consumed[KAny, VAny] | Materialized[Unstated, VAny],
        **fields: Unpack[SourceTableFields[KAny, VAny]],
    ) -> KTable[KAny, VAny]: ...
    @overload
    def table(
        self,
        topic: str,
        *options: Consumed[KAny, VAny] | Materialized[KAny, VAny],
        **fields: Unpack[SourceTableFields[KAny, VAny]],
    ) -> KTable[KAny, VAny]: ...
    def table(
        self, topic: str, *options: Consumed[Any, Any] | Materialized[Any, Any], **fields: object
    ) -> KTable[Any, Any]:
        """The table whose rows the records of a topic update.

        Raises:
            NullPointerException: the topic or an option is None.
        """
        from streams.dsl.table_source import table_from

        _one_topic(topic)
        consumed, m = pick_two("table", Consumed, Materialized, options, fields, "materialized can't be null")
        return table_from(self._plan, topic, consumed or Consumed(), m)

    @overload
    def global_table(
        self,
        topic: str,
        *options: Consumed[KAny, VAny] | Materialized[Unstated, Unstated],
        **fields: Unpack[SourceTableFields[KAny, VAny]],
    ) -> GlobalKTable[KAny, VAny]: ...
    @overload
    def global_table(
        self,
        topic: str,
        *options: Consumed[KAny, VAny] | Materialized[KAny, Unstated],
        **fields: Unpack[SourceTableFields[KAny, VAny]],
    ) -> GlobalKTable[KAny, VAny]: ...
    @overload
    def global_table(
        self,
        topic: str,
        *options: Consumed[KAny, VAny] | Materialized[Unstated, VAny],
        **fields: Unpack[SourceTableFields[KAny, VAny]],
    ) -> GlobalKTable[KAny, VAny]: ...
    @overload
    def global_table(
        self,
        topic: str,
        *options: Consumed[KAny, VAny] | Materialized[KAny, VAny],
        **fields: Unpack[SourceTableFields[KAny, VAny]],
    ) -> GlobalKTable[KAny, VAny]: ...
    def global_table(
        self, topic: str, *options: Consumed[Any, Any] | Materialized[Any, Any], **fields: object
    ) -> GlobalKTable[Any, Any]:
        """The table of a topic that every instance holds whole.

        Raises:
            TopologyException: the store is versioned.
        """
        from streams.dsl.global_table import global_table

        _one_topic(topic)
        consumed, m = pick_two("global_table", Consumed, Materialized, options, fields, "materialized can't be null")
        return global_table(self._plan, topic, consumed or Consumed(), m)

    def add_state_store(self, builder: StoreBuilder) -> StreamsBuilder:
        """Adds a store that processors can name."""
        spec_of(builder)
        self._plan.add("state store", StateStore(builder))
        return self

    @overload
    def add_global_store(
        self,
        builder: StoreBuilder,
        topic: str,
        consumed: Consumed[KAny, VAny],
        supplier: Callable[[], ProcessesRecords[KAny, VAny]],
        /,
    ) -> StreamsBuilder: ...
    @overload
    def add_global_store(
        self, builder: StoreBuilder, topic: str, supplier: Callable[[], ProcessesRecords[Any, Any]], /
    ) -> StreamsBuilder: ...
    def add_global_store(self, builder: StoreBuilder, topic: str, *given: object) -> StreamsBuilder:
        """`add_global_store(builder, topic, consumed, supplier)`: a store that every instance fills from a topic,
        through the processor that `supplier` gives. It has no changelog."""
        spec_of(builder)
        _one_topic(topic)
        if any(thing is None for thing in given):
            raise NullPointerException("consumed can't be null")
        consumed = next((thing for thing in given if isinstance(thing, Consumed)), Consumed())
        supplier, *rest = [*(thing for thing in given if not isinstance(thing, Consumed)), None]
        if rest[:-1]:
            raise IllegalArgumentException(f"add_global_store() takes one supplier of processors, got {rest[0]!r} too.")
        make = check_supplier(supplier)
        source = self._plan.names.named(consumed.name, "KSTREAM-SOURCE-", "-source")
        name = self._plan.names.named(consumed.name, "KTABLE-SOURCE-")
        node = SourceNode(source, (topic,), consumed.key_serde, consumed.value_serde, consumed.timestamp_extractor)
        self._plan.add(name, GlobalStep(node, make, builder))
        return self

    def build(self, config: Mapping[str, object] | None = None) -> Topology:
        """The topology of all that was said. It can be built again, also with other settings.

        Args:
            config: settings; `topology.optimization` counts here, as in Java.
        Raises:
            TopologyException: names, topics or stores collide, or something is used where it cannot be.
        """
        return build(self._plan, config, self._config)


def topology_of(given: object, config: Mapping[str, object], what: str) -> Topology:
    """A topology, or what a builder has gathered, built with these settings.

    Raises:
        NullPointerException: it is None.
        IllegalArgumentException: it is something else.
    """
    if isinstance(given, StreamsBuilder):
        return given.build(config)
    if isinstance(given, Topology):
        return given
    if given is None:
        raise NullPointerException(f"{what}: topology can't be null")
    hint = " Call it with a StreamsBuilder, and give that." if callable(given) else ""
    raise IllegalArgumentException(f"{what} takes a Topology, or a StreamsBuilder, got {given!r}.{hint}")


def _one_topic(topic: object) -> None:
    if topic is None:
        raise NullPointerException("topic can't be null")
    if not isinstance(topic, str):
        raise IllegalArgumentException(f"a table is read from one topic, got {topic!r}.")
    check_topic(topic, "a table")


def _topics(topics: object) -> tuple[str, ...] | re.Pattern[str]:
    if topics is None:
        raise NullPointerException("topicPattern can't be null")
    if isinstance(topics, re.Pattern):
        if not isinstance(topics.pattern, str):
            raise IllegalArgumentException(f"stream() takes a pattern of text, not of bytes, got {topics!r}.")
        return topics
    if isinstance(topics, str):
        return (check_topic(topics, "stream()"),)
    if isinstance(topics, bytes) or not isinstance(topics, Iterable):
        raise IllegalArgumentException(f"stream() takes topics or a compiled pattern, got {topics!r}.")
    names = tuple(dict.fromkeys(topics))
    for name in names:
        if name is None:
            raise NullPointerException("topic can't be null")
        if not isinstance(name, str):
            raise IllegalArgumentException(f"stream() takes topics or a compiled pattern, got {name!r}.")
        check_topic(name, "stream()")
    return names

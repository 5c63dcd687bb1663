"""`StreamsBuilder`: where a topology begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack, overload

from streams.dsl import sources
from streams.dsl.faces import GlobalKTable, KStream, KTable
from streams.dsl.fields import ConsumedFields, SourceTableFields
from streams.dsl.materialized import Materialized
from streams.dsl.options import Consumed
from streams.errors import IllegalArgumentException, NullPointerException
from streams.processor import ProcessesRecords
from streams.signatures import written
from streams.spelling import no_attribute
from streams.topology.graph import StoreBuilder, Topology, spec_of
from streams.topology.plan import Plan, StateStore
from streams.topology.rewrite import build
from streams.type_variables import KAny, Unstated, VAny

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
        return KStream(sources.stream(self._plan, topics, options, fields))

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
        return KTable(sources.table(self._plan, topic, options, fields))

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
        return GlobalKTable(sources.global_table(self._plan, topic, options, fields))

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
        sources.global_store(self._plan, builder, topic, given)
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

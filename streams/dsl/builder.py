"""`StreamsBuilder`: where a topology begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack, overload

from streams.dsl import sources
from streams.dsl.faces import GlobalKTable, KStream, KTable
from streams.dsl.fields import ConsumedFields, SourceTableFields
from streams.dsl.materialized import Materialized
from streams.dsl.options import Consumed
from streams.errors import IllegalArgumentException, NullPointerException
from streams.processor import ProcessesRecords
from streams.signatures import written
from streams.spelling import corrects_names
from streams.topology.graph import StoreBuilder, Topology, spec_of
from streams.topology.plan import Plan, StateStore
from streams.topology.rewrite import build
from streams.type_variables import KAny, Unstated, VAny

Topics = str | Iterable[str] | re.Pattern[str]


@corrects_names
@written
class StreamsBuilder:
    """Builds a topology by the DSL.

    Examples are read as those of `KStream`.

    Args:
        config: settings that hold for this topology, such as `ensure.explicit.internal.resource.naming`.
    """

    def __init__(self, config: Mapping[str, object] | None = None) -> None:
        self._config = config
        self._plan = Plan()

    def stream(
        self, topics: Topics, *options: Consumed[KAny, VAny], **fields: Unpack[ConsumedFields[KAny, VAny]]
    ) -> KStream[KAny, VAny]:
        """The records of a topic, of several topics, or of all topics whose name matches a pattern.

        Args:
            topics: a name, several names, or a compiled `re.Pattern`; topics that come to match later are read too.
            options: `Consumed`, or its fields: `key_serde=`, `value_serde=` (the configured ones if they are not
                given), `timestamp_extractor=`, `offset_reset=` (where to begin without a committed offset), `name=`.
        Returns:
            The stream. Topics of one stream need equally many partitions only where it is joined.
        Raises:
            NullPointerException: a topic or the options are None.
            InvalidTopicException: no topic may have that name.

        >>> builder = StreamsBuilder()
        >>> builder.stream(["in", "also"]).to("out")
        >>> run(builder, ("in", "a", 1), ("also", "b", 2))
        [('a', 1), ('b', 2)]
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

        It has a store if one is named or an operator below needs one; its changelog is
        `<application.id>-<store>-changelog`, or with `topology.optimization` the topic itself. Records without a key
        are dropped and counted.

        Args:
            topic: one name.
            options: `Consumed` and `Materialized`, or their fields.
        Returns:
            The table.
        Raises:
            NullPointerException: the topic or an option is None.

        >>> builder = StreamsBuilder()
        >>> builder.table("in", store="rows").to_stream().to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", None))
        [('a', 1), ('a', None)]
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

        It is read before the application starts, always has a store, and the topic is its changelog.

        Args:
            topic: one name.
            options: `Consumed` and `Materialized`, or their fields.
        Returns:
            The table, to be joined by `KStream.join` and `KStream.left_join`.
        Raises:
            TopologyException: the store is versioned.
            IllegalArgumentException: its rows shall expire.
        Source: KIP-99.

        >>> builder = StreamsBuilder()
        >>> cities = builder.global_table("cities")
        >>> builder.stream("in").join(cities, lambda key, value: value, lambda left, right: right).to("out")
        >>> run(builder, ("cities", "osl", "Oslo"), ("in", 1, "osl"))
        [(1, 'Oslo')]
        """
        return GlobalKTable(sources.global_table(self._plan, topic, options, fields))

    def add_state_store(self, builder: StoreBuilder) -> StreamsBuilder:
        """Adds a store that processors can name.

        Args:
            builder: made by `Stores`. The same one may be added again.
        Returns:
            This builder.
        Raises:
            TopologyException: another store has that name.

        >>> class Numbered(ContextualProcessor):
        ...     def process(self, record):
        ...         store = self.context.get_state_store("seen")
        ...         store.put(record.key, (store.get(record.key) or 0) + 1)
        ...         self.context.forward(record.with_value(store.get(record.key)))
        >>> builder = StreamsBuilder()
        >>> seen = Stores.key_value_store_builder(Stores.in_memory_key_value_store("seen"), None, None)
        >>> builder.add_state_store(seen).stream("in").process(Numbered, "seen").to("out")
        >>> run(builder, ("in", "a", "x"), ("in", "a", "y"))
        [('a', 1), ('a', 2)]
        """
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
        through the processor that `supplier` gives. It has no changelog.

        The processor puts into the store what the topic's records say; after a restart the topic is read again.

        Args:
            builder: of the store, made by `Stores`.
            topic: one name.
            given: possibly `Consumed`, and the supplier: a class, or a callable without arguments that gives a
                processor.
        Returns:
            This builder.
        Raises:
            NullPointerException: the topic or something else is None.
            IllegalArgumentException: it is no supplier of processors.

        >>> class Kept(ContextualProcessor):
        ...     def process(self, record):
        ...         self.context.get_state_store("rates").put(record.key, record.value)
        >>> class Priced(ContextualProcessor):
        ...     def process(self, record):
        ...         rate = self.context.get_state_store("rates").get(record.key)
        ...         self.context.forward(record.with_value(record.value * rate))
        >>> builder = StreamsBuilder()
        >>> rates = Stores.key_value_store_builder(Stores.in_memory_key_value_store("rates"), None, None)
        >>> _ = builder.add_global_store(rates.with_logging_disabled(), "rates", Kept)
        >>> builder.stream("in").process(Priced).to("out")
        >>> run(builder, ("rates", "EUR", 2), ("in", "EUR", 5))
        [('EUR', 10)]
        """
        sources.global_store(self._plan, builder, topic, given)
        return self

    def build(self, config: Mapping[str, object] | None = None) -> Topology:
        """The topology of all that was said. It can be built again, also with other settings.

        Args:
            config: settings; `topology.optimization` counts here, as in Java.
        Returns:
            The topology, to be run by `KafkaStreams` or `TopologyTestDriver`.
        Raises:
            TopologyException: names, topics or stores collide, or something is used where it cannot be.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in", name="source").to("out", name="sink")
        >>> print(builder.build().describe())
        Topologies:
           Sub-topology: 0
            Source: source (topics: [in])
              --> sink
            Sink: sink (topic: out)
              <-- source
        <BLANKLINE>
        <BLANKLINE>
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

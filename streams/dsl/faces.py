"""The classes of the DSL as users see them: streams, tables, and what is grouped, windowed, cogrouped and split.

They are signatures and words. A method is one call of the function that puts its operator into the plan, over the
references (`refs`) behind the classes; those functions know no class of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypedDict, Unpack, overload

from streams.dsl import (
    aggregations,
    arity,
    branches,
    cogroups,
    grouping,
    joins,
    processors,
    repartition,
    stateless,
    suppress,
    table_join,
    tables,
)
from streams.dsl.aggregations import AggregationRef
from streams.dsl.checks import check_fields
from streams.dsl.fields import (
    ForeignKeyFields,
    GroupedFields,
    GroupedOption,
    JoinedFields,
    JoinedOption,
    MaterializedOption,
    NamedFields,
    PrintedFields,
    ProducedFields,
    RepartitionedFields,
    StreamJoinedFields,
    StreamJoinedOption,
    TableFields,
)
from streams.dsl.options import Named, Printed, Produced, Repartitioned, TableJoined, present
from streams.dsl.pick import Options, pick
from streams.dsl.refs import (
    CogroupedRef,
    GlobalTableRef,
    GroupedRef,
    GroupedTableRef,
    SplitRef,
    StreamRef,
    TableRef,
)
from streams.dsl.suppressed import EmitStrategy, Suppressed
from streams.dsl.windowing import Frame, frame_of
from streams.dsl.windows import JoinWindows, SessionWindows, SlidingWindows, TimeShape
from streams.durations import Duration
from streams.processor import (
    FixedKeyProcessor,
    ProcessesFixedKeyRecords,
    ProcessesRecords,
    Processor,
    TopicNameExtractor,
    ValueTransformerWithKey,
)
from streams.record import Windowed
from streams.signatures import written
from streams.spelling import corrects_names
from streams.type_variables import KO, KR, VO, VR, K, KAny, KAnyGiven, V, VAny, VAnyGiven


@corrects_names
@written
class KStream(Generic[K, V]):
    """A stream of records, each of which stands for itself.

    Options (`Named` and the like) are given as objects, in any order, or as keywords; `name=` names the operator's
    node, which has a generated name otherwise (`KSTREAM-FILTER-0000000001`). A name that is given keeps what is made
    for the operator when others are put in before it.

    All methods raise `NullPointerException` for a None where something is needed, `TopologyException` for a function
    that cannot be called in the form they need or would have to be awaited, or a name that is not allowed, and
    `IllegalArgumentException` for an option that they do not take. What a function raises when it is called goes to the
    processing exception handler.

    In the examples `run(builder, (topic, key, value), …)` pipes records through a `TopologyTestDriver`, with a
    timestamp in ms as a fourth item where it matters, and gives the pairs that come out of the topic `out`.

    Source: `org.apache.kafka.streams.kstream.KStream`.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: StreamRef) -> None:
        self._ref = ref

    def filter(
        self, predicate: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, V]:
        """Keeps the records for which `predicate(key, value)` is true; the others go no further.

        Args:
            predicate: called with the key and the value, None where the record has none.
        Returns:
            The stream of those records. The key stays, so that nothing is repartitioned for it.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").filter(lambda key, value: value > 1).to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', 2)]
        """
        return KStream(stateless.filter_(self._ref, "filter", predicate, False, options, fields))

    def filter_not(
        self, predicate: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, V]:
        """Drops the records for which `predicate(key, value)` is true; the others pass as they are.

        Args:
            predicate: called with the key and the value, None where the record has none.
        Returns:
            The stream of the other records. The key stays, so that nothing is repartitioned for it.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").filter_not(lambda key, value: value is None).to("out")
        >>> run(builder, ("in", "a", None), ("in", "a", 2))
        [('a', 2)]
        """
        return KStream(stateless.filter_(self._ref, "filter_not", predicate, True, options, fields))

    def select_key(
        self, mapper: Callable[[K, V], KR], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, V]:
        """Gives each record the key `mapper(key, value)`; value, timestamp and headers stay.

        Equal keys need no longer lie in one partition. So a grouping, a join with a stream or a table, or `to_table`
        below it goes through a repartition topic, `<application.id>-<name>-repartition`. A global table is joined
        without.

        Args:
            mapper: called with the key and the value; gives the new key, or None for none.
        Returns:
            The stream with the new keys.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").select_key(lambda key, value: value["city"]).to("out")
        >>> run(builder, ("in", 1, {"city": "Oslo"}))
        [('Oslo', {'city': 'Oslo'})]
        """
        return KStream(stateless.select_key(self._ref, mapper, options, fields))

    def map(
        self, mapper: Callable[[K, V], tuple[KR, VR]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, VR]:
        """Makes of each record the pair `mapper(key, value)`; timestamp and headers stay.

        As the key may be another one, what needs equal keys in one partition below it is repartitioned, as after
        `select_key`. Where only the value changes `map_values` spares that.

        Args:
            mapper: called with the key and the value; gives a tuple of the new key and the new value.
        Returns:
            The stream of the new records, one for each. What is known of the serdes ends here.
        Raises:
            StreamsException: (when running) the function gave no pair.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").map(lambda key, value: (value, len(key))).to("out")
        >>> run(builder, ("in", "abc", "x"))
        [('x', 3)]
        """
        return KStream(stateless.map_(self._ref, mapper, options, fields))

    @overload
    def map_values(
        self, mapper: Callable[[V], VR], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, VR]: ...
    @overload
    def map_values(
        self, mapper: Callable[[K, V], VR], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, VR]: ...
    def map_values(
        self, mapper: Callable[..., object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[Any, Any]:
        """Makes of each value `mapper(value)`, or `mapper(key, value)`; key, timestamp and headers stay.

        Args:
            mapper: called with the value, or with key and value; the shorter form wins where both fit. It is called for
                None too, and may give None.
        Returns:
            The stream with the new values, one for each record. Nothing is repartitioned for it.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").map_values(lambda value: value + 1).to("out")
        >>> run(builder, ("in", "a", 1))
        [('a', 2)]
        """
        return KStream(stateless.map_values(self._ref, mapper, options, fields))

    @overload
    def map_values_async(
        self,
        mapper: Callable[[V], Awaitable[VR]],
        *options: Named,
        max_in_flight: int = ...,
        timeout: Duration | None = ...,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    @overload
    def map_values_async(
        self,
        mapper: Callable[[K, V], Awaitable[VR]],
        *options: Named,
        max_in_flight: int = ...,
        timeout: Duration | None = ...,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    def map_values_async(
        self,
        mapper: Callable[..., object],
        *options: Named,
        max_in_flight: int = 100,
        timeout: Duration | None = 30_000,
        **fields: Unpack[NamedFields],
    ) -> KStream[Any, Any]:
        """Makes of each value what `await mapper(value)`, or `await mapper(key, value)`, gives; the key stays. Not in
        Java.

        The records of a run are awaited together and go on in the order they came; a commit waits for all of them. An
        error, or no answer in time, goes to the processing exception handler.

        Args:
            mapper: an asynchronous function. All run on one thread, so none should block.
            max_in_flight: how many calls may be waited for at a time.
            timeout: of one call, timedelta or ms; None: any time.
        Returns:
            The stream with the new values, one for each record.
        Raises:
            IllegalArgumentException: `max_in_flight` is less than 1, or the timeout not positive.

        >>> async def asked(value):
        ...     return value + 1
        >>> builder = StreamsBuilder()
        >>> builder.stream("in").map_values_async(asked, timeout=1_000).to("out")
        >>> run(builder, ("in", "a", 1))
        [('a', 2)]
        """
        return KStream(stateless.map_values_async(self._ref, mapper, options, fields, max_in_flight, timeout))

    def flat_map(
        self, mapper: Callable[[K, V], Iterable[tuple[KR, VR]]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, VR]:
        """Makes of each record the pairs that `mapper(key, value)` gives: any number of records, also none.

        As the keys may be others, what needs equal keys in one partition below it is repartitioned, as after
        `select_key`.

        Args:
            mapper: called with the key and the value; gives tuples of key and value in any iterable, or yields them.
        Returns:
            The stream of those records, each with the timestamp and headers of the one that it was made of.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").flat_map(lambda key, value: [(word, 1) for word in value.split()]).to("out")
        >>> run(builder, ("in", None, "to be"))
        [('to', 1), ('be', 1)]
        """
        return KStream(stateless.flat_map(self._ref, mapper, options, fields))

    @overload
    def flat_map_values(
        self, mapper: Callable[[V], Iterable[VR]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, VR]: ...
    @overload
    def flat_map_values(
        self, mapper: Callable[[K, V], Iterable[VR]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, VR]: ...
    def flat_map_values(
        self, mapper: Callable[..., object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[Any, Any]:
        """Makes of each value the values that `mapper(value)`, or `mapper(key, value)`, gives: any number, also none.

        Args:
            mapper: called with the value, or with key and value; gives values in any iterable, or yields them. A text
                is taken as the letters it has.
        Returns:
            The stream of those values under the record's key. Nothing is repartitioned for it.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").flat_map_values(str.split).to("out")
        >>> run(builder, ("in", "a", "to be"))
        [('a', 'to'), ('a', 'be')]
        """
        return KStream(stateless.flat_map_values(self._ref, mapper, options, fields))

    def peek(self, action: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]:
        """Calls `action(key, value)` for each record and passes it on as it is.

        For logs and counters. After a failure records may be processed again, and the action is called again.

        Args:
            action: called with the key and the value; what it returns is ignored.
        Returns:
            The same records.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").peek(lambda key, value: print("seen", key)).to("out")
        >>> run(builder, ("in", "a", 1))
        seen a
        [('a', 1)]
        """
        return KStream(stateless.peek(self._ref, action, options, fields))

    def foreach(self, action: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]) -> None:
        """Calls `action(key, value)` for each record; nothing comes after it.

        After a failure records may be processed again, and the action is called again.

        Args:
            action: called with the key and the value; what it returns is ignored.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").foreach(lambda key, value: print(key, value))
        >>> run(builder, ("in", "a", 1))
        a 1
        []
        """
        stateless.foreach(self._ref, action, options, fields)

    def print(self, *options: Printed[K, V], **fields: Unpack[PrintedFields[K, V]]) -> None:
        """Prints each record as `[label]: key, value`; nothing comes after it.

        Args:
            options: `Printed`, or its fields: `label=` (the name of the stream's node if it is not given), `mapper=`,
                which gives the text of a key and a value, `file=`, a path that is appended to instead of standard
                output, `name=`.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").print(label="orders")
        >>> run(builder, ("in", "a", 1))
        [orders]: a, 1
        []
        """
        stateless.print_(self._ref, options, fields)

    def to(
        self, topic: str | TopicNameExtractor[K, V], *options: Produced[K, V], **fields: Unpack[ProducedFields[K, V]]
    ) -> None:
        """Writes each record to a topic, or to the one that `topic(key, value, record_context)` gives.

        Args:
            topic: a name; or a function of key, value and `RecordContext` that gives one for each record.
            options: `Produced`, or its fields: `key_serde=`, `value_serde=` (those that came downstream, else the
                configured ones), `partitioner=`, a function of topic, key, value and number of partitions that gives
                one partition, several, or None for the default (murmur2 of the key's bytes; without a key any),
                `name=`.
        Raises:
            InvalidTopicException: no topic may have that name.
            StreamsException: (when running) a serde is missing.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").to(lambda key, value, context: "out" if value > 1 else "small")
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', 2)]
        """
        stateless.to(self._ref, topic, options, fields)

    def merge(self, other: KStream[K, V], *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]:
        """The records of both streams, in no particular order between them.

        Args:
            other: a stream of the same builder.
        Returns:
            One stream. What is known of the serdes ends here. It is repartitioned below if either would be.
        Raises:
            TopologyException: the other stream is of another builder.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").merge(builder.stream("also")).to("out")
        >>> run(builder, ("in", "a", 1), ("also", "b", 2))
        [('a', 1), ('b', 2)]
        """
        return KStream(stateless.merge(self._ref, _ref(other), options, fields))

    def split(self, *options: Named, **fields: Unpack[NamedFields]) -> BranchedKStream[K, V]:
        """Begins to route records: `.branch(predicate)…`, and then `.default_branch()` or `.no_default_branch()`.

        Args:
            options: `Named`, or `name=`: what the names of all branches begin with.
        Returns:
            What branches are added to. A record goes to the first whose predicate is true.
        Source: KIP-418.

        >>> builder = StreamsBuilder()
        >>> split = builder.stream("in").split(name="of-")
        >>> split.branch(lambda key, value: value > 1, name="large").default_branch()["of-large"].to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', 2)]
        """
        return BranchedKStream(branches.split(self._ref, options, fields))

    def branch(self, *predicates: Callable[[K, V], object]) -> list[KStream[K, V]]:
        """One stream for each predicate; a record goes to the first that is true, else nowhere.

        Java's older form, which `split` replaces.

        Args:
            predicates: each called with key and value.
        Returns:
            The streams, in the order of the predicates.

        >>> builder = StreamsBuilder()
        >>> small, large = builder.stream("in").branch(lambda key, value: value < 2, lambda key, value: value < 9)
        >>> large.to("out")
        >>> run(builder, ("in", "a", 1), ("in", "b", 2), ("in", "c", 9))
        [('b', 2)]
        """
        split = self.split()
        for predicate in predicates:
            split.branch(predicate)
        return list(split.no_default_branch().values())

    def repartition(self, *options: Repartitioned[K, V], **fields: Unpack[RepartitionedFields[K, V]]) -> KStream[K, V]:
        """Writes the records to a topic of the application's own, by their key, and reads them back.

        The topic `<application.id>-<name>-repartition` is made with as many partitions as are asked for, else as the
        topics have that the records come from. No optimisation removes it. Records without a key are dropped and
        counted, unless nothing but joins that take them, left and outer ones, stands below (KIP-962).

        Args:
            options: `Repartitioned`, or its fields: `name=`, `partitions=` (at least 1), `key_serde=`, `value_serde=`,
                `partitioner=`.
        Returns:
            The same records; what is below need not repartition again.
        Raises:
            TopologyException: less than one partition is asked for.
        Source: KIP-221.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").repartition(name="by-key", partitions=4).to("out")
        >>> run(builder, ("in", "a", 1))
        [('a', 1)]
        """
        return KStream(repartition.repartition(self._ref, options, fields))

    def to_table(self, *options: Named | MaterializedOption[K, V], **fields: Unpack[TableFields[K, V]]) -> KTable[K, V]:
        """The table whose rows the records update; a None value deletes the row of its key.

        Where the key may have changed before, the records go through a repartition topic. The table has a store, with
        the changelog `<application.id>-<store>-changelog`, if one is named or an operator below needs one. Records
        without a key are dropped and counted.

        Args:
            options: `Named` and `Materialized`, or their fields: `name=`, `store=`, `key_serde=`, `value_serde=`,
                `ttl=`, `caching=`, `logging=`, `supplier=`, `store_type=`.
        Returns:
            The table.
        Source: KIP-523.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").to_table(store="latest").to_stream().to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", None))
        [('a', 1), ('a', None)]
        """
        return KTable(tables.to_table(self._ref, options, fields))

    def group_by_key(
        self, *options: GroupedOption[K, V], **fields: Unpack[GroupedFields[K, V]]
    ) -> KGroupedStream[K, V]:
        """Groups records by their key, to aggregate them.

        Nothing is repartitioned unless an operator before may have changed the key; then an aggregation below goes
        through the topic `<application.id>-<name>-repartition`, of the grouping's name, else of its store's.

        Args:
            options: `Grouped`, or its fields: `name=`, `key_serde=`, `value_serde=`, for the repartition topic and the
                store.
        Returns:
            What `count`, `reduce`, `aggregate`, `windowed_by` and `cogroup` are asked of.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").group_by_key().count().to_stream().to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", 1))
        [('a', 1), ('a', 2)]
        """
        return KGroupedStream(grouping.group_by_key(self._ref, options, fields))

    def group_by(
        self, selector: Callable[[K, V], KR], *options: GroupedOption[KR, V], **fields: Unpack[GroupedFields[KR, V]]
    ) -> KGroupedStream[KR, V]:
        """Groups records by the key `selector(key, value)`, through a repartition topic.

        The topic is `<application.id>-<name>-repartition`, of the grouping's name, else of its store's. Records for
        which the selector gives None are dropped and counted.

        Args:
            selector: called with key and value; gives the key of the group.
            options: `Grouped`, or its fields: `name=`, `key_serde=`, `value_serde=`, of the new key and the value.
        Returns:
            What `count`, `reduce`, `aggregate`, `windowed_by` and `cogroup` are asked of.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").group_by(lambda key, value: value).count().to_stream().to("out")
        >>> run(builder, ("in", "a", "Oslo"), ("in", "b", "Oslo"))
        [('Oslo', 1), ('Oslo', 2)]
        """
        return KGroupedStream(grouping.group_by(self._ref, selector, options, fields))

    @overload
    def process(
        self,
        supplier: Callable[[], Processor[K, V, KR, VR]],
        *stores: str | Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[KR, VR]: ...
    @overload
    def process(
        self, supplier: Callable[[], ProcessesRecords[K, V]], *stores: str | Named, **fields: Unpack[NamedFields]
    ) -> KStream[Any, Any]: ...
    def process(
        self, supplier: Callable[[], object], *stores: str | Named, **fields: Unpack[NamedFields]
    ) -> KStream[Any, Any]:
        """Hands each record to a processor, which forwards what it likes; the key may change.

        What needs equal keys in one partition below it is repartitioned, as after `select_key`.

        Args:
            supplier: a class, or a callable without arguments that gives a new processor at each call: an object with
                `process(record)`, and possibly `init(context)` and `close()`. An attribute or class method `stores` of
                the supplier names builders of stores that it brings along.
            stores: names of the state stores it uses, and possibly `Named`.
        Returns:
            The stream of what it forwards.
        Raises:
            IllegalArgumentException: it is no supplier of processors, or gives the same one twice.
        Source: KIP-820.

        >>> class Twice(ContextualProcessor):
        ...     def process(self, record):
        ...         self.context.forward(record)
        ...         self.context.forward(record)
        >>> builder = StreamsBuilder()
        >>> builder.stream("in").process(Twice).to("out")
        >>> run(builder, ("in", "a", 1))
        [('a', 1), ('a', 1)]
        """
        return KStream(processors.process(self._ref, supplier, stores, fields, fixed_key=False))

    @overload
    def process_values(
        self,
        supplier: Callable[[], FixedKeyProcessor[K, V, VR]],
        *stores: str | Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    @overload
    def process_values(
        self,
        supplier: Callable[[], ProcessesFixedKeyRecords[K, V]],
        *stores: str | Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, Any]: ...
    def process_values(
        self, supplier: Callable[[], object], *stores: str | Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, Any]:
        """Hands each record to a fixed-key processor; the key stays, so that nothing is repartitioned for it.

        Args:
            supplier: as of `process`, of processors whose records are `FixedKeyRecord`.
            stores: names of the state stores it uses, and possibly `Named`.
        Returns:
            The stream of what it forwards.
        Raises:
            IllegalArgumentException: it is no supplier of processors, or gives the same one twice.
        Source: KIP-820.

        >>> class Doubled(ContextualFixedKeyProcessor):
        ...     def process(self, record):
        ...         self.context.forward(record.with_value(2 * record.value))
        >>> builder = StreamsBuilder()
        >>> builder.stream("in").process_values(Doubled).to("out")
        >>> run(builder, ("in", "a", 1))
        [('a', 2)]
        """
        return KStream(processors.process(self._ref, supplier, stores, fields, fixed_key=True))

    @overload
    def join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[V, VO], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V, VO], VR],
        *options: JoinedOption[K, V, VO],
        **fields: Unpack[JoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: GlobalKTable[KO, VO],
        key_selector: Callable[[K, V], KO | None],
        joiner: Callable[[V, VO], VR],
        *options: Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[K, V, VO], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V, VO], VR],
        *options: JoinedOption[K, V, VO],
        **fields: Unpack[JoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def join(
        self,
        other: GlobalKTable[KO, VO],
        key_selector: Callable[[K, V], KO | None],
        joiner: Callable[[K, V, VO], VR],
        *options: Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    def join(self, other: object, *given: object, **fields: object) -> KStream[Any, Any]:
        """Joins with a stream, a table or a global table; only records with a partner come out.

        `join(stream, joiner, windows)`: each pair of records with one key, whose timestamps are as near as the
        `JoinWindows` say. The result has the higher timestamp. Each side is kept in a window store for size and grace
        of the windows: with `store_name=` they are `<store_name>-this-join-store` and `…-other-join-store`, else their
        names are generated (`KSTREAM-JOINTHIS-…-store`). Each has the changelog `<application.id>-<store>-changelog`. A
        record later than that meets nobody.

        `join(table, joiner)`: each record with the row that its key has at that moment; updates of the table give
        nothing by themselves. The result has the record's timestamp. With `grace_period=` (`Joined`) records wait in a
        store `<name>-Buffer` until stream time has moved on by so much, and meet the row as of their own timestamp; the
        table has to be versioned.

        `join(global_table, key_selector, joiner)`: each record with the row of the key that `key_selector(key, value)`
        gives.

        Both sides of the first two need equally many partitions; a side whose key may have changed is repartitioned
        first, through `<application.id>-<name>-repartition`. Records without a key or value are dropped and counted, as
        are those for which `key_selector` gives None.

        Args:
            other: a stream, a table or a global table of the same builder.
            given: the joiner, called with both values, or with the key and both; for a stream the windows after it, for
                a global table the key selector before it. Then options: `StreamJoined`, `Joined` or `Named`.
            fields: the options' fields as keywords.
        Returns:
            The stream of what the joiner gives.
        Raises:
            StreamsException: store suppliers that do not fit the windows, or have one name.
            IllegalArgumentException: a grace period with a table that keeps no versions.
            TopologyException: the other side is of another builder, or (when it starts) has other partitions.
        Source: KIP-923 for the grace period.

        >>> builder = StreamsBuilder()
        >>> near = JoinWindows.of_time_difference_with_no_grace(10)
        >>> builder.stream("in").join(builder.stream("paid"), lambda left, right: [left, right], near).to("out")
        >>> run(builder, ("in", "a", 1, 0), ("paid", "a", 2, 9), ("paid", "a", 3, 30))
        [('a', [1, 2])]
        """
        return KStream(joins.join("join", "inner", self._ref, _ref(other), given, fields))

    @overload
    def left_join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[V, VO | None], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V, VO | None], VR],
        *options: JoinedOption[K, V, VO],
        **fields: Unpack[JoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: GlobalKTable[KO, VO],
        key_selector: Callable[[K, V], KO | None],
        joiner: Callable[[V, VO | None], VR],
        *options: Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[K, V, VO | None], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V, VO | None], VR],
        *options: JoinedOption[K, V, VO],
        **fields: Unpack[JoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def left_join(
        self,
        other: GlobalKTable[KO, VO],
        key_selector: Callable[[K, V], KO | None],
        joiner: Callable[[K, V, VO | None], VR],
        *options: Named,
        **fields: Unpack[NamedFields],
    ) -> KStream[K, VR]: ...
    def left_join(self, other: object, *given: object, **fields: object) -> KStream[Any, Any]:
        """As `join`, and records of this stream without a partner are joined with None.

        With a stream such a record comes out when no partner can come any more: when stream time has passed its window
        and the grace period (KIP-633; with `JoinWindows.of` at once). Until then it waits in a store that both sides
        share, `<store_name>-left-shared-join-store` or a generated name. With a table it comes out at once. A record
        without a key has no partner, and comes out too (KIP-962).

        Args:
            other, given, fields: as of `join`.
        Returns:
            The stream of what the joiner gives; its right value may be None.
        Raises:
            StreamsException, IllegalArgumentException, TopologyException: as of `join`.

        >>> builder = StreamsBuilder()
        >>> users = builder.table("users")
        >>> builder.stream("in").left_join(users, lambda left, right: [left, right]).to("out")
        >>> run(builder, ("in", "a", 1), ("users", "a", "Ann"), ("in", "a", 2))
        [('a', [1, None]), ('a', [2, 'Ann'])]
        """
        return KStream(joins.join("left_join", "left", self._ref, _ref(other), given, fields))

    @overload
    def outer_join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[V | None, VO | None], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    @overload
    def outer_join(
        self,
        other: KStream[K, VO],
        joiner: Callable[[K, V | None, VO | None], VR],
        windows: JoinWindows,
        *options: StreamJoinedOption[K, V, VO],
        **fields: Unpack[StreamJoinedFields[K, V, VO]],
    ) -> KStream[K, VR]: ...
    def outer_join(self, other: object, *given: object, **fields: object) -> KStream[Any, Any]:
        """As `join` of two streams, and records of either without a partner are joined with None.

        Such a record comes out when no partner can come any more: when stream time has passed its window and the grace
        period (KIP-633). Until then it waits in a store that both sides share, `<store_name>-outer-shared-join-store`
        or a generated name. A record without a key has no partner, and comes out too (KIP-962).

        Args:
            other, given, fields: as of `join` with a stream.
        Returns:
            The stream of what the joiner gives; either value may be None, and not both.
        Raises:
            StreamsException, TopologyException: as of `join`.

        >>> builder = StreamsBuilder()
        >>> near = JoinWindows.of_time_difference_with_no_grace(10)
        >>> builder.stream("in").outer_join(builder.stream("paid"), lambda left, right: [left, right], near).to("out")
        >>> run(builder, ("in", "a", 1, 0), ("paid", "b", 2, 30), ("in", "c", 3, 60))
        [('a', [1, None]), ('b', [None, 2])]
        """
        return KStream(joins.join("outer_join", "outer", self._ref, _ref(other), given, fields))


@corrects_names
@written
class KTable(Generic[K, V]):
    """A table: each record is the new value of its key, None deletes the row.

    A table has a store if the user names one or an operator below needs it. Options are given as objects, in any order,
    or as keywords, and mean the same everywhere: `name=` names the node; `store=` names the table's store, so that it
    can be queried, and its changelog is `<application.id>-<store>-changelog`; `key_serde=` and `value_serde=` are the
    store's; `caching=False` passes on each update rather than the last of a key between two commits; `logging=None`
    does without changelog; `supplier=` or `store_type=` says what the store is; `ttl=` (timedelta or ms) lets rows
    expire.

    Errors and examples are those of `KStream`; in the examples nothing is cached.

    Source: `org.apache.kafka.streams.kstream.KTable`.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: TableRef) -> None:
        self._ref = ref

    @property
    def queryable_store_name(self) -> str | None:
        """Name of the table's store, if the user named it; else the table cannot be queried.

        >>> StreamsBuilder().table("in", store="rows").queryable_store_name
        'rows'
        """
        return self._ref.store

    def filter(
        self,
        predicate: Callable[[K, V], object],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """The rows for which `predicate(key, value)` is true; others are deleted.

        Args:
            predicate: called with key and value, of rows that are there.
        Returns:
            The table of those rows. An update whose row fits no more comes out as a deletion; one that never fitted
            comes out as one too, unless the row is known to have been absent.

        >>> builder = StreamsBuilder()
        >>> builder.table("in").filter(lambda key, value: value > 1).to_stream().to("out")
        >>> run(builder, ("in", "a", 2), ("in", "a", 1))
        [('a', 2), ('a', None)]
        """
        return KTable(tables.filter_(self._ref, "filter", predicate, False, options, fields))

    def filter_not(
        self,
        predicate: Callable[[K, V], object],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """The rows for which `predicate(key, value)` is false; others are deleted.

        Args:
            predicate: called with key and value, of rows that are there.
        Returns:
            The table of those rows, as of `filter`.

        >>> builder = StreamsBuilder()
        >>> builder.table("in").filter_not(lambda key, value: value > 1).to_stream().to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', 1), ('a', None)]
        """
        return KTable(tables.filter_(self._ref, "filter_not", predicate, True, options, fields))

    @overload
    def map_values(
        self,
        mapper: Callable[[V], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def map_values(
        self,
        mapper: Callable[[K, V], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    def map_values(self, mapper: Callable[..., object], *options: object, **fields: object) -> KTable[Any, Any]:
        """The rows with the value `mapper(value)`, or `mapper(key, value)`; not called for deleted rows.

        Without a store of its own the table is computed from the one above whenever it is read, so the mapper may be
        called more than once for a row.

        Args:
            mapper: called with the value, or with key and value; the shorter form wins where both fit.
        Returns:
            The table of the new values; a row whose mapper gives None is deleted.

        >>> builder = StreamsBuilder()
        >>> builder.table("in").map_values(lambda value: value + 1).to_stream().to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", None))
        [('a', 2), ('a', None)]
        """
        return KTable(tables.map_values(self._ref, mapper, options, fields))

    def transform_values(
        self,
        transformer_supplier: Callable[[], ValueTransformerWithKey[K, V, VR]],
        *stores_and_options: str | Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """The rows with values from a transformer with `init(context)`, `transform(key, value)` and `close()`.

        Unlike a mapper it may use state stores and the context, and is called for deleted rows too, with the value
        None.

        Args:
            transformer_supplier: a class, or a callable without arguments that gives a new transformer.
            stores_and_options: names of the state stores it uses, and options.
        Returns:
            The table of the new values.
        Raises:
            IllegalArgumentException: it is no supplier of transformers.
        Source: KIP-292.

        >>> class Named:
        ...     def transform(self, key, value):
        ...         return f"{key}: {value}"
        >>> builder = StreamsBuilder()
        >>> builder.table("in").transform_values(Named).to_stream().to("out")
        >>> run(builder, ("in", "a", 1))
        [('a', 'a: 1')]
        """
        return KTable(tables.transform_values(self._ref, transformer_supplier, stores_and_options, fields))

    @overload
    def to_stream(self, *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]: ...
    @overload
    def to_stream(
        self, mapper: Callable[[K, V], KR], /, *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, V]: ...
    def to_stream(self, *given: Callable[..., object] | Named, **fields: Unpack[NamedFields]) -> KStream[Any, Any]:
        """The stream of the table's updates, under the key `mapper(key, value)` if one is given.

        A deleted row is a record with the value None. Where the store caches, of several updates of a key between two
        commits only the last comes out.

        Args:
            given: a mapper, called with key and value, and possibly `Named`.
        Returns:
            The stream. With a mapper what needs equal keys in one partition below it is repartitioned.

        >>> builder = StreamsBuilder()
        >>> builder.table("in").to_stream(lambda key, value: key.upper()).to("out")
        >>> run(builder, ("in", "a", 1))
        [('A', 1)]
        """
        return KStream(tables.to_stream(self._ref, given, fields))

    def suppress(self, suppressed: Suppressed[K]) -> KTable[K, V]:
        """Holds updates back until a time limit, or until their window is closed; only the last of a key is passed on.

        What is held back lies in a buffer in memory, `<name>-store`, with the changelog
        `<application.id>-<name>-store-changelog`.

        Args:
            suppressed: `Suppressed.until_time_limit(wait, buffer)`: until stream time has moved on by so much since the
                first update; `Suppressed.until_window_closes(buffer)`: until stream time has passed the window's end
                and its grace period. `BufferConfig` says how much is held back, and whether the oldest leaves early or
                the application stops when that is full.
        Returns:
            The table with fewer updates.
        Raises:
            TopologyException: the table is versioned, or there are no windows to wait for.
            StreamsException: (when running) the buffer is full, and nothing may leave early.
        Source: KIP-328.

        >>> builder = StreamsBuilder()
        >>> held = Suppressed.until_time_limit(10, BufferConfig.unbounded())
        >>> builder.table("in").suppress(held).to_stream().to("out")
        >>> run(builder, ("in", "a", 1, 0), ("in", "a", 2, 5), ("in", "b", 3, 10))
        [('a', 2)]
        """
        return KTable(suppress.suppress(self._ref, suppressed))

    def group_by(
        self,
        selector: Callable[[K, V], tuple[KR, VR]],
        *options: GroupedOption[KR, VR],
        **fields: Unpack[GroupedFields[KR, VR]],
    ) -> KGroupedTable[KR, VR]:
        """Groups the rows by the pair `selector(key, value)`, through a repartition topic.

        The topic is `<application.id>-<name>-repartition`, of the grouping's name, else of the aggregation's store. It
        bears the row that goes and the one that comes, each to its own group.

        Args:
            selector: called with key and value; gives a tuple of the group's key and the value.
            options: `Grouped`, or its fields: `name=`, `key_serde=`, `value_serde=`, of the new key and value.
        Returns:
            What `count`, `reduce` and `aggregate` are asked of.

        >>> builder = StreamsBuilder()
        >>> by_city = builder.table("in").group_by(lambda user, city: (city, user))
        >>> by_city.count().to_stream().to("out")
        >>> run(builder, ("in", "ann", "Oslo"), ("in", "bob", "Oslo"))
        [('Oslo', 1), ('Oslo', 2)]
        """
        return KGroupedTable(grouping.group_table(self._ref, selector, options, fields))

    @overload
    def join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V, VO], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[V], KO | None],
        joiner: Callable[[V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[K, V], KO | None],
        joiner: Callable[[V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[K, V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V, VO], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[V], KO | None],
        joiner: Callable[[K, V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[K, V], KO | None],
        joiner: Callable[[K, V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[K, V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[K, V, VO], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[K, V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    def join(
        self,
        other: KTable[Any, Any],
        *given: object,
        foreign_key: Callable[..., object] | None = None,
        **fields: object,
    ) -> KTable[Any, Any]:
        """Joins rows of equal keys, or by a foreign key: `join(other, joiner)`, `join(other, extractor, joiner)` or
        `join(other, joiner, foreign_key=extractor)`.

        Each update of either side gives the new row, with the higher of both timestamps; where one side has no row any
        more it is deleted. By equal keys both need equally many partitions. By a foreign key (KIP-213) they need not:
        each left row registers with the right row of its foreign key, through the topics
        `<application.id>-<name>-subscription-registration-topic` and `…-subscription-response-topic` and a store of
        registrations; a left row without a foreign key is dropped and counted.

        Args:
            other: a table of the same builder.
            given: the joiner, called with both values, or with the key and both; before it the extractor, which is
                called with the left value, or key and value, and gives the key of the right row or None. Then options:
                `Named`, by a foreign key `TableJoined` (its partitioners are those of the two topics), and
                `Materialized`.
            foreign_key: the extractor.
            fields: the options' fields as keywords.
        Returns:
            The table of what the joiner gives, under the left key.
        Raises:
            TopologyException: the other table is of another builder, or (when it starts) has other partitions.

        >>> builder = StreamsBuilder()
        >>> users = builder.table("users")
        >>> orders = builder.table("in").join(users, lambda order, user: [order, user], foreign_key=lambda order: order)
        >>> orders.to_stream().to("out")
        >>> run(builder, ("users", "ann", "Oslo"), ("in", 1, "ann"), ("in", 2, "bob"))
        [(1, ['ann', 'Oslo'])]
        """
        return KTable(table_join.join("join", "inner", self._ref, _ref(other), given, foreign_key, fields))

    @overload
    def left_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V, VO | None], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[V], KO | None],
        joiner: Callable[[V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[K, V], KO | None],
        joiner: Callable[[V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[K, V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V, VO | None], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[V], KO | None],
        joiner: Callable[[K, V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        extractor: Callable[[K, V], KO | None],
        joiner: Callable[[K, V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[K, V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    @overload
    def left_join(
        self,
        other: KTable[KO, VO],
        joiner: Callable[[K, V, VO | None], VR],
        *options: TableJoined[K, Any] | MaterializedOption[K, VR],
        foreign_key: Callable[[K, V], KO | None],
        **fields: Unpack[ForeignKeyFields[K, VR, KO]],
    ) -> KTable[K, VR]: ...
    def left_join(
        self,
        other: KTable[Any, Any],
        *given: object,
        foreign_key: Callable[..., object] | None = None,
        **fields: object,
    ) -> KTable[Any, Any]:
        """As `join`, and rows of this table without a partner are joined with None.

        By a foreign key a left row without one is joined with None too.

        Args:
            other, given, foreign_key, fields: as of `join`.
        Returns:
            The table of what the joiner gives; its right value may be None.
        Raises:
            TopologyException: as of `join`.

        >>> builder = StreamsBuilder()
        >>> users = builder.table("users")
        >>> builder.table("in").left_join(users, lambda left, right: [left, right]).to_stream().to("out")
        >>> run(builder, ("in", "a", 1), ("users", "a", "Ann"))
        [('a', [1, None]), ('a', [1, 'Ann'])]
        """
        return KTable(table_join.join("left_join", "left", self._ref, _ref(other), given, foreign_key, fields))

    @overload
    def outer_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[V | None, VO | None], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    @overload
    def outer_join(
        self,
        other: KTable[K, VO],
        joiner: Callable[[K, V | None, VO | None], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]: ...
    def outer_join(self, other: KTable[Any, Any], *given: object, **fields: object) -> KTable[Any, Any]:
        """As `join` by equal keys, and rows of either side without a partner are joined with None.

        Args:
            other, given, fields: as of `join`; there is no outer join by a foreign key.
        Returns:
            The table of what the joiner gives; either value may be None, and not both.
        Raises:
            TopologyException: as of `join`.
            IllegalArgumentException: a foreign key.

        >>> builder = StreamsBuilder()
        >>> users = builder.table("users")
        >>> builder.table("in").outer_join(users, lambda left, right: [left, right]).to_stream().to("out")
        >>> run(builder, ("users", "a", "Ann"), ("in", "a", 1))
        [('a', [None, 'Ann']), ('a', [1, 'Ann'])]
        """
        return KTable(table_join.join("outer_join", "outer", self._ref, _ref(other), given, None, fields))


class GlobalKTable(Generic[K, V]):
    """A table of a whole topic, for joins by any key; it needs no co-partitioning.

    Every instance reads all partitions before it starts, and keeps all rows. Source: KIP-99.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: GlobalTableRef) -> None:
        self._ref = ref

    @property
    def queryable_store_name(self) -> str | None:
        """Name of the table's store, if the user named it; else the table cannot be queried.

        >>> StreamsBuilder().global_table("in", store="rows").queryable_store_name
        'rows'
        """
        return self._ref.store


@written
@dataclass(frozen=True)
class Branched(Generic[KAny, VAny]):
    """A branch: its name (after the split's), and what becomes of its stream.

    Args:
        name: None: its number.
        function: gets the branch's stream; what it returns stands in the map, unless None.
        consumer: gets the branch's stream; the branch does not stand in the map.
    """

    name: str | None = None
    function: Callable[[KStream[KAny, VAny]], KStream[KAny, VAny] | None] | None = None
    consumer: Callable[[KStream[KAny, VAny]], object] | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def as_(cls, name: str) -> Branched[KAnyGiven, VAnyGiven]:
        return Branched(name)

    @classmethod
    def with_function(
        cls,
        function: Callable[[KStream[KAnyGiven, VAnyGiven]], KStream[KAnyGiven, VAnyGiven] | None],
        name: str | None = None,
    ) -> Branched[KAnyGiven, VAnyGiven]:
        return Branched(name, present(function, "chain function cannot be null"))

    @classmethod
    def with_consumer(
        cls, consumer: Callable[[KStream[KAnyGiven, VAnyGiven]], object], name: str | None = None
    ) -> Branched[KAnyGiven, VAnyGiven]:
        return Branched(name, None, present(consumer, "chain consumer cannot be null"))

    def with_name(self, name: str | None) -> Branched[KAny, VAny]:
        return replace(self, name=name)


class BranchedFields(TypedDict, Generic[K, V], total=False):
    """`Branched`."""

    name: str
    function: Callable[[KStream[K, V]], KStream[K, V] | None]
    consumer: Callable[[KStream[K, V]], object]


@corrects_names
@written
class BranchedKStream(Generic[K, V]):
    """A stream that is being split. A record goes to the first branch whose predicate is true.

    Examples are read as those of `KStream`. Source: KIP-418.
    """

    __slots__ = ("_ref", "_streams")

    def __init__(self, ref: SplitRef) -> None:
        self._ref = ref
        self._streams: dict[str, KStream[K, V]] = {}

    def branch(
        self, predicate: Callable[[K, V], object], *options: Branched[K, V], **fields: Unpack[BranchedFields[K, V]]
    ) -> BranchedKStream[K, V]:
        """Adds a branch for the records for which `predicate(key, value)` is true, and that went to no branch before
        it.

        Args:
            predicate: called with key and value.
            options: `Branched`, or its fields: `name=`, which follows the split's name (its number, from 1, if it is
                not given); `function=`, which gets the branch's stream and gives the one that stands in the map, or
                None for none; `consumer=`, which gets the stream, so that the branch does not stand in the map.
        Returns:
            The same split, for the next branch.

        >>> builder = StreamsBuilder()
        >>> split = builder.stream("in").split()
        >>> _ = split.branch(lambda key, value: value > 1, consumer=lambda large: large.to("out"))
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', 2)]
        """
        self._ref.predicates.append(arity.fixed(predicate, arity.PAIR_FORM, "branch", "predicate cannot be null"))
        return self._add("branch", len(self._ref.predicates), options, fields)

    def default_branch(
        self, *options: Branched[K, V], **fields: Unpack[BranchedFields[K, V]]
    ) -> dict[str, KStream[K, V]]:
        """Ends the split with a branch for all other records.

        Args:
            options: `Branched`, or its fields; its number is 0.
        Returns:
            The branches' streams by name, those that were given a consumer apart.

        >>> builder = StreamsBuilder()
        >>> split = builder.stream("in").split(name="of-").branch(lambda key, value: value > 1)
        >>> split.default_branch(name="rest")["of-rest"].to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', 1)]
        """
        return self._add("default_branch", 0, options, fields).no_default_branch()

    def no_default_branch(self) -> dict[str, KStream[K, V]]:
        """Ends the split; records of no branch are dropped.

        Returns:
            The branches' streams by name, those that were given a consumer apart.

        >>> builder = StreamsBuilder()
        >>> split = builder.stream("in").split(name="of-").branch(lambda key, value: value > 1)
        >>> split.no_default_branch()["of-1"].to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', 2)]
        """
        return dict(self._streams)

    def _add(self, method: str, number: int, options: Options, fields: BranchedFields[K, V]) -> BranchedKStream[K, V]:
        branched: Branched[K, V] = pick(method, Branched, options, fields, "branched cannot be null") or Branched()
        ref = branches.branch(self._ref, branched.name, number)
        stream: KStream[K, V] = KStream(ref)
        if branched.function is not None:
            made = branched.function(stream)
            if isinstance(made, KStream):
                self._streams[ref.name] = made
        elif branched.consumer is not None:
            branched.consumer(stream)
        else:
            self._streams[ref.name] = stream
        return self


@corrects_names
@written
class KGroupedStream(Generic[K, V]):
    """Records grouped by key. Records without key or value are dropped and counted by what follows.

    Each aggregation has a store, of the name `store=` or a generated one, with the changelog
    `<application.id>-<store>-changelog`. Where the key may have changed before, the records reach it through the topic
    `<application.id>-<name>-repartition`; the aggregations of a grouping that has a name share it. The result has the
    highest timestamp of the records of its key. Options and their keywords are those of `KTable`, errors and examples
    those of `KStream`.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: GroupedRef) -> None:
        self._ref = ref

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[K, int]:
        """How many records each key has.

        Args:
            options: `Named` and `Materialized`.
        Returns:
            The table of the counts, written as 64 bits (`Serdes.long()`) unless a value serde is given.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").group_by_key().count(store="counts").to_stream().to("out")
        >>> run(builder, ("in", "a", "x"), ("in", "b", "y"), ("in", "a", "z"))
        [('a', 1), ('b', 1), ('a', 2)]
        """
        return KTable(aggregations.count(AggregationRef(self._ref), options, fields))

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """`reducer(aggregate, value)` for each record; the first value of a key is taken as it is.

        Args:
            reducer: called with what there is and the record's value; gives a new value of the same type, None to
                delete.
            options: `Named` and `Materialized`.
        Returns:
            The table of the aggregates, written as the values are unless a value serde is given.

        >>> builder = StreamsBuilder()
        >>> builder.stream("in").group_by_key().reduce(max).to_stream().to("out")
        >>> run(builder, ("in", "a", 2), ("in", "a", 1), ("in", "a", 3))
        [('a', 2), ('a', 2), ('a', 3)]
        """
        return KTable(aggregations.reduce(AggregationRef(self._ref), reducer, options, fields))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        aggregator: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """`aggregator(key, value, aggregate)` for each record, from what `initializer()` gives.

        Args:
            initializer: called without arguments for a key that has no aggregate.
            aggregator: called with key, value and what there is; gives the new aggregate, None to delete.
            options: `Named` and `Materialized`; `value_serde=` is that of the aggregates.
        Returns:
            The table of the aggregates, written by the configured serde unless a value serde is given.

        >>> builder = StreamsBuilder()
        >>> lists = builder.stream("in").group_by_key().aggregate(list, lambda key, value, all: [*all, value])
        >>> lists.to_stream().to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', [1]), ('a', [1, 2])]
        """
        return KTable(aggregations.aggregate(AggregationRef(self._ref), initializer, aggregator, options, fields))

    @overload
    def windowed_by(self, windows: TimeShape | SlidingWindows) -> TimeWindowedKStream[K, V]: ...
    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedKStream[K, V]: ...
    def windowed_by(
        self, windows: TimeShape | SlidingWindows | SessionWindows
    ) -> TimeWindowedKStream[K, V] | SessionWindowedKStream[K, V]:
        """Groups further by windows of time.

        Args:
            windows: `TimeWindows` (tumbling, or hopping with `advance_by`), `SlidingWindows`, `SessionWindows`,
                `UnlimitedWindows`, or a subclass of `Windows`.
        Returns:
            What `count`, `reduce` and `aggregate` are asked of; the keys of their results are `Windowed`.
        Raises:
            IllegalArgumentException: it is given something else.
        Source: KIP-450 for sliding windows.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> counts = grouped.windowed_by(TimeWindows.of_size_with_no_grace(10)).count()
        >>> counts.to_stream(lambda windowed, count: str(windowed)).to("out")
        >>> run(builder, ("in", "a", "x", 3), ("in", "a", "y", 9), ("in", "a", "z", 12))
        [('[a@0/10]', 1), ('[a@0/10]', 2), ('[a@10/20]', 1)]
        """
        ref = AggregationRef(self._ref, frame_of(windows))
        return SessionWindowedKStream(ref) if isinstance(windows, SessionWindows) else TimeWindowedKStream(ref)

    def cogroup(self, aggregator: Callable[[K, V, VR], VR | None]) -> CogroupedKStream[K, VR]:
        """Begins an aggregation over several grouped streams, each with an aggregator of its own, into one table.

        Args:
            aggregator: called with key, value and aggregate for the records of this stream.
        Returns:
            What further streams are added to, and `aggregate` is asked of.
        Source: KIP-150.

        >>> builder = StreamsBuilder()
        >>> ins = builder.stream("in").group_by_key().cogroup(lambda key, value, sum: sum + value)
        >>> ins.aggregate(lambda: 0).to_stream().to("out")
        >>> run(builder, ("in", "a", 1), ("in", "a", 2))
        [('a', 1), ('a', 3)]
        """
        groups = CogroupedRef(self._ref.records.plan)
        return CogroupedKStream(cogroups.cogroup(groups, self._ref, aggregator))


@corrects_names
@written
class KGroupedTable(Generic[K, V]):
    """Rows grouped by another key. Each update takes the old row out of its group and puts the new one in.

    Each aggregation has a store, of the name `store=` or a generated one, with the changelog
    `<application.id>-<store>-changelog`; the rows reach it through the topic `<application.id>-<name>-repartition`,
    which the aggregations of a grouping that has a name share. Options and their keywords are those of `KTable`, errors
    and examples those of `KStream`.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: GroupedTableRef) -> None:
        self._ref = ref

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[K, int]:
        """How many rows each group has.

        Args:
            options: `Named` and `Materialized`.
        Returns:
            The table of the counts, written as 64 bits (`Serdes.long()`) unless a value serde is given.

        >>> builder = StreamsBuilder()
        >>> builder.table("in").group_by(lambda user, city: (city, user)).count().to_stream().to("out")
        >>> run(builder, ("in", "ann", "Oslo"), ("in", "ann", "Rome"))
        [('Oslo', 1), ('Oslo', 0), ('Rome', 1)]
        """
        return KTable(aggregations.count_table(self._ref, options, fields))

    def reduce(
        self,
        adder: Callable[[V, V], V | None],
        subtractor: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """`adder(aggregate, value)` for a row that comes, `subtractor(aggregate, value)` for one that goes.

        Args:
            adder: called with what there is and the row's value; the first value of a group is taken as it is.
            subtractor: called with what there is and the value of the row that goes. Both give a value of the same
                type.
            options: `Named` and `Materialized`.
        Returns:
            The table of the aggregates, written as the values are unless a value serde is given.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.table("in").group_by(lambda user, pay: ("all", pay))
        >>> grouped.reduce(lambda sum, pay: sum + pay, lambda sum, pay: sum - pay).to_stream().to("out")
        >>> run(builder, ("in", "ann", 5), ("in", "bob", 2), ("in", "ann", 6))
        [('all', 5), ('all', 7), ('all', 8)]
        """
        return KTable(aggregations.reduce_table(self._ref, adder, subtractor, options, fields))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        adder: Callable[[K, V, VR], VR | None],
        subtractor: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """`adder(key, value, aggregate)` for a row that comes, `subtractor(…)` for one that goes.

        Args:
            initializer: called without arguments for a group that has no aggregate.
            adder: called with the group's key, the row's value and what there is; gives the new aggregate.
            subtractor: the same for a row that goes.
            options: `Named` and `Materialized`; `value_serde=` is that of the aggregates.
        Returns:
            The table of the aggregates, written by the configured serde unless a value serde is given.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.table("in").group_by(lambda user, pay: ("all", pay))
        >>> sums = grouped.aggregate(lambda: 0, lambda key, pay, sum: sum + pay, lambda key, pay, sum: sum - pay)
        >>> sums.to_stream().to("out")
        >>> run(builder, ("in", "ann", 5), ("in", "ann", None))
        [('all', 5), ('all', 0)]
        """
        return KTable(aggregations.aggregate_table(self._ref, initializer, adder, subtractor, options, fields))


@corrects_names
@written
class TimeWindowedKStream(Generic[K, V]):
    """Records grouped by key and window; the keys of the results are `Windowed`.

    A record counts in each window that its timestamp lies in. A window takes records until stream time has passed its
    end and the grace period; what comes later is dropped and counted. Each aggregation has a window store, of the name
    `store=` or a generated one, that keeps windows for their size and grace period, or for `retention=` (timedelta or
    ms), with the changelog `<application.id>-<store>-changelog`. Otherwise as `KGroupedStream`.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: AggregationRef) -> None:
        self._ref = ref

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[Windowed[K], int]:
        """How many records each key has in each window.

        Args:
            options: `Named` and `Materialized`.
        Returns:
            The table of the counts, one row for each key and window.
        Raises:
            IllegalArgumentException: the retention is shorter than size and grace period of the windows.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> counts = grouped.windowed_by(TimeWindows.of_size_with_no_grace(10)).count()
        >>> counts.to_stream(lambda windowed, count: windowed.window.start).to("out")
        >>> run(builder, ("in", "a", "x", 3), ("in", "a", "y", 9), ("in", "a", "z", 12))
        [(0, 1), (0, 2), (10, 1)]
        """
        return KTable(aggregations.count(self._ref, options, fields))

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[Windowed[K], V]:
        """`reducer(aggregate, value)` for each record; the first value of a window is taken as it is.

        Args:
            reducer: called with what there is and the record's value; gives a new value of the same type, None to
                delete.
            options: `Named` and `Materialized`.
        Returns:
            The table of the aggregates, one row for each key and window.
        Raises:
            IllegalArgumentException: the retention is shorter than size and grace period of the windows.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> highest = grouped.windowed_by(TimeWindows.of_size_with_no_grace(10)).reduce(max)
        >>> highest.to_stream(lambda windowed, value: windowed.window.start).to("out")
        >>> run(builder, ("in", "a", 2, 3), ("in", "a", 1, 9), ("in", "a", 1, 12))
        [(0, 2), (0, 2), (10, 1)]
        """
        return KTable(aggregations.reduce(self._ref, reducer, options, fields))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        aggregator: Callable[[K, V, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """`aggregator(key, value, aggregate)` for each record, from what `initializer()` gives.

        Args:
            initializer: called without arguments for a key and window that have no aggregate.
            aggregator: called with key, value and what there is; gives the new aggregate, None to delete.
            options: `Named` and `Materialized`; `value_serde=` is that of the aggregates.
        Returns:
            The table of the aggregates, one row for each key and window.
        Raises:
            IllegalArgumentException: the retention is shorter than size and grace period of the windows.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> windowed = grouped.windowed_by(TimeWindows.of_size_with_no_grace(10))
        >>> lists = windowed.aggregate(list, lambda key, value, all: [*all, value])
        >>> lists.to_stream(lambda windowed, value: windowed.window.start).to("out")
        >>> run(builder, ("in", "a", 2, 3), ("in", "a", 1, 9))
        [(0, [2]), (0, [2, 1])]
        """
        return KTable(aggregations.aggregate(self._ref, initializer, aggregator, options, fields))

    def emit_strategy(self, strategy: EmitStrategy) -> TimeWindowedKStream[K, V]:
        """Sets when results are passed on, and gives the stream itself.

        Args:
            strategy: `EmitStrategy.on_window_update()`, with each record, as without it;
                `EmitStrategy.on_window_close()`: once, when stream time has passed the window's end and the grace
                period.
        Returns:
            This stream.
        Raises:
            IllegalArgumentException: windows that never end cannot wait for their end.
        Source: KIP-825.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> windowed = grouped.windowed_by(TimeWindows.of_size_with_no_grace(10))
        >>> counts = windowed.emit_strategy(EmitStrategy.on_window_close()).count()
        >>> counts.to_stream(lambda windowed, count: windowed.window.start).to("out")
        >>> run(builder, ("in", "a", "x", 3), ("in", "a", "y", 9), ("in", "a", "z", 12))
        [(0, 2)]
        """
        self._ref = aggregations.emit_strategy(self._ref, strategy)
        return self


@corrects_names
@written
class SessionWindowedKStream(Generic[K, V]):
    """Records grouped by key and session; the keys of the results are `Windowed`.

    A session is the records of a key with less than the gap between one and the next; its start and end are the
    timestamps of the first and the last, both included. A record between two sessions makes one of them: the old ones
    are deleted, and the new one comes. What comes for a session that closed, gap and grace period ago, is dropped and
    counted. Each aggregation has a session store; otherwise as `TimeWindowedKStream`. Source: KIP-94.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: AggregationRef) -> None:
        self._ref = ref

    def count(
        self, *options: Named | MaterializedOption[K, int], **fields: Unpack[TableFields[K, int]]
    ) -> KTable[Windowed[K], int]:
        """How many records each session has.

        Args:
            options: `Named` and `Materialized`.
        Returns:
            The table of the counts, one row for each key and session.
        Raises:
            IllegalArgumentException: the retention is shorter than the gap and the grace period.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> sessions = grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(10))
        >>> sessions.count().to_stream(lambda windowed, value: windowed.window).to("out")
        >>> run(builder, ("in", "a", "x", 0), ("in", "a", "y", 8), ("in", "a", "z", 30))
        [([0, 0], 1), ([0, 0], None), ([0, 8], 2), ([30, 30], 1)]
        """
        return KTable(aggregations.count(self._ref, options, fields))

    def reduce(
        self,
        reducer: Callable[[V, V], V | None],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[Windowed[K], V]:
        """`reducer(aggregate, value)` for each record, and for sessions that become one.

        Args:
            reducer: called with what there is and the record's value, or with the values of two sessions; gives a new
                value of the same type.
            options: `Named` and `Materialized`.
        Returns:
            The table of the aggregates, one row for each key and session.
        Raises:
            IllegalArgumentException: the retention is shorter than the gap and the grace period.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> sessions = grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(10))
        >>> sessions.reduce(max).to_stream(lambda windowed, value: windowed.window).to("out")
        >>> run(builder, ("in", "a", 2, 0), ("in", "a", 1, 8))
        [([0, 0], 2), ([0, 0], None), ([0, 8], 2)]
        """
        return KTable(aggregations.reduce(self._ref, reducer, options, fields))

    def aggregate(
        self,
        initializer: Callable[[], VR],
        aggregator: Callable[[K, V, VR], VR | None],
        session_merger: Callable[[K, VR, VR], object],  # VR here would make Any of VR where both are lambdas (mypy)
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """`aggregator(key, value, aggregate)` for each record, `session_merger(key, left, right)` for sessions that
        become one.

        Args:
            initializer: called without arguments for a record that begins a session.
            aggregator: called with key, value and what there is; gives the new aggregate.
            session_merger: called with key and the aggregates of two sessions; gives that of both.
            options: `Named` and `Materialized`; `value_serde=` is that of the aggregates.
        Returns:
            The table of the aggregates, one row for each key and session.
        Raises:
            IllegalArgumentException: the retention is shorter than the gap and the grace period.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> sessions = grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(10))
        >>> merger = lambda key, left, right: left + right
        >>> lists = sessions.aggregate(list, lambda key, value, all: [*all, value], merger)
        >>> lists.to_stream(lambda windowed, value: windowed.window).to("out")
        >>> run(builder, ("in", "a", 2, 0), ("in", "a", 1, 8))
        [([0, 0], [2]), ([0, 0], None), ([0, 8], [2, 1])]
        """
        return KTable(
            aggregations.aggregate_sessions(self._ref, initializer, aggregator, session_merger, options, fields)
        )

    def emit_strategy(self, strategy: EmitStrategy) -> SessionWindowedKStream[K, V]:
        """Sets when results are passed on, and gives the stream itself.

        Args:
            strategy: `EmitStrategy.on_window_update()`, with each record, as without it;
                `EmitStrategy.on_window_close()`: once, when stream time has passed the session's end, the gap and the
                grace period.
        Returns:
            This stream.
        Source: KIP-825.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key()
        >>> sessions = grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(10))
        >>> counts = sessions.emit_strategy(EmitStrategy.on_window_close()).count()
        >>> counts.to_stream(lambda windowed, value: windowed.window).to("out")
        >>> run(builder, ("in", "a", "x", 0), ("in", "a", "y", 8), ("in", "a", "z", 30))
        [([0, 8], 2)]
        """
        self._ref = aggregations.emit_strategy(self._ref, strategy)
        return self


@corrects_names
@written
class CogroupedKStream(Generic[K, VR]):
    """Grouped streams that are aggregated into one table.

    The streams share one store, of the name `store=` or a generated one, with the changelog
    `<application.id>-<store>-changelog`. They need equally many partitions; one whose key may have changed is
    repartitioned first, through `<application.id>-<name>-repartition`. Errors and examples are those of `KStream`.
    Source: KIP-150.
    """

    __slots__ = ("_ref",)

    def __init__(self, ref: CogroupedRef) -> None:
        self._ref = ref

    def cogroup(
        self, grouped: KGroupedStream[K, V], aggregator: Callable[[K, V, VR], VR | None]
    ) -> CogroupedKStream[K, VR]:
        """Adds a grouped stream, whose records `aggregator(key, value, aggregate)` takes in.

        Args:
            grouped: a grouped stream of the same builder; given again it gets the new aggregator.
            aggregator: called with key, value and what there is; gives the new aggregate, None to delete.
        Returns:
            This, for the next stream.
        Raises:
            IllegalArgumentException: it is no grouped stream.
            TopologyException: it is of another builder.

        >>> builder = StreamsBuilder()
        >>> ins, outs = builder.stream("in").group_by_key(), builder.stream("outs").group_by_key()
        >>> both = ins.cogroup(lambda key, value, sum: sum + value).cogroup(outs, lambda key, value, sum: sum - value)
        >>> both.aggregate(lambda: 0).to_stream().to("out")
        >>> run(builder, ("in", "a", 5), ("outs", "a", 2))
        [('a', 5), ('a', 3)]
        """
        cogroups.cogroup(self._ref, _ref(grouped), aggregator)
        return self

    def aggregate(
        self,
        initializer: Callable[[], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """The table of the aggregates, from what `initializer()` gives.

        Args:
            initializer: called without arguments for a key that has no aggregate.
            options: `Named` and `Materialized`; the serdes of the grouped streams are not the store's, as in Java.
        Returns:
            The table, one row for each key.
        Raises:
            TopologyException: (when it starts) the streams have different numbers of partitions.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key().cogroup(lambda key, value, sum: sum + value)
        >>> grouped.aggregate(lambda: 100, store="sums").to_stream().to("out")
        >>> run(builder, ("in", "a", 5))
        [('a', 105)]
        """
        return KTable(cogroups.aggregate(self._ref, initializer, options, fields))

    @overload
    def windowed_by(self, windows: TimeShape | SlidingWindows) -> TimeWindowedCogroupedKStream[K, VR]: ...
    @overload
    def windowed_by(self, windows: SessionWindows) -> SessionWindowedCogroupedKStream[K, VR]: ...
    def windowed_by(
        self, windows: TimeShape | SlidingWindows | SessionWindows
    ) -> TimeWindowedCogroupedKStream[K, VR] | SessionWindowedCogroupedKStream[K, VR]:
        """Groups further by windows of time.

        Args:
            windows: as of `KGroupedStream.windowed_by`.
        Returns:
            What `aggregate` is asked of; the keys of its result are `Windowed`.
        Raises:
            IllegalArgumentException: it is given something else.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key().cogroup(lambda key, value, sum: sum + value)
        >>> sums = grouped.windowed_by(TimeWindows.of_size_with_no_grace(10)).aggregate(lambda: 0)
        >>> sums.to_stream(lambda windowed, sum: windowed.window.start).to("out")
        >>> run(builder, ("in", "a", 5, 3), ("in", "a", 2, 12))
        [(0, 5), (10, 2)]
        """
        frame = frame_of(windows)
        if isinstance(windows, SessionWindows):
            return SessionWindowedCogroupedKStream(self._ref, frame)
        return TimeWindowedCogroupedKStream(self._ref, frame)


@corrects_names
@written
class TimeWindowedCogroupedKStream(Generic[K, VR]):
    """A cogroup by key and window; see `CogroupedKStream` and `TimeWindowedKStream`."""

    __slots__ = ("_frame", "_ref")

    def __init__(self, ref: CogroupedRef, frame: Frame) -> None:
        self._ref = ref
        self._frame = frame

    def aggregate(
        self,
        initializer: Callable[[], VR],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """The table of the aggregates of each key and window.

        Args:
            initializer: called without arguments for a key and window that have no aggregate.
            options: `Named` and `Materialized`.
        Returns:
            The table, one row for each key and window.
        Raises:
            IllegalArgumentException: the retention is shorter than size and grace period of the windows.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key().cogroup(lambda key, value, sum: sum + value)
        >>> sums = grouped.windowed_by(TimeWindows.of_size_with_no_grace(10)).aggregate(lambda: 0)
        >>> sums.to_stream(lambda windowed, sum: windowed.window.start).to("out")
        >>> run(builder, ("in", "a", 5, 3), ("in", "a", 2, 4))
        [(0, 5), (0, 7)]
        """
        return KTable(cogroups.aggregate(self._ref, initializer, options, fields, self._frame))


@corrects_names
@written
class SessionWindowedCogroupedKStream(Generic[K, VR]):
    """A cogroup by key and session; see `CogroupedKStream` and `SessionWindowedKStream`."""

    __slots__ = ("_frame", "_ref")

    def __init__(self, ref: CogroupedRef, frame: Frame) -> None:
        self._ref = ref
        self._frame = frame

    def aggregate(
        self,
        initializer: Callable[[], VR],
        session_merger: Callable[[K, VR, VR], VR | None],
        *options: Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[Windowed[K], VR]:
        """The table of the aggregates of each key and session; `session_merger(key, left, right)` joins sessions.

        Args:
            initializer: called without arguments for a record that begins a session.
            session_merger: called with key and the aggregates of two sessions; gives that of both.
            options: `Named` and `Materialized`.
        Returns:
            The table, one row for each key and session.
        Raises:
            IllegalArgumentException: the retention is shorter than the gap and the grace period.

        >>> builder = StreamsBuilder()
        >>> grouped = builder.stream("in").group_by_key().cogroup(lambda key, value, sum: sum + value)
        >>> sessions = grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(10))
        >>> sums = sessions.aggregate(lambda: 0, lambda key, left, right: left + right)
        >>> sums.to_stream(lambda windowed, sum: windowed.window).to("out")
        >>> run(builder, ("in", "a", 5, 0), ("in", "a", 2, 8))
        [([0, 0], 5), ([0, 0], None), ([0, 8], 7)]
        """
        return KTable(
            cogroups.aggregate_sessions(self._ref, initializer, session_merger, options, fields, self._frame)
        )


def _ref(thing: object) -> object:
    """What stands behind a stream, a table or a group; anything else is itself, for the function to refuse."""
    return thing._ref if isinstance(thing, KStream | KTable | GlobalKTable | KGroupedStream) else thing

"""`KStream`: an unbounded stream of records. Each method puts one operator into the plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Unpack, overload

from streams.dsl import arity
from streams.dsl import flow as at
from streams.dsl.flow import Flow, name_of
from streams.dsl.options import Named, Printed, Produced, Repartitioned
from streams.errors import IllegalArgumentException
from streams.operators import stateless
from streams.processor import TopicNameExtractor
from streams.signatures import written
from streams.spelling import no_attribute
from streams.type_variables import KO, KR, VO, VR, K, V

if TYPE_CHECKING:
    from streams.dsl.branched import BranchedKStream
    from streams.dsl.fields import (
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
    from streams.dsl.global_table import GlobalKTable
    from streams.dsl.grouped import KGroupedStream
    from streams.dsl.table import KTable
    from streams.dsl.windows import JoinWindows
    from streams.durations import Duration
    from streams.processor import FixedKeyProcessor, ProcessesFixedKeyRecords, ProcessesRecords, Processor


@written
class KStream(Generic[K, V]):
    """A stream of records, each of which stands for itself.

    Options (`Named` and the like) are given as objects, in any order, or as keywords. Methods raise
    `NullPointerException` for a None where something is needed, and `TopologyException` for a function that cannot
    be called in the form they need, or a name that is not allowed.
    """

    __slots__ = ("_flow", "_repartition")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._repartition: int | None = None
        """The node of a repartition that a join put below this stream, for the next join."""

    def filter(
        self, predicate: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, V]:
        """Keeps the records for which `predicate(key, value)` is true."""
        return self._filtered("filter", predicate, False, options, fields)

    def filter_not(
        self, predicate: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[K, V]:
        """Drops the records for which `predicate(key, value)` is true."""
        return self._filtered("filter_not", predicate, True, options, fields)

    def _filtered(
        self,
        method: str,
        predicate: Callable[..., object],
        negate: bool,
        options: tuple[Named, ...],
        fields: NamedFields,
    ) -> KStream[K, V]:
        fn = arity.fixed(predicate, arity.PAIR_FORM, method, "predicate cannot be null")
        make = stateless.filter_(fn, negate)
        return KStream(at.same_key(self._flow, "KSTREAM-FILTER-", name_of(method, options, fields), make))

    def select_key(
        self, mapper: Callable[[K, V], KR], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, V]:
        """Gives each record the key `mapper(key, value)`."""
        fn = arity.fixed(mapper, arity.PAIR_FORM, "select_key", "mapper cannot be null")
        name = name_of("select_key", options, fields)
        return KStream(
            at.new_key(self._flow, "KSTREAM-KEY-SELECT-", name, stateless.select_key(fn), self._flow.value_serde)
        )

    def map(
        self, mapper: Callable[[K, V], tuple[KR, VR]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, VR]:
        """Makes of each record the pair `mapper(key, value)`."""
        fn = arity.fixed(mapper, arity.PAIR_FORM, "map", "mapper cannot be null")
        return KStream(at.new_key(self._flow, "KSTREAM-MAP-", name_of("map", options, fields), stateless.map_(fn)))

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
        """Makes of each value `mapper(value)`, or `mapper(key, value)`; the key stays."""
        call = arity.either(mapper, arity.VALUE_FORMS, "map_values", "mapper cannot be null")
        name = name_of("map_values", options, fields)
        return KStream(at.new_value(self._flow, "KSTREAM-MAPVALUES-", name, stateless.map_values(call)))

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
        """
        from streams.dsl.awaited import map_values_async

        return KStream(map_values_async(self._flow, mapper, options, fields, max_in_flight, timeout))

    def flat_map(
        self, mapper: Callable[[K, V], Iterable[tuple[KR, VR]]], *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, VR]:
        """Makes of each record the pairs that `mapper(key, value)` gives."""
        fn = arity.fixed(mapper, arity.PAIR_FORM, "flat_map", "mapper cannot be null", may_yield=True)
        name = name_of("flat_map", options, fields)
        return KStream(at.new_key(self._flow, "KSTREAM-FLATMAP-", name, stateless.flat_map(fn)))

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
        """Makes of each value the values that `mapper(value)`, or `mapper(key, value)`, gives; the key stays."""
        call = arity.either(mapper, arity.VALUE_FORMS, "flat_map_values", "mapper cannot be null", may_yield=True)
        name = name_of("flat_map_values", options, fields)
        return KStream(at.new_value(self._flow, "KSTREAM-FLATMAPVALUES-", name, stateless.flat_map_values(call)))

    def peek(self, action: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]:
        """Calls `action(key, value)` for each record and passes it on."""
        fn = arity.fixed(action, arity.PAIR_FORM, "peek", "action cannot be null")
        name = name_of("peek", options, fields)
        return KStream(at.same_key(self._flow, "KSTREAM-PEEK-", name, stateless.peek(fn)))

    def foreach(self, action: Callable[[K, V], object], *options: Named, **fields: Unpack[NamedFields]) -> None:
        """Calls `action(key, value)` for each record; nothing comes after."""
        fn = arity.fixed(action, arity.PAIR_FORM, "foreach", "action cannot be null")
        at.end(self._flow, "KSTREAM-FOREACH-", name_of("foreach", options, fields), stateless.foreach(fn))

    def print(self, *options: Printed[K, V], **fields: Unpack[PrintedFields[K, V]]) -> None:
        """Prints each record as `[label]: key, value`."""
        from streams.dsl.stateless_ends import print_records

        print_records(self._flow, options, fields)

    def to(
        self, topic: str | TopicNameExtractor[K, V], *options: Produced[K, V], **fields: Unpack[ProducedFields[K, V]]
    ) -> None:
        """Writes each record to a topic, or to the one that `topic(key, value, record_context)` gives."""
        from streams.dsl.stateless_ends import write_to

        write_to(self._flow, topic, options, fields)

    def merge(self, other: KStream[K, V], *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]:
        """The records of both streams, in no particular order between them."""
        from streams.dsl.stateless_ends import merged

        arity.present(other, "otherStream cannot be null")
        if not isinstance(other, KStream):
            raise IllegalArgumentException(f"merge() takes another KStream, got {other!r}.")
        at.same_builder("merge", self._flow, other._flow)
        return KStream(merged(self._flow, other._flow, name_of("merge", options, fields)))

    def split(self, *options: Named, **fields: Unpack[NamedFields]) -> BranchedKStream[K, V]:
        """Begins to route records: `.branch(predicate)…` and then `.default_branch()` or `.no_default_branch()`."""
        from streams.dsl.branched import BranchedKStream

        return BranchedKStream(self._flow, name_of("split", options, fields))

    def branch(self, *predicates: Callable[[K, V], object]) -> list[KStream[K, V]]:
        """One stream for each predicate; a record goes to the first that is true, else nowhere."""
        from streams.dsl.branched import branches

        return branches(self._flow, predicates)

    def repartition(self, *options: Repartitioned[K, V], **fields: Unpack[RepartitionedFields[K, V]]) -> KStream[K, V]:
        """Writes the records to a topic of the application's own, by their key, and reads them back."""
        from streams.dsl.stateless_ends import repartitioned

        return KStream(repartitioned(self._flow, options, fields))

    def to_table(self, *options: Named | MaterializedOption[K, V], **fields: Unpack[TableFields[K, V]]) -> KTable[K, V]:
        """The table whose rows the records update; a None value deletes."""
        from streams.dsl.table_source import to_table

        return to_table(self._flow, options, fields)

    def group_by_key(
        self, *options: GroupedOption[K, V], **fields: Unpack[GroupedFields[K, V]]
    ) -> KGroupedStream[K, V]:
        """Groups records by their key, to aggregate them."""
        from streams.dsl.grouping import group_by_key

        return group_by_key(self._flow, options, fields)

    def group_by(
        self, selector: Callable[[K, V], KR], *options: GroupedOption[KR, V], **fields: Unpack[GroupedFields[KR, V]]
    ) -> KGroupedStream[KR, V]:
        """Groups records by the key `selector(key, value)`, through a repartition topic."""
        from streams.dsl.grouping import group_by

        return group_by(self._flow, selector, options, fields)

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

        Args:
            supplier: a class, or a callable without arguments that gives a new processor at each call.
            stores: names of the state stores it uses, and possibly `Named`.
        """
        from streams.dsl.processing import process

        return KStream(process(self._flow, supplier, stores, fields, fixed_key=False))

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
        """Hands each record to a fixed-key processor; the key stays, so that nothing is repartitioned for it."""
        from streams.dsl.processing import process

        return KStream(process(self._flow, supplier, stores, fields, fixed_key=True))

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

        `join(stream, joiner, windows)`, `join(table, joiner)` or `join(global_table, key_selector, joiner)`; the
        joiner gets `(left, right)` or `(key, left, right)`.
        """
        from streams.dsl.joins import join

        return join("join", "inner", self, other, given, fields)

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
        """As `join`, and records of this stream without a partner are joined with None."""
        from streams.dsl.joins import join

        return join("left_join", "left", self, other, given, fields)

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
        """As `join` of two streams, and records of either without a partner are joined with None."""
        from streams.dsl.joins import join

        return join("outer_join", "outer", self, other, given, fields)

"""`KTable`: a table that is updated record by record. Each method puts one operator into the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Unpack, overload

from streams.dsl.flow import Flow
from streams.dsl.options import Named, TableJoined
from streams.operators.views import View
from streams.signatures import written
from streams.spelling import no_attribute
from streams.type_variables import KO, KR, VO, VR, K, V

if TYPE_CHECKING:
    from streams.dsl.fields import (
        ForeignKeyFields,
        GroupedFields,
        GroupedOption,
        MaterializedOption,
        NamedFields,
        TableFields,
    )
    from streams.dsl.grouped import KGroupedTable
    from streams.dsl.stream import KStream
    from streams.dsl.suppressed import Suppressed
    from streams.processor import ValueTransformerWithKey


@written
class KTable(Generic[K, V]):
    """A table: each record is the new value of its key, None deletes the row.

    A table has a store if the user names one or an operator below needs it. Options are given as objects, in any
    order, or as keywords.
    """

    __slots__ = ("_flow", "_store", "_table", "_view")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, flow: Flow, table: int, view: View, store: str | None) -> None:
        self._flow = flow
        self._table = table
        self._view = view
        self._store = store

    @property
    def queryable_store_name(self) -> str | None:
        """Name of the table's store, if the user named it; else the table cannot be queried."""
        return self._store

    def filter(
        self,
        predicate: Callable[[K, V], object],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """The rows for which `predicate(key, value)` is true; others are deleted."""
        from streams.dsl.table_steps import filtered

        return filtered(self, "filter", predicate, False, options, fields)

    def filter_not(
        self,
        predicate: Callable[[K, V], object],
        *options: Named | MaterializedOption[K, V],
        **fields: Unpack[TableFields[K, V]],
    ) -> KTable[K, V]:
        """The rows for which `predicate(key, value)` is false."""
        from streams.dsl.table_steps import filtered

        return filtered(self, "filter_not", predicate, True, options, fields)

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
        """The rows with the value `mapper(value)`, or `mapper(key, value)`; not called for deleted rows."""
        from streams.dsl.table_steps import mapped

        return mapped(self, mapper, options, fields)

    def transform_values(
        self,
        transformer_supplier: Callable[[], ValueTransformerWithKey[K, V, VR]],
        *stores_and_options: str | Named | MaterializedOption[K, VR],
        **fields: Unpack[TableFields[K, VR]],
    ) -> KTable[K, VR]:
        """The rows with values from a transformer with `init(context)`, `transform(key, value)` and `close()`.

        Args:
            transformer_supplier: a class, or a callable without arguments that gives a new transformer.
            stores_and_options: names of the state stores it uses, and options.
        """
        from streams.dsl.table_steps import transformed

        return transformed(self, transformer_supplier, stores_and_options, fields)

    @overload
    def to_stream(self, *options: Named, **fields: Unpack[NamedFields]) -> KStream[K, V]: ...
    @overload
    def to_stream(
        self, mapper: Callable[[K, V], KR], /, *options: Named, **fields: Unpack[NamedFields]
    ) -> KStream[KR, V]: ...
    def to_stream(self, *given: Callable[..., object] | Named, **fields: Unpack[NamedFields]) -> KStream[Any, Any]:
        """The stream of the table's updates, under the key `mapper(key, value)` if one is given."""
        from streams.dsl.table_steps import to_stream

        return to_stream(self, given, fields)

    def suppress(self, suppressed: Suppressed[K]) -> KTable[K, V]:
        """Holds updates back until a time limit, or until their window is closed."""
        from streams.dsl.suppress import suppress

        return suppress(self, suppressed)

    def group_by(
        self,
        selector: Callable[[K, V], tuple[KR, VR]],
        *options: GroupedOption[KR, VR],
        **fields: Unpack[GroupedFields[KR, VR]],
    ) -> KGroupedTable[KR, VR]:
        """Groups the rows by the pair `selector(key, value)`, through a repartition topic."""
        from streams.dsl.grouping import group_table

        return group_table(self, selector, options, fields)

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

        The joiner gets `(left, right)` or `(key, left, right)`; the extractor `(value)` or `(key, value)`.
        """
        from streams.dsl.table_join import join

        return join("join", "inner", self, other, given, foreign_key, fields)

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
        """As `join`, and rows without a partner are joined with None."""
        from streams.dsl.table_join import join

        return join("left_join", "left", self, other, given, foreign_key, fields)

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
        """As `join` by equal keys, and rows of either side without a partner are joined with None."""
        from streams.dsl.table_join import join

        return join("outer_join", "outer", self, other, given, None, fields)

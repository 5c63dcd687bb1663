"""Joins of a stream with another stream, within windows of time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.dsl import arity
from streams.dsl.options import StreamJoined
from streams.dsl.pick import Fields, Options, pick
from streams.dsl.refs import StreamRef, same_builder
from streams.dsl.repartition import add_repartition, after, planned_repartition
from streams.dsl.store_supplier import StoreSupplier, spec, window_segment
from streams.dsl.store_supplier import StoreType as Place
from streams.dsl.windows import JoinWindows
from streams.errors import IllegalArgumentException, NullPointerException, StreamsException
from streams.operators.base import Call
from streams.operators.self_join import self_join
from streams.operators.stateless import pass_through
from streams.operators.stream_join import stream_join, stream_window
from streams.topology.plan import JoinSide, MaybeSerde, PlannedStore, StreamJoin, Windowed
from streams.topology.store import StoreKind, StoreSpec

OUTER_THIS, JOIN_THIS = "KSTREAM-OUTERTHIS-", "KSTREAM-JOINTHIS-"
OUTER_OTHER, JOIN_OTHER = "KSTREAM-OUTEROTHER-", "KSTREAM-JOINOTHER-"


def join_streams(
    method: str, kind: str, stream: StreamRef, other: StreamRef, given: Options, fields: Fields
) -> StreamRef:
    """`join(other, joiner, windows, [StreamJoined])` and its outer kinds.

    Raises:
        StreamsException: store suppliers that do not fit the windows, or have one name.
    """
    joiner, windows = (given[at] if at < len(given) else None for at in (0, 1))
    same_builder(method, stream.plan, other.plan)
    call = arity.either(joiner, arity.JOIN_FORMS, method, "joiner cannot be null")
    if windows is None:
        raise NullPointerException("windows cannot be null")
    if not isinstance(windows, JoinWindows):
        raise IllegalArgumentException(
            f"{method}() of two streams takes JoinWindows after the joiner, got {windows!r}."
        )
    sj = pick(method, StreamJoined, given[2:], fields, "streamJoined cannot be null") or StreamJoined()
    named = sj.name is not None
    this_prefix, other_prefix = (f"{sj.name}-left", f"{sj.name}-right") if named else (stream.name, other.name)
    left = repartition_for_join(stream, this_prefix, named, sj.key_serde, sj.value_serde)
    right = repartition_for_join(other, other_prefix, named, sj.key_serde, sj.other_value_serde)
    left.plan.copartition(left.sources | right.sources)
    return _Join(kind, left, right, call, windows, sj).add()


def repartition_for_join(
    stream: StreamRef, prefix: str, named: bool, key_serde: MaybeSerde, value_serde: MaybeSerde
) -> StreamRef:
    """Below which node records of one key are together. Unnamed joins of one stream share a repartition."""
    if not stream.rekeyed:
        return stream
    plan = stream.plan
    key_serde, value_serde = key_serde or stream.key_serde, value_serde or stream.value_serde
    part = planned_repartition(stream, prefix, key_serde, value_serde, named=named)
    node = plan.repartitions.get(stream)
    if node is None or stream.name != prefix:
        plan.repartitions[stream] = node = add_repartition(stream, part)
        return after(stream, part, node)
    return replace(after(stream, part, node), sources=frozenset({plan.nodes[node].name}))


class _Join:
    """One stream-stream join: its names, then its stores and nodes."""

    def __init__(
        self,
        kind: str,
        left: StreamRef,
        right: StreamRef,
        call: Call,
        windows: JoinWindows,
        sj: StreamJoined[Any, Any, Any],
    ) -> None:
        self.kind, self.left, self.right, self.call, self.windows, self.sj = kind, left, right, call, windows, sj
        names = left.plan.names
        both, one = kind == "outer", kind != "inner"
        self.this_suffix = "-outer-this-join" if both else "-this-join"
        self.other_suffix = "-outer-other-join" if one else "-other-join"
        self.this_windowed = names.named(sj.name, "KSTREAM-WINDOWED-", "-this-windowed")
        self.other_windowed = names.named(sj.name, "KSTREAM-WINDOWED-", "-other-windowed")
        self.this_generated = names.node(OUTER_THIS if both else JOIN_THIS)
        self.other_generated = names.node(OUTER_OTHER if one else JOIN_OTHER)
        self.merge = names.named(sj.name, "KSTREAM-MERGE-", "-merge")

    def add(self) -> StreamRef:
        """Puts the join into the plan."""
        sj, windows, plan = self.sj, self.windows, self.left.plan
        if sj.this_store is not None and sj.other_store is not None and sj.this_store.name == sj.other_store.name:
            raise StreamsException("Both StoreSuppliers have the same name.  StoreSuppliers must provide unique names")
        this_store = self._store(sj.this_store, self.this_generated, self.this_suffix, sj.value_serde)
        other_store = self._store(sj.other_store, self.other_generated, self.other_suffix, sj.other_value_serde)
        shared = None if self.kind == "inner" or self.windows.eager else self._shared_store()
        self._windowed(self.left, self.this_windowed, this_store)
        self._windowed(self.right, self.other_windowed, other_store)
        part = StreamJoin(
            this=self._side(
                True, self.this_windowed, self.this_generated, self.this_suffix, this_store, other_store, shared
            ),
            other=self._side(
                False, self.other_windowed, self.other_generated, self.other_suffix, other_store, this_store, shared
            ),
            merge=pass_through(),
            self_join=self_join(this_store.spec.name, self.call, windows.before_ms, windows.after_ms, windows.grace_ms),
            shared=shared,
        )
        parents = (self.left.node, self.right.node)
        node = plan.add(self.merge, part, parents, relaxed=self.kind != "inner")
        return StreamRef(plan, node, self.merge, self.left.sources | self.right.sources, sj.key_serde)

    def _windowed(self, side: StreamRef, name: str, store: PlannedStore) -> None:
        side.plan.add(name, Windowed(stream_window(store.spec.name), store.spec.name), (side.node,))

    def _side(
        self,
        is_left: bool,
        windowed: str,
        generated: str,
        suffix: str,
        own: PlannedStore,
        other: PlannedStore,
        shared: PlannedStore | None,
    ) -> JoinSide:
        make = stream_join(
            self.kind,
            is_left,
            other.spec.name,
            None if shared is None else shared.spec.name,
            self.call,
            self.windows.before_ms,
            self.windows.after_ms,
            self.windows.grace_ms,
            self.merge,
        )
        name = generated if self.sj.name is None else self.sj.name + suffix
        return JoinSide(windowed, name, make, own)

    def _store(
        self, supplier: StoreSupplier | None, generated: str, suffix: str, value_serde: MaybeSerde
    ) -> PlannedStore:
        """One side's window store: it keeps duplicates for size and grace of the join's windows."""
        size, retention = self.windows.size_ms, self.windows.size_ms + self.windows.grace_ms
        if supplier is not None:
            self._check(supplier)
            store = spec(supplier, StoreKind.WINDOW, self.sj.key_serde, value_serde, False, {})
            return PlannedStore(store, named=True, anywhere=False)
        base = generated if self.sj.store_name is None else self.sj.store_name + suffix
        made = StoreSupplier(
            f"{base}-store",
            StoreKind.WINDOW,
            self.sj.store_type is not Place.IN_MEMORY,
            retention,
            size,
            window_segment(retention),
            retain_duplicates=True,
        )
        logging = None if self.sj.logging is None else {**self.sj.logging, "cleanup.policy": "delete"}
        store = spec(made, StoreKind.WINDOW, self.sj.key_serde, value_serde, False, logging)
        return PlannedStore(store, self.sj.store_name is not None, self.sj.store_type is None)

    def _check(self, supplier: StoreSupplier) -> None:
        if not supplier.retain_duplicates:
            raise StreamsException("The StoreSupplier must set retainDuplicates=true, found retainDuplicates=false")
        size = self.windows.size_ms
        if supplier.retention_ms != size + self.windows.grace_ms or supplier.window_ms != size:
            raise StreamsException(
                f"Window settings mismatch. WindowBytesStoreSupplier settings {supplier} must match JoinWindows "
                f"settings {self.windows} for the window size and retention period"
            )

    def _shared_store(self) -> PlannedStore:
        """The store of records that wait for a partner, or for the end of waiting."""
        sj = self.sj
        suffix = "-outer-shared-join" if self.kind == "outer" else "-left-shared-join"
        base = sj.this_store.name if sj.this_store is not None else sj.store_name
        if base is None:
            prefix = OUTER_THIS if self.kind == "outer" else JOIN_THIS
            name = f"KSTREAM-OUTERSHARED-{self.this_generated[len(prefix) :]}-store"
        else:
            name = f"{base}{suffix}-store"
        persistent = sj.store_type is not Place.IN_MEMORY
        if sj.this_store is not None and sj.store_type is None:
            persistent = sj.this_store.persistent
        size = self.windows.size_ms
        store = StoreSpec(
            name,
            StoreKind.OUTER_JOIN,
            sj.key_serde,
            logging=sj.logging,
            persistent=persistent,
            retention_ms=size + self.windows.grace_ms,
            window_ms=size,
        )
        return PlannedStore(store, base is not None, sj.this_store is None and sj.store_type is None)

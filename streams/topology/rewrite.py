"""From what the user said to nodes: `build` writes a plan into a graph, in Java's order.

Here it is settled which tables have stores, who sends old values, which repartitions merge and which join needs only
one store (decision 37).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

from streams.config.application import StreamsConfig
from streams.config.streams import MERGE_REPARTITION_TOPICS, REUSE_KTABLE_SOURCE_TOPICS, SINGLE_STORE_SELF_JOIN
from streams.errors import IllegalArgumentException, TopologyException
from streams.topology import plan as p
from streams.topology.copartition import check_fixed_counts
from streams.topology.editable_graph import EditableNode, editable_copy, is_root
from streams.topology.generated_names import refuse_generated_names
from streams.topology.graph import Topology, spec_of
from streams.topology.materialization import Materialization, materialize
from streams.topology.node import GlobalStore, ProcessorNode, SinkNode, SourceNode, StepFactory, StepNode
from streams.topology.optimise import (
    keeping_null_keys,
    merge_equal_sources,
    merge_repartitions,
    single_store_self_joins,
)
from streams.topology.store import StoreKind
from streams.topology.wiring import Wiring

Settings = Mapping[str, object]


def build(plan: p.Plan, config: Settings | None = None, asked: Settings | None = None) -> Topology:
    """The topology that `plan` means.

    Args:
        plan: what the DSL appended.
        config: settings of `build(config)`; only `topology.optimization` counts here.
        asked: settings that the builder was made with, for `ensure.explicit.internal.resource.naming`.
    Raises:
        ConfigException: a setting is unknown or has a wrong value.
        TopologyException: names, topics or stores collide, or something is used where it cannot be.
        IllegalArgumentException: a stream-table join with grace meets a table without enough history.
    """
    settings = [StreamsConfig.of_topology(each) for each in (config, asked)]
    wanted = settings[0].optimizations
    plan.said()
    entries = editable_copy(plan)
    wiring = Wiring(copartitioned=list(plan.copartitioned))
    merge_equal_sources(entries[0], wiring)
    self_joins: set[EditableNode] = set()
    if MERGE_REPARTITION_TOPICS in wanted:
        merge_repartitions(entries, wiring)
    if SINGLE_STORE_SELF_JOIN in wanted:
        self_joins = single_store_self_joins(entries)
    for topic in plan.internal_topics:
        wiring.internal_topics[topic] = None
    made = materialize(plan)
    writer = _Writer(
        wiring,
        made,
        made.steps_sending_old(),
        REUSE_KTABLE_SOURCE_TOPICS in wanted,
        self_joins,
        keeping_null_keys(entries),
    )
    _refuse_suppress_of_versions(entries)
    writer.write_all(entries[0])
    check_fixed_counts(wiring)
    if any(each.get_boolean("ensure.explicit.internal.resource.naming") for each in settings):
        refuse_generated_names(plan)
    wiring.origin = None
    return Topology(wiring)


def _refuse_suppress_of_versions(entries: list[EditableNode]) -> None:
    for entry in entries:
        if entry.node.suppress and _parents_versioned(entry):
            raise TopologyException(
                "suppress() is only supported for non-versioned KTables "
                "(note that version semantics might be inherited from upstream)"
            )


def _parents_versioned(entry: EditableNode) -> bool:
    if is_root(entry):
        return False
    return all(
        parent.node.versioned if parent.node.versioned is not None else _parents_versioned(parent)
        for parent in entry.parents
    )


class _Writer:
    """Writes the parts of a plan, each once all nodes above it are written, in the order they were added."""

    def __init__(
        self,
        wiring: Wiring,
        made: Materialization,
        sends_old: frozenset[str],
        reuse_topics: bool,
        self_joins: set[EditableNode],
        keep_null_keys: set[EditableNode],
    ) -> None:
        self._wiring = wiring
        self._made = made
        self._sends_old = sends_old
        self._reuse_topics = reuse_topics
        self._self_joins = self_joins
        self._keep_null_keys = keep_null_keys

    def write_all(self, root: EditableNode) -> None:
        written: set[EditableNode] = {root}
        waiting: list[tuple[int, int, EditableNode]] = []

        def offer(above: EditableNode) -> None:
            for child in above.children:
                if all(parent in written for parent in child.parents):
                    heapq.heappush(waiting, (child.priority, len(waiting), child))

        offer(root)
        while waiting:
            entry = heapq.heappop(waiting)[2]
            if entry in written:
                continue
            if entry.part is not None:
                self._wiring.origin = entry.node.origin
                _WRITERS[type(entry.part)](self, entry, entry.part)
            written.add(entry)
            offer(entry)

    def step(self, name: str, parents: tuple[str, ...], make: StepFactory, grace_ms: int | None = None) -> None:
        self._wiring.add_step(StepNode(name, parents, (), make, name in self._sends_old, grace_ms))

    def store(self, store: p.PlannedStore, *processors: str) -> None:
        self._wiring.add_store(store.spec, store, *processors)

    def stream_source(self, entry: EditableNode, part: p.StreamSource) -> None:
        self._wiring.add_source(part.node)
        if part.value_around is not None:
            self._wiring.arounds[part.node.name] = part.value_around

    def table_source(self, entry: EditableNode, part: p.TableSource) -> None:
        self._wiring.add_source(part.source)
        has_store = part.table in self._made.materialized
        name = part.store.spec.name
        self.step(entry.name, (part.source.name,), part.make(name if has_store else None))
        if not has_store:
            return
        # The source topic of a table whose entries expire has no tombstones for them.
        if self._reuse_topics and isinstance(part.source.topics, tuple) and part.store.spec.ttl_ms is None:
            self.store(part.store, entry.name)
            self._wiring.serve_from_topic(name, part.source.topics[0])
        else:
            self.store(part.store, entry.name)

    def global_table(self, entry: EditableNode, part: p.GlobalTable) -> None:
        step = StepNode(entry.name, (part.source.name,), (part.store.spec.name,), part.make)
        self._wiring.add_global(GlobalStore(part.store.spec, part.source, step))

    def global_step(self, entry: EditableNode, part: p.GlobalStep) -> None:
        spec = spec_of(part.builder, logging=False)
        node = ProcessorNode(entry.name, (part.source.name,), (spec.name,), part.supplier)
        self._wiring.add_global(GlobalStore(spec, part.source, node))

    def state_store(self, entry: EditableNode, part: p.StateStore) -> None:
        self._wiring.add_store(spec_of(part.builder), part.builder)

    def built_in_store(self, entry: EditableNode, part: p.BuiltInStore) -> None:
        self.store(part.store)

    def plain_step(self, entry: EditableNode, part: p.Step) -> None:
        self.step(entry.name, entry.parent_names(), part.make, entry.node.grace_ms)
        if part.own is not None:
            self.store(part.own, entry.name)
        if part.stores:
            self._wiring.connect(entry.name, part.stores)

    def table_step(self, entry: EditableNode, part: p.TableStep) -> None:
        has_store = part.table in self._made.materialized
        self.step(entry.name, entry.parent_names(), part.make(part.store.spec.name if has_store else None))
        if has_store:
            self.store(part.store, entry.name)

    def user_step(self, entry: EditableNode, part: p.UserStep) -> None:
        node = ProcessorNode(entry.name, entry.parent_names(), (), part.supplier, part.fixed_key)
        self._wiring.add_step(node)
        for builder in part.brought:
            self._wiring.add_store(spec_of(builder), builder, entry.name)
        if part.stores:
            self._wiring.connect(entry.name, part.stores)

    def sink(self, entry: EditableNode, part: p.Sink) -> None:
        n = part.node
        node = SinkNode(n.name, entry.parent_names(), n.topic, n.key_serde, n.value_serde, n.partitioner)
        self._wiring.add_sink(node)
        if part.value_around is not None:
            self._wiring.arounds[n.name] = part.value_around

    def repartition(self, entry: EditableNode, part: p.Repartition) -> None:
        self._wiring.internal_topics[part.topic] = part.partitions
        keep = part.keep_null_keys if entry in self._keep_null_keys else part.drop_null_keys
        self.step(part.filter, entry.parent_names(), keep)
        self._wiring.add_sink(
            SinkNode(part.sink, (part.filter,), part.topic, part.key_serde, part.value_serde, part.partitioner)
        )
        self._wiring.add_source(SourceNode(part.source, (part.topic,), part.key_serde, part.value_serde))

    def table_repartition(self, entry: EditableNode, part: p.TableRepartition) -> None:
        self._wiring.internal_topics[part.topic] = None
        self._wiring.add_sink(SinkNode(part.sink, entry.parent_names(), part.topic, part.key_serde))
        self._wiring.add_source(SourceNode(part.source, (part.topic,), part.key_serde))
        self._wiring.arounds[part.sink] = self._wiring.arounds[part.source] = part.value_around

    def windowed(self, entry: EditableNode, part: p.Windowed) -> None:
        self.step(entry.name, entry.parent_names(), part.make)

    def stream_join(self, entry: EditableNode, part: p.StreamJoin) -> None:
        this, other = part.this, part.other
        if entry in self._self_joins:
            self.step(entry.name, (this.windowed,), part.self_join)
            self.store(this.store, this.windowed, entry.name)
            return
        self.step(this.name, (this.windowed,), this.make)
        self.step(other.name, (other.windowed,), other.make)
        self.step(entry.name, (this.name, other.name), part.merge)
        self.store(this.store, this.windowed, other.name)
        self.store(other.store, other.windowed, this.name)
        if part.shared is not None:
            self.store(part.shared, this.name, other.name)

    def table_join(self, entry: EditableNode, part: p.TableJoin) -> None:
        this, other = part.this, part.other
        self.step(this.name, (this.parent,), this.make)
        self.step(other.name, (other.parent,), other.make)
        self.step(entry.name, (this.name, other.name), part.merge)
        self._wiring.connect(this.name, this.reads)
        self._wiring.connect(other.name, other.reads)
        if part.own is not None:
            self.store(part.own, entry.name)

    def stream_table_join(self, entry: EditableNode, part: p.StreamTableJoin) -> None:
        self.step(entry.name, entry.parent_names(), part.make)
        if part.buffer is not None:
            self.store(part.buffer, entry.name)
        if part.stores:
            self._wiring.connect(entry.name, part.stores)
        if part.grace_ms is None:
            return
        for name in part.stores:
            spec = self._wiring.stores[name].spec
            if spec.kind is not StoreKind.VERSIONED:
                raise IllegalArgumentException("KTable must be versioned to use a grace period in a stream table join.")
            if part.grace_ms > spec.retention_ms:
                raise IllegalArgumentException("History retention must be at least grace period.")


_WRITERS: dict[type, Callable[..., None]] = {
    p.StreamSource: _Writer.stream_source,
    p.TableSource: _Writer.table_source,
    p.GlobalTable: _Writer.global_table,
    p.GlobalStep: _Writer.global_step,
    p.StateStore: _Writer.state_store,
    p.BuiltInStore: _Writer.built_in_store,
    p.Step: _Writer.plain_step,
    p.TableStep: _Writer.table_step,
    p.UserStep: _Writer.user_step,
    p.Sink: _Writer.sink,
    p.Repartition: _Writer.repartition,
    p.TableRepartition: _Writer.table_repartition,
    p.Windowed: _Writer.windowed,
    p.StreamJoin: _Writer.stream_join,
    p.TableJoin: _Writer.table_join,
    p.StreamTableJoin: _Writer.stream_table_join,
}

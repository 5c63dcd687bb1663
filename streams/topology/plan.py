"""What the DSL appends: steps with their names, nothing decided yet.

The DSL settles names, serdes and functions when a method is called; whether a table is materialised, whether old
values travel, and what the optimisations change is settled by `rewrite.build`. Every entry is frozen; a plan can be
built any number of times, with any configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import FrameType

from streams.serdes.base import AnySerde
from streams.topology.naming import Names
from streams.topology.node import SinkNode, SourceNode, StepFactory
from streams.topology.origin import Origin, calling, origin_of
from streams.topology.store import StoreSpec

ROOT = 0
"""Id of the node that all sources and stores hang from."""

Deferred = Callable[[str | None], StepFactory]
"""Makes a table's step once it is known whether it has a store (its name) or not (None)."""


MaybeSerde = AnySerde | None
"""None: the configured default."""


@dataclass(frozen=True, slots=True)
class SerdeAround:
    """A serde around another one, which may be the configured default of `side` (`key` or `value`)."""

    wrap: Callable[[AnySerde], AnySerde]
    inner: MaybeSerde
    side: str


@dataclass(frozen=True, slots=True)
class PlannedStore:
    """A store that a step brings along.

    Args:
        spec: the store.
        named: the user gave the name.
        anywhere: nobody said where it lives; `default.dsl.store` does.
    """

    spec: StoreSpec
    named: bool
    anywhere: bool = True


@dataclass(frozen=True, slots=True)
class StreamSource:
    """`stream(...)`: a source node."""

    node: SourceNode
    value_around: SerdeAround | None = None


@dataclass(frozen=True, slots=True)
class TableSource:
    """`table(...)`: a source node, the table's step, and its store where it is materialised."""

    source: SourceNode
    make: Deferred
    store: PlannedStore
    table: int


@dataclass(frozen=True, slots=True)
class GlobalTable:
    """`global_table(...)`: a source and a store, filled by every instance."""

    source: SourceNode
    make: StepFactory
    store: PlannedStore


@dataclass(frozen=True, slots=True)
class GlobalStep:
    """`add_global_store(...)`: the user's processor fills the store."""

    source: SourceNode
    supplier: Callable[[], object]
    builder: object


@dataclass(frozen=True, slots=True)
class StateStore:
    """`add_state_store(...)`. `builder` is the user's object: adding the same one again is no error."""

    builder: object


@dataclass(frozen=True, slots=True)
class BuiltInStore:
    """A store that several steps of one operator share."""

    store: PlannedStore


@dataclass(frozen=True, slots=True)
class Step:
    """One built-in step. `own` is created with it, `stores` are others that it opens."""

    make: StepFactory
    stores: tuple[str, ...] = ()
    own: PlannedStore | None = None
    table: int | None = None


@dataclass(frozen=True, slots=True)
class TableStep:
    """A step that starts a table within a sub-topology (`to_table`, the result of a foreign-key join)."""

    make: Deferred
    store: PlannedStore
    table: int


@dataclass(frozen=True, slots=True)
class UserStep:
    """A user's processor. `brought` are builders of stores that the supplier names."""

    supplier: Callable[[], object]
    stores: tuple[str, ...]
    brought: tuple[object, ...]
    fixed_key: bool


@dataclass(frozen=True, slots=True)
class Sink:
    """A sink node; its parents are those of the plan's node."""

    node: SinkNode
    value_around: SerdeAround | None = None


@dataclass(frozen=True, slots=True)
class Repartition:
    """Filter, sink, topic and source. `optimizable`: the operator asked for it, not the user."""

    topic: str
    filter: str
    sink: str
    source: str
    key_serde: MaybeSerde
    value_serde: MaybeSerde
    drop_null_keys: StepFactory
    keep_null_keys: StepFactory
    partitioner: Callable[..., object] | None = None
    partitions: int | None = None
    optimizable: bool = True


@dataclass(frozen=True, slots=True)
class TableRepartition:
    """Sink, topic and source of a grouped table."""

    topic: str
    sink: str
    source: str
    key_serde: MaybeSerde
    value_around: SerdeAround


@dataclass(frozen=True, slots=True)
class Windowed:
    """The node that keeps a stream's records for a stream-stream join."""

    make: StepFactory
    store: str


@dataclass(frozen=True, slots=True)
class JoinSide:
    """Node that keeps the records, node that joins, and its store."""

    windowed: str
    name: str
    make: StepFactory
    store: PlannedStore


@dataclass(frozen=True, slots=True)
class StreamJoin:
    """A stream-stream join: two joining steps, a merge, and for left and outer joins a shared store."""

    this: JoinSide
    other: JoinSide
    merge: StepFactory
    self_join: StepFactory
    shared: PlannedStore | None


@dataclass(frozen=True, slots=True)
class TableSide:
    """One joining step of a table-table join: whom it follows, and the stores it reads of the other side."""

    name: str
    parent: str
    make: StepFactory
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableJoin:
    """A table-table join: two joining steps and a merge."""

    this: TableSide
    other: TableSide
    merge: StepFactory
    own: PlannedStore | None
    table: int


@dataclass(frozen=True, slots=True)
class StreamTableJoin:
    """A stream joined with a table. `grace_ms`: the table has to be versioned, with so much history."""

    make: StepFactory
    stores: tuple[str, ...]
    buffer: PlannedStore | None = None
    grace_ms: int | None = None


Part = (
    (StreamSource | TableSource | GlobalTable | GlobalStep | StateStore | BuiltInStore | Step | TableStep | UserStep)
    | (Sink | Repartition | TableRepartition | Windowed | StreamJoin | TableJoin | StreamTableJoin | None)
)


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One entry. Its name is that of the node its children hang from.

    Args:
        priority: the order in which nodes are written (as far as parents allow).
        key_changing, value_changing, merge: what `merge.repartition.topics` asks.
        relaxed: it takes records without a key, so that a repartition above it may not drop them.
        versioned: its result is (not) a versioned table; None: as its parents'.
        suppress: it needs a table that is not versioned.
        grace_ms: a windowed aggregation closes its windows so long after their end.
        origin: the call of the script that it came from.
    """

    id: int
    name: str
    part: Part
    parents: tuple[int, ...]
    priority: int
    key_changing: bool = False
    value_changing: bool = False
    merge: bool = False
    relaxed: bool = False
    versioned: bool | None = None
    suppress: bool = False
    grace_ms: int | None = None
    origin: Origin | None = None


class TableKind(Enum):
    """What a table's current value comes from, and what asking it for old values means."""

    SOURCE = "source"
    """Its store, which exists only if somebody asks."""
    STORED = "stored"
    """Its store, which always exists."""
    FILTERED = "filtered"
    DERIVED = "derived"
    """Computed from the parent's value, unless it has a store."""
    JOINED = "joined"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table. `steps` are the nodes that send old values when it is asked for them."""

    kind: TableKind
    steps: tuple[str, ...]
    parents: tuple[int, ...] = ()
    materialized: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """Somebody needs a table's old values, or its current value (`view`).

    `force`: materialise it for this. Order matters: a filter that was added before its source had a store goes
    without old values, unless somebody below forces them.
    """

    table: int
    view: bool
    force: bool = True
    asker: int | None = None
    """The filter that sends old values if this demand can be met."""


@dataclass(slots=True)
class Plan:
    """The builder's record of everything that was said, in order."""

    names: Names = field(default_factory=Names)
    nodes: list[PlanNode] = field(default_factory=lambda: [PlanNode(ROOT, "root", None, (), 0)])
    tables: list[TablePlan] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    copartitioned: list[frozenset[str]] = field(default_factory=list)
    """Names of source nodes whose topics must have equally many partitions."""
    internal_topics: list[str] = field(default_factory=list)
    """Topics of foreign-key joins; those of repartitions are in their entries."""
    generated_repartitions: list[str] = field(default_factory=list)
    """Names of repartition topics that no user gave, each time one is asked for: also where an earlier one serves."""
    repartitions: dict[object, int] = field(default_factory=dict)
    """Of what several operators may be built on, a stream or a group: the repartition that they share."""
    _priority: int = 0
    _method: FrameType | None = None
    """Held while nodes are added, so that two calls from one line are two: no other frame can be this object."""
    _calls: int = 0

    def add(
        self,
        name: str,
        part: Part,
        parents: Sequence[int] = (ROOT,),
        *,
        key_changing: bool = False,
        value_changing: bool = False,
        merge: bool = False,
        relaxed: bool = False,
        versioned: bool | None = None,
        suppress: bool = False,
        grace_ms: int | None = None,
    ) -> int:
        """Appends a node below `parents`, and gives its id."""
        self._priority += len(parents)
        node = PlanNode(
            len(self.nodes),
            name,
            part,
            tuple(dict.fromkeys(parents)),
            self._priority,
            key_changing,
            value_changing,
            merge,
            relaxed,
            versioned,
            suppress,
            grace_ms,
            self._origin(),
        )
        self.nodes.append(node)
        return node.id

    def said(self) -> None:
        """All is said for now: lets go of the script's frame."""
        self._method = None

    def _origin(self) -> Origin | None:
        method = calling()
        if method is None:
            return None
        if method is not self._method:
            self._method = method
            self._calls += 1
        return origin_of(method, self._calls)

    def add_again(self, node: int) -> None:
        """A node that is shared by a further operator is written as late as that one asked for it."""
        self._priority += 1
        self.nodes[node] = replace(self.nodes[node], priority=self._priority)

    def table(self, table: TablePlan) -> int:
        """Notes a table, and gives its id."""
        self.tables.append(table)
        return len(self.tables) - 1

    def old_values(self, table: int) -> None:
        """Somebody below `table` cannot work without its old values."""
        self.demands.append(Demand(table, view=False))

    def old_values_if_cheap(self, table: int, asker: int) -> None:
        """The filter `asker` sends old values if `table` has them anyway."""
        self.demands.append(Demand(table, view=False, force=False, asker=asker))

    def view(self, table: int) -> None:
        """Somebody looks up the current values of `table`."""
        self.demands.append(Demand(table, view=True))

    def copartition(self, sources: frozenset[str]) -> None:
        """The topics of these source nodes must have equally many partitions."""
        self.copartitioned.append(sources)

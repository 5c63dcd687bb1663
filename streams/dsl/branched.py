"""Routes of a stream: `split` with its branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, Unpack

from streams.dsl import arity
from streams.dsl.flow import Flow
from streams.dsl.options import Branched
from streams.dsl.pick import pick
from streams.dsl.stream import KStream
from streams.operators.base import Operator, Scope
from streams.operators.branch import branch
from streams.operators.stateless import pass_through
from streams.signatures import written
from streams.spelling import no_attribute
from streams.topology.plan import Step
from streams.type_variables import K, V

if TYPE_CHECKING:
    from streams.dsl.fields import BranchedFields

PREFIX = "KSTREAM-BRANCH-"


@written
class BranchedKStream(Generic[K, V]):
    """A stream that is being split. A record goes to the first branch whose predicate is true."""

    __slots__ = ("_children", "_flow", "_name", "_node", "_predicates", "_streams")

    if not TYPE_CHECKING:
        __getattr__ = no_attribute

    def __init__(self, flow: Flow, name: str | None) -> None:
        self._flow = flow
        self._name = flow.plan.names.named(name, PREFIX)
        self._predicates: list[Callable[..., object] | None] = []
        self._children: list[str] = []
        self._streams: dict[str, KStream[K, V]] = {}
        self._node = flow.plan.add(self._name, Step(self._make), (flow.node,))

    def branch(
        self, predicate: Callable[[K, V], object], *options: Branched[K, V], **fields: Unpack[BranchedFields[K, V]]
    ) -> BranchedKStream[K, V]:
        """Adds a branch for the records for which `predicate(key, value)` is true."""
        fn = arity.fixed(predicate, arity.PAIR_FORM, "branch", "predicate cannot be null")
        self._predicates.append(fn)
        self._add(pick("branch", Branched, options, fields, "branched cannot be null"), len(self._predicates))
        return self

    def default_branch(
        self, *options: Branched[K, V], **fields: Unpack[BranchedFields[K, V]]
    ) -> dict[str, KStream[K, V]]:
        """Ends the split with a branch for all other records; gives the branches by name."""
        self._add(pick("default_branch", Branched, options, fields, "branched cannot be null"), 0)
        return dict(self._streams)

    def no_default_branch(self) -> dict[str, KStream[K, V]]:
        """Ends the split; records of no branch are dropped. Gives the branches by name."""
        return dict(self._streams)

    def _make(self, scope: Scope) -> Operator:
        predicates = [*self._predicates, *[None] * (len(self._children) - len(self._predicates))]
        return branch(predicates, self._children)(scope)

    def _add(self, branched: Branched[K, V] | None, index: int) -> None:
        branched = branched or Branched[K, V]()
        names = self._flow.plan.names
        child = self._name + (str(index) if branched.name is None else branched.name)
        self._children.append(child)
        names.node(child)
        node = self._flow.plan.add(child, Step(pass_through()), (self._node,))
        stream: KStream[K, V] = KStream(replace(self._flow, node=node, name=child))
        if branched.function is not None:
            made = branched.function(stream)
            if isinstance(made, KStream):
                self._streams[child] = made
        elif branched.consumer is not None:
            branched.consumer(stream)
        else:
            self._streams[child] = stream


def branches(flow: Flow, predicates: Sequence[Callable[[K, V], object]]) -> list[KStream[K, V]]:
    """`branch(p1, p2, …)`: the streams in the order of their predicates."""
    split: BranchedKStream[K, V] = BranchedKStream(flow, None)
    for predicate in predicates:
        split.branch(predicate)
    return list(split.no_default_branch().values())

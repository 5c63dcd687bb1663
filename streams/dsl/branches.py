"""`split` and its branches: a record goes to the first whose predicate is true."""

from __future__ import annotations

from dataclasses import replace

from streams.dsl.options import name_of
from streams.dsl.pick import Fields, Options
from streams.dsl.refs import SplitRef, StreamRef
from streams.functions import Plain
from streams.operators.base import Operator, Scope
from streams.operators.branch import branch as step
from streams.operators.stateless import pass_through
from streams.topology.plan import Step


def split(stream: StreamRef, options: Options, fields: Fields) -> SplitRef:
    """`split`: a node whose branches are told when they are all there, by the time a task is made."""
    name = stream.plan.names.named(name_of("split", options, fields), "KSTREAM-BRANCH-")
    predicates: list[Plain] = []
    children: list[str] = []

    def make(scope: Scope) -> Operator:
        return step([*predicates, *[None] * (len(children) - len(predicates))], children)(scope)

    return SplitRef(stream, name, stream.plan.add(name, Step(make), (stream.node,)), predicates, children)


def branch(split: SplitRef, name: str | None, number: int) -> StreamRef:
    """The next branch.

    Args:
        name: what the user called it, which comes after the split's name; else its number does.
    """
    child = split.name + (str(number) if name is None else name)
    split.children.append(child)
    plan = split.stream.plan
    plan.names.node(child)
    return replace(split.stream, node=plan.add(child, Step(pass_through()), (split.node,)), name=child)

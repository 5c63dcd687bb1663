"""Sends each record to the first branch whose predicate holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streams.operators.base import Code, Down, Rec, StepMaker
from streams.operators.calls import truth
from streams.operators.stateless import Step


def branch(predicates: Sequence[Callable[[object, object], object] | None], children: Sequence[str]) -> StepMaker:
    """The record goes to `children[i]` for the first `predicates[i](key, value)` that is true, else nowhere.

    Args:
        predicates: asked in turn, each at most once a record; None takes all that is left (the default branch).
        children: names of the nodes that the branches lead to, in the order of the predicates.
    """

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        # One expression and one chain of ifs: the text stays flat however many branches there are.
        asked = ""
        last = "None"
        for at, predicate in enumerate(predicates):
            if predicate is None:
                last = str(at)
                break
            held = truth(code, f"{code.use(predicate)}({rec.key}, {rec.value})")
            asked += f"{at} if {held} else "
        with code.attempt(rec, "branch", asked + last) as chosen:
            for at, child in enumerate(children[: len(predicates)]):
                with code.block(f"{'el' if at else ''}if {chosen} == {at}"):
                    down(rec, child)

    step = Step(write_step)
    return lambda scope: step

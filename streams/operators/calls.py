"""Users' functions as text and as plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.errors import TopologyException
from streams.functions import ASYNC_STEP, UNRUN, unrun
from streams.operators.base import Call, Code

Aggregator = Callable[[Any, Any, Any], Any]
"""`(key, value, aggregate)` to the new aggregate, or `(key, left, right)` to both in one."""


def keyed(call: Call) -> Callable[[object, object], object]:
    """A mapper of values with its key first, whatever its form."""
    fn = call.fn
    return fn if call.with_key else lambda key, value: fn(value)


def joined(call: Call) -> Callable[[object, object, object], object]:
    """A joiner with its key first, whatever its form."""
    fn = call.fn
    return fn if call.with_key else lambda key, left, right: fn(left, right)


def called(code: Code, call: Call, key: str, *values: str) -> str:
    """The text of a call, in the form that the user's function takes."""
    return f"{code.use(call.fn)}({', '.join((key, *values) if call.with_key else values)})"


def truth(code: Code, call: str) -> str:
    """The text of what a predicate says. A coroutine is true, so that a filter would let everything pass: what is
    neither False nor True is looked at."""
    said = code.name("said")
    unrun, refuse = code.use(UNRUN, "unrun"), code.use(refuse_unrun, "refuse")
    return f"(({said} := {call}) and ({said} is True or {said}.__class__ not in {unrun} or {refuse}({said})))"


def holds(said: object) -> bool:
    """The same for a predicate that was called already."""
    return bool(said) and refuse_unrun(said)


def done(code: Code, call: str) -> str:
    """The text of a call whose result nobody uses: that of an asynchronous function would be lost, and never run."""
    said = code.name("said")
    unrun, refuse = code.use(UNRUN, "unrun"), code.use(refuse_unrun, "refuse")
    return f"({said} := {call}) is None or {said}.__class__ not in {unrun} or {refuse}({said})"


def refuse_unrun(given: object, may_yield: bool = False) -> bool:
    """True, unless a function gave what has yet to run.

    Args:
        may_yield: a generator will be iterated over.
    Raises:
        TopologyException: it did; it would do so for each record, so no handler is asked.
    """
    why = unrun(given, may_yield)
    if why is not None:
        raise TopologyException(f"the function gave {why}. {ASYNC_STEP}")
    return True


def reducing(reducer: Callable[[object, object], object]) -> Aggregator:
    """The aggregator of a reduction: the first value is taken as it is."""

    def reduce(key: object, value: object, aggregate: object) -> object:
        return value if aggregate is None else reducer(aggregate, value)

    return reduce


def one_more(key: object, value: object, aggregate: int) -> int:
    """The aggregator of a count."""
    return aggregate + 1

"""Users' functions as text and as plain functions, and how a step is told its store's kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.operators.base import Call, Code

Aggregator = Callable[[Any, Any, Any], Any]
"""`(key, value, aggregate)` to the new aggregate, or `(key, left, right)` to both in one."""


def settled(thing: object) -> Any:
    """A thing whose type the plan has settled: the maker of an operator knows which kind of store it named."""
    return thing


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


def reducing(reducer: Callable[[object, object], object]) -> Aggregator:
    """The aggregator of a reduction: the first value is taken as it is."""

    def reduce(key: object, value: object, aggregate: object) -> object:
        return value if aggregate is None else reducer(aggregate, value)

    return reduce


def one_more(key: object, value: object, aggregate: Any) -> object:
    """The aggregator of a count."""
    return aggregate + 1

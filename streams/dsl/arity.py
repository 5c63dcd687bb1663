"""Which form a user's function takes, settled once, when the topology is built (decision 26).

The signature is read; the function is never called to find out. Where Java overloads by arity the shorter form wins
whenever the function can be called with it: `round`, `str.split` and `lambda v, cache={}` are mappers of values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from streams.errors import NullPointerException, TopologyException
from streams.operators.base import Call

VALUE_FORMS = ("value", "key, value")
JOIN_FORMS = ("left, right", "key, left, right")
PAIR_FORM = "key, value"
AGGREGATE_FORM = "key, value, aggregate"
MERGE_FORM = "key, left, right"
REDUCE_FORM = "left, right"


def either(fn: object, forms: tuple[str, str], method: str, missing: str) -> Call:
    """A function of the shorter or the longer form.

    Args:
        fn: the user's function, or whatever was given for one.
        forms: the parameters of both forms, shorter first.
        method: what it was given to, for messages.
        missing: the text where it is None.
    Raises:
        NullPointerException: it is None.
        TopologyException: it is no function, or fits neither form.
    """
    given = _function(fn, method, missing)
    short, long = (len(form.split(",")) for form in forms)
    accepted = _accepts(given)
    if accepted(short):
        return Call(given, False)
    if accepted(long):
        return Call(given, True)
    raise TopologyException(
        f"{method}() takes a function of ({forms[0]}) or ({forms[1]}), and {_said(given)} can be called with neither. "
        f"Write it as `lambda {forms[0]}: …` or `lambda {forms[1]}: …`."
    )


def fixed(fn: object, form: str, method: str, missing: str) -> Callable[..., Any]:
    """A function of one form. What it takes and gives is the user's affair from here on.

    Raises:
        NullPointerException: it is None; `missing` is the text.
        TopologyException: it is no function, or cannot be called so.
    """
    given = _function(fn, method, missing)
    count = len(form.split(",")) if form else 0
    if _accepts(given)(count):
        return given
    raise TopologyException(
        f"{method}() takes a function of ({form}), and {_said(given)} cannot be called so. "
        f"Write it as `lambda {form}: …`."
    )


def present(value: object, missing: str) -> None:
    """Refuses None.

    Raises:
        NullPointerException: with the text `missing`.
    """
    if value is None:
        raise NullPointerException(missing)


def _function(given: object, method: str, missing: str) -> Callable[..., Any]:
    present(given, missing)
    if not callable(given):
        raise TopologyException(f"{method}() takes a function, got {given!r}.")
    return given


def _accepts(fn: Callable[..., object]) -> Callable[[int], bool]:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return lambda count: True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    unbounded = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        return lambda count: False
    return lambda count: required <= count and (unbounded or count <= len(positional))


def _said(fn: Callable[..., object]) -> str:
    name = getattr(fn, "__qualname__", None) or repr(fn)
    try:
        return f"{name}{inspect.signature(fn)}"
    except (TypeError, ValueError):
        return str(name)

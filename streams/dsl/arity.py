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


def either(fn: Callable[..., object] | None, forms: tuple[str, str], method: str, missing: str) -> Call:
    """A function of the shorter or the longer form.

    Args:
        fn: the user's function.
        forms: the parameters of both forms, shorter first.
        method: what it was given to, for messages.
        missing: the text where it is None.
    Raises:
        NullPointerException: it is None.
        TopologyException: it fits neither form.
    """
    present(fn, missing)
    short, long = (len(form.split(",")) for form in forms)
    accepted = _accepts(fn, method)
    if accepted(short):
        return Call(_checked(fn), False)
    if accepted(long):
        return Call(_checked(fn), True)
    raise TopologyException(
        f"{method}() takes a function of ({forms[0]}) or ({forms[1]}), and {_said(fn)} can be called with neither. "
        f"Write it as `lambda {forms[0]}: …` or `lambda {forms[1]}: …`."
    )


def fixed(fn: Callable[..., object] | None, form: str, method: str, missing: str) -> Callable[..., Any]:
    """A function of one form. What it takes and gives is the user's affair from here on.

    Raises:
        NullPointerException: it is None; `missing` is the text.
        TopologyException: it cannot be called so.
    """
    if fn is None:
        raise NullPointerException(missing)
    count = len(form.split(",")) if form else 0
    if _accepts(fn, method)(count):
        return fn
    raise TopologyException(
        f"{method}() takes a function of ({form}), and {_said(fn)} cannot be called so. Write it as `lambda {form}: …`."
    )


def present(value: object, missing: str) -> None:
    """Refuses None.

    Raises:
        NullPointerException: with the text `missing`.
    """
    if value is None:
        raise NullPointerException(missing)


def _accepts(fn: object, method: str) -> Callable[[int], bool]:
    if not callable(fn):
        raise TopologyException(f"{method}() takes a function, got {fn!r}.")
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


def _checked(fn: Callable[..., object] | None) -> Callable[..., object]:
    assert fn is not None
    return fn


def _said(fn: object) -> str:
    name = getattr(fn, "__qualname__", None) or repr(fn)
    try:
        return f"{name}{inspect.signature(fn)}" if callable(fn) else str(name)
    except (TypeError, ValueError):
        return str(name)

"""Which form a user's function takes, settled once, when the topology is built (decision 26).

The signature is read; the function is never called to find out. Where Java overloads by arity the shorter form wins
whenever the function can be called with it: `round`, `str.split` and `lambda v, cache={}` are mappers of values.
"""

from __future__ import annotations

import inspect

from streams import arguments
from streams.errors import TopologyException
from streams.functions import Plain, said
from streams.operators.base import Call

VALUE_FORMS = ("value", "key, value")
JOIN_FORMS = ("left, right", "key, left, right")
PAIR_FORM = "key, value"
AGGREGATE_FORM = "key, value, aggregate"
MERGE_FORM = "key, left, right"
REDUCE_FORM = "left, right"


def either(fn: object, forms: tuple[str, str], method: str, missing: str, *, may_yield: bool = False) -> Call:
    """A function of the shorter or the longer form.

    Args:
        fn: the user's function, or whatever was given for one.
        forms: the parameters of both forms, shorter first.
        method: what it was given to, for messages.
        missing: the text where it is None.
        may_yield: it may be a generator, whose values are taken one by one.
    Raises:
        NullPointerException: it is None.
        TopologyException: it is no plain function, or fits neither form.
    """
    present(fn, missing)
    return _fitting(arguments.plain_function(fn, f"{method}()", may_yield=may_yield), forms, method)


def awaited(fn: object, forms: tuple[str, str], method: str, missing: str) -> Call:
    """The same for a function whose result is awaited."""
    present(fn, missing)
    if not callable(fn):
        raise TopologyException(f"{method}() takes a function, got {fn!r}. Give the function itself.")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise TopologyException(f"{method}() takes a function that gives one value; {said(fn)} has `yield` in it.")
    return _fitting(fn, forms, method)


def _fitting(fn: Plain, forms: tuple[str, str], method: str) -> Call:
    short, long = (len(form.split(",")) for form in forms)
    accepted = arguments.accepts(fn)
    if accepted(short):
        return Call(fn, False)
    if accepted(long):
        return Call(fn, True)
    raise TopologyException(
        f"{method}() takes a function of ({forms[0]}) or ({forms[1]}), and {said(fn)} can be called with neither. "
        f"{arguments.class_hint(fn)}Write it as `lambda {forms[0]}: …` or `lambda {forms[1]}: …`."
    )


def fixed(fn: object, form: str, method: str, missing: str, *, may_yield: bool = False) -> Plain:
    """A function of one form. What it takes and gives is the user's affair from here on.

    Raises:
        NullPointerException: it is None; `missing` is the text.
        TopologyException: it is no plain function, or cannot be called so.
    """
    present(fn, missing)
    return arguments.function(fn, form, f"{method}()", may_yield=may_yield)


def present(value: object, missing: str) -> None:
    """Refuses None.

    Raises:
        NullPointerException: `missing` is Java's text.
    """
    if value is None:
        raise arguments.none_given(missing)

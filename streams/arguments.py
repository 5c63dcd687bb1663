"""Arguments that many calls take, checked where they are handed over: functions, serdes, topics, counts.

What is wrong is said with the name of the argument, when it is written, rather than by the first record.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from streams.errors import IllegalArgumentException, KafkaException, NullPointerException, TopologyException
from streams.functions import ASYNC_STEP, SEVERAL, Plain, said, why_not_plain
from streams.names import check_name, check_topic
from streams.serdes.base import AnySerde, Serde, in_java, no_serde
from streams.spelling import snake

Error = Callable[[str], KafkaException]

INT_MAX = (1 << 31) - 1
LONG_MAX = (1 << 63) - 1


def accepts(fn: Callable[..., object]) -> Callable[[int], bool]:
    """Can it be called with so many positional arguments? Yes, where its signature cannot be read."""
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


def plain_function(given: object, what: str, *, may_yield: bool = False, error: Error = TopologyException) -> Plain:
    """Something that can be called, and runs when it is.

    Args:
        given: the user's function, or whatever was given for one.
        what: what takes it, for messages.
        may_yield: it may be a generator, whose values are taken one by one.
        error: makes what is raised.
    """
    if not callable(given):
        raise error(f"{what} takes a function, got {given!r}. Give the function itself, not what calling it gave.")
    why = why_not_plain(given, may_yield)
    if why is not None:
        way_out = SEVERAL if "`yield`" in why else ASYNC_STEP
        raise error(f"{what} takes a plain function, and {said(given)} {why}. {way_out}")
    return given


def function(
    given: object, form: str, what: str, *, may_yield: bool = False, error: Error = TopologyException
) -> Plain:
    """A plain function that can be called in one form, e.g. `key, value`; see `plain_function`."""
    fn = plain_function(given, what, may_yield=may_yield, error=error)
    if accepts(fn)(len(form.split(",")) if form else 0):
        return fn
    raise error(
        f"{what} takes a function of ({form}), and {said(fn)} cannot be called so. "
        f"{class_hint(fn)}Write it as `lambda {form}: …`."
    )


def class_hint(given: object) -> str:
    """A class whose objects can be called was probably meant to be one of them."""
    if isinstance(given, type) and any("__call__" in vars(base) for base in given.__mro__):
        return f"It is a class; give an object of it, {given.__name__}(). "
    return ""


def none_given(java: str) -> NullPointerException:
    """The error for None where something has to be given.

    Args:
        java: the words of Kafka Streams, which begin with the name that the argument has there.
    """
    name = snake(re.split(r" (?:cannot|can't|must not|should not) ", java)[0])
    return NullPointerException(f"{name} is None, and has to be given.{in_java(java)}")


def serde(given: object, what: str) -> AnySerde | None:
    """A serde, or None where none is given.

    Raises:
        IllegalArgumentException: it is something else.
    """
    if given is None or isinstance(given, Serde):
        return given
    raise no_serde(given, what)


def name(given: object, what: str) -> str:
    """The name of an operator or a store.

    Raises:
        IllegalArgumentException: it is no text.
        TopologyException: it is not allowed.
    """
    if not isinstance(given, str):
        raise IllegalArgumentException(f"{what} takes a name, got {given!r}.")
    return check_name(given)


def topic(given: object, what: str) -> str:
    """The name of a topic.

    Raises:
        NullPointerException: it is None.
        IllegalArgumentException: it is no text.
        InvalidTopicException: no topic may have that name.
    """
    if given is None:
        raise NullPointerException(f"{what}: topic can't be null")
    if not isinstance(given, str):
        raise IllegalArgumentException(f"{what} takes the name of a topic, got {given!r}.")
    return check_topic(given, what)


def whole(given: object, what: str, low: int | None = None, high: int = LONG_MAX) -> int:
    """A whole number from `low` to `high`.

    Raises:
        IllegalArgumentException: it is something else.
    """
    if isinstance(given, bool) or not isinstance(given, int):
        raise IllegalArgumentException(f"{what} takes a whole number, got {given!r}.")
    if given > high or (low is not None and given < low):
        raise IllegalArgumentException(f"{what} takes a whole number from {low} to {high}, got {given}.")
    return given

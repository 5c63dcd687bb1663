"""Serdes made of the user's own functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from streams.errors import IllegalArgumentException
from streams.functions import said, why_not_plain
from streams.record import Headers
from streams.serdes.base import Serde, V, written

FORMS = "(value), (topic, value) or (topic, headers, value)"


def of(
    serialize: Callable[..., bytes],
    deserialize: Callable[..., V],
    *,
    name: str | None = None,
    canonical: bool = False,
) -> Serde[V]:
    """A serde made of two functions.

    Args:
        serialize: value to bytes; called as `(value)`, `(topic, value)` or `(topic, headers, value)`, by the
            positional parameters it must be given. An object with a method `serialize` of such a form will
            do.
        deserialize: bytes to value; called alike. An object with a method `deserialize` will do.
        name: what messages call it.
        canonical: see `Serde.canonical`.
    Raises:
        IllegalArgumentException: one of the two cannot be called in any of the forms.
    """
    write, write_form = _callable(serialize, "serialize")
    read, read_form = _callable(deserialize, "deserialize")
    called = name or f"Serdes.of({_named(serialize)}, {_named(deserialize)})"

    def encode_with(topic: str, headers: Headers, value: V) -> bytes:
        return written(called, _call(write, write_form, topic, headers, value))

    def decode_with(topic: str, headers: Headers, data: bytes) -> V:
        return cast(V, _call(read, read_form, topic, headers, data))

    return Serde(
        name=called,
        encode=(lambda value: written(called, write(value))) if write_form == 1 else _without_topic(encode_with),
        decode=read if read_form == 1 else _without_topic(decode_with),
        canonical=canonical,
        encode_with=encode_with if write_form > 1 else None,
        decode_with=decode_with if read_form > 1 else None,
    )


def _without_topic(call: Callable[[str, Headers, Any], Any]) -> Callable[[Any], Any]:
    return lambda value: call("", (), value)


def _call(call: Callable[..., Any], form: int, topic: str, headers: Headers, value: object) -> Any:
    if form == 1:
        return call(value)
    return call(topic, value) if form == 2 else call(topic, headers, value)


def _callable(given: object, method: str) -> tuple[Callable[..., Any], int]:
    """What to call, and with how many arguments."""
    call = getattr(given, method, given)
    if not callable(call):
        raise IllegalArgumentException(
            f"Serdes.of: {given!r} can neither be called nor has it a method {method}. Give one {FORMS}."
        )
    why = why_not_plain(call)
    if why is not None:
        raise IllegalArgumentException(f"Serdes.of: {method} takes a plain function, and {said(call)} {why}.")
    try:
        parameters = inspect.signature(call).parameters.values()
    except (ValueError, TypeError):
        return call, 1
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    open_ended = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters) or required > 3:
        raise IllegalArgumentException(f"Serdes.of: {_named(given)} cannot be called as {FORMS}.")
    if not positional and not open_ended:
        raise IllegalArgumentException(f"Serdes.of: {_named(given)} takes no argument. Give one {FORMS}.")
    return call, max(required, 1)


def _named(given: object) -> str:
    return getattr(given, "__qualname__", type(given).__qualname__)

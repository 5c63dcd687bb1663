"""Functions that are called, and not awaited: what only looks like one is found out when it is handed over.

Calling an `async def` gives a coroutine, calling a function with `yield` in it a generator. Neither has run by then,
and both are true: a filter would let everything pass, a processor would lose every record, without a word.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType
from typing import Any

ASYNC_STEP = (
    "To await something for each record, put map_values_async(…) before it, which waits for the answers and hands them "
    "on in order."
)

SEVERAL = "Return the value; for several, flat_map_values(…) and flat_map(…) take a function that yields them."

_ITERABLE_COROUTINE = 0x100
"""The flag of functions under `types.coroutine`."""
_awaited = re.compile(
    r"(?:[A-Za-z_][\w.]*\.)?(?:Awaitable|Coroutine|CoroutineType|AsyncIterator|AsyncIterable|AsyncGenerator|Task)\b"
)

Plain = Callable[..., Any]
"""A function of the user's: what it takes and gives is its own affair."""

UNRUN: frozenset[type] = frozenset({CoroutineType, AsyncGeneratorType, GeneratorType})
"""Classes of what a call gives that has not run anything yet."""


def said(fn: object) -> str:
    """A function as messages say it: its name and its parameters."""
    name = getattr(fn, "__qualname__", None) or repr(fn)
    try:
        return f"{name}{inspect.signature(fn)}" if callable(fn) else repr(fn)
    except (TypeError, ValueError):
        return str(name)


def why_not_plain(fn: object, may_yield: bool = False) -> str | None:
    """Why calling `fn` would run nothing, None where it is a plain function as far as can be seen.

    Only what the function says of itself is read: that it is `async def` (also inside `functools.partial`, in a bound
    method, or as the `__call__` of an object), has a `yield` in it, or is annotated to return an awaitable. A wrapper
    around such a function may run it, and is taken as plain.

    Args:
        may_yield: a generator is taken as the several values it gives.
    """
    plain = _inner(fn)
    if inspect.iscoroutinefunction(plain) or _flags(plain) & _ITERABLE_COROUTINE:
        return "is `async def`: what it returns would have to be awaited, and nobody awaits it here"
    if inspect.isasyncgenfunction(plain):
        return "is an asynchronous generator: nobody iterates over it here"
    if not may_yield and inspect.isgeneratorfunction(plain):
        return "has `yield` in it: calling it runs nothing"
    annotations = getattr(plain, "__annotations__", None)
    returns = annotations.get("return") if isinstance(annotations, dict) else None
    if returns is not None and not isinstance(plain, type) and _is_awaitable(returns):
        return "returns an awaitable, as its annotation says, and nobody awaits it here"
    return None


def unrun(given: object, may_yield: bool = False) -> str | None:
    """Why what a function gave has not run, None where it is a value like any other."""
    kind = given.__class__
    if kind is GeneratorType:
        return None if may_yield else "a generator, which has not run: there is a `yield` in what was called"
    if kind is CoroutineType and isinstance(given, CoroutineType):
        given.close()  # or Python would warn of it later, somewhere else
        return "a coroutine, which nobody awaits here"
    if kind is AsyncGeneratorType:
        return "an asynchronous generator, which nobody iterates over here"
    return "an awaitable, which nobody awaits here" if hasattr(kind, "__await__") else None


def _inner(fn: object) -> object:
    """The function that runs in the end: out of partials, methods, caches and callable objects."""
    for _ in range(100):
        if isinstance(fn, functools.partial):
            fn = fn.func
        elif inspect.ismethod(fn):
            fn = fn.__func__
        elif isinstance(fn, staticmethod | classmethod) or type(fn).__module__ == "functools":
            fn = getattr(fn, "__wrapped__", None)
        elif isinstance(fn, FunctionType | type) or inspect.isbuiltin(fn) or inspect.iscoroutinefunction(fn):
            return fn
        else:
            call = type(fn).__call__ if callable(fn) else None
            if not inspect.isfunction(call) and not isinstance(call, functools.partialmethod):
                return fn
            fn = call.func if isinstance(call, functools.partialmethod) else call
    return fn


def _flags(fn: object) -> int:
    code = getattr(fn, "__code__", None)
    return code.co_flags if code is not None and isinstance(fn, FunctionType) else 0


def _is_awaitable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return _awaited.match(annotation) is not None
    kind = getattr(annotation, "__origin__", annotation)
    return isinstance(kind, type) and kind is not object and any("__await__" in vars(base) for base in kind.__mro__)

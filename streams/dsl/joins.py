"""Which join a stream's `join` means: it follows from what the stream is joined with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.dsl.global_table import GlobalKTable
from streams.dsl.stream import KStream
from streams.dsl.stream_join import join_streams
from streams.dsl.stream_table_join import join_global_table, join_table
from streams.dsl.table import KTable
from streams.dsl.windows import JoinWindows
from streams.errors import IllegalArgumentException, NullPointerException


def join(
    method: str,
    kind: str,
    stream: KStream[Any, Any],
    other: object,
    given: tuple[object, ...],
    fields: Mapping[str, object],
) -> KStream[Any, Any]:
    """A join with a stream, a table or a global table.

    Raises:
        NullPointerException: something is None.
        IllegalArgumentException: it is joined with something else.
    """
    if isinstance(other, KStream):
        return join_streams(method, kind, stream, other, given, fields)
    if isinstance(other, KTable) and kind != "outer":
        return join_table(method, kind == "left", stream, other, given, fields)
    if isinstance(other, GlobalKTable) and kind != "outer":
        return join_global_table(method, kind == "left", stream, other, given, fields)
    if other is None:
        if any(isinstance(thing, JoinWindows) for thing in given) or kind == "outer":
            raise NullPointerException("otherStream cannot be null")
        functions = sum(callable(thing) for thing in given)
        raise NullPointerException("globalTable cannot be null" if functions > 1 else "table cannot be null")
    partners = "a KStream" if kind == "outer" else "a KStream, a KTable or a GlobalKTable"
    raise IllegalArgumentException(f"{method}() joins a stream with {partners}, got {other!r}.")

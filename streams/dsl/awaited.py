"""`map_values_async`: values that are made by asynchronous functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.dsl import arity
from streams.dsl.flow import Flow, name_of, new_value
from streams.dsl.options import Named
from streams.durations import Duration, to_ms
from streams.errors import IllegalArgumentException
from streams.operators.async_step import map_values_async as step


def map_values_async(
    flow: Flow,
    mapper: Callable[..., Any],
    options: tuple[Named, ...],
    fields: Mapping[str, object],
    max_in_flight: int,
    timeout: Duration | None,
) -> Flow:
    """Puts the step below `flow`.

    Raises:
        IllegalArgumentException: `max_in_flight` is no positive number, or the timeout not positive.
        TopologyException: the function cannot be called so, or has `yield` in it.
    """
    call = arity.awaited(mapper, arity.VALUE_FORMS, "map_values_async", "mapper cannot be null")
    if isinstance(max_in_flight, bool) or not isinstance(max_in_flight, int) or max_in_flight < 1:
        raise IllegalArgumentException(f"max_in_flight must be at least 1, got {max_in_flight!r}.")
    timeout_ms = None if timeout is None else to_ms(timeout, "timeout")
    if timeout_ms is not None and timeout_ms <= 0:
        raise IllegalArgumentException("The timeout must be larger than zero; None lets a call take any time.")
    name = name_of("map_values_async", options, fields)
    return new_value(flow, "KSTREAM-MAPVALUESASYNC-", name, step(call, max_in_flight, timeout_ms))

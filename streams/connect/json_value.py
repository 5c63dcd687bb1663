"""JSON with types: what is read is one of these, and `isinstance` says which."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A value; an array is a list, an object a dict."""


def dumped(value: object) -> bytes:
    """JSON as Kafka Connect writes it: compact, names in their order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def read(data: bytes | str) -> Json:
    """The value of a text.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deep.
    """
    found: Json = json.loads(data)
    return found


def loaded(data: bytes | None) -> Json:
    """The value of a text, None where it is none."""
    try:
        return None if data is None else read(data)
    except (ValueError, RecursionError):
        return None

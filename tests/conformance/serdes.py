"""The serdes of SPEC.md 2.1."""

from __future__ import annotations

import json
from typing import Any

from streams import Serdes, errors

Spec = str | list[Any]


def parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise errors.SerializationException("not JSON") from None


JSON = Serdes.of(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), parsed)
PLAIN = {"string": Serdes.string(), "long": Serdes.long(), "json": JSON}


def serde(spec: Spec | None) -> Any:
    """The serde a spec names; None for none given."""
    if spec is None:
        return None
    if isinstance(spec, str):
        return PLAIN[spec]
    if spec[0] == "time_windowed":
        return Serdes.time_windowed(serde(spec[1]), spec[2])
    return Serdes.session_windowed(serde(spec[1]))

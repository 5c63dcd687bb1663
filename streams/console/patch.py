"""What has changed between two JSON documents, as a merge patch (RFC 7396): the members that differ; null, one is gone.

Documents have no null of their own, as a merge patch cannot say it.
"""

from __future__ import annotations

from collections.abc import Mapping

Json = Mapping[str, object]


def merge_patch(before: Json, now: Json) -> dict[str, object]:
    """What makes of one document the other; empty: they are equal."""
    found: dict[str, object] = {}
    for name, value in now.items():
        was = before.get(name)
        if isinstance(value, Mapping) and isinstance(was, Mapping):
            inner = merge_patch(was, value)
            if inner:
                found[name] = inner
        elif value != was or type(value) is not type(was):
            found[name] = value
    found.update(dict.fromkeys(before.keys() - now.keys()))
    return found

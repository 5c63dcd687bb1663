"""Differences from Java that are meant: each a precise rule, by its row in docs/differences-from-java.md.

A rule looks at the case and at one difference, never at a class of topologies. A run prints how many it excused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.drive import Differs

WAITING = re.compile(rb"^\x01\0{3}\x01\0{3}.[\0\x01]", re.DOTALL)
"""Before the value of one record that waits in an outer join: how many they are, its length, its side."""
Rule = Callable[[Mapping[str, Any], Differs], bool]


def fails_in_java_alone(kind: str, words: str) -> Rule:
    """Java ends with an exception of this class whose message holds these words; here nothing fails for that.

    Where Java's processing handler goes on after it, it has lost the record: what comes out from that event on differs.
    """

    def rule(case: Mapping[str, Any], difference: Differs) -> bool:
        chain = case["expect"].get("error", {}).get("chain", ())
        raised = any(link["class"] == kind and words in (link["message"] or "") for link in chain)
        if raised and difference.part in ("error", "error's"):
            return True
        handled = case["expect"].get("handled", ())
        lost = [at for at, name, message in handled if name == kind and words in (message or "")]
        return bool(lost) and (difference.part != "event" or int(difference.what.split(" ")[1]) >= lost[0])

    return rule


def reverse_range_with_deleted_keys(case: Mapping[str, Any], difference: Differs) -> bool:
    """`range_store` writes `forwards | backwards`: Java lists deleted keys backwards, and nothing else is off."""
    got, recorded = difference.got, difference.recorded
    if difference.part not in ("event", "bytes") or not (isinstance(got, list) and isinstance(recorded, list)):
        return False
    if len(got) != len(recorded):
        return False
    if difference.part == "bytes":  # of an internal topic that took it in: key, value, time
        got, recorded = as_rows(got), as_rows(recorded)
    pairs = [(g, r) for g, r in zip(got, recorded, strict=True) if g != r]
    return all([*g[:2], *g[3:]] == [*r[:2], *r[3:]] and lists_more_backwards(g[2], r[2]) for g, r in pairs)


def as_rows(raw: list[Any]) -> list[list[Any]]:
    """Rows of an internal topic in the form of an event's, with the values as text."""

    def value(data: str | None) -> str | None:
        return None if data is None else WAITING.sub(b"", bytes.fromhex(data)).decode("utf-8", "replace")

    return [["", key, value(data), ts] for key, data, ts in raw]


def lists_more_backwards(got: object, recorded: object) -> bool:
    """Are the keys of `recorded` those of `got`, of which three are shown at most, with others between?"""
    if not (isinstance(got, str) and isinstance(recorded, str) and "|" in got and "|" in recorded):
        return False
    (ahead, back), (java_ahead, java_back) = got.split("|", 1), recorded.split("|", 1)
    ours, javas = back.split(" "), java_back.split(" ")
    left = [key for key in javas if key in ours]
    return ahead == java_ahead and len(left) < len(javas) and left == ours[: len(left)]


RULES: dict[str, Rule] = {
    "deleted keys in a reverse range": reverse_range_with_deleted_keys,
    "joins of cogrouped windows": fails_in_java_alone(
        "InvalidStateStoreException", "KTable source state store must implement"
    ),
    "a global table with options but no name": fails_in_java_alone(
        "IllegalArgumentException", "Global stores must pass in suppliers with exactly one store but got 0"
    ),
    "emission on close from a supplied session store": fails_in_java_alone(
        "UnsupportedOperationException", "This API is not supported by this implementation of SessionStore."
    ),
    "cached sessions near the epoch": fails_in_java_alone("IllegalStateException", "segment interval has changed"),
}
"""By the first cell of the row of the page."""


def excuse(case: Mapping[str, Any], difference: Differs) -> str | None:
    """The words of the rule that this difference falls under, if any."""
    for words, rule in RULES.items():
        if rule(case, difference):
            return words
    return None

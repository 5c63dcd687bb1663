"""Differences from Java that are meant: each a precise rule, by its row in docs/differences-from-java.md.

A rule looks at the case and at one difference, never at a class of topologies. A run prints how many it excused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.drive import Differs

Rule = Callable[[Mapping[str, Any], Differs], bool]


def fails_in_java_alone(kind: str, words: str) -> Rule:
    """Java ends with an exception of this class whose message holds these words; here nothing fails for that."""

    def rule(case: Mapping[str, Any], difference: Differs) -> bool:
        chain = case["expect"].get("error", {}).get("chain", ())
        raised = any(link["class"] == kind and words in (link["message"] or "") for link in chain)
        return raised and difference.part in ("error", "error's")

    return rule


RULES: dict[str, Rule] = {
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

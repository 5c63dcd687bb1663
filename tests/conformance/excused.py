"""Differences from Java that are meant: each a precise rule, by the heading of docs/differences-from-java.md.

A rule looks at the case and at one difference, never at a class of topologies. A run prints how many it excused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.drive import Differs

Rule = Callable[[Mapping[str, Any], Differs], bool]
RULES: dict[str, Rule] = {}
"""By the anchor on the page."""


def excuse(case: Mapping[str, Any], difference: Differs) -> str | None:
    """The anchor of the rule that this difference falls under, if any."""
    for anchor, rule in RULES.items():
        if rule(case, difference):
            return anchor
    return None

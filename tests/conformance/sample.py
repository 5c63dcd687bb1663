"""Few cases that use, together, each word that all of them use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.conformance.generate.coverage import words


def sample(cases: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of cases: one after the other the one with the most words that none before it has. Which functions are
    called does not count: they are the same everywhere."""
    used = {case["name"]: {word for word in words(case) if not word.startswith("function ")} for case in cases}
    missing = set[str]().union(*used.values())
    chosen = []
    while missing:
        name = max(sorted(used), key=lambda each: len(used[each] & missing))
        chosen.append(name)
        missing -= used[name]
    return chosen

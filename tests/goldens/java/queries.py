"""Java's classes of interactive queries, as far as snippets say what they ask for.

The Python face has no interactive queries yet: what these build is handed to `store()` and `query()`, whose answer
is what is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Asked:
    """A question that is being put together: each further call gives the question, longer."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __getattr__(self, name: str) -> Callable[..., Asked]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments: Asked(f"{self.text}.{name}({', '.join(map(str, arguments))})")

    def __str__(self) -> str:
        return self.text


NAMES = (
    "StoreQueryParameters",
    "QueryableStoreTypes",
    "StateQueryRequest",
    "KeyQuery",
    "WindowKeyQuery",
    "PositionBound",
    "Position",
)

QUERIES: dict[str, Any] = {name: Asked(name) for name in NAMES}

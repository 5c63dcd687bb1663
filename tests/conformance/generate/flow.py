"""What a step of a case returned, as far as the next step must know it: what it is, and its types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Serde = str | list[Any]


@dataclass(frozen=True)
class Flow:
    """A stream, a table, a global table, or something grouped; `key` and `value` are serdes' names or windowed ones."""

    id: str
    kind: str
    """stream, table, global_table, grouped, grouped_table, windowed, session, cogrouped, …"""
    key: Serde
    value: str
    key_serde: bool = True
    """Does it know its key serde, so that the next step need not give one?"""
    value_serde: bool = True
    window: dict[str, Any] | None = None
    """Of something windowed: SPEC.md's window."""
    history: int | None = None
    """Of a versioned table: how long it keeps versions, in ms."""
    store: str | None = None
    """The name of the key-value store behind a table."""
    closes: bool = False
    """A table whose keys are windows that close: `until_window_closes` may follow."""

    @property
    def windowed_key(self) -> bool:
        return isinstance(self.key, list)

    def as_stream(self, id: str, **changes: Any) -> Flow:
        return replace(self, id=id, kind="stream", history=None, store=None, closes=False, **changes)

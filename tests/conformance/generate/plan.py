"""A case while it is drawn: its steps, and what they returned."""

from __future__ import annotations

from typing import Any

from tests.conformance.generate.draw import Draw
from tests.conformance.generate.flow import Flow

KEYS = {"string": 5, "long": 1}
VALUES = {"long": 4, "string": 3, "json": 0.7}


class Plan:
    """Steps in order; `made` keeps what later steps may take in."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.steps: list[dict[str, Any]] = []
        self.inputs: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, dict[str, Any]] = {}
        self.closed: set[str] = set()
        """Output topics that are read again: nothing more may be written there, or records would go in a circle."""
        self._flows: list[Flow] = []

    def add(self, op: str, **fields: Any) -> str:
        """A step; gives its id."""
        id = self.draw.name(f"{op}-")
        self.steps.append({"id": id, "op": op, **fields})
        return id

    def made(self, flow: Flow) -> None:
        self._flows.append(flow)

    def all(self, *kinds: str) -> list[Flow]:
        return [flow for flow in self._flows if flow.kind in kinds]

    def any(self, *kinds: str) -> Flow | None:
        """One of a kind: rather a late one, so that chains get long."""
        found = self.all(*kinds)
        if not found:
            return None
        return self.draw.pick(found[-3:] if self.draw.chance(0.6) else found)

    def unused(self) -> list[Flow]:
        """Streams and tables that no later step takes in."""
        used: set[str] = set()
        for step in self.steps:
            used.update(str(step[field]) for field in ("in", "other") if field in step)
        return [flow for flow in self.all("stream", "table") if flow.id not in used]

    def named(self) -> dict[str, Any]:
        """Sometimes a `name`; hardly ever one that is taken."""
        if self.draw.chance(0.003):
            return {"name": "op-1"}
        return self.draw.maybe(0.15, name=self.draw.name("op-"))

    def key_type(self) -> str:
        return self.draw.weighted(KEYS)

    def value_type(self) -> str:
        return self.draw.weighted(VALUES)

    def table_of(self, id: str, flow: Flow, store: dict[str, Any]) -> Flow:
        """A table with the types of `flow`, kept as the field `store` says."""
        kept = store.get("store", {})
        known = {"key_serde": flow.key_serde or "key" in kept, "value_serde": flow.value_serde or "value" in kept}
        history = kept.get("history") if kept.get("impl") == "versioned" else None
        return Flow(id, "table", flow.key, flow.value, **known, history=history, store=kept.get("name"))

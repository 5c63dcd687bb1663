"""Inputs for a topology: times at the edges of its windows and retentions; ties, jumps, tombstones, null keys."""

from __future__ import annotations

from typing import Any

from tests.conformance.generate.draw import Draw

SPAN_FIELDS = (
    *("size", "advance", "grace", "gap", "diff", "before", "after"),
    *("retention", "history", "segment", "ms", "window_size"),
)
LEAST_SEGMENT = 60_000
"""Java's segments are half a retention long, and at least so much; rows go with their segment."""
LONGEST = 10_000_000
KEYS = {"string": ["alice", "bob", "k9", "k10", "Zoë", "ключ", "a", ""], "long": [1, 2, 3, -7, 1000]}
WORDS = ["ant", "bee be", "dog a", "a", "", "12", "-5", "1:x", "b:2", "größe", "ant bee cat", ":z"]


def spans(steps: list[dict[str, Any]]) -> list[int]:
    """All lengths of time that the steps name, and sums of two of them: where something opens, closes or goes."""
    found: set[int] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name in SPAN_FIELDS and isinstance(inner, int):
                    found.add(inner)
                else:
                    look(inner)
        elif isinstance(value, list):
            if value and value[0] in ("tick", "dedup", "sum_on_stream_time", "window_count", "session_count"):
                found.update(n for n in value[1:] if isinstance(n, int) and not isinstance(n, bool))
            for inner in value:
                look(inner)

    look(steps)
    for step in steps:
        window = step.get("window") or step.get("windows")
        if window:
            length = window.get("size", window.get("gap", 2 * window.get("diff", 0)))
            found.add(length + window.get("grace", 0))
            found.add(length + 2 * window.get("grace", 0))
            kept = (2 * length if window.get("kind") == "hopping" else length) + window.get("grace", 0)
            found.add(kept + max(kept // 2, LEAST_SEGMENT))
            found.add(max(kept // 2, LEAST_SEGMENT))
        retention = step.get("store", {}).get("retention") or step.get("store", {}).get("history")
        if retention and retention < LONGEST:
            found.add(retention + max(retention // 2, LEAST_SEGMENT))
    found.add(LEAST_SEGMENT)
    return sorted(n for n in found if 0 < n <= LONGEST) or [10]


class Times:
    """The next event's time, mostly near an edge."""

    def __init__(self, draw: Draw, steps: list[dict[str, Any]]) -> None:
        self._draw = draw
        self._spans = spans(steps)
        # Java looks for closed windows in its cache a minute at a time, from the epoch on
        self._latest = 1_000_000_000 if "on_window_close" in repr(steps) else 1_700_000_000_000
        small = [n for n in self._spans if n <= 2000] or [10]
        self._unit = draw.pick(small)
        self._now = draw.weighted({0: 3, draw.between(1, 2 * self._unit): 3, 1_000_000: 2, self._latest: 1})
        self._all = [self._now]

    def next(self) -> int:
        draw, now = self._draw, self._now
        near = draw.pick([-1, 0, 1])
        how = draw.weighted({"on": 8, "tie": 3, "again": 1, "late": 3, "edge": 3, "aligned": 3, "jump": 1, "far": 0.25})
        if how == "on":
            time = now + draw.between(0, max(1, self._unit // 2))
        elif how == "tie":
            time = self._all[-1]
        elif how == "again":
            time = draw.pick(self._all) + near
        elif how == "late":
            time = now - draw.between(0, 2 * self._unit)
        elif how == "edge":
            time = draw.pick(self._all[-8:]) + draw.pick([-1, 1, 1]) * draw.pick(self._spans) + near
        elif how == "aligned":
            span = draw.pick(self._spans)
            time = (now // span + draw.pick([0, 1, 1])) * span + near
        elif how == "jump":
            time = now + draw.pick(self._spans) * draw.between(2, 5) + near
        else:
            time = now + draw.pick([LEAST_SEGMENT, 2 * LEAST_SEGMENT, 86_400_000, self._latest]) + near
        if time > now + 300_000 and draw.chance(0.6):
            time = now + self._unit
        time = max(0, time)
        self._all.append(time)
        self._now = max(now, time)
        return time


def events(draw: Draw, inputs: dict[str, dict[str, Any]], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A script for these inputs."""
    if not inputs:
        return []
    times = Times(draw, steps)
    keys = {topic: draw.some(KEYS[types["key"]], 2, 5) for topic, types in inputs.items()}
    if draw.chance(0.7):  # joins meet where topics share keys
        for kind, values in KEYS.items():
            shared = draw.some(values, 2, 4)
            keys |= {topic: shared for topic, types in inputs.items() if types["key"] == kind}
    emptiness = draw.pick([0.0, 0.05, 0.15, 0.3])
    wall = 0.15 if "wall" in repr(steps) else draw.pick([0.0, 0.0, 0.05, 0.1])
    damaged = 0.04 if draw.chance(0.08) else 0.0
    headers = draw.pick([0.0, 0.0, 0.2])
    found: list[dict[str, Any]] = []
    for _ in range(draw.weighted({draw.between(10, 70): 20, draw.between(100, 250): 1})):
        if draw.chance(wall):
            found.append({"advance_wall_ms": draw.pick([1, 10, 99, 100, 101, 500, 1000, 5000])})
            continue
        topic = draw.pick(list(inputs))
        event: dict[str, Any] = {"in": topic, "k": None if draw.chance(0.04) else draw.pick(keys[topic])}
        event["v"] = None if draw.chance(emptiness) else value(draw, inputs[topic]["value"])
        event["ts"] = times.next()
        if draw.chance(headers):
            event["h"] = [[draw.pick(["h1", "h2"]), draw.pick(["x", "é", "", None])] for _ in range(draw.between(1, 2))]
        if draw.chance(damaged):
            event |= {draw.pick(["vx", "vx", "kx"]): draw.pick(["00", "ff", "0000000000000001", "7b"])}
        found.append(event)
    return found


def value(draw: Draw, kind: str) -> Any:
    if kind == "long":
        return draw.between(-3, 30)
    if kind == "string":
        return draw.pick(WORDS)
    return draw.pick([draw.between(0, 9), draw.pick(WORDS), [draw.between(0, 3), draw.pick(WORDS)], []])

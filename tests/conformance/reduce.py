"""Delta debugging of a case: fewer steps, events, options and settings, as long as it still differs in the same way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Case = dict[str, Any]
Judge = Callable[[Case], bool]
NEEDED = {
    *("id", "op", "in", "other", "key", "value", "topic", "topics", "pattern", "fn", "key_fn", "value_fn"),
    *("joiner", "adder", "subtractor", "merger", "key_selector", "processor", "transformer", "strategy", "mode", "ms"),
    *("agg", "init", "window", "windows", "buffer", "inputs", "branches", "parents", "source", "topic_fn"),
    *("kind", "size", "advance", "gap", "diff", "history", "max", "retention", "window_size"),
}
"""Fields that are not dropped: without them a step means nothing, or something else. What is inside them may go."""


def reduced(case: Case, differs: Judge, most: int = 600) -> Case:
    """The smallest case found that `differs` still accepts, after at most `most` questions."""
    left = [most]

    def still(candidate: Case) -> bool:
        if left[0] == 0:
            return False
        left[0] -= 1
        return differs(candidate)

    case, size = {k: v for k, v in case.items() if k != "expect"}, -1
    case = without_events(case, still)
    while left[0] and size != weight(case):
        size = weight(case)
        for ways in (without_steps, past_steps, without_options):
            case = greedily(case, ways, still)
        case = without_events(case, still)
    return tidied(case, still)


def weight(case: Case) -> int:
    return len(repr(case))


def greedily(case: Case, ways: Callable[[Case], Iterator[Case]], differs: Judge) -> Case:
    """Takes each smaller case that still differs, and starts over from it."""
    found = True
    while found:
        found = False
        for smaller in ways(case):
            if differs(smaller):
                case, found = smaller, True
                break
    return case


def feeds(step: dict[str, Any]) -> list[str]:
    """Ids and names of the steps that this one takes in."""
    found = [step[field] for field in ("in", "other") if field in step]
    found += [one["in"] for one in step.get("inputs", ())]
    return [*found, *step.get("parents", ())]


def gives(step: dict[str, Any]) -> set[str]:
    found = {step["id"], *(branch["id"] for branch in step.get("branches", ()))}
    if step["op"].startswith("topology_") and "name" in step:
        found.add(step["name"])
    return found | ({step["default"]["id"]} if "default" in step else set())


def without_steps(case: Case) -> Iterator[Case]:
    """Without one step and all that follow from it; the last ones first."""
    steps = case["spec"]["steps"]
    for at in reversed(range(len(steps))):
        gone = gives(steps[at])
        kept = steps[:at]
        for step in steps[at + 1 :]:
            if gone.intersection(feeds(step)):
                gone |= gives(step)
            else:
                kept.append(step)
        yield with_steps(case, kept)


def past_steps(case: Case) -> Iterator[Case]:
    """Without one step: those that took it in take in what it took in."""
    steps = case["spec"]["steps"]
    for at, step in enumerate(steps):
        if "in" not in step or "branches" in step:
            continue
        for source in feeds(step):
            rest = copy.deepcopy([*steps[:at], *steps[at + 1 :]])
            for later in rest:
                for field in ("in", "other"):
                    if later.get(field) == step["id"]:
                        later[field] = source
                for one in later.get("inputs", ()):
                    one["in"] = source if one["in"] == step["id"] else one["in"]
            yield with_steps(case, rest)


def with_steps(case: Case, steps: list[dict[str, Any]]) -> Case:
    return {**case, "spec": {**case["spec"], "steps": steps}}


def without_options(case: Case) -> Iterator[Case]:
    """Without one setting, or one field of one step or of one of its option objects."""
    for name in case["config"]:
        yield {**case, "config": {k: v for k, v in case["config"].items() if k != name}}
    for path in options_of(case["spec"]["steps"]):
        smaller = copy.deepcopy(case)
        place: Any = smaller["spec"]["steps"]
        for part in path[:-1]:
            place = place[part]
        del place[path[-1]]
        yield smaller


def options_of(steps: list[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for at, step in enumerate(steps):
        for field, value in step.items():
            if field not in NEEDED:
                yield (at, field)
            if isinstance(value, dict):
                yield from ((at, field, inner) for inner in value if inner not in NEEDED - {"key", "value"})
            if field in ("branches", "inputs") and len(value) > 1:
                yield from ((at, field, index) for index in range(len(value)))


def without_events(case: Case, differs: Judge) -> Case:
    """Without as many events as possible: halves, quarters, … single ones."""
    size = max(1, len(case["events"]) // 2)
    while True:
        at = 0
        while at < len(case["events"]):
            events = case["events"]
            smaller = {**case, "events": [*events[:at], *events[at + size :]]}
            if differs(smaller):
                case = smaller
            else:
                at += size
        if size == 1:
            return case
        size = max(1, size // 2)


def tidied(case: Case, differs: Judge) -> Case:
    """Without topics that nothing names, without headers, with times as small as may be."""
    named = repr(case["spec"]["steps"])
    spec = dict(case["spec"])
    for field in ("inputs", "outputs"):
        spec[field] = {topic: types for topic, types in spec[field].items() if f"'{topic}'" in named or "|" in named}
    events = [event for event in case["events"] if event.get("in") in (None, *spec["inputs"])]
    attempts = [
        {**case, "spec": spec, "events": events},
        {**case, "events": [{k: v for k, v in event.items() if k != "h"} for event in case["events"]]},
        {**case, "events": shifted(case["events"])},
        {k: v for k, v in case.items() if k != "raw"},
    ]
    best = case
    for attempt in attempts:
        merged = {**best, **{k: v for k, v in attempt.items() if v != case.get(k)}}
        if "raw" not in attempt:
            merged.pop("raw", None)
        if differs(merged):
            best = merged
    return best


def shifted(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All times less the first one."""
    first = min((event["ts"] for event in events if "ts" in event), default=0)
    return [{**event, "ts": event["ts"] - first} if "ts" in event else event for event in events]

"""Which words of SPEC.md the cases of a run use: operators, functions, options, settings, kinds of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

OPTION_OBJECTS = ("store", "grouped", "joined", "table_joined", "repartitioned", "window", "windows", "buffer")
FUNCTION_FIELDS = (
    *("fn", "key_fn", "value_fn", "agg", "adder", "subtractor", "merger", "joiner", "key_selector", "foreign_key"),
    *("processor", "transformer", "timestamp", "topic_fn"),
)


class Coverage:
    """Counts of words, each as `sort word`."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()

    def count(self, case: Mapping[str, Any]) -> None:
        """Counts each word of this case once."""
        self.words.update(set(words(case)))

    def of(self, sort: str) -> dict[str, int]:
        """The counts of one sort: operator, function, option, setting, event."""
        found = {word.split(" ", 1)[1]: n for word, n in self.words.items() if word.startswith(f"{sort} ")}
        return dict(sorted(found.items()))

    def lines(self) -> Iterator[str]:
        for sort in ("operator", "function", "option", "setting", "event"):
            yield f"{sort}s: " + ", ".join(f"{word} {n}" for word, n in self.of(sort).items())


def words(case: Mapping[str, Any]) -> Iterator[str]:
    for name, value in case["config"].items():
        yield f"setting {name}={value if isinstance(value, str) else 'n'}"
    for step in case["spec"]["steps"]:
        yield f"operator {step['op']}"
        yield from words_of_step(step)
    for event in case["events"]:
        yield from words_of_event(event)


def words_of_step(step: Mapping[str, Any]) -> Iterator[str]:
    for branch in (*step.get("branches", ()), *step.get("inputs", ())):
        yield from words_of_step(branch)
    for field, value in step.items():
        if field in FUNCTION_FIELDS:
            yield f"function {field} {value if isinstance(value, str) else value[0]}"
        elif field in OPTION_OBJECTS:
            for inner, chosen in value.items():
                shown = chosen if inner in ("kind", "impl", "when_full") or isinstance(chosen, bool) else "…"
                yield f"option {field}.{inner}={shown}"
        elif field in ("strategy", "mode"):
            yield f"option {field}={value}"
        elif field not in ("id", "op", "in", "other", "branches", "inputs"):
            yield f"option {field}"


def words_of_event(event: Mapping[str, Any]) -> Iterator[str]:
    if "advance_wall_ms" in event:
        yield "event clock"
        return
    yield "event record"
    for field, word in (("k", "null key"), ("v", "tombstone")):
        if event.get(field, "") is None:
            yield f"event {word}"
    for field, word in (("h", "headers"), ("kx", "damaged key"), ("vx", "damaged value")):
        if field in event:
            yield f"event {word}"

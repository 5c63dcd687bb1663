"""Random topologies: what is made, how a difference is found and reduced. Java is not needed here: answers are our own,
taken before a bug is planted."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams import errors
from streams.testing import TopologyTestDriver
from tests.conformance import java
from tests.conformance.build import Failed, build
from tests.conformance.drive import Differs, chain, dropped, outputs, pipe, settings
from tests.conformance.excused import RULES, excuse
from tests.conformance.functions import (
    AGGREGATORS,
    FLAT_PAIRS,
    FLAT_VALUES,
    JOINERS,
    MAPPERS,
    MERGERS,
    PREDICATES,
)
from tests.conformance.generate.case import random_case
from tests.conformance.generate.coverage import Coverage
from tests.conformance.planted import PLANTED
from tests.conformance.random_run import Findings, kind, on_driver, smallest
from tests.conformance.reduce import reduced
from tests.logs import quiet

MANY = 900
SPEC = (Path(__file__).parent / "SPEC.md").read_text("utf-8")


def covered() -> Coverage:
    coverage = Coverage()
    for number in range(MANY):
        coverage.count(random_case(7, number))
    return coverage


COVERED = covered()


def operators_of_spec() -> set[str]:
    table = SPEC[SPEC.index("## 3. Operators") : SPEC.index("## 4. Functions")]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}


def processors_of_spec() -> set[str]:
    text = SPEC[SPEC.index("### 4.5 Processors") : SPEC.index("Punctuations with interval i")]
    return {re.findall(r"`(\w+)", line)[0] for line in text.splitlines() if line.startswith("| `")}


def test_the_same_seed_and_number_give_the_same_case() -> None:
    assert random_case(3, 11) == random_case(3, 11)
    assert random_case(3, 11) != random_case(3, 12)
    assert random_case(4, 11) != random_case(3, 11)


def test_every_operator_of_the_specification_is_made() -> None:
    assert operators_of_spec() - COVERED.of("operator").keys() == set()


def test_every_function_of_the_specification_is_used() -> None:
    used = {word.split(" ")[1] for word in COVERED.of("function")}
    wanted = {*MAPPERS, *PREDICATES, *FLAT_VALUES, *FLAT_PAIRS, *AGGREGATORS, *MERGERS, *JOINERS, "by_predicate"}
    wanted |= processors_of_spec() | {"previous", "drop_odd", "key_value_text", "null_to_none", "call_count"}
    wanted |= {"fail_on_invalid", "log_and_skip", "use_partition_time", "value", "value_or_partition_time"}
    assert wanted - used == set()


@pytest.mark.parametrize(
    "word",
    [
        *("store.caching=False", "store.caching=True", "store.logging=False", "store.supplier=True"),
        *("store.impl=in_memory", "store.impl=rocksdb", "store.impl=lru", "store.impl=versioned", "store.segment=…"),
        "store.retention=…",
        *("window.kind=tumbling", "window.kind=hopping", "window.kind=sliding", "window.kind=session"),
        *("window.kind=unlimited", "window.grace=…", "windows.before=…", "windows.after=…", "windows.grace=…"),
        *("joined.grace=…", "joined.store_name=…", "joined.impl=in_memory", "joined.logging=False", "joined.name=…"),
        *("buffer.max_records=…", "buffer.max_bytes=…", "buffer.when_full=shut_down", "buffer.when_full=emit_early"),
        *("mode=until_window_closes", "mode=until_time_limit", "strategy=on_window_close", "grouped.name=…"),
        *("table_joined.name=…", "repartitioned.partitions=…", "pattern", "topics", "null_pair", "default", "name"),
    ],
)
def test_options_are_drawn(word: str) -> None:
    assert COVERED.of("option").get(word, 0) > 0


def test_caches_are_off_small_and_on_and_all_kinds_of_events_come() -> None:
    caches = [random_case(7, number)["config"].get("statestore.cache.max.bytes") for number in range(100)]
    assert None in caches and 0 in caches and any(cache is not None and 0 < cache < 2000 for cache in caches)
    assert COVERED.of("event").keys() == {
        *("record", "clock", "null key", "tombstone", "headers", "damaged key", "damaged value")
    }


def test_every_case_can_be_built_or_is_refused_by_name() -> None:
    for number in range(MANY):
        case = random_case(7, number)
        try:
            build(case["spec"], settings(case))
        except Failed as failed:
            assert isinstance(failed.__cause__, errors.StreamsException | errors.IllegalArgumentException), case["name"]


def recorded(case: Mapping[str, Any]) -> dict[str, Any]:
    """The case with our own answers: outputs, topics, drops."""
    spec, config = case["spec"], settings(case)
    seen: dict[str, int] = {}
    rows: list[Any] = []
    try:
        driver = TopologyTestDriver(build(spec, config).topology, config)
        with driver:
            for event in case["events"]:
                pipe(driver, spec, event)
                rows.append(outputs(driver, spec, seen))
            topics = {topic: len(driver.records_of(topic)) for topic in driver.produced_topic_names()}
            end = {"stores": {}, "topics": topics, "dropped_records_total": dropped(driver)}
            return {**case, "expect": {"outputs": rows, **end}}
    except Exception as error:
        cause = error.__cause__ if isinstance(error, Failed) else error
        shown = {"phase": "run", "event": len(rows), "chain": chain(cause)}
        return {**case, "expect": {"outputs": rows, "error": shown}}


class Planted:
    """A planted bug, which can be lifted to ask for answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.monkeypatch, self.bug = monkeypatch, PLANTED[name]

    def __enter__(self) -> None:
        self.bug(self.monkeypatch.setattr)

    def __exit__(self, *error: object) -> None:
        self.monkeypatch.undo()

    def compare(self, case: Mapping[str, Any]) -> list[Differs]:
        with self:
            return on_driver(case)

    def answer(self, case: Mapping[str, Any]) -> dict[str, Any]:
        return recorded(case)


def found_by(bug: Planted, word: str, cases: int = 40) -> list[tuple[dict[str, Any], Differs]]:
    """What differs with the bug, of so many cases that hold this word and end well."""
    with_word = (case for case in (random_case(7, n) for n in range(2000)) if word in repr(case["spec"]))
    answered = (case for case in map(recorded, with_word) if "error" not in case["expect"])
    found = [(case, bug.compare(case)) for case, _ in zip(answered, range(cases), strict=False)]
    return [(case, differences[0]) for case, differences in found if differences]


WHERE = {
    "window-end": "'tumbling'",
    "grace": "'tumbling'",
    "session-gap": "'session'",
    "early-release": "'suppress'",
    "early-verdict": "'outer_join'",
    "short-history": "'versioned'",
    "sliding-edge": "'sliding'",
}
"""A word of the cases that a planted bug can show itself in."""


@pytest.mark.parametrize("name", PLANTED)
def test_each_planted_bug_of_a_millisecond_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with quiet():
        assert len(found_by(Planted(monkeypatch, name), WHERE[name])) >= 1


def test_a_planted_bug_is_reduced_to_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = Planted(monkeypatch, "grace")
    with quiet():
        differing = found_by(bug, "'tumbling'")
        case, difference = next((c, d) for c, d in differing if d.part == "event")
        small = smallest(case, difference, bug, bug.compare)  # type: ignore[arg-type]
        assert kind(small, bug.compare(small)[0]) == kind(case, difference)
        assert on_driver(small) == []
    steps = [step["op"] for step in small["spec"]["steps"]]
    assert "windowed_by" in steps and len(steps) <= 8
    assert len(small["events"]) <= 3
    assert small["config"] == {}


def test_a_case_is_reduced_to_what_the_difference_needs() -> None:
    case = next(c for c in (random_case(9, n) for n in range(200)) if needs(c))
    small = reduced(case, needs)
    assert [step["op"] for step in small["spec"]["steps"]] in (["stream", "filter"], ["table", "filter"])
    assert len(small["events"]) == 1
    assert needs(small)


def needs(case: dict[str, Any]) -> bool:
    """A filter whose input is there, and a record without a value."""
    steps = {step["id"]: step for step in case["spec"]["steps"]}
    filters = [step for step in steps.values() if step["op"] == "filter" and step["in"] in steps]
    return bool(filters) and any(event.get("v", 0) is None for event in case["events"])


@pytest.mark.parametrize("words", RULES)
def test_what_is_excused_has_a_row_on_the_page_of_differences(words: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "differences-from-java.md").read_text("utf-8")
    assert f"\n| {words} |" in page


def test_an_excuse_holds_for_the_very_exception_alone() -> None:
    words = "Global stores must pass in suppliers with exactly one store but got 0"
    case = {"expect": {"error": {"chain": [{"class": "IllegalArgumentException", "message": words}]}}}
    assert excuse(case, Differs("error", "got null, recorded …")) == "a global table with options but no name"
    assert excuse(case, Differs("describe", "got null, recorded …")) is None
    assert excuse(case, Differs("topics", "got null, recorded …")) is None
    other = {"expect": {"error": {"chain": [{"class": "TopologyException", "message": words}]}}}
    assert excuse(other, Differs("error", "got null, recorded …")) is None


def test_an_excuse_holds_from_the_event_on_at_which_java_lost_a_record() -> None:
    lost = [[3, "UnsupportedOperationException", "This API is not supported by this implementation of SessionStore."]]
    case = {"expect": {"outputs": [], "handled": lost}}
    words = "emission on close from a supplied session store"
    assert excuse(case, Differs("event 2 {}", "")) is None
    assert excuse(case, Differs("event 3 {}", "")) == words
    assert excuse(case, Differs("dropped_records_total", "")) == words
    assert excuse({"expect": {"outputs": []}}, Differs("event 3 {}", "")) is None


def test_deleted_keys_in_a_reverse_range_are_excused_in_the_bytes_of_a_topic_too() -> None:
    def raw(value: str) -> list[list[Any]]:
        return [["61", value.encode().hex(), 7]]

    case: dict[str, Any] = {"expect": {}}
    assert excuse(case, Differs("bytes of t", "", raw("b | a"), raw("b | x a"))) == "deleted keys in a reverse range"
    assert excuse(case, Differs("bytes of t", "", raw("b | a"), raw("c | x a"))) is None
    assert excuse(case, Differs("bytes of t", "", raw("b | a"), [["62", b"b | x a".hex(), 7]])) is None


def test_a_run_counts_each_case_once() -> None:
    global_table = "Global stores must pass in suppliers with exactly one store but got 0"
    refused = {"error": {"chain": [{"class": "IllegalArgumentException", "message": global_table}]}}
    findings = Findings(cases=4, unanswered=["d"])
    assert findings.take({"name": "a", "expect": {}}, []) is None
    named = [Differs("error", "got null"), Differs("error's classes", "")]
    assert findings.take({"name": "b", "expect": refused}, named) is None
    other = Differs("topics", "got {}")
    assert findings.take({"name": "c", "expect": refused}, [*named, other]) is other
    assert (findings.same, findings.named, list(findings.differing)) == (1, 1, ["c"])
    assert findings.excused == {"a global table with options but no name": 1}


ECHO = """
import json, sys, time
for line in sys.stdin:
    case = json.loads(line)
    if case["name"] == "circle":
        time.sleep(600)
    print(json.dumps({**case, "expect": {"outputs": []}}), flush=True)
"""


def test_a_case_that_java_never_ends_is_left_without_answers_and_the_next_ones_are_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(java, "prepare", lambda: [sys.executable, "-c", ECHO])
    names = ["a", "circle", "b", "c", "d", "e", "f"]
    with java.Recorder(patience_s=8.0) as recorder:
        answered = list(recorder.answers({"name": name} for name in names))
        assert [case["name"] for case in answered] == names
        assert [case["name"] for case in answered if not case["expect"]] == ["circle"]
        assert recorder.answer({"name": "g"})["expect"] == {"outputs": []}


@pytest.mark.parametrize("missing", ["java", "mvn"])
def test_what_is_missing_is_named(missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == missing else f"/usr/bin/{name}")
    monkeypatch.setattr(java, "JARS", tmp_path)
    with pytest.raises(java.CannotRecord, match=f"{missing} is not installed"):
        java.prepare()

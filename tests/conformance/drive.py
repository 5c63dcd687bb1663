"""Runs a case through the test driver and compares what came out (SPEC.md 5 and 6)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streams import Serdes
from streams.record import Headers
from streams.testing import RawRecord, TopologyTestDriver
from tests.conformance.build import Built, Failed, build
from tests.conformance.serdes import serde
from tests.conformance.stores import rows_of, shown_key

WORDS = {
    "processing.exception.handler": {"log_and_continue": "LogAndContinueProcessingExceptionHandler"},
    "deserialization.exception.handler": {"log_and_continue": "LogAndContinueExceptionHandler"},
}


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return found


def settings(case: Mapping[str, Any]) -> dict[str, Any]:
    found = {"application.id": "app", "bootstrap.servers": "memory://conformance", **case["config"]}
    for name, words in WORDS.items():
        if name in found:
            found[name] = words[found[name]]
    return found


def pipe(driver: TopologyTestDriver, spec: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    """One event of SPEC.md 5.2."""
    if "advance_wall_ms" in event:
        driver.advance_wall_clock_time(event["advance_wall_ms"])
        return
    raw = driver.create_input_topic(event["in"], Serdes.bytes(), Serdes.bytes())
    raw.pipe_input(*record_of(spec, event))


def record_of(spec: Mapping[str, Any], event: Mapping[str, Any]) -> RawRecord:
    """The record of an event, as bytes."""
    topic = event["in"]
    serdes = spec["inputs"][topic]
    key = bytes.fromhex(event["kx"]) if "kx" in event else serde(serdes["key"]).serialize(topic, event["k"])
    value = bytes.fromhex(event["vx"]) if "vx" in event else serde(serdes["value"]).serialize(topic, event["v"])
    headers = tuple((name, None if text is None else text.encode()) for name, text in event.get("h", ()))
    return RawRecord(key, value, event["ts"], headers)


def outputs(driver: TopologyTestDriver, spec: Mapping[str, Any], seen: dict[str, int]) -> list[Any]:
    """The records on the output topics since the last look."""
    found = []
    for topic in sorted(spec["outputs"]):
        rows = driver.records_of(topic)
        found += [shown(spec, topic, *row) for row in rows[seen.get(topic, 0) :]]
        seen[topic] = len(rows)
    return found


def shown(
    spec: Mapping[str, Any], topic: str, key: bytes | None, value: bytes | None, timestamp: int, headers: Headers
) -> list[Any]:
    """A record on an output topic as the cases have it."""
    serdes = spec["outputs"][topic]
    key_shown = shown_key(serde(serdes["key"]).deserialize(topic, key))
    row = [topic, key_shown, serde(serdes["value"]).deserialize(topic, value), timestamp]
    if headers:
        row.append([[name, None if data is None else data.decode()] for name, data in headers])
    return row


def chain(error: BaseException | None) -> list[dict[str, str]]:
    found = []
    while error is not None:
        found.append({"class": type(error).__name__, "message": str(error)})
        error = error.__cause__
    return found


class Differs(Exception):
    """A difference from what was recorded; `what` names the part: an event, a store, `describe` …"""

    def __init__(self, what: str, text: str, got: Any = None, recorded: Any = None) -> None:
        super().__init__(f"{what}: {text}")
        self.what, self.got, self.recorded = what, got, recorded

    @property
    def part(self) -> str:
        """The first word: two differences in the same part may have the same cause."""
        return self.what.split(" ")[0]


def same(what: str, got: Any, wanted: Any) -> None:
    if got != wanted:
        raise Differs(what, f"got {short(got)}, recorded {short(wanted)}")


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) < 400 else text[:400] + "…"


def run(case: Mapping[str, Any]) -> None:
    """Raises `Differs` at the first difference."""
    for difference in differences(case):
        raise difference


STRICTER: Mapping[str, Mapping[str, Any]] = {
    "illegal_sink_topic_is_not_checked": {
        "error": {
            "phase": "construct",
            "step": "to2",
            "chain": [{"class": "InvalidTopicException", "message": "to(): Topic name is invalid: 'bad topic!'"}],
        }
    }
}
"""Cases whose topology is refused when it is written, where Java waits for the first record
(docs/differences-from-java.md, "What is stricter"), and what is expected instead."""


def differences(case: Mapping[str, Any]) -> Iterator[Differs]:
    """Every part that differs, in the order of the run: of the events only the first."""
    expect = STRICTER.get(case["name"], case["expect"])
    config = settings(case)
    try:
        built = build(case["spec"], config)
    except Failed as failed:
        error = {"phase": failed.phase, "chain": chain(failed.__cause__)}
        if failed.step is not None:
            error["step"] = failed.step
        yield from compare_error(error, expect)
        return
    if "describe" in expect:
        yield from differing("describe", str(built.topology.describe()), expect["describe"])
    try:
        driver = TopologyTestDriver(built.topology, config)
    except Exception as raised:
        yield from compare_error({"phase": "start", "chain": chain(raised)}, expect)
        return
    with driver:
        yield from play(driver, case)
        if "error" not in expect:
            yield from compare_end(driver, case, built)


def differing(what: str, got: Any, wanted: Any) -> Iterator[Differs]:
    if got != wanted:
        yield Differs(what, f"got {short(got)}, recorded {short(wanted)}", got, wanted)


def play(driver: TopologyTestDriver, case: Mapping[str, Any]) -> Iterator[Differs]:
    """Feeds the events and compares what comes out, up to the error that ends it, if any."""
    spec, expect, seen = case["spec"], case["expect"], {}
    wanted, found = expect.get("outputs", []), False
    for number, event in enumerate(case["events"]):
        try:
            pipe(driver, spec, event)
        except Exception as raised:
            yield from compare_error({"phase": "run", "event": number, "chain": chain(raised)}, expect)
            return
        got = outputs(driver, spec, seen)
        if number >= len(wanted):
            break
        if got != wanted[number] and not found:
            found = True
            yield from differing(f"event {number} {short(event)}", got, wanted[number])
    yield from compare_error(None, expect)


def compare_error(got: dict[str, Any] | None, expect: Mapping[str, Any]) -> Iterator[Differs]:
    wanted = expect.get("error")
    if wanted is None and got is None:
        return
    if wanted is None or got is None:
        yield Differs("error", f"got {short(got)}, recorded {short(wanted)}")
        return
    for field in ("phase", "step", "event"):
        yield from differing(f"error's {field} ({short(got['chain'])})", got.get(field), wanted.get(field))
    got_classes = [link["class"] for link in got["chain"]]
    wanted_classes = [link["class"] for link in wanted["chain"]]
    yield from differing(f"error's classes ({short(got['chain'])})", got_classes, wanted_classes)
    for mine, java in zip(got["chain"], wanted["chain"], strict=False):
        words = (java["message"] or "").split("SUPPLIER")[0]
        whole = words.endswith("\n")  # a list, which is complete
        said = javas_part(mine["message"])
        if said != words if whole else not said.startswith(words):
            yield Differs("error's message", f"got {mine['message']!r}, recorded {java['message']!r}")
            return


def javas_part(message: str) -> str:
    """The words of Kafka Streams in a message: those in the brackets where Python's come first, else all of it."""
    _, brackets, words = message.partition("(Kafka Streams says: ")
    return words.removesuffix(")") if brackets else message


def compare_end(driver: TopologyTestDriver, case: Mapping[str, Any], built: Built) -> Iterator[Differs]:
    """Stores, topics, metrics, branches and raw bytes (SPEC.md 6.2 to 6.4)."""
    expect = case["expect"]
    for name, wanted in expect["stores"].items():
        got = rows_of(driver, name, wanted, case["events"])
        for field, rows in got.items():
            what = f"store {name} {field}"
            yield from differing(what, sorted(map(short_row, rows)), sorted(map(short_row, wanted[field])))
    topics = {topic: len(driver.records_of(topic)) for topic in driver.produced_topic_names()}
    yield from differing("topics", topics, expect["topics"])
    yield from differing("dropped_records_total", dropped(driver), expect["dropped_records_total"])
    if "branches" in expect:
        got_names = [sorted(names) for names in built.branches]
        yield from differing("branches", got_names, branch_names(expect["branches"]))
    for topic, rows in expect.get("raw", {}).items():
        got_rows = [[hexed(k), hexed(v), ts] for k, v, ts, _ in driver.records_of(topic)]
        for got_row, (_, _, recorded) in zip(got_rows, rows, strict=False):
            if recorded is None:  # Java leaves the time of such records to the producer
                got_row[2] = None
        yield from differing(f"bytes of {topic}", got_rows, rows)


def branch_names(recorded: Any) -> list[list[str]]:
    rows = recorded.values() if isinstance(recorded, Mapping) else recorded
    return [sorted(names) for names in rows]


def hexed(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def short_row(row: Any) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)


def dropped(driver: TopologyTestDriver) -> int:
    """The sum of `dropped-records-total` over all that has it."""
    return int(sum(value for name, value in driver.metrics().items() if metric_name(name) == "dropped-records-total"))


def metric_name(name: Any) -> str:
    return str(name[0] if isinstance(name, tuple) else getattr(name, "name", name))

"""Applications with random topologies, as the conformance cases are drawn; and what must come of them: what the tasks
give by themselves, without a broker, a group, changelogs or anything that goes wrong.

A record is sent when the one before it is worked off, so that the order in which all is processed is known. Left out
are topologies with results that depend on when they are restarted, by design: with operators whose time begins anew,
and with stores that nothing brings back; global tables, of which nobody sees how far they are; and patterns of topics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from random import Random
from typing import Any

from streams.names import decorated_topic
from streams.record import TopicPartition
from tests.conformance.build import build
from tests.conformance.drive import record_of, settings, short, shown
from tests.conformance.generate.case import random_case
from tests.conformance.lab import EMIT, EMIT_OUTER, config_of, named_topics
from tests.conformance.on_runtime import ALONE, Way, by_rule, keeps_time, left_out, minds_neighbours
from tests.simulation.logs import Record
from tests.simulation.topologies import Application, Input, Judged

MOST = 12
"""Events of a case."""
TRIES = 200
CRASHES = Way(crashes=1)
CACHE = "statestore.cache.max.bytes"

Case = dict[str, Any]


def _fits(case: Case) -> bool:
    spec = case["spec"]
    return not (
        left_out(case, CRASHES)
        or keeps_time(spec)
        or minds_neighbours(spec)
        or any("global" in step["op"] or "pattern" in step for step in spec["steps"])
    )


@cache
def _drawn(seed: int) -> tuple[Case, list[list[Any]]]:
    """A case, and the rows of each of its events."""
    for number in range(TRIES):
        case = random_case(seed, number)
        case["config"] = {**case["config"], CACHE: 0}
        case["events"] = [event for event in case["events"] if "advance_wall_ms" not in event][:MOST]
        if not case["events"] or not _fits(case):
            continue
        try:
            rows = by_rule(case, ALONE)
        except Exception:  # it ends in an error, or cannot be built
            continue
        if any(rows):
            return case, rows
    raise AssertionError(f"no case in {TRIES} draws")


def random_application(seed: int) -> Application:
    """The application of a seed."""
    case, rows = _drawn(seed)
    spec = case["spec"]
    built = build(spec, config_of(case)).topology.built(config_of(case))
    read = {topic for sub in built.subtopologies for topic in sub.source_topics}
    inner = {decorated_topic("app", topic) for topic in read if topic in built.internal_topics}

    def inputs(random: Random, count: int) -> list[Input]:
        drawn = ((event["in"], record_of(spec, event)) for event in case["events"])
        return [Input(topic, r.key, r.value, r.timestamp, 0, r.headers) for topic, r in drawn]

    def check(judged: Judged) -> Iterator[str]:
        before: Mapping[TopicPartition, int] = {}
        for event, (after, must) in enumerate(zip(judged.after, rows, strict=True)):
            found = []
            for topic in sorted(spec["outputs"]):
                partition = TopicPartition(topic, 0)
                begin, end = before.get(partition, 0), after.get(partition, 0)
                log: list[Record] = judged.logs.get(partition, [])
                found += [_row(spec, topic, each) for each in log if begin <= each.offset < end]
            before = after
            in_order = len(built.subtopologies) == 1
            got, right = (each if in_order else sorted(each, key=short) for each in (found, [_bare(r) for r in must]))
            if got != right:
                yield f"event {event} {short(case['events'][event])} gave {short(got)}, not {short(right)}"

    own = {EMIT: 0, EMIT_OUTER: 0, **settings(case)}
    del own["application.id"], own["bootstrap.servers"]
    return Application(
        case["name"],
        dict.fromkeys(sorted(named_topics(spec)), 1),
        lambda pause: build(spec, config_of(case)).topology,
        inputs,
        check,
        exact_only=True,
        config=own,
        in_turn=frozenset((read - built.internal_topics) | inner),
    )


def _row(spec: Mapping[str, Any], topic: str, record: Record) -> list[Any]:
    return shown(spec, topic, record.key, record.value, record.timestamp, ())


def _bare(row: list[Any]) -> list[Any]:
    """Without headers."""
    return row[:4]

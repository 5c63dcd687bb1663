"""The recorded cases through the real runtime (`lab`) instead of the driver, in several ways.

* Alone: one partition, record for record what Java's driver gave.
* Three partitions: the rows of each event, in any order across partitions.
* With crashes: every few events the worker dies, after each step of a commit in turn and between commits; another one
  takes over, with the first one's disk or without.

What is expected is exact, in every way. A crash may come at any step, but when it comes is known, so that the
guarantee leaves nothing open: the input since the last commit is done again, on stores as that commit left them, or,
where all was acknowledged but no offset committed, on stores that have it already. `tasks` does just this, without any
of what is looked for here (changelogs, restoring, disks, groups, what is committed beside offsets), and says so in
rows. A set of allowed results would hide what is lost behind what may be repeated.

Who watches `tasks`: with one partition and no crash it gives Java's recorded rows, and so it does with crashes that
repeat nothing, but for named cases whose operators keep a time that begins anew (`test_tasks`). The bugs of
`planted_in_recovery` must be found by these runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.partition import partition_for
from streams.record import TopicPartition
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Guarantee
from tests.conformance.build import build
from tests.conformance.drive import Differs, record_of, same, short, shown
from tests.conformance.lab import Lab, aborting, config_of, named_topics
from tests.conformance.tasks import Death, Died, Tasks

TIMED_OPS = {"windowed_by", "suppress", "emit_strategy"}
TIMED_PROCESSORS = ("tick", "sum_on_stream_time", "sum_on_wall_clock", "dedup", "context_info")
BETWEEN = "between"


def steps_of(guarantee: Guarantee) -> tuple[str, ...]:
    """Where it may die: before a commit, after a step of it, after a step of the abort of one whose output is refused.
    """
    commit, abort = ([name for name, _ in steps] for steps in (guarantee.commit, guarantee.abort))
    return ("process", *commit, *(aborting(name, commit) for name in abort))


STEPS = steps_of(AT_LEAST_ONCE)


class Way(NamedTuple):
    """How a case is run.

    Args:
        partitions: of every topic.
        crashes: events between two deaths of the worker; 0: it lives.
        at: where it dies: between two commits, or after this step of one or of an abort; None: at all of them in turn.
        disk: what becomes of the disk: kept, lost, or in turn.
        restoring: the worker that takes over dies, too, in the middle of restoring, and a third one takes over.
        guarantee: at least once, or exactly once.
        servers: of the Kafka brokers that it runs on, which it has for itself; None: on an engine in memory.
    """

    partitions: int = 1
    crashes: int = 0
    at: str | None = None
    disk: str = "in turn"
    restoring: bool = False
    guarantee: Guarantee = AT_LEAST_ONCE
    servers: str | None = None

    def crash(self, event: int) -> Crash | None:
        """What happens in, or after, the event of this number."""
        if not self.crashes or event % self.crashes != self.crashes // 2:
            return None
        turn = event // self.crashes
        places = (BETWEEN, *steps_of(self.guarantee))
        at = self.at or places[turn % len(places)]
        lost = turn % 2 == 0 if self.disk == "in turn" else self.disk == "lost"
        # there is an odd number of places, so that each has both disks
        death = None if at == BETWEEN else Death(at, 1 + turn // (2 * len(places)) % 2)
        return Crash(death, lost, 1 + turn % 3 if self.restoring else 0)


ALONE = Way()
"""As the driver has it: one partition, and nothing in the way."""


class Crash(NamedTuple):
    """A death, None for one between two commits; whether the disk is lost with it; and after how many slices of
    restoring the next worker dies, 0 for not."""

    death: Death | None
    lose_disk: bool
    restoring: int


NOT_HERE = {
    "illegal_sink_topic_is_not_checked": "a real engine refuses the topic's name",
    "global_table_leaves_out_what_it_cannot_read": "a real engine asks the handler, the driver does not",
}
"""Cases that are other cases on the runtime, each with the reason."""
BY_RULE = {
    "cached_store_within_one_event": "a record fans out; one commit merges in the cache what the driver commits apart",
    "random_2f8e48e4": "a record fans out; one commit merges in the cache what the driver commits apart",
    "random_23509fb0": "two tasks race: a table's update against a foreign-key response on its way",
    "turns_of_subscription_and_update": "two tasks race: a table's update against a foreign-key response on its way",
    "turns_of_two_repartitions": "a record comes back by two topics at once: nobody says which of them is read first",
    "punctuations_of_two_sub_topologies": "the driver's one task has one stream time for all sub-topologies",
}
"""Cases whose recorded results belong to the driver's one task: what is expected is what their own tasks give."""


def keeps_time(spec: Mapping[str, Any]) -> bool:
    """Does some operator keep a time of its own, or see that of its task?"""
    for step in spec["steps"]:
        processor = step.get("processor")
        name = processor if isinstance(processor, str) else (processor or [""])[0]
        store = step.get("store", {})
        timed_store = store.get("impl") == "versioned" or store.get("kind") in ("window", "session", "versioned")
        timed_join = "windows" in step or "grace" in step.get("joined", {})
        if (
            "partition_time" in step.get("timestamp", "")
            or step["op"] in TIMED_OPS
            or name in TIMED_PROCESSORS
            or timed_store
            or timed_join
        ):
            return True
    return False


def minds_neighbours(spec: Mapping[str, Any]) -> bool:
    """Does a result depend on other keys of the partition, or on how many partitions there are?"""
    for step in spec["steps"]:
        ranges = "range_store" in (step.get("processor") or ())
        if ranges or step.get("store", {}).get("impl") == "lru" or "partitions" in step.get("repartitioned", {}):
            return True
    return False


def left_out(case: Mapping[str, Any], way: Way) -> str | None:
    """Why a case is not run in this way; None: it is."""
    if case["kind"] != "run":
        return "ends in an error: compared on the driver"
    if case["name"] in NOT_HERE:
        return NOT_HERE[case["name"]]
    stores = [step.get("store", {}) for step in case["spec"]["steps"]]
    if way.crashes and any(store.get("impl") == "lru" for store in stores):
        return "LRU store: no changelog knows the order of use"
    if way.crashes and any(store.get("logging") is False for store in stores):
        return "store without a changelog: nothing brings it back"
    return None


class Expected(NamedTuple):
    """The results of each event.

    Args:
        rows: by event, by topic in order.
        from_java: they are those that were recorded; else those of the tasks by themselves.
    """

    rows: list[list[Any]]
    from_java: bool


def expected(case: Mapping[str, Any], way: Way, most: int | None = None) -> Expected:
    """What a case gives in this way."""
    spec, recorded = case["spec"], case["expect"]["outputs"][:most]
    plain = not way.crashes and not (way.partitions > 1 and (keeps_time(spec) or minds_neighbours(spec)))
    if plain and case["name"] not in BY_RULE:
        return Expected(recorded, True)
    rows = by_rule(case, way, most)
    ordered = [sorted(each, key=short) for each in rows] == [sorted(each, key=short) for each in recorded]
    return Expected(rows, ordered)


def by_rule(case: Mapping[str, Any], way: Way, most: int | None = None) -> list[list[Any]]:
    """What the tasks of a case give by themselves, crashing as the way says."""
    spec, config = case["spec"], config_of(case, **{"processing.guarantee": way.guarantee.name})
    topics = dict.fromkeys(named_topics(spec), way.partitions)
    tasks = Tasks(build(spec, config).topology.built(config), config, topics)
    outputs = [partition for partition in tasks.log if partition.topic in spec["outputs"]]
    seen = dict.fromkeys(outputs, 0)
    rows: list[list[Any]] = []
    try:
        for number, event in enumerate(case["events"][:most]):
            if "advance_wall_ms" in event:
                tasks.clock.advance(event["advance_wall_ms"])
            else:
                record = record_of(spec, event)
                place = 0 if record.key is None else partition_for(record.key, way.partitions)
                tasks.append(TopicPartition(event["in"], place), [record])
            crash = way.crash(number)
            try:
                tasks.work(crash.death if crash else None)
                if crash and crash.death is None:
                    raise Died
            except Died:
                tasks.crash()
                tasks.work()
            now = [shown(spec, p.topic, *record) for p in sorted(outputs) for record in tasks.log[p][seen[p] :]]
            seen = {p: len(tasks.log[p]) for p in outputs}
            rows.append(now)
    finally:
        tasks.close()
    return rows


@contextmanager
def lab(case: Mapping[str, Any], way: Way) -> Iterator[Lab]:
    with tempfile.TemporaryDirectory() as home:
        one = Lab(case, way.partitions, Path(home, "state"), way.guarantee, way.servers)
        try:
            yield one
        finally:
            one.close()


def run_on_runtime(
    case: Mapping[str, Any], way: Way = ALONE, most: int | None = None, wanted: Expected | None = None
) -> Expected:
    """Runs a case.

    Args:
        most: only so many of the events.
        wanted: what is expected, if it is known.
    Raises:
        Differs: at the first difference.
    """
    wanted = wanted or expected(case, way, most)
    with lab(case, way) as one:
        in_order = way.partitions == 1 and len(one.built.subtopologies) == 1
        for number, event in enumerate(case["events"][:most]):
            crash = way.crash(number)
            try:
                one.feed(event, crash.death if crash else None)
                if crash and crash.death is None:
                    raise Died
            except Died:
                assert crash is not None
                one.crash(crash.lose_disk, crash.restoring)
                one.work_off()
            got, right = one.taken(), wanted.rows[number]
            if not in_order:
                got, right = sorted(got, key=short), sorted(right, key=short)
            same(f"event {number} {short(event)}", got, right)
    return wanted


__all__ = ["Differs", "Expected", "Way", "expected", "left_out", "run_on_runtime"]

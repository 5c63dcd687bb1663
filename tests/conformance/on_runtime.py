"""The recorded cases through the real runtime: a worker over `memory://`, turned by hand, instead of the driver.

Every event is produced to the log and worked off before the next one, so that the results must be those recorded:

* with one partition, record for record;
* with several partitions, where no operator looks at time or at another key, in any order across partitions;
* with a crash in the middle (no commit, another worker on the same disk), where no operator keeps a time of its own,
  which a restart takes back to -1 in Java too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams.clients.api import Isolation, Sent
from streams.clients.connect import connect
from streams.clients.local.door import forget
from streams.clock import ManualClock
from streams.config.application import StreamsConfig
from streams.metrics import Metrics
from streams.partition import partition_for
from streams.record import RecordBatch, TopicPartition
from streams.runtime.equip import Watchers, make_worker
from streams.runtime.worker import Worker
from tests.conformance.build import build
from tests.conformance.drive import Differs, same, settings, short
from tests.conformance.serdes import serde
from tests.conformance.stores import shown_key

TIMED_OPS = {"windowed_by", "suppress", "emit_strategy"}
TIMED_PROCESSORS = ("tick", "sum_on_stream_time", "sum_on_wall_clock", "dedup", "context_info")
EMIT = "__emit.interval.ms.kstreams.windowed.aggregation__"
EMIT_OUTER = "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"


FANS_OUT = "a record fans out; one commit merges in the cache what the driver commits apart"
RACES = "two tasks race: a table's update against a foreign-key response on its way"
NOT_HERE = {
    "illegal_sink_topic_is_not_checked": "a real engine refuses the topic's name",
    "cached_store_within_one_event": FANS_OUT,
    "random_2f8e48e4": FANS_OUT,
    "random_23509fb0": RACES,
    "turns_of_subscription_and_update": RACES,
    "punctuations_of_two_sub_topologies": "the driver's one task has one stream time for all sub-topologies",
    "global_table_leaves_out_what_it_cannot_read": "a real engine asks the handler",
}
"""Cases whose recorded results belong to the driver's one task, each with the reason."""


def keeps_time(spec: Mapping[str, Any]) -> bool:
    """Does some operator keep a time of its own, or see that of its task?"""
    for step in spec["steps"]:
        processor = step.get("processor")
        name = processor if isinstance(processor, str) else (processor or [""])[0]
        store = step.get("store", {})
        timed_store = store.get("impl") == "versioned" or store.get("kind") in ("window", "session", "versioned")
        timed_join = "windows" in step or "grace" in step.get("joined", {})
        if step["op"] in TIMED_OPS or name in TIMED_PROCESSORS or timed_store or timed_join:
            return True
    return False


def minds_neighbours(spec: Mapping[str, Any]) -> bool:
    """Does a result depend on other keys of the partition, or on how many partitions there are?"""
    for step in spec["steps"]:
        ranges = "range_store" in (step.get("processor") or ())
        if ranges or step.get("store", {}).get("impl") == "lru" or "partitions" in step.get("repartitioned", {}):
            return True
    return False


def forgets(spec: Mapping[str, Any]) -> bool:
    """Is there state that no log brings back: LRU order, stores without a changelog, extractors' partition time?"""
    stores = [step.get("store", {}) for step in spec["steps"]]
    return any(store.get("impl") == "lru" or store.get("logging") is False for store in stores)


def named_topics(spec: Mapping[str, Any]) -> set[str]:
    """All topics a case names, but for the internal ones."""
    found = {*spec["inputs"], *spec["outputs"]}
    for step in spec["steps"]:
        found.update([step["topic"]] if "topic" in step else step.get("topics", ()))
    return found


class Lab:
    """A broker in memory, a clock that stands, and one worker at a time."""

    def __init__(self, case: Mapping[str, Any], partitions: int, home: Path) -> None:
        self.name = f"conformance-{case['name']}-{partitions}"
        self.spec = case["spec"]
        self.partitions = partitions
        self.clock = ManualClock(0)
        throttles = {EMIT: 0, EMIT_OUTER: 0}
        own = {"state.dir": str(home), "commit.interval.ms": 0, "bootstrap.servers": f"memory://{self.name}"}
        self.config = StreamsConfig({**throttles, **settings(case), **own})
        topology = build(case["spec"], self.config).topology
        self.built = topology.built(self.config)
        self.door = connect(f"memory://{self.name}", "lab")
        self.admin = self.door.admin()
        for topic in sorted(named_topics(self.spec)):
            self.admin.create_topic(topic, partitions, {"retention.ms": "-1"})
        self.writer = self.door.writer()
        self.outputs = [TopicPartition(t, p) for t in self.spec["outputs"] for p in range(partitions)]
        self.reader = self.door.reader(Isolation.READ_UNCOMMITTED)
        self.seen = dict.fromkeys(self.outputs, 0)
        self.reader.place(self.seen)
        self.worker = self.start()

    def start(self) -> Worker:
        """Another worker on the same disk; returns when all its tasks run."""
        watchers = Watchers(lambda worker, state: None, lambda worker, error: None)
        worker = make_worker(self.config, self.built, self.door, self.clock, Metrics(), "lab", 1, watchers)
        worker.open()
        if self.built.subtopologies:
            while not worker.settled:
                worker.turn()
        return worker

    def crash(self) -> None:
        """The worker is gone without a commit, and another one takes over."""
        self.worker.close(clean=False)
        self.worker = self.start()

    def close(self) -> None:
        self.worker.close()
        self.reader.close()
        self.writer.close()
        self.door.close()
        forget(self.name)

    def feed(self, event: Mapping[str, Any]) -> None:
        """One event of the case, and all that follows from it."""
        if "advance_wall_ms" in event:
            self.clock.advance(event["advance_wall_ms"])
            self.worker.turn()
        else:
            topic = event["in"]
            serdes = self.spec["inputs"][topic]
            key = bytes.fromhex(event["kx"]) if "kx" in event else serde(serdes["key"]).serialize(topic, event["k"])
            value = bytes.fromhex(event["vx"]) if "vx" in event else serde(serdes["value"]).serialize(topic, event["v"])
            headers = tuple((name, None if text is None else text.encode()) for name, text in event.get("h", ()))
            place = 0 if key is None else partition_for(key, self.partitions)
            batch = RecordBatch([key], [value], [event["ts"]], [headers] if headers else None, range(1), 1)
            self.writer.send(TopicPartition(topic, place), batch, sent)
            self.writer.settle(10_000)
        self.work_off()

    def work_off(self) -> None:
        """Turns the worker until everything there is has been processed and committed."""
        if not self.built.subtopologies:
            return
        while True:
            self.worker.turn()
            sources = [p for p in self.worker.partitions() if self.end(p)]
            committed = self.admin.describe_group(self.config.application_id).offsets
            if all(p in committed and committed[p].offset == self.end(p) for p in sources):
                return

    def end(self, partition: TopicPartition) -> int:
        return self.admin.end_offsets([partition], Isolation.READ_UNCOMMITTED)[partition]

    def taken(self) -> list[Any]:
        """Rows on the output topics since the last call, as the cases have them."""
        ends = self.admin.end_offsets(self.outputs, Isolation.READ_UNCOMMITTED)
        rows: list[Any] = []
        while any(self.seen[p] < ends[p] for p in self.outputs):
            for fetched in self.reader.poll(1_000):
                if fetched.batch is not None:
                    self.seen[fetched.partition] = fetched.batch.next_offset
                    rows += self.rows(fetched.partition.topic, fetched.batch)
        return sorted(rows, key=lambda row: row[0])

    def rows(self, topic: str, batch: RecordBatch) -> Iterator[list[Any]]:
        serdes = self.spec["outputs"][topic]
        for at, timestamp in enumerate(batch.timestamps):
            key = shown_key(serde(serdes["key"]).deserialize(topic, batch.keys[at]))
            row = [topic, key, serde(serdes["value"]).deserialize(topic, batch.values[at]), timestamp]
            headers = batch.headers[at] if batch.headers is not None else ()
            if headers:
                row.append([[name, None if data is None else data.decode()] for name, data in headers])
            yield row


def sent(outcome: Sent) -> None:
    if outcome.error is not None:
        raise outcome.error


@contextmanager
def lab(case: Mapping[str, Any], partitions: int) -> Iterator[Lab]:
    with tempfile.TemporaryDirectory() as home:
        one = Lab(case, partitions, Path(home))
        try:
            yield one
        finally:
            one.close()


def fits(case: Mapping[str, Any], partitions: int, crash: bool) -> bool:
    """Must this case give its recorded results in this way of running it?"""
    if case["kind"] != "run" or case["name"] in NOT_HERE:
        return False
    spec = case["spec"]
    if partitions > 1 and (keeps_time(spec) or minds_neighbours(spec)):
        return False
    return not (crash and (keeps_time(spec) or forgets(spec)))


def run_on_runtime(case: Mapping[str, Any], partitions: int = 1, crash: bool = False, most: int | None = None) -> None:
    """Raises `Differs` at the first difference. `most`: only so many of the events."""
    with lab(case, partitions) as one:
        in_order = partitions == 1 and len(one.built.subtopologies) == 1
        events = case["events"][:most]
        for number, event in enumerate(events):
            if crash and number == len(events) // 2:
                one.crash()
            one.feed(event)
            got, wanted = one.taken(), case["expect"]["outputs"][number]
            if not in_order:
                got, wanted = sorted(got, key=short), sorted(wanted, key=short)
            same(f"event {number} {short(event)}", got, wanted)


__all__ = ["Differs", "fits", "run_on_runtime"]

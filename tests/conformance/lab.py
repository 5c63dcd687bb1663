"""One case in a real worker over `memory://` that is turned by hand, and that can die.

Every event is produced to the log and worked off, commit by commit, before the next one. Nothing is left to threads:
each poll brings all there is, and tasks begin when all of them are restored, so that they take turns as `tasks` has it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from streams.clients.api import Isolation, Sent
from streams.clients.connect import connect
from streams.clients.local.door import forget
from streams.clock import ManualClock
from streams.config.application import StreamsConfig
from streams.errors import GroupIdNotFoundException, TaskCorruptedException
from streams.metrics.registry import Metrics
from streams.partition import partition_for
from streams.record import RecordBatch, TopicPartition
from streams.runtime.tasks.restore import Restorer
from streams.runtime.worker.commit import Commit, CommitStopped
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Guarantee
from streams.runtime.worker.make_worker import Watchers, make_worker
from streams.runtime.worker.sender import Refusal
from streams.runtime.worker.worker import Worker
from tests.conformance.build import build
from tests.conformance.drive import record_of, settings, shown
from tests.conformance.tasks import Death, Died
from tests.conformance.whole_polls import WholePollsDoor

EMIT = "__emit.interval.ms.kstreams.windowed.aggregation__"
EMIT_OUTER = "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"


def config_of(case: Mapping[str, Any], **more: object) -> StreamsConfig:
    """The settings of a case on the runtime: nothing is throttled, each turn commits, each commit goes to the disk."""
    throttles = {EMIT: 0, EMIT_OUTER: 0}
    slices = {"max.partition.fetch.bytes": 1}  # one batch at a time
    own = {**slices, "commit.interval.ms": 0, "statestore.uncommitted.max.bytes": 1}
    return StreamsConfig({**throttles, **settings(case), **own, **more})


def named_topics(spec: Mapping[str, Any]) -> set[str]:
    """All topics a case names, but for the internal ones."""
    found = {*spec["inputs"], *spec["outputs"]}
    for step in spec["steps"]:
        found.update([step["topic"]] if "topic" in step else step.get("topics", ()))
    return found


class Lab:
    """A broker in memory (or, with `servers`, Kafka's), a clock that stands, and one worker at a time."""

    def __init__(
        self,
        case: Mapping[str, Any],
        partitions: int,
        home: Path,
        guarantee: Guarantee = AT_LEAST_ONCE,
        servers: str | None = None,
    ) -> None:
        self.guarantee = guarantee
        self.isolation = guarantee.isolation or Isolation.READ_UNCOMMITTED
        self.name = f"conformance-{case['name']}-{partitions}"
        self.servers = servers
        address = servers or f"memory://{self.name}"
        self.spec = case["spec"]
        self.partitions = partitions
        self.home = home
        self.clock = ManualClock(0)
        own = {"state.dir": str(home), "bootstrap.servers": address}
        self.config = config_of(case, **own, **{"processing.guarantee": guarantee.name})
        self.built = build(case["spec"], self.config).topology.built(self.config)
        self.door = connect(address, "lab")
        self.admin = self.door.admin()
        if servers is not None:
            self.wipe()
        for topic in sorted(named_topics(self.spec)):
            self.admin.create_topic(topic, partitions, {"retention.ms": "-1"})
        self.writer = self.door.writer()
        self.outputs = [TopicPartition(t, p) for t in self.spec["outputs"] for p in range(partitions)]
        self.reader = self.door.reader(self.isolation)
        self.seen = dict.fromkeys(self.outputs, 0)
        self.reader.seek(self.seen)
        self.worker = self.start()

    def start(self) -> Worker:
        """Another worker on the same disk; returns when all its tasks run."""
        watchers = Watchers(lambda worker, state: None, lambda worker, error: None)
        door: Any = WholePollsDoor(self.door)
        worker = make_worker(self.config, self.built, door, self.clock, Metrics(), "lab", 1, watchers)
        worker.open()
        worker.pause(True)  # none of the tasks goes ahead of those that are still restored
        try:
            while self.built.subtopologies and not worker.settled:
                worker.loop.turn()
        except Died:
            worker.close(clean=False)
            raise
        worker.pause(False)
        return worker

    def crash(self, lose_disk: bool = False, restoring: int = 0) -> None:
        """The worker is gone without a commit, and another one takes over.

        Args:
            lose_disk: its database is gone, too.
            restoring: first there is one that dies as well, when it has restored so many slices; 0: there is none.
        """
        self.worker.close(clean=False)
        if lose_disk:
            shutil.rmtree(self.home)
            self.home.mkdir()
        if restoring:
            with dying_while_restoring(restoring), suppress(Died):
                self.start().close(clean=False)  # it had less to restore
        self.worker = self.start()

    def close(self) -> None:
        self.worker.close()
        self.reader.close()
        self.writer.close()
        if self.servers is not None:
            self.wipe()
        self.door.close()
        forget(self.name)

    def wipe(self) -> None:
        """Leaves nothing of a case on brokers that the next one shares: its topics, and those of its application."""
        application = self.config.application_id
        named = named_topics(self.spec)
        for topic in self.admin.list_topics():
            if topic in named or topic.startswith(f"{application}-"):
                self.admin.delete_topic(topic)
        with suppress(GroupIdNotFoundException):
            self.admin.delete_group(application)

    def feed(self, event: Mapping[str, Any], death: Death | None = None) -> None:
        """One event of the case, and all that follows from it.

        Raises:
            Died: as `death` says.
        """
        with dying(death, self.guarantee):
            if "advance_wall_ms" in event:
                self.clock.advance(event["advance_wall_ms"])
                self.worker.loop.turn()
            else:
                topic, (key, value, timestamp, headers) = event["in"], record_of(self.spec, event)
                place = 0 if key is None else partition_for(key, self.partitions)
                batch = RecordBatch([key], [value], [timestamp], [headers] if headers else None, range(1), 1)
                self.writer.send(TopicPartition(topic, place), batch, sent)
                assert self.writer.await_acks(60_000) == 0, "an event was not stored"
            self.work_off()

    def work_off(self) -> None:
        """Turns the worker until everything there is has been processed and committed."""
        if not self.built.subtopologies:
            return
        while True:
            self.worker.loop.turn()
            # positions first: all that came of what was taken before them has been written by then
            committed = self.admin.describe_group(self.config.application_id).offsets
            sources = self.worker.partitions()  # none while its group is put together anew
            read = [p for p in sources if self.end(p)]
            if sources and all(p in committed and committed[p].offset == self.end(p) for p in read):
                return

    def end(self, partition: TopicPartition) -> int:
        return self.admin.end_offsets([partition], Isolation.READ_UNCOMMITTED)[partition]

    def taken(self) -> list[Any]:
        """Rows on the output topics since the last call, as the cases have them. No transaction is open by now, but
        its end may be on its way to the log yet: the group's positions are shown before."""
        ends = self.admin.end_offsets(self.outputs, Isolation.READ_UNCOMMITTED)
        rows: list[Any] = []
        while any(self.seen[p] < ends[p] for p in self.outputs):
            for fetched in self.reader.poll(1_000):
                if fetched.batch is not None:
                    self.seen[fetched.partition] = fetched.batch.next_offset
                    rows += self.rows(fetched.partition.topic, fetched.batch)
        return sorted(rows, key=lambda row: row[0])

    def rows(self, topic: str, batch: RecordBatch) -> Iterator[list[Any]]:
        for at, timestamp in enumerate(batch.timestamps):
            headers = batch.headers[at] if batch.headers is not None else ()
            yield shown(self.spec, topic, batch.keys[at], batch.values[at], timestamp, headers)


def sent(outcome: Sent) -> None:
    if outcome.error is not None:
        raise outcome.error


def aborting(step: str, commit: Collection[str]) -> str:
    """The name of an abort's step, told apart from a commit's."""
    return f"{step} of it" if step in commit else step


@contextmanager
def dying(death: Death | None, guarantee: Guarantee = AT_LEAST_ONCE) -> Iterator[None]:
    """Commits and aborts end where `death` says, whatever their order is. For a death in an abort the output of that
    commit is refused when it has arrived, so that there is one."""
    if death is None:
        yield
        return

    def after(step: str) -> tuple[str, Callable[[object], None]]:
        def end(one: object) -> None:
            if death.comes(step):
                raise Died

        return "end", end

    def refuse(one: Commit) -> None:
        if death.comes(death.step):
            error = TaskCorruptedException("planted")
            one.sender.refusals += [Refusal(task.id, error) for task in one.tasks]
            raise CommitStopped

    def die(one: object) -> None:
        raise Died

    before = guarantee.commit, guarantee.abort
    commit = {name: [(name, step)] for name, step in guarantee.commit}
    abort = {aborting(name, commit): [(name, step)] for name, step in guarantee.abort}
    if death.step in abort:
        commit["send"].append(("refuse", refuse))
        abort[death.step].append(("die", die))
    guarantee.commit = [after("process"), *(each for name in commit for each in (*commit[name], after(name)))]
    guarantee.abort = [each for steps in abort.values() for each in steps]
    try:
        yield
    finally:
        guarantee.commit, guarantee.abort = before


@contextmanager
def dying_while_restoring(slices: int) -> Iterator[None]:
    """A restore ends after so many slices that had rows."""
    death, step = Death("restore", slices), Restorer.step

    def end(self: Restorer, timeout_ms: int) -> int:
        count = step(self, timeout_ms)
        if count and death.comes("restore"):
            raise Died
        return count

    setattr(Restorer, "step", end)  # noqa: B010
    try:
        yield
    finally:
        setattr(Restorer, "step", step)  # noqa: B010

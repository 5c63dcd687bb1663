"""Keeps a worker's tasks in step of event time while they catch up (decision 40): looks at where they stand, lets go
what their outboxes and caches hold for too long, says how far each may go, and exchanges words with other workers.

What is to be done is worked out in `skew` and `progress`; the sets come from `topology.alignment`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from streams.clients.api import Admin, Fetched, Isolation, Reader
from streams.clock import Clock
from streams.errors import LogTruncatedException, OffsetOutOfRangeException
from streams.metrics.names import TASK_GROUP, THREAD_GROUP
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.group.leader import ClusterMetadata
from streams.runtime.group.progress import Heard, Speaker, Word, write_word
from streams.runtime.tasks.skew import NEVER, UNHEARD, Bound, Limit, Part, Passed, Skew, Standing
from streams.runtime.tasks.task import StreamTask
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.tasks import Tasks
from streams.topology.alignment import AlignedSet, aligned_sets
from streams.topology.node import BuiltTopology, TaskId

log = logging.getLogger("streams.runtime.alignment")

LEAST_SKEW_MS = 1_000
"""A bound that is derived is no smaller."""
LOOK_EVERY_MS = 1_000
"""While nothing is behind."""
AWAITED_WAIT_MS = 1
"""A worker does not wait longer for input while others wait for what it has sent to arrive (`Alignment.awaited`)."""


def bounds_of(
    built: BuiltTopology, config: Mapping[str, object], topic_name: Callable[[str], str]
) -> tuple[Bound, ...]:
    """The sets of a topology with their bounds by `max.task.skew.ms`; none where it is -1.

    Args:
        topic_name: gives the real names of internal topics.
    """
    given = config.get("max.task.skew.ms")
    if given == -1:
        return ()

    def bound(one: AlignedSet) -> Bound:
        skew = given if isinstance(given, int) else max(one.grace_ms // 4 // one.hops, LEAST_SKEW_MS)
        topics = frozenset(map(topic_name, one.topics))
        return Bound(one.subtopologies, topics, one.caches, one.above, skew)

    return tuple(map(bound, aligned_sets(built)))


@dataclass(frozen=True, slots=True)
class Me:
    """A worker as it shows itself: its name, that in logs, the key of its words, and where words are written."""

    name: str
    short_name: str
    key: bytes
    topic: str

    @property
    def words(self) -> TopicPartition:
        return TopicPartition(self.topic, 0)


class Unsent:
    """What a worker's tasks have put out and not sent yet, by its age: in outboxes, and in the record caches before
    them. While others catch up it must leave before they are ahead of it by the bound of their set.

    Args:
        tasks: the tasks.
        sender: where output goes.
        caches: names of the stores whose caches count.
    """

    def __init__(self, tasks: Tasks, sender: Sender, caches: frozenset[str]) -> None:
        self._tasks = tasks
        self._sender = sender
        self._caches = caches
        self._clean: dict[TaskId, int] = {}
        """Where each task stood when its caches were seen empty."""
        self._dirty: dict[TaskId, int] = {}
        """What its caches hold now is no older than this."""

    def note(self, standing: Standing) -> None:
        """To be called at every look, before the task goes on: from here on its caches may fill."""
        if not self._caches:
            return
        task, oldest = standing.task, standing.oldest()
        stores = self._tasks.by_id[task].state.stores
        if not any(stores[name].layers.dirty_bytes for name in self._caches if name in stores):
            self._dirty.pop(task, None)
            self._clean[task] = min(part.last for part in standing.parts) if oldest is None else oldest[0]
        elif task not in self._dirty and task in self._clean:
            self._dirty[task] = self._clean[task]

    def let_go(self, task: TaskId, bound: Bound, before: int) -> None:
        """Sends what is older than `before` to the topics of a set; caches that hold such are flushed.

        Raises:
            StreamsException: a flush failed.
        """
        here = self._tasks.by_id[task]
        if self._dirty.get(task, before) < before:
            here.flush()
            del self._dirty[task]
        due = here.outbox.older(bound.topics, before)
        if due:
            self._sender.send(task, due)

    def oldest(self, task: TaskId, bound: Bound) -> int | None:
        """The timestamp of the oldest that is on its way to a topic of the set; None: nothing is."""
        sent = self._tasks.by_id[task].outbox.oldest(bound.topics)
        dirty = self._dirty.get(task) if bound.caches else None
        return sent if dirty is None else dirty if sent is None else min(sent, dirty)


class Alignment:
    """The alignment of one worker.

    Args:
        skew: the state of its sets.
        me: who it is.
        tasks, sender, reader, admin, metadata: of the worker.
        clock: for the age of records, and for waiting.
        metrics: of the application.
    """

    def __init__(
        self,
        skew: Skew,
        me: Me,
        tasks: Tasks,
        sender: Sender,
        reader: Reader,
        admin: Admin,
        metadata: ClusterMetadata,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._skew = skew
        self._me = me
        self._tasks = tasks
        self._sender = sender
        self._reader = reader
        self._admin = admin
        self._metadata = metadata
        self._clock = clock
        self._metrics = metrics
        self._subs = frozenset[int]().union(*(bound.subtopologies for bound in skew.bounds))
        self._inner = sender.watched = frozenset[str]().union(*(bound.topics for bound in skew.bounds))
        self._heard = Heard(me.key)
        self._speaker = Speaker(min(bound.skew_ms for bound in skew.bounds) // 4)
        self._standings: list[Standing] = []
        self._unsent = Unsent(tasks, sender, frozenset[str]().union(*(bound.caches for bound in skew.bounds)))
        self._generation = -1
        self._elsewhere = frozenset[TaskId]()
        self._reads = False
        self._look_at = 0.0
        self._begin = self._end_of_words()
        self._holding = False
        self._leads: dict[TaskId, int] = {}
        self._held = metrics.counter(
            "task-skew-held-total", THREAD_GROUP, "Looks at which a task waited for older ones.", thread=me.name
        )
        self._overrun = metrics.counter(
            "task-skew-passed-total", THREAD_GROUP, "Tasks that were not waited for any longer.", thread=me.name
        )

    # its place in the group

    def _end_of_words(self) -> int | None:
        """Words that lie before are of an earlier run; None: there is no topic."""
        if self._me.topic not in self._admin.describe_topics([self._me.topic]):
            return None
        return self._admin.end_offsets([self._me.words], Isolation.READ_UNCOMMITTED)[self._me.words]

    def given(self, generation: int) -> None:
        """The worker has its tasks in this generation; -1: it has none, and no place."""
        self._generation, self._look_at = generation, 0.0
        self._elsewhere = frozenset()
        if generation < 0:
            return
        self._forget()
        tasks = frozenset(t for t in self._metadata.task_plan().partitions if t.subtopology in self._subs)
        elsewhere = tasks - self._tasks.ids if tasks & self._tasks.ids else frozenset[TaskId]()
        if elsewhere and not self._reads:
            if self._me.topic not in self._admin.describe_topics([self._me.topic]):
                log.info("%s waits for no other worker: there is no topic %s.", self._me.short_name, self._me.topic)
                return
            begin = self._admin.beginning_offsets([self._me.words])[self._me.words]
            self._reader.seek({self._me.words: max(begin, self._begin or 0)})
            self._reads = True
        elif self._reads and not elsewhere:
            self._reader.drop([self._me.words])
            self._reads, self._begin = False, self._end_of_words()
        self._elsewhere = elsewhere

    def _forget(self) -> None:
        """Tasks that have gone leave no metrics."""
        for task in self._leads.keys() - self._tasks.ids:
            self._metrics.remove(thread=self._me.name, task_id=str(task))
            del self._leads[task]

    def hear(self, fetched: Fetched) -> None:
        """Takes in what other workers have said, if it is that."""
        if fetched.partition == self._me.words and fetched.batch is not None and len(fetched.batch):
            self._heard.hear(fetched.batch.keys, fetched.batch.values)
            self._look_at = 0.0

    def out_of_range(self, partition: TopicPartition, error: OffsetOutOfRangeException | LogTruncatedException) -> None:
        """Words that are gone were followed by others."""
        if partition == self._me.words:
            at = error.diverged_at if isinstance(error, LogTruncatedException) else error.log_start
            self._reader.seek({partition: at})

    @property
    def awaited(self) -> bool:
        """Others may wait for what its tasks have sent to be acknowledged."""
        return bool(self._elsewhere) and self._skew.catching

    @property
    def withheld(self) -> bool:
        """Tasks wait for each other, and what some of them have sent can be read by nobody before it is committed."""
        return self._skew.catching and self._sender.withholds

    def speak(self, paused: bool) -> None:
        """Says how far its tasks are, where others want to know and it has changed."""
        if not self._elsewhere or self._generation < 0:
            return
        now = self._clock.monotonic_ms()
        own = [task for task in self._tasks.ids if task.subtopology in self._subs]
        times: dict[TaskId, int | None] = dict.fromkeys(own)
        if not paused:
            times |= {s.task: self._told(s) for s in self._standings if s.task in times}
        word = Word(self._generation, times)
        if self._speaker.due(word, now):
            batch = RecordBatch([self._me.key], [write_word(word)], [self._clock.now_ms()], None, range(1), 1)
            self._sender.tell(self._me.words, batch)

    def _told(self, standing: Standing) -> int | None:
        """A task's time, with all that it has put out and others cannot read yet (it is on its way, or its transaction
        is not committed): another worker's output may come before that. An abort does no more than that anew. None
        where it is not behind."""
        task = standing.task
        if not self._skew.catches_up(task) and not self._speaker.told(task):
            return None
        times = [self._skew.time(standing), self._sender.unseen(task)]
        if not standing.restoring:
            times += [self._unsent.oldest(task, bound) for bound in self._skew.bounds]
        return min((time for time in times if time is not None), default=None)

    # one look

    def limits(self) -> Mapping[TaskId, Limit]:
        """How far tasks may go now; those that are absent as far as they like."""
        now = self._clock.monotonic_ms()
        if not self._skew.catching and now < self._look_at:
            return {}
        self._look_at = now + LOOK_EVERY_MS
        self._standings = list(self._looked_at())
        for standing in self._standings:
            self._unsent.note(standing)
        elsewhere = self._heard.elsewhere(self._generation, self._elsewhere)
        leaving = self._skew.look(self._standings, elsewhere, self._clock.now_ms(), now)
        for bound, before in zip(self._skew.bounds, leaving, strict=True):
            if before is not None:
                for task in self._writing(bound):
                    self._unsent.let_go(task, bound, before)
            for task in self._skew.arrived:
                if task.subtopology in bound.subtopologies:
                    self._unsent.let_go(task, bound, NEVER)
        limits = self._skew.limits([dict(self._kept(bound)) for bound in self._skew.bounds])
        self._tell_of(limits)
        return limits

    def _writing(self, bound: Bound) -> Iterator[TaskId]:
        for standing in self._standings:
            if standing.task.subtopology in bound.subtopologies and not standing.restoring:
                yield standing.task

    def _kept(self, bound: Bound) -> Iterator[tuple[TaskId, int]]:
        for task in self._writing(bound):
            oldest = self._unsent.oldest(task, bound)
            if oldest is not None:
                yield task, oldest

    def _looked_at(self) -> Iterator[Standing]:
        for task in self._tasks.all:
            if task.id.subtopology in self._subs:
                parts = list(self._parts(task))
                if parts:  # where all is read by the wall clock there is no event time
                    yield Standing(task.id, parts, not task.running)

    def _parts(self, task: StreamTask) -> Iterator[Part]:
        sender, running = self._sender, task.running
        for part in task.inbox.parts():
            here, empty = part.partition, part.head is None
            if running and empty and here.topic in self._inner and sender.reaches(here, part.position or 0):
                yield part._replace(unread=True)
            else:
                yield part

    # what it tells

    def _tell_of(self, limits: Mapping[TaskId, Limit]) -> None:
        """Counts who waits, and logs when waiting begins, ends, and is given up."""
        leads = self._skew.leads()
        heads = {s.task: head for s in self._standings if (head := s.head) is not None}
        held = [task for task, limit in limits.items() if heads.get(task, limit.upto) > limit.upto]
        self._held.value += len(held)
        for task in leads.keys() - self._leads.keys():
            self._metrics.gauge(
                "task-skew-ms",
                TASK_GROUP,
                "How far the task is ahead of the oldest one that it keeps in step with, in ms of event time.",
                partial(self._lead, task),
                thread=self._me.name,
                task_id=str(task),
            )
        self._leads = {**dict.fromkeys(self._leads, 0), **leads}
        for passed in self._skew.passed:
            self._overrun.value += 1
            log.warning("%s %s", self._me.short_name, _passed(passed))
        if held and not self._holding:
            self._holding = True
            first = max(held, key=lambda task: leads.get(task, 0))
            log.info("%s %s", self._me.short_name, self._who_waits(first, leads.get(first, 0)))
        elif self._holding and not self._skew.catching:
            self._holding = False
            log.info("%s has caught up: its tasks no longer wait for each other.", self._me.short_name)

    def _lead(self, task: TaskId) -> int:
        return self._leads.get(task, 0)

    def _who_waits(self, task: TaskId, ahead_ms: int) -> str:
        """Who waits for whom, in words."""
        times = {s.task: time for s in self._standings if (time := self._skew.time(s)) is not None}
        elsewhere = self._heard.elsewhere(self._generation, self._elsewhere)
        far = {each: time for each, time in elsewhere.items() if time is not None}
        oldest, time = min({**times, **far}.items(), key=lambda each: each[1], default=(task, UNHEARD))
        where = "another worker's task" if oldest in far else "task"
        return (
            f"catches up, with its tasks in step of event time: task {task} waits for {where} {oldest}, which is "
            f"{_at(time)}" + (f", {ahead_ms} ms behind it." if time != UNHEARD else ".")
        )


def _passed(passed: Passed) -> str:
    where = "a task of another worker or without its stores yet" if passed.partition is None else passed.partition
    return (
        f"waits no longer for task {passed.task} ({where}), which is {_at(passed.time)} and has not moved for "
        f"{passed.waited_ms} ms. What comes from there may be late for those that go on."
    )


def _at(time: int) -> str:
    """Where a task stands, in words."""
    if time == UNHEARD:
        return "at no time that is known"
    try:
        return f"at {datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"at {time} ms"

"""How far the tasks of a worker may go while some are behind: none passes the oldest by more than a bound of event time
(decision 40). Pure: who stands where and the time are handed in, limits come out.

A task's time is the lowest timestamp that waits for it: never the highest that it has processed, which would hold up
all others over a gap. A task *catches up* from its start until what an end of each of its partitions was found at has
been processed; and again where that has not come true for ten seconds and its records are older than the bound. Only
such tasks wait, and only for such tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.record import TopicPartition
from streams.topology.node import TaskId

UNHEARD = -1
"""Stands in the place of a timestamp that is not known yet: it is older than all."""
NEVER = 2**63 - 1
"""Later than every timestamp."""
AGAIN_AFTER_MS = 10_000
"""A task that has been live catches up again after so long without an end."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A set of sub-topologies, and how much event time may lie between its tasks.

    Args:
        subtopologies, topics, caches, above: as in `topology.alignment.AlignedSet`; topics by their real names.
        skew_ms: the bound.
    """

    subtopologies: frozenset[int]
    topics: frozenset[str]
    caches: frozenset[str]
    above: Mapping[int, frozenset[int]]
    skew_ms: int


class Part(NamedTuple):
    """Where a task stands in one of its partitions.

    Args:
        head: timestamp of the first record that waits; None: none does.
        last: the highest timestamp before it, `UNHEARD` if there was none.
        position: the next offset to be processed.
        end: the position at which a poll has last found the end; None: not yet.
        unread: more is known to be there, since this worker wrote it.
    """

    partition: TopicPartition
    head: int | None
    last: int
    position: int | None
    end: int | None
    unread: bool = False

    @property
    def at_end(self) -> bool:
        """Nothing waits, and nothing more was there."""
        reached = self.end is not None and (self.position is None or self.end >= self.position)
        return self.head is None and reached and not self.unread

    @property
    def time(self) -> int | None:
        """The oldest that waits here, or may come; None: neither is known of."""
        if self.head is not None:
            return self.head
        return None if self.at_end else self.last


class Standing(NamedTuple):
    """Where a task stands. `restoring`: its stores are not there yet."""

    task: TaskId
    parts: Sequence[Part]
    restoring: bool = False

    def oldest(self) -> tuple[int, TopicPartition] | None:
        """The task's time, and the partition that it is due to."""
        times = [(part.time, part.partition) for part in self.parts if part.time is not None]
        return min(times) if times else None

    @property
    def head(self) -> int | None:
        """The timestamp of the record that it would process next."""
        return min((part.head for part in self.parts if part.head is not None), default=None)


class Limit(NamedTuple):
    """How far a task may go.

    Args:
        upto: no record after this timestamp.
        complete: all that is older than its next record is there, so that it need not idle for an empty partition.
    """

    upto: int
    complete: bool = False


class Passed(NamedTuple):
    """A task that is no longer waited for, though it stands behind."""

    task: TaskId
    time: int
    partition: TopicPartition | None
    waited_ms: int


@dataclass(slots=True)
class _Course:
    """One task between looks."""

    catching: bool = True
    since_end: float = 0.0
    """When it was last at its ends."""
    reached: set[TopicPartition] = field(default_factory=set)
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    """Ends that were found, and are reached when what lies before them has been processed."""
    passed: int | None = None
    """It is not waited for as long as it stands here."""

    def look(self, parts: Iterable[Part]) -> bool:
        """Notes what has been reached; has everything, since the last reset?"""
        for part in parts:
            here = part.partition
            if here in self.reached:
                continue
            end = self.ends.get(here)
            if part.at_end or (end is not None and part.position is not None and part.position >= end):
                self.reached.add(here)
                self.ends.pop(here, None)
            elif end is None and part.end is not None and part.head is not None:
                self.ends[here] = part.end
        return all(part.partition in self.reached for part in parts)

    def reset(self) -> None:
        self.reached.clear()
        self.ends.clear()


@dataclass(slots=True)
class _Watch:
    """One set between looks."""

    stands: object = None
    """Who stood where when something last moved."""
    moved_at: float = 0.0
    low: int | None = None
    mine: Sequence[Standing] = ()
    """Tasks here that keep in step with others."""
    times: dict[TaskId, int] = field(default_factory=dict)
    """The times of all who are behind and waited for."""


class Skew:
    """The tasks of one worker and what it hears of others.

    Args:
        bounds: the sets.
        wait_ms: a task here that does not move holds the others up for no longer (`max.task.skew.wait.ms`).
        far_ms: the same for tasks that are restored or lie elsewhere.
    """

    def __init__(self, bounds: Sequence[Bound], wait_ms: int, far_ms: int) -> None:
        self.bounds = bounds
        self._wait_ms = wait_ms
        self._far_ms = far_ms
        self._courses: dict[TaskId, _Course] = {}
        self._passed_far: dict[TaskId, int] = {}
        self._watches = [_Watch() for _ in bounds]
        self._order = _order(bounds)
        self._least = {
            sub: min(bound.skew_ms for bound in bounds if sub in bound.subtopologies)
            for bound in bounds
            for sub in bound.subtopologies
        }
        self._above = {
            sub: frozenset().union(*(b.above[sub] for b in bounds if sub in b.subtopologies)) for sub in self._least
        }
        self.passed: list[Passed] = []
        """Tasks that the last look has ceased to wait for."""
        self.arrived: list[TaskId] = []
        """Tasks that were behind until the last look: what they have put out must leave before others go on."""

    @property
    def catching(self) -> bool:
        """Is any task here behind, as of the last look?"""
        return any(course.catching for course in self._courses.values())

    def catches_up(self, task: TaskId) -> bool:
        """Is this one behind, as of the last look?"""
        course = self._courses.get(task)
        return course is not None and course.catching

    def time(self, standing: Standing) -> int | None:
        """What others may know of a task: its time; None where it is not behind, or not waited for."""
        course, oldest = self._courses.get(standing.task), standing.oldest()
        if course is None or not course.catching or oldest is None or oldest[0] == course.passed:
            return None
        return oldest[0]

    def look(
        self, standings: Sequence[Standing], elsewhere: Mapping[TaskId, int | None], wall: int, now: float
    ) -> list[int | None]:
        """Takes in where all stand.

        Args:
            standings: all tasks here that are in a set.
            elsewhere: those of other workers: their times, `UNHEARD`, or None where they are not behind.
            wall: the wall clock in ms.
            now: a time that never goes back, in ms.
        Returns:
            for each set the timestamp before which what was put out must leave now, so that nobody is held up by it;
            None where nobody has to wait for anybody.
        """
        self.passed, self.arrived = [], []
        self._passed_far = {task: time for task, time in self._passed_far.items() if elsewhere.get(task) == time}
        elsewhere = {task: time for task, time in elsewhere.items() if task not in self._passed_far}
        self._follow(standings, elsewhere, wall, now)
        return [self._leave_before(at, standings, elsewhere, now) for at in range(len(self.bounds))]

    def limits(self, kept: Sequence[Mapping[TaskId, int]]) -> dict[TaskId, Limit]:
        """How far each task may go; tasks that are absent may go as far as they like.

        Args:
            kept: for each set, the oldest timestamp of what each task here has put out and not sent.
        """
        limits: dict[TaskId, Limit] = {}
        for bound, watch, unsent in zip(self.bounds, self._watches, kept, strict=True):
            if watch.low is None:
                continue
            upto = min([watch.low, *unsent.values()]) + bound.skew_ms
            for standing in watch.mine:
                task = standing.task
                complete = self._complete(bound, standing, watch.times, unsent)
                other = limits.get(task, Limit(upto))
                limits[task] = Limit(min(upto, other.upto), complete or other.complete)
        return limits

    def _complete(
        self, bound: Bound, standing: Standing, times: Mapping[TaskId, int], unsent: Mapping[TaskId, int]
    ) -> bool:
        """Are all who write for the task's empty partitions beyond its next record, with all that they have sent?"""
        head, above = standing.head, bound.above[standing.task.subtopology]
        empty = [part for part in standing.parts if part.head is None]
        if head is None or not empty or not all(p.at_end and p.partition.topic in bound.topics for p in empty):
            return False
        older = [time for each in (times, unsent) for task, time in each.items() if task.subtopology in above]
        return bool(older) and head < min(older)

    def leads(self) -> dict[TaskId, int]:
        """How far each task's next record is ahead of the oldest of its set, in ms, as of the last look."""
        found: dict[TaskId, int] = {}
        for watch in self._watches:
            for standing in watch.mine if watch.low is not None and watch.low != UNHEARD else ():
                head = standing.head
                if head is not None and watch.low is not None:
                    found[standing.task] = max(found.get(standing.task, 0), head - watch.low)
        return found

    def _follow(
        self, standings: Sequence[Standing], elsewhere: Mapping[TaskId, int | None], wall: int, now: float
    ) -> None:
        """Which tasks are behind. Those that only read what others write are, as long as one of these is."""
        here = {standing.task for standing in standings}
        for task in [task for task in self._courses if task not in here]:
            del self._courses[task]
        behind = {task.subtopology for task, time in elsewhere.items() if time is not None and time != UNHEARD}
        unheard = {task.subtopology for task, time in elsewhere.items() if time == UNHEARD}
        for standing in sorted(standings, key=lambda each: self._order[each.task.subtopology]):
            course = self._courses.get(standing.task)
            if course is None:
                course = self._courses[standing.task] = _Course(since_end=now)
            above = self._above[standing.task.subtopology]
            if standing.restoring or above & behind or (course.catching and above & unheard):
                course.catching = True
                course.reset()
            elif course.look(standing.parts):
                if course.catching:
                    self.arrived.append(standing.task)
                course.catching = False
                course.since_end = now
                course.reset()
            elif not course.catching and now - course.since_end >= AGAIN_AFTER_MS:
                head = standing.head
                course.catching = head is not None and head < wall - self._least[standing.task.subtopology]
                course.reset()
            if course.catching:
                behind.add(standing.task.subtopology)
            oldest = standing.oldest()
            if course.passed is not None and (oldest is None or oldest[0] != course.passed):
                course.passed = None

    def _leave_before(
        self, at: int, standings: Sequence[Standing], elsewhere: Mapping[TaskId, int | None], now: float
    ) -> int | None:
        bound, watch = self.bounds[at], self._watches[at]
        mine = [s for s in standings if s.task.subtopology in bound.subtopologies and self.catches_up(s.task)]
        far = {t: v for t, v in elsewhere.items() if t.subtopology in bound.subtopologies and v is not None}
        watch.mine, watch.times, watch.low = mine, {}, None
        if len(mine) + len(far) < 2 or not mine:
            return None
        stands = ([(s.task, [(part.head, part.position) for part in s.parts]) for s in mine], far)
        if stands != watch.stands:
            watch.stands, watch.moved_at = stands, now
        waited = now - watch.moved_at
        watch.times = self._times(mine, far)
        if waited >= min(self._wait_ms, self._far_ms) and watch.times:
            self._pass_by(bound, watch, far, waited)
            watch.times = self._times(mine, far)
        watch.low = min(watch.times.values(), default=None)
        if watch.low is None:
            return None
        # Half a bound of output may be kept, counted from what waits here: were it counted from the oldest of all, two
        # workers could wait for each other's output. Where nothing waits, nothing more comes to what is kept.
        waiting = [watch.times[s.task] for s in mine if s.task in watch.times]
        return min(waiting) - bound.skew_ms // 2 if waiting else NEVER

    def _times(self, mine: Sequence[Standing], far: Mapping[TaskId, int]) -> dict[TaskId, int]:
        times = {s.task: time for s in mine if (time := self.time(s)) is not None}
        return times | {task: time for task, time in far.items() if task not in self._passed_far}

    def _pass_by(self, bound: Bound, watch: _Watch, far: Mapping[TaskId, int], waited: float) -> None:
        """Ceases to wait for those who have held others up for too long: they might have moved, and have not."""
        heads = [head for s in watch.mine if (head := s.head) is not None]
        if not heads:
            return
        until = min(max(heads) - bound.skew_ms, min(watch.times.values()) + bound.skew_ms + 1)
        for standing in watch.mine:
            time, oldest = watch.times.get(standing.task), standing.oldest()
            patience = self._far_ms if standing.restoring else self._wait_ms
            if time is not None and oldest is not None and time < until and waited >= patience:
                self._courses[standing.task].passed = time
                self.passed.append(Passed(standing.task, *oldest, int(waited)))
        for task, time in far.items():
            if time < until and waited >= self._far_ms:
                self._passed_far[task] = time
                self.passed.append(Passed(task, time, None, int(waited)))


def _order(bounds: Iterable[Bound]) -> dict[int, int]:
    """Sub-topologies so that each has a higher number than those above it."""
    above: dict[int, frozenset[int]] = {}
    for bound in bounds:
        for sub, those in bound.above.items():
            above[sub] = above.get(sub, frozenset()) | those
    return {sub: len(those) for sub, those in above.items()}

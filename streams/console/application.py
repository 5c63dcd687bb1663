"""All instances of an application as one document: what each says of itself, put together; totals become rates.

Pure: answers and times in, a document out.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from math import floor, log10
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from streams.console.answer import Answer, RebalanceAnswer, TaskAnswer
from streams.console.document import (
    Document,
    InstanceShown,
    Known,
    NodeShown,
    RebalanceShown,
    TaskShown,
    TopicShown,
    Totals,
    WorkerShown,
)
from streams.topology.node import TaskId

RATE_MS = 5_500
"""A rate is worked out over so long: five looks of a second."""
MISSED = 2
"""Who has not answered so often does not answer: one that is busy may be late once."""
GONE_MS = 10_000
"""So long an instance that its group knows no more is shown: its death may be noticed there before it is here."""
KEPT_REBALANCES = 100
STATES = ("RUNNING", "CREATED", "REBALANCING", "PENDING_SHUTDOWN", "NOT_RUNNING", "PENDING_ERROR", "ERROR")
"""From good to bad: the application is what its worst instance is."""
VAGUE = ("", "group", "tasks-moved")
"""Causes of a rebalance that give way to what another instance knows of it."""
RESTORED = "\0restored"


class Group(NamedTuple):
    """What the group has told of its tasks.

    Args:
        owners: where each can be asked.
        counts: partitions, by sub-topology.
    """

    owners: Mapping[TaskId, str]
    counts: Mapping[int, int]


class _Count(NamedTuple):
    """What is counted: by a task, which of its counts, of which topic."""

    task: str
    what: str
    topic: str


class _Seen:
    """One instance: what it has said of late."""

    def __init__(self) -> None:
        self.said = Answer()
        self.seen_ms = 0
        self.answers = False
        self.rates: Mapping[_Count, float] = {}
        """A second; what was seen once has none."""
        self._looks: deque[tuple[float, Mapping[_Count, int]]] = deque()
        self._missed = 0
        self.trouble = "It does not answer."
        """Where it does not answer."""

    def take(self, answer: Answer | None, now_ms: int) -> None:
        """It has answered, or has not (None)."""
        if answer is None:
            self._missed += 1
            if self._missed >= MISSED:
                self.answers, self.rates, self.trouble = False, {}, "It does not answer."
            return
        self.answers, self._missed = True, 0
        if answer.process != self.said.process:
            self._looks.clear()
        self.said, self.seen_ms = answer, now_ms
        looks = self._looks
        if not looks or answer.looked_ms > looks[-1][0]:
            looks.append((answer.looked_ms, dict(_counts(answer))))
        while looks[0][0] < answer.looked_ms - RATE_MS:
            looks.popleft()
        self.rates = dict(self._worked_out())

    def leave(self) -> None:
        """Its group knows it no more."""
        self.answers, self.rates, self.trouble = False, {}, "It has left its group."

    def _worked_out(self) -> Iterator[tuple[_Count, float]]:
        now, counts = self._looks[-1]
        earlier = [(now - at, before) for at, before in self._looks][:-1]
        for key, latest in counts.items():
            for ago_ms, before in earlier:
                count = before.get(key)
                # a task that went and came again counts from 0: what is higher is from before
                if count is not None and count <= latest:
                    yield key, (latest - count) * 1_000 / ago_ms
                    break

    def rate(self, what: str, task: str | None = None) -> Known:
        """The sum of what is known of a kind of count."""
        return _sum(rate for key, rate in self.rates.items() if key.what == what and task in (None, key.task))


class Application:
    """See the module.

    Args:
        name: of the application.
        own: where this instance can be asked.
    """

    def __init__(self, name: str, own: str) -> None:
        self._name = name
        self._own = own
        self._seen: dict[str, _Seen] = {}
        self._history: dict[int, _Generation] = {}

    def document(self, answers: Mapping[str, Answer | None], group: Group, now_ms: int) -> Document:
        """What is shown now.

        Args:
            answers: of the instances that there should be; None: it does not answer.
            group: what it has told.
            now_ms: wall clock.
        """
        for endpoint in self._seen.keys() - answers.keys():
            self._seen[endpoint].leave()
            if now_ms - self._seen[endpoint].seen_ms > GONE_MS:
                del self._seen[endpoint]
        for endpoint, answer in answers.items():
            self._seen.setdefault(endpoint, _Seen()).take(answer, now_ms)
            for told in answer.rebalances if answer is not None else ():
                self._history.setdefault(told.generation, _Generation()).take(endpoint, told)
        for generation in sorted(self._history)[:-KEPT_REBALANCES]:
            del self._history[generation]
        tasks = self._tasks(group)
        states = [seen.said.state for seen in self._seen.values() if seen.answers]
        return Document(
            application=self._name,
            seen_by=self._own,
            at_ms=now_ms,
            state=max(states, key=lambda state: STATES.index(state) if state in STATES else 0, default="UNKNOWN"),
            totals=self._totals(tasks),
            instances=self._instances(tasks),
            tasks=tasks,
            topics=self._topics(),
            nodes=self._nodes(),
            rebalances={str(generation): known.shown() for generation, known in self._history.items()},
        )

    def _answering(self) -> list[_Seen]:
        return [seen for seen in self._seen.values() if seen.answers]

    def _tasks(self, group: Group) -> dict[str, TaskShown]:
        tasks = {
            str(TaskId(sub, partition)): TaskShown("", "NOBODY")
            for sub, count in sorted(group.counts.items())
            for partition in range(count)
        }
        for task, endpoint in group.owners.items():
            tasks[str(task)] = TaskShown(endpoint, "UNKNOWN")
        by_age = sorted(self._seen.items(), key=lambda pair: pair[1].said.generation)
        for endpoint, seen in by_age:  # of two who claim a task the later generation is believed
            if seen.answers:
                rates: dict[str, float] = {}
                restored: dict[str, float] = {}
                for key, rate in seen.rates.items():
                    if key.what in ("read", RESTORED):
                        found = rates if key.what == "read" else restored
                        found[key.task] = found.get(key.task, 0.0) + rate
                for id, told in seen.said.tasks.items():
                    tasks[id] = _task(endpoint, told, rates.get(id, UNSET), restored.get(id, 0.0))
        return tasks

    def _instances(self, tasks: Mapping[str, TaskShown]) -> dict[str, InstanceShown]:
        found: dict[str, InstanceShown] = {}
        by_place: dict[str, list[TaskShown]] = {}
        for task in tasks.values():
            by_place.setdefault(task.at, []).append(task)
        for endpoint, seen in sorted(self._seen.items()):
            mine, said = by_place.get(endpoint, []), seen.said
            troubles = [*said.reasons, *([said.trouble] if said.trouble else [])]
            found[endpoint] = InstanceShown(
                answers=seen.answers,
                seen_ms=seen.seen_ms,
                state=said.state if seen.answers else "UNKNOWN",
                client_id=said.client_id,
                reasons=troubles if seen.answers else [seen.trouble],
                tasks=len(mine),
                running=sum(task.state == "RUNNING" for task in mine),
                processed=said.processed,
                lag=_total(task.lag for task in mine),
                rate=rounded(_sum(task.rate for task in mine)),
                workers={name: WorkerShown(each.state, each.doing, each.shares) for name, each in said.workers.items()}
                if seen.answers
                else {},
            )
        return found

    def _totals(self, tasks: Mapping[str, TaskShown]) -> Totals:
        said = [seen.said for seen in self._seen.values()]
        shown = tasks.values()
        return Totals(
            processed=sum(each.processed for each in said),
            dropped=_added(each.dropped for each in said),
            dead_letters=sum(each.dead_letters for each in said),
            restored=_total(task.restored for task in shown),
            to_restore=_total(task.to_restore for task in shown),
            rate=rounded(_sum(task.rate for task in shown)),
            written_rate=rounded(_sum(seen.rate("written") for seen in self._answering())),
            lag=_sum(task.lag for task in shown),
            lag_s=_most(task.lag_s for task in shown),
            fresh_s=_most(node.fresh_s for seen in self._answering() for node in seen.said.nodes.values()),
            left_s=_most(task.left_s for task in shown),
        )

    def _topics(self) -> dict[str, TopicShown]:
        read: dict[str, float] = {}
        written: dict[str, float] = {}
        lag: dict[str, int] = {}
        lag_s: dict[str, float] = {}
        for seen in self._answering():
            for key, rate in seen.rates.items():
                if key.what != RESTORED:
                    by = read if key.what == "read" else written
                    by[key.topic] = by.get(key.topic, 0.0) + rate
            for told in seen.said.tasks.values():
                for name, count in told.lag.items():
                    lag[name] = lag.get(name, 0) + count
                for name, seconds in told.lag_s.items():
                    lag_s[name] = max(lag_s.get(name, 0.0), seconds)
        return {
            name: TopicShown(
                rounded(read.get(name, UNSET)),
                rounded(written.get(name, UNSET)),
                lag.get(name, UNSET),
                _most((lag_s.get(name, UNSET),)),
            )
            for name in sorted({*read, *written, *lag, *lag_s})
        }

    def _nodes(self) -> dict[str, NodeShown]:
        found: dict[str, NodeShown] = {}
        for seen in self._answering():
            for name, told in seen.said.nodes.items():
                node = found.setdefault(name, NodeShown())
                node.fresh_s = _most((node.fresh_s, told.fresh_s))
                if told.dropped:
                    before = {} if isinstance(node.dropped, UnsetType) else node.dropped
                    node.dropped = _added((before, told.dropped))
        return found


class _Generation:
    """A rebalance, whoever tells of it; who knows more of its cause is believed."""

    def __init__(self) -> None:
        self._at_ms = 0
        self._cause, self._detail = "", ""
        self._by: dict[tuple[str, str], tuple[int, float]] = {}
        """Tasks that came to a worker, and how long it took there."""

    def take(self, endpoint: str, told: RebalanceAnswer) -> None:
        """A worker has told of it."""
        self._by[endpoint, told.worker] = told.new, told.took_ms
        if _telling(told.cause) > _telling(self._cause):
            self._cause, self._detail = told.cause, told.detail
        self._at_ms = max(self._at_ms, told.at_ms)

    def shown(self) -> RebalanceShown:
        """As a row of the history."""
        moved, took = sum(new for new, _ in self._by.values()), max(took for _, took in self._by.values())
        return RebalanceShown(self._at_ms, self._cause, self._detail, moved, took, len(self._by))


def _task(endpoint: str, told: TaskAnswer, rate: Known, restored: float) -> TaskShown:
    task = TaskShown(endpoint, "RUNNING" if told.running else "RESTORING", rounded(rate))
    task.lag, task.lag_s = _sum(told.lag.values()), _most(told.lag_s.values())
    if told.restores and not told.running:
        done, total = (sum(each[at] for each in told.restores.values()) for at in (0, 1))
        task.restored, task.to_restore = done, total
        if restored > 0:
            task.left_s = round((total - done) / restored, 1)
    return task


def _counts(answer: Answer) -> Iterable[tuple[_Count, int]]:
    """All that rates are made of."""
    for id, task in answer.tasks.items():
        for topic, count in task.read.items():
            yield _Count(id, "read", topic), count
        for topic, count in task.written.items():
            yield _Count(id, "written", topic), count
        if task.restores:
            yield _Count(id, RESTORED, ""), sum(done for done, _ in task.restores.values())


def _telling(cause: str) -> int:
    return VAGUE.index(cause) if cause in VAGUE else len(VAGUE)


def rounded(value: Known) -> Known:
    """Three figures: what a person would see change."""
    if isinstance(value, UnsetType) or value <= 0:
        return value
    digits = 2 - floor(log10(value))
    found = round(value, digits)
    return int(found) if digits <= 0 else found


def _sum(values: Iterable[Known]) -> Known:
    """Of those that are known."""
    known = [value for value in values if not isinstance(value, UnsetType)]
    return sum(known) if known else UNSET


def _total(counts: Iterable[Known]) -> int:
    return int(sum(count for count in counts if not isinstance(count, UnsetType)))


def _most(values: Iterable[Known]) -> Known:
    """The highest of those that are known, in tenths."""
    return max((round(value, 1) for value in values if not isinstance(value, UnsetType)), default=UNSET)


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Sums, by name."""
    found = Counter[str]()
    for each in counts:
        found.update(each)
    return dict(found)

"""What is measured of a worker, under Kafka's names. It costs per turn of the loop, never per record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from streams.metrics.catalogue import DESCRIPTIONS
from streams.metrics.names import THREAD_GROUP, UPDATER_GROUP
from streams.metrics.registry import Counter, GrowthRate, Metrics, MetricsScope
from streams.metrics.sensor import Avg, Max, Sensor
from streams.runtime.tasks.restore import Restorer
from streams.runtime.worker.lifecycle import WorkerLife, WorkerState
from streams.runtime.worker.time_shares import BUSY, Doing, TimeShares

Read = Callable[[], object]
SHARE_MS = 100.0
"""A share that was worked out serves for so long."""
_NUMBERS = {state: number for number, state in enumerate(WorkerState)}

_RATIOS: Mapping[str, tuple[Doing, ...]] = {
    "process-ratio": (Doing.PROCESSING,),
    "punctuate-ratio": (Doing.PUNCTUATING,),
    "poll-ratio": (Doing.POLLING, Doing.WAITING),
    "commit-ratio": (Doing.COMMITTING,),
    "busy-ratio": BUSY,
    "idle-ratio": (Doing.WAITING,),
    "blocked-ratio": (Doing.BLOCKED,),
    "committing-ratio": (Doing.COMMITTING,),
    "restoring-ratio": (Doing.RESTORING,),
}


class WorkerMetrics:
    """See the module.

    Args:
        metrics: of the application.
        name: of the worker.
        life: its states.
        now_ms: wall clock, when it begins.
    """

    def __init__(self, metrics: Metrics, name: str, life: WorkerLife, now_ms: int) -> None:
        self._metrics = metrics
        self._name = name
        self._life = life
        self._scope = metrics.scope(thread_id=name)
        self._look_at = 0.0
        self.shares = TimeShares(metrics.sampling)
        self._share = (-SHARE_MS, 0.0)
        """When it was worked out what share goes to processing, and which."""
        self._processed = self._counter("process-total")
        self._punctuated = self._counter("punctuate-total")
        self._commits = self._counter("commit-total")
        self._polls = self._counter("poll-total")
        sensor = partial(sensor_of, self._scope, name, THREAD_GROUP)
        self._commit, self._poll = sensor("commit-latency"), sensor("poll-latency")
        self._process, self._punctuate = sensor("process-latency"), sensor("punctuate-latency")
        self._poll_records, self._process_records = sensor("poll-records"), sensor("process-records")
        self._gauges(
            THREAD_GROUP,
            {
                **{ratio: partial(self.shares.share, doing) for ratio, doing in _RATIOS.items()},
                "thread-start-time": lambda: now_ms,
                "blocked-time-ns-total": self._blocked_ns,
                "state": lambda: life.state.value,
            },
        )
        ids = self._scope.within(process_id=metrics.process_id)
        text = DESCRIPTIONS[THREAD_GROUP, "thread-state"]
        ids.gauge("thread-state", THREAD_GROUP, text, lambda: _NUMBERS[life.state])

    def _counter(self, name: str) -> Counter:
        return self._scope.counter(name, THREAD_GROUP, DESCRIPTIONS[THREAD_GROUP, name])

    def _gauges(self, group: str, gauges: Mapping[str, Read]) -> None:
        for name, read in gauges.items():
            self._scope.gauge(name, group, DESCRIPTIONS[group, name], read)

    def _blocked_ns(self) -> int:
        spent = self.shares.spent()
        return int(1e6 * (spent[Doing.WAITING] + spent[Doing.BLOCKED] + spent[Doing.COMMITTING]))

    def restores(self, restorer: Restorer) -> None:
        """Registers what the worker restores."""
        sampling = self._metrics.sampling
        records = self._metrics.watch(GrowthRate(lambda: restorer.restored, sampling))
        calls = self._metrics.watch(GrowthRate(lambda: restorer.polls, sampling))
        restoring = (Doing.RESTORING,)
        self._gauges(
            UPDATER_GROUP,
            {
                "active-restore-ratio": partial(self.shares.share, restoring),
                "idle-ratio": lambda: 1.0 - self.shares.share(restoring),
                "restore-records-rate": records.value,
                "restore-call-rate": calls.value,
                "active-restoring-tasks": lambda: 0 if self._life.paused else restorer.tasks,
                "active-paused-tasks": lambda: restorer.tasks if self._life.paused else 0,
            },
        )

    def processing_share(self) -> float:
        """What share of its time goes to processing; a scrape asks for each task."""
        now, (at, share) = self._metrics.sampling.now_ms(), self._share
        if not 0 <= now - at < SHARE_MS:
            share = self.shares.share((Doing.PROCESSING,))
            self._share = now, share
        return share

    # at work, by the worker's thread

    def look(self, now: float) -> bool:
        """Is a sample's window over? Then the totals are looked at.

        Args:
            now: monotonic clock (ms).
        """
        self._metrics.tick(now)
        if now < self._look_at:
            return False
        first, self._look_at = not self._look_at, now + self._metrics.sampling.window_ms
        if not first:
            self.shares.look()
        return True

    def polled(self, records: int, began: float, ended: float) -> None:
        """A poll has brought so many records."""
        self._polls.value += 1
        self._poll.record(ended - began, ended)
        self._poll_records.record(records, ended)

    def processed(self, records: int, began: float, ended: float) -> None:
        """A turn has processed so many records."""
        self._processed.value += records
        self._process.record((ended - began) / records, ended)
        self._process_records.record(records, ended)

    def punctuates(self) -> float:
        """A punctuation begins; gives when."""
        return self.shares.enter(Doing.PUNCTUATING)

    def punctuated(self, began: float) -> float:
        """It is over; gives when."""
        ended = self.shares.enter(Doing.PROCESSING)
        self._punctuated.value += 1
        self._punctuate.record(ended - began, ended)
        return ended

    def committed(self, began: float, ended: float) -> None:
        """One commit more."""
        self._commits.value += 1
        self._commit.record(ended - began, ended)

    def close(self) -> None:
        """The worker has ended."""
        self._scope.close()


def sensor_of(scope: MetricsScope, whose: str, group: str, what: str, suffixes: str = "avg max") -> Sensor:
    """A sensor with those of average and maximum that are wanted."""
    sensor = scope.sensor(f"{whose}.{group}.{what}", scope.metrics.level)
    for suffix, statistic in (("avg", Avg()), ("max", Max())):
        if suffix in suffixes:
            name = f"{what}-{suffix}"
            scope.gauge(name, group, DESCRIPTIONS[group, name], partial(statistic.measure, sensor))
    return sensor

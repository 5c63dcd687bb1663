"""What a task has fetched and not yet processed, and what comes next (decisions 1 to 4).

The partition whose head has the lowest timestamp goes first; of equal ones that of the earlier source, then
the lower partition. A run goes on in that partition until another one's head would come first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from math import nan
from operator import ne
from typing import NamedTuple

from streams.clients.api import Fetched, Position
from streams.metrics.registry import Counter
from streams.metrics.traffic import Traffic
from streams.record import RecordBatch, TopicPartition
from streams.runtime.compile.entry import Fault, Run, highest
from streams.runtime.compile.timestamps import Reading, stamped
from streams.runtime.tasks.lag import Ends
from streams.runtime.tasks.merging import Slice, merged_run
from streams.runtime.tasks.skew import Limit, Part
from streams.serdes.offset_metadata import decode_offset_metadata, encode_offset_metadata

MAX_RUN = 1_000
"""Default of `max.run.records`: records of a run at most."""
SHORT = 16
"""Runs that are shorter are better merged (decision 6)."""
SHORT_RUNS = 4
"""After so many short runs in a row the partitions are merged."""
NO_LIMIT = 2**63 - 1
"""Beyond every timestamp."""
FREE = Limit(NO_LIMIT)
"""As far as it likes."""


class InboxSettings(NamedTuple):
    """`max.task.idle.ms` and `buffered.records.per.partition`."""

    max_idle_ms: int
    buffered: int


class Reads(NamedTuple):
    """A partition of a task: the source it belongs to, the rank of the source among them, how it is read, and what
    counts that (None: nobody does)."""

    source: str
    rank: int
    reading: Reading
    traffic: Traffic | None = None


class _Waiting(NamedTuple):
    """A batch in a queue."""

    batch: RecordBatch
    timestamps: Sequence[int]
    faults: Mapping[int, Fault]
    newest: int
    size: float
    """Of a record in bytes, about."""


class _Queue:
    """The records of one partition that wait, and where it stands."""

    __slots__ = (
        "at",
        "batches",
        "buffered",
        "caught_up_at",
        "committed",
        "cut_back",
        "end",
        "ends",
        "fetched_to",
        "idle_until",
        "log_epoch",
        "order",
        "partition",
        "read_time",
        "reads",
        "time",
    )

    def __init__(self, partition: TopicPartition, reads: Reads, start: Position | None = None) -> None:
        self.partition = partition
        self.reads = reads
        self.order = (reads.rank, partition.partition)
        self.batches: deque[_Waiting] = deque()
        self.at = 0
        self.buffered = 0
        self.fetched_to: int | None = None
        self.committed: int | None = None
        self.caught_up_at: int | None = None
        self.end = self.log_epoch = -1
        self.cut_back = False
        self.ends = Ends()
        self.idle_until: int | None = None
        self.time = self.read_time = -1
        if start is not None:
            self.fetched_to = self.committed = start.offset
            self.time = self.read_time = decode_offset_metadata(start.metadata).partition_time

    def add(self, fetched: Fetched) -> None:
        batch = fetched.batch
        self.caught_up_at = fetched.caught_up_at
        self.end = max(self.end, fetched.readable_end)
        if not self.cut_back:
            self.log_epoch = max(self.log_epoch, fetched.log_epoch)
        if batch is None:
            return
        self.fetched_to = batch.next_offset
        if len(batch):
            times, faults = stamped(self.reads.reading, self.partition, batch, self.read_time)
            newest = max(times)
            self.read_time = max(self.read_time, newest)
            traffic = self.reads.traffic
            size = 0.0 if traffic is None else traffic.size(self.partition.topic, batch)
            self.batches.append(_Waiting(batch, times, faults, newest, size))
            self.buffered += len(batch)
            self.idle_until = None

    def head(self, now: int) -> int:
        """The timestamp of the first record."""
        return now if self.reads.reading.wall_clock else self.batches[0].timestamps[self.at]

    def run(self, now: int, limit: int, deadline: int, most: int) -> Run:
        """The run from the first record on: before a timestamp over `limit`, after one that reaches
        `deadline`.
        """
        waiting = self.batches[0]
        start, times = self.at, waiting.timestamps
        batch = waiting.batch
        fault = waiting.faults.get(start)
        if fault is not None:
            return self._run(waiting, times, start, start + 1, fault)
        stop = min(len(batch), start + most)
        if waiting.faults:
            stop = min((at for at in waiting.faults if start < at < stop), default=stop)
        if self.reads.reading.wall_clock:
            # All have the time of processing: equal to the head's, and to each other's.
            times = [now] * len(batch)
            stop = min(stop, start + 1) if now >= deadline else stop
        else:
            if limit < NO_LIMIT:
                stop = first_above(times, start, stop, limit)
            if deadline < NO_LIMIT:
                stop = min(stop, first_above(times, start, stop, deadline - 1) + 1)
        return self._run(waiting, times, start, stop, None)

    def _run(self, waiting: _Waiting, times: Sequence[int], start: int, stop: int, fault: Fault | None) -> Run:
        batch = waiting.batch
        whole = stop - start == len(batch) and times is waiting.timestamps
        newest = waiting.newest if whole else highest(times, start, stop)
        return Run(self.reads.source, self.partition, batch, times, start, stop, newest, fault)

    def taken(self, upto: int, time: int) -> None:
        count = upto - self.at
        self.buffered -= count
        if self.reads.traffic is not None:
            self.reads.traffic.add(count, self.batches[0].size)
        self.at = upto
        self.time = max(self.time, time)
        if upto == len(self.batches[0].batch):
            self.batches.popleft()
            self.at = 0

    def slice(self, most: int, upto: int) -> Slice:
        """The rows of the first batch that could be processed next, before the first that has no
        timestamp, or one over `upto`.
        """
        waiting = self.batches[0]
        start = self.at
        stop = min(len(waiting.batch), start + most)
        if waiting.faults:
            stop = min((at for at in waiting.faults if start <= at < stop), default=stop)
        if self.reads.reading.wall_clock:
            stop = start
        elif upto < NO_LIMIT:
            stop = first_above(waiting.timestamps, start, stop, upto)
        return Slice(self.reads.source, self.order, self.partition, waiting.batch, waiting.timestamps, start, stop)

    def position(self) -> int | None:
        """The offset of the next record; where none waits, the position after the last batch."""
        if self.batches:
            return self.batches[0].batch.offsets[self.at]
        return self.fetched_to

    def glimpse(self) -> tuple[int | None, int | None]:
        """Position and timestamp of the next record, for other threads."""
        try:
            waiting, at = self.batches[0], self.at
            return waiting.batch.offsets[at], waiting.timestamps[at]
        except IndexError:  # there is none, or it was taken just now
            return self.fetched_to, None

    def caught_up(self) -> bool:
        """Nothing waits, and nothing more was there at the last fetch."""
        return self.caught_up_at is not None and (self.fetched_to is None or self.caught_up_at >= self.fetched_to)


class Inbox:
    """Holds the fetched batches of a task's partitions and cuts runs from them.

    Args:
        reads: the task's partitions.
        settings: how long to wait for empty partitions, and when to pause full ones.
        enforced: counts runs that did not wait any longer.
    """

    def __init__(
        self, reads: Mapping[TopicPartition, Reads], settings: InboxSettings, enforced: Counter | None = None
    ) -> None:
        self._queues = {partition: _Queue(partition, each) for partition, each in reads.items()}
        self._settings = settings
        self._enforced = enforced or Counter()
        self._short = 0
        self._metadata: Mapping[str, int] = {}
        """What was committed beside the positions."""
        self._committing: Mapping[str, int] = {}
        self.merges = False
        """There is an entry for rows of several sources."""

    @property
    def partitions(self) -> tuple[TopicPartition, ...]:
        """The task's partitions."""
        return tuple(self._queues)

    def reads(self, partition: TopicPartition) -> Reads:
        """How a partition is read."""
        return self._queues[partition].reads

    def log_epoch_of(self, partition: TopicPartition) -> int:
        """A life of a log in which all that was read of it lies in it; -1: it is not told."""
        queue = self._queues.get(partition)
        return -1 if queue is None else queue.log_epoch

    def cut_back(self, partition: TopicPartition) -> None:
        """A log has lost something that was read: what was made of that is of the life before, whatever follows."""
        self._queues[partition].cut_back = True

    def positions(self) -> dict[TopicPartition, int]:
        """The offsets of the next records, as far as they are known."""
        known = {partition: queue.position() for partition, queue in self._queues.items()}
        return {partition: offset for partition, offset in known.items() if offset is not None}

    def include(self, partition: TopicPartition, reads: Reads, start: Position) -> None:
        """One more partition: of a topic that has come to match a pattern."""
        self._queues[partition] = _Queue(partition, reads, start)

    def exclude(self, partition: TopicPartition) -> None:
        """The partition is there no more; what waits of it goes with it."""
        del self._queues[partition]

    def seek(self, positions: Mapping[TopicPartition, Position]) -> None:
        """Forgets what waits; reading goes on at these positions. Their metadata hold the partition times."""
        for partition, queue in self._queues.items():
            self._queues[partition] = _Queue(partition, queue.reads, positions.get(partition))

    def add(self, fetched: Fetched) -> None:
        """Takes what a poll brought for one of the partitions."""
        self._queues[fetched.partition].add(fetched)

    def head(self, partition: TopicPartition, now: int) -> int | None:
        """The timestamp of a partition's first record; None if it has none."""
        queue = self._queues[partition]
        return queue.head(now) if queue.batches else None

    def parts(self) -> Iterator[Part]:
        """Where it stands in each partition that is not read by the wall clock."""
        for partition, queue in self._queues.items():
            if not queue.reads.reading.wall_clock:
                head = queue.batches[0].timestamps[queue.at] if queue.batches else None
                yield Part(partition, head, queue.time, queue.position(), queue.caught_up_at)

    @property
    def lag(self) -> int:
        """Records beyond what is processed, as far as was told. Any thread may ask."""
        return sum(map(self.lag_of, list(self._queues)))

    def note_ends(self, now: float) -> None:
        """Now and then: where the logs end (monotonic clock, ms)."""
        for queue in self._queues.values():
            queue.ends.note(queue.end, now)

    def lag_of(self, partition: TopicPartition) -> int:
        """Records beyond what is processed in one partition, as far as was told. Any thread may ask."""
        queue = self._queues.get(partition)
        if queue is None:
            return 0
        position, _ = queue.glimpse()
        return 0 if position is None or position > queue.end else queue.end - position

    def lag_seconds(self, partition: TopicPartition, now: float, wall: int) -> float:
        """Since when there has been something in a partition that is not processed; NaN: nobody knows. Any thread may
        ask.

        Args:
            now: monotonic clock (ms).
            wall: wall clock (ms).
        """
        queue = self._queues.get(partition)
        if queue is None:
            return nan
        position, head = queue.glimpse()
        return queue.ends.seconds(position, now, 0 if head is None else wall - head)

    def oldest_ms(self, now: float, wall: int) -> float:
        """The highest lag of all partitions of which it is known (ms). Any thread may ask."""
        oldest = 0.0
        for queue in list(self._queues.values()):
            position, head = queue.glimpse()
            behind = queue.ends.seconds(position, now, 0 if head is None else wall - head)
            if behind > oldest:  # never, where nobody knows
                oldest = behind
        return oldest * 1_000

    def favour(self, partition: TopicPartition) -> None:
        """At equal timestamps this partition comes first from now on, whatever its source's place."""
        queue = self._queues.pop(partition)
        first = min((each.order for each in self._queues.values()), default=queue.order)
        queue.order = (first[0] - 1, 0)
        self._queues = {partition: queue, **self._queues}

    def next_run(self, now: int, deadline: int | None, most: int = MAX_RUN, limit: Limit = FREE) -> Run | None:
        """The next run; None where there is nothing, or an empty partition is still waited for.

        Args:
            now: wall clock in ms.
            deadline: the timestamp that ends a run, after the record that reaches it; None: there is none.
            most: records of the run at most.
            limit: how far it may go; records with the time of the wall clock are free of it.
        """
        upto = limit.upto
        full = [queue for queue in self._queues.values() if queue.batches]
        if not full or (upto < NO_LIMIT and self._all_after(upto, full, now)):
            return None
        if len(full) < len(self._queues) and not limit.complete and self._waits(now):
            return None
        last = NO_LIMIT if deadline is None else deadline
        if len(full) == 1:
            return full[0].run(now, upto, last, most)
        if self.merges and self._short >= SHORT_RUNS:
            run = self._merged(full, last, most, upto)
            if run is not None:
                return run
        heads = sorted(((queue.head(now), queue.order, queue) for queue in full), key=lambda each: each[:2])
        first, (head, order, _) = heads[0][2], heads[1]
        # At equal timestamps the one that comes first in the order goes on.
        run = first.run(now, min(upto, head if first.order < order else head - 1), last, most)
        self._short = self._short + 1 if run.stop - run.start < SHORT else 0
        return run

    def _all_after(self, upto: int, full: list[_Queue], now: int) -> bool:
        """Does the lowest head lie after `upto`?"""
        first = min(full, key=lambda queue: (queue.head(now), queue.order))
        return not first.reads.reading.wall_clock and first.head(now) > upto

    def _merged(self, full: list[_Queue], deadline: int, most: int, upto: int) -> Run | None:
        """One run over the heads of several partitions; None where it cannot be or is of no use."""
        # no more of each than can be used: all of it is sorted
        each = most // len(full) + 1
        run = merged_run([queue.slice(each, upto) for queue in full], deadline, most)
        if run is None or run.merged is None:
            self._short = 0
            return None
        turns = 1 + sum(map(ne, run.merged.parts[: run.stop], run.merged.parts[1 : run.stop]))
        if run.stop >= turns * SHORT:
            self._short = 0
        return run

    def _waits(self, now: int) -> bool:
        """Is some empty partition waited for (`max.task.idle.ms`)?"""
        idle = self._settings.max_idle_ms
        if idle < 0:
            return False
        for queue in self._queues.values():
            if queue.batches:
                continue
            if not queue.caught_up():
                queue.idle_until = None
                return True
            if queue.idle_until is None:
                queue.idle_until = now + idle
            if 0 < queue.idle_until - now <= idle:  # where the wall clock was set back nothing is waited for
                return True
        if idle:
            self._enforced.value += 1
        return False

    def taken(self, run: Run, upto: int, unread: frozenset[int] = frozenset()) -> None:
        """The run's records before index `upto` are done; those in `unread` have no timestamp that counts."""
        if run.merged is None:
            self._queues[run.partition].taken(upto, run.newest_before(upto, unread))
            return
        done = run.merged.parts[:upto]
        for part, partition in enumerate(run.merged.partitions):
            queue, count = self._queues[partition], done.count(part)
            if count:
                bad = frozenset(queue.at + done[:at].count(part) for at in unread if done[at] == part)
                times = queue.batches[0].timestamps
                queue.taken(queue.at + count, highest(times, queue.at, queue.at + count, bad))

    def committable(self, metadata: Mapping[str, int]) -> dict[TopicPartition, Position]:
        """Positions that have moved since they were last committed, with partition time and `metadata`; one of them
        where only that has changed."""
        found: dict[TopicPartition, Position] = {}
        for partition, queue in self._queues.items():
            offset = queue.position()
            if offset is not None and offset != queue.committed:
                found[partition] = Position(offset, encode_offset_metadata(queue.time, metadata))
        if not found and metadata != self._metadata:
            # What operators remember has moved without input: it goes beside a position that is known.
            for partition, queue in self._queues.items():
                offset = queue.position()
                if offset is not None:
                    found[partition] = Position(offset, encode_offset_metadata(queue.time, metadata))
                    break
        self._committing = dict(metadata)
        return found

    def committed(self, positions: Mapping[TopicPartition, Position]) -> None:
        """These were committed."""
        for partition, position in positions.items():
            self._queues[partition].committed = position.offset
        if positions:
            self._metadata = self._committing

    def to_pause(self) -> set[TopicPartition]:
        """Partitions that hold more than `buffered.records.per.partition` records; all others go on."""
        return {partition for partition, queue in self._queues.items() if queue.buffered > self._settings.buffered}

    @property
    def buffered(self) -> int:
        """Records that wait. Any thread may ask."""
        return sum(queue.buffered for queue in list(self._queues.values()))

    def caught_up_at(self) -> dict[TopicPartition, int]:
        """The ends that were reached and before which nothing waits, though the last records may lie further before."""
        return {
            partition: queue.caught_up_at
            for partition, queue in self._queues.items()
            if queue.caught_up_at is not None and not queue.batches and queue.caught_up()
        }

    @property
    def waiting(self) -> bool:
        """There are records, whether or not they may be processed now."""
        return any(queue.batches for queue in self._queues.values())


def first_above(times: Sequence[int], start: int, stop: int, limit: int) -> int:
    """The first index in [start, stop) whose timestamp exceeds `limit`, else `stop`.

    Looks at growing pieces, so that a short run costs little and a long one is left to C.
    """
    step = 8
    while start < stop:
        end = min(start + step, stop)
        piece = times[start:end]
        if max(piece) > limit:
            return start + next(at for at, time in enumerate(piece) if time > limit)
        start = end
        step *= 8
    return stop

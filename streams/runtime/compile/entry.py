"""What is being processed at the moment: the run, the record in it, and whatever stands in for it.

Nothing is stored per record. Where a record lies is found when somebody asks, from how much is left of the
iterator that the entry function reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from streams.operators.base import RecordContext
from streams.record import Headers, RecordBatch, TopicPartition


class Failed(Exception):
    """A node failed and its handler said so: ends the walk, passing every other node's `except`.

    Attributes:
        node: which.
        error: what it raised; where it is a `StreamsException` that says all by itself, `final` is true.
        wrong_types: it got a record of types that it does not take; Java asks the handler of the node before.
    """

    def __init__(self, node: str, error: Exception, final: bool = False, wrong_types: bool = False) -> None:
        super().__init__(node)
        self.node = node
        self.error = error
        self.final = final
        self.wrong_types = wrong_types


class SourceEntry(NamedTuple):
    """The two functions of a source: called with rows `(key, value, timestamp)`, or with headers behind."""

    plain: Callable[[Iterator[tuple[object, ...]]], None]
    headed: Callable[[Iterator[tuple[object, ...]]], None]


class Run(NamedTuple):
    """A slice of a batch that is processed in one go.

    `timestamps` are those of the batch, or what the timestamp extractor made of them. `fault` is set for a
    run of one record that is not to be processed. `merged` is set for rows of several partitions, in the
    order in which they are processed.
    """

    source: str
    partition: TopicPartition
    batch: RecordBatch
    timestamps: Sequence[int]
    start: int
    stop: int
    newest: int
    """The highest of its rows' timestamps."""
    fault: Fault | None = None
    merged: Merged | None = None

    def newest_before(self, upto: int, unread: frozenset[int]) -> int:
        """The highest timestamp of the rows before index `upto` that are not in `unread`; -1 if there is none."""
        if upto == self.stop and not unread:
            return self.newest
        return highest(self.timestamps, self.start, upto, unread)

    def partition_of(self, at: int) -> TopicPartition:
        """The partition of the row at this index."""
        return self.partition if self.merged is None else self.merged.partitions[self.merged.parts[at]]


class Merged(NamedTuple):
    """For each row: the place of its source among the sources, and which of `partitions` it is from."""

    sources: Sequence[int]
    parts: Sequence[int]
    partitions: tuple[TopicPartition, ...]


class Fault(NamedTuple):
    """Why a record has no timestamp: the error, or None where it is negative and just dropped."""

    error: Exception | None


NOWHERE = RecordContext(None, -1, -1, -1, ())
# A NamedTuple's own constructor takes its fields by name, which costs three times as much.
_context = tuple.__new__


class CurrentRecord:
    """The record in hand, as those see it who ask."""

    __slots__ = (
        "_bad",
        "_cut_at",
        "_left",
        "_run",
        "_seen",
        "_seen_to",
        "_stand_in",
        "active",
        "input_at",
        "now",
        "passing",
        "polled_at",
        "stream_time",
        "topic",
    )

    def __init__(self) -> None:
        self._run: Run | None = None
        self._left: Iterator[object] = iter(())
        self._stand_in: RecordContext | None = None
        self._seen = self._seen_to = -1
        self._bad: list[int] = []
        self._cut_at = -1
        self.active = False
        """Something is being processed: a record, a punctuation or a flush."""
        self.topic = ""
        """Topic of the present run."""
        self.stream_time = -1
        """The highest timestamp of all runs that are done."""
        self.now = 0
        """The wall clock in ms, as read before the run."""
        self.input_at = 0
        """The same for the last run that there was."""
        self.passing: RecordContext | None = None
        """The record of this run that a step passes on at its end (`runtime.compile.run_end`); after an error the one
        that failed."""
        self.polled_at: int | None = None
        """Wall clock of the last poll; None where nobody polls."""

    def through(self, run: Run, entry: SourceEntry) -> int:
        """Calls the source's function on the run; returns the index after the last record that was processed.

        Raises:
            Failed: at the record that `index` tells.
        """
        batch, start, stop = run.batch, run.start, run.stop
        keys, values, times = batch.keys, batch.values, run.timestamps
        if start or stop != len(keys):
            keys, values, times = keys[start:stop], values[start:stop], times[start:stop]
        self._left = iter(keys)
        self._run = run
        self._cut_at = -1
        self._seen, self._seen_to = self.stream_time, start
        self.topic = run.partition.topic
        self.active = True
        if run.merged is not None:
            self._through_merged(run, run.merged, entry)
        elif batch.headers is None:
            entry.plain(zip(self._left, values, times))  # noqa: B905 - equally long, and strict costs time
        else:
            entry.headed(zip(self._left, values, times, batch.headers[start:stop]))  # noqa: B905
        return stop if self._cut_at < 0 else self._cut_at + 1

    def _through_merged(self, run: Run, merged: Merged, entry: SourceEntry) -> None:
        batch = run.batch
        if batch.headers is None:
            entry.plain(zip(merged.sources, self._left, batch.values, run.timestamps))  # noqa: B905
        else:
            entry.headed(zip(merged.sources, self._left, batch.values, run.timestamps, batch.headers))  # noqa: B905

    def cut(self) -> None:
        """Ends the run after the record in hand."""
        if self._run is not None and self._cut_at < 0:
            self._cut_at = self.index
            # A list's iterator can be set forward; `zip` then finds it exhausted.
            self._left.__setstate__(self._run.stop - self._run.start)  # type: ignore[attr-defined]

    def ended(self, upto: int) -> frozenset[int]:
        """The run is over, before index `upto`. Returns the indexes of records that could not be read: their
        timestamps do not count."""
        run, unread = self._run, frozenset(self._bad)
        self._run = None
        self.active = False
        self._bad.clear()
        if run is not None:
            self.stream_time = max(self.stream_time, run.newest_before(upto, unread))
        return unread

    @property
    def running(self) -> bool:
        """A record is being processed."""
        return self._run is not None

    @property
    def index(self) -> int:
        """Where in the batch the record in hand is."""
        run = self._run
        assert run is not None
        if self._cut_at >= 0:
            return self._cut_at
        left: int = self._left.__length_hint__()  # type: ignore[attr-defined]  # iterators of lists have it
        return run.stop - left - 1

    def unread(self) -> None:
        """The record in hand could not be read: its timestamp does not count."""
        self._bad.append(self.index)

    def current_stream_time(self) -> int:
        """The highest timestamp up to the record in hand."""
        run = self._run
        if run is None:
            return self.stream_time
        end = self.index + 1
        if end > self._seen_to:
            self._seen = max(self._seen, max(run.timestamps[self._seen_to : end]))
            self._seen_to = end
        return self._seen

    def context(self) -> RecordContext:
        """Where the record in hand came from; in a flush, the last one that went into the entry."""
        if self._stand_in is not None:
            return self._stand_in
        run = self._run
        if run is None:
            return NOWHERE
        at = self.index
        headers = run.batch.headers
        topic, partition = run.partition_of(at)
        return RecordContext(
            topic,
            partition,
            run.batch.offsets[at],
            run.timestamps[at],
            () if headers is None else headers[at],
        )

    def raw(self) -> tuple[bytes | None, bytes | None]:
        """Key and value of the record in hand as they were read."""
        run = self._run
        at = None if run is None else self._at(run)
        if run is None or at is None:
            return None, None
        return run.batch.keys[at], run.batch.values[at]

    def _at(self, run: Run) -> int | None:
        """Where in the batch the record in hand is, or the one that stands in for it and is passed on; None for any
        other that stands in."""
        here = self._stand_in
        if here is None:
            return self.index
        if here is not self.passing:
            return None
        offsets, where = run.batch.offsets, (here.topic, here.partition)
        same = (at for at in range(run.start, run.stop) if offsets[at] == here.offset)
        return next((at for at in same if run.partition_of(at) == where), None)

    def capture(self, timestamp: int, headers: Headers | None) -> RecordContext:
        """What a store keeps beside a value (`Code.origin`)."""
        run = self._run
        if run is None or self._stand_in is not None:
            here = self.context()
            return RecordContext(here.topic, here.partition, here.offset, timestamp, headers or ())
        at = self.index
        return _context(RecordContext, (*run.partition_of(at), run.batch.offsets[at], timestamp, headers or ()))

    def standing_in(self, origin: RecordContext | None) -> RecordContext | None:
        """Puts `origin` in the place of the record in hand (None: nothing); gives what was there before."""
        before = self._stand_in
        self._stand_in = origin
        return before


def highest(times: Sequence[int], start: int, stop: int, unread: frozenset[int] = frozenset()) -> int:
    """The highest timestamp of the indexes [start, stop) that are not in `unread`; -1 if there is none."""
    if not unread:
        return max(times[start:stop], default=-1)
    return max((times[at] for at in range(start, stop) if at not in unread), default=-1)

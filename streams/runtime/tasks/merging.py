"""One run over several partitions, for where runs would be short (balanced joins; decision 6).

Taking the lowest head each time is the same as sorting the rows by the running maximum of their partition's
timestamps, then by the order of the partitions. It holds as far as all heads are known: up to where the first
of the partitions has no further row in hand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from operator import itemgetter
from typing import NamedTuple, Protocol, TypeVar

from streams.record import Headers, RecordBatch, TopicPartition
from streams.runtime.compile.entry import Merged, Run

T = TypeVar("T")


class Slice(NamedTuple):
    """Rows of one partition that could be processed next. `order` is its place among the partitions; its
    first part that of the source among the sources."""

    source: str
    order: tuple[int, int]
    partition: TopicPartition
    batch: RecordBatch
    timestamps: Sequence[int]
    start: int
    stop: int


def merged_run(slices: Sequence[Slice], deadline: int, most: int) -> Run | None:
    """The run over these rows; None where one of the slices is empty.

    Args:
        deadline: the run ends after the row that reaches this timestamp.
        most: rows at most.
    """
    if any(part.start == part.stop for part in slices):
        return None
    slices = sorted(slices, key=lambda part: part.order)
    count = len(slices)
    keys: list[int] = []
    ends: list[int] = []
    for rank, part in enumerate(slices):
        keys += [time * count + rank for time in accumulate(part.timestamps[part.start : part.stop], max)]
        ends.append(keys[-1])
    # two ascending stretches, which sorting finds and merges
    order = sorted(range(len(keys)), key=keys.__getitem__)
    del order[min(most, bisect_right(order, min(ends), key=keys.__getitem__)) :]
    pick = _picker(order)
    times = pick(part.timestamps[part.start : part.stop] for part in slices)
    reached = next((at for at, time in enumerate(times) if time >= deadline), None) if deadline <= max(times) else None
    if reached is not None:
        del order[reached + 1 :]
        pick = _picker(order)
        times = times[: reached + 1]
    parts = pick([rank] * (part.stop - part.start) for rank, part in enumerate(slices))
    batch = RecordBatch(
        keys=pick(part.batch.keys[part.start : part.stop] for part in slices),
        values=pick(part.batch.values[part.start : part.stop] for part in slices),
        timestamps=times,
        headers=pick(map(_headers, slices)) if any(part.batch.headers for part in slices) else None,
        offsets=pick(part.batch.offsets[part.start : part.stop] for part in slices),
        next_offset=0,
    )
    sources = [part.order[0] for part in slices]
    places = parts if sources == [*range(count)] else [sources[part] for part in parts]
    merged = Merged(places, parts, tuple(part.partition for part in slices))
    return Run(slices[0].source, slices[0].partition, batch, times, 0, len(order), max(times), None, merged)


class _Pick(Protocol):
    def __call__(self, columns: Iterable[Sequence[T]]) -> Sequence[T]:
        """The rows of all columns, one behind the other, in order."""
        ...


def _picker(order: Sequence[int]) -> _Pick:
    """Picks rows in this order."""
    if len(order) == 1:
        return lambda columns: [list(chain.from_iterable(columns))[order[0]]]
    get = itemgetter(*order)
    return lambda columns: list(get(list(chain.from_iterable(columns))))


def _headers(part: Slice) -> Sequence[Headers]:
    headers = part.batch.headers
    return [()] * (part.stop - part.start) if headers is None else headers[part.start : part.stop]

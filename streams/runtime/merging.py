"""One run over several partitions, for where runs would be short (balanced joins; decision 6).

Taking the lowest head each time is the same as sorting the rows by the running maximum of their partition's
timestamps, then by the order of the partitions. It holds as far as all heads are known: up to where the first
of the
partitions has no further row in hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import NamedTuple, TypeVar

from streams.record import Headers, RecordBatch, TopicPartition
from streams.runtime.entry import Merged, Run

T = TypeVar("T")


class Slice(NamedTuple):
    """Rows of one partition that could be processed next. `order` is its place among the partitions; its
    first part
    that of the source among the sources."""

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
    keys = list(
        chain.from_iterable(
            [time * count + rank for time in accumulate(part.timestamps[part.start : part.stop], max)]
            for rank, part in enumerate(slices)
        )
    )
    order = sorted(range(len(keys)), key=keys.__getitem__)
    del order[min(most, _first_end(slices, order)) :]
    times = _picked([part.timestamps[part.start : part.stop] for part in slices], order)
    reached = next((at for at, time in enumerate(times) if time >= deadline), None)
    if reached is not None:
        del order[reached + 1 :], times[reached + 1 :]
    parts = _picked([[rank] * (part.stop - part.start) for rank, part in enumerate(slices)], order)
    batch = RecordBatch(
        keys=_picked([part.batch.keys[part.start : part.stop] for part in slices], order),
        values=_picked([part.batch.values[part.start : part.stop] for part in slices], order),
        timestamps=times,
        headers=_headers(slices, order),
        offsets=_picked([part.batch.offsets[part.start : part.stop] for part in slices], order),
        next_offset=0,
    )
    merged = Merged([slices[part].order[0] for part in parts], parts, tuple(part.partition for part in slices))
    return Run(slices[0].source, slices[0].partition, batch, times, 0, len(order), None, merged)


def _first_end(slices: Sequence[Slice], order: list[int]) -> int:
    """How many rows there are up to the last one of the partition that ends first."""
    ends = set(accumulate(part.stop - part.start for part in slices))
    return next(at for at, row in enumerate(order) if row + 1 in ends) + 1


def _picked(columns: Sequence[Sequence[T]], order: list[int]) -> list[T]:
    """The rows of all columns, one behind the other, in this order."""
    rows = list(chain.from_iterable(columns))
    return [rows[row] for row in order]


def _headers(slices: Sequence[Slice], order: list[int]) -> list[Headers] | None:
    """The headers of the rows in order; None where no batch has any."""
    if all(part.batch.headers is None for part in slices):
        return None
    columns: list[Sequence[Headers]] = []
    for part in slices:
        headers = part.batch.headers
        count = part.stop - part.start
        columns.append([()] * count if headers is None else headers[part.start : part.stop])
    return _picked(columns, order)

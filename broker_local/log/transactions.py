"""What a log knows of transactions: which are open in it, and where what was aborted lies.

Both are made of the batches as they are appended, or read again at a start. A transaction begins in a log with its
first batch and ends with its marker. Below the *last stable offset* everything is decided.

(producer id, epoch) names a transaction, so that a range of offsets and a producer say which batches were aborted:
readers need no markers, and the broker leaves out on its side what they may not see.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from broker_local.log.format import COMMIT, CONTROL, TRANSACTIONAL, Header


class OpenTransaction(NamedTuple):
    """A transaction without a marker yet: its epoch, and the offset of its first batch."""

    epoch: int
    first: int


class AbortedRange(NamedTuple):
    """A transaction that was aborted: its producer, and the offsets of its first batch and of its marker."""

    producer_id: int
    epoch: int
    first: int
    last: int


AbortedRanges = Mapping[tuple[int, int], AbortedRange]
"""By producer id and epoch, which name one transaction."""


class Transactions:
    """The transactions of one partition.

    `open` are those without a marker, by producer id. `aborted` are in the order of their markers.
    """

    __slots__ = ("_young", "aborted", "open")

    def __init__(self) -> None:
        self.open: dict[int, OpenTransaction] = {}
        self.aborted: list[AbortedRange] = []
        self._young: list[tuple[int, int]] = []  # first offset and marker of those whose marker may not be on the disk

    def stored(self, header: Header) -> None:
        """Notes a batch that is in the log, whether it was just appended or is read again at a start."""
        if header.flags & CONTROL:
            begun = self.open.pop(header.producer_id, None)
            if begun is None:  # compaction has been here
                return
            self._young.append((begun.first, header.base_offset))
            if not header.flags & COMMIT:
                aborted = AbortedRange(header.producer_id, header.epoch, begun.first, header.base_offset)
                self.aborted.append(aborted)
        elif header.flags & TRANSACTIONAL and header.producer_id not in self.open:
            self.open[header.producer_id] = OpenTransaction(header.epoch, header.base_offset)

    @property
    def any(self) -> bool:
        """Is there anything that a reader of committed records may not see?"""
        return bool(self.open or self.aborted)

    def stable(self, end: int) -> int:
        """The first offset of the first transaction that is open; `end` where none is."""
        if not self.open:
            return end
        return min(each.first for each in self.open.values())

    def settled(self, durable_end: int) -> int:
        """The offset below which all is decided, and stays so after a power cut: the markers are on the disk."""
        first = min((first for first, last in self._young if last >= durable_end), default=durable_end)
        return min(first, self.stable(durable_end))

    def durable(self, end: int) -> None:
        """All up to `end` is on the disk now."""
        self._young = [each for each in self._young if each[1] >= end]

    def between(self, start: int, end: int) -> AbortedRanges:
        """The aborted transactions that have something in these offsets."""
        # Those whose marker lies before `start` are over; of the others any may have begun before `end`.
        first = bisect_right(self.aborted, start, key=lambda each: each.last)
        return by_producer(each for each in self.aborted[first:] if each.first < end)

    def forget(self, before: int) -> None:
        """What lies before this offset is gone from the log, or was left out of it by a compaction."""
        self.aborted = [each for each in self.aborted if each.last >= before]

    def dump(self) -> dict[str, object]:
        """As plain values, for the snapshot of producers."""
        return {
            "open": [[producer, *each] for producer, each in self.open.items()],
            "aborted": [list(each) for each in self.aborted],
            "ended": [list(each) for each in self._young],
        }

    @classmethod
    def load(cls, content: Mapping[str, object]) -> Transactions:
        """From what `dump` gave.

        Raises:
            ValueError: the values are not such.
        """
        transactions = cls()
        for producer, epoch, first in _rows(content.get("open"), 3):
            transactions.open[producer] = OpenTransaction(epoch, first)
        transactions.aborted = [AbortedRange(*row) for row in _rows(content.get("aborted"), 4)]
        transactions._young = [(first, last) for first, last in _rows(content.get("ended"), 2)]
        return transactions


def by_producer(ranges: Iterable[AbortedRange]) -> AbortedRanges:
    """So that each batch has to be held against one range only."""
    return {(each.producer_id, each.epoch): each for each in ranges}


def is_aborted(header: Header, ranges: AbortedRanges) -> bool:
    """Does a batch belong to one of these?"""
    found = ranges.get((header.producer_id, header.epoch))
    return found is not None and found.first <= header.base_offset < found.last


def _rows(value: object, length: int) -> list[list[int]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("a snapshot of transactions has lists")
    for row in value:
        if not isinstance(row, list) or len(row) != length or not all(type(each) is int for each in row):
            raise ValueError(f"a snapshot of transactions has rows of {length} integers, not {row!r:.60}")
    return value

"""A door whose readers give all there is at each poll.

How records are split over polls is a matter of threads and of the moment; tasks that work off all there is, round by
round, give the same results in every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streams.clients.api import (
    READER_DEFAULTS,
    WRITER_DEFAULTS,
    Admin,
    Door,
    Fetched,
    GroupLink,
    Isolation,
    Reader,
    ReaderSettings,
    TransactionalWriter,
    TransactionSettings,
    Writer,
    WriterSettings,
)
from streams.record import TopicPartition
from streams.world import World

PATIENCE_MS = 1_000


class WholePolls:
    """A `Reader` over another one."""

    def __init__(self, inner: Reader, admin: Admin) -> None:
        self._inner, self._admin = inner, admin
        self._places: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        self._places |= positions
        self._inner.seek(positions)

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        gone = list(partitions)
        for partition in gone:
            self._places.pop(partition, None)
        self._inner.drop(gone)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        resting = list(partitions)
        self._paused.update(resting)
        self._inner.pause(resting)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        going = list(partitions)
        self._paused.difference_update(going)
        self._inner.resume(going)

    def poll(self, timeout_ms: int) -> list[Fetched]:
        found = self._inner.poll(0)
        self._note(found)
        wanted = [partition for partition in self._places if partition not in self._paused]
        ends = self._admin.end_offsets(wanted, Isolation.READ_UNCOMMITTED) if wanted else {}
        while any(self._places.get(partition, end) < end for partition, end in ends.items()):
            more = self._inner.poll(PATIENCE_MS)
            self._note(more)
            found += more
        return found

    def _note(self, found: Iterable[Fetched]) -> None:
        for each in found:
            if each.partition in self._places:
                at = each.batch.next_offset if each.batch is not None else each.caught_up_at or 0
                self._places[each.partition] = max(self._places[each.partition], at)

    def wake(self) -> None:
        self._inner.wake()

    def close(self) -> None:
        self._inner.close()


@dataclass
class WholePollsDoor:
    """A `Door` over another one, whose first reader gives all there is; a worker's others are those that restore."""

    inner: Door
    first: bool = True

    @property
    def address(self) -> str:
        return self.inner.address

    @property
    def world(self) -> World:
        return self.inner.world

    def reader(self, isolation: Isolation, settings: ReaderSettings = READER_DEFAULTS) -> Reader:
        first, self.first = self.first, False
        inner = self.inner.reader(isolation, settings)
        return WholePolls(inner, self.inner.admin()) if first else inner

    def writer(self, settings: WriterSettings = WRITER_DEFAULTS) -> Writer:
        return self.inner.writer(settings)

    def transactional_writer(
        self, transaction: TransactionSettings, settings: WriterSettings = WRITER_DEFAULTS
    ) -> TransactionalWriter:
        return self.inner.transactional_writer(transaction, settings)

    def link(self) -> GroupLink:
        return self.inner.link()

    def admin(self) -> Admin:
        return self.inner.admin()

    def close(self) -> None:
        self.inner.close()

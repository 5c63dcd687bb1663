"""What readers are shown of a log with an open transaction, and of one with records that they may not see.

The batches of a transaction are put there while the engine is down, so that no producer of it is there to end it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from broker_local.base.files import Files, OsFiles
from broker_local.base.mem_files import MemFiles
from broker_local.host import launch
from broker_local.host.client import Link
from broker_local.host.inprocess import Engine
from broker_local.log import format as batches
from broker_local.log.log_manager import LogManager
from broker_local.protocol.requests.records import FetchedPart, FetchReply
from broker_local.protocol.requests.request import Asks, Reply
from streams.clients.api import Fetched, Isolation, LogEnd
from streams.clients.local.door import LocalDoor
from streams.record import TopicPartition
from tests.contracts.door.steps import read_all, read_to_end, read_until, records, write
from tests.engines import stop_broker

R = TypeVar("R", bound=Reply)
BOTH = (Isolation.READ_UNCOMMITTED, Isolation.READ_COMMITTED)
UNCOMMITTED, COMMITTED = BOTH
ZERO = TopicPartition("t", 0)
WALL = 1_700_000_000_000


class Bench:
    """An engine that can be stopped, its logs written to, and started again."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._files: Files = MemFiles() if directory is None else OsFiles(str(directory))
        self._engine = Engine(self._files) if directory is None else None
        self.hidden: set[int] = set()
        self.door = LocalDoor("bench", lambda: Hiding(self._dial(), self.hidden))
        self.door.admin().create_topic("t", 1, {"retention.ms": "-1"})

    def _dial(self) -> Link:
        if self._directory is not None:
            return launch.connect(str(self._directory), "contract")
        assert self._engine is not None
        return self._engine.connect("contract")

    def put(self, *values: bytes, producer: int, sequence: int = 0) -> None:
        """Puts a batch of a transaction of this producer at the end of the log; nothing ends the transaction."""
        self._stop()
        keys, times = [b"k"] * len(values), [WALL] * len(values)
        data = batches.write(
            keys, values, times, None, producer_id=producer, epoch=0, sequence=sequence, transactional=True
        )
        with closing(LogManager(self._files, WALL)) as logs:
            logs.partition("t", 0).append(data, WALL, begin=lambda header: None)
        if self._directory is None:
            self._engine = Engine(self._files)

    def _stop(self) -> None:
        if self._directory is not None:
            stop_broker(self._directory)
        elif self._engine is not None:
            self._engine.close()

    def close(self) -> None:
        self.door.close()
        self._stop()


class Hiding:
    """A link to an engine that shows nothing of some producers' batches, as it will of aborted transactions."""

    def __init__(self, link: Link, hidden: set[int]) -> None:
        self._link = link
        self._hidden = hidden
        self.send, self.fileno = link.send, link.fileno
        self.wake, self.close = link.wake, link.close

    @property
    def holds(self) -> bool:
        return self._link.holds

    def call(self, request: Asks[R], timeout_ms: int = 30_000) -> R:
        return self._link.call(request, timeout_ms)

    def receive(self, timeout_ms: int) -> list[tuple[int, Reply]]:
        return [(number, self._filtered(reply)) for number, reply in self._link.receive(timeout_ms)]

    def _filtered(self, reply: Reply) -> Reply:
        if not isinstance(reply, FetchReply):
            return reply
        return FetchReply(tuple(replace(part, batches=self._shown(part)) for part in reply.parts))

    def _shown(self, part: FetchedPart) -> bytes:
        data, at, shown = part.data, 0, b""
        while at < len(data):
            header = batches.peek(data, at)
            if header.producer_id not in self._hidden:
                shown += data[at : at + header.size]
            at += header.size
        return shown


@pytest.fixture(params=["memory", "local"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with closing(Bench(tmp_path if request.param == "local" else None)) as made:
        yield made


def ends(seen: list[Fetched]) -> tuple[int | None, int, int]:
    """Where the reader is caught up, how far it may read, and where the log ends."""
    return seen[-1].caught_up_at, seen[-1].readable_end, seen[-1].log_end


def test_a_committed_reader_ends_before_the_first_open_transaction_and_is_told_that_the_log_goes_on(
    bench: Bench,
) -> None:
    with closing(bench.door.writer()) as writer:
        write(writer, ZERO, b"a", b"b")
    bench.put(b"c", producer=900)
    bench.put(b"d", producer=901)
    with closing(bench.door.writer()) as writer:
        write(writer, ZERO, b"e")
    everything = [(0, b"a"), (1, b"b"), (2, b"c"), (3, b"d"), (4, b"e")]
    for isolation, shown in ((UNCOMMITTED, 5), (COMMITTED, 2)):
        with closing(bench.door.reader(isolation)) as reader:
            reader.seek({ZERO: 0})
            seen = read_to_end(reader, ZERO)
            assert records(seen, ZERO) == everything[:shown]
            assert ends(seen) == (shown, shown, 5)
            assert reader.poll(0) == []


def test_offsets_are_those_of_the_isolation_that_is_asked_for(bench: Bench) -> None:
    with closing(bench.door.writer()) as writer:
        write(writer, ZERO, b"a", b"b")
    bench.put(b"c", producer=900)
    with closing(bench.door.admin()) as admin:
        assert [admin.end_offsets([ZERO], isolation)[ZERO] for isolation in BOTH] == [3, 2]
        assert admin.log_ends({ZERO: -1}) == {ZERO: LogEnd(3, 0, 3)}
        found = [admin.offsets_for_times({ZERO: WALL}, isolation)[ZERO] for isolation in BOTH]
        assert [None if each is None else each.offset for each in found] == [2, None]


def test_a_position_behind_the_last_stable_offset_waits_there(bench: Bench) -> None:
    bench.put(b"a", b"b", producer=900)
    with closing(bench.door.reader(COMMITTED)) as reader:
        reader.seek({ZERO: 1})
        seen = read_to_end(reader, ZERO)
        assert records(seen, ZERO) == [] and ends(seen) == (1, 0, 2)


def test_a_reader_goes_on_behind_records_that_it_may_not_see(bench: Bench) -> None:
    with closing(bench.door.writer()) as writer:
        write(writer, ZERO, b"a")
    for sequence, value in enumerate((b"b", b"c", b"d")):
        bench.put(value, producer=900, sequence=sequence)
    bench.hidden.add(900)
    with closing(bench.door.reader(UNCOMMITTED)) as reader:
        reader.seek({ZERO: 0})
        seen = read_to_end(reader, ZERO)
        assert records(seen, ZERO) == [(0, b"a")]
        assert ends(seen) == (4, 4, 4)
        assert [each.batch.next_offset for each in seen if each.batch is not None][-1] == 4
        with closing(bench.door.writer()) as writer:
            write(writer, ZERO, b"e")
        assert records(read_until(reader, lambda seen: records(seen, ZERO)), ZERO) == [(4, b"e")]
        assert read_all(bench.door, ZERO, reader, 2) == [(4, b"e")]

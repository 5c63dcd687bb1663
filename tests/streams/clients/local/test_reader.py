"""The reader of the bundled broker over a link whose answers are given by hand."""

from __future__ import annotations

from collections import deque
from typing import TypeVar

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.host.client import ConnectionLost
from broker_local.log import format as batches
from broker_local.protocol.requests.records import Fetch, FetchedPart, FetchReply
from broker_local.protocol.requests.request import Asks, Failure, Reply
from broker_local.protocol.requests.transactions import DescribeTransactions
from streams.clients.api import READER_DEFAULTS, Isolation
from streams.clients.local import held_back
from streams.clients.local.connection import Connection
from streams.clients.local.reader import LocalReader
from streams.errors import CorruptRecordException, InvalidRequestException, LogTruncatedException
from streams.record import TopicPartition

R = TypeVar("R", bound=Reply)
ZERO, ONE = TopicPartition("t", 0), TopicPartition("t", 1)


class Script:
    """A link that notes what is asked and answers with what was put there."""

    def __init__(self) -> None:
        self.asked: list[Fetch] = []
        self.answers: deque[tuple[int, Reply] | ConnectionLost] = deque()

    def send(self, request: Asks[Reply]) -> int:
        assert isinstance(request, Fetch)
        self.asked.append(request)
        return len(self.asked) - 1

    def receive(self, timeout_ms: int) -> list[tuple[int, Reply]]:
        if not self.answers:
            return []
        answer = self.answers.popleft()
        if isinstance(answer, ConnectionLost):
            raise answer
        return [answer]

    def call(self, request: Asks[R], timeout_ms: int = 0) -> R:
        raise AssertionError("a reader calls nothing")

    def fileno(self) -> int:
        return -1

    def wake(self) -> None:
        return None

    def close(self) -> None:
        return None

    def offsets(self) -> list[dict[int, int]]:
        """What each fetch asked for: offsets by partition."""
        return [{each.partition: each.offset for each in fetch.positions} for fetch in self.asked]


def stored(base: int, *values: bytes) -> bytes:
    """A batch as it lies in the log."""
    batch = batches.write([None] * len(values), list(values), [1] * len(values), None)
    return batches.seal(batch, base, 1) + batch


def compacted(base: int, count: int, kept: dict[int, bytes]) -> bytes:
    """A batch of `count` records of which only those at some deltas are left."""
    header = batches.peek(stored(base, *[b"x"] * count))
    keys, values = [b"k"] * len(kept), list(kept.values())
    return batches.rewrite(header, keys, values, [1] * len(kept), None, list(kept), -1)


def part(
    data: bytes, end: int, number: int = 0, error: int = 0, diverged: int = -1, after: int | None = None
) -> FetchedPart:
    """A row of an answer; `after` is the position behind it, where it is not the end."""
    return FetchedPart(
        topic="t", partition=number, error=error, message="", next_offset=end if after is None else after,
        readable_end=end, log_end=end, log_start=0, log_epoch=1, diverged=diverged, tombstones_gone=7, batches=data,
    )  # fmt: skip


def reader_of(script: Script, positions: dict[TopicPartition, int]) -> LocalReader:
    reader = LocalReader(Connection(lambda: script), Isolation.READ_UNCOMMITTED, READER_DEFAULTS)
    reader.seek(positions)
    return reader


def test_the_next_fetch_leaves_before_the_last_one_is_handed_out() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 0})
    script.answers.append((0, FetchReply((part(stored(0, b"a", b"b"), 5, after=2),))))
    (fetched,) = reader.poll(0)
    assert (fetched.caught_up_at, fetched.readable_end, fetched.tombstones_gone) == (None, 5, 7)
    assert script.offsets() == [{0: 0}, {0: 2}]
    assert (script.asked[0].positions[0].known_end, script.asked[1].positions[0].known_end) == (-1, 5)


def test_holes_of_compaction_keep_their_offsets_and_move_the_position() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 1})
    data = compacted(0, 6, {0: b"a", 2: b"c", 5: b"f"}) + compacted(6, 3, {}) + stored(9, b"j")
    script.answers.append((0, FetchReply((part(data, 10),))))
    first, empty, last = (each.batch for each in reader.poll(0))
    assert first is not None
    assert empty is not None
    assert last is not None
    assert (list(first.offsets), list(first.values), first.next_offset) == ([2, 5], [b"c", b"f"], 6)
    assert (len(empty), empty.next_offset) == (0, 9)
    assert (list(last.offsets), last.next_offset) == ([9], 10)
    assert script.offsets()[1] == {0: 10}


def test_an_answer_to_a_place_that_was_left_is_passed_over() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 0, ONE: 0})
    assert reader.poll(0) == []
    reader.seek({ZERO: 1})
    reader.drop([ONE])
    answer = FetchReply((part(stored(0, b"a", b"b"), 2), part(stored(0, b"x"), 1, 1)))
    script.answers.append((0, answer))
    assert reader.poll(0) == []
    script.answers.append((1, FetchReply((part(stored(0, b"a", b"b"), 2),))))
    assert [list(each.batch.values) for each in reader.poll(0) if each.batch] == [[b"b"]]


def test_a_connection_that_is_lost_by_the_question_for_holders_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(Script):
        died = False

        def send(self, request: Asks[Reply]) -> int:
            if not isinstance(request, DescribeTransactions):
                return super().send(request)
            if not self.died:
                self.died = True
                raise ConnectionLost("gone")
            return -1

    monkeypatch.setattr(held_back, "PATIENCE_MS", 0)
    script = Dying()
    reader = LocalReader(Connection(lambda: script), Isolation.READ_COMMITTED, READER_DEFAULTS)
    reader.seek({ZERO: 0})
    script.answers.append((0, FetchReply((part(stored(0, b"a"), 1),))))
    assert reader.poll(0) == [] and script.died
    script.answers.append((len(script.asked), FetchReply((part(stored(0, b"a"), 1),))))
    assert [list(each.batch.values) for each in reader.poll(0) if each.batch] == [[b"a"]]


def test_a_lost_connection_is_made_again_and_asked_from_where_it_was() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 0})
    script.answers.append((0, FetchReply((part(stored(0, b"a"), 1),))))
    reader.poll(0)
    script.answers.append(ConnectionLost("gone"))
    assert reader.poll(0) == []
    assert script.offsets() == [{0: 0}, {0: 1}, {0: 1}]


def test_a_damaged_batch_is_not_delivered_and_what_came_before_is() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 0})
    bad = bytearray(stored(1, b"bbbb"))
    bad[-1] ^= 1
    script.answers.append((0, FetchReply((part(stored(0, b"a") + bytes(bad), 2),))))
    (fetched,) = reader.poll(0)
    assert fetched.batch is not None
    assert list(fetched.batch.values) == [b"a"]
    with pytest.raises(CorruptRecordException, match=r"t-0: the batch at offset 1 is damaged.*broker-local check"):
        reader.poll(0)
    assert reader.poll(0) == []


def test_a_damaged_header_is_not_delivered() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 0})
    script.answers.append((0, FetchReply((part(b"\0" * 100, 2),))))
    with pytest.raises(CorruptRecordException, match="the batch at offset 0 is damaged"):
        reader.poll(0)


def test_a_log_that_was_cut_back_says_where_it_parts() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 9})
    code = ErrorCode.UNKNOWN_LEADER_EPOCH
    script.answers.append((0, FetchReply((part(b"", 4, error=code, diverged=4),))))
    with pytest.raises(LogTruncatedException, match="cut back below position 9; what was read from offset 4") as told:
        reader.poll(0)
    assert (told.value.partition, told.value.position, told.value.diverged_at) == (ZERO, 9, 4)


def test_a_passing_error_is_asked_again_after_a_pause() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 0})
    code = ErrorCode.KAFKA_STORAGE_ERROR
    script.answers.append((0, FetchReply((part(b"", 0, error=code),))))
    assert reader.poll(0) == []
    assert len(script.asked) == 1
    while len(script.asked) == 1:
        assert reader.poll(0) == []
    assert script.offsets() == [{0: 0}, {0: 0}]


def test_a_fetch_that_fails_as_a_whole_is_told() -> None:
    script = Script()
    reader = reader_of(script, {ZERO: 0})
    script.answers.append((0, Failure(ErrorCode.INVALID_REQUEST, "what?")))
    with pytest.raises(InvalidRequestException, match=r"what\?"):
        reader.poll(0)

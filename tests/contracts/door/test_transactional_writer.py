"""Writing in transactions, over every engine: what is seen of each, and what every wrong turn is told."""

from __future__ import annotations

import itertools
import os
from contextlib import closing

import pytest

from streams.clients.api import (
    ConsumerGroupMetadata,
    Door,
    FetchOffsets,
    FetchOffsetsReply,
    Isolation,
    Position,
    Sent,
    TransactionalWriter,
    TransactionSettings,
)
from streams.errors import (
    IllegalGenerationException,
    IllegalStateException,
    InvalidTxnTimeoutException,
    KafkaException,
    OffsetMetadataTooLargeException,
    ProducerFencedException,
    RecordTooLargeException,
    UnknownMemberIdException,
)
from streams.record import TopicPartition
from tests.contracts.door.steps import PATIENCE_MS, ask, batch, read_all
from tests.engines import await_markers

_numbers = itertools.count()
NO_MEMBER = (UnknownMemberIdException, IllegalGenerationException)
"""What somebody is told who is none of the group's. Where Kafka knows no such group at all it has no members to
look among, and says that the generation is wrong."""


@pytest.fixture
def transactional_id() -> str:
    return f"bank-{os.getpid()}-{next(_numbers)}"


def transactional(door: Door, transactional_id: str, timeout_ms: int = 60_000) -> TransactionalWriter:
    """A writer that has initialised."""
    writer = door.transactional_writer(TransactionSettings(transactional_id, timeout_ms))
    writer.init(PATIENCE_MS)
    return writer


def put(writer: TransactionalWriter, partition: TopicPartition, *values: bytes) -> list[Sent]:
    """Sends a batch; its answer comes to lie in the list."""
    answers: list[Sent] = []
    writer.send(partition, batch(values), answers.append)
    return answers


def commit(writer: TransactionalWriter, partition: TopicPartition, *values: bytes) -> None:
    """A transaction of one batch."""
    writer.begin()
    put(writer, partition, *values)
    writer.end(True, PATIENCE_MS)


def committed(door: Door, partition: TopicPartition) -> list[bytes | None]:
    """The values that readers of committed records see."""
    await_markers(door.address)
    with closing(door.reader(Isolation.READ_COMMITTED)) as reader:
        return [value for _, value in read_all(door, partition, reader)]


def positions(door: Door, group: str, stable: bool = False) -> dict[TopicPartition, Position]:
    """What a group has committed."""
    with closing(door.link()) as link:
        reply = ask(link, FetchOffsets(group, None, stable))
        assert isinstance(reply, FetchOffsetsReply) and reply.error is None
        return dict(reply.offsets)


def test_what_is_committed_is_seen_whole_and_what_is_aborted_not_at_all(
    door: Door, topic: str, transactional_id: str
) -> None:
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    with closing(transactional(door, transactional_id)) as writer:
        for number in range(4):
            writer.begin()
            answers = [put(writer, each, b"%d" % number, b"more") for each in (zero, one, zero)]
            writer.end(number % 2 == 0, PATIENCE_MS)
            if number % 2 == 0:
                assert [[sent.error for sent in each] for each in answers] == [[None]] * 3
    assert committed(door, zero) == [b"0", b"more", b"0", b"more", b"2", b"more", b"2", b"more"]
    assert committed(door, one) == [b"0", b"more", b"2", b"more"]


def test_many_batches_of_a_transaction_keep_their_order(door: Door, topic: str, transactional_id: str) -> None:
    zero = TopicPartition(topic, 0)
    with closing(transactional(door, transactional_id)) as writer:
        for start in (0, 50, 100):
            writer.begin()
            for number in range(start, start + 50):
                put(writer, zero, b"%d" % number)
            writer.end(True, PATIENCE_MS)
    assert committed(door, zero) == [b"%d" % number for number in range(150)]


def test_the_answers_to_an_aborted_transaction_are_nobodys(door: Door, topic: str, transactional_id: str) -> None:
    zero = TopicPartition(topic, 0)
    with closing(transactional(door, transactional_id)) as writer:
        writer.begin()
        aborted = [put(writer, zero, b"never") for _ in range(3)]
        writer.end(False, PATIENCE_MS)
        writer.begin()
        (sent,) = [put(writer, zero, b"paid")]
        writer.end(True, PATIENCE_MS)
        assert len(sent) == 1 and sent[0].error is None
        assert aborted == [[], [], []]
    assert committed(door, zero) == [b"paid"]


def test_a_later_writer_fences_an_earlier_one_and_aborts_what_it_left_open(
    door: Door, topic: str, transactional_id: str
) -> None:
    zero = TopicPartition(topic, 0)
    with closing(transactional(door, transactional_id)) as old:
        commit(old, zero, b"old")
        old.begin()
        put(old, zero, b"never")
        assert old.await_acks(PATIENCE_MS) == 0
        with closing(transactional(door, transactional_id)) as new:
            late = put(old, zero, b"never either")
            assert old.await_acks(PATIENCE_MS) == 0
            assert isinstance(late[0].error, ProducerFencedException)
            for call in (
                lambda: old.end(True, PATIENCE_MS),
                lambda: old.end(False, PATIENCE_MS),
                old.begin,
                lambda: old.init(PATIENCE_MS),
            ):
                with pytest.raises(ProducerFencedException):
                    call()
            commit(new, zero, b"new")
    assert committed(door, zero) == [b"old", b"new"]


def test_a_commit_of_a_fenced_writer_is_refused(door: Door, topic: str, transactional_id: str) -> None:
    zero = TopicPartition(topic, 0)
    with closing(transactional(door, transactional_id)) as old:
        old.begin()
        put(old, zero, b"never")
        assert old.await_acks(PATIENCE_MS) == 0
        transactional(door, transactional_id).close()
        with pytest.raises(ProducerFencedException, match="newer producer"):
            old.end(True, PATIENCE_MS)
    assert committed(door, zero) == []


def test_positions_are_committed_with_the_transaction_and_by_nothing_else(
    door: Door, topic: str, transactional_id: str
) -> None:
    zero, group = TopicPartition(topic, 0), f"group-{transactional_id}"
    nobody = ConsumerGroupMetadata(group)
    with closing(transactional(door, transactional_id)) as writer:
        writer.begin()
        put(writer, zero, b"a")
        writer.send_offsets(nobody, {zero: Position(5, "text")}, PATIENCE_MS)
        assert positions(door, group) == {}
        writer.end(True, PATIENCE_MS)
        assert positions(door, group, stable=True) == {zero: Position(5, "text")}
        writer.begin()
        writer.send_offsets(nobody, {zero: Position(9)}, PATIENCE_MS)
        writer.end(False, PATIENCE_MS)
        assert positions(door, group, stable=True) == {zero: Position(5, "text")}


def test_who_asks_for_stable_positions_waits_for_the_transaction(
    door: Door, topic: str, transactional_id: str
) -> None:
    zero, group = TopicPartition(topic, 0), f"group-{transactional_id}"
    with closing(transactional(door, transactional_id)) as writer, closing(door.link()) as link:
        writer.begin()
        writer.send_offsets(ConsumerGroupMetadata(group), {zero: Position(7)}, PATIENCE_MS)
        link.send(FetchOffsets(group, (zero,), True))
        assert link.receive(50) == []
        writer.end(True, PATIENCE_MS)
        ((_, reply),) = link.receive(PATIENCE_MS)
        assert reply == FetchOffsetsReply(None, {zero: Position(7)})


def test_positions_of_whoever_is_no_member_are_refused_and_nothing_is_committed_without_them(
    door: Door, topic: str, transactional_id: str
) -> None:
    zero = TopicPartition(topic, 0)
    stranger = ConsumerGroupMetadata(f"group-{transactional_id}", 3, "somebody")
    with closing(transactional(door, transactional_id)) as writer:
        writer.begin()
        put(writer, zero, b"never")
        with pytest.raises(NO_MEMBER):
            writer.send_offsets(stranger, {zero: Position(1)}, PATIENCE_MS)
        with pytest.raises(NO_MEMBER):
            writer.end(True, PATIENCE_MS)
        writer.end(False, PATIENCE_MS)
        commit(writer, zero, b"next")
    assert committed(door, zero) == [b"next"]
    assert positions(door, stranger.group_id) == {}


def test_positions_that_were_refused_may_be_sent_again_in_another_name(
    door: Door, topic: str, transactional_id: str
) -> None:
    zero = TopicPartition(topic, 0)
    stranger = ConsumerGroupMetadata(f"group-{transactional_id}", 3, "somebody")
    with closing(transactional(door, transactional_id)) as writer:
        writer.begin()
        put(writer, zero, b"next")
        with pytest.raises(NO_MEMBER):
            writer.send_offsets(stranger, {zero: Position(1)}, PATIENCE_MS)
        writer.send_offsets(ConsumerGroupMetadata(stranger.group_id), {zero: Position(2)}, PATIENCE_MS)
        writer.end(True, PATIENCE_MS)
    assert committed(door, zero) == [b"next"]
    assert positions(door, stranger.group_id, stable=True) == {zero: Position(2)}


def test_nothing_is_committed_without_a_position_that_was_refused(
    door: Door, topic: str, transactional_id: str
) -> None:
    zero = TopicPartition(topic, 0)
    with closing(transactional(door, transactional_id)) as writer:
        writer.begin()
        with pytest.raises(OffsetMetadataTooLargeException):
            nobody = ConsumerGroupMetadata(f"group-{transactional_id}")
            writer.send_offsets(nobody, {zero: Position(1, "x" * 10_000)}, PATIENCE_MS)
        with pytest.raises(OffsetMetadataTooLargeException):
            writer.end(True, PATIENCE_MS)
        writer.end(False, PATIENCE_MS)


def test_a_transaction_without_anything_is_ended_without_the_engine(door: Door, transactional_id: str) -> None:
    with closing(transactional(door, transactional_id)) as writer:
        before = door.admin().describe_transaction(transactional_id)
        for keep in (True, False):
            writer.begin()
            writer.end(keep, 0)
        assert door.admin().describe_transaction(transactional_id) == before


def test_calls_in_a_wrong_order_say_which_is_right(door: Door, topic: str, transactional_id: str) -> None:
    zero = TopicPartition(topic, 0)
    with closing(door.transactional_writer(TransactionSettings(transactional_id, 60_000))) as writer:
        with pytest.raises(IllegalStateException, match="Call init first"):
            writer.begin()
        writer.init(PATIENCE_MS)
        with pytest.raises(IllegalStateException, match="Call begin first"):
            put(writer, zero, b"x")
        with pytest.raises(IllegalStateException, match="Begin one"):
            writer.end(True, PATIENCE_MS)
        writer.begin()
        for call in (writer.begin, lambda: writer.init(PATIENCE_MS)):
            with pytest.raises(IllegalStateException, match="End it first"):
                call()
        writer.end(False, PATIENCE_MS)


def test_an_init_may_be_repeated_between_transactions(door: Door, topic: str, transactional_id: str) -> None:
    zero = TopicPartition(topic, 0)
    with closing(transactional(door, transactional_id)) as writer:
        commit(writer, zero, b"one")
        writer.init(PATIENCE_MS)
        commit(writer, zero, b"two")
    assert committed(door, zero) == [b"one", b"two"]


def test_a_timeout_above_the_engines_bound_is_refused(door: Door, transactional_id: str) -> None:
    with pytest.raises(InvalidTxnTimeoutException, match=r"transaction\.max\.timeout\.ms"):
        transactional(door, transactional_id, timeout_ms=10**9)


def test_a_record_that_is_refused_for_what_it_is_fails_alone_and_the_rest_may_be_committed(
    door: Door, topic: str, transactional_id: str
) -> None:
    small = f"small-{transactional_id}"
    door.admin().create_topic(small, 1, {"max.message.bytes": "2000"})
    zero = TopicPartition(small, 0)
    with closing(transactional(door, transactional_id)) as writer:
        writer.begin()
        before = put(writer, zero, b"a")
        told = put(writer, zero, b"b", b"x" * 5_000, b"c")
        behind = put(writer, zero, b"d")
        writer.end(True, PATIENCE_MS)
        assert [sent.error for sent in (*before, *behind)] == [None, None]
        failed = [sent for sent in told if sent.error is not None]
        assert [type(sent.error) for sent in failed] == [RecordTooLargeException]
        assert failed[0].part(3) == slice(1, 2)
    assert committed(door, zero) == [b"a", b"b", b"c", b"d"]


def test_after_an_abort_of_what_is_out_the_transaction_can_only_be_aborted(
    door: Door, topic: str, transactional_id: str
) -> None:
    zero = TopicPartition(topic, 0)
    with closing(transactional(door, transactional_id)) as writer:
        writer.begin()
        put(writer, zero, b"never")
        writer.abort()
        with pytest.raises(KafkaException, match="can only be aborted"):
            writer.end(True, PATIENCE_MS)
        writer.end(False, PATIENCE_MS)
        commit(writer, zero, b"next")
    assert committed(door, zero) == [b"next"]

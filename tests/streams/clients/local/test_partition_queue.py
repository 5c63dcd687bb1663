"""The batches of one partition: order and exactly one copy, whatever the broker answers, against its own rules."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.log import format as batches
from broker_local.log.producers import Producers
from broker_local.protocol.requests.records import GroupMember
from streams.clients.writing.identity import Identity, ProducerIds, SharedIdentity
from streams.clients.writing.partition_queue import MOST_OUT, NEVER, InFlightBatch, PartitionQueue, too_late
from streams.clients.writing.transport import Outcome
from streams.errors import (
    DuplicateSequenceException,
    InvalidRecordException,
    InvalidTimestampException,
    KafkaException,
    KafkaStorageException,
    OutOfOrderSequenceException,
    RecordTooLargeException,
    UnknownProducerIdException,
)
from streams.record import TopicPartition

PARTITION = TopicPartition("t", 0)
FAR = 1e9


def in_flight(number: int, deadline: float = FAR) -> InFlightBatch:
    return InFlightBatch(batches.pack([None], [b"%d" % number], [number], None), deadline, lambda sent: None)


def fresh() -> Identity:
    """Producer ids 1, 2, 3, ..."""
    ids = count(1)
    return ProducerIds(lambda timeout_ms: (next(ids), 0)).identity()


def transaction() -> Identity:
    identity = SharedIdentity("bank")
    identity.producer = (7, 0)
    return identity


def queue_of(count: int, deadline: float = FAR, identity: Identity | None = None) -> PartitionQueue:
    queue = PartitionQueue(PARTITION, identity or fresh(), 1.0)
    queue.batches.extend(in_flight(number, deadline) for number in range(count))
    return queue


def numbers(found: list[InFlightBatch]) -> list[int]:
    return [each.packed.first_timestamp for each in found]


def test_one_batch_leaves_until_the_broker_knows_the_producer_then_five() -> None:
    queue = queue_of(8)
    (first,) = queue.to_send(0)
    assert queue.to_send(0) == []
    assert queue.answered(first, None, 0)
    assert numbers(queue.to_send(0)) == [1, 2, 3, 4, 5]
    assert queue.to_send(0) == []
    assert [each.sequence for each in queue.batches] == [1, 2, 3, 4, 5, -1, -1]


def test_a_passing_error_stops_the_queue_and_all_is_sent_again_in_order() -> None:
    queue = queue_of(4)
    queue.answered(queue.to_send(0)[0], None, 0)
    one, two, three = queue.to_send(0)
    assert not queue.answered(one, KafkaStorageException("full"), 5)
    assert queue.to_send(100) == []  # answers are still out
    assert not queue.answered(two, OutOfOrderSequenceException("gap"), 5)
    assert not queue.answered(three, OutOfOrderSequenceException("gap"), 5)
    assert queue.next_due() == 6.0
    assert queue.to_send(5.9) == []
    assert numbers(queue.to_send(6.0)) == [1, 2, 3]
    assert [each.sequence for each in queue.batches] == [1, 2, 3]


def test_an_error_for_good_costs_one_batch_and_a_producer_id() -> None:
    queue = queue_of(3)
    queue.identity.ask(0)
    queue.answered(queue.to_send(0)[0], None, 0)
    one, two = queue.to_send(0)
    assert queue.answered(one, RecordTooLargeException("large"), 0)
    assert queue.identity.producer is None
    assert not queue.answered(two, OutOfOrderSequenceException("gap"), 0)
    assert numbers(queue.to_send(10)) == [2]
    assert two.sequence == 0


def test_batches_in_the_name_of_a_member_that_is_none_leave_the_queue_and_the_others_go_on() -> None:
    queue = queue_of(1)
    old, new = GroupMember("g", "old"), GroupMember("g", "new")
    for member in (old, new, old):
        queue.batches.append(InFlightBatch(queue.batches[0].packed, FAR, lambda sent: None, member))
    queue.answered(queue.to_send(0)[0], None, 0)
    assert len(queue.to_send(0)) == 3
    assert [each.member for each in queue.fenced(old, 5)] == [old, old]
    assert queue.identity.producer is None
    (left,) = queue.batches
    assert not queue.answered(left, OutOfOrderSequenceException("gap"), 5)
    (again,) = queue.to_send(10)
    assert (again.member, again.sequence) == (new, 0)
    assert queue.fenced(old, 10) == []


def test_a_broker_that_forgot_the_sequences_costs_a_producer_id_only() -> None:
    queue = queue_of(2)
    queue.identity.ask(0)
    queue.answered(queue.to_send(0)[0], None, 0)
    (one,) = queue.to_send(0)
    assert not queue.answered(one, OutOfOrderSequenceException("what before?"), 0)
    assert queue.identity.producer is None
    assert (numbers(queue.to_send(10)), one.sequence) == ([1], 0)


def test_a_lost_connection_sends_all_that_was_out_again_as_it_was() -> None:
    queue = queue_of(3)
    queue.answered(queue.to_send(0)[0], None, 0)
    before = [each.sequence for each in queue.to_send(0)]
    queue.cut_off()
    assert [each.sequence for each in queue.to_send(0)] == before


def test_time_is_over_for_what_waits_and_for_what_is_out() -> None:
    queue = queue_of(2, deadline=10)
    queue.to_send(0)
    assert queue.next_due() == 10
    assert queue.expired(9) == []
    assert numbers(queue.expired(10)) == [0, 1]
    assert queue.next_due() == NEVER
    assert "Expiring 1 record(s) for t-0: 120000 ms has passed" in str(too_late(PARTITION, in_flight(0), 120_000))
    said = str(too_late(PARTITION, in_flight(0), 120_000, KafkaStorageException("no space on the disk.")))
    assert said.endswith("The broker's last answer was KafkaStorageException: no space on the disk.")


def test_the_sequence_begins_again_after_the_largest() -> None:
    queue = queue_of(0)
    queue._next_sequence = 2**31 - 1
    queue.batches.append(in_flight(0))
    assert [each.sequence for each in queue.to_send(0)] == [2**31 - 1]
    queue.answered(queue.batches[0], None, 0)
    queue.batches.append(in_flight(1))
    assert [each.sequence for each in queue.to_send(0)] == [0]


# The queue against the broker's own rules, over a connection that is cut and a disk that is full now and then.


class World:
    """A broker's log of one partition, the requests under way to it, and the answers under way back."""

    def __init__(self, count: int, identity: Identity) -> None:
        self.queue = queue_of(count, identity=identity)
        self.producers = Producers()
        self.log: list[int] = []
        self.asked: deque[InFlightBatch] = deque()
        self.answers: deque[tuple[InFlightBatch, KafkaException | None]] = deque()
        self.now = 0.0
        self.acknowledged: list[int] = []

    def happen(self, what: str) -> None:
        match what:
            case "send":
                self.send()
            case "serve" | "full":
                self.serve(what == "full")
            case "hear":
                self.hear()
            case "cut":
                self.cut()
            case _:
                self.now += 1.0

    def send(self) -> None:
        identity = self.queue.identity
        if identity.producer is None:
            identity.ask(0)
        assert identity.producer is not None
        for each in self.queue.to_send(self.now):
            each.data = each.data or each.packed.numbered(
                identity.producer, each.sequence, identity.transactional_id is not None
            )
            self.asked.append(each)
        assert sum(each.out for each in self.queue.batches) <= MOST_OUT

    def serve(self, full: bool) -> None:
        """The broker takes one request."""
        if not self.asked:
            return
        each = self.asked.popleft()
        header = batches.produced(each.data)
        error: KafkaException | None = None
        try:
            if self.producers.check(header) is None:
                if full:
                    raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, "no space")
                placed = header._replace(base_offset=len(self.log))
                self.log.append(each.packed.first_timestamp)
                self.producers.stored(placed, 0)
        except Refusal as refused:
            kinds: dict[ErrorCode, type[KafkaException]] = {
                ErrorCode.KAFKA_STORAGE_ERROR: KafkaStorageException,
                ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER: OutOfOrderSequenceException,
                ErrorCode.UNKNOWN_PRODUCER_ID: UnknownProducerIdException,
                ErrorCode.DUPLICATE_SEQUENCE_NUMBER: DuplicateSequenceException,
            }
            error = kinds[refused.code]("refused")
        self.answers.append((each, error))

    def hear(self) -> None:
        """One answer arrives."""
        if self.answers:
            each, error = self.answers.popleft()
            assert not isinstance(error, DuplicateSequenceException)
            if each.out and self.queue.answered(each, error, self.now):
                self.acknowledged.append(each.packed.first_timestamp)

    def cut(self) -> None:
        """The connection is lost, with requests and answers on it."""
        self.asked.clear()
        self.answers.clear()
        self.queue.cut_off()


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([fresh, transaction]),
    st.integers(1, 12),
    st.lists(st.sampled_from(["send", "serve", "full", "hear", "cut", "wait"]), max_size=120),
)
def test_every_batch_is_stored_once_and_in_order(
    identity: Callable[[], Identity], count: int, happenings: list[str]
) -> None:
    world = World(count, identity())
    for what in happenings:
        world.happen(what)
        assert world.log == list(range(len(world.log)))
        assert set(world.acknowledged) <= set(world.log)
    for _ in range(20 * count):
        world.now += 1.0
        world.send()
        world.serve(False)
        world.hear()
    assert world.log == world.acknowledged == list(range(count))




# A batch that is refused for what one record is


def batch_of(first: int, count: int) -> InFlightBatch:
    numbers = list(range(first, first + count))
    packed = batches.pack([None] * count, [b"%d" % n for n in numbers], numbers, [[("n", b"%d" % n)] for n in numbers])
    return InFlightBatch(packed, FAR, lambda sent: None)


class Judge(World):
    """A broker that refuses a batch with a record it does not like, without saying which."""

    def __init__(self, sizes: list[int], disliked: set[int], identity: Identity) -> None:
        super().__init__(0, identity)
        self.disliked = disliked
        self.count = 0
        for size in sizes:
            self.queue.batches.append(batch_of(self.count, size))
            self.count += size
        self.sent: dict[int, bytes] = {}
        self.refused: list[int] = []
        self.told: dict[int, list[int]] = {}

    def send(self) -> None:
        before = len(self.asked)
        super().send()
        for each in list(self.asked)[before:]:  # what is under way does not change with the in_flight
            self.sent[id(each)] = each.data

    def serve(self, full: bool) -> None:
        if not self.asked:
            return
        each = self.asked.popleft()
        data = self.sent[id(each)]
        header = batches.produced(data)
        columns = batches.read(batches.seal(data, 0, 0) + data)
        times = list(columns[2])
        assert [headers[0] for headers in columns[3] or ()] == [("n", b"%d" % n) for n in times]
        error: KafkaException | None = None
        try:
            if self.producers.check(header) is None:
                if full:
                    raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, "no space")
                if self.disliked.intersection(times):
                    error = InvalidTimestampException("one of them")
                else:
                    self.producers.stored(header._replace(base_offset=len(self.log)), 0)
                    self.log += times
        except Refusal as refused:
            full = refused.code == ErrorCode.KAFKA_STORAGE_ERROR
            error = KafkaStorageException("full") if full else OutOfOrderSequenceException("gap")
        self.answers.append((each, error))

    def hear(self) -> None:
        if not self.answers:
            return
        each, error = self.answers.popleft()
        if not each.out or self.queue.divided(each, error, self.now) or not self.queue.answered(each, error, self.now):
            return
        sent = each.sent(PARTITION, Outcome(0, offset=0), error)
        numbers = list(range(each.packed.first_timestamp, each.packed.first_timestamp + each.packed.records))
        (self.acknowledged if error is None else self.refused).extend(numbers)
        part = sent.part(each.packed.records)
        self.told.setdefault(numbers[0] - part.start, []).extend(range(part.start, part.stop))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([fresh, transaction]),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.sets(st.integers(0, 44), max_size=6),
    st.lists(st.sampled_from(["send", "serve", "full", "hear", "cut", "wait"]), max_size=60),
)
def test_only_the_records_that_are_disliked_are_refused_and_the_others_keep_their_order(
    identity: Callable[[], Identity], sizes: list[int], disliked: set[int], happenings: list[str]
) -> None:
    world = Judge(sizes, disliked, identity())
    for what in happenings:
        world.happen(what)
    for _ in range(60 * world.count):
        world.now += 1.0
        world.send()
        world.serve(False)
        world.hear()
    good = [number for number in range(world.count) if number not in disliked]
    assert world.log == world.acknowledged == good
    assert world.refused == [number for number in range(world.count) if number in disliked]
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    assert {start: sorted(told) for start, told in world.told.items()} == {
        start: list(range(size)) for start, size in zip(starts, sizes, strict=True)
    }


def test_a_batch_is_divided_no_longer_than_its_time_allows_and_not_for_what_is_not_its_own() -> None:
    queue = queue_of(0)
    queue.batches.append(batch_of(0, 4))
    (whole,) = queue.to_send(0)
    assert queue.divided(whole, KafkaStorageException("full"), 0) is None and queue.divided(whole, None, 0) is None
    assert queue.divided(whole, InvalidRecordException("one"), FAR) is None
    assert queue.divided(whole, InvalidRecordException("one"), 5) is not None
    assert [len(batches.read(batches.seal(each, 0, 0) + each)[0]) for each in map(produced, queue.batches)] == [2, 2]
    assert len(queue.to_send(5)) == 1  # at once: there is nothing to wait for


def produced(each: InFlightBatch) -> bytes:
    return each.packed.numbered()

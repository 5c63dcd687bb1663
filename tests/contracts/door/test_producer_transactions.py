"""Transactions of the public clients, over every bundled engine: Kafka's calls, in Kafka's order, with its errors."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from streams.clients import Consumer, OffsetAndMetadata, Producer, ProducerRecord, TopicPartition
from streams.clients.api import ConsumerGroupMetadata, Door
from streams.errors import (
    CommitFailedException,
    ConfigException,
    IllegalArgumentException,
    IllegalStateException,
    InvalidTxnTimeoutException,
    ProducerFencedException,
    RecordTooLargeException,
    TransactionAbortableException,
    TransactionAbortedException,
)
from streams.record import RecordMetadata
from tests.engines import await_markers, until

_numbers = itertools.count(os.getpid() * 1_000)  # an engine may outlive a run
Make = Callable[..., Producer]


@pytest.fixture
def bank() -> str:
    """A transactional id of the test's own."""
    return f"till-{next(_numbers)}"


@pytest.fixture
def make(address: str, bank: str) -> Iterator[Make]:
    """Makes producers of that id, initialised."""
    made: list[Producer] = []

    def new(**settings: object) -> Producer:
        given = {name.replace("_", "."): value for name, value in settings.items()}
        producer = Producer({"bootstrap.servers": address, "transactional.id": bank, **given})
        made.append(producer)
        producer.init_transactions()
        return producer

    yield new
    for each in made:
        each.close(5_000)


def put(producer: Producer, topic: str, value: bytes, partition: int = 0) -> Future[RecordMetadata]:
    return producer.send(ProducerRecord(topic, value, partition=partition))


def seen(address: str, topic: str, isolation: str = "read_committed") -> list[object]:
    """All values of a topic that a consumer sees, by partition."""
    await_markers(address)
    with Consumer(
        bootstrap_servers=address, isolation_level=isolation, auto_offset_reset="earliest", group_id=None
    ) as consumer:
        partitions = [TopicPartition(topic, number) for number in range(3)]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        found = []
        while any(consumer.position(each) < ends[each] for each in partitions):
            found += consumer.poll(100)
        return [record.value for record in sorted(found, key=lambda each: (each.partition, each.offset))]


def test_records_are_seen_together_or_not_at_all(make: Make, address: str, topic: str) -> None:
    producer = make()
    for number in range(4):
        producer.begin_transaction()
        futures = [put(producer, topic, b"%d" % number, partition) for partition in (0, 1, 2)]
        producer.flush()
        if number % 2:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
            assert all(future.done() and future.result().offset >= 0 for future in futures)
    assert seen(address, topic) == [b"0", b"2"] * 3
    assert seen(address, topic, "read_uncommitted")[:2] == [b"0", b"1"]


def test_futures_of_aborted_records_that_had_no_answer_fail(make: Make, topic: str) -> None:
    producer = make(linger_ms=60_000)
    producer.begin_transaction()
    told: list[BaseException | None] = []
    future = producer.send(ProducerRecord(topic, b"never"), lambda metadata, error: told.append(error))
    producer.abort_transaction()
    with pytest.raises(TransactionAbortedException):
        future.result(0)
    assert [type(each) for each in told] == [TransactionAbortedException]


def test_calls_in_a_wrong_order_are_told_as_kafka_does_and_what_to_do(address: str, topic: str, bank: str) -> None:
    with Producer(bootstrap_servers=address, transactional_id=bank) as producer:
        with pytest.raises(IllegalStateException, match=r"from state UNINITIALIZED to .* Call init_transactions\(\)"):
            producer.begin_transaction()
        with pytest.raises(IllegalStateException, match=r"before completing a call to initTransactions. Call init_tr"):
            put(producer, topic, b"x")
        producer.init_transactions()
        with pytest.raises(IllegalStateException, match=r"from state READY to state INITIALIZING\. It is called once"):
            producer.init_transactions()
        wrong: dict[str, Callable[[], object]] = {
            "transaction while in state READY": lambda: put(producer, topic, b"x"),
            "from state READY to state COMMITTING_TRANSACTION": producer.commit_transaction,
            "from state READY to state ABORTING_TRANSACTION": producer.abort_transaction,
            r"not in progress \(currentState= READY\)": lambda: producer.send_offsets_to_transaction(
                {TopicPartition(topic, 0): 1}, ConsumerGroupMetadata("g")
            ),
        }
        for text, call in wrong.items():
            with pytest.raises(IllegalStateException, match=rf"{text}.*Call begin_transaction\(\) first"):
                call()
        producer.begin_transaction()
        with pytest.raises(IllegalStateException, match=r"IN_TRANSACTION to .*commit_transaction\(\) or abort_tran"):
            producer.begin_transaction()
        producer.commit_transaction()
        with pytest.raises(IllegalStateException, match="Call begin_transaction"):
            producer.commit_transaction()
        with pytest.raises(IllegalStateException, match="Call begin_transaction"):
            producer.abort_transaction()


def test_without_a_transactional_id_there_are_no_transactions(address: str) -> None:
    with Producer(bootstrap_servers=address) as producer:
        for call in (
            producer.init_transactions,
            producer.begin_transaction,
            producer.commit_transaction,
            producer.abort_transaction,
            lambda: producer.send_offsets_to_transaction({}, ConsumerGroupMetadata("g")),
        ):
            with pytest.raises(IllegalStateException, match=r"by setting the transactional\.id"):
                call()


def test_a_producer_is_fenced_by_the_next_of_its_id(make: Make, address: str, topic: str) -> None:
    old = make()
    old.begin_transaction()
    put(old, topic, b"never").result(20)
    new = make()
    new.begin_transaction()
    put(new, topic, b"new")
    new.commit_transaction()
    with pytest.raises(ProducerFencedException):
        put(old, topic, b"never").result(20)
    for call in (
        old.commit_transaction,
        old.abort_transaction,
        old.begin_transaction,
        lambda: put(old, topic, b"never"),
        lambda: old.send_offsets_to_transaction({TopicPartition(topic, 0): 1}, ConsumerGroupMetadata("g")),
    ):
        with pytest.raises(ProducerFencedException, match=r"has been fenced by another.*Close this producer"):
            call()
    old.close()
    assert seen(address, topic) == [b"new"]


def test_after_a_record_that_failed_the_transaction_can_only_be_aborted(make: Make, address: str, topic: str) -> None:
    producer = make()
    producer.begin_transaction()
    put(producer, topic, b"never")
    with pytest.raises(RecordTooLargeException):
        put(producer, topic, b"x" * 2_000_000).result(20)
    for call in (
        producer.commit_transaction,
        lambda: put(producer, topic, b"never"),
        lambda: producer.send_offsets_to_transaction({TopicPartition(topic, 0): 1}, ConsumerGroupMetadata("g")),
    ):
        with pytest.raises(TransactionAbortableException, match=r"RecordTooLarge.*Call abort_transaction\(\)"):
            call()
    producer.abort_transaction()
    producer.begin_transaction()
    put(producer, topic, b"next")
    producer.commit_transaction()
    assert seen(address, topic) == [b"next"]


def test_a_record_that_the_engine_refuses_fails_the_transaction(make: Make, address: str, door: Door) -> None:
    small = f"small-{next(_numbers)}"
    door.admin().create_topic(small, 3, {"max.message.bytes": "2000"})
    producer = make()
    producer.begin_transaction()
    put(producer, small, b"never")
    future = put(producer, small, b"x" * 5_000)
    with pytest.raises(TransactionAbortableException, match="RecordTooLarge"):
        producer.commit_transaction()
    assert isinstance(future.exception(0), RecordTooLargeException)
    producer.abort_transaction()
    assert seen(address, small) == []


def test_what_was_read_is_committed_with_what_was_made_of_it(make: Make, address: str, topic: str) -> None:
    with Producer(bootstrap_servers=address) as filling:
        for number in range(6):
            put(filling, topic, b"%d" % number)
    producer, group, zero = make(), f"group-{next(_numbers)}", TopicPartition(topic, 0)
    with Consumer(
        bootstrap_servers=address, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
        max_poll_records=2, isolation_level="read_committed",
    ) as consumer:  # fmt: skip
        consumer.subscribe([topic])
        for keep in (True, False):
            records = consumer.poll(20_000)
            while not records:
                records = consumer.poll(1_000)
            producer.begin_transaction()
            for record in records:
                put(producer, topic, b"out of " + record.value, 1)
            producer.send_offsets_to_transaction(
                {zero: OffsetAndMetadata(records[-1].offset + 1, "mine")}, consumer.group_metadata()
            )
            if keep:
                producer.commit_transaction()
            else:
                producer.abort_transaction()
            assert consumer.committed([zero])[zero] == OffsetAndMetadata(2, "mine")
    assert seen(address, topic)[6:] == [b"out of 0", b"out of 1"]


def test_offsets_in_the_name_of_whoever_is_no_member_are_refused(make: Make, address: str, topic: str) -> None:
    zero, group = TopicPartition(topic, 0), f"group-{next(_numbers)}"
    producer = make()
    with Consumer(bootstrap_servers=address, group_id=group, auto_offset_reset="earliest") as consumer:
        consumer.subscribe([topic])
        never_joined = consumer.group_metadata()
        while not consumer.assignment():
            consumer.poll(100)
        member = consumer.group_metadata()
        consumer.unsubscribe()
        another = ConsumerGroupMetadata(f"{group}-other", member.generation_id, member.member_id)
        for metadata in (member, consumer.group_metadata(), never_joined, another):
            producer.begin_transaction()
            put(producer, topic, b"never")
            if metadata.member_id:  # after `unsubscribe` it is nobody's, as with `assign`
                with pytest.raises(CommitFailedException, match=r"group metadata mismatch.*Call abort_transaction\(\)"):
                    producer.send_offsets_to_transaction({zero: 1}, metadata)
                with pytest.raises(TransactionAbortableException):
                    producer.commit_transaction()
            producer.abort_transaction()
    assert seen(address, topic) == []


def test_offsets_of_an_earlier_generation_are_refused(make: Make, address: str, topic: str) -> None:
    zero, group, producer = TopicPartition(topic, 0), f"group-{next(_numbers)}", make()
    settings = {
        "bootstrap.servers": address, "group.id": group, "heartbeat.interval.ms": 50, "enable.auto.commit": False
    }  # fmt: skip
    with Consumer(settings) as one, Consumer(settings) as two:
        one.subscribe([topic])
        while not one.assignment():
            one.poll(50)
        before = one.group_metadata()
        two.subscribe([topic])
        while not two.assignment() or one.group_metadata().generation_id != two.group_metadata().generation_id:
            one.poll(20)
            two.poll(20)
        producer.begin_transaction()
        with pytest.raises(CommitFailedException, match="generation"):
            producer.send_offsets_to_transaction({zero: 1}, before)
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send_offsets_to_transaction({zero: 1}, one.group_metadata())
        producer.commit_transaction()
        assert one.committed([zero])[zero] == OffsetAndMetadata(1)


@pytest.mark.parametrize(
    ("offsets", "metadata", "text"),
    [
        ({TopicPartition("t", 0): 1}, None, "Give consumer.group_metadata"),
        ({TopicPartition("t", 0): 1}, "group", "Give consumer.group_metadata"),
        ({TopicPartition("t", 0): 1}, ConsumerGroupMetadata("g", 3), "generationId > 0 but member.id is unknown"),
        ({TopicPartition("t", 0): -1}, ConsumerGroupMetadata("g"), "offset of t-0"),
        ({"t": 1}, ConsumerGroupMetadata("g"), "TopicPartition"),
        (7, ConsumerGroupMetadata("g"), "offsets"),
    ],
)
def test_offsets_that_are_none_are_refused_where_they_are_handed_over(
    make: Make, offsets: object, metadata: object, text: str
) -> None:
    producer = make()
    producer.begin_transaction()
    with pytest.raises(IllegalArgumentException, match=text):
        producer.send_offsets_to_transaction(offsets, metadata)  # type: ignore[arg-type]
    producer.commit_transaction()


def test_a_block_is_committed_at_its_end_and_aborted_by_what_goes_wrong_in_it(
    make: Make, address: str, topic: str
) -> None:
    producer = make()
    with producer.transaction():
        put(producer, topic, b"one")
    with pytest.raises(ZeroDivisionError), producer.transaction():
        put(producer, topic, b"never")
        raise ZeroDivisionError
    with pytest.raises(TransactionAbortableException), producer.transaction():
        put(producer, topic, b"never")
        put(producer, topic, b"x" * 2_000_000)
    with producer.transaction():
        put(producer, topic, b"two")
    assert seen(address, topic) == [b"one", b"two"]


def test_closing_aborts_what_goes_on(
    make: Make, address: str, topic: str, door: Door, bank: str, on_kafka: bool
) -> None:
    producer = make()
    producer.begin_transaction()
    put(producer, topic, b"never").result(20)
    put(producer, topic, b"never")
    producer.close()
    # Before Kafka 4.0 the epoch of the next one is asked for after each end, which leaves nothing of this one.
    ended = ("CompleteAbort", "Empty") if on_kafka else ("CompleteAbort",)
    until(lambda: door.admin().describe_transaction(bank).state in ended)
    assert seen(address, topic) == []
    with pytest.raises(IllegalStateException, match="closed"):
        producer.begin_transaction()


def test_two_threads_may_share_a_producer(make: Make, address: str, topic: str) -> None:
    """Every record belongs to the transaction that went on when it was sent, or its send is refused."""
    producer, ending = make(), threading.Event()
    taken: list[tuple[bytes, Future[RecordMetadata]]] = []

    def send() -> None:
        for number in itertools.count():
            if ending.is_set():
                return
            try:
                taken.append((b"%d" % number, put(producer, topic, b"%d" % number)))
            except IllegalStateException:
                continue

    other = threading.Thread(target=send)
    other.start()
    for round_ in range(6):
        producer.begin_transaction()
        put(producer, topic, b"round")
        while len(taken) < 20 * (round_ + 1):
            pass
        if round_ % 2:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
    ending.set()
    other.join()
    found = seen(address, topic)
    assert found.count(b"round") == 3
    stored = {value for value, future in taken if future.exception() is None}
    mine = [value for value in found if value != b"round"]
    assert len(mine) == len(set(mine))
    assert set(mine) <= stored
    assert {value for value, future in taken if isinstance(future.exception(), TransactionAbortedException)} == {
        value for value, future in taken if future.exception() is not None
    }


def test_an_id_is_as_long_as_a_name_may_be(address: str) -> None:
    with Producer(bootstrap_servers=address, transactional_id="x" * 249) as producer:
        producer.init_transactions()
    with pytest.raises(ConfigException, match=r"transactional\.id.*at most 249 characters"):
        Producer(bootstrap_servers=address, transactional_id="x" * 250)


def test_a_timeout_above_the_brokers_bound_is_refused(address: str, bank: str) -> None:
    settings = {"bootstrap.servers": address, "transactional.id": bank, "transaction.timeout.ms": 1_000_000}
    refused = pytest.raises(InvalidTxnTimeoutException, match=r"transaction\.max\.timeout\.ms")
    with Producer(settings) as producer, refused:
        producer.init_transactions()

"""What becomes of a transaction when connections break, brokers are killed and answers do not come: each is committed
once or not at all, whoever waits does so for the time it was given, and is told what is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.protocol.requests.records import Produce
from broker_local.protocol.requests.request import Asks, Reply
from broker_local.protocol.requests.transactions import EndTransaction, InitTransactions, TransactionOffsets
from streams.clients import Producer, ProducerRecord
from streams.clients.api import WRITER_DEFAULTS, ConsumerGroupMetadata, Position, Sent, TransactionSettings
from streams.clients.writing.transactional_writer import TransactionalBatchWriter
from streams.errors import (
    IllegalStateException,
    ProducerFencedException,
    TimeoutException,
    TransactionAbortableException,
    TransactionAbortedException,
)
from streams.record import TopicPartition
from streams.testing import SimulatedWorld
from tests.contracts.door.test_transactional_writer import committed, positions, put, transactional
from tests.contracts.door.unsteady import AFTER, BEFORE, HELD, SILENT, Fault, UnsteadyEngine, as_a_process, in_memory

PATIENCE_MS = 20_000
_numbers = itertools.count()
Kind = type[Asks[Reply]]
ALL: list[Kind] = [InitTransactions, Produce, TransactionOffsets, EndTransaction]


@pytest.fixture(scope="module", params=["memory", "process"])
def unsteady_module(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UnsteadyEngine]:
    if request.param == "memory":
        with in_memory() as engine:
            yield engine
    else:
        with as_a_process(tmp_path_factory.mktemp("engine")) as engine:
            yield engine


@pytest.fixture
def unsteady(unsteady_module: UnsteadyEngine) -> Iterator[UnsteadyEngine]:
    yield unsteady_module
    unsteady_module.steady_again()


def new_topic(engine: UnsteadyEngine) -> tuple[TopicPartition, TopicPartition]:
    """Two partitions of a new topic."""
    name = f"t{next(_numbers)}"
    with closing(engine.steady()) as door:
        door.admin().create_topic(name, 2, {"retention.ms": "-1"})
    return TopicPartition(name, 0), TopicPartition(name, 1)


def two_transactions(engine: UnsteadyEngine, keep: bool) -> None:
    """Two transactions, in which what is planned happens: the first is kept or not, the second is."""
    zero, one = new_topic(engine)
    group, name = f"g-{zero.topic}", f"bank-{zero.topic}"
    with closing(engine.door()) as door, closing(transactional(door, name)) as writer:
        for number, end in enumerate((keep, True)):
            writer.begin()
            answers = [put(writer, each, b"%d" % number) for each in (zero, one, zero)]
            writer.send_offsets(ConsumerGroupMetadata(group), {zero: Position(number + 1)}, PATIENCE_MS)
            writer.end(end, PATIENCE_MS)
            if end:
                assert [len(each) for each in answers] == [1, 1, 1]
    assert not engine.plan
    with closing(engine.steady()) as door:
        kept = [b"0", b"1"] if keep else [b"1"]
        assert committed(door, one) == kept
        assert committed(door, zero) == [value for value in kept for _ in range(2)]
        assert positions(door, group, stable=True) == {zero: Position(2)}


@pytest.mark.parametrize("keep", [True, False], ids=["commit", "abort"])
@pytest.mark.parametrize("kills", [False, True], ids=["cut", "killed"])
@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_lost_connection_or_broker_costs_and_doubles_nothing(
    unsteady: UnsteadyEngine, kind: Kind, when: Fault, kills: bool, keep: bool
) -> None:
    unsteady.plan.append((kind, when))
    unsteady.kills = kills
    two_transactions(unsteady, keep)


@pytest.mark.parametrize("code", [ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.KAFKA_STORAGE_ERROR])
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_what_is_refused_for_the_moment_is_asked_again(
    unsteady: UnsteadyEngine, kind: Kind, code: ErrorCode
) -> None:
    unsteady.plan += [(kind, code)] * 2
    two_transactions(unsteady, True)


def test_an_end_is_asked_again_until_it_is_known(unsteady: UnsteadyEngine) -> None:
    unsteady.plan += [(EndTransaction, each) for each in (BEFORE, AFTER, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, AFTER)]
    two_transactions(unsteady, True)


def test_a_late_acknowledgement_of_an_aborted_transaction_never_reaches_the_next(unsteady: UnsteadyEngine) -> None:
    zero, _ = new_topic(unsteady)
    with closing(unsteady.door()) as door, closing(transactional(door, zero.topic)) as writer:
        writer.begin()
        unsteady.plan += [(Produce, HELD)] * 2
        aborted = [put(writer, zero, b"never") for _ in range(2)]
        writer.end(False, PATIENCE_MS)
        writer.begin()
        unsteady.plan.append((Produce, HELD))
        kept = put(writer, zero, b"paid")
        assert writer.await_acks(50) == 1
        unsteady.let_go(2)
        assert writer.await_acks(50) == 1
        assert (aborted, kept) == ([[], []], [])
        unsteady.let_go(1)
        writer.end(True, PATIENCE_MS)
        assert aborted == [[], []]
        assert [sent.error for sent in kept] == [None]
        assert committed(door, zero) == [b"paid"]


# Deadlines, in a simulated world


def simulated(test: Callable[[UnsteadyEngine, SimulatedWorld], None]) -> None:
    """Runs a test whose time passes at once."""
    world = SimulatedWorld(1)

    def main() -> None:
        with in_memory(world=world) as engine:
            test(engine, world)

    world.run(main)


def writing(engine: UnsteadyEngine, timeout_ms: int = 60_000) -> tuple[TopicPartition, TransactionalBatchWriter]:
    """A partition, and a writer that has initialised and begun; a batch of its is tried for 30 seconds."""
    zero, _ = new_topic(engine)
    settings = replace(WRITER_DEFAULTS, delivery_timeout_ms=30_000)
    writer = engine.door().transactional_writer(TransactionSettings(zero.topic, timeout_ms), settings)
    assert isinstance(writer, TransactionalBatchWriter)
    writer.init(PATIENCE_MS)
    writer.begin()
    return zero, writer


def test_an_init_without_an_answer_waits_for_its_time_and_may_be_called_again() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        writer = engine.door().transactional_writer(TransactionSettings("bank", 60_000))
        engine.plan.append((InitTransactions, SILENT))
        with pytest.raises(TimeoutException, match=r"5000 ms\. Whether earlier producers are fenced is not known"):
            writer.init(5_000)
        assert 4_990 < world.monotonic_ms() < 5_200
        engine.plan.clear()
        writer.init(5_000)
        writer.begin()

    simulated(test)


@pytest.mark.parametrize("arrives", [BEFORE, AFTER])
def test_a_commit_without_an_answer_can_only_be_asked_again(arrives: Fault) -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, writer = writing(engine)
        put(writer, zero, b"paid")
        engine.plan += [(EndTransaction, arrives), (EndTransaction, SILENT)]
        begun = world.monotonic_ms()
        with pytest.raises(TimeoutException, match="Whether the transaction is committed is not known; ask the same"):
            writer.end(True, 7_000)
        assert 6_990 < world.monotonic_ms() - begun < 7_200
        with pytest.raises(IllegalStateException, match="a commit was asked for, and its outcome is not known"):
            writer.end(False, 7_000)
        with pytest.raises(IllegalStateException):
            put(writer, zero, b"never")
        engine.plan.clear()
        writer.end(True, 7_000)
        writer.begin()
        writer.end(False, 0)
        assert committed(engine.steady(), zero) == [b"paid"]

    simulated(test)


def test_an_abort_without_an_answer_can_be_asked_again() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, writer = writing(engine)
        put(writer, zero, b"never")
        engine.plan.append((EndTransaction, SILENT))
        with pytest.raises(TimeoutException, match="Whether the transaction is aborted is not known"):
            writer.end(False, 7_000)
        with pytest.raises(IllegalStateException, match="an abort was asked for"):
            writer.end(True, 7_000)
        engine.plan.clear()
        writer.end(False, 7_000)
        assert committed(engine.steady(), zero) == []

    simulated(test)


def test_offsets_without_an_answer_are_to_be_sent_again_before_anything_is_committed() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, writer = writing(engine)
        put(writer, zero, b"paid")
        nobody, offsets = ConsumerGroupMetadata("g"), {zero: Position(3)}
        engine.plan.append((TransactionOffsets, SILENT))
        with pytest.raises(TimeoutException, match="are part of the transaction is not known; send them again"):
            writer.send_offsets(nobody, offsets, 4_000)
        with pytest.raises(TimeoutException, match="send them again"):
            writer.end(True, 4_000)
        engine.plan.clear()
        writer.send_offsets(nobody, offsets, 4_000)
        writer.end(True, 4_000)
        assert positions(engine.steady(), "g") == offsets

    simulated(test)


def test_a_commit_that_waits_for_acknowledgements_may_be_turned_into_an_abort() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, writer = writing(engine)
        engine.plan.append((Produce, SILENT))
        put(writer, zero, b"never")
        with pytest.raises(TimeoutException, match=r"1 batches .* acknowledged in 9000 ms; nothing of it"):
            writer.end(True, 9_000)
        writer.end(False, 9_000)
        assert committed(engine.steady(), zero) == []

    simulated(test)


def test_a_batch_whose_time_is_over_spoils_its_transaction_and_nothing_more_is_waited_for() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, writer = writing(engine)
        engine.plan.append((Produce, SILENT))
        late = put(writer, zero, b"never")
        begun = world.monotonic_ms()
        with pytest.raises(TimeoutException, match="Expiring 1 record"):
            writer.end(True, 60_000)
        assert world.monotonic_ms() - begun < 31_000
        assert isinstance(late[0].error, TimeoutException)
        engine.plan.clear()
        behind: list[Sent] = put(writer, zero, b"never")
        assert behind[0].error is late[0].error
        writer.end(False, 1_000)
        writer.begin()
        put(writer, zero, b"next")
        writer.end(True, 1_000)
        assert committed(engine.steady(), zero) == [b"next"]

    simulated(test)


@pytest.mark.parametrize(("away_ms", "fenced"), [(150, False), (300, True)])
def test_who_comes_back_by_another_connection_within_200_ms_goes_on(away_ms: int, fenced: bool) -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, writer = writing(engine)
        engine.plan.append((Produce, AFTER))
        put(writer, zero, b"paid")
        world.sleep(away_ms)
        engine.steady().admin().list_topics()  # the engine lives by whoever asks it
        if fenced:
            with pytest.raises(ProducerFencedException, match="aborted the transaction"):
                writer.end(True, 1_000)
            with pytest.raises(ProducerFencedException):
                writer.begin()
        else:
            writer.end(True, 1_000)
        assert committed(engine.steady(), zero) == ([] if fenced else [b"paid"])

    simulated(test)


def test_a_transaction_that_takes_too_long_is_aborted_by_the_engine() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, writer = writing(engine, timeout_ms=5_000)
        put(writer, zero, b"never")
        writer.await_acks(1_000)
        world.sleep(6_000)
        with pytest.raises(ProducerFencedException, match="its time was up"):
            writer.end(True, 1_000)
        with closing(engine.door().transactional_writer(TransactionSettings(zero.topic, 5_000))) as after:
            after.init(1_000)
            after.begin()
            put(after, zero, b"next")
            after.end(True, 1_000)
        assert committed(engine.steady(), zero) == [b"next"]

    simulated(test)


def test_a_producers_commit_without_an_answer_is_to_be_called_again() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, _ = new_topic(engine)
        with Producer(door=engine.door(), transactional_id="bank", max_block_ms=8_000) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            producer.send(ProducerRecord(zero.topic, b"paid", partition=0))
            engine.plan.append((EndTransaction, SILENT))
            begun = world.monotonic_ms()
            with pytest.raises(TimeoutException, match="ask the same again"):
                producer.commit_transaction()
            assert world.monotonic_ms() - begun < 8_500
            with pytest.raises(IllegalStateException, match=r"timed out and must be retried.*commit_transaction\(\)"):
                producer.abort_transaction()
            with pytest.raises(IllegalStateException, match=r"Call commit_transaction\(\) again"):
                producer.send(ProducerRecord(zero.topic, b"never"))
            engine.plan.clear()
            producer.commit_transaction()
        assert committed(engine.steady(), zero) == [b"paid"]

    simulated(test)


def test_a_producers_commit_that_could_not_flush_may_be_aborted() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, _ = new_topic(engine)
        with Producer(door=engine.door(), transactional_id="bank", max_block_ms=8_000) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            engine.plan.append((Produce, SILENT))
            future = producer.send(ProducerRecord(zero.topic, b"never", partition=0))
            with pytest.raises(TimeoutException, match=r"nothing is committed. Call it again, or abort_tr"):
                producer.commit_transaction()
            producer.abort_transaction()
            assert isinstance(future.exception(0), TransactionAbortedException)
            engine.plan.clear()
            with producer.transaction():
                producer.send(ProducerRecord(zero.topic, b"next", partition=0))
        assert committed(engine.steady(), zero) == [b"next"]

    simulated(test)


def test_a_producers_offsets_without_an_answer_are_to_be_sent_again() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, _ = new_topic(engine)
        with Producer(door=engine.door(), transactional_id="bank", max_block_ms=3_000) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            producer.send(ProducerRecord(zero.topic, b"paid", partition=0))
            engine.plan.append((TransactionOffsets, SILENT))
            with pytest.raises(TimeoutException, match="send them again, or abort"):
                producer.send_offsets_to_transaction({zero: 4}, ConsumerGroupMetadata("g"))
            engine.plan.clear()
            with pytest.raises(IllegalStateException, match="`sendOffsetsToTransaction` for g timed out and must"):
                producer.commit_transaction()
            producer.send_offsets_to_transaction({zero: 4}, ConsumerGroupMetadata("g"))
            producer.commit_transaction()
        assert committed(engine.steady(), zero) == [b"paid"]
        assert positions(engine.steady(), "g") == {zero: Position(4)}

    simulated(test)


def test_a_record_whose_time_is_over_spoils_the_producers_transaction() -> None:
    def test(engine: UnsteadyEngine, world: SimulatedWorld) -> None:
        zero, _ = new_topic(engine)
        with Producer(door=engine.door(), transactional_id="bank", delivery_timeout_ms=40_000) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            engine.plan.append((Produce, SILENT))
            future = producer.send(ProducerRecord(zero.topic, b"never", partition=0))
            with pytest.raises(TransactionAbortableException, match="TimeoutException: Expiring 1 record"):
                producer.commit_transaction()
            assert isinstance(future.exception(0), TimeoutException)
            producer.abort_transaction()

    simulated(test)

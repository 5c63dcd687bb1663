"""Writers of transactions and readers of committed records against a short model: for each writer and partition, the
list of what was committed. Connections break, answers are held up, the broker is killed, writers are fenced."""

from __future__ import annotations

import itertools
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from broker_local.base.error_codes import ErrorCode
from broker_local.protocol.requests.records import Produce
from broker_local.protocol.requests.transactions import EndTransaction, InitTransactions, TransactionOffsets
from streams.clients.api import (
    WRITER_DEFAULTS,
    ConsumerGroupMetadata,
    Isolation,
    Position,
    Sent,
    TransactionalWriter,
    TransactionSettings,
)
from streams.errors import InvalidRequestException, ProducerFencedException, UnknownMemberIdException
from streams.record import TopicPartition
from tests.contracts.door.planted import PLANTED
from tests.contracts.door.steps import batch
from tests.contracts.door.test_transactional_writer import committed, positions
from tests.contracts.door.unsteady import AFTER, BEFORE, HELD, UnsteadyEngine, in_memory

PATIENCE_MS = 5_000
PARTITIONS = [TopicPartition("t", 0), TopicPartition("t", 1)]
IDS = ("a", "b")
ids = st.sampled_from(IDS)
Place = tuple[str, TopicPartition]


@dataclass
class Open:
    """A transaction that goes on."""

    sent: list[tuple[TopicPartition, bytes, list[Sent]]] = field(default_factory=list)
    position: int | None = None
    spoiled: type[Exception] | None = None


class Transactions(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.after = ExitStack()
        self.engine: UnsteadyEngine = self.after.enter_context(in_memory())
        self.steady = self.engine.steady()
        self.steady.admin().create_topic("t", 2, {})
        self.door = self.engine.door()
        self.numbers = itertools.count()
        self.committed: defaultdict[Place, list[bytes]] = defaultdict(list)
        self.positions: dict[str, int] = {}
        self.open: dict[str, Open] = {}
        self.zombies: list[TransactionalWriter] = []
        self.forgotten: list[list[Sent]] = []
        self.writers = {name: self.new(name) for name in IDS}
        self.reader = self.steady.reader(Isolation.READ_COMMITTED)
        self.reader.seek(dict.fromkeys(PARTITIONS, 0))
        self.read: defaultdict[TopicPartition, list[bytes | None]] = defaultdict(list)

    def new(self, name: str) -> TransactionalWriter:
        patient = replace(WRITER_DEFAULTS, retry_backoff_ms=1)
        writer = self.door.transactional_writer(TransactionSettings(name, 60_000), patient)
        writer.init(PATIENCE_MS)
        return writer

    # what happens to connections

    @rule(
        kind=st.sampled_from([Produce, EndTransaction, TransactionOffsets, InitTransactions]),
        fault=st.sampled_from([BEFORE, AFTER, ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.KAFKA_STORAGE_ERROR]),
        kills=st.booleans(),
    )
    def break_soon(self, kind: type, fault: str | ErrorCode, kills: bool) -> None:
        self.engine.plan[:] = [(kind, fault)]
        self.engine.kills = kills

    @rule()
    def hold_answers(self) -> None:
        self.engine.plan[:] = [(Produce, HELD)] * 5

    @rule()
    def let_go(self) -> None:
        self.engine.let_go(len(self.engine.held))
        for writer in self.writers.values():
            writer.await_acks(0)

    # what writers do

    def begun(self, name: str) -> Open:
        if name not in self.open:
            self.writers[name].begin()
            self.open[name] = Open()
        return self.open[name]

    @rule(name=ids, where=st.sampled_from(PARTITIONS), count=st.integers(1, 8))
    def send(self, name: str, where: TopicPartition, count: int) -> None:
        transaction = self.begun(name)
        for _ in range(count):
            value, answers = b"%s%d" % (name.encode(), next(self.numbers)), list[Sent]()
            self.writers[name].send(where, batch([value]), answers.append)
            transaction.sent.append((where, value, answers))

    @rule(name=ids, where=st.sampled_from(PARTITIONS))
    def be_refused(self, name: str, where: TopicPartition) -> None:
        if self.begun(name).spoiled is InvalidRequestException:
            return
        self.all_is_answered()
        self.engine.plan.append((Produce, ErrorCode.INVALID_REQUEST))
        self.send(name, where, 1)
        assert self.writers[name].await_acks(PATIENCE_MS) == 0
        (sent,) = self.open[name].sent[-1][2]
        assert isinstance(sent.error, InvalidRequestException)
        self.open[name].spoiled = InvalidRequestException

    def all_is_answered(self) -> None:
        self.engine.plan.clear()
        self.engine.let_all_go()
        for writer in self.writers.values():
            assert writer.await_acks(PATIENCE_MS) == 0

    @rule(name=ids, member=st.sampled_from([True, True, False]))
    def send_a_position(self, name: str, member: bool) -> None:
        if self.begun(name).spoiled is InvalidRequestException:
            return
        offset, group = next(self.numbers), f"group-{name}"
        offsets = {PARTITIONS[0]: Position(offset)}
        if member:
            self.writers[name].send_offsets(ConsumerGroupMetadata(group), offsets, PATIENCE_MS)
            self.open[name].position, self.open[name].spoiled = offset, None
        else:
            with pytest.raises(UnknownMemberIdException):
                self.writers[name].send_offsets(ConsumerGroupMetadata(group, 7, "stranger"), offsets, PATIENCE_MS)
            self.open[name].spoiled = UnknownMemberIdException

    @rule(name=ids, keep=st.sampled_from([True, True, False]), fault=st.sampled_from([None, None, BEFORE, AFTER]))
    def end(self, name: str, keep: bool, fault: str | None) -> None:
        if name in self.open:
            if fault is not None:
                self.engine.plan.append((EndTransaction, fault))
            (self.commit if keep else self.abort)(name)

    def commit(self, name: str) -> None:
        transaction = self.open[name]
        self.engine.plan = [each for each in self.engine.plan if each[1] != HELD]
        self.engine.let_all_go()
        if transaction.spoiled is not None:
            with pytest.raises(transaction.spoiled):
                self.writers[name].end(True, PATIENCE_MS)
            return
        self.writers[name].end(True, PATIENCE_MS)
        del self.open[name]
        for where, value, answers in transaction.sent:
            assert [sent.error for sent in answers] == [None], value
            self.committed[name, where].append(value)
        if transaction.position is not None:
            self.positions[name] = transaction.position

    def abort(self, name: str) -> None:
        self.forgotten += [answers for _, _, answers in self.open.pop(name).sent if not answers]
        self.writers[name].end(False, PATIENCE_MS)

    @rule(name=ids)
    def be_fenced(self, name: str) -> None:
        self.engine.plan = [each for each in self.engine.plan if each[1] != HELD]
        old, self.writers[name] = self.writers[name], self.new(name)
        transaction = self.open.pop(name, None)
        if transaction is None:
            old.begin()
        if transaction is None or transaction.spoiled is None:
            self.zombies.append(old)

    @precondition(lambda self: self.zombies)
    @rule(keep=st.booleans())
    def wake_a_zombie(self, keep: bool) -> None:
        zombie = self.zombies.pop()
        self.engine.plan.clear()
        zombie.send(PARTITIONS[0], batch([b"zombie"]), lambda sent: None)
        with pytest.raises(ProducerFencedException):
            zombie.end(keep, PATIENCE_MS)

    # what readers see

    @rule()
    def read_on(self) -> None:
        for found in self.reader.poll(0):
            if found.batch is not None:
                self.read[found.partition] += found.batch.values
        self.check(self.read)

    @rule()
    def read_all(self) -> None:
        self.check({where: committed(self.steady, where) for where in PARTITIONS}, equal=not self.open)
        for name in IDS:
            found = positions(self.steady, f"group-{name}").get(PARTITIONS[0])
            assert found == (None if name not in self.positions else Position(self.positions[name]))

    def check(self, read: dict[TopicPartition, list[bytes | None]], equal: bool = False) -> None:
        for where in PARTITIONS:
            for name in IDS:
                seen = [value for value in read.get(where, []) if value is not None and value.startswith(name.encode())]
                whole = self.committed[name, where]
                assert seen == (whole if equal else whole[: len(seen)]), (name, where)
            assert b"zombie" not in read.get(where, [])
        assert not any(self.forgotten), "an answer came to a transaction that was aborted"

    def teardown(self) -> None:
        try:
            self.engine.plan.clear()
            for name in list(self.open):
                self.writers[name].end(False, PATIENCE_MS)
            self.open.clear()
            self.read_all()
        finally:
            self.door.close()
            self.steady.close()
            self.after.close()


STEPS = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller history is not worth the time it takes to find
)
Transactions.TestCase.settings = STEPS
TestTransactions = Transactions.TestCase


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    monkeypatch.setattr(f"{__name__}.PATIENCE_MS", 400)
    search = settings(STEPS, max_examples=150, phases=[Phase.generate], database=None, derandomize=True)
    with pytest.raises(Exception) as found:
        run_state_machine_as_test(Transactions, settings=search)
    assert found.type is not AttributeError

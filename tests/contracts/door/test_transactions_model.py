"""Writers of transactions and readers of committed records against a short model: for each writer and partition, the
list of what was committed. Connections break, answers are held up, the broker is killed, writers are fenced; what
happens next is drawn by chance from a seed, which a failure names."""

from __future__ import annotations

import itertools
from collections import defaultdict
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from random import Random

import pytest

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
from streams.errors import (
    InvalidRequestException,
    KafkaException,
    ProducerFencedException,
    UnknownMemberIdException,
)
from streams.record import TopicPartition
from tests.contracts.door.planted import PLANTED
from tests.contracts.door.steps import batch
from tests.contracts.door.test_transactional_writer import committed, positions
from tests.contracts.door.unsteady import AFTER, BEFORE, HELD, UnsteadyEngine, in_memory

PATIENCE_MS = 5_000
PARTITIONS = [TopicPartition("t", 0), TopicPartition("t", 1)]
IDS = ("a", "b")
Place = tuple[str, TopicPartition]


@dataclass
class Open:
    """A transaction that goes on."""

    sent: list[tuple[TopicPartition, bytes, list[Sent]]] = field(default_factory=list)
    position: int | None = None
    spoiled: type[Exception] | None = None


class History:
    """What happens, from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.after = ExitStack()
        self.engine: UnsteadyEngine = self.after.enter_context(in_memory())
        self.steady = self.engine.steady()
        self.steady.admin().create_topic("t", 2, {"retention.ms": "-1"})
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

    def break_soon(self) -> None:
        kind = self.random.choice([Produce, EndTransaction, TransactionOffsets, InitTransactions])
        fault = self.random.choice([BEFORE, AFTER, ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.KAFKA_STORAGE_ERROR])
        self.engine.plan[:] = [(kind, fault)]
        self.engine.kills = self.random.random() < 0.3

    def hold_answers(self) -> None:
        self.engine.plan[:] = [(Produce, HELD)] * 5

    def let_go(self) -> None:
        self.engine.let_go(len(self.engine.held))
        for writer in self.writers.values():
            writer.await_acks(0)

    # what writers do

    def where(self) -> TopicPartition:
        return self.random.choice(PARTITIONS)

    def begun(self, name: str) -> Open:
        if name not in self.open:
            self.writers[name].begin()
            self.open[name] = Open()
        return self.open[name]

    def write(self, name: str) -> None:
        self.send(name, self.where(), self.random.choice([1, 2, 8]))

    def send(self, name: str, where: TopicPartition, count: int) -> None:
        transaction = self.begun(name)
        for _ in range(count):
            value, answers = b"%s%d" % (name.encode(), next(self.numbers)), list[Sent]()
            self.writers[name].send(where, batch([value]), answers.append)
            transaction.sent.append((where, value, answers))

    def be_refused(self, name: str) -> None:
        if self.begun(name).spoiled is InvalidRequestException:
            return
        self.all_is_answered()
        self.engine.plan.append((Produce, ErrorCode.INVALID_REQUEST))
        self.send(name, self.where(), 1)
        assert self.writers[name].await_acks(PATIENCE_MS) == 0
        (sent,) = self.open[name].sent[-1][2]
        assert isinstance(sent.error, InvalidRequestException)
        self.open[name].spoiled = InvalidRequestException

    def all_is_answered(self) -> None:
        self.engine.plan.clear()
        self.engine.let_all_go()
        for writer in self.writers.values():
            assert writer.await_acks(PATIENCE_MS) == 0

    def send_a_position(self, name: str) -> None:
        if self.begun(name).spoiled is InvalidRequestException:
            return
        offset, group = next(self.numbers), f"group-{name}"
        offsets = {PARTITIONS[0]: Position(offset)}
        if self.random.random() < 0.8:
            self.writers[name].send_offsets(ConsumerGroupMetadata(group), offsets, PATIENCE_MS)
            self.open[name].position, self.open[name].spoiled = offset, None
        else:
            with pytest.raises(UnknownMemberIdException):
                self.writers[name].send_offsets(ConsumerGroupMetadata(group, 7, "stranger"), offsets, PATIENCE_MS)
            self.open[name].spoiled = UnknownMemberIdException

    def end(self, name: str) -> None:
        if name in self.open:
            fault = self.random.choice([None, None, BEFORE, AFTER])
            if fault is not None:
                self.engine.plan.append((EndTransaction, fault))
            (self.commit if self.random.random() < 0.6 else self.abort)(name)

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

    def be_fenced(self, name: str) -> None:
        self.engine.plan = [each for each in self.engine.plan if each[1] != HELD]
        old, self.writers[name] = self.writers[name], self.new(name)
        transaction = self.open.pop(name, None)
        if transaction is None:
            old.begin()
        if transaction is None or transaction.spoiled is None:
            self.zombies.append(old)

    def wake_a_zombie(self) -> None:
        if not self.zombies:
            return
        zombie = self.zombies.pop()
        self.engine.steady_again()
        zombie.send(PARTITIONS[0], batch([b"zombie"]), lambda sent: None)
        with pytest.raises(ProducerFencedException):
            zombie.end(self.random.random() < 0.5, PATIENCE_MS)

    # what readers see

    def read_on(self) -> None:
        for found in self.reader.poll(0):
            if found.batch is not None:
                self.read[found.partition] += found.batch.values
        self.check(self.read)

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

    def run(self, steps: int) -> None:
        """So many steps, and an end at which all that was committed is seen, and nothing else."""
        of_one = [self.write] * 6 + [self.end] * 4 + [self.send_a_position] * 2 + [self.be_refused, self.be_fenced]
        of_all = [self.break_soon] * 2 + [self.hold_answers, self.let_go, self.wake_a_zombie]
        of_all += [self.read_on] * 2 + [self.read_all]
        for _ in range(steps):
            if self.random.random() < 0.65:
                self.random.choice(of_one)(self.random.choice(IDS))
            else:
                self.random.choice(of_all)()
        self.engine.steady_again()
        for name in list(self.open):
            self.writers[name].end(False, PATIENCE_MS)
        self.open.clear()
        self.read_all()

    def close(self) -> None:
        self.door.close()
        self.steady.close()
        self.after.close()


def run(seed: int) -> None:
    """One history."""
    with closing(History(seed)) as history:
        try:
            history.run(60)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_readers_see_what_was_committed_and_nothing_else(first: int) -> None:
    for seed in range(first, first + 25):
        run(seed)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug, seed = PLANTED[name]
    bug(monkeypatch)
    monkeypatch.setattr(f"{__name__}.PATIENCE_MS", 400)
    with pytest.raises((AssertionError, KafkaException, pytest.fail.Exception)):
        run(seed)

"""The transaction machine against a short model: whatever comes in whatever order, answers lost and the broker killed
between any two steps, each (producer id, epoch) has one outcome, the one its producer was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.coordinator import transaction as machine
from broker_local.coordinator.effects import Call, Effect, Marker, Record, Reply
from broker_local.coordinator.group_state import OffsetRecord
from broker_local.coordinator.records import UnknownRecord, pack, unpack
from broker_local.coordinator.transaction_state import (
    IDLE,
    NEXT,
    ONGOING,
    PREPARE_COMMIT,
    PREPARED,
    ProducerIdentity,
    Transaction,
    TransactionRecord,
    exhausted,
    replay,
)
from broker_local.protocol.requests.groups import CommitPart
from broker_local.protocol.requests.request import Failure
from broker_local.protocol.requests.transactions import (
    EndTransaction,
    InitTransactions,
    ProducerIdReply,
    TransactionOffsets,
    TransactionOffsetsReply,
)

WALL = 1_700_000_000_000
NOBODY = ProducerIdentity(-1, -1)
PLACES = (("t", 0), ("t", 1), ("u", 0))


@dataclass
class Run:
    """The machine with three producers that use one transactional id, and what they know."""

    transaction: Transaction = field(default_factory=lambda: Transaction("x"))
    log: list[TransactionRecord] = field(default_factory=list)
    now: int = 0
    held: list[ProducerIdentity] = field(default_factory=lambda: [NOBODY] * 3)
    asked: dict[int, tuple[int, object]] = field(default_factory=dict)
    tickets: int = 0
    fresh: int = 100
    lose: bool = False
    # what is true
    given: list[ProducerIdentity] = field(default_factory=list)
    written: dict[ProducerIdentity, set[tuple[str, int]]] = field(default_factory=dict)
    marks: dict[ProducerIdentity, dict[tuple[str, int], bool]] = field(default_factory=dict)
    decided: dict[ProducerIdentity, bool] = field(default_factory=dict)
    told: dict[ProducerIdentity, bool] = field(default_factory=dict)
    position: int = 0
    promised: dict[ProducerIdentity, int] = field(default_factory=dict)

    def carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Record) and isinstance(effect.body, TransactionRecord):
                read = unpack(*pack(effect.body))
                assert isinstance(read, TransactionRecord) and read == effect.body and read.state is not None
                before = self.transaction.state
                assert before is None or read.state.state in NEXT[before.state]
                if read.state.state in PREPARED:
                    assert read.state.producer not in self.decided, "decided twice"
                    self.decided[read.state.producer] = read.state.state == PREPARE_COMMIT
                self.log.append(read)
                replay(self.transaction, read)
            elif isinstance(effect, Record):
                assert isinstance(effect.body, OffsetRecord) and effect.body.committed is not None
                self.position = effect.body.committed.offset
            elif isinstance(effect, Marker):
                producer = ProducerIdentity(effect.producer_id, effect.epoch)
                assert self.decided[producer] is effect.commit, "a marker against what was decided"
                self.marks.setdefault(producer, {})[effect.topic, effect.partition] = effect.commit
            else:
                self.answered(effect)

    def answered(self, effect: Reply) -> None:
        who, request = self.asked[effect.to]
        if not isinstance(effect.body, ProducerIdReply):
            return
        following = ProducerIdentity(effect.body.producer_id, effect.body.epoch)
        if isinstance(request, EndTransaction):
            ended = ProducerIdentity(request.producer_id, request.epoch)
            assert self.told.setdefault(ended, request.commit) is request.commit, "told both"
            assert self.decided.get(ended, request.commit) is request.commit, "told what was not decided"
        if following not in self.given:
            assert all(following > each for each in self.given), "identities only rise"
            self.given.append(following)
        if not self.lose:
            self.held[who] = following

    def call(self, who: int, request: object) -> Call:
        self.tickets += 1
        self.asked[self.tickets] = (who, request)
        return Call(self.tickets, who, f"client-{who}", self.now, WALL + self.now)

    def step(self, what: str, who: int, number: int) -> None:
        transaction, held = self.transaction, self.held[who]
        self.lose = what.endswith(" lost")
        match what.removesuffix(" lost"):
            case "init" | "renew":
                self.fresh += 1
                request = InitTransactions("x", 1_000, *(held if what.startswith("renew") else NOBODY))
                self.carry_out(machine.on_init(transaction, self.call(who, request), request, self.fresh))
            case "write":
                place = PLACES[number % len(PLACES)]
                came = machine.on_partition(transaction, who, self.now, WALL + self.now, held, (place,))
                if not isinstance(came, Failure):
                    assert held == self.given[-1] and held not in self.decided and held not in self.told
                    self.carry_out(came)
                    self.written.setdefault(held, set()).add(place)
            case "offsets":
                sent = TransactionOffsets("x", *held, "g", -1, "", None, (CommitPart("in", 0, self.tickets),))
                effects = machine.on_offsets(transaction, self.call(who, sent), sent)
                self.carry_out(effects)
                if any(isinstance(each, Reply) and isinstance(each.body, TransactionOffsetsReply) for each in effects):
                    self.promised[held] = sent.offsets[0].offset
            case "commit" | "abort":
                end = EndTransaction("x", *held, what.startswith("commit"))
                fresh = 0
                if exhausted(transaction):
                    self.fresh += 1
                    fresh = self.fresh
                self.carry_out(machine.on_end(transaction, self.call(who, end), end, fresh))
            case "gone":
                self.carry_out(machine.peer_gone(transaction, who, self.now, WALL + self.now))
            case "out":
                self.carry_out(machine.member_out(transaction))
            case "time":
                self.now += number * 100
                self.carry_out(machine.on_time(transaction, self.now, WALL + self.now))
            case "kill":
                self.transaction = Transaction("x")
                for record in self.log:
                    replay(self.transaction, record)
                machine.resume(self.transaction, self.now)
            case "markers":
                if transaction.state is not None and transaction.state.state in PREPARED and not transaction.marked:
                    self.carry_out(machine.on_prepared(transaction))
            case _:
                if transaction.state is not None and transaction.state.state in PREPARED and transaction.marked:
                    self.carry_out(machine.on_marked(transaction, WALL + self.now))

    def check(self) -> None:
        """Once all has settled: what is decided is in all partitions, and what is not goes on."""
        for what in ("markers", "complete"):
            self.step(what, 0, 0)
        state = self.transaction.state
        for producer, places in self.written.items():
            if producer in self.decided:
                found = self.marks.get(producer, {})
                assert set(found) >= places and set(found.values()) <= {self.decided[producer]}
            else:
                assert state is not None and (state.producer, state.state) == (producer, ONGOING)
        committed = [at for producer, at in sorted(self.promised.items()) if self.decided.get(producer)]
        assert self.position == (committed[-1] if committed else 0)


LOST = ("init lost", "renew lost", "commit lost", "abort lost")
ENDS = ("commit", "abort", "gone", "out", "time", "kill", "markers", "complete")
STEP = st.tuples(
    st.sampled_from(("init", "renew", "write", "write", "write", "offsets", *ENDS, *LOST)),
    st.integers(0, 2),
    st.integers(0, 12),
)


@given(st.lists(STEP, max_size=60))
@settings(max_examples=300, deadline=None)
def test_each_identity_has_one_outcome_and_its_producer_is_told_that_one(steps: list[tuple[str, int, int]]) -> None:
    run = Run()
    run.step("init", 0, 0)
    for what, who, number in steps:
        run.step(what, who, number)
    run.check()


def test_a_state_that_nobody_knows_is_not_read() -> None:
    run = Run()
    run.step("init", 0, 0)
    key, value = pack(run.log[0])
    assert value is not None
    with pytest.raises(UnknownRecord, match="is no state of a transaction"):
        unpack(key, value.replace(b"Empty", b"Emptx"))
    assert set(NEXT) == IDLE | PREPARED | {ONGOING}

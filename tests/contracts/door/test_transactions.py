"""Transactions over a real connection, of every bundled engine: what readers of the door see, and what tools do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.host import launch
from broker_local.host.client import Link, RequestFailed
from broker_local.host.inprocess import Engine
from broker_local.log import format as batches
from broker_local.protocol.requests.groups import CommitPart, Join, JoinProtocol
from broker_local.protocol.requests.records import GroupMember, Produce, ProducePart
from broker_local.protocol.requests.request import Asks, Reply
from broker_local.protocol.requests.transactions import EndTransaction, InitTransactions, TransactionOffsets
from streams.clients.api import READER_DEFAULTS, Isolation
from streams.clients.local import held_back
from streams.clients.local.door import LocalDoor
from streams.errors import InvalidTxnStateException, TransactionalIdNotFoundException
from streams.record import TopicPartition
from tests.contracts.door.steps import read_all, read_until
from tests.engines import stop_broker

R = TypeVar("R", bound=Reply)
WALL = 1_700_000_000_000
ZERO = TopicPartition("t", 0)


@pytest.fixture(params=["memory", "local"])
def dial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Link]]:
    if request.param == "local":
        yield lambda: launch.connect(str(tmp_path), "bank")
        stop_broker(tmp_path)
    else:
        engine = Engine()
        yield lambda: engine.connect("bank")
        engine.close()


def write(link: Link, producer: tuple[int, int], value: bytes, sequence: int = 0) -> None:
    """A batch of one record of the transaction of `bank`."""
    identity, epoch = producer
    data = batches.write(
        [b"k"], [value], [WALL], None, producer_id=identity, epoch=epoch, sequence=sequence, transactional=True
    )
    (part,) = link.call(Produce(-1, (ProducePart("t", 0, data),), transactional_id="bank")).parts
    assert part.error == 0, part.message


def test_readers_of_committed_records_see_what_was_committed_and_nothing_else(dial: Callable[[], Link]) -> None:
    with closing(LocalDoor("transactions", dial)) as door, closing(dial()) as link:
        door.admin().create_topic("t", 1, {})
        producer = link.call(InitTransactions("bank", 60_000))
        write(link, (producer.producer_id, producer.epoch), b"paid")
        producer = link.call(EndTransaction("bank", producer.producer_id, producer.epoch, True))
        write(link, (producer.producer_id, producer.epoch), b"never")
        producer = link.call(EndTransaction("bank", producer.producer_id, producer.epoch, False))
        write(link, (producer.producer_id, producer.epoch), b"open")
        seen = {}
        for isolation in (Isolation.READ_COMMITTED, Isolation.READ_UNCOMMITTED):
            with closing(door.reader(isolation)) as reader:
                seen[isolation] = [value for _, value in read_all(door, ZERO, reader)]
        assert seen[Isolation.READ_COMMITTED] == [b"paid"]
        assert seen[Isolation.READ_UNCOMMITTED] == [b"paid", b"never", b"open"]


def test_tools_find_who_holds_a_transaction_and_end_it(dial: Callable[[], Link]) -> None:
    with closing(LocalDoor("transactions", dial)) as door, closing(dial()) as link:
        admin = door.admin()
        admin.create_topic("t", 1, {})
        producer = link.call(InitTransactions("bank", 60_000))
        write(link, (producer.producer_id, producer.epoch), b"a")
        found = admin.describe_transaction("bank")
        assert (found.state, found.holder, found.connected, found.partitions) == ("Ongoing", "bank", True, (ZERO,))
        assert admin.end_offsets([ZERO], Isolation.READ_COMMITTED) == {ZERO: 0}
        admin.abort_transaction("bank")
        assert [each.state for each in admin.list_transactions()] == ["CompleteAbort"]
        assert admin.end_offsets([ZERO], Isolation.READ_COMMITTED) == {ZERO: 2}
        with pytest.raises(InvalidTxnStateException, match="nothing goes on"):
            admin.abort_transaction("bank")
        with pytest.raises(TransactionalIdNotFoundException):
            admin.describe_transaction("nobody")


def test_a_reader_that_is_held_back_is_told_by_whom_since_when_and_what_to_do(
    dial: Callable[[], Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_back, "PATIENCE_MS", 1)
    told: list[tuple[str, str]] = []
    settings = replace(READER_DEFAULTS, max_wait_ms=10, troubled=lambda *words: told.append(words))
    with closing(LocalDoor("transactions", dial)) as door, closing(dial()) as link:
        door.admin().create_topic("t", 1, {})
        producer = link.call(InitTransactions("bank", 60_000))
        write(link, (producer.producer_id, producer.epoch), b"open")
        with (
            closing(door.reader(Isolation.READ_UNCOMMITTED, settings)) as all_,
            closing(door.reader(Isolation.READ_COMMITTED, settings)) as reader,
        ):
            for each in (all_, reader):
                each.seek({ZERO: 0})
            read_until(reader, lambda seen: told)
            for _ in range(5):
                all_.poll(10)
    assert {cause for cause, _ in told} == {"held-back"}, "and who reads all is told nothing"
    said = told[0][1]
    assert said.startswith("t-0: reading waits at offset 0 for transaction bank, which bank has had open since 20")
    assert said.endswith("It ends by itself after 60000 ms, or by `streams-app transactions abort bank`.")


WRONG: dict[str, tuple[Asks[Reply], ErrorCode, str]] = {
    "an id longer than a name": (
        InitTransactions("x" * 250, 60_000), ErrorCode.INVALID_REQUEST, "1 to 249 characters, not 250"),
    "a timeout over the bound": (
        InitTransactions("bank", 900_001), ErrorCode.INVALID_TRANSACTION_TIMEOUT, "transaction.max.timeout.ms"),
    "an init in the name of nobody": (
        InitTransactions("bank", 60_000, member=GroupMember("g", "gone")), ErrorCode.FENCED_MEMBER_EPOCH, "gone"),
    "an end without an init": (
        EndTransaction("nobody", 1, 0, True), ErrorCode.INVALID_PRODUCER_ID_MAPPING, "init_transactions first"),
    "offsets of an unknown member": (
        TransactionOffsets("bank", 0, 0, "g", 1, "gone", None, (CommitPart("t", 0, 1),)),
        ErrorCode.UNKNOWN_MEMBER_ID, "gone"),
    "offsets of no group": (
        TransactionOffsets("bank", 0, 0, "", 1, "gone", None, (CommitPart("t", 0, 1),)),
        ErrorCode.INVALID_GROUP_ID, "Group id is invalid"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_asked_wrongly_is_refused_by_name(dial: Callable[[], Link], wrong: str) -> None:
    request, error, said = WRONG[wrong]
    with closing(dial()) as link, pytest.raises(RequestFailed) as refused:
        link.call(request)
    assert refused.value.error == error and said in refused.value.failure.message


def test_offsets_are_taken_from_a_member_of_that_group_in_its_generation(dial: Callable[[], Link]) -> None:
    with closing(dial()) as link:
        member = link.call(Join("g", 6_000, 6_000, "", None, "consumer", (JoinProtocol("range", b""),)))
        producer = link.call(InitTransactions("bank", 60_000))
        right = TransactionOffsets(
            "bank", producer.producer_id, producer.epoch, "g", member.generation, member.member_id, None,
            (CommitPart("t", 0, 1),),
        )  # fmt: skip
        for other, error in (
            (replace(right, group="other"), ErrorCode.UNKNOWN_MEMBER_ID),
            (replace(right, generation=member.generation - 1), ErrorCode.ILLEGAL_GENERATION),
            (replace(right, epoch=producer.epoch + 1), ErrorCode.INVALID_PRODUCER_EPOCH),
        ):
            with pytest.raises(RequestFailed) as refused:
                link.call(other)
            assert refused.value.error == error
        assert [part.error for part in link.call(right).parts] == [0]


def test_an_abort_is_no_commit_and_a_commit_no_abort(dial: Callable[[], Link]) -> None:
    with closing(LocalDoor("transactions", dial)) as door, closing(dial()) as link:
        door.admin().create_topic("t", 1, {})
        first = link.call(InitTransactions("bank", 60_000))
        for commit in (False, True):
            write(link, (first.producer_id, first.epoch), b"a")
            end = EndTransaction("bank", first.producer_id, first.epoch, commit)
            following = link.call(end)
            assert link.call(end) == following, "asked again"
            with pytest.raises(RequestFailed, match=r"was (aborted|committed): it cannot be") as refused:
                link.call(replace(end, commit=not commit))
            assert refused.value.error == ErrorCode.INVALID_TXN_STATE
            first = following

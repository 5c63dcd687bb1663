"""Transactions over a real connection, of every bundled engine: what readers of the door see, and what tools do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from broker_local.host import launch
from broker_local.host.client import Link
from broker_local.host.inprocess import Engine
from broker_local.log import format as batches
from broker_local.protocol.requests.records import Produce, ProducePart
from broker_local.protocol.requests.request import Reply
from broker_local.protocol.requests.transactions import EndTransaction, InitTransactions
from streams.clients.api import Isolation
from streams.clients.local.door import LocalDoor
from streams.errors import InvalidTxnStateException, TransactionalIdNotFoundException
from streams.record import TopicPartition
from tests.contracts.door.steps import read_all
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

"""`transactions`: what a user sees of one that hangs, and how it is ended."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import partial

import pytest

from broker_local.host import inprocess
from broker_local.log import format as batches
from broker_local.protocol.requests.records import Produce, ProducePart
from broker_local.protocol.requests.transactions import InitTransactions
from streams.clients import Admin
from streams.clients.local.door import forget
from streams.world import SYSTEM
from tests.streams.cli.conftest import Command

_numbers = itertools.count()


@pytest.fixture
def engine() -> Iterator[str]:
    name = f"transactions-{next(_numbers)}"
    yield f"memory://{name}"
    forget(name)


@pytest.fixture
def at(command: Command, engine: str) -> Command:
    return partial(command, engine=engine)


@pytest.fixture
def hanging(engine: str) -> Iterator[None]:
    """A producer `bank` that has written to a topic, and says no more."""
    with Admin(bootstrap_servers=engine) as admin:
        admin.create_topic("money", 1)
    link = inprocess.connect(engine.removeprefix("memory://"), "bank-1", SYSTEM)
    producer = link.call(InitTransactions("bank", 60_000))
    data = batches.write(
        [b"k"], [b"v"], [0], None, producer_id=producer.producer_id, epoch=producer.epoch, sequence=0,
        transactional=True,
    )  # fmt: skip
    (part,) = link.call(Produce(-1, (ProducePart("money", 0, data),), transactional_id="bank")).parts
    assert part.error == 0
    yield
    link.close()


@pytest.mark.usefixtures("hanging")
def test_a_transaction_that_hangs_is_listed_described_and_ended(at: Command) -> None:
    (row,) = json.loads(at("transactions", "list", "--json").output)
    assert (row["transactional_id"], row["state"]) == ("bank", "Ongoing")
    found = json.loads(at("transactions", "describe", "bank", "--json").output)
    assert (found["holder"], found["connected"], found["partitions"]) == ("bank-1", True, ["money-0"])
    text = at("transactions", "describe", "bank").output
    assert "bank-1 (connected)" in text and "money-0" in text and "streams-app transactions abort bank" in text
    assert "Aborted the transaction of bank." in at("transactions", "abort", "bank").output
    assert "CompleteAbort" in at("transactions", "list").output


@pytest.mark.usefixtures("hanging")
def test_consume_shows_what_is_committed_only_if_asked(at: Command) -> None:
    everything = ("consume", "money", "--from-beginning", "--exit-at-end")
    assert at(*everything).output == "k\tv\n"
    assert at(*everything, "--isolation-level", "read_committed").output == ""
    assert at("transactions", "abort", "bank").exit_code == 0
    assert at(*everything, "--isolation-level", "read_committed").output == ""
    assert at(*everything, "--isolation-level", "read_uncommitted").output == "k\tv\n"

"""Transactions of a few producers over sockets, while the broker's process is killed in the middle of whatever it does:
what was answered holds, what was not is asked again, and readers see whole transactions or nothing of them.

`python -m tests.broker_local.host.test_transaction_kills --seeds A:B [--kills N] [--durable]` runs more of them.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from broker_local.host import launch
from broker_local.host.client import ConnectionLost, Link, RequestFailed, answer
from broker_local.log import format as batches
from broker_local.protocol.requests.groups import CommitPart, Committed
from broker_local.protocol.requests.records import Produce, ProducePart
from broker_local.protocol.requests.request import Asks, Reply
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from broker_local.protocol.requests.transactions import (
    DescribeTransactions,
    EndTransaction,
    InitTransactions,
    ProducerIdReply,
    TransactionOffsets,
)
from streams.clients.api import Isolation
from streams.clients.local.door import LocalDoor
from streams.record import TopicPartition
from streams.world import SYSTEM
from tests.contracts.door.steps import read_all
from tests.engines import broker_pid, local_engine

R = TypeVar("R", bound=Reply)
NAMES = ("a", "b", "c")
PARTITIONS = 3
GROUP = "g"


@dataclass
class Writer:
    """A transactional producer that asks again, over a new connection, what was not answered."""

    name: str
    link: Link | None = None
    identity: tuple[int, int] = (-1, -1)
    sequences: Counter[int] = field(default_factory=Counter)
    written: dict[int, list[bytes]] = field(default_factory=dict)
    position: int = 0


class Run:
    """A history from a seed, and what must be seen in the end.

    Args:
        directory: the data directory.
        seed: of what happens.
        kills: how often the broker is killed.
    """

    def __init__(self, directory: Path, seed: int, kills: int) -> None:
        self.directory = directory
        self.chance = random.Random(seed)
        self.kills = kills
        self.due: float | None = None
        self.writers = [Writer(name) for name in NAMES]
        self.committed: dict[int, list[bytes]] = {number: [] for number in range(PARTITIONS)}
        self.positions: dict[str, int] = {}
        self.found: Counter[str] = Counter()  # the states that a start found
        self.number = 0

    def run(self) -> None:
        """All of it."""
        with closing(launch.connect(str(self.directory), "admin")) as link:
            link.call(TopicCreate((NewTopic("out", PARTITIONS, {}),)))
        for writer in self.writers:
            self.init(writer)
        while self.kills or self.due is not None:
            if self.due is None and self.chance.random() < 0.03:
                self.kills -= 1
                self.due = time.monotonic() + self.chance.random() * 0.004
            self.step(self.chance.choice(self.writers))
        for writer in self.writers:
            self.end(writer, True)
            assert writer.link is not None
            writer.link.close()

    def step(self, writer: Writer) -> None:
        match self.chance.choice(("write", "write", "write", "offsets", "commit", "commit", "abort", "again")):
            case "write":
                self.write(writer, self.chance.randrange(PARTITIONS))
            case "offsets":
                self.number += 1
                row = CommitPart(writer.name, 0, self.number)
                sent = TransactionOffsets(writer.name, *writer.identity, GROUP, -1, "", None, (row,))
                (part,) = self.ask(writer, sent).parts
                assert part.error == 0
                writer.position = self.number
            case "again":
                self.init(writer)
            case what:
                self.end(writer, what == "commit")

    def init(self, writer: Writer) -> None:
        self.take(writer, self.ask(writer, InitTransactions(writer.name, 60_000)))

    def take(self, writer: Writer, reply: ProducerIdReply) -> None:
        writer.identity = (reply.producer_id, reply.epoch)
        writer.sequences, writer.written, writer.position = Counter(), {}, 0

    def write(self, writer: Writer, partition: int) -> None:
        self.number += 1
        value = f"{writer.name}{self.number}".encode()
        data = batches.write(
            [value], [value], [SYSTEM.now_ms()], None, producer_id=writer.identity[0], epoch=writer.identity[1],
            sequence=writer.sequences[partition], transactional=True,
        )  # fmt: skip
        sent = Produce(-1, (ProducePart("out", partition, data),), transactional_id=writer.name)
        (part,) = self.ask(writer, sent).parts
        assert part.error == 0, part.message
        writer.sequences[partition] += 1
        writer.written.setdefault(partition, []).append(value)

    def end(self, writer: Writer, commit: bool) -> None:
        reply = self.ask(writer, EndTransaction(writer.name, *writer.identity, commit))
        if commit:
            for partition, values in writer.written.items():
                self.committed[partition] += values
            if writer.position:
                self.positions[writer.name] = writer.position
        self.take(writer, reply)

    def ask(self, writer: Writer, request: Asks[R]) -> R:
        """Asks until it is answered. A kill that is due comes while the answer is waited for."""
        while True:
            try:
                if writer.link is None:
                    writer.link = launch.connect(str(self.directory), writer.name)
                number = writer.link.send(request)
                while True:
                    self.kill()
                    for got, reply in writer.link.receive(1):
                        if got == number:
                            return answer(request, reply)
            except ConnectionLost:
                assert writer.link is not None
                writer.link.close()
                writer.link = None

    def kill(self) -> None:
        if self.due is None or time.monotonic() < self.due:
            return
        self.due = None
        pid = broker_pid(self.directory)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with closing(launch.connect(str(self.directory), "admin")) as link:
            rows = link.call(DescribeTransactions(NAMES)).transactions
            self.found.update(row.state for row in rows)

    def check(self) -> None:
        """What readers see, and what the group has."""
        with closing(LocalDoor("kills", lambda: launch.connect(str(self.directory), "reader"))) as door:
            for number in range(PARTITIONS):
                place = TopicPartition("out", number)
                with closing(door.reader(Isolation.READ_COMMITTED)) as reader:
                    seen = [value or b"" for _, value in read_all(door, place, reader)]
                for name in NAMES:  # of one producer the order is that of its writes; among several that of the log
                    wanted = [each for each in self.committed[number] if each.startswith(name.encode())]
                    assert [each for each in seen if each.startswith(name.encode())] == wanted
        with closing(launch.connect(str(self.directory), "admin")) as link:
            rows = link.call(Committed(GROUP)).parts
            assert {row.topic: row.offset for row in rows} == self.positions


@contextmanager
def data_directory(directory: Path, durable: bool) -> Iterator[Path]:
    """One whose broker has this durability."""
    data = directory / "data"
    data.mkdir(parents=True)
    if durable:
        (data / "broker.properties").write_text("log.flush.interval.messages=1\n", encoding="utf-8")
    with local_engine(data):
        yield data


@pytest.mark.parametrize("durable", [False, True], ids=["process", "durable"])
def test_whatever_was_going_on_when_the_broker_was_killed_is_whole_or_gone(tmp_path: Path, durable: bool) -> None:
    with data_directory(tmp_path, durable) as directory:
        run = Run(directory, 1, 4)
        run.run()
        run.check()
        assert run.number > 10


def main() -> int:
    words = argparse.ArgumentParser()
    words.add_argument("--seeds", default="0:10")
    words.add_argument("--kills", type=int, default=6)
    words.add_argument("--durable", action="store_true")
    given = words.parse_args()
    first, last = map(int, given.seeds.split(":"))
    found: Counter[str] = Counter()
    for seed in range(first, last):
        with tempfile.TemporaryDirectory() as name, data_directory(Path(name), given.durable) as directory:
            run = Run(directory, seed, given.kills)
            try:
                run.run()
                run.check()
            except (AssertionError, RequestFailed) as error:
                print(f"seed {seed}: {error!r}", flush=True)
                return 1
            found.update(run.found)
    print(f"{last - first} seeds, {(last - first) * given.kills} kills; states found: {dict(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

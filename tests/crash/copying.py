"""Copies a topic in transactions, as anybody could write it: consume, produce, positions in the same transaction.

`python -m tests.crash run --plain` kills the copiers, at random and between any two calls, freezes them until others
have their partitions, and kills the broker. Whatever happened, each partition of the copy must be the same as that of
the source, in the same order. (Kafka's own test of this is called TransactionsBounceTest.)
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from streams import Serdes
from streams.clients import Consumer, Producer, ProducerRecord
from streams.errors import InvalidProducerEpochException, KafkaException, ProducerFencedException
from streams.record import TopicPartition
from tests.crash.faults import BROKER, Faults, Plan, can_be_planned
from tests.crash.verdict import not_copied
from tests.engines import broker_pid, stop_broker
from tests.streams import apps
from tests.streams.apps import committed, ends, records, topics, wait_for

TEXT = Serdes.string()
SOURCE, COPY, GROUP = "lines", "copies", "copiers"
PARTITIONS, COPIERS = 3, 2
SESSION_MS = 2_000
STEPS = ("begun", "sent", "offsets", "ended", "aborted")
ABORTS_EVERY = 5
APART = "OFFSETS_APART"
"""A bug to be found, in the environment: positions are committed by themselves."""
ROOT = Path(__file__).parents[2]


class Step:
    """Kills the process after the nth time of a step that is named in `KILLED_AFTER`."""

    def __init__(self) -> None:
        self._name, _, number = os.environ.get("KILLED_AFTER", ":0").partition(":")
        self._left = int(number)

    def __call__(self, name: str) -> None:
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def copy(servers: str, number: int, step: Step) -> None:
    """Copies until another one has taken this one's transactional id."""
    config = {
        "bootstrap.servers": servers, "group.id": GROUP, "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "isolation.level": "read_committed", "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 500,
        "max.poll.records": 50, "key.deserializer": TEXT, "value.deserializer": TEXT,
    }  # fmt: skip
    sending = {"bootstrap.servers": servers, "transactional.id": f"copier-{number}", "linger.ms": 5}
    with Consumer(config) as consumer, Producer({**sending, "value.serializer": TEXT}) as producer:
        producer.init_transactions()
        consumer.subscribe([SOURCE])
        rounds = 0
        while True:
            found = consumer.poll(200)
            if not found:
                continue
            rounds += 1
            try:
                producer.begin_transaction()
                step("begun")
                for record in found:
                    producer.send(ProducerRecord(COPY, record.value, partition=record.partition))
                step("sent")
                positions = {TopicPartition(each.topic, each.partition): each.offset + 1 for each in found}
                if APART in os.environ:
                    consumer.commit_sync(positions)
                else:
                    producer.send_offsets_to_transaction(positions, consumer.group_metadata())
                step("offsets")
                if rounds % ABORTS_EVERY == 0:
                    producer.abort_transaction()
                    step("aborted")
                    back(consumer)
                else:
                    producer.commit_transaction()
                    step("ended")
            except (ProducerFencedException, InvalidProducerEpochException):
                return
            except KafkaException as error:
                print(f"aborted: {error}", flush=True)
                producer.abort_transaction()
                back(consumer)


def back(consumer: Consumer) -> None:
    """To what is committed: what was aborted is to be read again."""
    mine = consumer.assignment()
    positions = consumer.committed(mine)
    for partition in mine:
        found = positions.get(partition)
        if found is None:
            consumer.seek_to_beginning([partition])
        else:
            consumer.seek(partition, found.offset)


class Copiers:
    """The processes, their input, and what is done to them."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.servers = f"local://{self.data}"
        self.random = random.Random(seed)
        self.enough = threading.Event()
        self.sent = 0
        self.processes: list[subprocess.Popen[bytes]] = []
        self.counts = {"instances": 0, "brokers": 0, "twice": 0, "zombies": 0, "disks": 0}
        topics(self.servers, **{SOURCE: PARTITIONS, COPY: PARTITIONS})
        self.alive = [self.start(number) for number in range(COPIERS)]

    def start(self, number: int, **planted: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.crash.copying", self.servers, str(number)]
        with (self.directory / f"copier-{number}.log").open("ab") as out:
            made = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **planted}, stdout=out, stderr=subprocess.STDOUT
            )
        self.processes.append(made)
        return made

    def feed(self, lines_a_second: int) -> None:
        config = {"bootstrap.servers": self.servers, "value.serializer": TEXT, "linger.ms": 5}
        with Producer(config) as producer:
            while not self.enough.wait(0.05):
                for _ in range(lines_a_second // 20):
                    producer.send(ProducerRecord(SOURCE, f"line {self.sent}", partition=self.sent % PARTITIONS))
                    self.sent += 1
                producer.flush()

    # deeds

    def kill(self) -> None:
        number = self.random.randrange(COPIERS)
        if self.random.random() < 0.5:
            self._end(number)
            self.alive[number] = self.start(number)
            return
        self._end(number)
        doomed = self.start(number, KILLED_AFTER=f"{self.random.choice(STEPS)}:{self.random.randint(1, 10)}")
        try:
            doomed.wait(10)
        except subprocess.TimeoutExpired:
            doomed.kill()
            doomed.wait()
        self.counts["instances"] += 1
        self.alive[number] = self.start(number)

    def kill_twice(self) -> None:
        number = self.random.randrange(COPIERS)
        self._end(number)
        self.alive[number] = self.start(number)
        time.sleep(self.random.uniform(0.1, 0.8))
        self._end(number)
        self.alive[number] = self.start(number)
        self.counts["twice"] += 1

    def kill_broker(self, faults: Faults | None) -> None:
        planned = None
        if faults is not None and self.random.random() < 0.5:
            planned = faults.plan(Plan("kill", int(400 ** self.random.random()), "/data/", BROKER))
        stop_broker(self.data, signal.SIGKILL)
        self.counts["brokers"] += 1
        if planned is not None:
            time.sleep(self.random.uniform(0.5, 3.0))
            planned.withdraw()
            self.counts["brokers"] += planned.pid is not None and planned.pid != broker_pid(self.data)

    def freeze(self) -> None:
        """One stands still until others have its partitions, and more has been copied; with one that takes its place
        under another id, and without."""
        number = self.random.randrange(COPIERS)
        zombie = self.alive[number]
        zombie.send_signal(signal.SIGSTOP)
        time.sleep(SESSION_MS / 1000 * self.random.uniform(1.1, 1.6))
        same = self.random.random() < 0.3
        if same:  # its successor has its transactional id: it is fenced when it wakes up, and ends
            self.alive[number] = self.start(number)
            time.sleep(self.random.uniform(0.3, 1.0))
        zombie.send_signal(signal.SIGCONT)
        if same:
            zombie.wait(30)
        self.counts["zombies"] += 1

    def _end(self, number: int) -> None:
        self.alive[number].kill()
        self.alive[number].wait()
        self.counts["instances"] += 1

    def mend(self) -> None:
        """One that was fenced has ended by itself."""
        for number, each in enumerate(self.alive):
            if each.poll() is not None:
                assert each.returncode == 0, (self.directory / f"copier-{number}.log").read_text()[-3000:]
                self.alive[number] = self.start(number)

    def close(self) -> None:
        self.enough.set()
        for each in self.processes:
            if each.poll() is None:
                each.send_signal(signal.SIGCONT)
                each.kill()
                each.wait()
        stop_broker(self.data)

    def partitions(self, topic: str, isolation: str) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
        for record in records(self.servers, topic, TEXT, TEXT, isolation):
            found[record.partition].append(record.value)
        return found


def run(directory: Path, seed: int, quotas: dict[str, int], rate: int, pause_s: float) -> int:
    """Torments copiers and judges their copy; the exit code."""
    began = time.monotonic()
    faults = Faults(directory / "faults") if can_be_planned() else None
    with faults.for_children() if faults is not None else nullcontext():
        return _run(Copiers(directory, seed), faults, quotas, rate, pause_s, began)


def _run(one: Copiers, faults: Faults | None, quotas: dict[str, int], rate: int, pause_s: float, began: float) -> int:
    feeder = threading.Thread(target=one.feed, args=(rate,))
    feeder.start()
    try:
        wait_for(lambda: committed(one.servers, GROUP, SOURCE) > 0)
        deeds = {
            "instances": one.kill,
            "brokers": lambda: one.kill_broker(faults),
            "twice": one.kill_twice,
            "zombies": one.freeze,
        }
        while left := {n: most - one.counts[n] for n, most in quotas.items() if n in deeds and most > one.counts[n]}:
            time.sleep(one.random.uniform(0.1, pause_s))
            deeds[one.random.choices([*left], [*left.values()])[0]]()
            one.mend()
        one.enough.set()
        feeder.join()
        wait_for(lambda: committed(one.servers, GROUP, SOURCE) == ends(one.servers, SOURCE), 2 * apps.PATIENCE_S)
        source, copied = one.partitions(SOURCE, ""), one.partitions(COPY, "read_committed")
        everything = one.partitions(COPY, "read_uncommitted")
    finally:
        one.close()
        feeder.join()
    problems = not_copied(source, copied)
    aborted = sum(map(len, everything.values())) - sum(map(len, copied.values()))
    for name, number in {
        **one.counts, "lines": one.sent, "copied": sum(map(len, copied.values())), "aborted": aborted
    }.items():  # fmt: skip
        print(f"{name:<40}{number:>12,}")
    print(f"{time.monotonic() - began:.0f} s")
    for problem in problems:
        print(f"WRONG: {problem}")
    if not problems:
        print("exactly-once: the copy is the source, partition by partition, in order")
    return 1 if problems else 0


def main(arguments: Sequence[str]) -> None:
    servers, number = arguments
    copy(servers, int(number), Step())


if __name__ == "__main__":
    main(sys.argv[1:])

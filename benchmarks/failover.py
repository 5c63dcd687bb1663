"""W14: how long records wait when one of those who share a count is ended by `kill -9`."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.answers import WrongOutput
from benchmarks.counting import LONGEST_S, Count, Ours, Process, System, new_count, running
from benchmarks.engine import Engine
from benchmarks.figures import Value
from benchmarks.latency import ONCE
from benchmarks.options import Options
from streams.clients.api import Isolation
from streams.clients.connect import connect
from streams.partition import partition_for
from streams.record import TopicPartition

PARTITIONS, MEMBERS = 4, 2
KEYS = 400
TICK_S, AT_ONCE = 0.02, 10
"""How often so many records go into each partition: 2,000 a second in all."""
WORK_S = 3.0
"""Before the kill."""
QUICK = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_500}
"""Who dies, and of whom nobody tells, is missed when its session is over."""


def measured(engine: Engine, options: Options) -> Iterator[Value]:
    """A process of `--workers`, of whose death its supervisor tells; and a whole instance."""
    rows = (("workers", "one of two --workers", 2, {}), ("instances", "one of two instances, session 6 s", 1, QUICK))
    for name, title, workers, config in rows:
        system, config = Ours(engine, workers), {**options.config, **config}
        found = sorted(taken_over(system, config) for _ in range(options.repeat))
        yield Value(f"W14/{name}", f"kill -9 of {title}, until all goes on", found[len(found) // 2], "s")


def taken_over(system: System, config: Mapping[str, object]) -> float:
    """Seconds from the kill until each partition has given the result of a record that was sent after it.

    Raises:
        WrongOutput: a record was not counted, or exactly once not once.
    """
    count = new_count(system.engine, "taken-over", PARTITIONS, config)
    with running(system, count, MEMBERS // system.workers, MEMBERS) as processes, Feed(system.engine, count) as feed:
        return feed.until_taken_over(_children(processes[0])[0] if system.workers > 1 else processes[0].pid)


def _children(process: Process) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


class Feed:
    """Records at a steady rate into all partitions, and a consumer of what comes out. A context manager."""

    def __init__(self, engine: Engine, count: Count) -> None:
        self._engine, self._count = engine, count
        self._exactly = ONCE.items() <= count.config.items()
        self._door = connect(engine.address, "taken-over")
        self._reader = self._door.reader(Isolation.READ_COMMITTED if self._exactly else Isolation.READ_UNCOMMITTED)
        self._reader.seek({TopicPartition(count.sink, number): 0 for number in range(PARTITIONS)})
        self._keys: defaultdict[int, list[bytes | None]] = defaultdict(list)
        for key in (b"k%03d" % at for at in range(KEYS)):  # results come out where their records went in
            self._keys[partition_for(key, PARTITIONS)].append(key)
        self._sent: Counter[bytes | None] = Counter()
        self._counted: dict[bytes | None, int] = {}
        self._newest = dict.fromkeys(range(PARTITIONS), 0)
        """By partition: when the newest record was sent whose result has come, in ms."""

    def until_taken_over(self, victim: int) -> float:
        """Kills the process in the middle of work; seconds until all goes on."""
        began = due = time.monotonic()
        killed, killed_ms = 0.0, 0
        while not killed or min(self._newest.values()) <= killed_ms:
            now = time.monotonic()
            if now > began + LONGEST_S:
                raise RuntimeError(f"{self._count.application} stands still: {self._newest}, killed at {killed_ms}")
            if now >= due:
                self._send()
                due += TICK_S
            self._take(int(1_000 * max(0.0, due - now)))
            if not killed and now > began + WORK_S and min(self._newest.values()):
                os.kill(victim, signal.SIGKILL)
                killed, killed_ms = time.monotonic(), int(time.time() * 1_000)
        took = time.monotonic() - killed
        self._check()
        return took

    def _send(self) -> None:
        now = int(time.time() * 1_000)
        for number, known in self._keys.items():
            keys = random.choices(known, k=AT_ONCE)
            self._sent.update(keys)
            self._engine.send(TopicPartition(self._count.source, number), keys, [b"x"] * AT_ONCE, [now] * AT_ONCE)
        self._engine.look()

    def _take(self, timeout_ms: int) -> None:
        for fetched in self._reader.poll(timeout_ms):
            batch = fetched.batch
            if batch is None or not len(batch):
                continue
            number = fetched.partition.partition
            self._newest[number] = max(self._newest[number], batch.timestamps[-1])
            for key, value in zip(batch.keys, batch.values, strict=True):
                assert value is not None
                self._counted[key] = int.from_bytes(value)

    def _check(self) -> None:
        self._engine.settle()
        deadline = time.monotonic() + LONGEST_S
        while (late := self._not_counted()) and time.monotonic() < deadline:
            self._take(100)
        wrong = late or [key for key, sent in self._sent.items() if self._exactly and self._counted[key] != sent]
        if wrong:
            key, what = wrong[0], f"{len(wrong)} of {len(self._sent)} keys"
            raise WrongOutput(f"{what}: {key!r} was counted {self._counted.get(key)} times, sent {self._sent[key]}")

    def _not_counted(self) -> list[bytes | None]:
        return [key for key, sent in self._sent.items() if self._counted.get(key, 0) < sent]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()
        self._door.close()

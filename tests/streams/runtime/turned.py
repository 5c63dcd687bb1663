"""A worker over an engine in memory that is turned by hand, on a clock by hand: restarts, crashes, lost disks."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

from streams import StreamsBuilder
from streams.clients.api import Isolation, Sent
from streams.clients.connect import connect
from streams.clock import ManualClock
from streams.config.application import StreamsConfig
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.worker.make_worker import Watchers, make_worker
from streams.runtime.worker.worker import Worker
from streams.serdes import Serdes
from streams.testing import forget

numbers = itertools.count()
NEVER_MS = 1_000_000_000
OUT = TopicPartition("out", 0)


class Turned:
    """One application with one partition a topic; what it writes to `out` is text.

    Args:
        build: the topology.
        home: of the state.
        topics: its source topics.
        config: settings; it commits after each turn unless they say otherwise.
    """

    def __init__(self, build: Callable[[StreamsBuilder], None], home: Path, *topics: str, **config: object) -> None:
        self.name = f"turned-{next(numbers)}"
        self.home = home
        self.clock = ManualClock(0)
        given: dict[str, object] = {
            "application.id": "app",
            "bootstrap.servers": f"memory://{self.name}",
            "state.dir": str(home),
            "commit.interval.ms": 0,
            "poll.ms": 1,
            "default.key.serde": Serdes.string(),
            "default.value.serde": Serdes.string(),
            "__emit.interval.ms.kstreams.windowed.aggregation__": 0,
            **config,
        }
        self.config = StreamsConfig(given)
        builder = StreamsBuilder()
        build(builder)
        self.built = builder.build(self.config).built(self.config)
        self.door = connect(f"memory://{self.name}", "test")
        self.admin = self.door.admin()
        for topic in (*topics, "out"):
            self.admin.create_topic(topic, 1, {"retention.ms": "-1"})
        self.writer = self.door.writer()
        self.reader = self.door.reader(Isolation.READ_UNCOMMITTED)
        self.reader.seek({OUT: 0})
        self.seen = 0
        self.metrics = Metrics()
        self.worker = self._start()

    def _start(self) -> Worker:
        watchers = Watchers(lambda worker, state: None, lambda worker, error: None)
        worker = make_worker(self.config, self.built, self.door, self.clock, self.metrics, "test", 1, watchers)
        worker.open()
        while not worker.settled:
            worker.loop.turn()
        return worker

    def restart(self, clean: bool = True, wipe: bool = False) -> None:
        """Another worker takes over.

        Args:
            clean: the first one commits; else it is gone as it is.
            wipe: the disk is lost, so that stores come back from their changelogs.
        """
        self.worker.close(clean=clean)
        if wipe:
            shutil.rmtree(self.home)
            self.home.mkdir()
        self.worker = self._start()

    def send(self, topic: str, key: str, value: str | None, timestamp: int) -> None:
        batch = RecordBatch([key.encode()], [None if value is None else value.encode()], [timestamp], None, range(1), 1)
        self.writer.send(TopicPartition(topic, 0), batch, _sent)
        self.writer.await_acks(10_000)

    def turn(self) -> None:
        """Turns until nothing more happens."""
        quiet = 0
        while quiet < 3:
            before = self._state()
            self.worker.loop.turn()
            quiet = quiet + 1 if self._state() == before else 0

    def _state(self) -> object:
        processed = self.metrics.total("process-total")
        ends = self.admin.end_offsets([OUT, *self.worker.partitions()], Isolation.READ_UNCOMMITTED)
        offsets = self.admin.describe_group("app").offsets
        return processed, ends, offsets

    def wait(self, ms: int) -> None:
        """Lets the wall clock run, and a ms more for what waits for one more poll."""
        self.clock.advance(ms)
        self.turn()
        self.clock.advance(1)
        self.turn()

    def out(self) -> list[str]:
        """What was written to `out` since the last call, as `key=value@timestamp`."""
        end = self.admin.end_offsets([OUT], Isolation.READ_UNCOMMITTED)[OUT]
        rows = []
        while self.seen < end:
            for fetched in self.reader.poll(1_000):
                if fetched.batch is not None:
                    self.seen = fetched.batch.next_offset
                    rows += [
                        f"{_text(key)}={_text(value)}@{ts}"
                        for key, value, ts in zip(
                            fetched.batch.keys, fetched.batch.values, fetched.batch.timestamps, strict=True
                        )
                    ]
        return rows

    def total(self, name: str) -> int:
        """Sum of a metric over all who count it."""
        return self.metrics.total(name)

    def close(self) -> None:
        self.worker.close()
        self.reader.close()
        self.writer.close()
        self.door.close()
        forget(self.name)

    def __enter__(self) -> Turned:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _text(data: bytes | None) -> str:
    return "null" if data is None else data.decode()


def _sent(outcome: Sent) -> None:
    if outcome.error is not None:
        raise outcome.error

"""What the runs run on, with the data sets in its topics: a broker process of its own, or Kafka's."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from benchmarks.data import DATASETS
from broker_local.host.data_directory import prepare, read_endpoint
from streams.clients.api import Isolation
from streams.clients.connect import connect
from streams.partition import partition_for
from streams.record import RecordBatch, TopicPartition

SETTLE_MS = 120_000
FOR_EVER = {"retention.ms": "-1"}


class Engine:
    """A broker over a temporary directory, both gone at the end; or one of Kafka's, which loses the topics that were
    made. A context manager.

    Args:
        servers: Kafka's, as `HOST:PORT`; None: the bundled broker.
        pid: Kafka's process; 0: on another machine, so that its CPU is not known.
    """

    def __init__(self, servers: str | None = None, pid: int = 0) -> None:
        self.directory = tempfile.mkdtemp(prefix="streams-bench-")
        self.address = servers or f"local://{self.directory}/log"
        self._pid = None if servers is None else pid
        self._own = "" if servers is None else f"-{secrets.token_hex(4)}"  # others have topics there
        self._door = connect(self.address, "bench")
        self._admin = self._door.admin()
        self._writer = self._door.writer()
        self._filled: dict[tuple[str, int, int], str] = {}
        self._made = 0

    @property
    def pid(self) -> int:
        """The broker's process; -1 while there is none."""
        if self._pid is not None:
            return self._pid
        found = read_endpoint(prepare(f"{self.directory}/log"))
        return -1 if found is None else found.pid

    def topic(self, name: str, partitions: int = 1) -> str:
        """A new topic; its full name."""
        self._made += 1
        full = f"{name}-{self._made}{self._own}"
        self._admin.create_topic(full, partitions, FOR_EVER)
        return full

    def input(self, dataset: str, count: int, partitions: int = 1) -> str:
        """The topic that holds the data set of a job over `count` records; filled when it is first asked for."""
        known = self._filled.get((dataset, count, partitions))
        if known is None:
            known = self.topic(f"in-{dataset}-n{count}-p{partitions}", partitions)
            self.fill(known, dataset, count, partitions)
            self._filled[dataset, count, partitions] = known
        return known

    def fill(self, topic: str, dataset: str, count: int, partitions: int = 1) -> None:
        """Writes a data set, by the default partitioner; records without a key in turns of a batch."""
        places: dict[bytes, int] = {}
        for turn, (keys, values, timestamps) in enumerate(DATASETS[dataset].rows(count)):
            rows: dict[int, list[int]] = {}
            for at, key in enumerate(keys):
                place = 0
                if partitions > 1:
                    place = turn % partitions if key is None else places.get(key, -1)
                    if place < 0 and key is not None:
                        place = places[key] = partition_for(key, partitions)
                rows.setdefault(place, []).append(at)
            for place, chosen in rows.items():
                self.send(
                    TopicPartition(topic, place),
                    [keys[at] for at in chosen],
                    [values[at] for at in chosen],
                    [timestamps[at] for at in chosen],
                )
        self.settle()

    def send(
        self, partition: TopicPartition, keys: list[bytes | None], values: list[bytes | None], timestamps: list[int]
    ) -> None:
        """Sends one batch; `settle` waits for it."""
        batch = RecordBatch(keys, values, timestamps, None, range(len(keys)), len(keys))
        self._writer.send(partition, batch, lambda sent: None)

    def look(self) -> None:
        """Takes the acknowledgements that have come."""
        self._writer.await_acks(0)

    def settle(self) -> None:
        """Waits until all that was sent is stored."""
        if self._writer.await_acks(SETTLE_MS):
            raise RuntimeError("the broker did not store the data in time")

    def read(self, topic: str) -> Iterator[tuple[bytes | None, bytes | None, int]]:
        """All records of a topic as it is now: key, value, timestamp."""
        reader = self._door.reader(Isolation.READ_UNCOMMITTED)
        places = [TopicPartition(topic, at) for at in range(self._writer.partitions_for(topic))]
        ends = self._admin.end_offsets(places, Isolation.READ_UNCOMMITTED)
        open_ones = {place for place, end in ends.items() if end}
        reader.seek(dict.fromkeys(open_ones, 0))
        while open_ones:
            for fetched in reader.poll(100):
                batch = fetched.batch
                if batch is not None:
                    yield from zip(batch.keys, batch.values, batch.timestamps, strict=True)
                    if batch.next_offset >= ends[fetched.partition]:
                        open_ones.discard(fetched.partition)
        reader.close()

    def written(self, topic: str) -> int:
        """Records in a topic."""
        parts = [TopicPartition(topic, at) for at in range(self._writer.partitions_for(topic))]
        return sum(self._admin.end_offsets(parts, Isolation.READ_UNCOMMITTED).values())

    def forget(self, beginning: str) -> None:
        """Deletes the topics of this run whose names begin so."""
        for topic in self._admin.list_topics():
            if topic.startswith(beginning) and self._own in topic:
                self._admin.delete_topic(topic)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pid = self.pid
        if self._pid is not None:
            self.forget("")
        self._door.close()
        if self._pid is None and pid > 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        shutil.rmtree(self.directory, ignore_errors=True)

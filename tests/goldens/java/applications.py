"""The free functions of snippets that run an application: over an engine in memory, one for each case."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import streams
from streams.clients import Admin, Producer, ProducerRecord
from streams.clients.local.door import forget

PATIENCE_S = 12.0
"""As long as Java was given for an exception."""
QUIET_S = 0.7
"""Where Java reported none, an application that has read all its input is watched for so long."""

_numbers = itertools.count()


class QueryFailed(Exception):
    """What a query gives for a partition, in place of a result."""


class Applications:
    """The engine of one case, and the applications that run on it.

    Args:
        topics: to be made, with their numbers of partitions.
        fails: does Java report an exception? Then it is waited for longer.
    """

    def __init__(self, topics: Mapping[str, int], fails: bool) -> None:
        self.servers = f"memory://golden-{next(_numbers)}"
        self._state = tempfile.mkdtemp()
        self._topics = topics
        self._fails = fails
        self._started: list[streams.KafkaStreams] = []
        self._sent: list[str] = []

    def __enter__(self) -> Self:
        if self._topics:
            with Admin({"bootstrap.servers": self.servers}) as admin:
                for name, partitions in self._topics.items():
                    admin.create_topic(name, partitions)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for application in self._started:
            application.close()
        forget(self.servers.removeprefix("memory://"))
        shutil.rmtree(self._state, ignore_errors=True)

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "streams": self.made,
            "startAndWait": self.start_and_wait,
            "run": self.run,
            "produce": self.produce,
            "queryFailure": self.query_failure,
        }

    def query_failure(self, result: streams.StateQueryResult[object]) -> None:
        """Raises the failure of the first partition that has one."""
        for partition, each in result.partition_results.items():
            if each.failure_reason is not None:
                raise QueryFailed(f"partition {partition} {each.failure_reason.value}: {each.failure_message}")

    def made(self, topology: streams.Topology, props: Mapping[str, Any]) -> streams.KafkaStreams:
        settings = {**props, "client.id": "gold", "bootstrap.servers": self.servers, "state.dir": self._state}
        application = streams.KafkaStreams(topology, settings)
        self._started.append(application)
        return application

    def start_and_wait(self, application: streams.KafkaStreams) -> None:
        application.start()
        assert application.wait_until_running(int(PATIENCE_S * 1000))

    def run(self, topology: streams.Topology, props: Mapping[str, Any]) -> None:
        """Starts it, and raises what ended it."""
        application = self.made(topology, props)
        application.start()
        if self._fails:
            application.wait(int(PATIENCE_S * 1000))
            return
        self.start_and_read(application)
        application.wait(int(QUIET_S * 1000))

    def start_and_read(self, application: streams.KafkaStreams) -> None:
        """Until it runs and all that was produced is committed, or it has ended."""
        deadline = time.monotonic() + PATIENCE_S
        application.wait_until_running(int(PATIENCE_S * 1000))
        with Admin({"bootstrap.servers": self.servers}) as admin:
            while self._sent and not application.wait(10) and time.monotonic() < deadline:
                rows = admin.describe_group("gold-err-app").partitions
                if sum(row.committed or 0 for row in rows if row.partition.topic in self._sent) >= len(self._sent):
                    return

    def produce(self, topic: str, key: str, value: str) -> None:
        text = streams.Serdes.string()
        config = {"bootstrap.servers": self.servers, "key.serializer": text, "value.serializer": text}
        with Producer(config) as producer:
            producer.send(ProducerRecord(topic, value, key, timestamp=1000)).result()
        self._sent.append(topic)

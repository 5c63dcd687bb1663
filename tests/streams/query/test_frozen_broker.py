"""A broker that does not answer keeps a worker in its commit. Who asks the worker's stores does not wait for that."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from streams import ReadOnlyKeyValueStore, StreamsBuilder
from tests.engines import broker_pid, local_engine
from tests.streams.apps import TEXT, produce, running, topics, wait_for


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_ranges_are_read_while_a_commit_waits_for_its_broker(
    tmp_path: Path, settings: dict[str, Any], guarantee: str
) -> None:
    given = {**settings, "commit_interval_ms": 1, "processing_guarantee": guarantee}
    held, entered = threading.Event(), threading.Event()
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.group_by_key(key_serde=TEXT, value_serde=TEXT).count(store="counts")

    def hold(key: str, value: str) -> None:
        if value == "hold":
            entered.set()
            held.wait(30)

    stream.foreach(hold)
    with local_engine(tmp_path / "data") as address:
        topics(address, **{"in": 1})
        produce(address, "in", [("alice", "a")])
        with running(builder, address, **given) as app:
            counts = app.store("counts", ReadOnlyKeyValueStore[str, int])
            wait_for(lambda: counts.get("alice") == 1)
            pid = broker_pid(tmp_path / "data")
            assert pid is not None
            produce(address, "in", [("bob", "hold")])
            assert entered.wait(30)
            os.kill(pid, signal.SIGSTOP)
            try:
                held.set()  # it commits now
                asked, end = 0, time.monotonic() + 1.5
                while time.monotonic() < end or not asked:
                    with counts.all() as rows:
                        assert dict(rows) == {"alice": 1}
                    asked += 1
            finally:
                held.set()
                os.kill(pid, signal.SIGCONT)
            wait_for(lambda: counts.get("bob") == 1)

"""Workers of Connect that share their work on a broker of Apache Kafka."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from streams.clients import Admin
from streams.connect.worker.config_state import TargetState
from streams.connect.worker.connector_offsets import ConnectorOffsets
from streams.connect.worker.distributed import DistributedWorker
from tests.engines import until
from tests.streams.connect.conftest import records_of

_numbers = itertools.count(os.getpid() * 1_000)  # a broker may outlive a run


@pytest.fixture
def run(servers: str) -> str:
    """A name of its own, with a topic of one partition."""
    name = f"connect-{next(_numbers)}"
    with Admin(bootstrap_servers=servers) as admin:
        admin.create_topic(f"{name}-lines", 1)
    return name


def worker_of(servers: str, run: str) -> DistributedWorker:
    worker = DistributedWorker({
        "bootstrap.servers": servers, "group.id": run, "key.converter": "StringConverter",
        "value.converter": "StringConverter", "offset.storage.partitions": "2", "status.storage.partitions": "2",
        "session.timeout.ms": "6000", "heartbeat.interval.ms": "300",
        **{f"{kind}.storage.topic": f"{run}-{kind}" for kind in ("config", "offset", "status")},
    })  # fmt: skip
    worker.start()
    return worker


def test_two_workers_share_a_source_and_each_line_comes_once(servers: str, run: str, tmp_path: Path) -> None:
    """The one that runs it leaves, and comes back; then the position is altered, and what lies behind comes again."""
    file, topic = tmp_path / "in.txt", f"{run}-lines"
    lines = [f"line {number}" for number in range(3_000)]
    file.write_text("".join(f"{line}\n" for line in lines[:1_000]))
    config = {"name": run, "connector.class": "FileSource", "file": str(file), "topic": topic, "batch.size": "100"}
    first, second = worker_of(servers, run), worker_of(servers, run)
    try:
        first.requests.create(run, config)

        def running(worker: DistributedWorker) -> bool:
            return any(hosted.status.state.value == "RUNNING" for hosted in worker.herder.running.tasks.values())

        until(lambda: running(first) or running(second), 60)
        leaves, stays = (first, second) if running(first) else (second, first)
        until(lambda: len(records_of(servers, topic)) == 1_000, 60)
        leaves.close()
        with file.open("a") as growing:
            growing.writelines(f"{line}\n" for line in lines[1_000:2_000])
        until(lambda: running(stays) and len(records_of(servers, topic)) == 2_000, 60)
        third = worker_of(servers, run)
        try:
            with file.open("a") as growing:
                growing.writelines(f"{line}\n" for line in lines[2_000:])
            until(lambda: [record.value.decode() for record in records_of(servers, topic)] == lines, 60)
            third.requests.set_target(run, TargetState.STOPPED)
            offsets = ConnectorOffsets(third.herder)
            assert "altered successfully" in offsets.alter(
                run, {"offsets": [{"partition": {"filename": str(file)}, "offset": {"position": 0}}]}
            )
            assert [place for _, place in offsets.read(run)] == [{"position": 0}]
        finally:
            third.close()
    finally:
        first.close()
        second.close()

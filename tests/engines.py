"""Engines for tests: a broker process in a directory of its own, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from streams.clients import Admin, api
from streams.clients.connect import is_kafka
from streams.record import TopicPartition

PATIENCE_S = 30.0


def broker_pid(directory: Path) -> int | None:
    """The process that serves a data directory, or did so last; None where nobody says so."""
    try:
        return int(json.loads((directory / "endpoint").read_text(encoding="utf-8"))["pid"])
    except FileNotFoundError:
        return None


def stop_broker(directory: Path, how: signal.Signals = signal.SIGTERM) -> None:
    """Ends the broker of a data directory, if one runs, and waits until it is gone."""
    pid = broker_pid(directory)
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    until(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    """Runs the process? One that has ended and waits to be noted by its parent does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        pass
    if Path("/proc").is_dir():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def local_engine(directory: Path) -> Iterator[str]:
    """The address of an engine in `directory`, whose broker ends with the block."""
    try:
        yield f"local://{directory}"
    finally:
        stop_broker(directory)


def until(happened: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Waits until something is so; fails when it does not become so."""
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, f"not within {patience_s} s"
        time.sleep(0.002)


def worked_off(admin: api.Admin, application: str, sources: Mapping[str, int]) -> bool:
    """Is nothing left of what an application reads, its repartition topics included? Positions are asked for first:
    what was taken before them had all its results written.

    Args:
        sources: the topics, with their partitions.
    """
    committed = admin.describe_group(application).offsets
    partitions = [TopicPartition(topic, at) for topic, count in sources.items() for at in range(count)]
    ends = admin.end_offsets(partitions, api.Isolation.READ_UNCOMMITTED)
    return all(not end or (at in committed and committed[at].offset == end) for at, end in ends.items())


def await_markers(servers: str) -> None:
    """Waits until every transaction that was ended has ended in the logs, too. Kafka answers who commits, and shows the
    group's positions, before: a reader of committed records may meet an end ahead of what was committed."""
    if is_kafka(servers):
        with Admin(bootstrap_servers=servers) as admin:
            until(lambda: not any(each.state.startswith("Prepare") for each in admin.list_transactions()))

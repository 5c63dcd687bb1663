"""A broker process with few descriptors: what it cannot take is refused by name, and it lives."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.host.client import RequestFailed, SocketLink
from broker_local.protocol.requests.connection import PROTOCOL_VERSION, Hello
from broker_local.protocol.requests.records import Fetch, FetchPosition, Produce, ProducePart
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from tests.broker_local.engines import batch
from tests.engines import until

LIMIT = 120
PARTITIONS = 200


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Served by a process that may have `LIMIT` descriptors; and that process."""
    log = (tmp_path / "said").open("wb")
    serve = [sys.executable, "-m", "broker_local.host.cli", "serve", str(tmp_path / "data")]
    process = subprocess.Popen(
        serve, stdout=log, stderr=log, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    )
    try:
        until(lambda: (tmp_path / "data" / "endpoint").exists())
        yield tmp_path, process.pid
        assert process.poll() is None, (tmp_path / "said").read_text("utf-8")
    finally:
        process.terminate()
        process.wait(60)
        log.close()


def knock(directory: Path) -> socket.socket:
    """A new connection, which may be refused."""
    endpoint = json.loads((directory / "data" / "endpoint").read_text("utf-8"))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(endpoint["socket"])
    return connection


def let_in(directory: Path) -> bool:
    """Does a new client get an answer to its hello?"""
    link = SocketLink(knock(directory))
    try:
        link.call(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "later"))
    except (ConnectionError, RequestFailed):
        return False
    finally:
        link.close()
    return True


@pytest.mark.parametrize(
    ("taken_away", "told"),
    [
        pytest.param(False, "connections are open, as many as this broker takes", id="too many clients"),
        pytest.param(
            *(True, "the broker has no descriptor left"),
            id="fewer than it had counted on",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is Linux's"),
        ),
    ],
)
def test_who_is_too_many_is_told_and_the_others_go_on(
    directory: tuple[Path, int], taken_away: bool, told: str
) -> None:
    served, pid = directory
    first = SocketLink(knock(served))
    first.call(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "first"))
    first.call(TopicCreate((NewTopic("t", PARTITIONS, {}),)))
    for number in range(PARTITIONS):  # more logs than descriptors
        (part,) = first.call(Produce(-1, (ProducePart("t", number, batch(b"x")),))).parts
        assert part.error == ErrorCode.NONE
    everything = tuple(FetchPosition("t", number, 0, 1 << 20) for number in range(PARTITIONS))
    assert {part.error for part in first.call(Fetch(everything, 100, 1, 1 << 30)).parts} == {ErrorCode.NONE}
    if taken_away:
        count = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (count + 10, LIMIT))

    with ExitStack() as others:
        refused = b""
        for _ in range(LIMIT):
            connection = others.enter_context(knock(served))
            connection.settimeout(0.05)
            with suppress(TimeoutError, ConnectionError):  # who is let in hears nothing before its hello
                refused = connection.recv(4096) or refused
        assert told in refused.decode("utf-8", "replace")
        (part,) = first.call(Produce(-1, (ProducePart("t", 0, batch(b"y")),))).parts
        assert part.error == ErrorCode.NONE
    until(lambda: let_in(served))
    first.close()
    assert ("no descriptor is left" in (served / "said").read_text("utf-8")) is taken_away

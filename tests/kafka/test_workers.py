"""`--workers N` over Kafka: whoever dies is put out of the group by its supervisor, and not waited for."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clients import Admin, Producer, ProducerRecord
from streams.clients.admin import GroupMember
from streams.errors import GroupIdNotFoundException
from streams.record import TopicPartition
from tests.engines import until
from tests.streams.cli.test_workers import ROOT, SCRIPT, workers

_numbers = itertools.count(os.getpid() * 1_000 + 800)


class Instance:
    """Two workers with a session of 45 s, Kafka's default.

    Args:
        directory: for its script, state and log.
        servers: of Kafka.
        more: options of the command.
    """

    def __init__(self, directory: Path, servers: str, *more: str) -> None:
        self.name = f"upper-{next(_numbers)}"
        self._servers = servers
        with Admin(bootstrap_servers=servers) as admin:
            for topic in ("in", "out"):
                admin.create_topic(f"{self.name}-{topic}", 4)
        script = directory / "job.py"
        script.write_text(SCRIPT.replace('"in"', f'"{self.name}-in"').replace('"out"', f'"{self.name}-out"'))
        self._log = directory / "log"
        with self._log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli.main", "-a", self.name, str(script), "-b", servers, "-w", "2",
                 "-c", f"state.dir={directory}", *more],
                stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def members(self, admin: Admin) -> list[GroupMember]:
        """Those with two tasks each, when the group has come to rest."""
        try:
            group = admin.describe_group(self.name)
        except GroupIdNotFoundException:
            return []
        return [each for each in group.members if len(each.partitions) == 2] if group.state == "Stable" else []

    def pass_on(self, admin: Admin, values: range) -> None:
        """Sends a record to each partition for each value, and waits until all have come out."""
        ends = [TopicPartition(f"{self.name}-out", each) for each in range(4)]
        before = sum(admin.end_offsets(ends).values())
        with Producer(bootstrap_servers=self._servers) as producer:
            for value in values:
                for each in range(4):
                    producer.send(ProducerRecord(f"{self.name}-in", b"v%d" % value, partition=each))
        until(lambda: sum(admin.end_offsets(ends).values()) >= before + 4 * len(values))

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text("utf-8")


@pytest.fixture
def running(request: pytest.FixtureRequest, tmp_path: Path, servers: str) -> Iterator[Instance]:
    made = Instance(tmp_path, servers, *getattr(request, "param", ()))
    yield made
    if made.process.poll() is None:
        made.process.terminate()
        made.process.wait(60)


def test_who_dies_is_put_out_of_the_group_at_once(running: Instance, servers: str) -> None:
    with Admin(bootstrap_servers=servers) as admin:
        until(lambda: len(running.members(admin)) == 2)
        running.pass_on(admin, range(10))
        before = {each.member_id for each in running.members(admin)}
        killed = workers(running.process)[0]
        os.kill(killed, signal.SIGKILL)
        running.pass_on(admin, range(10))  # in much less than a session
        until(lambda: len(running.members(admin)) == 2)
        after = {each.member_id for each in running.members(admin)}
        assert len(before & after) == 1
        assert "1 members of the worker that died have been put out of the group." in running.log()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    with Admin(bootstrap_servers=servers) as admin:
        assert admin.describe_group(running.name).members == ()


@pytest.mark.parametrize("running", [("-c", "group.instance.id=here")], indirect=True)
def test_a_static_member_that_dies_comes_back_to_its_place(running: Instance, servers: str) -> None:
    with Admin(bootstrap_servers=servers) as admin:
        until(lambda: len(running.members(admin)) == 2)
        named = {each.instance_id for each in running.members(admin)}
        assert named == {"here-1-1", "here-2-1"}
        os.kill(workers(running.process)[0], signal.SIGKILL)
        running.pass_on(admin, range(10))
        until(lambda: len(running.members(admin)) == 2)
        assert {each.instance_id for each in running.members(admin)} == named
    given = re.findall(r"has (\d) tasks in generation (\d+)", running.log())
    assert given[-1] == given[-2], "another generation"
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0

"""`--workers N`: one instance of several processes, over a broker of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clients import Admin, Producer, ProducerRecord, TopicPartition
from tests.engines import _alive, local_engine, until

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
from streams import Serdes
def topology(builder):
    text = Serdes.string()
    builder.stream("in", key_serde=text, value_serde=text).map_values(str.upper).to("out", value_serde=text)
"""


class Instance:
    """An instance of two workers, and what it has logged."""

    def __init__(self, directory: Path, address: str, text: str = SCRIPT) -> None:
        script = directory / "job.py"
        script.write_text(text, "utf-8")
        self.log = directory / "log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli.main", "-a", "app", str(script), "-b", address, "--workers", "2"],
                stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def restarted(self) -> list[int]:
        """Workers that were started again after a signal."""
        return [int(pid) for pid in re.findall(r"Worker (\d+) was ended by signal", self.log.read_text("utf-8"))]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with local_engine(tmp_path / "data") as address:
        yield address


@pytest.fixture
def instance(tmp_path: Path, address: str) -> Iterator[Instance]:
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic("in", 4)
        admin.create_topic("out", 4)
    running = Instance(tmp_path, address)
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(60)


def workers(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes that this one has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if children.exists():
        text = children.read_text("utf-8")
    elif Path("/proc").is_dir():
        text = ""  # the process is gone
    else:
        text = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False).stdout
    return [int(pid) for pid in text.split()]


def test_two_workers_share_survive_a_kill_and_stop(instance: Instance, address: str) -> None:
    with Admin(bootstrap_servers=address) as admin, Producer(bootstrap_servers=address) as producer:

        def send_and_wait(values: range, total: int) -> None:
            for n in values:
                producer.send(ProducerRecord("in", f"v{n}".encode(), partition=n % 4))
            producer.flush()
            ends = partitions_of(admin, "out")
            until(lambda: sum(admin.end_offsets(ends).values()) >= total)

        until(lambda: shares(admin) == [2, 2])
        send_and_wait(range(40), 40)

        killed = workers(instance.process)[0]
        os.kill(killed, signal.SIGKILL)
        until(lambda: instance.restarted() == [killed])
        until(lambda: shares(admin) == [2, 2])
        send_and_wait(range(40, 80), 80)

    instance.process.send_signal(signal.SIGTERM)
    assert instance.process.wait(60) == 0
    assert workers(instance.process) == []


COUNTING = """
from streams import Serdes
def topology(builder):
    text = Serdes.string()
    lines = builder.stream("in", key_serde=text, value_serde=text)
    counts = lines.group_by(lambda key, value: value, key_serde=text, value_serde=text).count()
    counts.to_stream().to("out", key_serde=text, value_serde=Serdes.long())
"""


def test_workers_beside_a_running_instance_warn_of_nothing(tmp_path: Path, address: str) -> None:
    """They look at each other's state, which others take over meanwhile."""
    with Admin(bootstrap_servers=address) as admin, Producer(bootstrap_servers=address) as producer:
        admin.create_topic("in", 4)
        admin.create_topic("out", 4)
        for n in range(40):
            producer.send(ProducerRecord("in", f"v{n}".encode(), partition=n % 4))
        producer.flush()
        started = []
        for place in ("first", "second"):
            (tmp_path / place).mkdir()
            started.append(Instance(tmp_path / place, address, COUNTING))
            until(
                lambda: "app" in {group.group for group in admin.list_groups()}
                and len(admin.describe_group("app").members) == 2 * len(started)
                and all(member.partitions for member in admin.describe_group("app").members)
            )
        for one in started:
            one.process.terminate()
        assert [one.process.wait(60) for one in started] == [0, 0]
        told = "".join(one.log.read_text("utf-8") for one in started)
        assert "is RUNNING" in told and "WARNING" not in told and "ERROR" not in told, told


STUCK = """
import time
from streams import Serdes
def never(key, value):
    print("never comes back", flush=True)
    time.sleep(3600)
def topology(builder):
    text = Serdes.string()
    builder.stream("in", key_serde=text, value_serde=text).foreach(never)
"""


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if _alive(pid)]


def shares(admin: Admin) -> list[int]:
    """How many partitions each member has."""
    if "app" not in {group.group for group in admin.list_groups()}:
        return []
    return sorted(len(member.partitions) for member in admin.describe_group("app").members)


def settled(instance: Instance, address: str) -> list[int]:
    """The workers, once both have their tasks."""
    with Admin(bootstrap_servers=address) as admin:
        until(lambda: shares(admin) == [2, 2])
    return workers(instance.process)


@pytest.mark.parametrize("frozen", [False, True])
def test_workers_end_with_their_supervisor(instance: Instance, address: str, frozen: bool) -> None:
    pids = settled(instance, address)
    assert len(pids) == 2
    if frozen:
        os.kill(pids[0], signal.SIGSTOP)
    instance.process.kill()
    instance.process.wait()
    if frozen:
        until(lambda: alive(pids) == pids[:1])
        os.kill(pids[0], signal.SIGCONT)
    until(lambda: not alive(pids))


def test_a_signal_ends_frozen_workers_too(instance: Instance, address: str) -> None:
    pids = settled(instance, address)
    os.kill(pids[0], signal.SIGSTOP)
    instance.process.send_signal(signal.SIGTERM)
    assert instance.process.wait(60) == 0
    assert not alive(pids)


@pytest.fixture
def stuck(tmp_path: Path, address: str) -> Iterator[Instance]:
    """An instance whose workers do not come back from the user's function."""
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic("in", 4)
    running = Instance(tmp_path, address, STUCK)
    settled(running, address)
    with Producer(bootstrap_servers=address) as producer:
        for partition in range(4):
            producer.send(ProducerRecord("in", b"x", partition=partition))
    until(lambda: running.log.read_text("utf-8").count("never comes back") == 2)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


def test_a_worker_that_does_not_come_to_its_end_is_killed(stuck: Instance) -> None:
    pids = workers(stuck.process)
    stuck.process.send_signal(signal.SIGTERM)
    assert stuck.process.wait(60) == 0
    assert "has not ended within 10 s and is killed" in stuck.log.read_text("utf-8")
    assert not alive(pids)


def test_a_second_signal_ends_all_at_once(stuck: Instance) -> None:
    pids = workers(stuck.process)
    stuck.process.send_signal(signal.SIGTERM)
    stuck.process.send_signal(signal.SIGINT)
    assert stuck.process.wait(60) in (0, 130)  # whichever of the two was seen first
    assert "is killed by a second signal" in stuck.log.read_text("utf-8")
    assert not alive(pids)


def partitions_of(admin: Admin, topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, n) for n in range(admin.describe_topics([topic])[topic].partitions)]

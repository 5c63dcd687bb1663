"""A word count of real processes over a real broker, input that goes on, and what ends them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from statestore.keyvalue import LayeredKeyValueStore
from statestore.rocks import RocksEngine
from streams import Serdes
from streams.clients import Admin, Producer, ProducerRecord
from streams.clients.admin import ConsumerGroupDescription
from streams.clients.api import Isolation
from streams.runtime.state.directory import task_directories
from streams.runtime.state.stores import codec_of
from streams.runtime.worker.tasks import DATABASE
from tests.crash.engine import BundledEngine, Engine
from tests.crash.faults import Faults
from tests.crash.verdict import Evidence, words_of
from tests.engines import await_markers
from tests.streams import apps
from tests.streams.apps import COUNT, TEXT, committed, ends, lag, records, topics, wait_for

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("counting.py")
APPLICATION = "word-count"
PARTITIONS = 4
EXACTLY = (
    "--config", "processing.guarantee=exactly_once_v2", "--config", "statestore.cache.max.bytes=0",
)  # fmt: skip
"""Without a cache each update of a count is a record, so that none can be missing or come twice unseen."""
YOUNG = 0.2
"""How likely one that does not yet work is among those of whom one is killed."""
VOCABULARY = [f"word{number}" for number in range(200)]
Made = Callable[[Path], Engine]
"""Makes an engine in the directory of a trial."""


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""A command whose files may not grow beyond so many bytes."""


class Instance:
    """One process that runs the word count.

    Args:
        members: how many workers it has.
    """

    def __init__(
        self,
        log: Path,
        script: Path,
        arguments: Sequence[str],
        planted: Mapping[str, str],
        limit: int | None,
        members: int = 1,
    ) -> None:
        self.log = log
        self.members = members
        self.has_bad_disk = False
        """It may end with an error."""
        command = [sys.executable, "-m", "streams.cli.main", "run", str(script), "--application-id", APPLICATION]
        if limit is not None:
            command = [sys.executable, "-c", LIMITED, str(limit), *command]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, *arguments], cwd=ROOT, env={**os.environ, **planted}, stdout=out, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    @property
    def is_up(self) -> bool:
        """Has it been given its tasks, and do they run?"""
        return "is RUNNING" in self.said

    @property
    def found_nobody(self) -> bool:
        """Has it ended as no broker was there when it began?"""
        return not self.runs and not self.is_up and "BrokerNotFoundException" in self.said

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ended(self, patience_s: float | None = None) -> int:
        """Waits for the end; the exit code."""
        return self.process.wait(patience_s or apps.PATIENCE_S)

    def stop(self) -> int:
        """Asks for a clean end and waits for it; the exit code."""
        self.signal(signal.SIGTERM)
        return self.ended()


def made_bundled(directory: Path) -> BundledEngine:
    """The bundled engine of a trial; the state of its instances lies beside its data."""
    return BundledEngine(directory / "data")


class Trial:
    """A directory with a broker's data, topics, instances, and a thread that feeds lines.

    Args:
        directory: an empty one.
        engine: what the instances work on.
        seed: of everything that is random.
        partitions: of the input.
        exactly: the instances run under exactly-once, and send every update.
    """

    def __init__(
        self,
        directory: Path,
        engine: Engine,
        seed: int = 0,
        partitions: int = PARTITIONS,
        exactly: bool = False,
    ) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.engine = engine
        self.servers = engine.address
        self.random = random.Random(seed)
        self.instances: list[Instance] = []
        self.acknowledged: list[str] = []
        self._enough = threading.Event()
        self._feeder: threading.Thread | None = None
        self._failure: BaseException | None = None
        self.exactly = exactly
        self.faults: Faults | None = None
        """Where plans are laid out, if there are any."""
        self.kills = {"instances": 0, "brokers": 0, "twice": 0, "zombies": 0, "disks": 0}
        self.began_in_vain: list[Instance] = []
        """Instances that found no broker, and others were started for."""
        topics(self.servers, words_in=partitions, word_counts=2)

    # instances and the broker

    def start(
        self, *arguments: str, script: Path = SCRIPT, limit: int | None = None, members: int = 1, **planted: str
    ) -> Instance:
        """Starts an instance.

        Args:
            arguments: of the command; the last one counts where one is given twice.
            limit: bytes that a file of it may have.
            members: how many workers these arguments make.
            planted: see `tests.crash.counting`.
        """
        more = os.environ.get("PLANTED")
        if more and "PLANTED" in planted:
            planted["PLANTED"] += f",{more}"
        if self.exactly:
            arguments = (*EXACTLY, *arguments)
        settings = ("--config", "commit.interval.ms=50", *self.engine.settings)
        arguments = (*settings, "--bootstrap-servers", self.servers, *arguments)
        log = self.directory / f"instance-{len(self.instances)}.log"
        instance = Instance(log, script, arguments, planted, limit, members)
        self.instances.append(instance)
        return instance

    def members(self) -> int:
        """How many members the group has."""
        return len(self._group().members)

    def is_stable(self) -> bool:
        """Is no rebalance on?"""
        return self._group().state == "Stable"

    def committed(self) -> int:
        """How far the input has been committed."""
        return committed(self.servers, APPLICATION, "words-in")

    def _group(self) -> ConsumerGroupDescription:
        with Admin({"bootstrap.servers": self.servers}) as admin:
            return admin.describe_group(APPLICATION)

    def alive(self) -> list[Instance]:
        return [instance for instance in self.instances if instance.runs]

    def fallen(self) -> list[Instance]:
        """Instances that were neither killed nor asked to stop, and have ended."""
        expected = (None, 0, 130, -signal.SIGKILL)
        ended = [each for each in self.instances if each.process.poll() not in expected and not each.has_bad_disk]
        return [each for each in ended if not self._found_nobody(each)]

    def _found_nobody(self, instance: Instance) -> bool:
        return self.engine.may_be_missed and instance.found_nobody

    def begin_again(self, start: Callable[[], object]) -> None:
        """Starts others for instances that found no broker."""
        for each in self.instances.copy():
            if self._found_nobody(each) and each not in self.began_in_vain:
                self.began_in_vain.append(each)
                start()

    def kill_broker(self) -> None:
        self.engine.kill()
        self.engine.revive()

    def close(self) -> None:
        """Ends everything that still runs."""
        self._enough.set()
        if self._feeder is not None:
            self._feeder.join()
        for instance in self.alive():
            instance.signal(signal.SIGCONT)
            instance.kill()
        self.engine.close()

    # input

    def feed(self, lines: int) -> None:
        """Sends lines and waits until all are acknowledged."""
        with self._producer() as producer:
            self._send(producer, lines)

    def feed_on(self, lines_a_second: int) -> None:
        """Sends lines until `rest`, in a thread."""

        def run() -> None:
            try:
                with self._producer() as producer:
                    while not self._enough.wait(0.05):
                        self._send(producer, lines_a_second // 20)
            except BaseException as error:
                self._failure = error

        self._feeder = threading.Thread(target=run, name="feeder")
        self._feeder.start()

    def _producer(self) -> Producer:
        return Producer(
            {"bootstrap.servers": self.servers, "key.serializer": TEXT, "value.serializer": TEXT, "linger.ms": 5}
        )

    def _send(self, producer: Producer, lines: int) -> None:
        sent: list[tuple[str, Any]] = []
        for _ in range(lines):
            line = " ".join(self.random.choices(VOCABULARY, k=5)) + f" line{len(self.acknowledged) + len(sent)}"
            sent.append((line, producer.send(ProducerRecord("words-in", line))))
        producer.flush()
        for line, future in sent:
            future.result(apps.PATIENCE_S)
            self.acknowledged.append(line)

    # the end

    def check(self, problems: Sequence[str]) -> None:
        """Fails where there are problems, and tells the first, and what the instances had to say meanwhile."""
        told = [f"{len(problems)} problems", *problems[:10]]
        for each in self.instances:
            told += [f"--- {each.log.name}", *each.said.splitlines()[-100:]]
        assert not problems, "\n".join(told)

    def rest(self, patience_s: float | None = None) -> None:
        """No more input; waits until all that came is committed."""
        self._enough.set()
        if self._feeder is not None:
            self._feeder.join()
        if self._failure is not None:
            raise self._failure
        wait_for(lambda: self.is_done() and all(instance.is_up for instance in self.alive()), patience_s)

    def is_done(self) -> bool:
        """Is all input committed, and all that it led to?"""
        assert self.alive(), "no instance is left\n" + self.instances[-1].said[-2000:]
        if committed(self.servers, APPLICATION, "words-in") != ends(self.servers, "words-in"):
            return False
        if not self.exactly:
            return lag(self.servers, APPLICATION) == 0
        # Markers lie behind the last records of the topics between: only what has come out says that all is done.
        said = records(self.servers, "word-counts", isolation="read_committed")
        return len(said) >= words_of(self.acknowledged).total()

    def stop_all(self) -> list[int]:
        """Stops what runs, all at once; the exit codes."""
        alive = self.alive()
        for instance in alive:
            instance.signal(signal.SIGTERM)
        return [instance.ended() for instance in alive]

    def evidence(self) -> Evidence:
        """What is in topics and databases; the instances must have been stopped."""
        await_markers(self.servers)
        updates = self.updates()
        seen = records(self.servers, "word-counts", isolation="read_committed")
        all_ = {(each.partition, each.offset): (each.key, each.value) for each in records(self.servers, "word-counts")}
        return Evidence(
            self.acknowledged,
            [record.value for record in records(self.servers, "words-in", TEXT, TEXT)],
            {record.key: record.value for record in seen},
            dict(updates),
            self.stored(),
            updates,
            [(record.key, record.value) for record in seen],
            sum(all_.get((each.partition, each.offset)) != (each.key, each.value) for each in seen),
            len(all_) - len(seen),
            self.hanging(),
            self.positions(),
        )

    def updates(self) -> list[tuple[str, int]]:
        """The rows of the changelog, those of a word in their order."""
        rows = records(self.servers, f"{APPLICATION}-counts-changelog", TEXT, Serdes.long(), "read_committed")
        return [(record.key, record.value) for record in rows]

    def hanging(self) -> list[str]:
        """Topics in which a transaction is open."""
        found = []
        for topic in ("word-counts", f"{APPLICATION}-counts-changelog"):
            committed_ends, all_ends = (
                ends(self.servers, topic, each) for each in (Isolation.READ_COMMITTED, Isolation.READ_UNCOMMITTED)
            )
            found += [topic] if committed_ends != all_ends else []
        return found

    def positions(self) -> dict[str, tuple[int, int]]:
        """How far each partition of the input is committed, and where it ends."""
        with Admin({"bootstrap.servers": self.servers}) as admin:
            rows = admin.describe_group(APPLICATION).partitions
            return {
                str(row.partition): (row.committed or 0, row.end) for row in rows if row.partition.topic == "words-in"
            }

    def stored(self) -> dict[str, int]:
        """The rows of all databases of the application."""
        found: dict[str, int] = {}
        codec = codec_of(COUNT, "")
        for task, path in task_directories(self.data / "state" / APPLICATION / "unowned"):
            if task.subtopology == 1 and (path / DATABASE).exists():
                with contextlib.closing(RocksEngine(str(path / DATABASE))) as engine:
                    store = LayeredKeyValueStore("counts", engine, codec)
                    with store.all() as rows:
                        found.update({key.decode(): int(str(value)) for key, value, _ in rows})
        return found


@contextlib.contextmanager
def trial(
    directory: Path,
    seed: int = 0,
    partitions: int = PARTITIONS,
    exactly: bool = False,
    planned: bool = False,
    engine: Made = made_bundled,
) -> Iterator[Trial]:
    """A trial whose processes end with the block.

    Args:
        planned: faults may be planned for its processes.
        engine: makes what the instances work on.
    """
    with contextlib.ExitStack() as stack:
        faults = Faults(directory / "faults") if planned else None
        if faults is not None:
            stack.enter_context(faults.for_children())
        working_on = engine(directory)
        stack.callback(working_on.close)
        one = Trial(directory, working_on, seed, partitions, exactly)
        stack.callback(one.close)
        one.faults = faults
        yield one


def kill_at_random(one: Trial, instances: int, brokers: int, running: int = 2, pause_s: float = 1.0) -> None:
    """Kills as many instances and brokers as are asked for, in an order and at times from the seed.

    Another instance is started for each that was killed, so that about `running` are alive.
    """
    deeds = [partial(kill_instance, one, one.start)] * instances + [one.kill_broker] * brokers
    begin(one, one.start, running)
    for deed in one.random.sample(deeds, len(deeds)):
        time.sleep(one.random.uniform(0.2, 2 * pause_s))
        deed()


def begin(one: Trial, start: Callable[[], object], running: int) -> None:
    """Starts instances and waits until they work."""
    for _ in range(running):
        start()
    wait_for(lambda: one.committed() > 0 or one.fallen())
    assert not one.fallen(), one.fallen()[0].said


def kill_instance(one: Trial, start: Callable[[], object]) -> None:
    """Kills one of the instances, and starts another."""
    wait_for(lambda: any(instance.is_up for instance in one.alive()))
    assert not one.fallen(), one.fallen()[0].said
    some = [instance for instance in one.alive() if instance.is_up or one.random.random() < YOUNG]
    one.random.choice(some).kill()
    start()

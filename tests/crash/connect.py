"""`python -m tests.crash connect --kills N --broker-kills N --zombies N --seed S`: a pipeline of real processes, broken
on purpose, under a checker that knows every row that was written.

    orders.csv → CsvSource → orders → an application, exactly once → priced → FileSink → priced.….json

The worker, or the application, is killed; the broker is; the worker is frozen for twice the session while another one
takes over, and then goes on. No row may be lost, doubled, or out of order for its key.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from streams.clients import Admin
from tests.engines import stop_broker

ROOT = Path(__file__).resolve().parents[2]
SESSION_S = 6.0
KEYS = 7
PARTITIONS = 2
PATIENCE_S = 120.0
STEADY_S = (2.0, 6.0)
"""How long all goes well between two blows."""

APPLICATION = """
import json

from streams import Serdes, StreamsBuilder


def topology(builder: StreamsBuilder) -> None:
    orders = builder.stream("orders", key_serde=Serdes.string(), value_serde=Serdes.json())
    priced = orders.map_values(lambda order: {**order, "price": int(order["number"]) * 2})
    priced.to("priced", key_serde=Serdes.string(), value_serde=Serdes.json())
"""
SOURCE = """name=orders
connector.class=CsvSource
file={directory}/orders.csv
topic=orders
batch.size=50
types=number:int64
transforms=key,field
transforms.key.type=ValueToKey
transforms.key.fields=key
transforms.field.type=ExtractField$Key
transforms.field.field=key
value.converter=JsonConverter
value.converter.schemas.enable=false
"""
SINK = """name=priced
connector.class=FileSink
file={directory}/priced.json
topics=priced
file.max.ms=300
format=json
value.converter=JsonConverter
value.converter.schemas.enable=false
consumer.override.session.timeout.ms={session}
"""
WORKER = """bootstrap.servers={engine}
key.converter=StringConverter
value.converter=StringConverter
offset.storage.partitions=1
offset.flush.interval.ms=500
"""


class Pipeline:
    """The files, and the processes that are up.

    Args:
        directory: for all of it.
        worker: the module that runs a worker: the command, or one with a bug planted.
    """

    def __init__(self, directory: Path, worker: str) -> None:
        self.directory = directory
        self.engine = f"local://{directory}/engine"
        self._module = worker
        self._rows = 0
        self._log: IO[bytes] = (directory / "log").open("ab")
        self._csv = (directory / "orders.csv").open("a")
        self._csv.write("key,number\n")
        self._csv.flush()
        (directory / "app.py").write_text(APPLICATION)
        (directory / "worker.properties").write_text(WORKER.format(engine=self.engine))
        (directory / "source.properties").write_text(SOURCE.format(directory=directory))
        (directory / "sink.properties").write_text(SINK.format(directory=directory, session=int(SESSION_S * 1000)))
        with Admin(bootstrap_servers=self.engine) as admin:
            for topic in ("orders", "priced"):
                admin.create_topic(topic, PARTITIONS)
        self.worker = self.start_worker()
        self.application = self.start_application()

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=self._log, stderr=subprocess.STDOUT)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Another worker."""
        files = [str(self.directory / f"{name}.properties") for name in ("worker", "source", "sink")]
        return self._start(self._module, "connect", "standalone", *files)

    def start_application(self) -> subprocess.Popen[bytes]:
        """Another instance of the application."""
        return self._start(
            "streams.cli.main", "run", str(self.directory / "app.py"), "-a", "pricing", "-b", self.engine,
            "--processing-guarantee", "exactly_once_v2", "-c", f"state.dir={self.directory}/state",
            "-c", f"consumer.session.timeout.ms={int(SESSION_S * 1000)}",
        )  # fmt: skip

    def feed(self, seconds: float) -> None:
        """Writes rows for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(20):
                self._csv.write(f"k{self._rows % KEYS},{self._rows}\n")
                self._rows += 1
            self._csv.flush()
            time.sleep(0.05)

    def wrong(self) -> list[str]:
        """What the checker finds, as far as it can be told now."""
        found: dict[str, list[int]] = {}
        for file in sorted(self.directory.glob("priced.*.json")):
            for line in file.read_text().splitlines():
                row = json.loads(line)
                found.setdefault(row["key"], []).append(row["number"])
                if row["price"] != 2 * row["number"]:
                    return [f"{file.name}: {line}"]
        said = []
        for number in range(KEYS):
            wanted, had = list(range(number, self._rows, KEYS)), found.get(f"k{number}", [])
            if had != wanted:
                doubled, lost = len(had) - len(set(had)), len(set(wanted) - set(had))
                order = "" if had == sorted(had) else ", out of order"
                said.append(f"k{number}: {lost} lost, {doubled} doubled{order}")
        return said

    def end(self) -> list[str]:
        """Waits until all has come out, then a little for what should not; what is wrong."""
        deadline = time.monotonic() + PATIENCE_S
        while self.wrong() and time.monotonic() < deadline:
            if any("doubled" in each and " 0 doubled" not in each for each in self.wrong()):
                break
            time.sleep(0.3)
        time.sleep(1)
        found = self.wrong()
        for process in (self.worker, self.application):
            process.terminate()
            process.wait()
        stop_broker(self.directory / "engine")
        self._csv.close()
        self._log.close()
        return found

    # Blows

    def kill_worker(self) -> None:
        """SIGKILL, and another one."""
        self.worker.kill()
        self.worker.wait()
        self.worker = self.start_worker()

    def kill_application(self) -> None:
        """SIGKILL, and another one."""
        self.application.kill()
        self.application.wait()
        self.application = self.start_application()

    def kill_broker(self) -> None:
        """SIGKILL; whoever needs one starts another."""
        stop_broker(self.directory / "engine", signal.SIGKILL)

    def zombie(self) -> None:
        """The worker is frozen for twice the session while another one runs; then both are up, and the old one goes."""
        frozen = self.worker
        frozen.send_signal(signal.SIGSTOP)
        self.worker = self.start_worker()
        self.feed(2 * SESSION_S + 2)
        frozen.send_signal(signal.SIGCONT)
        self.feed(3)
        frozen.kill()
        frozen.wait()


def broken(
    directory: Path, kills: int, broker_kills: int, zombies: int, seed: int, worker: str = "streams.cli.main"
) -> list[str]:
    """Runs the pipeline through so many blows in an order of chance; what the checker finds."""
    chance = random.Random(seed)
    pipeline = Pipeline(directory, worker)
    blows = [
        *(chance.choice([pipeline.kill_worker, pipeline.kill_worker, pipeline.kill_application]) for _ in range(kills)),
        *[pipeline.kill_broker] * broker_kills,
        *[pipeline.zombie] * zombies,
    ]
    chance.shuffle(blows)
    for blow in blows:
        pipeline.feed(chance.uniform(*STEADY_S))
        blow()
    pipeline.feed(chance.uniform(*STEADY_S))
    return pipeline.end()


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash connect", description=__doc__)
    for name, default in (("kills", 3), ("broker-kills", 2), ("zombies", 1), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-connect-") as directory:
        found = broken(Path(directory), given.kills, given.broker_kills, given.zombies, given.seed)
    for each in found:
        print(each)
    print(
        f"seed {given.seed}: {given.kills} kills, {given.broker_kills} of the broker, {given.zombies} zombies: "
        f"{'WRONG' if found else 'nothing lost, doubled or out of order'} ({time.monotonic() - began:.0f} s)"
    )
    return bool(found)

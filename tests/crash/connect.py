"""`python -m tests.crash connect --kills N --broker-kills N --zombies N --seed S --database sqlite|postgres --stops N`:
a pipeline of real processes, broken on purpose, under a checker that knows every row that was written.

    rows → a source connector → orders → an application, exactly once → priced → a sink connector → rows

The worker, or the application, is killed; the broker is; the worker is frozen for twice the session while another one
takes over, and then goes on; PostgreSQL is stopped at once, and some of its connections are cut where they commit. No
row may be lost, doubled, or out of order for its key.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from streams.clients import Admin
from tests.crash.ends import KEYS, Ends, ends_of, key_of
from tests.engines import stop_broker, until

ROOT = Path(__file__).resolve().parents[2]
SESSION_S = 3.0
PARTITIONS = 2
PATIENCE_S = 120.0
BURST = 20
"""So many rows are written at a time."""
PAUSE_S = 0.05
STEADY_S = (0.0, 1.5)
"""How long rows come out before the next blow."""
HASTE = 4
"""One blow of so many comes soon after the one before, whether rows come out again or not."""

APPLICATION = """
import json

from streams import Serdes, StreamsBuilder


def topology(builder: StreamsBuilder) -> None:
    orders = builder.stream("orders", key_serde=Serdes.string(), value_serde=Serdes.json())
    priced = orders.map_values(lambda order: {**order, "price": int(order["number"]) * 2})
    priced.to("priced", key_serde=Serdes.string(), value_serde=Serdes.json())
"""
SOURCE = """name=orders
transforms=key,field
transforms.key.type=ValueToKey
transforms.key.fields=key
transforms.field.type=ExtractField$Key
transforms.field.field=key
value.converter=JsonConverter
value.converter.schemas.enable=false
"""
SINK = """name=priced
topics=priced
value.converter=JsonConverter
value.converter.schemas.enable=false
consumer.override.session.timeout.ms={session}
consumer.override.heartbeat.interval.ms=500
"""
WORKER = """bootstrap.servers={engine}
key.converter=StringConverter
value.converter=StringConverter
offset.storage.partitions=1
offset.flush.interval.ms=500
"""


class Pipeline:
    """The processes that are up, and who writes rows meanwhile.

    Args:
        directory: for all of it.
        ends: where rows come from, and where they end.
        worker: the words that run a worker's command: the program, or one with a bug planted.
    """

    def __init__(self, directory: Path, ends: Ends, worker: Sequence[str]) -> None:
        self.directory = directory
        self.engine = f"local://{directory}/engine"
        self._ends = ends
        self._words = worker
        self._rows = 0
        self._ended = threading.Event()
        self._feeder = threading.Thread(target=self._feed)
        self._log: IO[bytes] = (directory / "log").open("ab")
        (directory / "app.py").write_text(APPLICATION)
        (directory / "worker.properties").write_text(WORKER.format(engine=self.engine))
        (directory / "source.properties").write_text(ends.source + SOURCE)
        (directory / "sink.properties").write_text(ends.sink + SINK.format(session=int(SESSION_S * 1000)))
        with Admin(bootstrap_servers=self.engine) as admin:
            for topic in ("orders", "priced"):
                admin.create_topic(topic, PARTITIONS)
        self.worker = self.start_worker()
        self.application = self.start_application()
        self._feeder.start()

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", *words]
        return subprocess.Popen(command, cwd=ROOT, stdout=self._log, stderr=subprocess.STDOUT)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Another worker."""
        files = [str(self.directory / f"{name}.properties") for name in ("worker", "source", "sink")]
        return self._start(*self._words, "connect", "standalone", *files)

    def start_application(self) -> subprocess.Popen[bytes]:
        """Another instance of the application."""
        return self._start(
            "streams.cli.main", "run", str(self.directory / "app.py"), "-a", "pricing", "-b", self.engine,
            "--processing-guarantee", "exactly_once_v2", "-c", f"state.dir={self.directory}/state",
            "-c", f"consumer.session.timeout.ms={int(SESSION_S * 1000)}", "-c", "consumer.heartbeat.interval.ms=500",
        )  # fmt: skip

    def _feed(self) -> None:
        while not self._ended.wait(PAUSE_S):
            self._rows = self._ends.write(range(self._rows, self._rows + BURST))

    def works(self) -> None:
        """Waits until rows come out."""
        before = self._ends.count()
        until(lambda: self._ends.count() > before, PATIENCE_S)

    def wrong(self) -> list[str]:
        """What the checker finds, as far as it can be told now."""
        found: dict[str, list[int]] = {}
        for key, number, price in self._ends.found():
            found.setdefault(key, []).append(number)
            if price != 2 * number:
                return [f"{key}: {number} has the price {price}"]
        said = []
        for number in range(KEYS):
            key = key_of(number)
            wanted, had = list(range(number, self._rows, KEYS)), found.get(key, [])
            if had != wanted:
                doubled, lost = len(had) - len(set(had)), len(set(wanted) - set(had))
                order = "" if had == sorted(had) else ", out of order"
                said.append(f"{key}: {lost} lost, {doubled} doubled{order}")
        return said

    def end(self) -> list[str]:
        """Waits until all has come out, then a little for what should not; what is wrong."""
        self._ended.set()
        self._feeder.join()
        deadline = time.monotonic() + PATIENCE_S
        while self._ends.count() < self._rows and time.monotonic() < deadline:
            time.sleep(0.3)
        time.sleep(1)
        return self.wrong()

    def close(self) -> None:
        """Ends all processes."""
        self._ended.set()
        self._feeder.join()
        for process in (self.worker, self.application):
            process.kill()
            process.wait()
        stop_broker(self.directory / "engine")
        self._log.close()

    @property
    def rows(self) -> int:
        """How many were written."""
        return self._rows

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

    def stop_database(self) -> None:
        """It loses what it had not stored, and is back soon."""
        self._ends.stop_at_once()

    def zombie(self) -> None:
        """The worker is frozen for twice the session while another one runs; then both are up, and the old one goes."""
        frozen = self.worker
        frozen.send_signal(signal.SIGSTOP)
        self.worker = self.start_worker()
        time.sleep(2 * SESSION_S)
        frozen.send_signal(signal.SIGCONT)
        time.sleep(1.5)
        frozen.kill()
        frozen.wait()


PROGRAM = ("streams.cli.main",)


def _strike(pipeline: Pipeline, chance: random.Random, blows: list[Callable[[], None]]) -> None:
    chance.shuffle(blows)
    for blow in blows:
        if chance.randrange(HASTE):
            pipeline.works()
        time.sleep(chance.uniform(*STEADY_S))
        blow()
    pipeline.works()


def broken(
    directory: Path,
    *,
    kills: int = 0,
    broker_kills: int = 0,
    zombies: int = 0,
    stops: int = 0,
    seed: int = 1,
    database: str = "",
    worker: Sequence[str] = PROGRAM,
) -> tuple[list[str], str]:
    """Runs the pipeline through so many blows in an order of chance; what the checker finds, and what was done."""
    chance = random.Random(seed)
    ends = ends_of(database, directory, seed)
    try:
        pipeline = Pipeline(directory, ends, worker)
        try:
            _strike(pipeline, chance, [
                *(chance.choice([pipeline.kill_worker, pipeline.kill_worker, pipeline.kill_application])
                  for _ in range(kills)),
                *[pipeline.kill_broker] * broker_kills,
                *[pipeline.zombie] * zombies,
                *[pipeline.stop_database] * stops,
            ])  # fmt: skip
            return pipeline.end(), f"{pipeline.rows:,} rows{ends.told()}"
        finally:
            pipeline.close()
    finally:
        ends.close()


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash connect", description=__doc__)
    for name, default in (("kills", 3), ("broker-kills", 2), ("zombies", 1), ("stops", 0), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--database", choices=("", "sqlite", "postgres"), default="", help="instead of files")
    given = parser.parse_args(arguments)
    if given.stops and given.database != "postgres":
        parser.error("--stops is for --database postgres: nothing else has a server")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-connect-", ignore_cleanup_errors=True) as directory:
        found, done = broken(
            Path(directory), kills=given.kills, broker_kills=given.broker_kills, zombies=given.zombies,
            stops=given.stops, seed=given.seed, database=given.database,
        )  # fmt: skip
    for each in found:
        print(each)
    print(
        f"{given.database or 'files'}, seed {given.seed}: {given.kills} kills, {given.broker_kills} of the broker, "
        f"{given.zombies} zombies, {given.stops} stops, {done}: "
        f"{'WRONG' if found else 'nothing lost, doubled or out of order'} ({time.monotonic() - began:.0f} s)"
    )
    return bool(found)

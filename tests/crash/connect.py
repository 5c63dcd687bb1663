"""`python -m tests.crash connect --kills N --broker-kills N --zombies N --seed S --database sqlite|postgres --stops N`:
a pipeline of real processes, broken on purpose, under a checker that knows every row that was written.

    rows → a source connector → orders → an application, exactly once → priced → a sink connector → rows

The worker, or the application, is killed; the broker is; the worker is frozen for twice the session while another one
takes over, and then goes on; PostgreSQL is stopped at once, and some of its connections are cut where they commit. No
row may be lost, doubled, or out of order for its key. With `--distributed` there are three workers that share the
connectors: whoever has the source or the sink is killed or frozen, and stays among them.
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
from functools import partial
from pathlib import Path
from typing import IO

from streams.clients import Admin
from tests.crash.connect_workers import ROOT, SESSION_S, Alone, Several, Workers
from tests.crash.ends import KEYS, Ends, ends_of, key_of
from tests.engines import stop_broker, until
from tests.streams.connect.cluster import PROGRAM

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


class Pipeline:
    """The processes that are up, and who writes rows meanwhile.

    Args:
        directory: for all of it.
        ends: where rows come from, and where they end.
        workers: starts the workers of Connect, which run the connectors of two files in the directory.
    """

    def __init__(self, directory: Path, ends: Ends, workers: Callable[[str, Path], Workers]) -> None:
        self.directory = directory
        self.engine = f"local://{directory}/engine"
        self._ends = ends
        self._rows = 0
        self._ended = threading.Event()
        self._feeder = threading.Thread(target=self._feed)
        self._log: IO[bytes] = (directory / "log").open("ab")
        (directory / "app.py").write_text(APPLICATION)
        (directory / "source.properties").write_text(ends.source + SOURCE)
        (directory / "sink.properties").write_text(ends.sink + SINK.format(session=int(SESSION_S * 1000)))
        with Admin(bootstrap_servers=self.engine) as admin:
            for topic in ("orders", "priced"):
                admin.create_topic(topic, PARTITIONS)
        self.workers = workers(self.engine, directory)
        self.application = self.start_application()
        self._feeder.start()

    def start_application(self) -> subprocess.Popen[bytes]:
        """Another instance of the application."""
        command = [
            sys.executable, "-m", "streams.cli.main", "run", str(self.directory / "app.py"), "-a", "pricing",
            "-b", self.engine, "--processing-guarantee", "exactly_once_v2", "-c", f"state.dir={self.directory}/state",
            "-c", f"consumer.session.timeout.ms={int(SESSION_S * 1000)}", "-c", "consumer.heartbeat.interval.ms=500",
        ]  # fmt: skip
        return subprocess.Popen(command, cwd=ROOT, stdout=self._log, stderr=subprocess.STDOUT)

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
        """Waits until all has come out, then a little for what should not; what is wrong. A row that has come out twice
        ends the wait."""
        self._ended.set()
        self._feeder.join()
        deadline = time.monotonic() + PATIENCE_S
        while self._ends.count() < self._rows and time.monotonic() < deadline:
            if self._doubled():
                return [*self.wrong(), "what is lost of these may be on its way"]
            time.sleep(0.3)
        time.sleep(1)
        return self.wrong()

    def _doubled(self) -> bool:
        found = list(self._ends.found())
        return len(found) > len(set(found))

    def close(self) -> None:
        """Ends all processes."""
        self._ended.set()
        self._feeder.join()
        self.workers.close()
        self.application.kill()
        self.application.wait()
        stop_broker(self.directory / "engine")
        self._log.close()

    @property
    def rows(self) -> int:
        """How many were written."""
        return self._rows

    # Blows

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
    several: bool = False,
    worker: Sequence[str] = PROGRAM,
) -> tuple[list[str], str]:
    """Runs the pipeline through so many blows in an order of chance; what the checker finds, and what was done.

    Args:
        directory: for all of it.
        kills, broker_kills, zombies, stops: how many of each.
        seed: of what is done, in which order.
        database: see `ends_of`.
        several: do workers share the connectors?
        worker: the words that run a worker's command: the program, or one with a bug planted.
    """
    chance = random.Random(seed)
    ends = ends_of(database, directory, seed)
    try:
        made = partial(Several, chance=chance) if several else Alone
        pipeline = Pipeline(directory, ends, partial(made, words=worker))
        try:
            _strike(pipeline, chance, [
                *(chance.choice([pipeline.workers.kill, pipeline.workers.kill, pipeline.kill_application])
                  for _ in range(kills)),
                *[pipeline.kill_broker] * broker_kills,
                *[pipeline.workers.zombie] * zombies,
                *[pipeline.stop_database] * stops,
            ])  # fmt: skip
            return pipeline.end(), f"{pipeline.rows:,} rows{ends.told()}{pipeline.workers.told()}"
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
    parser.add_argument("--distributed", action="store_true", help="three workers that share the connectors")
    given = parser.parse_args(arguments)
    if given.stops and given.database != "postgres":
        parser.error("--stops is for --database postgres: nothing else has a server")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-connect-", ignore_cleanup_errors=True) as directory:
        found, done = broken(
            Path(directory), kills=given.kills, broker_kills=given.broker_kills, zombies=given.zombies,
            stops=given.stops, seed=given.seed, database=given.database, several=given.distributed,
        )  # fmt: skip
    for each in found:
        print(each)
    where = f"{given.database or 'files'}{', distributed' if given.distributed else ''}"
    print(
        f"{where}, seed {given.seed}: {given.kills} kills, {given.broker_kills} of the broker, "
        f"{given.zombies} zombies, {given.stops} stops, {done}: "
        f"{'WRONG' if found else 'nothing lost, doubled or out of order'} ({time.monotonic() - began:.0f} s)"
    )
    return bool(found)

"""The count of W12 to W14 as an application that runs until it is ended: by our command, or on Kafka Streams.

Both count without a cache, so that each record of the input has its own in the output.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.answers import WrongOutput
from benchmarks.engine import Engine
from streams.clients import Admin
from streams.errors import GroupIdNotFoundException

SCRIPT = """
from streams import Serdes, StreamsBuilder

def topology(builder: StreamsBuilder) -> None:
    records = builder.stream({source!r}, key_serde=Serdes.string(), value_serde=Serdes.bytes())
    counted = records.group_by_key().count(store="counts")
    counted.to_stream().to({sink!r}, value_serde=Serdes.long())
"""
LONGEST_S = 120.0
LOOK_S = 0.02

Process = subprocess.Popen[bytes]


class Count(NamedTuple):
    """Which count it is.

    Args:
        application: its id.
        source: the topic whose keys are counted.
        sink: where each count goes.
        config: settings of the application.
    """

    application: str
    source: str
    sink: str
    config: Mapping[str, object]


class System(Protocol):
    """What runs a count: this library, or Java's."""

    engine: Engine
    """Where the topics are."""
    workers: int
    """Processes of an instance: where there are several, a supervisor watches them."""

    def launch(self, count: Count, place: int = 1) -> Process:
        """Starts an instance. Which of several it is gives it a directory of its own for its state."""
        ...


class Ours:
    """A `System`: `streams-app`.

    Args:
        engine: where the topics are.
        workers: processes of an instance.
    """

    def __init__(self, engine: Engine, workers: int = 1) -> None:
        self.engine, self.workers = engine, workers

    def launch(self, count: Count, place: int = 1) -> Process:
        """See `System.launch`."""
        script = Path(self.engine.directory) / f"{count.application}.py"
        script.write_text(SCRIPT.format(source=count.source, sink=count.sink), "utf-8")
        command = [sys.executable, "-m", "streams.cli.main", "run", str(script), "-a", count.application]
        command += ["-b", self.engine.address, "-w", str(self.workers), "--log-level", "warning"]
        settings = settings_of(self.engine, count, place)
        return logged(self.engine, count, [*command, *(part for pair in settings for part in ("-c", pair))])


def new_count(engine: Engine, name: str, partitions: int = 1, config: Mapping[str, object] | None = None) -> Count:
    """A count that has never run, between topics of its own."""
    source, sink = engine.topic(f"{name}-in", partitions), engine.topic(f"{name}-out", partitions)
    return Count(f"bench-{source}", source, sink, config or {})


def settings_of(engine: Engine, count: Count, place: int) -> list[str]:
    """The settings of an instance, as `name=value`."""
    state = f"{engine.directory}/state-{count.application}-{place}"
    given = {"statestore.cache.max.bytes": 0, **count.config, "state.dir": state}
    return [f"{name}={value}" for name, value in given.items()]


def logged(engine: Engine, count: Count, command: Sequence[str]) -> Process:
    """Starts a process whose words go into the log of the application."""
    with _log(engine, count).open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _log(engine: Engine, count: Count) -> Path:
    return Path(engine.directory) / f"{count.application}.log"


@contextlib.contextmanager
def running(system: System, count: Count, instances: int = 1, members: int = 1) -> Iterator[list[Process]]:
    """Instances that share the work between so many members of their group, until the end of the block. What still runs
    then is asked for a clean end.

    Raises:
        RuntimeError: they do not come so far, or do not end.
    """
    processes = [system.launch(count, place) for place in range(1, instances + 1)]
    try:
        with Admin(bootstrap_servers=system.engine.address) as admin:
            until(system.engine, count, processes, lambda: _is_shared(admin, count, members), "share the work")
        yield processes
        left = [each for each in processes if each.poll() is None]
        for process in left:
            process.terminate()
        until(system.engine, count, [], lambda: all(each.poll() is not None for each in left), "end")
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def _is_shared(admin: Admin, count: Count, members: int) -> bool:
    try:
        group = admin.describe_group(count.application)
    except GroupIdNotFoundException:
        return False
    given = {len(each.partitions) for each in group.members}
    return group.state == "Stable" and len(group.members) == members and len(given) == 1 and given != {0}


def until(engine: Engine, count: Count, processes: Sequence[Process], condition: Callable[[], bool], what: str) -> None:
    """Waits for something, as long as these processes run.

    Raises:
        RuntimeError: one has ended, or it takes too long; with the last words of the application.
    """
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        ended = any(each.poll() is not None for each in processes)
        if ended or time.monotonic() > deadline:
            said = _log(engine, count).read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise RuntimeError(f"{count.application} did not {what}{' and ended' * ended}: {said[-1]}")
        time.sleep(LOOK_S)


def check(engine: Engine, count: Count, expected: Sequence[tuple[bytes, int]], begin: int = 0) -> None:
    """Compares what came out, in its order.

    Args:
        expected: keys with their counts.
        begin: outputs before, which are left out.
    Raises:
        WrongOutput: it is something else.
    """
    rows = [(key, value) for key, value, _ in engine.read(count.sink)][begin:]
    wanted = [(key, number.to_bytes(8)) for key, number in expected]
    if rows != wanted:
        at = next((at for at, pair in enumerate(zip(rows, wanted, strict=False)) if pair[0] != pair[1]), None)
        what = f"{len(rows):,} records where {len(wanted):,} are right" if at is None else f"record {at}: {rows[at]}"
        raise WrongOutput(f"the output of {count.application} is wrong: {what}")

"""`python -m tests.crash queries`: clients write, and ask for what they wrote by its position, while instances are
killed, stand still and come and go, and brokers are killed. No answer may be older than what was written, and nobody
may say of a key that it is absent.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.crash.planted_queries import PLANTED_QUERIES
from tests.crash.questions import Askers, Told
from tests.crash.trial import APPLICATION, Instance
from tests.engines import broker_pid, stop_broker
from tests.kafka_broker import free_port
from tests.streams.apps import topics, wait_for

SCRIPT = Path(__file__).with_name("latest.py")
PARTITIONS = 6
SESSION_MS = 2_000
SHOWN = 10
SETTINGS = {"commit.interval.ms": 50, "consumer.session.timeout.ms": SESSION_MS}


class Fleet:
    """Instances that can be asked, each at a place of its own, and their broker.

    Args:
        directory: an empty one.
        servers: another engine than one in that directory.
        seed: of what befalls them.
        planted: a bug that all have.
    """

    def __init__(
        self, directory: Path, size: int, seed: int = 0, servers: str = "", planted: str = "", guarantee: str = ""
    ) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.servers = servers or f"local://{self.data}"
        self.random = random.Random(seed)
        self.deeds: Counter[str] = Counter()
        self.topic = f"numbers-{seed}"
        self._given = {"TOPIC": self.topic, "PLANTED": planted}
        self._guarantee = guarantee or "at_least_once"
        self._started = 0
        topics(self.servers, **{self.topic: PARTITIONS})
        self.endpoints = [f"127.0.0.1:{free_port()}" for _ in range(size)]
        self.instances = [self._start(number) for number in range(size)]

    def _start(self, number: int) -> Instance:
        self._started += 1
        given = {
            **SETTINGS,
            "processing.guarantee": self._guarantee,
            "state.dir": self.directory / f"state-{number}",
        }
        settings = [part for name, value in given.items() for part in ("--config", f"{name}={value}")]
        arguments = ["--bootstrap-servers", self.servers, "--http", self.endpoints[number], *settings]
        arguments += ["--application-id", f"{APPLICATION}-{self.topic}"]
        log = self.directory / f"instance-{self._started}.log"
        return Instance(log, SCRIPT, arguments, self._given, None)

    # what befalls them

    def kill(self) -> None:
        """One is killed, and started anew."""
        number = self.random.randrange(len(self.instances))
        self.instances[number].kill()
        self.instances[number] = self._start(number)

    def freeze(self) -> None:
        """One stands still, for less than its session or for more."""
        one = self.random.choice(self.instances)
        one.signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0.2, 3 * SESSION_MS / 1000))
        one.signal(signal.SIGCONT)

    def leave(self) -> None:
        """One ends, and comes back: two rebalances."""
        number = self.random.randrange(len(self.instances))
        code = self.instances[number].stop()
        assert code == 0, self.instances[number].said[-3000:]
        self.instances[number] = self._start(number)

    def kill_broker(self) -> None:
        """The broker is killed; who needs it starts another."""
        if self.data.exists():
            stop_broker(self.data, signal.SIGKILL)

    def befall(self, deed: Callable[[], None]) -> None:
        """Waits until all work, and does it."""
        wait_for(lambda: all(each.is_up or not each.runs for each in self.instances))
        fallen = [each for each in self.instances if not each.runs]
        assert not fallen, fallen[0].said[-3000:]
        deed()
        self.deeds[deed.__name__] += 1

    def close(self) -> None:
        for each in self.instances:
            if each.runs:
                each.signal(signal.SIGCONT)
                each.kill()
        if self.data.exists() and broker_pid(self.data) is not None:
            stop_broker(self.data)


@contextmanager
def fleet(
    directory: Path, size: int, seed: int = 0, servers: str = "", planted: str = "", guarantee: str = ""
) -> Iterator[Fleet]:
    """A fleet that ends with the block."""
    made = Fleet(directory, size, seed, servers, planted, guarantee)
    try:
        yield made
    finally:
        made.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash queries", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between two deeds at most")
    parser.add_argument("--eos", action="store_true", help="under exactly_once_v2")
    parser.add_argument("--bootstrap-servers", default="", help="another engine, which is not killed")
    parser.add_argument("--planted", default="", choices=PLANTED_QUERIES, help="a bug that must be found")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}", flush=True)
    guarantee = "exactly_once_v2" if asked.eos else ""
    with tempfile.TemporaryDirectory(prefix="queries-") as made:
        directory = Path(made)
        with fleet(
            directory, asked.instances, asked.seed, asked.bootstrap_servers, asked.planted, guarantee
        ) as running:
            askers = Askers(asked.clients, running.topic, running.servers, running.endpoints)
            askers.start()
            try:
                torment(running, askers, asked.minutes * 60, asked.pause)
            finally:
                told = askers.stop()
            print(report(running, told))
    for violation in told.violations[:SHOWN]:
        print(f"WRONG: {violation}")
    if not told.violations:
        print("no answer was older than what its client had written or seen, and no key was called absent")
    return 1 if told.violations or not told.answers["200"] else 0


def torment(running: Fleet, askers: Askers, seconds: float, pause_s: float) -> None:
    """One deed after the other, for so long, or until an answer was wrong."""
    deeds = [running.kill, running.freeze, running.leave, running.kill_broker]
    wait_for(lambda: askers.answered > 0)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not askers.violations:
        time.sleep(running.random.uniform(0.1, pause_s))
        running.befall(running.random.choice(deeds))
    wait_for(lambda: all(each.is_up for each in running.instances))


def report(running: Fleet, told: Told) -> str:
    waits = told.waits_ms or [0.0]
    rows = [
        ("instances killed", running.deeds["kill"]),
        ("instances that stood still", running.deeds["freeze"]),
        ("instances that left and came back", running.deeds["leave"]),
        ("brokers killed", running.deeds["kill_broker"]),
        ("records written", told.written),
        *((f"answers: {name}", count) for name, count in sorted(told.answers.items())),
        ("answered within ms, half", round(waits[len(waits) // 2])),
        ("answered within ms, 99 of 100", round(waits[len(waits) * 99 // 100])),
        ("longest wait for one's own write, ms", round(told.silent_ms)),
        ("violations", len(told.violations)),
    ]
    return "\n".join(f"{name:<40}{value:>12,}" for name, value in rows)


if __name__ == "__main__":
    sys.exit(main())

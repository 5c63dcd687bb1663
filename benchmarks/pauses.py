"""How long one client waits for what others ask of the bundled broker: the longest of many small requests meanwhile."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import aligned
from broker_local.host.client import SocketLink
from broker_local.host.launch import find
from broker_local.log import format as batches
from broker_local.protocol.requests.records import Fetch, FetchPosition, Produce, ProducePart
from broker_local.protocol.requests.topics import Metadata, NewTopic, TopicCreate, TopicDelete

WAIT_MS = 120_000
WIDE = 10_000
BOUND_MS = 200
ROOT = Path(__file__).resolve().parent.parent

Deed = Callable[[SocketLink, "Places"], None]


class Places:
    """A running broker."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def link(self) -> SocketLink:
        """A new connection."""
        found = find(self.directory)
        assert found is not None, "no broker runs"
        return found


def make_topics(link: SocketLink, places: Places) -> None:
    """One request for 3,000 topics."""
    link.call(Metadata(tuple(f"topic-{number}" for number in range(3_000)), True), WAIT_MS)


def make_partitions(link: SocketLink, places: Places) -> None:
    """A topic of 10,000 partitions."""
    link.call(TopicCreate((NewTopic("wide", WIDE, {}),)), WAIT_MS)


def write_all(link: SocketLink, places: Places) -> None:
    """A record to each of 10,000 partitions, 2,000 in a request."""
    batch = batches.write([None], [b"x" * 100], [int(time.time() * 1000)], None)
    for first in range(0, WIDE, 2_000):
        parts = tuple(ProducePart("wide", number, batch) for number in range(first, first + 2_000))
        link.call(Produce(-1, parts), WAIT_MS)


def fetch_all(link: SocketLink, places: Places) -> None:
    """One fetch of 10,000 partitions."""
    link.call(Fetch(tuple(FetchPosition("wide", number, 0, 1 << 20) for number in range(WIDE)), 0), WAIT_MS)


def park_wide(link: SocketLink, places: Places) -> None:
    """Five fetches of 10,000 partitions wait; 200 records come."""
    waiting = [places.link() for _ in range(5)]
    positions = tuple(FetchPosition("wide", number, 1, 1 << 20, -1, 1) for number in range(WIDE))
    for each in waiting:
        each.send(Fetch(positions, 600_000, 1 << 30))
    batch = batches.write([None], [b"y"], [int(time.time() * 1000)], None)
    for number in range(200):
        link.call(Produce(-1, (ProducePart("wide", number, batch),)), WAIT_MS)
    for each in waiting:
        each.close()


def delete_all(link: SocketLink, places: Places) -> None:
    """The topic of 10,000 partitions is deleted."""
    link.call(TopicDelete(("wide",)), WAIT_MS)
    time.sleep(2)  # its files go bit by bit


DEEDS: tuple[Deed, ...] = (make_topics, make_partitions, write_all, fetch_all, park_wide, delete_all)


@contextmanager
def running() -> Iterator[Places]:
    """A broker in a process of its own, on a fresh directory."""
    with tempfile.TemporaryDirectory(prefix="pauses-") as home:
        command = [sys.executable, "-m", "broker_local.host.cli", "serve", f"{home}/log"]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ})
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.readline()
        try:
            yield Places(f"{home}/log")
        finally:
            child.terminate()
            print(child.communicate(timeout=60)[0].strip())


def longest(places: Places, deed: Deed) -> tuple[float, int]:
    """The longest wait of a small request while something goes on, in ms, and how many there were."""
    done = threading.Event()
    waits: list[float] = []

    def ask() -> None:
        mine = places.link()
        while not done.is_set():
            began = time.perf_counter()
            mine.call(Metadata(()), WAIT_MS)
            waits.append((time.perf_counter() - began) * 1000)
            time.sleep(0.002)
        mine.close()

    asking = threading.Thread(target=ask)
    asking.start()
    link = places.link()
    deed(link, places)
    link.close()
    done.set()
    asking.join()
    return max(waits), len(waits)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what may be given."""
    parser.add_argument("--bound", type=int, default=BOUND_MS, help="ms that nobody waits longer than; exit 1 if so")


def main(given: argparse.Namespace) -> int:
    """Measures; 0 if nobody waited longer than the bound."""
    rows, worst = [("while", "longest wait", "requests")], 0.0
    with running() as places:
        for deed in DEEDS:
            wait, count = longest(places, deed)
            worst = max(worst, wait)
            rows.append(((deed.__doc__ or "").rstrip("."), f"{wait:.0f} ms", f"{count}"))
    print(aligned(rows))
    return 0 if worst <= given.bound else 1

"""The demo: real text and real flights, through the bundled log engine and applications in processes of their own.

    make demo            # or: python examples/demo.py

It makes topics in a directory that it deletes afterwards, sends the data, runs `word_count.py` as two instances and
`flights.py` as one, waits until they have read all, and compares what they wrote with answers found without them.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from streams import Serde, Serdes
from streams.cli.render import table
from streams.clients import Admin, Consumer, Producer, ProducerRecord

EXAMPLES = Path(__file__).resolve().parent
DATA = EXAMPLES / "data"
PARTITIONS = 4
PATIENCE_S = 120.0
LOOK_S = 0.2

text, long = Serdes.string(), Serdes.long()


class Input(NamedTuple):
    """What is sent: lines of text, flights as JSON, and airports as `(code, rest of the line)`."""

    lines: list[str]
    flights: list[str]
    airports: list[tuple[str, str]]


class Output(NamedTuple):
    """What the applications found, and which partitions each instance of the word count had."""

    words: dict[str, int]
    departures: dict[str, int]
    delays_by_state: dict[str, dict[str, int]]
    instances: dict[str, list[str]]


# Data


def read_input() -> Input:
    with gzip.open(DATA / "text.txt.gz", "rt", encoding="utf-8") as lines:
        read = [line.rstrip("\n") for line in lines]
    with gzip.open(DATA / "flights.jsonl.gz", "rt", encoding="utf-8") as lines:
        flights = [line.rstrip("\n") for line in lines]
    parts = [line.partition(",") for line in (DATA / "airports.csv").read_text("utf-8").splitlines()[1:]]
    airports = [(code, rest) for code, _, rest in parts]
    return Input(read, flights, airports)


def expected_words() -> dict[str, int]:
    """The answer that lies beside the text."""
    return dict(json.loads((DATA / "expected" / "text-wordcount.json").read_text("utf-8"))["rows"])


def expected_flights(given: Input) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Departures by airport, and flights and their delay by state, counted by a loop."""
    states = {iata: next(csv.reader([rest]))[2] for iata, rest in given.airports}
    flights = [json.loads(line) for line in given.flights]
    delays = {states[flight["origin"]]: {"flights": 0, "delay": 0} for flight in flights}
    for flight in flights:
        row = delays[states[flight["origin"]]]
        row["flights"] += 1
        row["delay"] += flight["delay"]
    return dict(Counter(flight["origin"] for flight in flights)), delays


# Running


def run(directory: Path, given: Input, say: Callable[[str], None]) -> Output:
    """Sends the data to a log engine in `directory` and runs both applications on it."""
    address = f"local://{directory}"
    with broker(directory), Admin({"bootstrap.servers": address}) as admin:
        for topic in ("words-in", "word-counts", "flights", "departures", "delays-by-state", "delays-by-day"):
            admin.create_topic(topic, PARTITIONS)
        admin.create_topic("airports", 1)
        sent = timed(lambda: send(address, given))
        say(f"Sent {len(given.lines):,} lines of text and {len(given.flights):,} flights in {sent:.1f} s.")

        with contextlib.ExitStack() as instances:
            for number in (1, 2):
                instances.enter_context(instance(directory, "word-count", f"instance-{number}"))
            say("The word count runs as two instances of `streams-app --application-id word-count word_count.py`.")
            have = wait_for_shares(admin, "word-count", 2)
            for name, partitions in have.items():
                say(f"  {name} has {', '.join(partitions)}")
            taken = timed(lambda: wait_until_read(admin, "word-count", ["words-in", "word-count-counts-repartition"]))
            say(f"  all words counted after {taken:.1f} s more")

        with instance(directory, "flights", "instance-1"):
            say("The flights run as `streams-app --application-id flights flights.py`.")
            internal = ["flights-by-origin-repartition", "flights-by-state-repartition"]
            taken = timed(lambda: wait_until_read(admin, "flights", ["flights", *internal]))
            say(f"  all flights counted after {taken:.1f} s")
        return Output(
            latest(address, "word-counts", long),
            latest(address, "departures", long),
            latest(address, "delays-by-state", Serdes.json()),
            have,
        )


def send(address: str, given: Input) -> None:
    with Producer({"bootstrap.servers": address, "linger.ms": 20, "batch.size": 262_144}) as producer:
        waiting = [
            producer.send(ProducerRecord("airports", rest.encode(), iata.encode())) for iata, rest in given.airports
        ]
        waiting += [producer.send(ProducerRecord("words-in", line.encode())) for line in given.lines]
        waiting += [producer.send(ProducerRecord("flights", line.encode())) for line in given.flights]
        producer.flush()
        for future in waiting:
            future.result()


@contextlib.contextmanager
def instance(directory: Path, application: str, name: str) -> Iterator[None]:
    """An instance of an application in a process of its own, stopped cleanly by SIGTERM."""
    script = EXAMPLES / f"{application.replace('-', '_')}.py"
    command = [sys.executable, "-m", "streams.cli.main", "--application-id", application, str(script)]
    settings = ["--bootstrap-servers", f"local://{directory}", "--config", f"client.id={name}"]
    log = directory.parent / f"{application}-{name}.log"
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    with log.open("wb") as out:
        process = subprocess.Popen([*command, *settings], stdout=out, stderr=out, env=environment)
        try:
            yield
        finally:
            early = process.poll()
            if early is None:
                process.send_signal(signal.SIGTERM)
            code = process.wait(PATIENCE_S)
    if early is not None or code != 0:
        raise RuntimeError(f"{application} {name} ended with {code}:\n{log.read_text('utf-8', 'replace')[-2_000:]}")


def wait_until_read(admin: Admin, group: str, topics: list[str]) -> None:
    """Waits until the group has read and committed all of these topics, each written from those before it."""
    for topic in topics:
        until(partial(read_all, admin, group, topic), f"group {group} has read all of {topic}")


def read_all(admin: Admin, group: str, topic: str) -> bool:
    if group not in {listed.group for listed in admin.list_groups()}:
        return False
    rows = [row for row in admin.describe_group(group).partitions if row.partition.topic == topic]
    return len(rows) == PARTITIONS and all(row.lag == 0 or row.end == 0 for row in rows)


def wait_for_shares(admin: Admin, group: str, instances: int) -> dict[str, list[str]]:
    """Waits until so many instances have partitions; says which have which."""
    until(lambda: len(shares(admin, group)) == instances, f"{instances} instances of {group} share its work")
    return shares(admin, group)


def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"It did not come within {PATIENCE_S:.0f} s that {what}.")
        time.sleep(LOOK_S)


def shares(admin: Admin, group: str) -> dict[str, list[str]]:
    """The partitions that each instance has."""
    if group not in {listed.group for listed in admin.list_groups()}:
        return {}
    found: dict[str, list[str]] = {}
    for row in admin.describe_group(group).partitions:
        if row.member is not None:
            found.setdefault(row.member.client_id, []).append(str(row.partition))
    return dict(sorted(found.items()))


def latest(address: str, topic: str, value_serde: Serde[Any]) -> dict[str, Any]:
    """The last value of each key of a topic: what a table of it holds."""
    config = {"bootstrap.servers": address, "key.deserializer": text, "value.deserializer": value_serde}
    found: dict[str, Any] = {}
    with Consumer({**config, "auto.offset.reset": "earliest", "enable.auto.commit": False}) as consumer:
        partitions = consumer.partitions_for(topic)
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            found.update({str(record.key): record.value for record in consumer.poll(500)})
    return found


@contextlib.contextmanager
def broker(directory: Path) -> Iterator[None]:
    """The broker starts with the first client; here it is stopped at the end, since its directory goes."""
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(json.loads((directory / "endpoint").read_text("utf-8"))["pid"], signal.SIGTERM)


def timed(work: Callable[[], None]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


# Showing


def top(counts: dict[str, int], number: int = 10) -> list[list[object]]:
    return [[name, count] for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:number]]


def show(found: Output, given: Input) -> None:
    print()
    table(["Word", "Count"], top(found.words), False, "The most frequent words")
    print()
    places = dict(given.airports)
    busiest = [[iata, *next(csv.reader([places[str(iata)]]))[:3], n] for iata, n in top(found.departures)]
    table(["Airport", "Name", "City", "State", "Flights"], busiest, False, "The busiest airports")
    print()
    flights = {state: row["flights"] for state, row in found.delays_by_state.items()}
    mean = {state: row["delay"] / row["flights"] for state, row in found.delays_by_state.items()}
    delays = [[state, n, round(mean[str(state)], 1)] for state, n in top(flights, 5)]
    table(["State", "Flights", "Minutes late on average"], delays, False, "The busiest states")
    print()


def main() -> int:
    start = time.monotonic()
    given = read_input()
    with tempfile.TemporaryDirectory(prefix="streams-demo-", ignore_cleanup_errors=True) as made:
        print(f"Data in {made}", flush=True)
        found = run(Path(made) / "data", given, lambda line: print(line, flush=True))
    show(found, given)
    departures, delays = expected_flights(given)
    checks = {
        f"{len(found.words):,} words": found.words == expected_words(),
        f"{len(found.departures)} airports": found.departures == departures,
        f"{len(found.delays_by_state)} states": found.delays_by_state == delays,
    }
    for what, right in checks.items():
        print(f"{what}: {'equal to the expected answer' if right else 'NOT equal to the expected answer'}")
    print(f"The demo took {time.monotonic() - start:.0f} s.")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

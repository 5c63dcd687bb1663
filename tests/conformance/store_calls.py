"""Calls on the stores that a processor opens, whatever their kind, place and cache, and what Java answers to each.

`python -m tests.conformance.store_calls N SEED` makes N scripts, asks Java (`recorder/StoreCalls.java`) and prints each
difference; with `--record` it writes scripts and answers into `store_calls.json.gz`, which the tests replay.

Left out are the calls that Java's caches answer with rows twice, deleted or missing (docs/differences-from-java.md),
and those that it refuses.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams import Stores, StreamsBuilder, Windowed
from streams.record import Window
from streams.serdes import Serdes
from streams.testing import TopologyTestDriver
from tests.conformance.java import prepare

RECORDED = Path(__file__).parent / "store_calls.json.gz"
TEXT = Serdes.string()
KEYS = ("a", "ab", "b", "aa")
EVENTS = 12

Script = dict[str, Any]
"""`open`: the store, in words; `events`: time and calls of each record; `answers`: what each record's calls gave."""


def or_none(said: str) -> str | None:
    return None if said == "null" else said


def text(value: object) -> str:
    return "null" if value is None else str(value)


def rows(found: Any) -> str:
    with found as entries:
        return " ".join(f"{key}={value}" for key, value in entries)


def windowed(found: Any) -> str:
    with found as entries:
        return " ".join(f"{key.key}@{key.window.start}-{key.window.end}={value}" for key, value in entries)


def version(found: Any) -> str:
    if found is None:
        return "null"
    return f"{found.value}@{found.timestamp}-{'' if found.valid_to is None else found.valid_to}"


def session(key: str, start: str, end: str) -> Windowed[str]:
    return Windowed(key, Window(int(start), int(end)))


def numbers(said: list[str]) -> list[int]:
    return [int(each) for each in said]


def keys(said: list[str]) -> list[Any]:
    """Two keys, either of which may be open, and times."""
    return [or_none(said[0]), or_none(said[1]), *numbers(said[2:])]


Call = Callable[[Any, list[str]], object]
CALLS: dict[str, dict[str, Call]] = {
    "key-value": {
        "put": lambda s, c: s.put(c[0], or_none(c[1])),
        "put_if_absent": lambda s, c: text(s.put_if_absent(c[0], or_none(c[1]))),
        "delete": lambda s, c: text(s.delete(c[0])),
        "get": lambda s, c: text(s.get(c[0])),
        "range": lambda s, c: rows(s.range(*keys(c))),
        "reverse_range": lambda s, c: rows(s.reverse_range(*keys(c))),
        "all": lambda s, c: rows(s.all()),
        "prefix_scan": lambda s, c: rows(s.prefix_scan(c[0], TEXT)),
    },
    "window": {
        "put": lambda s, c: s.put(c[0], or_none(c[1]), int(c[2])),
        "get": lambda s, c: text(s.fetch(c[0], int(c[1]))),
        "fetch": lambda s, c: rows(s.fetch(c[0], *numbers(c[1:]))),
        "backward_fetch": lambda s, c: rows(s.backward_fetch(c[0], *numbers(c[1:]))),
        "fetch_keys": lambda s, c: windowed(s.fetch(*keys(c))),
        "backward_fetch_keys": lambda s, c: windowed(s.backward_fetch(*keys(c))),
        "fetch_all": lambda s, c: windowed(s.fetch_all(*numbers(c))),
        "backward_fetch_all": lambda s, c: windowed(s.backward_fetch_all(*numbers(c))),
        "all": lambda s, c: windowed(s.all()),
        "backward_all": lambda s, c: windowed(s.backward_all()),
    },
    "session": {
        "put": lambda s, c: s.put(session(c[0], *c[2:]), or_none(c[1])),
        "remove": lambda s, c: s.remove(session(*c)),
        "get": lambda s, c: text(s.fetch_session(c[0], *numbers(c[1:]))),
        "fetch": lambda s, c: windowed(s.fetch(c[0])),
        "backward_fetch": lambda s, c: windowed(s.backward_fetch(c[0])),
        "fetch_keys": lambda s, c: windowed(s.fetch(*keys(c))),
        "backward_fetch_keys": lambda s, c: windowed(s.backward_fetch(*keys(c))),
        "find": lambda s, c: windowed(s.find_sessions(c[0], *numbers(c[1:]))),
        "backward_find": lambda s, c: windowed(s.backward_find_sessions(c[0], *numbers(c[1:]))),
        "find_keys": lambda s, c: windowed(s.find_sessions(*keys(c))),
        "backward_find_keys": lambda s, c: windowed(s.backward_find_sessions(*keys(c))),
    },
    "versioned": {
        "put": lambda s, c: text(s.put(c[0], or_none(c[1]), int(c[2]))),
        "delete": lambda s, c: version(s.delete(c[0], int(c[1]))),
        "get": lambda s, c: version(s.get(c[0])),
        "as_of": lambda s, c: version(s.get(c[0], int(c[1]))),
    },
}


def builder_of(kind: str, place: str, cached: bool, retention: int, duplicates: bool) -> Any:
    memory = place == "memory"
    if kind == "versioned":
        supplier = Stores.persistent_versioned_key_value_store("s", retention)
        return Stores.versioned_key_value_store_builder(supplier, TEXT, TEXT)
    if kind == "window":
        window = Stores.in_memory_window_store if memory else Stores.persistent_window_store
        made = Stores.window_store_builder(window("s", retention, 10, duplicates), TEXT, TEXT)
    elif kind == "session":
        sessions = Stores.in_memory_session_store if memory else Stores.persistent_session_store
        made = Stores.session_store_builder(sessions("s", retention), TEXT, TEXT)
    else:
        plain = Stores.in_memory_key_value_store if memory else Stores.persistent_key_value_store
        made = Stores.key_value_store_builder(Stores.lru_map("s", 3) if place == "lru" else plain("s"), TEXT, TEXT)
    return made.with_caching_enabled() if cached else made.with_caching_disabled()


def answers(script: Script) -> Iterator[str]:
    """Ours, record by record."""
    kind, place, cache, retention, duplicates = script["open"].split()
    calls = CALLS[kind]

    class Caller:
        def init(self, context: Any) -> None:
            self.context = context
            self.store = context.get_state_store("s")

        def process(self, record: Any) -> None:
            said = [call.split() for call in record.value.split(";")]
            found = "".join(f"{calls[words[0]](self.store, words[1:]) or ''};" for words in said)
            self.context.forward(record.with_value(found))

    builder = StreamsBuilder()
    builder.add_state_store(builder_of(kind, place, int(cache) > 0, int(retention), duplicates == "duplicates"))
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.process(Caller, "s").to("out", key_serde=TEXT, value_serde=TEXT)
    with TopologyTestDriver(builder.build(), {"statestore.cache.max.bytes": int(cache)}) as driver:
        into, out = driver.create_input_topic("in", TEXT, TEXT), driver.create_output_topic("out", TEXT, TEXT)
        for time, said in script["events"]:
            into.pipe_input("k", said, timestamp=time)
            yield out.read_value()


class Chance:
    """One script, drawn."""

    def __init__(self, seed: str) -> None:
        self.random = chance = random.Random(seed)
        self.kind = chance.choice(["key-value", "window", "window", "session", "session", "versioned"])
        self.place = chance.choice(["memory", "disk", *(["lru"] if self.kind == "key-value" else [])])
        self.duplicates = self.kind == "window" and chance.random() < 0.2
        self.cache = chance.choice([0, 0, 1, 200_000, 10_485_760])
        if self.kind == "versioned":
            self.place = "disk"
        if self.kind == "versioned" or self.duplicates:
            self.cache = 0
        self.retention = chance.choice([50, 200, 60_000, 150_000])

    def script(self) -> Script:
        words = "duplicates" if self.duplicates else "single"
        head = f"{self.kind} {self.place} {self.cache} {self.retention} {words}"
        events = [[self.time(), ";".join(self.call() for _ in range(self.random.randint(1, 4)))] for _ in range(EVENTS)]
        return {"open": head, "events": events}

    def time(self) -> int:
        near = self.random.randint(0, 400)
        return near * 1_000 if self.retention > 1_000 and self.random.random() < 0.3 else near

    def key(self, open_ends: bool = False) -> str:
        return self.random.choice([*KEYS, "null"] if open_ends else KEYS)

    def value(self) -> str:
        return "null" if self.random.random() < 0.33 else f"v{self.random.randint(0, 99)}"

    def times(self) -> str:
        return " ".join(map(str, sorted((self.time(), self.time()))))

    def cells(self) -> str:
        start = self.time()
        return {"window": str(start), "session": f"{start} {start + self.random.randint(0, 40)}"}.get(self.kind, "")

    def call(self) -> str:
        name = self.random.choice([*CALLS[self.kind], *["put"] * 6])
        while self.left_out(name):
            name = self.random.choice(list(CALLS[self.kind]))
        key = self.key()
        if name in ("put", "put_if_absent"):
            at = str(self.time()) if self.kind == "versioned" else self.cells()
            return f"{name} {key} {self.value()} {at}".strip()
        if name in ("range", "reverse_range", "fetch_keys", "backward_fetch_keys", "find_keys", "backward_find_keys"):
            open_ends = self.cache == 0 or self.kind == "key-value"
            timeless = self.kind == "key-value" or (self.kind == "session" and name.endswith("fetch_keys"))
            times = "" if timeless else self.times()
            return f"{name} {self.key(open_ends)} {self.key(open_ends)} {times}".strip()
        if name in ("all", "backward_all"):
            return name
        if name.endswith("fetch_all"):
            return f"{name} {self.times()}"
        if name in ("find", "backward_find") or (self.kind == "window" and name in ("fetch", "backward_fetch")):
            return f"{name} {key} {self.times()}"
        if name == "remove" or (name == "get" and self.kind in ("window", "session")):
            return f"{name} {key} {self.cells()}"
        if self.kind == "versioned" and name != "get":
            return f"{name} {key} {self.time()}"
        return f"{name} {key}"

    def left_out(self, name: str) -> bool:
        """Does Java's cache, its LRU map or its store with duplicates answer this with something else?"""
        backwards = name.startswith(("backward", "reverse"))
        if self.place == "lru":
            return backwards or name == "prefix_scan"
        return (backwards and self.cache > 0) or (name == "get" and self.duplicates)


@contextmanager
def java() -> Iterator[Callable[[str], str]]:
    """Says a line to Java, and gives its answer."""
    command = prepare()
    command[command.index("Oracle")] = "StoreCalls"
    pipe = subprocess.PIPE
    process = subprocess.Popen(command[:-1], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
    assert process.stdin is not None and process.stdout is not None

    def ask(line: str) -> str:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        return process.stdout.readline().rstrip("\n")

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait(30)


def recorded(number: int, seed: str) -> Iterator[Script]:
    """Scripts with Java's answers; one ends before the first record with a call that Java refuses."""
    with java() as ask:
        for each in range(number):
            script = Chance(f"{seed}-{each}").script()
            assert ask(f"open {script['open']}") == "open"
            script["answers"] = [ask(f"{time} {calls}") for time, calls in script["events"]]
            refused = [at for at, answer in enumerate(script["answers"]) if "!" in answer]
            script["events"] = script["events"][: refused[0] if refused else EVENTS]
            script["answers"] = script["answers"][: len(script["events"])]
            yield script


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.store_calls", description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("seed")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    scripts = list(recorded(options.number, options.seed))
    for script in scripts:
        for event, java_says, ours in zip(script["events"], script["answers"], answers(script), strict=True):
            if java_says != ours:
                print(f"{script['open']}: {event}\n  Java {java_says}\n  here {ours}")
                break
    if options.record:
        with RECORDED.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
            file.write(json.dumps([script for script in scripts if script["events"]]).encode())


if __name__ == "__main__":
    main()

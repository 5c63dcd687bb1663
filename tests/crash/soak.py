"""`python -m tests.crash soak --minutes N`: word count and windows at a low rate; memory, descriptors and threads of
worker and broker over time.

It is flat if in the second half neither grows by more than 15 % and 20 MB, nor in descriptors. What a worker holds
comes in this order: caches of RocksDB and of the stores fill to their bounds first, which takes minutes at this rate.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from streams import Serdes
from streams.clients import Admin, Producer, ProducerRecord
from tests.engines import broker_pid, local_engine

SCRIPT = """
from datetime import timedelta
from streams import Serdes, TimeWindows

def topology(builder):
    text, count = Serdes.string(), Serdes.long()
    lines = builder.stream("words-in", key_serde=text, value_serde=text)
    words = lines.flat_map_values(str.split).group_by(lambda key, word: word, key_serde=text, value_serde=text)
    words.count(store="words").to_stream().to("word-counts", key_serde=text, value_serde=count)
    windows = TimeWindows.of_size_with_no_grace(timedelta(seconds=10))
    counted = words.windowed_by(windows).count(store="windows").to_stream(lambda windowed, _: windowed.key)
    counted.to("window-counts", key_serde=text, value_serde=count)
"""
VOCABULARY = [f"w{number}" for number in range(2_000)]
SECOND_HALF = 0.15, 20.0
"""What counts as growth: this part, and so many MB."""


class Sample(NamedTuple):
    """One process at one moment."""

    megabytes: float
    private: float
    descriptors: int
    threads: int


def sample(pid: int) -> Sample:
    numbers = {}
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon", "Threads"):
            numbers[name] = int(value.split()[0])
    open_now = len(os.listdir(f"/proc/{pid}/fd"))
    return Sample(numbers["VmRSS"] / 1024, numbers["RssAnon"] / 1024, open_now, numbers["Threads"])


def grows(samples: Sequence[Sample]) -> str:
    """What grew in the second half, or ""."""
    half = samples[len(samples) // 2 :]
    first, last = half[0], half[-1]
    part, most = SECOND_HALF
    if last.megabytes - first.megabytes > max(most, part * first.megabytes):
        return f"memory from {first.megabytes:.0f} to {last.megabytes:.0f} MB"
    if last.descriptors > first.descriptors + 10:
        return f"descriptors from {first.descriptors} to {last.descriptors}"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=400, help="lines a second")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two samples")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--config", action="append", default=[], metavar="NAME=VALUE", help="a setting of the worker")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="soak-") as made:
        root = Path(made)
        with local_engine(root / "data") as address:
            return soaked(root, address, asked)


def soaked(root: Path, address: str, asked: argparse.Namespace) -> int:
    with Admin(bootstrap_servers=address) as admin:
        for topic in ("words-in", "word-counts", "window-counts"):
            admin.create_topic(topic, 4)
    script = root / "job.py"
    script.write_text(SCRIPT, "utf-8")
    settings = [part for each in asked.config for part in ("-c", each)]
    command = [sys.executable, "-m", "streams.cli.main", "run", str(script), "-a", "soak", "-b", address, *settings]
    with (root / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as worker:
        broker = broker_pid(root / "data")
        assert broker is not None
        found = {worker.pid: list[Sample](), broker: list[Sample]()}
        lines = feed(address, asked, found)
        worker.terminate()
        code = worker.wait(60)
    both = {"worker": found[worker.pid], "broker": found[broker]}
    problems = [f"{who}: {what}" for who, samples in both.items() if (what := grows(samples))]
    print(f"{lines:,} lines; exit code {code}; {'; '.join(problems) or 'flat'}")
    return 1 if problems or code else 0


def feed(address: str, asked: argparse.Namespace, found: dict[int, list[Sample]]) -> int:
    """Sends lines for the time that was asked for, and takes samples; how many lines?"""
    chance, text = random.Random(asked.seed), Serdes.string()
    began, due, lines = time.monotonic(), 0.0, 0
    with Producer(bootstrap_servers=address, key_serializer=text, value_serializer=text, linger_ms=5) as producer:
        while (now := time.monotonic() - began) < asked.minutes * 60:
            for _ in range(max(1, asked.rate // 10)):
                line = " ".join(chance.choices(VOCABULARY, k=5))
                producer.send(ProducerRecord("words-in", line, partition=lines % 4))
                lines += 1
            producer.flush()
            if now >= due:
                due = now + asked.every
                told = []
                for pid, samples in found.items():
                    samples.append(sample(pid))
                    size, own, descriptors, threads = samples[-1]
                    told.append(f"{size:5.0f} MB ({own:.0f} own) {descriptors} fds {threads} threads")
                print(f"{now:6.0f} s  worker {told[0]}  broker {told[1]}", flush=True)
            time.sleep(max(0.0, 0.1 - (time.monotonic() - began - now)))
    return lines

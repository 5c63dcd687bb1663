"""What the programs of the peers share: what they are told, and the samples that they give. The standard library only,
and orjson where it is there."""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from typing import NamedTuple

try:
    from orjson import dumps, loads
except ImportError:
    loads = json.loads

    def dumps(value):
        return json.dumps(value).encode()


__all__ = ["Order", "Progress", "dumps", "loads"]
EVERY_S = 0.02


class Order(NamedTuple):
    """The job, records that come and that go out, the broker and its process, and names."""

    job: str
    total: int
    outputs: int
    servers: str
    broker: int
    application: str
    source: str
    out: str
    state: str


class Progress:
    """Counts input records and samples them. A context manager around the run; prints the samples at its end."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._done = 0
        self._samples: list[tuple[float, float, float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample_on, daemon=True)

    def count(self, *_: object) -> None:
        """One more."""
        self._done += 1
        if self._done == 1:
            self._samples.append(self._now(0))

    def _sample_on(self) -> None:
        while not self._over.wait(EVERY_S):
            if self._done:
                self._samples.append(self._now(self._done))

    def _now(self, done: int) -> tuple[float, float, float, int]:
        return time.monotonic(), time.process_time(), cpu_of(self._order.broker), done

    def __enter__(self) -> Progress:
        self._samples.append(self._now(0))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._samples.append(self._now(self._done))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"samples": self._samples, "peak_mb": peak, "total": self._done}), flush=True)


def cpu_of(pid: int) -> float:
    """CPU seconds of a process; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

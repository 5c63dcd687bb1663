"""Time, CPU time and memory of this process and of the broker's, and the rates that come of them."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_SCHEDULED = 2


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, all its threads; 0 where the system does not tell."""
    try:
        return time.clock_gettime((~pid << 3) | _SCHEDULED)  # what clock_getcpuclockid(3) gives on Linux
    except OSError:
        return 0.0


def peak_mb() -> float:
    """The most memory this process has had, in MB."""
    # Where /proc tells, it is believed: what getrusage gives there begins with the memory of whoever forked us.
    told = resident_mb(os.getpid())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told or peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def resident_mb(pid: int) -> float:
    """The most memory a process has had, in MB; 0 where the system does not tell."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


class Sample(NamedTuple):
    """How far a run is: monotonic seconds, CPU seconds of worker and broker, records done."""

    at: float
    worker: float
    broker: float
    done: int


def sample(broker: int, done: int) -> Sample:
    """Now."""
    return Sample(time.monotonic(), time.process_time(), cpu_of(broker), done)


class Rates(NamedTuple):
    """Of a stretch of a run: records, records a second, CPU nanoseconds a record of worker and broker."""

    records: int
    per_second: float
    worker_ns: float
    broker_ns: float

    @property
    def all_ns(self) -> float:
        """Of both."""
        return self.worker_ns + self.broker_ns


def steady(samples: Sequence[Sample], total: int) -> Rates:
    """The second half: from the first sample with half of the records to the last one before the end.

    A run too short for that is taken as a whole.
    """
    inner = [each for each in samples if total // 2 <= each.done < total]
    first, last = (inner[0], inner[-1]) if len(inner) > 1 else (samples[0], samples[-1])
    if last.done == first.done:
        first, last = samples[0], samples[-1]
    return between(first, last)


def scaled(rates: Rates, part: float) -> Rates:
    """The same stretch where only this part of the records is counted."""
    return Rates(round(rates.records * part), rates.per_second * part, rates.worker_ns / part, rates.broker_ns / part)


def between(first: Sample, last: Sample) -> Rates:
    """The stretch from one sample to another."""
    count = max(1, last.done - first.done)
    return Rates(
        last.done - first.done,
        count / max(1e-9, last.at - first.at),
        (last.worker - first.worker) / count * 1e9,
        (last.broker - first.broker) / count * 1e9,
    )

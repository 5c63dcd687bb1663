"""An application at one moment, and the line that says it: how fast, how far behind, what is dropped and restored;
and what a worker tells its group's coordinator of that with each heartbeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.clients.status import MemberStatus, write_status
from streams.dropped import Dropped
from streams.runtime.worker.lifecycle import WorkerState
from streams.troubles import Troubles

SUMMARIES = "streams.summary"
"""The logger of the summaries of running applications."""


@dataclass(frozen=True, slots=True)
class Summary:
    """An application at one moment, in this process.

    Args:
        state: Kafka's word, such as `RUNNING`.
        records: processed since it started.
        lag: records that its source partitions have beyond what is processed, as far as is known.
        dropped: records that were dropped since it started, by cause.
        restored: records that have been read into stores that are being restored.
        to_restore: records that there are to be read; 0: nothing is being restored.
        commits: since it started.
        trouble: what keeps it from its work, and what to do; "": nothing.
    """

    state: str
    records: int = 0
    lag: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    restored: int = 0
    to_restore: int = 0
    trouble: str = ""
    commits: int = 0

    @property
    def totals(self) -> str:
        """What there was, as the last line says it."""
        return f"{self.records:,} records processed, {self._drops}"

    @property
    def _drops(self) -> str:
        total = sum(self.dropped.values())
        if not total:
            return "none dropped"
        causes = ", ".join(f"{count:,} {cause}" for cause, count in sorted(self.dropped.items()))
        return f"{total:,} dropped ({causes})"


class Pace:
    """How fast it goes, from one look to the next.

    Args:
        at_s: a monotonic time.
    """

    def __init__(self, at_s: float) -> None:
        self._at_s = at_s
        self._records = 0
        self._restored = 0
        self._commits = 0

    def line(self, now: Summary, at_s: float, commits: bool = False) -> str:
        """The line about this moment; rates are since the last one.

        Args:
            commits: says how many there were, too.
        """
        seconds = max(at_s - self._at_s, 0.001)
        rate = max(0, now.records - self._records) / seconds
        parts = [now.state]
        if now.to_restore:  # the first thing to know: a narrow terminal cuts the line at its end
            parts.append(self._restoring(now, seconds))
        parts += [f"{rate:,.0f} records/s ({now.records:,} in all)", f"lag {now.lag:,}"]
        parts.append(now._drops)
        if commits:
            count = now.commits - self._commits
            parts.append(f"{count:,} commit{'s' * (count != 1)}")
        if now.trouble:
            parts.append(now.trouble)
        self._at_s, self._records, self._restored, self._commits = at_s, now.records, now.restored, now.commits
        return ", ".join(parts)

    def _restoring(self, now: Summary, seconds: float) -> str:
        share = 100 * now.restored // now.to_restore
        rate = (now.restored - self._restored) / seconds
        left = f", about {_spoken((now.to_restore - now.restored) / rate)} left" if rate > 0 else ""
        return f"restoring {now.restored:,} of {now.to_restore:,} ({share} %{left})"


def _spoken(seconds: float) -> str:
    """A span for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5_400:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3_600)} h"


def status_of(
    state: WorkerState, dropped: Dropped, restores: Mapping[str, tuple[int, int]], troubles: Troubles
) -> bytes:
    """The bytes of a worker's status (`clients.status`). Any thread may ask.

    Args:
        restores: stores that are being restored: records done and to be done.
    """
    done, total = (sum(row[at] for row in restores.values()) for at in (0, 1))
    return write_status(MemberStatus(dropped.id, state.value, dropped.by_cause(), done, total, troubles.text))

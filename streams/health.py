"""Is an application alive, is it ready, has it started? Pure: from what a process sees of itself to a verdict.

*Live*: nothing hangs. Whoever is not should be ended and started again; a long restore is no reason for that.
*Ready*: so many of its tasks run that requests are worth sending to it.
*Started*: its workers have been given their places in the group, whatever is restored after that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

PROBES = ("live", "ready", "startup")
ENDED = ("NOT_RUNNING", "ERROR")
WAITS_FOR_OTHERS = ("COMMITTING", "BLOCKED")
"""What a worker may do for as long as the engine makes it wait."""
BEFORE_ITS_PLACE = ("CREATED", "STARTING", "PARTITIONS_REVOKED")


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """A worker at one moment.

    Args:
        name: of the worker.
        state: Kafka's, as `RUNNING`.
        doing: what it does (`runtime.worker.time_shares.Doing`).
        since_s: for how long that has been.
        tasks: how many it has.
        running: how many of them run, their stores restored.
        restored: records that have been restored.
        to_restore: records that there are to be.
    """

    name: str
    state: str
    doing: str
    since_s: float
    tasks: int = 0
    running: int = 0
    restored: int = 0
    to_restore: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is asked of an application.

    Args:
        hung_s: a worker that has been in one piece of work for so long hangs (`health.hung.ms`).
        waits_s: the same where it waits for the engine; at least `task.timeout.ms`.
        ready_share: ready is who runs so many of its tasks (`health.ready.share`).
    """

    hung_s: float
    waits_s: float
    ready_share: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, and why it is no."""

    ok: bool
    reasons: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What a process says of itself.

    Args:
        state: of the application.
        live, ready, started: see the module.
        workers: its workers.
    """

    state: str
    live: Verdict
    ready: Verdict
    started: Verdict
    workers: Sequence[WorkerHealth] = ()

    def answer(self, what: str) -> tuple[int, Mapping[str, object]]:
        """Status and JSON of a probe.

        Args:
            what: `live`, `ready` or `startup`.
        """
        verdict = {"live": self.live, "ready": self.ready, "startup": self.started}[what]
        body = {
            "status": "UP" if verdict.ok else "DOWN",
            "state": self.state,
            "reasons": list(verdict.reasons),
            "workers": [asdict(worker) for worker in self.workers],
        }
        return (200 if verdict.ok else 503), body


def judged(state: str, workers: Sequence[WorkerHealth], bounds: Bounds) -> Health:
    """The verdicts on an application.

    Args:
        state: Kafka's, as `RUNNING`.
        workers: those that have not ended.
    """
    live, ready = _live(state, workers, bounds), _ready(state, workers, bounds)
    return Health(state, live, ready, _started(state, workers), workers)


def _live(state: str, workers: Sequence[WorkerHealth], bounds: Bounds) -> Verdict:
    if state in ENDED:
        return Verdict(False, (f"The application has ended: {state}.",))
    hang = []
    for worker in workers:
        bound = bounds.waits_s if worker.doing in WAITS_FOR_OTHERS else bounds.hung_s
        doing = worker.doing.lower().replace("_", " ")
        if worker.since_s > bound:
            hang.append(
                f"{worker.name} has been {doing} for {worker.since_s:.0f} s; it may be "
                f"so for {bound:.0f} s. Does a function of yours not return?"
            )
    return Verdict(not hang, tuple(hang))


def _ready(state: str, workers: Sequence[WorkerHealth], bounds: Bounds) -> Verdict:
    if state not in ("RUNNING", "REBALANCING"):
        return Verdict(False, (f"The application is {state}.",))
    placed = _started(state, workers)
    if not placed.ok:
        return placed
    tasks, running = (sum(each) for each in ((w.tasks for w in workers), (w.running for w in workers)))
    if running >= tasks * bounds.ready_share:
        return Verdict(True)
    done, total = (sum(each) for each in ((w.restored for w in workers), (w.to_restore for w in workers)))
    restored = f"; {done:,} of {total:,} records are restored" if total else ""
    return Verdict(False, (f"{running} of {tasks} tasks run{restored}.",))


def _started(state: str, workers: Sequence[WorkerHealth]) -> Verdict:
    if state in ENDED:
        return Verdict(False, (f"The application has ended: {state}.",))
    early = [f"{worker.name} is {worker.state}." for worker in workers if worker.state in BEFORE_ITS_PLACE]
    if not workers:
        early.append("There is no worker yet.")
    return Verdict(not early, tuple(early))


def together(answers: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    """The JSON of a probe of several processes as one: well is who is so everywhere."""
    states = sorted({str(each.get("state")) for each in answers})

    def all_of(what: str) -> list[object]:
        found = [each.get(what) for each in answers]
        return [one for some in found if isinstance(some, list) for one in some]

    up = bool(answers) and all(each.get("status") == "UP" for each in answers)
    return {
        "status": "UP" if up else "DOWN",
        "state": ", ".join(states),
        "reasons": all_of("reasons"),
        "workers": all_of("workers"),
    }

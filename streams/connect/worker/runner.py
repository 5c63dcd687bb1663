"""What runs a task step by step, and what it is given for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.clients.api import Door
from streams.connect.config_def import Config
from streams.connect.transforms.chain import Stage as Transformation
from streams.connect.worker.offsets import Offsets
from streams.connect.worker.status import Status
from streams.connect.worker_config import WorkerConfig

FIRST_WAIT_MS = 100.0
LONGEST_WAIT_MS = 1_000.0
"""A task whose other side is away asks again after the first, then twice as long, at most the longest."""


def wait_ms(attempts: int) -> float:
    """How long to wait after so many attempts in vain."""
    return min(FIRST_WAIT_MS * (1 << min(attempts, 16)), LONGEST_WAIT_MS)


@dataclass(frozen=True, slots=True)
class TaskParts:
    """What a task is run with.

    Args:
        door: the engine.
        worker: the worker's settings.
        connector: the connector's name.
        task: the number of the task.
        given: the settings of the connector as they were written, secrets in place.
        common: the same, checked: those that every connector has.
        config: the settings of the task, checked by the connector's definition.
        stages: the transforms, its own.
        offsets: where positions of sources are read.
        status: what is told of it.
        hide: takes secrets out of what is told.
        confirm: raises `NotOwnedException` where the task is not, or not so, for this worker to run.
    """

    door: Door
    worker: WorkerConfig
    connector: str
    task: int
    given: Mapping[str, str]
    common: Config
    config: Config
    stages: Sequence[Transformation]
    offsets: Offsets
    status: Status
    hide: Callable[[str], str]
    confirm: Callable[[], None]

    @property
    def name(self) -> str:
        """As it is called in messages and by the engine."""
        return f"{self.connector}-{self.task}"


class Runner(Protocol):
    """One life of a task."""

    def start(self) -> None:
        """Opens everything.

        Raises:
            RetriableException: the other side is away.
        """
        ...

    def step(self) -> float:
        """A piece of work; how long (ms) to wait before the next."""
        ...

    def finish(self) -> None:
        """Ends in order: what can be committed is."""
        ...

    def close(self) -> None:
        """Gives back everything, whatever state it is in."""
        ...

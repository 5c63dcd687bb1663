"""What becomes of a record that cannot be dealt with: tried again, passed over, reported, or the end of the task.

By `errors.retry.timeout`, `errors.tolerance`, `errors.log.*` and the dead letter topic, as Kafka Connect has them.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from streams.connect.config_def import Config
from streams.connect.errors import ConnectException, RetriableException
from streams.errors import KafkaException
from streams.world import World

log = logging.getLogger("streams.connect.errors")

T = TypeVar("T")
R = TypeVar("R")
FIRST_WAIT_MS = 300
"""The first wait before a step is tried again; each is twice the one before."""


class Stage(Enum):
    """Which step a record was in; the words are Kafka Connect's."""

    TRANSFORMATION = "TRANSFORMATION"
    TASK_PUT = "TASK_PUT"
    KEY_CONVERTER = "KEY_CONVERTER"
    VALUE_CONVERTER = "VALUE_CONVERTER"
    HEADER_CONVERTER = "HEADER_CONVERTER"
    KAFKA_PRODUCE = "KAFKA_PRODUCE"


@dataclass(slots=True)
class Step:
    """Where a record stands: the stage, and what works on it. One object a task, which is written to."""

    stage: Stage = Stage.TRANSFORMATION
    worker: object = None

    @property
    def class_name(self) -> str:
        """The name of what works on it."""
        kind = self.worker if isinstance(self.worker, type) else type(self.worker)
        return f"{kind.__module__}.{kind.__qualname__}"


class Reporter(Protocol):
    """Hears of records that were passed over."""

    def report(self, record: object, step: Step, error: BaseException) -> None:
        """One of them.

        Args:
            record: as it came in.
            step: where it stood.
            error: what was wrong.
        """
        ...


class Tolerance:
    """The settings `errors.*` of one task at work.

    Args:
        config: the connector's.
        connector: its name.
        task: the number of the task.
        world: for waiting.
        reporter: hears of records that are passed over, beside the log; None: there is none.
    """

    def __init__(
        self, config: Config, connector: str, task: int, world: World, reporter: Reporter | None = None
    ) -> None:
        self.tolerates = config.text("errors.tolerance") == "all"
        self._timeout_ms = config.number("errors.retry.timeout")
        self._longest_ms = config.number("errors.retry.delay.max.ms")
        self._logs = config.flag("errors.log.enable")
        self._with_record = config.flag("errors.log.include.messages")
        self._name = f"{connector}-{task}"
        self._world = world
        self._reporter = reporter
        self.step = Step()
        self.passed_over = 0
        """How many records were."""

    def attempt(self, record: T, action: Callable[[T], R]) -> R | None:
        """What an action makes of a record; None: it could not, and the record is passed over.

        Raises:
            ConnectException: it could not, and nothing is tolerated.
        """
        try:
            return action(record)
        except KafkaException as error:
            return self._again(record, action, error)

    def _again(self, record: T, action: Callable[[T], R], error: KafkaException) -> R | None:
        began, wait_ms = self._world.monotonic_ms(), float(FIRST_WAIT_MS)
        while isinstance(error, RetriableException) and self._timeout_ms != 0:
            left = began + self._timeout_ms - self._world.monotonic_ms()
            if self._timeout_ms > 0 and left <= 0:
                break
            self._world.sleep(min(wait_ms, self._longest_ms, left if self._timeout_ms > 0 else wait_ms))
            wait_ms *= 2
            try:
                return action(record)
            except KafkaException as again:
                error = again
        self.pass_over(record, error)
        return None

    def pass_over(self, record: object, error: BaseException) -> None:
        """Reports a record, where errors are tolerated.

        Raises:
            ConnectException: they are not.
        """
        if self._logs:
            shown = f" Record: {record!r}." if self._with_record else ""
            log.error(
                "Error encountered in task %s. Executing stage '%s' with class '%s'.%s %s: %s",
                self._name, self.step.stage.value, self.step.class_name, shown, type(error).__name__, error,
            )  # fmt: skip
        if not self.tolerates:
            raise ConnectException(
                f"Tolerance exceeded in error handler: {self.step.stage.value} by {self.step.class_name}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if self._reporter is not None:
            self._reporter.report(record, self.step, error)
        self.passed_over += 1


def trace_of(error: BaseException) -> str:
    """The traceback of an error, as text."""
    return "".join(traceback.format_exception(error))

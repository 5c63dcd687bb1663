"""What runs in this process: connectors and tasks, started and stopped as they are wanted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from streams.clients.api import Door
from streams.connect.config_def import Config
from streams.connect.connector import Settings, SinkTask, SourceTask
from streams.connect.connector_config import config_of, stages_of, validate
from streams.connect.errors import ConnectException
from streams.connect.looked import looked_at
from streams.connect.providers import Providers
from streams.connect.worker.config_state import ConfigState, ConnectorState, TargetState, TaskId
from streams.connect.worker.connector_runner import ConnectorRunner
from streams.connect.worker.offsets import Offsets
from streams.connect.worker.runner import Runner, TaskParts
from streams.connect.worker.sink_runner import SinkRunner
from streams.connect.worker.source_runner import SourceRunner
from streams.connect.worker.status import State, Status
from streams.connect.worker.supervisor import SupervisedTask
from streams.connect.worker_config import WorkerConfig

log = logging.getLogger("streams.connect.worker")

About = str | TaskId
"""A connector, by its name, or a task."""


class Owner(Protocol):
    """For whom they run."""

    def changed(self, about: About, status: Status) -> None:
        """A connector or a task is in another state. From its thread, or from the one that calls `apply`."""
        ...

    def used(self, task: TaskId, topic: str) -> None:
        """A task uses a topic. From its thread."""
        ...

    def divided(self, name: str, config: Settings, tasks: Sequence[Settings]) -> None:
        """A connector with these settings has divided its work. From its thread."""
        ...

    def confirm(self, task: TaskId, wanted: ConnectorState) -> None:
        """A task is about to write. From its thread.

        Raises:
            NotOwnedException: it is not this worker's, or it is to have other settings.
        """
        ...


@dataclass(slots=True)
class Hosted:
    """A connector or a task that runs, or waits.

    Args:
        settings: with what it was begun, to see whether it has to be begun anew.
        thread: what runs it; None: a connector that is stopped.
        status: how it is.
        hide: takes out of what is told the secrets that are known by now.
    """

    settings: tuple[Settings, ...] = field(repr=False)
    thread: SupervisedTask | None
    status: Status
    hide: Callable[[str], str] = field(default=str)

    def hidden(self, text: str) -> str:
        """The text without secrets."""
        return self.hide(text)


class Running:
    """Connectors and tasks of this process. One thread calls it.

    Args:
        door: the engine.
        config: the worker's settings.
        providers: of secrets.
        owner: is told of what happens.
        alone: nobody sees to it that only one worker runs a task.
    """

    def __init__(self, door: Door, config: WorkerConfig, providers: Providers, owner: Owner, alone: bool) -> None:
        self._door = door
        self._config = config
        self._providers = providers
        self._owner = owner
        self._alone = alone
        self._offsets: dict[str, Offsets] = {}
        self.connectors: dict[str, Hosted] = {}
        self.tasks: dict[TaskId, Hosted] = {}

    # As it is wanted

    def apply(self, state: ConfigState, connectors: Collection[str], tasks: Collection[TaskId]) -> None:
        """Runs of these what is to be run, as it is wanted, and nothing else. What is not concerned goes on."""
        known = state.connectors
        wanted: dict[str, tuple[Settings, ...]] = {
            name: (known[name].config, {"": "stopped"} if known[name].target is TargetState.STOPPED else {})
            for name in connectors
            if name in known
        }
        parts = {
            task: (known[task.connector].divided, known[task.connector].tasks[task.number])
            for task in tasks
            if task.connector in known
            and known[task.connector].target is not TargetState.STOPPED
            and task.number < len(known[task.connector].tasks)
        }
        self.stop(task for task, hosted in self.tasks.items() if parts.get(task) != hosted.settings)
        self.stop(name for name, hosted in self.connectors.items() if wanted.get(name) != hosted.settings)
        for name in wanted.keys() - self.connectors.keys():
            self._start_connector(name, known[name], wanted[name])
        for task in sorted(parts.keys() - self.tasks.keys()):
            if not known[task.connector].unfenced:
                self._start_task(task, known[task.connector])
        for name, hosted in self.connectors.items():
            if hosted.thread is not None:
                hosted.thread.pause(known[name].target is TargetState.PAUSED)
        for task, hosted in self.tasks.items():
            if hosted.thread is not None:
                hosted.thread.pause(known[task.connector].target is TargetState.PAUSED)

    def restart(self, about: Iterable[About]) -> None:
        """Ends some of them, as restarting ones; the next `apply` begins them anew."""
        own = [each for each in about if self._hosted(each) is not None]
        self._end(own, State.RESTARTING)

    def stop(self, about: Iterable[About]) -> None:
        """Ends some of them, and waits."""
        self._end(list(about), None)

    def _hosted(self, about: About) -> Hosted | None:
        return self.tasks.get(about) if isinstance(about, TaskId) else self.connectors.get(about)

    def _end(self, about: Sequence[About], state: State | None) -> None:
        ending = [(each, hosted) for each in about if (hosted := self._hosted(each)) is not None]
        for each, hosted in ending:
            if state is not None:
                hosted.status.changed = _untold  # its end is not told of: it goes on
                self._owner.changed(each, Status(state))
            if hosted.thread is not None:
                hosted.thread.stop()
        graceful_ms = self._config.config.number("task.shutdown.graceful.timeout.ms")
        deadline = self._door.world.monotonic_ms() + graceful_ms
        for each, hosted in ending:
            left = max(0.0, deadline - self._door.world.monotonic_ms())
            if hosted.thread is not None and not hosted.thread.ended(left / 1000):
                log.warning("%s does not stop. What it has not committed is done again.", hosted.thread.name)
                hosted.status.becomes(State.UNASSIGNED)
                hosted.status.changed = _untold
            if isinstance(each, TaskId):
                self.tasks.pop(each, None)
            else:
                self.connectors.pop(each, None)

    def close(self) -> None:
        """Ends all of them, and closes the clients."""
        self.stop([*self.tasks, *self.connectors])
        for offsets in self._offsets.values():
            offsets.close()
        self._offsets = {}

    # One of them

    def _status(self, about: About) -> Status:
        status = Status(changed=lambda status: self._owner.changed(about, status))
        if isinstance(about, TaskId):
            status.used = lambda topic: self._owner.used(about, topic)
        return status

    def _start_connector(self, name: str, wanted: ConnectorState, settings: tuple[Settings, ...]) -> None:
        status = self._status(name)
        hosted = self.connectors[name] = Hosted(settings, None, status)
        if wanted.target is TargetState.STOPPED:
            status.becomes(State.STOPPED)
            return

        def runner() -> Runner:
            looked = looked_at(self._providers, wanted.config)
            hosted.hide = looked.hide
            return ConnectorRunner(looked, lambda tasks: self._owner.divided(name, wanted.config, tasks))

        hosted.thread = SupervisedTask(
            f"Connector {name}", self._door.world, runner, status, hosted.hidden,
            paused=wanted.target is TargetState.PAUSED,
        )  # fmt: skip
        hosted.thread.start()

    def _start_task(self, task: TaskId, wanted: ConnectorState) -> None:
        status = self._status(task)
        settings = wanted.tasks[task.number]
        hosted = self.tasks[task] = Hosted((wanted.divided, settings), None, status)

        def runner() -> Runner:
            looked = looked_at(self._providers, wanted.divided)
            hosted.hide = looked.hide
            common = looked.checked()
            own = common
            if settings != wanted.divided:
                resolved = self._providers.resolved(settings)
                own = config_of(validate(resolved), resolved)
            parts = TaskParts(
                self._door, self._config, task.connector, task.number, looked.given, common, own,
                stages_of(common, looked.given), self._offsets_of(common), status, looked.hide,
                lambda: self._owner.confirm(task, wanted),
            )  # fmt: skip
            made = looked.validation.connector.task_class()
            if isinstance(made, SourceTask):
                return SourceRunner(parts, made)
            if isinstance(made, SinkTask):
                return SinkRunner(parts, made)
            raise ConnectException(f"{type(made).__qualname__} is neither a SourceTask nor a SinkTask.")

        hosted.thread = SupervisedTask(
            f"Task {task}", self._door.world, runner, status, hosted.hidden, alone=self._alone,
            paused=wanted.target is TargetState.PAUSED,
        )  # fmt: skip
        hosted.thread.start()

    def offsets_topic(self, common: Config) -> str:
        """Where the positions of a connector are."""
        topic = self._config.config.text("offset.storage.topic")
        with suppress(KeyError):
            topic = common.text("offsets.storage.topic") or topic
        return topic

    @property
    def offsets_partitions(self) -> int:
        """With how many partitions a topic of positions is made."""
        return self._config.config.number("offset.storage.partitions")

    def _offsets_of(self, common: Config) -> Offsets:
        """One reader for each topic."""
        topic = self.offsets_topic(common)
        return self._offsets.setdefault(topic, Offsets(self._door, topic, self.offsets_partitions))


def _untold(status: Status) -> None:
    """Nobody is told."""


def threads_of(found: Mapping[TaskId, Hosted], name: str) -> list[SupervisedTask]:
    """The tasks of a connector."""
    hosted = [each for task, each in sorted(found.items()) if task.connector == name]
    return [each.thread for each in hosted if each.thread is not None]

"""Keeps what runs in this process as it is wanted: one thread takes what has changed, and starts and stops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from streams.clients.api import Door
from streams.clients.settings import producer_settings
from streams.connect.connector import Settings
from streams.connect.loggers import set_level
from streams.connect.providers import Providers
from streams.connect.worker.config_state import (
    ConfigState,
    ConnectorState,
    Entry,
    Restart,
    TargetState,
    TaskId,
    fenced_entry,
    task_entries,
)
from streams.connect.worker.configs import Configs
from streams.connect.worker.running import About, Running
from streams.connect.worker.status import State, Status
from streams.connect.worker.statuses import Reported, Statuses
from streams.connect.worker.supervisor import NotOwnedException
from streams.connect.worker.transaction import ANSWER_MS
from streams.connect.worker_config import WorkerConfig
from streams.errors import KafkaException
from streams.world import Thread

log = logging.getLogger("streams.connect.worker")

RETRY_MS = 1_000
FAILING = (State.FAILED.value, State.RETRYING.value)
"""States in which a connector or a task cannot do its work."""


class Work(NamedTuple):
    """What one worker is to run."""

    connectors: Collection[str]
    tasks: Collection[TaskId]


class Group(Protocol):
    """The workers that share the work."""

    alone: bool
    """Is this a worker of its own, that knows of no others?"""
    worker_id: str
    """Where this one is found, HOST:PORT."""
    generation: int
    """Of the group."""

    def turn(self) -> None:
        """Takes what has happened in the group."""
        ...

    def work(self, state: ConfigState) -> Work:
        """What this worker is to run now."""
        ...

    def confirm(self, task: TaskId) -> None:
        """Raises `NotOwnedException` where a task is not this worker's, or may not be any more."""
        ...

    def owner(self, about: About) -> str:
        """Where the worker is that runs a connector or a task; "": this one, or nobody knows one."""
        ...

    def is_there(self, worker_id: str) -> bool:
        """Is this one of the workers, as far as is known?"""
        ...

    def wait(self) -> None:
        """Waits until something has happened, or `wake` was called, or a while has passed."""
        ...

    def wake(self) -> None:
        """Ends `wait`. From any thread."""
        ...

    def close(self) -> None:
        """Leaves."""
        ...


class Herder:
    """The owner of what runs here.

    Args:
        door: the engine.
        config: the worker's settings.
        providers: of secrets.
        configs: what is to run.
        statuses: how it is.
        group: who shares the work.
    """

    def __init__(
        self, door: Door, config: WorkerConfig, providers: Providers, configs: Configs, statuses: Statuses, group: Group
    ) -> None:
        self.door = door
        self.config = config
        self.providers = providers
        self.configs = configs
        self.statuses = statuses
        self.group = group
        self.running = Running(door, config, providers, self, group.alone)
        self._changed = door.world.condition()
        self._closing = False
        self._begun = self._ended = 0
        self._asked: list[Callable[[], None]] = []
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begins its thread."""
        self._thread = self.door.world.start("connect-herder", self._run)

    def close(self) -> None:
        """Ends all that runs, leaves the group, and closes the clients. A second call does nothing."""
        if self._closing:
            return
        self._closing = True
        self.group.wake()
        if self._thread is not None:
            self._thread.ended()
        self.running.close()
        self.group.close()

    def _run(self) -> None:
        while not self._closing:
            self._begun += 1
            try:
                self.group.turn()
                self._turn()
            except KafkaException as error:
                log.warning("The worker tries again: %s: %s", type(error).__name__, error)
                self.door.world.sleep(RETRY_MS)
            except Exception:
                log.exception("The worker tries again.")
                self.door.world.sleep(RETRY_MS)
            with self._changed:
                self._ended = self._begun
                self._changed.notify_all()
            if not self._closing:
                self.group.wait()

    def _turn(self) -> None:
        for command in self.configs.commands():
            if isinstance(command, Restart):
                self.running.restart(self.plan(command))
            else:
                set_level(*command)
        asked, self._asked = self._asked, []
        for each in asked:
            each()
        state = self.configs.state.snapshot()
        work = self.group.work(state)
        for name in work.connectors:
            if name in state.connectors and state.connectors[name].unfenced:
                try:
                    self._fence(name, state)
                except KafkaException as error:  # the others go on meanwhile
                    log.warning("The tasks of connector %s wait: %s: %s", name, type(error).__name__, error)
        self.running.apply(self.configs.state.snapshot(), work.connectors, work.tasks)
        self._forget_what_is_gone(state)

    def _forget_what_is_gone(self, state: ConfigState) -> None:
        """What was told of tasks that a connector does not have any more."""
        book = self.statuses.book
        for name in self.running.connectors:
            there = state.tasks(name)
            for task in book.tasks(name):
                if task not in there:
                    self.statuses.forget(task)

    def _fence(self, name: str, state: ConfigState) -> None:
        """Whoever wrote for the tasks before these writes no more, and only then these begin. One task follows one by
        itself."""
        before, now = state.fenced_counts.get(name, 0), len(state.connectors[name].tasks)
        if not self.group.alone and (before > 1 or (before and now != 1)):
            for number in range(before):
                self.fence(TaskId(name, number))
        made = state.connectors[name].tasks
        self.configs.change(
            lambda fresh: [fenced_entry(name, now)]
            if name in fresh.connectors and fresh.connectors[name].tasks == made
            else []
        )

    def fence(self, task: TaskId) -> None:
        """Whoever writes for a task is fenced, and its transaction aborted."""
        given = {**self.config.client("producer."), "transactional.id": transactional_id(self.config, task)}
        settings = producer_settings(given, {})
        assert settings.transaction is not None
        writer = self.door.transactional_writer(settings.transaction, settings.writer)
        try:
            writer.init(ANSWER_MS)
        finally:
            writer.close()

    def plan(self, wanted: Restart) -> list[About]:
        """What a request for a restart is about."""
        about: list[About] = [wanted.connector]
        if wanted.include_tasks:
            about += self.configs.state.tasks(wanted.connector)
        if wanted.only_failed:
            return [each for each in about if (said := self.reported(each)) is not None and said.state in FAILING]
        return about

    def reported(self, about: About) -> Reported | None:
        """How a connector or a task is, as far as is known; whose worker is gone is run by nobody."""
        book = self.statuses.book
        said = book.task(about) if isinstance(about, TaskId) else book.connector(about)
        if said is not None and not self.group.is_there(said.worker_id):
            return Reported(State.UNASSIGNED.value, said.worker_id, said.generation)
        return said

    def ask(self, what: Callable[[], None]) -> None:
        """Has something done by the thread that owns what runs, and waits for it."""
        with self._changed:
            self._asked.append(what)
        self.settle(lambda: what not in self._asked, ANSWER_MS)

    def settle(self, until: Callable[[], object], timeout_ms: float) -> bool:
        """Waits until something is so after a turn that has begun since; has it become so?"""
        with self._changed:
            seen = self._begun
            self.group.wake()
            return bool(self._changed.wait_for(lambda: self._ended > seen and until(), timeout_ms / 1000))

    # What runs tells (`Owner`)

    def changed(self, about: About, status: Status) -> None:
        """See `Owner.changed`."""
        name = about.connector if isinstance(about, TaskId) else about
        if name in self.configs.state.connectors:  # else its end is not told of
            group = self.group
            self.statuses.put(about, Reported.of(status, group.worker_id, group.generation, self.door.world))
        with self._changed:
            self._changed.notify_all()

    def used(self, task: TaskId, topic: str) -> None:
        """See `Owner.used`."""
        if self.config.config.flag("topic.tracking.enable"):
            self.statuses.use(task, topic, self.door.world.now_ms())

    def divided(self, name: str, config: Settings, tasks: Sequence[Settings]) -> None:
        """See `Owner.divided`."""
        made = tuple(dict(each) for each in tasks)

        def decide(state: ConfigState) -> Sequence[Entry]:
            found = state.connectors.get(name)
            if found is None or found.config != config or found.target is TargetState.STOPPED:
                return []
            same = found.tasks == made and found.divided == config
            return [] if same else list(task_entries(name, made))

        self.configs.change(decide)
        self.group.wake()

    def confirm(self, task: TaskId, wanted: ConnectorState) -> None:
        """See `Owner.confirm`."""
        if self.group.alone:
            return
        self.configs.refresh()
        found = self.configs.state.connectors.get(task.connector)
        if found is None or (found.divided, found.tasks) != (wanted.divided, wanted.tasks):
            raise NotOwnedException(f"Task {task} is to have other settings.")
        self.group.confirm(task)


def transactional_id(config: WorkerConfig, task: TaskId) -> str:
    """Under which a source's task writes: whoever has it last is the one that writes."""
    return f"{config.config.text('group.id')}-{task}"

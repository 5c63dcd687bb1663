"""What can be asked of a worker, whether by REST or by a file: as Kafka Connect's herder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from streams.connect.connector import Guarantee, Settings, SourceConnector
from streams.connect.connector_config import BadRequestException, Validation
from streams.connect.errors import AlreadyExistsException, NotFoundException
from streams.connect.looked import Looked, looked_at
from streams.connect.plugins import connector_called
from streams.connect.worker.config_state import (
    ConfigState,
    ConnectorState,
    Entry,
    Restart,
    TargetState,
    TaskId,
    connector_entry,
    delete_entries,
    restart_entry,
    target_entry,
    task_entries,
)
from streams.connect.worker.herder import Herder
from streams.connect.worker.running import About
from streams.connect.worker.status import State
from streams.connect.worker.statuses import Reported

SETTLE_MS = 10_000
"""So long an answer waits at most for what it tells of."""


class ConnectorInfo(NamedTuple):
    """A connector.

    Args:
        name: its name.
        config: as it was written.
        tasks: its tasks.
        kind: `source`, `sink` or `unknown`.
    """

    name: str
    config: Settings
    tasks: Sequence[TaskId]
    kind: str


class ConnectorStatus(NamedTuple):
    """How a connector is, and its tasks."""

    name: str
    connector: Reported
    tasks: Mapping[TaskId, Reported]
    kind: str


class Requests:
    """Answers one request after the other, from any thread.

    Args:
        herder: keeps what runs here.
    """

    def __init__(self, herder: Herder) -> None:
        self._herder = herder

    # What there is

    def names(self) -> list[str]:
        """The names of all connectors, sorted."""
        return sorted(self._herder.configs.state.connectors)

    def _found(self, name: str, said: str = "Connector {} not found") -> ConnectorState:
        found = self._herder.configs.state.connectors.get(name)
        if found is None:
            raise NotFoundException(said.format(name))
        return found

    def info(self, name: str) -> ConnectorInfo:
        """A connector.

        Raises:
            NotFoundException: there is none of that name.
        """
        found = self._found(name)
        return ConnectorInfo(name, found.config, self._herder.configs.state.tasks(name), kind_of(found.config))

    def task_configs(self, name: str) -> dict[TaskId, Settings]:
        """The settings of a connector's tasks.

        Raises:
            NotFoundException: there is none of that name.
        """
        found = self._found(name)
        return {TaskId(name, number): settings for number, settings in enumerate(found.tasks)}

    def status(self, name: str) -> ConnectorStatus:
        """How a connector is, and its tasks.

        Raises:
            NotFoundException: nobody knows.
        """
        herder = self._herder
        found = herder.configs.state.connectors.get(name)
        said = herder.reported(name)
        if said is None or found is None:
            raise NotFoundException(f"No status found for connector {name}")
        tasks = {task: each for task in herder.statuses.book.tasks(name) if (each := herder.reported(task)) is not None}
        return ConnectorStatus(name, said, tasks, kind_of(found.config))

    def task_status(self, task: TaskId) -> Reported:
        """How a task is.

        Raises:
            NotFoundException: nobody knows.
        """
        said = self._herder.reported(task)
        if said is None:
            raise NotFoundException(f"No status found for task {task}")
        return said

    def topics(self, name: str) -> list[str]:
        """The topics that a connector has used; of one that is not there: none."""
        return self._herder.statuses.book.topics(name)

    def reset_topics(self, name: str) -> None:
        """Forgets which topics a connector has used."""
        for task, hosted in list(self._herder.running.tasks.items()):
            if task.connector == name:
                hosted.status.topics.clear()
        self._herder.statuses.forget_topics(name)

    # What is changed

    def looked_at(self, config: Settings) -> Looked:
        """A configuration with all that is wrong with it."""
        return looked_at(self._herder.providers, config)

    def checked(self, config: Settings) -> Looked:
        """A configuration with all that is wrong with it, also with what the worker promises of it."""
        looked = self.looked_at(config)
        validation = looked.validation
        if looked.is_source and not validation.errors:
            support = validation.values["exactly.once.support"]
            exactly_once = validation.connector.guarantee(looked.checked()) is Guarantee.EXACTLY_ONCE
            if str(support.value).lower() == "required" and not exactly_once:
                name = looked.given.get("name")
                support.errors.append(
                    f"The connector {name} is configured with exactly.once.support=required, and is at least once."
                )
        return looked

    def create(self, name: str, config: Settings, target: TargetState = TargetState.STARTED) -> ConnectorInfo:
        """Makes a connector.

        Raises:
            AlreadyExistsException: there is one of that name.
            BadRequestException: settings are wrong; all that is wrong is said.
        """
        refused(self.checked(config).validation)
        self.begin({name: config}, target)
        return self.info(name)

    def begin(self, checked: Mapping[str, Settings], target: TargetState = TargetState.STARTED) -> None:
        """Makes connectors, all or none, that nothing is wrong with; they begin side by side.

        Raises:
            AlreadyExistsException: there is one of that name.
        """

        def decide(state: ConfigState) -> Sequence[Entry]:
            entries: list[Entry] = []
            for name, config in checked.items():
                if name in state.connectors:
                    raise AlreadyExistsException(f"Connector {name} already exists")
                entries += [target_entry(name, target), connector_entry(name, config)]
            return entries

        self._herder.configs.change(decide)
        self._settle(checked)

    def put(self, name: str, config: Settings) -> tuple[ConnectorInfo, bool]:
        """Makes a connector, or gives the one of that name other settings; and was it made?

        Raises:
            BadRequestException: settings are wrong; all that is wrong is said.
        """
        refused(self.checked(config).validation)
        made = False

        def decide(state: ConfigState) -> Sequence[Entry]:
            nonlocal made
            made = name not in state.connectors
            return [connector_entry(name, config)]

        self._herder.configs.change(decide)
        self._settle([name])
        return self.info(name), made

    def patch(self, name: str, changes: Mapping[str, str | None]) -> ConnectorInfo:
        """Changes some settings of a connector; None takes one away.

        Raises:
            NotFoundException: there is none of that name.
            BadRequestException: the settings are wrong then; all that is wrong is said.
        """
        self._found(name)

        def decide(state: ConfigState) -> Sequence[Entry]:
            if name not in state.connectors:
                raise NotFoundException(f"Connector {name} not found")
            given: dict[str, str | None] = {**state.connectors[name].config, **changes}
            config = {key: value for key, value in given.items() if value is not None}
            refused(self.checked(config).validation)
            return [connector_entry(name, config)]

        self._herder.configs.change(decide)
        self._settle([name])
        return self.info(name)

    def delete(self, name: str) -> None:
        """Ends a connector. What it has written, and its positions, stay.

        Raises:
            NotFoundException: there is none of that name.
        """

        def decide(state: ConfigState) -> Sequence[Entry]:
            if name not in state.connectors:
                raise NotFoundException(f"Connector {name} not found")
            return delete_entries(name)

        herder = self._herder
        herder.configs.change(decide)
        herder.settle(lambda: name not in herder.running.connectors, SETTLE_MS)
        for task in herder.statuses.book.tasks(name):
            herder.statuses.forget(task)
        herder.statuses.forget(name)
        herder.statuses.forget_topics(name)

    def set_target(self, name: str, target: TargetState) -> None:
        """Has a connector run, wait, or end until it is resumed. Others learn of it a little later.

        Raises:
            NotFoundException: there is none of that name.
        """

        def decide(state: ConfigState) -> Sequence[Entry]:
            if name not in state.connectors:
                raise NotFoundException(f"Unknown connector {name}")
            if state.connectors[name].target is target:
                return []
            if target is TargetState.STOPPED:
                return [*task_entries(name, ()), target_entry(name, target)]
            return [target_entry(name, target)]

        self._herder.configs.change(decide)
        self._herder.group.wake()

    # Restarts

    def restart(self, name: str, include_tasks: bool, only_failed: bool) -> ConnectorStatus:
        """Begins a connector anew, or with its tasks, or what of them cannot do its work; how they are then.

        Raises:
            NotFoundException: there is none of that name.
        """
        self._found(name, "Unknown connector: {}")
        wanted = Restart(name, include_tasks, only_failed)
        herder = self._herder
        about, before = herder.plan(wanted), self.status(name)
        herder.configs.change(lambda state: [restart_entry(wanted)])
        herder.settle(lambda: True, SETTLE_MS)

        def planned(each: About, said: Reported) -> Reported:
            again = each in about
            return Reported(State.RESTARTING.value, said.worker_id, said.generation) if again else said

        tasks = {task: planned(task, said) for task, said in before.tasks.items()}
        return before._replace(connector=planned(name, before.connector), tasks=tasks)

    def restart_here(self, about: About) -> None:
        """Begins a connector or a task of this worker anew.

        Raises:
            NotFoundException: there is none, or it is not here.
        """
        herder = self._herder
        if isinstance(about, TaskId):
            self._found(about.connector, "Unknown connector: {}")
            if about not in herder.configs.state.tasks(about.connector):
                said = f"Task {about} not found" if herder.group.alone else f"Unknown task: {about}"  # as Java's do
                raise NotFoundException(said)
        else:
            self._found(about, "Unknown connector: {}")
        herder.ask(lambda: herder.running.restart([about]))

    def _settle(self, names: Iterable[str]) -> None:
        """Waits until connectors that are this worker's are as they are to be."""
        herder = self._herder

        def settled(name: str) -> bool:
            found = herder.configs.state.connectors.get(name)
            hosted = herder.running.connectors.get(name)
            if found is None or name not in herder.group.work(herder.configs.state).connectors:
                return True  # another worker's
            if hosted is None or hosted.settings[0] != found.config:
                return False
            if hosted.status.state is State.RUNNING:
                mine = herder.group.work(herder.configs.state).tasks
                return all(task in herder.running.tasks for task in herder.configs.state.tasks(name) if task in mine)
            return hosted.status.state not in (State.UNASSIGNED, State.RESTARTING)

        herder.settle(lambda: all(map(settled, names)), SETTLE_MS)


def refused(validation: Validation) -> None:
    """Refuses what is wrong, as Kafka Connect does.

    Raises:
        BadRequestException: all that is wrong, a line each.
    """
    errors = [said for value in validation.values.values() for said in value.errors]
    if errors:
        raise BadRequestException(
            f"Connector configuration is invalid and contains the following {len(errors)} error(s):\n"
            + "\n".join(errors)
            + "\nYou can also find the above list of errors at the endpoint "
            "`/connector-plugins/{connectorType}/config/validate`"
        )


def kind_of(config: Settings) -> str:
    """`source` or `sink`; `unknown` where the class is not here."""
    try:
        made = connector_called(config.get("connector.class", ""))
    except LookupError:
        return "unknown"
    return "source" if issubclass(made, SourceConnector) else "sink"

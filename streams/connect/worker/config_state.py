"""What workers are to run: connectors, their tasks, and what is wanted of each. Pure: records in, state out.

    connector-NAME            {"properties":{…}}                            none: it is deleted
    task-NAME-N               {"properties":{…}}                            counts from the next commit on
    commit-NAME               {"tasks":N}
    target-state-NAME         {"state":"PAUSED","state.v2":"STOPPED"}       none: STARTED
    tasks-fencing-NAME        {"task-count":N}                              what was written for them before is fenced
    restart-connector-NAME    {"include-tasks":true,"only-failed":false}
    logger-cluster-NAME       {"level":"DEBUG"}

These are the keys and values of Kafka Connect's topic of configurations; a worker alone keeps them in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from streams.connect.connector import Settings
from streams.connect.json_value import Json

Value = Mapping[str, Json]
Entry = tuple[str, Value | None]
"""A key and its value; None: it is deleted."""


class TargetState(Enum):
    """What is wanted of a connector."""

    STARTED = "STARTED"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


class TaskId(NamedTuple):
    """A task: its connector and its number."""

    connector: str
    number: int

    def __str__(self) -> str:
        return f"{self.connector}-{self.number}"


class Restart(NamedTuple):
    """Somebody wants a connector begun anew."""

    connector: str
    include_tasks: bool
    only_failed: bool


@dataclass(frozen=True, slots=True)
class ConnectorState:
    """One connector.

    Args:
        config: its settings as they were written.
        target: what is wanted of it.
        tasks: the settings of its tasks.
        divided: its settings as they were when it made them: with these they run.
        unfenced: its tasks were made anew, and those before may still write.
    """

    config: Settings
    target: TargetState = TargetState.STARTED
    tasks: tuple[Settings, ...] = ()
    divided: Settings = field(default_factory=dict)
    unfenced: bool = False


@dataclass(slots=True)
class ConfigState:
    """All connectors. `take` is called by one thread at a time; what it has replaced is never changed."""

    connectors: dict[str, ConnectorState] = field(default_factory=dict)
    fenced_counts: dict[str, int] = field(default_factory=dict)
    """How many tasks a connector had when they were fenced last; it outlives the connector."""
    _targets: dict[str, TargetState] = field(default_factory=dict)
    _tasks: dict[str, dict[int, Settings]] = field(default_factory=dict)

    def take(self, key: str, value: Json) -> Restart | tuple[str, str] | None:
        """Takes a record; what is to be done once: a restart, or a logger and its level."""
        for prefix, react in _REACTIONS:
            if key.startswith(prefix) and (value is None or isinstance(value, Mapping)):
                return react(self, key.removeprefix(prefix), value)
        return None  # a later version's, or nobody's

    def snapshot(self) -> ConfigState:
        """As it is at this moment."""
        return ConfigState(dict(self.connectors), dict(self.fenced_counts))

    def tasks(self, name: str) -> list[TaskId]:
        """The tasks of a connector that are to be there."""
        found = self.connectors.get(name)
        return [] if found is None else [TaskId(name, number) for number in range(len(found.tasks))]

    def all_tasks(self) -> list[TaskId]:
        """Those of all connectors."""
        return [task for name in sorted(self.connectors) for task in self.tasks(name)]

    # What records do

    def _connector(self, name: str, value: Value | None) -> None:
        if value is None:
            self.connectors.pop(name, None)
            self._tasks.pop(name, None)
            return
        before = self.connectors.get(name, ConnectorState({}, self._targets.get(name, TargetState.STARTED)))
        self.connectors[name] = replace(before, config=_texts(value.get("properties")))

    def _task(self, name: str, value: Value | None) -> None:
        connector, _, number = name.rpartition("-")
        if number.isdigit() and value is not None:
            self._tasks.setdefault(connector, {})[int(number)] = _texts(value.get("properties"))

    def _commit(self, name: str, value: Value | None) -> None:
        before, count = self.connectors.get(name), None if value is None else value.get("tasks")
        found = self._tasks.pop(name, {})
        if before is None or not isinstance(count, int) or found.keys() < set(range(count)):
            return  # compaction has taken some of them: the connector writes them anew
        made = tuple(found[number] for number in range(count))
        self.connectors[name] = replace(before, tasks=made, divided=before.config, unfenced=True)

    def _target(self, name: str, value: Value | None) -> None:
        said = "STARTED" if value is None else value.get("state.v2", value.get("state"))
        if said not in TargetState.__members__:
            return
        self._targets[name] = TargetState(said)
        if name in self.connectors:
            self.connectors[name] = replace(self.connectors[name], target=TargetState(said))

    def _fenced(self, name: str, value: Value | None) -> None:
        count = None if value is None else value.get("task-count")
        if isinstance(count, int):
            self.fenced_counts[name] = count
            if name in self.connectors:
                self.connectors[name] = replace(self.connectors[name], unfenced=False)

    def _restart(self, name: str, value: Value | None) -> Restart | None:
        if value is None:
            return None
        return Restart(name, value.get("include-tasks") is True, value.get("only-failed") is True)

    def _logger(self, name: str, value: Value | None) -> tuple[str, str] | None:
        return None if value is None else (name, str(value.get("level")))


_React = Callable[[ConfigState, str, Value | None], Restart | tuple[str, str] | None]
_REACTIONS: Sequence[tuple[str, _React]] = (
    ("connector-", ConfigState._connector),
    ("task-", ConfigState._task),
    ("commit-", ConfigState._commit),
    ("target-state-", ConfigState._target),
    ("tasks-fencing-", ConfigState._fenced),
    ("restart-connector-", ConfigState._restart),
    ("logger-cluster-", ConfigState._logger),
)


def _texts(found: Json) -> dict[str, str]:
    """Settings as they stand in a record; those that are null are not there."""
    if not isinstance(found, Mapping):
        return {}
    return {str(name): str(value) for name, value in found.items() if value is not None}


# What is written


def connector_entry(name: str, config: Settings) -> Entry:
    """A connector's settings."""
    return f"connector-{name}", {"properties": dict(config)}


def target_entry(name: str, target: TargetState) -> Entry:
    """What is wanted of a connector; versions that do not know STOPPED take it for PAUSED."""
    old = "PAUSED" if target is TargetState.STOPPED else target.name
    return f"target-state-{name}", {"state": old, "state.v2": target.name}


def task_entries(name: str, tasks: Sequence[Settings]) -> Iterator[Entry]:
    """The settings of a connector's tasks, all of them."""
    for number, settings in enumerate(tasks):
        yield f"task-{name}-{number}", {"properties": dict(settings)}
    yield f"commit-{name}", {"tasks": len(tasks)}


def delete_entries(name: str) -> list[Entry]:
    """A connector is to be no more."""
    return [(f"connector-{name}", None), (f"target-state-{name}", None)]


def fenced_entry(name: str, count: int) -> Entry:
    """Whoever wrote for the tasks before these is fenced."""
    return f"tasks-fencing-{name}", {"task-count": count}


def restart_entry(wanted: Restart) -> Entry:
    """A connector is to be begun anew."""
    value = {"include-tasks": wanted.include_tasks, "only-failed": wanted.only_failed}
    return f"restart-connector-{wanted.connector}", value


def logger_entry(name: str, level: str) -> Entry:
    """A logger's level, on all workers."""
    return f"logger-cluster-{name}", {"level": level}

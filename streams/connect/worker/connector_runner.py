"""Runs a connector: starts it, has it divide the work, and stops it. Its tasks are run elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streams.connect.config_def import Config
from streams.connect.connector import Settings, SinkConnector, SourceConnector
from streams.connect.errors import ConnectException
from streams.connect.looked import Looked

IDLE_MS = 1_000.0


class ConnectorRunner:
    """One life of a connector.

    Args:
        looked: its settings.
        publish: takes the settings of its tasks, with `${…}` where they have secrets.
    Raises:
        ConfigException: settings are wrong.
    """

    def __init__(self, looked: Looked, publish: Callable[[Sequence[Settings]], None]) -> None:
        self._looked = looked
        self._publish = publish
        self._config: Config = looked.checked()
        self._connector: SourceConnector | SinkConnector = looked.validation.connector()

    def start(self) -> None:
        """Starts it, and tells which tasks it has."""
        self._connector.start(self._config)
        name, most = self._config.text("name"), self._config.number("tasks.max")
        configs = list(self._connector.task_configs(self._looked.given, most))
        if len(configs) > most and self._config.flag("tasks.max.enforce"):
            raise ConnectException(
                f"The connector {name} has generated {len(configs)} tasks, which is greater than {most}, the maximum "
                "number of tasks it is configured to create."
            )
        made = self._connector.task_class
        task_class = {"task.class": f"{made.__module__}:{made.__qualname__}"}  # as Kafka Connect tells it
        self._publish([{**self._looked.unresolved(each), **task_class} for each in configs])

    def step(self) -> float:
        """It has nothing to do."""
        return IDLE_MS

    def finish(self) -> None:
        """Nothing is left to be done."""

    def close(self) -> None:
        """Stops it."""
        self._connector.stop()

"""A worker alone: connectors from files, tasks in threads of this process."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from streams.clients.api import Door
from streams.clients.connect import connect
from streams.connect.config_def import Config
from streams.connect.connector import Guarantee, SinkConnector, SinkTask, SourceConnector, SourceTask
from streams.connect.connector_config import Validation, config_of, stages_of, validate
from streams.connect.errors import AlreadyExistsException, ConnectException
from streams.connect.password import Secrets
from streams.connect.providers import Providers
from streams.connect.worker.offsets import Offsets
from streams.connect.worker.runner import Runner, TaskParts
from streams.connect.worker.sink_runner import SinkRunner
from streams.connect.worker.source_runner import SourceRunner
from streams.connect.worker.status import Status
from streams.connect.worker.supervisor import SupervisedTask
from streams.connect.worker_config import WorkerConfig, warnings, worker_config
from streams.errors import ConfigException, KafkaException

log = logging.getLogger("streams.connect.worker")


@dataclass(slots=True)
class RunningConnector:
    """A connector of a worker.

    Args:
        name: its name.
        kind: `source` or `sink`.
        class_name: what it is.
        guarantee: what was derived for it.
        connector: the connector itself.
        tasks: its tasks.
    """

    name: str
    kind: str
    class_name: str
    guarantee: Guarantee
    connector: SourceConnector | SinkConnector
    tasks: list[SupervisedTask] = field(default_factory=list)

    @property
    def statuses(self) -> list[Status]:
        """How its tasks are."""
        return [task.status for task in self.tasks]


class StandaloneWorker:
    """Runs connectors in this process. A context manager: leaving it stops them.

    >>> from streams.connect.worker.standalone import StandaloneWorker
    >>> with StandaloneWorker({
    ...     "bootstrap.servers": "memory://a-worker",
    ...     "key.converter": "StringConverter", "value.converter": "StringConverter",
    ... }) as worker:
    ...     settings = {"name": "lines", "connector.class": "FileSource", "file": "/tmp/none", "topic": "lines"}
    ...     worker.add(settings).guarantee.value
    'exactly once'

    Args:
        settings: the worker's, by Kafka Connect's names.
        door: the engine; None: the one that `bootstrap.servers` names.
        environment: for `${env:…}`; None: that of the process.
    Raises:
        ConfigException: a setting is missing, or not allowed.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        door: Door | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._providers = Providers(settings, os.environ if environment is None else environment)
        self._config: WorkerConfig = worker_config(self._providers.resolved(settings))
        for said in warnings(settings):
            log.warning("%s", said)
        self._own_door = door is None
        client = self._config.config.text("client.id") or self._config.config.text("group.id")
        self._door = connect(self._config.bootstrap_servers, client) if door is None else door
        self._offsets: dict[str, Offsets] = {}
        self.connectors: dict[str, RunningConnector] = {}

    def add(self, settings: Mapping[str, str]) -> RunningConnector:
        """Starts a connector.

        Args:
            settings: its own, by Kafka Connect's names; `${env:…}` and the like are resolved.
        Raises:
            ConfigException: settings are wrong; each is named.
            AlreadyExistsException: there is a connector of that name.
            NotYetBuiltException: a setting is known, but not built yet.
        """
        given, validation, secrets = self._looked_at(settings)
        config = config_of(validation, given)
        name = config.text("name")
        if name in self.connectors:
            raise AlreadyExistsException(f"Connector {name} already exists. Give this one another name.")
        for said in validation.warnings:
            log.warning("Connector %s: %s", name, said)
        running = self._running(name, validation, config)
        running.connector.start(config)
        configs = list(running.connector.task_configs(given, config.number("tasks.max")))
        if len(configs) > config.number("tasks.max") and config.flag("tasks.max.enforce"):
            raise ConnectException(
                f"The connector {name} has generated {len(configs)} tasks, which is greater than "
                f"{config.number('tasks.max')}, the maximum number of tasks it is configured to create."
            )
        for number, task_settings in enumerate(configs):
            own = config_of(validate(task_settings), task_settings) if task_settings != given else config
            running.tasks.append(self._task(running, number, given, config, own, secrets))
        self.connectors[name] = running
        for task in running.tasks:
            task.start()
        return running

    def check(self, settings: Mapping[str, str]) -> None:
        """Looks at the settings of a connector, and starts nothing.

        Raises:
            ConfigException: settings are wrong; each is named.
        """
        self._looked_at(settings)

    def _looked_at(self, settings: Mapping[str, str]) -> tuple[dict[str, str], Validation, Secrets]:
        given = self._providers.resolved(settings)
        validation = validate(given)
        secrets = Secrets(settings, given, (value.value for value in validation.values.values()))
        try:
            validation.check()
        except ConfigException as error:
            raise ConfigException(secrets.hide(str(error))) from None
        return given, validation, secrets

    def _running(self, name: str, validation: Validation, config: Config) -> RunningConnector:
        made = validation.connector
        guarantee = made.guarantee(config)
        is_source = issubclass(made, SourceConnector)
        required = is_source and config.text("exactly.once.support").lower() == "required"
        if required and guarantee is not Guarantee.EXACTLY_ONCE:
            raise ConfigException(
                f"The connector {name} is configured with exactly.once.support=required, and is {guarantee.value}."
            )
        return RunningConnector(name, "source" if is_source else "sink", made.__qualname__, guarantee, made())

    def _task(
        self,
        running: RunningConnector,
        number: int,
        given: Mapping[str, str],
        common: Config,
        own: Config,
        secrets: Secrets,
    ) -> SupervisedTask:
        status = Status()
        offsets = self._offsets_of(common)
        made = running.connector.task_class

        def runner() -> Runner:
            parts = TaskParts(
                self._door, self._config, running.name, number, given, common, own, stages_of(common, given), offsets,
                status, secrets.hide,
            )  # fmt: skip
            task = made()
            if isinstance(task, SourceTask):
                return SourceRunner(parts, task)
            assert isinstance(task, SinkTask)
            return SinkRunner(parts, task)

        return SupervisedTask(f"{running.name}-{number}", self._door.world, runner, status, secrets.hide)

    def _offsets_of(self, common: Config) -> Offsets:
        """Where the positions of a connector are: one reader for each topic."""
        topic = self._config.config.text("offset.storage.topic")
        with suppress(KeyError):
            topic = common.text("offsets.storage.topic") or topic
        if topic not in self._offsets:
            partitions = self._config.config.number("offset.storage.partitions")
            self._offsets[topic] = Offsets(self._door, topic, partitions)
        return self._offsets[topic]

    def close(self) -> None:
        """Stops all connectors, waits for their tasks, and closes the clients. A second call does nothing."""
        tasks = [task for running in self.connectors.values() for task in running.tasks]
        for task in tasks:
            task.stop()
        graceful_s = self._config.config.number("task.shutdown.graceful.timeout.ms") / 1000
        for task in tasks:
            if not task.ended(graceful_s):
                log.warning("Task %s does not stop. What it has not committed is done again.", task.name)
        for running in self.connectors.values():
            with suppress(KafkaException):
                running.connector.stop()
        self.connectors = {}
        for offsets in self._offsets.values():
            offsets.close()
        self._offsets = {}
        if self._own_door:
            self._door.close()

    def __enter__(self) -> StandaloneWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""A worker alone: connectors from files and by REST, tasks in threads of this process."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple

from streams.clients.api import Door
from streams.clients.connect import connect
from streams.connect.connector import Guarantee
from streams.connect.errors import AlreadyExistsException, ConnectException
from streams.connect.looked import Looked
from streams.connect.providers import Providers
from streams.connect.worker.alone import Alone
from streams.connect.worker.configs import MemoryConfigs
from streams.connect.worker.herder import Herder
from streams.connect.worker.requests import Requests
from streams.connect.worker.running import threads_of
from streams.connect.worker.status import State, Status
from streams.connect.worker.statuses import MemoryStatuses
from streams.connect.worker.supervisor import SupervisedTask
from streams.connect.worker_config import WorkerConfig, warnings, worker_config

log = logging.getLogger("streams.connect.worker")


class RunningConnector(NamedTuple):
    """A connector of a worker.

    Args:
        name: its name.
        kind: `source` or `sink`.
        class_name: what it is.
        guarantee: what was derived for it.
        tasks: its tasks.
    """

    name: str
    kind: str
    class_name: str
    guarantee: Guarantee
    tasks: Sequence[SupervisedTask]

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
        worker_id: HOST:PORT where it is asked, if it is; "": its `client.id`, or its `group.id`.
    Raises:
        ConfigException: a setting is missing, or not allowed.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        door: Door | None = None,
        environment: Mapping[str, str] | None = None,
        worker_id: str = "",
    ) -> None:
        providers = Providers(settings, os.environ if environment is None else environment)
        self.config: WorkerConfig = worker_config(providers.resolved(settings))
        for said in warnings(settings):
            log.warning("%s", said)
        self._own_door = door is None
        client = self.config.config.text("client.id") or self.config.config.text("group.id")
        self._door = connect(self.config.bootstrap_servers, client) if door is None else door
        group = Alone(self._door.world, worker_id or client)
        self.herder = Herder(self._door, self.config, providers, MemoryConfigs(), MemoryStatuses(), group)
        self.requests = Requests(self.herder)
        self.herder.start()

    def add(self, settings: Mapping[str, str]) -> RunningConnector:
        """Starts a connector.

        Args:
            settings: its own, by Kafka Connect's names; `${env:…}` and the like are resolved.
        Raises:
            ConfigException: settings are wrong; each is named.
            AlreadyExistsException: there is a connector of that name.
            ConnectException: it does not start, and that is not for the moment.
            NotYetBuiltException: a setting is known, but not built yet.
        """
        return self.add_all([settings])[0]

    def add_all(self, several: Sequence[Mapping[str, str]]) -> list[RunningConnector]:
        """Starts connectors side by side, after a look at all of them.

        Args:
            several: as for `add`.
        Raises:
            ConfigException, AlreadyExistsException, ConnectException, NotYetBuiltException: as `add`; those that do
                not start are taken away again.
        """
        found: dict[str, Looked] = {}
        for settings in several:
            looked = self.requests.checked(settings)
            looked.validation.check()
            if found.setdefault(settings["name"], looked) is not looked:
                raise AlreadyExistsException(f"Connector {settings['name']} already exists")
        for name, looked in found.items():
            for said in looked.validation.warnings:
                log.warning("Connector %s: %s", name, said)
        self.requests.begin({name: dict(looked.written) for name, looked in found.items()})
        failed = ""
        for name in found:
            hosted = self.herder.running.connectors.get(name)
            if hosted is not None and hosted.status.state is State.FAILED:
                failed = failed or hosted.status.cause
                self.requests.delete(name)
        if failed:
            raise ConnectException(failed.removeprefix(f"{ConnectException.__name__}: "))
        return [self._running(name, looked) for name, looked in found.items()]

    @property
    def connectors(self) -> dict[str, RunningConnector]:
        """The connectors that there are, by name."""
        names = self.requests.names()
        return {name: self._running(name, self.requests.looked_at(self.requests.info(name).config)) for name in names}

    def _running(self, name: str, looked: Looked) -> RunningConnector:
        made = looked.validation.connector
        tasks = threads_of(dict(self.herder.running.tasks), name)
        kind = "source" if looked.is_source else "sink"
        return RunningConnector(name, kind, made.__qualname__, made.guarantee(looked.checked()), tasks)

    def close(self) -> None:
        """Stops all connectors, waits for their tasks, and closes the clients. A second call does nothing."""
        self.herder.close()
        if self._own_door:
            self._door.close()

    def __enter__(self) -> StandaloneWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

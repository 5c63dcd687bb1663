"""A worker that shares connectors and tasks with others of the same `group.id`."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from types import TracebackType

from streams.clients.api import Door
from streams.clients.connect import connect
from streams.clients.member import MemberSettings
from streams.config.clients import is_bundled
from streams.connect.providers import Providers
from streams.connect.worker.herder import Herder
from streams.connect.worker.requests import Requests
from streams.connect.worker.topic_configs import TopicConfigs
from streams.connect.worker.topic_statuses import TopicStatuses
from streams.connect.worker.worker_group import PROTOCOL, WorkerGroup
from streams.connect.worker_config import WorkerConfig, warnings, worker_config

log = logging.getLogger("streams.connect.worker")

BUNDLED_HEARTBEAT_MS, KAFKA_HEARTBEAT_MS = 300, 3_000
RETRY_MS = 100


class DistributedWorker:
    """Runs its share of the connectors that are in the topic of configurations. A context manager: leaving it stops
    what runs here, and others go on with it.

    Args:
        settings: the worker's, by Kafka Connect's names.
        door: the engine; None: the one that `bootstrap.servers` names.
        environment: for `${env:…}`; None: that of the process.
    Raises:
        ConfigException: a setting is missing, or not allowed.
    """

    def __init__(
        self, settings: Mapping[str, str], *, door: Door | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        providers = Providers(settings, os.environ if environment is None else environment)
        self.config: WorkerConfig = worker_config(providers.resolved(settings), distributed=True)
        for said in warnings(settings):
            log.warning("%s", said)
        config, group = self.config.config, self.config.config.text("group.id")
        self._closed = False
        self._own_door = door is None
        self._door = connect(self.config.bootstrap_servers, config.text("client.id") or group) if door is None else door
        self._configs = TopicConfigs(
            self._door, config.text("config.storage.topic"), group, self.config.client("producer.")
        )
        self._statuses = TopicStatuses(
            self._door, config.text("status.storage.topic"), config.number("status.storage.partitions"), self._wake
        )
        self.group = WorkerGroup(self._door, self._member(group), self._configs, self._follow)
        self.herder = Herder(self._door, self.config, providers, self._configs, self._statuses, self.group)
        self.requests = Requests(self.herder)

    def _member(self, group: str) -> MemberSettings:
        config = self.config.config
        often = BUNDLED_HEARTBEAT_MS if is_bundled(self.config.bootstrap_servers) else KAFKA_HEARTBEAT_MS
        given = config["heartbeat.interval.ms"]
        return MemberSettings(
            group,
            (PROTOCOL,),
            None,
            config.number("session.timeout.ms"),
            given if isinstance(given, int) else often,
            config.number("rebalance.timeout.ms"),
            RETRY_MS,
        )

    def _wake(self) -> None:
        self.group.wake()

    def _follow(self) -> None:
        self._configs.poll()
        self._statuses.flush()

    def start(self, worker_id: str = "") -> None:
        """Reads what there is, and begins to share the work.

        Args:
            worker_id: HOST:PORT where others find this worker; "": what has been set already, or a name of its own.
        Raises:
            ConnectException: a topic is not one that is compacted.
            KafkaException: the engine's.
        """
        self.group.worker_id = worker_id or self.group.worker_id or f"worker-{self._door.world.new_id()}"
        self._statuses.worker_id = self.group.worker_id
        self._configs.begin()
        self._statuses.begin()
        self.herder.start()

    def close(self) -> None:
        """Stops what runs here, leaves the others, and closes the clients. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self.herder.close()
        self._statuses.close()
        self._configs.close()
        if self._own_door:
            self._door.close()

    def __enter__(self) -> DistributedWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

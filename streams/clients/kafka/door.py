"""`host:port`: the door to a Kafka cluster."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TypeVar

from streams.clients.api import (
    READER_DEFAULTS,
    WRITER_DEFAULTS,
    Admin,
    Door,
    GroupLink,
    Isolation,
    Reader,
    ReaderSettings,
    TransactionalWriter,
    TransactionSettings,
    Writer,
    WriterSettings,
)
from streams.clients.kafka.admin import KafkaAdmin
from streams.clients.kafka.cluster import Cluster
from streams.clients.kafka.compression import Codec, codec
from streams.clients.kafka.coordinator import KafkaTransactionCoordinator, new_producer
from streams.clients.kafka.group import KafkaGroupLink
from streams.clients.kafka.reader import KafkaReader
from streams.clients.kafka.settings import connecting
from streams.clients.kafka.transport import KafkaTransport
from streams.clients.writing.identity import Producer, ProducerIds, SharedIdentity
from streams.clients.writing.transactional_writer import TransactionalBatchWriter
from streams.clients.writing.writer import BatchWriter
from streams.world import SYSTEM, World

LIBRDKAFKA = logging.getLogger("librdkafka")
LIBRDKAFKA.setLevel(logging.CRITICAL + 1)  # what it meets is raised, or told once, by us
KAFKAS_DEFAULTS: Mapping[str, object] = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    "socket.timeout.ms": 30_000,  # request.timeout.ms
}
"""Where librdkafka has others: a broker that is back is found within a second, and not within ten."""
T = TypeVar("T", Admin, GroupLink, Reader, Writer, TransactionalWriter)


class KafkaDoor:
    """A `Door` to one cluster.

    Args:
        servers: `host:port,…`, as `bootstrap.servers` has it.
        client_id: the name under which the brokers know this client.
        settings: Kafka's settings of connections and security.
    """

    def __init__(self, servers: str, client_id: str, settings: Mapping[str, object]) -> None:
        self.address = servers
        self.world: World = SYSTEM
        self._client_id = client_id
        self._connecting = connecting(settings)
        self._opened: list[Admin | GroupLink | Reader | Writer] = []
        self._closed = False

    def reader(self, isolation: Isolation, settings: ReaderSettings = READER_DEFAULTS) -> Reader:
        """See `Door.reader`."""
        return self._kept(KafkaReader(self._native(), isolation, settings, self.world))

    def writer(self, settings: WriterSettings = WRITER_DEFAULTS) -> Writer:
        """See `Door.writer`."""
        cluster = self._cluster()
        transport = KafkaTransport(cluster, settings, self._codec)
        if not settings.idempotent:
            return self._kept(BatchWriter(transport, settings, SharedIdentity()))

        def ask(timeout_ms: int) -> Producer:
            return cluster.call(partial(new_producer, cluster), min(timeout_ms, settings.metadata_timeout_ms))

        return self._kept(BatchWriter(transport, settings, ProducerIds(ask, bumps=True)))

    def transactional_writer(
        self, transaction: TransactionSettings, settings: WriterSettings = WRITER_DEFAULTS
    ) -> TransactionalWriter:
        """See `Door.transactional_writer`."""
        cluster = self._cluster()
        coordinator = KafkaTransactionCoordinator(cluster, transaction)
        transport = KafkaTransport(cluster, settings, self._codec, coordinator)
        return self._kept(TransactionalBatchWriter(transport, coordinator, transaction, settings, unchecked=True))

    def link(self) -> GroupLink:
        """See `Door.link`."""
        return self._kept(KafkaGroupLink(self._cluster()))

    def admin(self) -> Admin:
        """See `Door.admin`."""
        return self._kept(KafkaAdmin(self._cluster()))

    def close(self) -> None:
        """See `Door.close`."""
        self._closed = True
        for each in self._opened:
            each.close()

    def _cluster(self) -> Cluster:
        connecting = self._connecting
        return Cluster(self.address, self._client_id, connecting.kafka_python, self.world, connecting.reaching)

    def _kept(self, each: T) -> T:
        if self._closed:
            each.close()
        self._opened.append(each)
        return each

    def _native(self) -> dict[str, object]:
        own = {
            "bootstrap.servers": self.address,
            "client.id": self._client_id,
            "metadata.recovery.strategy": "none",  # librdkafka 2.16 stands still for ever while it looks all up anew
            "logger": LIBRDKAFKA,
        }
        return {**KAFKAS_DEFAULTS, **self._connecting.librdkafka, **own}

    @property
    def _codec(self) -> Codec | None:
        return codec(self._connecting.compression, self._connecting.level)


def kafka_door(servers: str, client_id: str, settings: Mapping[str, object]) -> Door:
    """The door to a cluster. Nothing is connected before it is used."""
    return KafkaDoor(servers, client_id, settings)

"""`local://` and `memory://`: the doors to a broker process, here or over TCP, and to a broker in this process."""

from __future__ import annotations

from collections.abc import Callable

from broker_local.host import remote
from broker_local.host.client import Link, RequestFailed
from broker_local.host.data_directory import Unavailable
from broker_local.host.launch import connect
from broker_local.protocol.requests.transactions import ProducerId
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
from streams.clients.errors_by_number import exception
from streams.clients.local.admin import LocalAdmin
from streams.clients.local.connection import Connection
from streams.clients.local.group import LocalGroupLink
from streams.clients.local.reader import LocalReader
from streams.clients.local.transport import LocalTransactionCoordinator, LocalTransport
from streams.clients.writing.identity import ProducerIds, SharedIdentity
from streams.clients.writing.transactional_writer import TransactionalBatchWriter
from streams.clients.writing.writer import BatchWriter
from streams.errors import BrokerNotFoundException
from streams.world import SYSTEM, World


class LocalDoor:
    """A `Door` to one bundled broker.

    Args:
        address: the broker in full.
        dial: makes a connection.
        world: see `Door.world`.
    """

    def __init__(self, address: str, dial: Callable[[], Link], world: World = SYSTEM) -> None:
        self.address = address
        self.world = world
        self._dial = dial
        self._connections: list[Connection] = []
        self._closed = False

    def reader(self, isolation: Isolation, settings: ReaderSettings = READER_DEFAULTS) -> Reader:
        """See `Door.reader`."""
        return LocalReader(self._connection(), isolation, settings)

    def writer(self, settings: WriterSettings = WRITER_DEFAULTS) -> Writer:
        """See `Door.writer`."""
        connection = self._connection()
        if not settings.idempotent:
            return BatchWriter(LocalTransport(connection), settings, SharedIdentity())

        def ask(timeout_ms: int) -> tuple[int, int]:
            reply = connection.ask(ProducerId(), "", min(timeout_ms, settings.metadata_timeout_ms))
            return reply.producer_id, reply.epoch

        return BatchWriter(LocalTransport(connection), settings, ProducerIds(ask))

    def transactional_writer(
        self, transaction: TransactionSettings, settings: WriterSettings = WRITER_DEFAULTS
    ) -> TransactionalWriter:
        """See `Door.transactional_writer`."""
        connection = self._connection()
        coordinator = LocalTransactionCoordinator(connection, transaction)
        return TransactionalBatchWriter(LocalTransport(connection), coordinator, transaction, settings)

    def link(self) -> GroupLink:
        """See `Door.link`."""
        return LocalGroupLink(self._connection())

    def admin(self) -> Admin:
        """See `Door.admin`."""
        return LocalAdmin(self._connection())

    def close(self) -> None:
        """See `Door.close`."""
        self._closed = True
        for connection in self._connections:
            connection.close()

    def _connection(self) -> Connection:
        connection = Connection(self._dial, self.world)
        if self._closed:
            connection.close()
        self._connections.append(connection)
        return connection


def local_door(directory: str, client_id: str) -> Door:
    """The door to the broker process of a data directory, which is started when it is first needed.

    Args:
        directory: absolute path.
        client_id: the name under which the broker knows this client.
    """

    def dial() -> Link:
        try:
            return connect(directory, client_id)
        except Unavailable as error:
            raise BrokerNotFoundException(f"local://{directory}: {error}.") from error

    return LocalDoor(f"local://{directory}", dial)


def remote_door(host: str, port: int, token_file: str, client_id: str) -> Door:
    """The door to a broker over TCP; none is started.

    Args:
        host, port: where it listens.
        token_file: has the token that it asks for.
        client_id: the name under which the broker knows this client.
    """

    def dial() -> Link:
        try:
            return remote.connect(host, port, token_file, client_id)
        except Unavailable as error:
            raise BrokerNotFoundException(f"{host}:{port}: {error}.") from error
        except RequestFailed as refused:
            raise exception(refused.error, refused.failure.message, f"{host}:{port}") from None

    return LocalDoor(f"tcp://{host}:{port}", dial)


def memory_door(name: str, client_id: str, world: World = SYSTEM) -> Door:
    """The door to the engine of that name inside this process, which is made when it is first needed."""

    from broker_local.host import inprocess  # here, so that a broker's clients do not pay for it

    def dial() -> Link:
        return inprocess.connect(name, client_id, world)

    return LocalDoor(f"memory://{name}", dial, world)


def forget(name: str) -> None:
    """Ends the engine `memory://name` and frees what it holds; nothing if there is none."""
    from broker_local.host import inprocess

    inprocess.forget(name)

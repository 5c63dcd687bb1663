"""Connections to Kafka's brokers for what is not data: sockets, TLS, SASL and messages are `kafka-python`'s.

There is no thread: whoever waits for an answer drives the connections meanwhile (`run`, `poll`). A connection is kept
by broker and lane. A broker answers the requests of one connection in their order and reads nothing behind one that
waits, so what may wait for other members (a join) has a lane of its own.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sized
from functools import partial
from typing import Protocol, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import kafka.errors as theirs
from kafka.future import Future
from kafka.net.connection import KafkaConnection
from kafka.net.inet import create_connection
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
from kafka.protocol.api_message import ApiMessage
from kafka.protocol.data_container import DataContainer
from kafka.protocol.metadata import FindCoordinatorRequest, MetadataRequest

from streams.clients.errors_by_number import exception
from streams.clients.kafka.settings import AS_KAFKA, Reaching
from streams.clients.kafka.tls import refused_by
from streams.errors import (
    BrokerNotFoundException,
    DisconnectException,
    KafkaException,
    SaslAuthenticationException,
    SslAuthenticationException,
    TimeoutException,
    UnknownTopicOrPartitionException,
    UnsupportedVersionException,
)
from streams.record import TopicPartition
from streams.world import World

T = TypeVar("T")
Asked: TypeAlias = ApiMessage
"""A request: one of `kafka-python`'s messages."""
Answer: TypeAlias = ApiMessage
Row: TypeAlias = DataContainer
"""A part of a message: a topic, a partition, a member."""
Node = int | str
"""A broker by its number, or by the address that it was first reached at."""

CALL_TIMEOUT_MS = 30_000
NEVER = 2**63 - 1
RETRY_MS = 50
PASSING = {5, 6, 7, 9, 13, 14, 15, 16, 41, 72, 74, 78}
"""Numbers of errors that the next try may not meet: a leader or coordinator that moves, starts or is away, or does not
know yet how far all replicas are."""
LOST = {6, 13, 15, 16, 41, 74}
"""Those of them after which is asked anew who leads or coordinates."""
GROUP, TRANSACTION = 0, 1
logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it meets is raised, or told, by us
_OPTIONS = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))


class Connection(Protocol):
    """What of a connection says whether it can be used again."""

    connected: bool
    in_flight_requests: Sized
    data_received: Callable[[bytes], None]

    def close(self) -> None: ...


class Cluster:
    """The brokers of one cluster, as one client reaches them.

    Args:
        servers: `host:port,…`.
        client_id: the name under which the brokers know this client.
        settings: of security, by `kafka-python`'s names.
        world: where it runs.
        reaching: how connections are made and kept.
    """

    def __init__(
        self,
        servers: str,
        client_id: str,
        settings: Mapping[str, object],
        world: World,
        reaching: Reaching = AS_KAFKA,
    ) -> None:
        self.servers = [server.strip().rpartition("://")[2] for server in servers.split(",")]
        self._settings = {
            "client_id": client_id,
            "max_in_flight_requests_per_connection": 1_000_000,
            "receive_message_max_bytes": 100_000_000,
            **settings,
        }
        self.world = world
        self.request_timeout_ms = reaching.request_timeout_ms
        """How long an answer may take."""
        self._reaching = reaching
        self._failed = 0  # connections that could not be made, one after the other
        self._net = NetworkSelector(slow_task_threshold_secs=0)
        self._addresses: dict[Node, tuple[str, int]] = {}
        self._connections: dict[tuple[Node, str], KafkaConnection] = {}
        self._heard: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()  # when last
        self._coordinators: dict[tuple[int, str], int] = {}
        self._reached = False
        self._closed = False

    # Driving

    def fileno(self) -> int:
        """Readable when there is something to do for `poll`; -1 where there is no connection."""
        if not self._connections or self._closed:
            return -1
        ready: int = self._net._selector.fileno()  # of epoll or kqueue, which can be waited for like a connection
        return ready

    def next_due(self) -> int:
        """When there is something to do for `poll` that nothing is heard of, in ms of the monotonic clock."""
        scheduled = self._net._scheduled
        if self._closed:
            return NEVER
        if self._net._ready:  # begun (`start`), and not driven yet
            return 0
        if not scheduled:
            return NEVER
        return int(scheduled[0][0] * 1_000) + 1

    def poll(self, timeout_ms: int) -> None:
        """Sends and receives; waits at most so long for something to do."""
        if not self._closed:
            self._net.poll(timeout_ms=timeout_ms)
            while self._net._ready and not self._closed:
                self._net.poll(timeout_ms=0)

    def start(self, work: Callable[[], Coroutine[object, object, T]]) -> Future:
        """Begins something that goes on while it is polled."""
        return self._net.call_soon_with_future(work)

    def run(self, work: Callable[[], Coroutine[object, object, T]], timeout_ms: int | None = None) -> T:
        """Does something to its end.

        Args:
            work: asks, and answers.
            timeout_ms: how long at most; None: `CALL_TIMEOUT_MS`, or what one answer may take, if that is longer.
        Raises:
            TimeoutException: the end did not come in time. The cause is the last error that was met.
        """
        self._check_open()
        future = self._net.call_soon_with_future(work)
        wait_ms = self._longest_call(timeout_ms)
        self._net.poll(timeout_ms=wait_ms, future=future)
        if not future.is_done:
            raise TimeoutException(f"{', '.join(self.servers)}: no answer from Kafka in {wait_ms} ms.")
        if future.exception is not None:
            raise future.exception
        found: T = future.value
        return found

    def call(self, work: Callable[[], Coroutine[object, object, T]], timeout_ms: int | None = None) -> T:
        """As `run`, and again where what it met may pass: a leader or coordinator that moves, and, once this cluster
        has been reached, brokers that are away."""
        wait_ms = self._longest_call(timeout_ms)
        deadline, last = self.world.monotonic_ms() + wait_ms, None
        while True:
            left = int(deadline - self.world.monotonic_ms())
            if left <= 0 and last is not None:
                raise TimeoutException(f"No answer from Kafka in {wait_ms} ms. The last was: {last}") from last
            try:
                return self.run(work, max(1, left))
            except KafkaException as error:
                away = isinstance(error, DisconnectException) or (
                    isinstance(error, BrokerNotFoundException) and self._reached and not self._closed
                )
                if not away and error.code not in PASSING:
                    raise
                last = error
                pause = self.pause_ms if away else RETRY_MS
                self.world.sleep(max(1, min(pause, int(deadline - self.world.monotonic_ms()))))

    def wake(self) -> None:
        """Ends a waiting `poll`. From any thread."""
        self._net.wakeup()

    def _longest_call(self, timeout_ms: int | None) -> int:
        return max(CALL_TIMEOUT_MS, self.request_timeout_ms) if timeout_ms is None else timeout_ms

    @property
    def pause_ms(self) -> int:
        """The pause before it is tried to connect again (`reconnect.backoff.ms`, `reconnect.backoff.max.ms`)."""
        first, longest = self._reaching.pause_ms, self._reaching.longest_pause_ms
        return min(longest, first << min(max(0, self._failed - 1), 30))

    async def sleep(self, seconds: float = RETRY_MS / 1_000) -> None:
        """The pause before something is tried again."""
        await self._net.sleep(seconds)

    @property
    def closed(self) -> bool:
        """Was it closed for good?"""
        return self._closed

    def close(self) -> None:
        """Closes all connections."""
        if not self._closed:
            for connection in list(self._connections.values()):
                connection.close()
            self._connections.clear()
            self._closed = True
            with contextlib.suppress(OSError, ValueError):
                self._net.close()

    # Asking

    async def ask(
        self, request: Asked, node: Node | None = None, lane: str = "", timeout_ms: int | None = None
    ) -> Answer:
        """Sends one request and waits for its answer.

        Args:
            request: one of `kafka-python`'s messages.
            node: whom to ask; None: any broker.
            lane: which of the connections to it.
            timeout_ms: after so long the connection counts as lost; None: `request.timeout.ms`.
        Raises:
            BrokerNotFoundException: nobody could be reached.
            DisconnectException: the connection was lost; whether the request was heard is not known.
            UnsupportedVersionException: the broker does not know such requests.
            AuthenticationException: it does not let us in, or we do not believe that it is the broker.
        """
        return await self.over(await self.connection(node, lane), request, timeout_ms)

    async def connection(self, node: Node | None = None, lane: str = "") -> KafkaConnection:
        """A connection to a broker, or to any; see `ask`."""
        self._check_open()
        return await (self._any() if node is None else self._to(node, lane))

    async def over(self, connection: KafkaConnection, request: Asked, timeout_ms: int | None = None) -> Answer:
        """Sends one request over a connection; see `ask`."""
        wait_ms = self.request_timeout_ms if timeout_ms is None else timeout_ms
        try:
            answer = await connection.send_request(request, request_timeout_ms=wait_ms)
            self._reached = True
            return answer
        except (theirs.KafkaConnectionError, theirs.KafkaTimeoutError, theirs.RequestTimedOutError,
                theirs.NodeNotReadyError, theirs.Cancelled) as error:  # fmt: skip
            if not self._reached:
                raise BrokerNotFoundException(
                    f"{self._named(connection)}: the connection was lost at the first request: {_said(error)}. Does "
                    "the broker ask for a login (security.protocol=SASL_SSL or SASL_PLAINTEXT)?"
                ) from error
            raise DisconnectException(f"{self._named(connection)}: the connection was lost: {error}") from error
        except theirs.IncompatibleBrokerVersion as error:
            raise UnsupportedVersionException(
                f"{self._named(connection)}: the broker is too old for this; 3.0 is the oldest that works. {error}"
            ) from error
        except theirs.KafkaProtocolError as error:
            if not self._reached:
                raise BrokerNotFoundException(_no_broker(self._named(connection), error)) from error
            raise DisconnectException(f"{self._named(connection)}: an answer could not be read: {error}") from error

    async def brokers(self) -> list[int]:
        """The numbers of all brokers, as one of them tells."""
        return (await self.metadata(()))[1]

    async def metadata(self, topics: Iterable[str] | None) -> tuple[list[Row], list[int], int]:
        """What a broker knows of these topics (None: of all), the brokers, and which is the controller."""
        names = None if topics is None else [MetadataRequest.MetadataRequestTopic(name=name) for name in topics]
        answer = await self.ask(
            MetadataRequest(topics=names, allow_auto_topic_creation=False, min_version=9, max_version=12)
        )
        for broker in answer.brokers:
            self._addresses[broker.node_id] = (broker.host, broker.port)
        return answer.topics, [broker.node_id for broker in answer.brokers], answer.controller_id

    async def partitions_or_made(self, topic: str) -> int:
        """How many partitions a topic has; asks for one that is missing, which brokers make if they are set so."""
        tries = 0
        while True:
            name = MetadataRequest.MetadataRequestTopic(name=topic)
            request = MetadataRequest(topics=[name], allow_auto_topic_creation=True, min_version=9, max_version=12)
            (row,) = (await self.ask(request)).topics
            if row.error_code == 0 and all(part.leader_id >= 0 for part in row.partitions):
                return len(row.partitions)
            tries += row.error_code == UnknownTopicOrPartitionException.code
            if row.error_code not in (0, *PASSING, UnknownTopicOrPartitionException.code) or tries > 5:
                raise exception(row.error_code, "", topic)
            await self.sleep()

    async def leaders(self, partitions: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
        """The partitions by the broker that leads them.

        Raises:
            UnknownTopicOrPartitionException: one does not exist.
        """
        wanted = list(partitions)
        found: dict[TopicPartition, int] = {}
        topics, _, _ = await self.metadata({partition.topic for partition in wanted})
        for row in topics:
            if row.error_code not in (0, 3, 5):
                raise exception(row.error_code, "", row.name)
            found.update({TopicPartition(row.name, part.partition_index): part.leader_id for part in row.partitions})
        led: dict[int, list[TopicPartition]] = {}
        for partition in wanted:
            if partition not in found:
                raise UnknownTopicOrPartitionException(f"{partition}: no such topic or partition.", partition)
            if found[partition] < 0:
                raise exception(5, "the partition has no leader at present", partition)
            led.setdefault(found[partition], []).append(partition)
        return led

    async def coordinator(self, key: str, kind: int = GROUP) -> int:
        """The broker that coordinates a group or a transactional id; waits until there is one."""
        known = self._coordinators.get((kind, key))
        while known is None:
            request = FindCoordinatorRequest(key_type=kind, coordinator_keys=[key], min_version=4)
            (row,) = (await self.ask(request)).coordinators
            if row.error_code == 0:
                known = self._coordinators[(kind, key)] = row.node_id
                self._addresses[row.node_id] = (row.host, row.port)
            elif row.error_code in PASSING:
                await self.sleep()
            else:
                raise exception(row.error_code, row.error_message or "", key)
        return known

    def forget_coordinator(self, key: str, kind: int = GROUP) -> None:
        """It is another now: the next who asks finds it anew."""
        self._coordinators.pop((kind, key), None)

    # Connections

    async def _any(self) -> KafkaConnection:
        """A connection to any broker: one that is there, else the first that can be made."""
        for node, lane in list(self._connections):
            if lane == "" and self.fresh(connection := self._connections[node, lane]):
                return connection
        failed: list[KafkaException] = []
        nodes: list[Node] = [*(each for each in self._addresses if isinstance(each, int)), *self.servers]
        for node in nodes:
            try:
                return await self._to(node, "")
            except (BrokerNotFoundException, DisconnectException) as error:
                failed.append(error)
        raise failed[-1]

    async def _to(self, node: Node, lane: str) -> KafkaConnection:
        known = self._connections.get((node, lane))
        if known is not None and (known.initializing or self.fresh(known)):
            try:
                return await known
            except Exception as error:  # as whoever makes it is told in full
                raise DisconnectException(f"{self._named(known)}: no connection: {_said(error)}") from error
        host, port = self._address(node)
        connection = self._connections[(node, lane)] = KafkaConnection(self._net, node_id=node, **self._settings)
        self._listen(connection)
        try:
            await self._connect(connection, host, port)
        except BaseException:
            self._failed += 1
            if self._connections.get((node, lane)) is connection:
                del self._connections[(node, lane)]
            raise
        self._failed = 0
        connection.close_future.add_both(lambda _: self._gone(node, lane, connection))
        return connection

    def fresh(self, connection: Connection) -> bool:
        """Is a connection there, and was it used lately? One that was not (`connections.max.idle.ms`) is closed: who
        keeps connections on the way may have forgotten it."""
        if not connection.connected:
            return False
        now, most = self.world.monotonic_ms(), self._reaching.max_idle_ms
        if 0 <= most < now - self._heard.get(connection, now) and not connection.in_flight_requests:
            connection.close()
            return False
        return True

    def _listen(self, connection: Connection) -> None:
        """Whatever comes over it counts as a sign of life."""
        connection.data_received = partial(self._received, connection, connection.data_received)

    def _received(self, connection: Connection, receive: Callable[[bytes], None], data: bytes) -> None:
        self._heard[connection] = self.world.monotonic_ms()
        _received(receive, data)

    def _gone(self, node: Node, lane: str, connection: KafkaConnection) -> None:
        if self._connections.get((node, lane)) is connection:
            del self._connections[(node, lane)]

    async def _connect(self, connection: KafkaConnection, host: str, port: int) -> None:
        wait_s = self._reaching.connect_timeout_ms / 1_000
        where, until = f"{host}:{port}", self.world.monotonic_ms() / 1_000 + wait_s
        encrypted = str(self._settings.get("security_protocol", "")).endswith("SSL")
        ssl = {name: value for name, value in self._settings.items() if name.startswith("ssl_")}
        try:
            options = (*_OPTIONS, *self._reaching.socket_options)
            sock = await create_connection(self._net, host, port, options, timeout_at=until)
            make = KafkaSSLTransport if encrypted else KafkaTCPTransport
            transport = make(self._net, sock, host=host, **ssl)
            transport._sock_recv = partial(_before_the_end, transport._sock_recv)
            try:
                await transport.handshake()
            except Exception as error:
                transport.abort(error)
                raise
        except Exception as error:
            connection.connection_lost(error)
            if encrypted and (why := refused_by(error)) is not None:
                raise SslAuthenticationException(f"{where}: {why}") from None
            raise BrokerNotFoundException(_unreachable(where, error, encrypted)) from error
        connection.connection_made(transport)
        await connection.initialize(timeout_at=until)
        try:
            await connection
        except (theirs.SaslAuthenticationFailedError, theirs.IllegalSaslStateError,
                theirs.UnsupportedSaslMechanismError) as error:  # fmt: skip
            raise SaslAuthenticationException(
                f"{where}: Kafka does not let this client in: {_refusal(error, self._settings.get('sasl_mechanism'))}. "
                "Check sasl.mechanism and sasl.jaas.config."
            ) from None
        except KafkaException:  # of the identity provider
            raise
        except theirs.RequestTimedOutError as error:
            raise BrokerNotFoundException(
                f"{where}: somebody listens there, and has not answered for {wait_s:.0f} s. Is it a Kafka "
                "broker, its process stopped or its machine overloaded?"
            ) from error
        except Exception as error:
            if encrypted and (why := refused_by(error)) is not None:
                raise SslAuthenticationException(f"{where}: {why}") from None
            if not encrypted and _speaks_tls(error):
                raise BrokerNotFoundException(
                    f"{where} speaks TLS. Set security.protocol=SSL, or SASL_SSL where it asks for a login."
                ) from None
            raise BrokerNotFoundException(_no_broker(where, error)) from error

    def _address(self, node: Node) -> tuple[str, int]:
        if isinstance(node, int):
            return self._addresses[node]
        host, _, port = node.rpartition(":")
        return host.strip("[]"), int(port)

    def _named(self, connection: KafkaConnection) -> str:
        host, port = self._address(connection.node_id)
        return f"{host}:{port}"

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerNotFoundException("The connection to Kafka was closed by this client.")


def _before_the_end(receive: Callable[[], tuple[bytes, Exception | None]]) -> tuple[bytes, Exception | None]:
    """What has come, though the connection ended behind it: kafka-python forgets it then, and so why a login was
    refused. The end is met again by who reads next."""
    data, error = receive()
    return data, None if data else error


def _refusal(error: Exception, mechanism: object) -> str:
    """The broker's words about a login that it refused."""
    if isinstance(error, theirs.UnsupportedSaslMechanismError):
        return f"it does not take sasl.mechanism={mechanism}"
    return str(error.args[0] if error.args else error).removeprefix(f"{type(error).__name__}: ").rstrip(".")


def _received(receive: Callable[[bytes], None], data: bytes) -> None:
    """Takes what has come. Whatever is met in an answer that is none ends the connection: nobody waits behind it."""
    try:
        receive(data)
    except theirs.KafkaProtocolError:
        raise
    except Exception as error:
        raise theirs.KafkaProtocolError(f"Unable to decode response: {_said(error)}") from error


def _no_broker(where: str, error: BaseException) -> str:
    return (
        f"{where} does not speak as a Kafka broker does: {_said(error)}. Is it another service's port, or one that "
        "asks for TLS or SASL (security.protocol)?"
    )


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _speaks_tls(error: BaseException) -> bool:
    """Was the answer an alert of TLS (21, 3, …), taken for a length?"""
    length = str(error).rpartition(" ")[2]
    return isinstance(error, theirs.InvalidReceiveError) and length.isdigit() and int(length) >> 16 == 0x1503


def _unreachable(where: str, error: BaseException, encrypted: bool) -> str:
    said = _said(error)
    if "DNS" in said:
        return f"{where}: the name does not resolve. Check bootstrap.servers, and the broker's advertised.listeners."
    if encrypted and "andshake" in said:
        return f"{where}: no TLS connection could be made: {said}. Check ssl.truststore.location and the port."
    return f"{where}: no broker could be reached: {said}. Does one listen there?"

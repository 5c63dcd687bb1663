"""From Kafka's dotted settings to what the clients read: one frozen record a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streams.clients.api import Isolation, ReaderSettings, WriterSettings
from streams.clients.assignors import assignor_names
from streams.clients.member import MemberSettings
from streams.config.clients import ADMIN, CONSUMER, PRODUCER
from streams.config.table import Setting, invalid, unknown
from streams.config.things import imported, serde_called
from streams.errors import ConfigException, NotYetBuiltException
from streams.names import check_group
from streams.serdes.base import Serde

Partitioner = Callable[[str, object, object, int], int]
"""`(topic, key, value, partitions)`, as they were given to `send`, to the number of a partition."""

_JAVA_SERDES = "org.apache.kafka.common.serialization."


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """What a producer reads of its settings; sizes in bytes, times in milliseconds."""

    bootstrap_servers: str
    client_id: str
    key_serializer: Serde[object] | None
    value_serializer: Serde[object] | None
    partitioner: Partitioner | None
    batch_size: int
    linger_ms: int
    buffer_memory: int
    max_block_ms: int
    max_request_size: int
    most_out: int
    writer: WriterSettings


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """What a consumer reads of its settings; sizes in bytes, times in milliseconds."""

    bootstrap_servers: str
    client_id: str
    group: str | None
    key_deserializer: Serde[object] | None
    value_deserializer: Serde[object] | None
    auto_commit_ms: int | None
    reset: str
    isolation: Isolation
    max_poll_records: int
    api_timeout_ms: int
    metadata_max_age_ms: int
    reader: ReaderSettings
    member: MemberSettings


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """What an admin reads of its settings."""

    bootstrap_servers: str
    client_id: str


class _Given:
    """The settings that were given, parsed, over the defaults of a table."""

    def __init__(
        self, table: Mapping[str, Setting], config: Mapping[str, object], keywords: Mapping[str, object]
    ) -> None:
        given = dict(config)
        for name, value in keywords.items():
            dotted = name.replace("_", ".")
            if dotted in given:
                raise ConfigException(f"{dotted} is given twice: in the mapping and as a keyword.")
            given[dotted] = value
        self.given: dict[str, object] = {}
        for name, value in given.items():
            if name not in table:
                raise unknown(name, table)
            self.given[name] = table[name].parse(value)
        self._table = table

    def __getitem__(self, name: str) -> object:
        return self.given.get(name, self._table[name].default)

    def number(self, name: str) -> int:
        value = self[name]
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        value = self[name]
        return "" if value is None else str(value)

    def servers(self) -> str:
        value = self["bootstrap.servers"]
        return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)

    def serde(self, name: str) -> Serde[object] | None:
        """A serde, or the name of one as in `string`, or Kafka's `org.apache.kafka…StringSerializer`."""
        value = self[name]
        if isinstance(value, str):
            short = value.removeprefix(_JAVA_SERDES) if value.startswith(_JAVA_SERDES) else value
            for ending in ("Serializer", "Deserializer"):
                short = short.removesuffix(ending) if short != value else short
            try:
                value = serde_called(short.lower() if short != value else value)
            except LookupError as error:
                raise invalid(name, value, f"Class {value} could not be found. {error}") from None
        if value is None or isinstance(value, Serde):
            return value
        raise invalid(name, value, "Expected a serde, e.g. Serdes.string(), or the name of one, e.g. string")

    def refuse(self, name: str, unless: object, comes_with: str) -> None:
        if self[name] != unless:
            raise NotYetBuiltException(
                f"{name}={self[name]} comes with {comes_with}; not built yet. Leave it out."
            )


def producer_settings(config: Mapping[str, object], keywords: Mapping[str, object]) -> ProducerSettings:
    """Reads the settings of a producer.

    Args:
        config: by dotted names.
        keywords: by the same names with underscores.
    Raises:
        ConfigException: a setting is unknown, has a wrong value, or contradicts another.
        NotYetBuiltException: a setting is known, but not built yet.
    """
    given = _Given(PRODUCER, config, keywords)
    given.refuse("transactional.id", None, "exactly-once")
    given.refuse("compression.type", "none", "compression")
    acks = {"all": -1, "-1": -1, "0": 0, "1": 1}[given.text("acks")]
    in_flight = given.number("max.in.flight.requests.per.connection")
    idempotent = bool(given["enable.idempotence"])
    if idempotent and acks != -1:
        if "enable.idempotence" in given.given:
            raise ConfigException("Must set acks to all in order to use the idempotent producer.")
        idempotent = False
    if idempotent and in_flight > 5:
        if "enable.idempotence" in given.given:
            raise ConfigException(
                "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer."
            )
        idempotent = False
    partitioner = given["partitioner.class"]
    if isinstance(partitioner, str):
        try:
            partitioner = imported(partitioner, "Give a callable, or package.module:name.")
        except LookupError as error:
            raise invalid("partitioner.class", partitioner, str(error)) from None
    if partitioner is not None and not callable(partitioner):
        raise invalid("partitioner.class", partitioner, "Expected a callable (topic, key, value, partitions)")
    linger, delivery = given.number("linger.ms"), given.number("delivery.timeout.ms")
    if delivery < linger + given.number("request.timeout.ms") and "delivery.timeout.ms" in given.given:
        raise ConfigException(
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms"
        )
    memory, block = given.number("buffer.memory"), given.number("max.block.ms")
    writer = WriterSettings(acks, idempotent, delivery, given.number("retry.backoff.ms"), 2 * memory, block)
    return ProducerSettings(
        bootstrap_servers=given.servers(),
        client_id=given.text("client.id") or "producer",
        key_serializer=given.serde("key.serializer"),
        value_serializer=given.serde("value.serializer"),
        partitioner=partitioner,
        batch_size=given.number("batch.size"),
        linger_ms=linger,
        buffer_memory=memory,
        max_block_ms=block,
        max_request_size=given.number("max.request.size"),
        most_out=min(in_flight, 5),
        writer=writer,
    )


def consumer_settings(config: Mapping[str, object], keywords: Mapping[str, object]) -> ConsumerSettings:
    """Reads the settings of a consumer; see `producer_settings`."""
    given = _Given(CONSUMER, config, keywords)
    group = None if given["group.id"] is None else check_group(given.text("group.id"))
    reset = given.text("auto.offset.reset").lower()
    if reset.startswith("by_duration"):
        raise NotYetBuiltException(
            "auto.offset.reset=by_duration is not built yet. Use earliest, latest or none, and "
            "offsets_for_times with seek for a point in time."
        )
    strategy = "partition.assignment.strategy"
    session, beat = given.number("session.timeout.ms"), given.number("heartbeat.interval.ms")
    if beat >= session:
        raise invalid("heartbeat.interval.ms", beat, f"It must be lower than session.timeout.ms, which is {session}")
    instance = given["group.instance.id"]
    auto = bool(given["enable.auto.commit"]) and group is not None
    if group is None and given.given.get("enable.auto.commit") is True:
        raise ConfigException("enable.auto.commit cannot be set to true when default group id (null) is used.")
    return ConsumerSettings(
        bootstrap_servers=given.servers(),
        client_id=given.text("client.id") or "consumer",
        group=group,
        key_deserializer=given.serde("key.deserializer"),
        value_deserializer=given.serde("value.deserializer"),
        auto_commit_ms=max(1, given.number("auto.commit.interval.ms")) if auto else None,
        reset=reset,
        isolation=Isolation(given.text("isolation.level")),
        max_poll_records=given.number("max.poll.records"),
        api_timeout_ms=given.number("default.api.timeout.ms"),
        metadata_max_age_ms=given.number("metadata.max.age.ms"),
        reader=ReaderSettings(
            given.number("fetch.max.wait.ms"),
            given.number("fetch.min.bytes"),
            given.number("fetch.max.bytes"),
            given.number("max.partition.fetch.bytes"),
        ),
        member=MemberSettings(
            group or "",
            assignor_names(given[strategy]) if strategy in given.given else ("range",),
            None if instance is None else str(instance),
            session,
            beat,
            given.number("max.poll.interval.ms"),
            given.number("retry.backoff.ms"),
        ),
    )


def admin_settings(config: Mapping[str, object], keywords: Mapping[str, object]) -> AdminSettings:
    """Reads the settings of an admin; see `producer_settings`."""
    given = _Given(ADMIN, config, keywords)
    return AdminSettings(given.servers(), given.text("client.id") or "admin")

"""From Kafka's dotted settings to what the clients read: one frozen record a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from streams.clients.api import Isolation, ReaderSettings, TransactionSettings, WriterSettings
from streams.clients.assignors import assignor_names
from streams.clients.member import MemberSettings
from streams.config.clients import ADMIN, CONSUMER, PRODUCER, ClientConfig, is_bundled
from streams.config.table import Setting, invalid, named, unknown
from streams.errors import ConfigException, NotYetBuiltException
from streams.names import MAX_NAME_LENGTH
from streams.serdes.base import Serde
from streams.troubles import Troubles

Partitioner = Callable[[str, object, object, int], int]
"""`(topic, key, value, partitions)`, as they were given to `send`, to the number of a partition."""


@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """What a producer reads of its settings; sizes in bytes, times in milliseconds."""

    bootstrap_servers: str
    client_id: str
    connections: Mapping[str, object]
    key_serializer: Serde[object] | None
    value_serializer: Serde[object] | None
    partitioner: Partitioner | None
    ignores_keys: bool
    batch_size: int
    linger_ms: int
    buffer_memory: int
    max_block_ms: int
    max_request_size: int
    max_in_flight: int
    writer: WriterSettings
    transaction: TransactionSettings | None


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """What a consumer reads of its settings; sizes in bytes, times in milliseconds."""

    bootstrap_servers: str
    client_id: str
    connections: Mapping[str, object]
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
    connections: Mapping[str, object]


def _parsed(
    table: Mapping[str, Setting], config: Mapping[str, object], keywords: Mapping[str, object]
) -> ClientConfig:
    """Holds what was given against a table."""
    given = named(config)
    for name, value in keywords.items():
        dotted = name.replace("_", ".")
        if dotted in given:
            raise ConfigException(f"{dotted} is given twice: in the mapping and as a keyword.")
        given[dotted] = value
    parsed: dict[str, object] = {}
    for name, value in given.items():
        if name not in table:
            raise unknown(name, table)
        parsed[name] = table[name].parse(value)
    found = ClientConfig(table, parsed)
    bundled = is_bundled(found["bootstrap.servers"])
    for name, value in parsed.items():
        table[name].refuse_unbuilt(value, bundled=bundled)
    return found


def _servers(config: ClientConfig) -> str:
    value = config["bootstrap.servers"]
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _serde(config: ClientConfig, name: str) -> Serde[object] | None:
    """A serde, as the table has checked it."""
    value = config[name]
    assert value is None or isinstance(value, Serde)
    return value


def producer_settings(config: Mapping[str, object], keywords: Mapping[str, object]) -> ProducerSettings:
    """Reads the settings of a producer.

    Args:
        config: by dotted names.
        keywords: by the same names with underscores.
    Raises:
        ConfigException: a setting is unknown, has a wrong value, or contradicts another.
        NotYetBuiltException: a setting is known, but not built yet.
    """
    given = _parsed(PRODUCER, config, keywords)
    troubled = Troubles(given.text("client.id") or "producer").tell
    writer = WriterSettings.of(given, troubled)
    in_flight = given.number("max.in.flight.requests.per.connection")
    idempotent = writer.idempotent
    if idempotent and writer.acks != -1:
        if "enable.idempotence" in given.given:
            raise ConfigException("Must set acks to all in order to use the idempotent producer.")
        idempotent = False
    if idempotent and in_flight > 5:
        if "enable.idempotence" in given.given:
            raise ConfigException(
                "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer."
            )
        idempotent = False
    transaction = None
    if given["transactional.id"] is not None:
        if not idempotent:
            raise ConfigException(
                "Cannot set a transactional.id without also enabling idempotence. It needs enable.idempotence=true, "
                "acks=all and max.in.flight.requests.per.connection of at most 5: leave these out."
            )
        name = given.text("transactional.id")
        if len(name) > MAX_NAME_LENGTH:
            shown = f"{name[:20]}… ({len(name)} characters)"
            raise invalid("transactional.id", shown, f"It may have at most {MAX_NAME_LENGTH} characters")
        transaction = TransactionSettings(name, given.number("transaction.timeout.ms"))
    partitioner = given["partitioner.class"]
    assert partitioner is None or callable(partitioner)
    linger, delivery = given.number("linger.ms"), given.number("delivery.timeout.ms")
    if delivery < linger + given.number("request.timeout.ms") and "delivery.timeout.ms" in given.given:
        raise ConfigException(
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms"
        )
    return ProducerSettings(
        bootstrap_servers=_servers(given),
        client_id=given.text("client.id") or "producer",
        connections=given.of_connections(),
        key_serializer=_serde(given, "key.serializer"),
        value_serializer=_serde(given, "value.serializer"),
        partitioner=partitioner,
        ignores_keys=bool(given["partitioner.ignore.keys"]),
        batch_size=given.number("batch.size"),
        linger_ms=linger,
        buffer_memory=given.number("buffer.memory"),
        max_block_ms=given.number("max.block.ms"),
        max_request_size=given.number("max.request.size"),
        max_in_flight=min(in_flight, 5),
        writer=replace(writer, idempotent=idempotent),
        transaction=transaction,
    )


def consumer_settings(config: Mapping[str, object], keywords: Mapping[str, object]) -> ConsumerSettings:
    """Reads the settings of a consumer; see `producer_settings`."""
    given = _parsed(CONSUMER, config, keywords)
    group = None if given["group.id"] is None else given.text("group.id")
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
    auto = bool(given["enable.auto.commit"]) and group is not None
    if group is None and given.given.get("enable.auto.commit") is True:
        raise ConfigException("enable.auto.commit cannot be set to true when default group id (null) is used.")
    return ConsumerSettings(
        bootstrap_servers=_servers(given),
        client_id=given.text("client.id") or "consumer",
        connections=given.of_connections(),
        group=group,
        key_deserializer=_serde(given, "key.deserializer"),
        value_deserializer=_serde(given, "value.deserializer"),
        auto_commit_ms=max(1, given.number("auto.commit.interval.ms")) if auto else None,
        reset=reset,
        isolation=Isolation(given.text("isolation.level")),
        max_poll_records=given.number("max.poll.records"),
        api_timeout_ms=given.number("default.api.timeout.ms"),
        metadata_max_age_ms=given.number("metadata.max.age.ms"),
        reader=ReaderSettings.of(given, Troubles(given.text("client.id") or "consumer").tell),
        member=MemberSettings.of(
            group or "", assignor_names(given[strategy]) if strategy in given.given else ("range",), given
        ),
    )


def admin_settings(config: Mapping[str, object], keywords: Mapping[str, object]) -> AdminSettings:
    """Reads the settings of an admin; see `producer_settings`."""
    given = _parsed(ADMIN, config, keywords)
    return AdminSettings(_servers(given), given.text("client.id") or "admin", given.of_connections())

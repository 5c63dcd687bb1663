"""From Kafka's dotted settings to what the clients read: one frozen record a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streams.clients.api import Isolation, ReaderSettings, WriterSettings
from streams.clients.assignors import assignor_names
from streams.clients.member import MemberSettings
from streams.config.clients import ADMIN, CONSUMER, PRODUCER, is_bundled
from streams.config.table import Setting, invalid, named, unknown
from streams.errors import ConfigException, NotYetBuiltException
from streams.serdes.base import Serde
from streams.troubles import Troubles

Partitioner = Callable[[str, object, object, int], int]
"""`(topic, key, value, partitions)`, as they were given to `send`, to the number of a partition."""



@dataclass(frozen=True, slots=True)
class ProducerSettings:
    """What a producer reads of its settings; sizes in bytes, times in milliseconds."""

    bootstrap_servers: str
    client_id: str
    key_serializer: Serde[object] | None
    value_serializer: Serde[object] | None
    partitioner: Partitioner | None
    ignores_keys: bool
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
        given = named(config)
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
        bundled = is_bundled(self["bootstrap.servers"])
        for name, value in self.given.items():
            table[name].refuse_unbuilt(value, bundled=bundled)

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
        """A serde, as the table has checked it."""
        value = self[name]
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
    given = _Given(PRODUCER, config, keywords)
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
    assert partitioner is None or callable(partitioner)
    linger, delivery = given.number("linger.ms"), given.number("delivery.timeout.ms")
    if delivery < linger + given.number("request.timeout.ms") and "delivery.timeout.ms" in given.given:
        raise ConfigException(
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms"
        )
    memory, block = given.number("buffer.memory"), given.number("max.block.ms")
    told = Troubles(given.text("client.id") or "producer").tell
    writer = WriterSettings(acks, idempotent, delivery, given.number("retry.backoff.ms"), 2 * memory, block, told)
    return ProducerSettings(
        bootstrap_servers=given.servers(),
        client_id=given.text("client.id") or "producer",
        key_serializer=given.serde("key.serializer"),
        value_serializer=given.serde("value.serializer"),
        partitioner=partitioner,
        ignores_keys=bool(given["partitioner.ignore.keys"]),
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
            Troubles(given.text("client.id") or "consumer").tell,
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

"""What a streams application asks of its clients, as Java's `StreamsConfig.getMainConsumerConfigs` and its siblings do.

A specific prefix beats a general one, which beats no prefix; what Streams must have beats all. Only what differs from
the client's own defaults is said.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal, Protocol

from streams.config.clients import ADMIN, CONSUMER, PREFIXES, PRODUCER, is_bundled
from streams.config.streams import SETTINGS
from streams.config.table import Setting, invalid
from streams.errors import IllegalArgumentException
from streams.names import MAX_NAME_LENGTH

log = logging.getLogger("streams.config")

ConsumerKind = Literal["main", "restore", "global"]
Settings = dict[str, object]


class ApplicationConfig(Protocol):
    """What is asked of the application's settings (`StreamsConfig`)."""

    @property
    def application_id(self) -> str: ...
    def __getitem__(self, name: str, /) -> object: ...
    def get_int(self, name: str) -> int: ...
    def prefixed(self, prefix: str) -> Mapping[str, object]: ...
    def unprefixed(self) -> Mapping[str, object]: ...


_FORCED_CONSUMER: Mapping[str, object] = {
    "enable.auto.commit": False,
    "group.protocol": "classic",
    "allow.auto.create.topics": False,
}
READ_BY_CONSUMER = frozenset(
    {
        *("auto.offset.reset", "group.instance.id", "metadata.max.age.ms"),
        *("session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms"),
        *("fetch.max.wait.ms", "fetch.min.bytes", "fetch.max.bytes", "max.partition.fetch.bytes"),
        "isolation.level",
    }
)
"""What the consumer of an application's input reads of a consumer's settings. Those of changelogs and of global tables
read none of their own: they have its isolation, and take what there is, as fast as it comes."""
READ_BY_PRODUCER = frozenset(
    {
        *("delivery.timeout.ms", "linger.ms", "max.request.size", "metadata.max.age.ms", "retry.backoff.ms"),
        "transaction.timeout.ms",
    }
)
"""What the producer of an application reads of a producer's settings: its batches are the runtime's."""
READ_BY_PRODUCER_OF_KAFKA = frozenset(name for name in PRODUCER if name.startswith("compression."))
"""What it reads besides where Apache Kafka is written to."""
_READ: Mapping[str, frozenset[str]] = {
    "consumer.": READ_BY_CONSUMER,
    "main.consumer.": READ_BY_CONSUMER,
    "restore.consumer.": frozenset(),
    "global.consumer.": frozenset(),
    "producer.": READ_BY_PRODUCER,
    "admin.": frozenset(),
}
OF_BUNDLED: Mapping[str, object] = {"heartbeat.interval.ms": 300}
"""What the consumer of an application's input has on the bundled engine where it is not given. A worker learns of a
rebalance by the answer to a heartbeat (Kafka's 3,000 would hold up every join for so long), and a heartbeat to a broker
on the same host costs next to nothing."""
_CONNECTING = frozenset(name for name, setting in CONSUMER.items() if setting.of_kafka)
_OF_KAFKA_READ: Mapping[str, frozenset[str]] = {
    "consumer.": _CONNECTING,
    "main.consumer.": _CONNECTING,
    "producer.": READ_BY_PRODUCER_OF_KAFKA,
}
"""Where the settings of an application's connections to Apache Kafka are read, besides without a prefix."""
_TRANSACTION_TIMEOUT = 10_000
LONGEST_ID = MAX_NAME_LENGTH - len("-00000000-0000-0000-0000-000000000000")
"""Of an application that works exactly-once: a transactional id is `<application.id>-<uuid>`."""
_NEVER = 2_147_483_647


def consumer_settings(
    config: ApplicationConfig, kind: ConsumerKind, client_id: str, exactly_once: bool, worker: int = 0
) -> Settings:
    """Settings of one of the three consumers.

    Args:
        config: the application's.
        kind: main reads input, restore changelogs, global the topics of global tables.
        client_id: name of the client.
        exactly_once: the guarantee.
        worker: number of the worker in its process; a static member's id ends with it.
    """
    found: Settings = {"auto.offset.reset": "earliest", "max.poll.records": 1_000}
    if kind == "main" and is_bundled(config["bootstrap.servers"]):
        found.update(OF_BUNDLED)
    given = _given(config, CONSUMER, "consumer.", f"{kind}.consumer.")
    forced = dict(_FORCED_CONSUMER)
    if exactly_once:
        forced["isolation.level"] = "read_committed"
        found["internal.throw.on.fetch.stable.offset.unsupported"] = True
    _warn(given, forced, "consumer")
    found.update(given)
    found.update(forced)
    static = found.pop("group.instance.id", None)
    found.pop("group.id", None)
    found["client.id"] = client_id
    if kind == "main":
        found["group.id"] = config.application_id
        if static is not None:
            found["group.instance.id"] = f"{static}-{worker}"
    else:
        found["auto.offset.reset"] = "none"
    if kind == "global":
        found["client.id"] = f"{client_id}-global-consumer"
    return found


def connection_settings(config: ApplicationConfig) -> Settings:
    """What is said of connections to Apache Kafka, for all clients of an application: they have one door."""
    given = _given(config, CONSUMER, "consumer.", "main.consumer.")
    found = {name: value for name, value in given.items() if CONSUMER[name].of_kafka}
    written = _given(config, PRODUCER, "producer.")
    return {**found, **{name: value for name, value in written.items() if name in READ_BY_PRODUCER_OF_KAFKA}}


def producer_settings(config: ApplicationConfig, client_id: str, exactly_once: bool) -> Settings:
    """Settings of the producer.

    Raises:
        ConfigException, IllegalArgumentException: see `check_exactly_once`.
    """
    # Kafka Streams waits 100 ms; here the outbox makes the batches (decision 33).
    found: Settings = {"linger.ms": 0}
    given = _given(config, PRODUCER, "producer.")
    if not exactly_once:
        return {**found, **given, "client.id": client_id}
    found.update({"delivery.timeout.ms": _NEVER, "transaction.timeout.ms": _TRANSACTION_TIMEOUT})
    _warn(given, {"enable.idempotence": True}, "producer")
    if given.pop("transactional.id", None) is not None:
        log.warning("The setting producer.transactional.id is ignored: the application makes its own.")
    found.update(given)
    found.update({"enable.idempotence": True, "client.id": client_id})
    check_exactly_once(config)
    return found


def check_exactly_once(config: ApplicationConfig) -> None:
    """What has to be so that an application can work exactly-once.

    Raises:
        ConfigException: too many requests in flight; the application id is too long to begin a transactional id.
        IllegalArgumentException: a transaction would time out before its commit.
    """
    given = _given(config, PRODUCER, "producer.")
    in_flight = given.get("max.in.flight.requests.per.connection", 5)
    if isinstance(in_flight, int) and in_flight > 5:
        raise invalid(
            "max.in.flight.requests.per.connection",
            in_flight,
            "Can't exceed 5 when exactly-once processing is enabled",
        )
    _check_timeout(config.get_int("commit.interval.ms"), given.get("transaction.timeout.ms", _TRANSACTION_TIMEOUT))
    id = config["application.id"]
    if isinstance(id, str) and len(id) > LONGEST_ID:
        raise invalid(
            "application.id",
            id,
            f"It has {len(id)} characters, and with exactly_once_v2 {LONGEST_ID} at most: it begins the transactional "
            f"id of each worker, which has {MAX_NAME_LENGTH} at most",
        )


def admin_settings(config: ApplicationConfig, client_id: str) -> Settings:
    """Settings of the admin."""
    return {"enable.metrics.push": True, **_given(config, ADMIN, "admin."), "client.id": client_id}


def unread(config: ApplicationConfig) -> list[str]:
    """Settings of clients that were given, differ from the default, and change nothing in an application: with their
    prefix. A plain client reads them; here the runtime does what they are about, or Kafka Streams needs another value.
    """
    found = []
    bundled = is_bundled(config["bootstrap.servers"])
    of_kafka = frozenset().union(*_OF_KAFKA_READ.values())
    for prefix, read in _READ.items():
        table = PREFIXES[prefix]
        given = config.prefixed(prefix).items()
        theirs = frozenset() if bundled else _OF_KAFKA_READ.get(prefix, frozenset())
        found += [prefix + name for name, value in given if name not in read | theirs and value != table[name].default]
    everywhere = READ_BY_CONSUMER | READ_BY_PRODUCER | SETTINGS.keys()
    for name, value in config.unprefixed().items():
        defaults = [table[name].default for table in (CONSUMER, PRODUCER, ADMIN) if name in table]
        if name not in everywhere and value not in defaults and (bundled or name not in of_kafka):
            found.append(name)
    return found


def _given(config: ApplicationConfig, table: Mapping[str, Setting], *prefixes: str) -> Settings:
    """What the user said, the more specific prefix last."""
    found = {name: value for name, value in config.unprefixed().items() if name in table}
    for prefix in prefixes:
        found.update(config.prefixed(prefix))
    return found


def _warn(given: Settings, forced: Mapping[str, object], client: str) -> None:
    for name, value in forced.items():
        if name in given and given[name] != value:
            log.warning(
                "The setting %s=%s of the %s is ignored: Kafka Streams needs %s.", name, given[name], client, value
            )


def _check_timeout(commit_interval: int, timeout: object) -> None:
    if isinstance(timeout, int) and timeout < commit_interval:
        raise IllegalArgumentException(
            f"Transaction timeout {timeout} was set lower than streams commit interval {commit_interval}. This will "
            "cause ongoing transaction always timeout due to inactivity caused by long commit interval. Consider "
            "reconfiguring commit interval to match transaction timeout by tuning 'commit.interval.ms' config, or "
            "increase the transaction timeout to match commit interval by tuning `producer.transaction.timeout.ms` "
            "config."
        )

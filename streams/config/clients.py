"""The settings of the log's own clients: consumer, producer and admin, with Kafka's names, types and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from streams.config.classes import check_client_serde, check_partitioner, client_serde_called, partitioner_called
from streams.config.table import (
    Check,
    Setting,
    Type,
    at_least,
    between,
    invalid,
    not_empty,
    of_kafka,
    one_of,
    one_of_in_any_case,
    table,
    texts,
)
from streams.config.topics import TOPIC
from streams.errors import InvalidGroupIdException
from streams.names import check_group

JVM = "it belongs to the Java virtual machine"
NOT_COMPARED = "it is not looked at which cluster an answer comes from"
ASKED_AT_ONCE = "bootstrap.servers are asked as soon as no broker that is known answers"
COMPRESSION = "compression"
INTS = 2_147_483_647
FETCH_BYTES = 8 * 1024 * 1024
"""Most of one fetch of an application: more would only wait in memory."""

_OF_CONNECTIONS_TOO = ("request.timeout.ms",)
"""What the bundled engine's producer has too, held against `delivery.timeout.ms`."""
_LOOKUPS = ("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only")
_PROTOCOLS = ("SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT")


def _check_reset(name: str, value: object) -> None:
    if not isinstance(value, str) or not (
        value.lower() in ("latest", "earliest", "none") or value.lower().startswith("by_duration:")
    ):
        raise invalid(
            name,
            value,
            "Invalid value for auto.offset.reset, use latest, earliest, none or by_duration:PnDTnHnMn.nS.",
        )


def _check_group(name: str, value: object) -> None:
    if isinstance(value, str):
        try:
            check_group(value)
        except InvalidGroupIdException as error:
            raise InvalidGroupIdException(f"{name}: {error}") from None


def _or_minus_one(low: int, high: int) -> Check:
    check_rest = between(low, high)

    def check(name: str, value: object) -> None:
        if value != -1:
            check_rest(name, value)

    return check


def _java(name: str, kind: Type, default: object, doc: str) -> Setting:
    return Setting(name, kind, default, doc, no_meaning=JVM)


def is_bundled(servers: object) -> bool:
    """Are these `bootstrap.servers` the bundled engine's, and not Apache Kafka's?"""
    addresses = servers if isinstance(servers, tuple) else (servers,)
    return all(str(address).startswith(("local://", "memory://")) for address in addresses)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """The settings of one client, parsed: what was given, over the defaults of its table, which nobody else says.

    Args:
        table: `CONSUMER`, `PRODUCER` or `ADMIN`.
        given: parsed values by dotted name.
    """

    table: Mapping[str, Setting]
    given: Mapping[str, object]

    def __getitem__(self, name: str) -> object:
        return self.given.get(name, self.table[name].default)

    def of_connections(self) -> dict[str, object]:
        """What was given of connections to Apache Kafka."""
        return {
            name: value
            for name, value in self.given.items()
            if self.table[name].of_kafka or name in _OF_CONNECTIONS_TOO
        }

    def number(self, name: str) -> int:
        """A whole number; durations are ms, sizes bytes."""
        value = self[name]
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        """Text, "" where there is none."""
        value = self[name]
        return "" if value is None else str(value)


# fmt: off
def _of_all(
    receive: int, no_age: str | None = None, timeout_of_kafka: bool = True, no_backoff: str | None = None
) -> tuple[Setting, ...]:
    """What all clients have; their receive buffers differ, whether metadata are kept, whether answers of the bundled
    engine are waited for, and whether a pause can be set."""
    return (
        Setting("bootstrap.servers", Type.LIST, ("local://",), "local://DIR, memory://NAME, or host:port,… of Kafka.",
                texts),
        of_kafka("client.dns.lookup", Type.STRING, _LOOKUPS[0], "How Kafka's names are resolved.", one_of(*_LOOKUPS),
                 no_meaning="a name is resolved to all its addresses, each time somebody connects"),
        Setting("client.id", Type.STRING, "", "Name of the client."),
        of_kafka("bootstrap.resolve.timeout.ms", Type.LONG, 0, "How long Kafka's names may take to resolve.",
                 at_least(0), no_meaning="a name is resolved each time somebody connects"),
        Setting("config.providers", Type.LIST, (), "Where secrets come from.", no_meaning="use environment variables"),
        of_kafka("connections.max.idle.ms", Type.LONG, 540_000, "Idle connections are closed after this."),
        Setting("enable.metrics.push", Type.BOOLEAN, True, "Let brokers ask for metrics.",
                no_meaning="nothing is pushed", built_values=(False,)),
        Setting("interceptor.classes", Type.LIST, (), "Interceptors.", no_meaning=JVM),
        of_kafka("metadata.cluster.check.enable", Type.BOOLEAN, True, "Refuse answers of another cluster.",
                 no_meaning=NOT_COMPARED, built_values=(False,)),
        Setting("metadata.max.age.ms", Type.LONG, 300_000, "How long metadata are believed.", at_least(0),
                no_meaning=no_age),
        of_kafka("metadata.recovery.rebootstrap.trigger.ms", Type.LONG, 300_000, "When to look brokers up anew.",
                 at_least(0), no_meaning=ASKED_AT_ONCE),
        of_kafka("metadata.recovery.strategy", Type.STRING, "rebootstrap", "rebootstrap or none.",
                 one_of_in_any_case("REBOOTSTRAP", "NONE"), no_meaning=ASKED_AT_ONCE, built_values=("REBOOTSTRAP",)),
        _java("metric.reporters", Type.LIST, (), "Java classes."),
        Setting("metrics.num.samples", Type.INT, 2, "Samples of a metric.", at_least(1), no_meaning=JVM),
        Setting("metrics.recording.level", Type.STRING, "INFO", "Level.", one_of("INFO", "DEBUG", "TRACE"),
                no_meaning=JVM),
        Setting("metrics.sample.window.ms", Type.LONG, 30_000, "Length of a sample.", at_least(0), no_meaning=JVM),
        of_kafka("receive.buffer.bytes", Type.INT, receive, "Receive buffer of the socket.", at_least(-1)),
        of_kafka("reconnect.backoff.max.ms", Type.LONG, 1_000, "Longest wait before connecting again.", at_least(0)),
        of_kafka("reconnect.backoff.ms", Type.LONG, 50, "First wait before connecting again.", at_least(0)),
        Setting("request.timeout.ms", Type.INT, 30_000, "How long an answer may take.", at_least(0),
                of_kafka=timeout_of_kafka),
        Setting("retry.backoff.max.ms", Type.LONG, 1_000, "Longest wait before a request is sent again.", at_least(0),
                no_meaning="the wait does not grow; retry.backoff.ms sets it"),
        Setting("retry.backoff.ms", Type.LONG, 100, "First wait before a request is sent again.", at_least(0),
                no_meaning=no_backoff),
        of_kafka("send.buffer.bytes", Type.INT, 131_072, "Send buffer of the socket.", at_least(-1)),
        of_kafka("socket.connection.setup.timeout.max.ms", Type.LONG, 30_000, "Longest wait for a connection.",
                 no_meaning="the wait does not grow; socket.connection.setup.timeout.ms sets it"),
        of_kafka("socket.connection.setup.timeout.ms", Type.LONG, 10_000, "Wait for a connection."),
    )


_KERBEROS = "Kerberos (sasl.mechanism=GSSAPI) is not built yet"
_BY_BROKERS = "brokers check tokens, clients do not"
_WITH_CONNECTION = "a login that failed is tried again with its connection"

_SECURITY = (
    of_kafka("security.protocol", Type.STRING, "PLAINTEXT", "How to talk to Kafka.", one_of_in_any_case(*_PROTOCOLS)),
    _java("security.providers", Type.STRING, None, "Java classes."),
    _java("sasl.client.callback.handler.class", Type.CLASS, None, "A Java class."),
    of_kafka("sasl.jaas.config", Type.PASSWORD, None, "User and password, in Java's form."),
    of_kafka("sasl.kerberos.kinit.cmd", Type.STRING, "/usr/bin/kinit", "Renews the Kerberos ticket.",
             no_meaning=_KERBEROS),
    of_kafka("sasl.kerberos.min.time.before.relogin", Type.LONG, 60_000, "Between two renewals, ms.",
             no_meaning=_KERBEROS),
    of_kafka("sasl.kerberos.service.name", Type.STRING, None, "Kafka's name in Kerberos.", no_meaning=_KERBEROS),
    of_kafka("sasl.kerberos.ticket.renew.jitter", Type.DOUBLE, 0.05, "Spread of renewals.", no_meaning=_KERBEROS),
    of_kafka("sasl.kerberos.ticket.renew.window.factor", Type.DOUBLE, 0.8, "Part of a ticket's life before renewal.",
             no_meaning=_KERBEROS),
    _java("sasl.login.callback.handler.class", Type.CLASS, None, "A Java class."),
    _java("sasl.login.class", Type.CLASS, None, "A Java class."),
    of_kafka("sasl.login.connect.timeout.ms", Type.INT, None, "Wait for the identity provider."),
    of_kafka("sasl.login.read.timeout.ms", Type.INT, None, "Wait for the identity provider's answer."),
    of_kafka("sasl.login.refresh.buffer.seconds", Type.SHORT, 300, "Before a credential ends.", between(0, 3_600)),
    of_kafka("sasl.login.refresh.min.period.seconds", Type.SHORT, 60, "Between two refreshes.", between(0, 900)),
    of_kafka("sasl.login.refresh.window.factor", Type.DOUBLE, 0.8, "Part of a credential's life.", between(0.5, 1.0)),
    of_kafka("sasl.login.refresh.window.jitter", Type.DOUBLE, 0.05, "Spread of refreshes.", between(0.0, 0.25)),
    of_kafka("sasl.login.retry.backoff.max.ms", Type.LONG, 10_000, "Longest wait before the next login.",
             no_meaning=_WITH_CONNECTION),
    of_kafka("sasl.login.retry.backoff.ms", Type.LONG, 100, "First wait before the next login.",
             no_meaning=_WITH_CONNECTION),
    of_kafka("sasl.mechanism", Type.STRING, "GSSAPI", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or GSSAPI."),
    of_kafka("sasl.oauthbearer.allow.unverified.audience", Type.BOOLEAN, False, "Take tokens of any audience.",
             no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.allow.unverified.issuer", Type.BOOLEAN, False, "Take tokens of any issuer.",
             no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.assertion.algorithm", Type.STRING, "RS256", "Signs assertions.",
            one_of_in_any_case("ES256", "RS256")),
    of_kafka("sasl.oauthbearer.assertion.claim.aud", Type.STRING, None, "Claim `aud`."),
    of_kafka("sasl.oauthbearer.assertion.claim.exp.seconds", Type.INT, 300, "Claim `exp`.", between(0, 86_400)),
    of_kafka("sasl.oauthbearer.assertion.claim.iss", Type.STRING, None, "Claim `iss`."),
    of_kafka("sasl.oauthbearer.assertion.claim.jti.include", Type.BOOLEAN, False, "Add claim `jti`."),
    of_kafka("sasl.oauthbearer.assertion.claim.nbf.seconds", Type.INT, 60, "Claim `nbf`.", between(0, 3_600)),
    of_kafka("sasl.oauthbearer.assertion.claim.sub", Type.STRING, None, "Claim `sub`."),
    of_kafka("sasl.oauthbearer.assertion.file", Type.STRING, None, "File with the assertion."),
    of_kafka("sasl.oauthbearer.assertion.private.key.file", Type.STRING, None, "File with the private key."),
    of_kafka("sasl.oauthbearer.assertion.private.key.passphrase", Type.PASSWORD, None, "Of the private key."),
    of_kafka("sasl.oauthbearer.assertion.template.file", Type.STRING, None, "File with a template."),
    of_kafka("sasl.oauthbearer.client.credentials.client.id", Type.STRING, None, "Client id."),
    of_kafka("sasl.oauthbearer.client.credentials.client.secret", Type.PASSWORD, None, "Client secret."),
    of_kafka("sasl.oauthbearer.clock.skew.seconds", Type.INT, 30, "Difference of clocks that is allowed.",
             no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.expected.audience", Type.LIST, (), "Audiences that are expected.",
             no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.expected.issuer", Type.STRING, None, "Issuer that is expected.", no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.header.urlencode", Type.BOOLEAN, False, "Encode id and secret for URLs."),
    of_kafka("sasl.oauthbearer.jwks.endpoint.refresh.ms", Type.LONG, 3_600_000, "Between two readings of the keys.",
             no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Type.LONG, 10_000, "Longest wait for the keys.",
             no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Type.LONG, 100, "First wait for the keys.",
             no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.jwks.endpoint.url", Type.STRING, None, "Where the keys are.", no_meaning=_BY_BROKERS),
    _java("sasl.oauthbearer.jwt.retriever.class", Type.CLASS, None, "A Java class."),
    _java("sasl.oauthbearer.jwt.validator.class", Type.CLASS, None, "A Java class."),
    of_kafka("sasl.oauthbearer.scope", Type.STRING, None, "Scope that is asked for."),
    of_kafka("sasl.oauthbearer.scope.claim.name", Type.STRING, "scope", "Claim with the scope.",
             no_meaning=_BY_BROKERS),
    of_kafka("sasl.oauthbearer.sub.claim.name", Type.STRING, "sub", "Claim with the subject."),
    of_kafka("sasl.oauthbearer.token.endpoint.url", Type.STRING, None, "Where tokens come from."),
    of_kafka("ssl.cipher.suites", Type.LIST, (), "Ciphers that are allowed."),
    of_kafka("ssl.enabled.protocols", Type.LIST, ("TLSv1.2", "TLSv1.3"), "Versions that are allowed."),
    of_kafka("ssl.endpoint.identification.algorithm", Type.STRING, "https", "https, or empty: names are not checked."),
    _java("ssl.engine.factory.class", Type.CLASS, None, "A Java class."),
    of_kafka("ssl.key.password", Type.PASSWORD, None, "Of the private key."),
    _java("ssl.keymanager.algorithm", Type.STRING, "SunX509", "A Java name."),
    of_kafka("ssl.keystore.certificate.chain", Type.PASSWORD, None, "Certificates, PEM."),
    of_kafka("ssl.keystore.key", Type.PASSWORD, None, "Private key, PEM."),
    of_kafka("ssl.keystore.location", Type.STRING, None, "File with key and certificates."),
    of_kafka("ssl.keystore.password", Type.PASSWORD, None, "Of that file."),
    of_kafka("ssl.keystore.type", Type.STRING, "JKS", "PKCS12 or PEM; Java's own are read by Java only."),
    of_kafka("ssl.protocol", Type.STRING, "TLSv1.3", "Version that is used."),
    _java("ssl.provider", Type.STRING, None, "A Java name."),
    _java("ssl.secure.random.implementation", Type.STRING, None, "A Java name."),
    _java("ssl.trustmanager.algorithm", Type.STRING, "PKIX", "A Java name."),
    of_kafka("ssl.truststore.certificates", Type.PASSWORD, None, "Trusted certificates, PEM."),
    of_kafka("ssl.truststore.location", Type.STRING, None, "File with trusted certificates."),
    of_kafka("ssl.truststore.password", Type.PASSWORD, None, "Of that file."),
    of_kafka("ssl.truststore.type", Type.STRING, "JKS", "PKCS12 or PEM; Java's own are read by Java only."),
)

_ANY_BROKER = "it makes no difference which broker leads a partition"
_ASKED_ANEW = "it is asked for each time"
_SOON = "a request is sent again as soon as the engine is back"

CONSUMER = table((*_of_all(65_536), *_SECURITY,
    Setting("allow.auto.create.topics", Type.BOOLEAN, True, "Let Kafka make topics that are read (never done here).",
            no_meaning="reading never makes a topic", built_values=(False,)),
    Setting("auto.commit.interval.ms", Type.INT, 5_000, "Between two automatic commits.", at_least(0)),
    Setting("auto.offset.reset", Type.STRING, "latest", "Where to begin without an offset.", _check_reset),
    Setting("check.crcs", Type.BOOLEAN, True, "Check sums of batches (always done here).",
            no_meaning="they are always checked"),
    of_kafka("client.rack", Type.STRING, "", "Rack of the client, for reading from the nearest replica."),
    Setting("default.api.timeout.ms", Type.INT, 60_000, "How long calls without a timeout may take.", at_least(0)),
    Setting("enable.auto.commit", Type.BOOLEAN, True, "Commit by itself."),
    Setting("exclude.internal.topics", Type.BOOLEAN, True, "Patterns leave out Kafka's own topics.",
            no_meaning="patterns never match the engine's own topic"),
    Setting("fetch.max.bytes", Type.INT, 52_428_800, "Bytes of a fetch at most.", at_least(0)),
    Setting("fetch.max.wait.ms", Type.INT, 500, "How long a fetch waits for records.", at_least(0)),
    Setting("fetch.min.bytes", Type.INT, 1, "Bytes a fetch waits for.", at_least(0)),
    Setting("group.id", Type.STRING, None, "The group.", _check_group),
    Setting("group.instance.id", Type.STRING, None, "Makes the member static.", not_empty),
    Setting("group.protocol", Type.STRING, "classic", "classic or consumer.",
            one_of_in_any_case("CONSUMER", "CLASSIC"), not_built="the consumer rebalance protocol",
            built_values=("CLASSIC", "Classic")),
    Setting("group.remote.assignor", Type.STRING, None, "Assignor.", not_built="the consumer rebalance protocol"),
    Setting("heartbeat.interval.ms", Type.INT, 3_000, "Between two heartbeats.", at_least(1)),
    of_kafka("internal.throw.on.fetch.stable.offset.unsupported", Type.BOOLEAN, False, "Refuse old brokers.",
             no_meaning="all brokers that can be talked to know stable offsets", built_values=(True,)),
    Setting("isolation.level", Type.STRING, "read_uncommitted", "read_committed or read_uncommitted.",
            one_of("read_committed", "read_uncommitted")),
    Setting("key.deserializer", Type.CLASS, None, "Reads keys: a serde, or its name.", check_client_serde,
            client_serde_called),
    Setting("max.partition.fetch.bytes", Type.INT, 1_048_576, "Bytes of a partition in a fetch at most.", at_least(0)),
    Setting("max.poll.interval.ms", Type.INT, 300_000, "Between two polls at most.", at_least(1)),
    Setting("max.poll.records", Type.INT, 500, "Records of a poll at most.", at_least(1)),
    Setting("partition.assignment.strategy", Type.LIST, ("range", "cooperative-sticky"), "Assignors, best first."),
    Setting("session.timeout.ms", Type.INT, 45_000, "How long the group waits for a heartbeat.", at_least(1)),
    Setting("share.acknowledgement.mode", Type.STRING, "implicit", "Of share groups.", one_of("implicit", "explicit"),
            not_built="share groups"),
    Setting("share.acquire.mode", Type.STRING, "BATCH_OPTIMIZED", "Of share groups.", not_built="share groups"),
    Setting("value.deserializer", Type.CLASS, None, "Reads values: a serde, or its name.", check_client_serde,
            client_serde_called),
))
"""Settings of a consumer."""

PRODUCER = table((*_of_all(32_768, timeout_of_kafka=False), *_SECURITY,
    Setting("acks", Type.STRING, "all", "Who must have a batch: all, 0 or 1.", one_of("all", "-1", "0", "1")),
    Setting("batch.size", Type.INT, 16_384, "Bytes of a batch.", at_least(0)),
    Setting("buffer.memory", Type.LONG, 33_554_432, "Bytes that wait to be sent.", at_least(0)),
    Setting("buffer.memory.allocation.strategy", Type.STRING, "full", "full or incremental.",
            one_of_in_any_case("FULL", "INCREMENTAL"), no_meaning="memory is taken as records come",
            built_values=("FULL", "Full")),
    of_kafka("client.rack", Type.STRING, "", "Rack of the client.", no_meaning=_ANY_BROKER),
    Setting("compression.gzip.level", Type.INT, -1, "1 to 9; -1: gzip's own.", _or_minus_one(1, 9),
            not_built=COMPRESSION, of_kafka=True),
    Setting("compression.lz4.level", Type.INT, 9, "1 to 17.", between(1, 17), not_built=COMPRESSION, of_kafka=True),
    Setting("compression.type", Type.STRING, "none", "none, gzip, snappy, lz4 or zstd.",
            one_of("none", "gzip", "snappy", "lz4", "zstd"), not_built=COMPRESSION, of_kafka=True),
    Setting("compression.zstd.level", Type.INT, 3, "-131072 to 22.", between(-131_072, 22), not_built=COMPRESSION,
            of_kafka=True),
    Setting("delivery.timeout.ms", Type.INT, 120_000, "How long a record may take to be sent.", at_least(0)),
    Setting("enable.idempotence", Type.BOOLEAN, True, "Nothing is written twice by a retry."),
    Setting("key.serializer", Type.CLASS, None, "Writes keys: a serde, or its name.", check_client_serde,
            client_serde_called),
    Setting("linger.ms", Type.LONG, 5, "How long a batch waits for more records.", at_least(0)),
    Setting("max.block.ms", Type.LONG, 60_000, "How long send may wait for room or metadata.", at_least(0)),
    Setting("max.in.flight.requests.per.connection", Type.INT, 5, "Requests that are out at once.", at_least(1)),
    Setting("max.request.size", Type.INT, 1_048_576, "Bytes of a record or request at most.", at_least(0)),
    of_kafka("metadata.max.idle.ms", Type.LONG, 300_000, "A topic's metadata are dropped after this.", at_least(5_000),
             no_meaning="what is known of a topic is asked anew after metadata.max.age.ms, and kept"),
    Setting("partitioner.adaptive.partitioning.enable", Type.BOOLEAN, True, "Spare slow brokers.",
            no_meaning=_ANY_BROKER, built_values=(False,)),
    Setting("partitioner.availability.timeout.ms", Type.LONG, 0, "A broker that is slower than this is left out.",
            at_least(0), no_meaning=_ANY_BROKER),
    Setting("partitioner.class", Type.CLASS, None, "A callable (topic, key, value, partitions) to a partition.",
            check_partitioner, partitioner_called),
    Setting("partitioner.ignore.keys", Type.BOOLEAN, False, "Partition as if there were no key."),
    of_kafka("partitioner.rack.aware", Type.BOOLEAN, False, "Prefer partitions that are led in the client's rack.",
             no_meaning=_ANY_BROKER),
    Setting("retries", Type.INT, INTS, "How often a batch is sent again.", between(0, INTS),
            no_meaning="a batch is sent again until delivery.timeout.ms is over; set that"),
    Setting("transaction.timeout.ms", Type.INT, 60_000, "How long a transaction may be open.", at_least(0)),
    Setting("transaction.two.phase.commit.enable", Type.BOOLEAN, False, "Take part in somebody's transaction.",
            not_built="two-phase commit"),
    Setting("transactional.id", Type.STRING, None, "Makes the producer transactional.", not_empty),
    Setting("value.serializer", Type.CLASS, None, "Writes values: a serde, or its name.", check_client_serde,
            client_serde_called),
))
"""Settings of a producer."""

ADMIN = table((*_of_all(65_536, no_age=_ASKED_ANEW, no_backoff=_SOON), *_SECURITY,
    Setting("bootstrap.controllers", Type.LIST, (), "Kafka's controllers.", not_built="talking to controllers"),
    Setting("default.api.timeout.ms", Type.INT, 60_000, "How long calls without a timeout may take.", at_least(0),
            no_meaning="each call waits for its answer"),
    Setting("retries", Type.INT, INTS, "How often a request is sent again.", between(0, INTS),
            no_meaning="a request is sent again as long as the engine is away for a moment"),
))
"""Settings of an admin."""
# fmt: on

PREFIXES: Mapping[str, Mapping[str, Setting]] = MappingProxyType(
    {
        "main.consumer.": CONSUMER,
        "restore.consumer.": CONSUMER,
        "global.consumer.": CONSUMER,
        "consumer.": CONSUMER,
        "producer.": PRODUCER,
        "admin.": ADMIN,
        "topic.": TOPIC,
    }
)
"""Settings with one of these prefixes are passed on, the prefix taken off."""

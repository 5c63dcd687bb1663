"""What a worker reads of an application's settings, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from streams.clients.api import Isolation, ReaderSettings, Troubled, WriterSettings, nobody
from streams.clients.member import MemberSettings
from streams.config.application import StreamsConfig
from streams.config.clients import CONSUMER, FETCH_BYTES, PRODUCER, ClientConfig, is_bundled
from streams.config.derived import READ_BY_CONSUMER, READ_BY_PRODUCER
from streams.dropped import INTERVAL_MS
from streams.health import Bounds
from streams.runtime.group.assign import AssignSettings
from streams.runtime.group.membership import PROTOCOL


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """See the module."""

    name: str
    application_id: str
    prefix: str
    commit_interval_ms: int
    poll_ms: int
    task_timeout_ms: int
    skew_wait_ms: int
    reset: str
    purge_interval_ms: int
    uncommitted_max_bytes: int
    assign: AssignSettings
    member: MemberSettings
    isolation: Isolation
    reader: ReaderSettings
    writer: WriterSettings
    cleanup_delay_ms: int
    linger_ms: int
    max_request_size: int
    metadata_max_age_ms: int
    transaction_timeout_ms: int
    copies: Mapping[str, str]
    endpoint: str = ""

    @property
    def short_name(self) -> str:
        """The name in the log, as `StreamThread-1`: the application is said elsewhere."""
        return self.name[self.name.rfind("StreamThread-") :] if "StreamThread-" in self.name else self.name


def worker_settings(
    config: StreamsConfig, client_id: str, number: int, troubled: Troubled = nobody
) -> WorkerSettings:
    """The settings of one worker of an application; `troubled` takes what keeps its clients from their work."""
    name = f"{client_id}-StreamThread-{number}"
    given = config.get_main_consumer_configs(f"{name}-consumer", number)
    consumer = ClientConfig(CONSUMER, {key: value for key, value in given.items() if key in READ_BY_CONSUMER})
    given = config.get_producer_configs(f"{name}-producer")
    producer = ClientConfig(PRODUCER, {key: value for key, value in given.items() if key in READ_BY_PRODUCER})
    reader = ReaderSettings.of(consumer, troubled)
    timeout_ms = producer.number("transaction.timeout.ms")
    return WorkerSettings(
        name=name,
        application_id=config.application_id,
        prefix=config.internal_topic_prefix,
        commit_interval_ms=config.get_int("commit.interval.ms"),
        poll_ms=config.get_int("poll.ms"),
        task_timeout_ms=config.get_int("task.timeout.ms"),
        skew_wait_ms=config.get_int("max.task.skew.wait.ms"),
        reset=consumer.text("auto.offset.reset"),
        purge_interval_ms=config.get_int("repartition.purge.interval.ms"),
        uncommitted_max_bytes=config.get_int("statestore.uncommitted.max.bytes"),
        assign=AssignSettings(config.get_int("acceptable.recovery.lag")),
        transaction_timeout_ms=timeout_ms,
        metadata_max_age_ms=consumer.number("metadata.max.age.ms"),
        endpoint=config.get_string("application.server"),
        member=MemberSettings.of(config.application_id, (PROTOCOL,), consumer),
        isolation=Isolation(consumer.text("isolation.level")),
        reader=replace(reader, max_bytes=min(reader.max_bytes, FETCH_BYTES)),
        writer=WriterSettings.of(producer, troubled),
        linger_ms=producer.number("linger.ms"),
        cleanup_delay_ms=config.get_int("state.cleanup.delay.ms"),
        max_request_size=producer.number("max.request.size"),
        copies=_copies(config),
    )


def _copies(config: StreamsConfig) -> Mapping[str, str]:
    """`replication.factor`, where it is given: the bundled engine is one node, and Kafka has a default of its own."""
    given = config.get_int("replication.factor")
    return {} if given < 0 or is_bundled(config["bootstrap.servers"]) else {"replication.factor": str(given)}


def summary_interval_ms(config: StreamsConfig) -> int:
    """Between two lines about one thing: `log.summary.interval.ms` where it is given, and is no -1."""
    given = config.get_int("log.summary.interval.ms") if config.is_given("log.summary.interval.ms") else -1
    return given if given >= 0 else INTERVAL_MS


def health_bounds(config: StreamsConfig) -> Bounds:
    """What is asked of an application that is to count as well."""
    hung_ms = config.get_int("health.hung.ms") or worker_settings(config, "", 1).member.rebalance_timeout_ms
    hung_s = hung_ms / 1_000
    waits_s = max(hung_s, config.get_int("task.timeout.ms") / 1_000)
    share = config["health.ready.share"]
    assert isinstance(share, int | float)
    return Bounds(hung_s, waits_s, share)

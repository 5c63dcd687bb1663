"""The settings of a streams application: all of Java's `StreamsConfig` 4.x, and ours.

What differs from Kafka's defaults: `DIFFERENT` (decision 33).
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.config.classes import check_extractor, check_handler, check_serde, imported, object_called, serde_called
from streams.config.clients import ASKED_AT_ONCE, JVM, NOT_COMPARED
from streams.config.table import (
    Setting,
    Type,
    at_least,
    at_most,
    between,
    invalid,
    of_kafka,
    one_of,
    one_of_in_any_case,
    table,
    texts,
)
from streams.errors import ConfigException
from streams.exception_handlers import (
    DefaultProductionExceptionHandler,
    LogAndFailExceptionHandler,
    LogAndFailProcessingExceptionHandler,
)
from streams.names import check_application_id, check_topic
from streams.processor import FailOnInvalidTimestamp
from streams.validation import number_of

AT_LEAST_ONCE = "at_least_once"
EXACTLY_ONCE_V2 = "exactly_once_v2"

NO_OPTIMIZATION = "none"
OPTIMIZE = "all"
REUSE_KTABLE_SOURCE_TOPICS = "reuse.ktable.source.topics"
MERGE_REPARTITION_TOPICS = "merge.repartition.topics"
SINGLE_STORE_SELF_JOIN = "single.store.self.join"
OPTIMIZATIONS = (REUSE_KTABLE_SOURCE_TOPICS, MERGE_REPARTITION_TOPICS, SINGLE_STORE_SELF_JOIN)

FIXES = ("emit-final-keeps-windows", "suppress-old-value")
"""Fixes that change output records, by name (decision 24)."""

INTERNAL_EMIT_FINAL = "__emit.interval.ms.kstreams.windowed.aggregation__"
INTERNAL_OUTER_JOIN = "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"
INTERNAL_PROCESS_VALUE_FIX = "__enable.process.processValue.fix__"
INTERNAL_TOPIC_PREFIX = "__internal.override.topic.prefix__"

UPGRADE_FROM = (
    *("2.4", "2.5", "2.6", "2.7", "2.8", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9"),
    *("4.0", "4.1", "4.2", "4.3"),
)

STANDBYS = "standby replicas"
RACKS = "rack-aware assignment"
STREAMS_PROTOCOL = "the streams rebalance protocol"

DIFFERENT: Mapping[str, str] = {
    "bootstrap.servers": "`local://`, the bundled engine in the nearest `.streams` directory; Kafka has no default.",
    "commit.interval.ms": "100; Kafka has 30,000 at-least-once. Results come out at the commit, which is cheap here.",
    "state.dir": "empty: beside the data for local://, temporary for memory://, $XDG_STATE_HOME/streams-app for Kafka.",
    "metric.reporters": "empty: JMX belongs to the Java virtual machine.",
    "default.client.supplier": "none: `bootstrap.servers` chooses the door.",
    "enable.transactional.statestores": "true: stores hold committed state only, always.",
    "dsl.store.suppliers.class": "none: `default.dsl.store` says it.",
    "processor.wrapper.class": "none.",
    "default.interactive.query.isolation.level": "READ_COMMITTED: no query is shown what may be taken back; Kafka has "
    "READ_UNCOMMITTED.",
}
"""Settings whose defaults are not Kafka's, and why."""


def _check_application_id(name: str, value: object) -> None:
    if isinstance(value, str):
        check_application_id(value, name)


def _check_dead_letter_topic(name: str, value: object) -> None:
    if isinstance(value, str):
        check_topic(value, name)


def _check_server(name: str, value: object) -> None:
    """`host:port`, in the words of Kafka Streams' `HostInfo`."""
    if not value:
        return
    _, colon, port = str(value).rpartition(":")
    if not colon or number_of(port) is None:
        raise ConfigException(f"{name}: Error parsing host address {value}. Expected format host:port.")


def check_optimization(name: str, value: object) -> None:
    """Like Java's `StreamsConfig.verifyTopologyOptimizationConfigs`, whose constants stand unresolved in its text."""
    accepted = (
        'Acceptable values are: "+NO_OPTIMIZATION+", "+OPTIMIZE+", or a comma separated list of specific '
        'optimizations: ("+REUSE_KTABLE_SOURCE_TOPICS+", "+MERGE_REPARTITION_TOPICS+" + "SINGLE_STORE_SELF_JOIN+").'
    )
    words = [word.strip() for word in str(value).split(",")]
    if len(words) > 1 and (NO_OPTIMIZATION in words or OPTIMIZE in words):
        raise ConfigException(f'"{value}" is not a valid optimization config. {accepted}')
    if any(word not in (NO_OPTIMIZATION, OPTIMIZE, *OPTIMIZATIONS) for word in words):
        raise ConfigException(
            f"Unrecognized config. {accepted} Here: {name}={value} was given; there are {NO_OPTIMIZATION}, {OPTIMIZE}, "
            f"{', '.join(OPTIMIZATIONS)}."
        )


def optimizations(value: str) -> frozenset[str]:
    """The optimisations that a value of `topology.optimization` switches on.

    Raises:
        ConfigException: it names something else.
    """
    check_optimization("topology.optimization", value)
    if value == OPTIMIZE:
        return frozenset(OPTIMIZATIONS)
    return frozenset(word.strip() for word in value.split(",")) - {NO_OPTIMIZATION}


def _check_fixes(name: str, value: object) -> None:
    words = value if isinstance(value, tuple) else ()
    if any(word not in ("none", "all", *FIXES) for word in words):
        raise invalid(name, value, f"A fix must be one of: none, all, {', '.join(FIXES)}")
    if len(words) > 1 and ("none" in words or "all" in words):
        raise invalid(name, value, "none and all stand alone")


_SUPPLIERS = {"RocksDBDslStoreSuppliers": "rocksDB", "InMemoryDslStoreSuppliers": "in_memory"}


def _dsl_suppliers(name: str) -> str:
    simple = name.rpartition(".")[2].rpartition("$")[2]
    found = _SUPPLIERS.get(simple)
    if found is None:
        raise LookupError(f"Give one of {', '.join(_SUPPLIERS)}.")
    return found


def _check_replicas(name: str, value: object) -> None:
    """At least 1, or -1."""
    at_least(-1)(name, value)
    if value == 0:
        raise invalid(name, value, "Value must be at least 1, or -1 for the broker's default")


# fmt: off
_MAIN = (
    Setting("application.id", Type.STRING, None, "Group id, prefix of internal topics and directory of the state.",
            _check_application_id, required=True),
    Setting("bootstrap.servers", Type.LIST, ("local://",), "local://DIR, memory://NAME, or host:port,… of Kafka.",
            texts),
    Setting("state.dir", Type.STRING, "", "Directory for the state; empty: chosen by the door."),
    Setting("num.standby.replicas", Type.INT, 0, "Copies of each store kept warm by other instances.", at_least(0),
            not_built=STANDBYS),
    Setting("processing.guarantee", Type.STRING, AT_LEAST_ONCE, "at_least_once or exactly_once_v2.",
            one_of(AT_LEAST_ONCE, EXACTLY_ONCE_V2)),
    Setting("num.stream.threads", Type.INT, 1, "Workers in this process (Java's behaviour, not more speed).",
            at_least(1)),
    Setting("replication.factor", Type.INT, -1, "Of internal topics; -1: the broker's default.", _check_replicas,
            of_kafka=True, built_values=(1,)),
    Setting("client.id", Type.STRING, "", "Prefix of the clients' names; empty: <application.id>-<process id>."),
    of_kafka("security.protocol", Type.STRING, "PLAINTEXT", "How to talk to Kafka.",
            one_of_in_any_case("SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT")),
    Setting("topology.optimization", Type.STRING, NO_OPTIMIZATION, "none, all, or names of optimisations with commas.",
            check_optimization),
    Setting("ensure.explicit.internal.resource.naming", Type.BOOLEAN, False,
            "Refuse topologies whose internal topics or stores have generated names."),
)

_PROCESSING = (
    Setting("default.key.serde", Type.CLASS, None, "Serde of keys where none is given.", check_serde, serde_called),
    Setting("default.value.serde", Type.CLASS, None, "Serde of values where none is given.", check_serde, serde_called),
    Setting("default.list.key.serde.inner", Type.CLASS, None, "Use Serdes.list(inner).",
            no_meaning="say default.key.serde=Serdes.list(inner)"),
    Setting("default.list.key.serde.type", Type.CLASS, None, "Use Serdes.list(inner).",
            no_meaning="lists are Python's"),
    Setting("default.list.value.serde.inner", Type.CLASS, None, "Use Serdes.list(inner).",
            no_meaning="say default.value.serde=Serdes.list(inner)"),
    Setting("default.list.value.serde.type", Type.CLASS, None, "Use Serdes.list(inner).",
            no_meaning="lists are Python's"),
    Setting("window.size.ms", Type.LONG, None, "Use Serdes.time_windowed(inner, size_ms).",
            no_meaning="say it in Serdes.time_windowed(inner, size_ms)"),
    Setting("windowed.inner.class.serde", Type.STRING, None, "Use Serdes.time_windowed(inner, size_ms).",
            no_meaning="say it in Serdes.time_windowed(inner, size_ms)"),
    Setting("default.timestamp.extractor", Type.CLASS, FailOnInvalidTimestamp(), "(record, partition_time) to ms.",
            check=check_extractor, resolve=object_called),
    Setting("deserialization.exception.handler", Type.CLASS, LogAndFailExceptionHandler(),
            "Asked when a record cannot be read.", check=check_handler, resolve=object_called),
    Setting("default.deserialization.exception.handler", Type.CLASS, LogAndFailExceptionHandler(),
            "Older name of deserialization.exception.handler.", check=check_handler, resolve=object_called),
    Setting("processing.exception.handler", Type.CLASS, LogAndFailProcessingExceptionHandler(),
            "Asked when an operator fails.", check=check_handler, resolve=object_called),
    Setting("processing.exception.handler.global.enabled", Type.BOOLEAN, False,
            "Ask the processing handler for global stores too.", not_built="handlers of global stores"),
    Setting("production.exception.handler", Type.CLASS, DefaultProductionExceptionHandler(),
            "Asked when a record cannot be sent.", check=check_handler, resolve=object_called),
    Setting("default.production.exception.handler", Type.CLASS, DefaultProductionExceptionHandler(),
            "Older name of production.exception.handler.", check=check_handler, resolve=object_called),
    Setting("errors.dead.letter.queue.topic.name", Type.STRING, None, "Where the built-in handlers send bad records.",
            _check_dead_letter_topic),
    Setting("max.task.idle.ms", Type.LONG, 0, "How long to wait for records of an empty partition; -1: never.",
            at_least(-1)),
    Setting("max.task.skew.ms", Type.LONG, None,
            "Event time between tasks that catch up; -1: any. Unset: a quarter of the grace, at least 1,000.",
            at_least(-1)),
    Setting("max.task.skew.wait.ms", Type.LONG, 5_000,
            "How long tasks that catch up wait for one that does not move.", at_least(0)),
    Setting("task.timeout.ms", Type.LONG, 300_000, "How long a task may retry; 0: not at all.", at_least(0)),
    Setting("buffered.records.per.partition", Type.INT, 1_000, "Records of a partition that wait in memory.",
            at_least(1)),
    Setting("poll.ms", Type.LONG, 100, "How long a poll waits for records.", at_least(0)),
    Setting("commit.interval.ms", Type.LONG, 100, "Time from commit to commit.", at_least(0)),
    Setting("repartition.purge.interval.ms", Type.LONG, 30_000, "How often read repartition records are deleted.",
            at_least(0)),
    Setting("processor.wrapper.class", Type.CLASS, None, "Wraps the suppliers of all processors.",
            resolve=imported, not_built="processor wrappers"),
    Setting("max.run.records", Type.INT, 1_000, "Records that are processed between two looks at the clock.",
            at_least(1)),
    Setting("streams.fixes", Type.LIST, ("none",), f"none, all, or names: {', '.join(FIXES)}.", _check_fixes),
)

_STATE = (
    Setting("statestore.cache.max.bytes", Type.LONG, 10_485_760, "Serialised bytes that the caches of all tasks hold.",
            at_least(0)),
    Setting("cache.max.bytes.buffering", Type.LONG, 10_485_760, "Older name of statestore.cache.max.bytes.",
            at_least(0)),
    Setting("statestore.uncommitted.max.bytes", Type.LONG, 67_108_864,
            "State changes of a process in memory; at it: commit, write out, stop taking input. -1: no bound.",
            at_least(-1)),
    Setting("enable.transactional.statestores", Type.BOOLEAN, True, "Stores hold committed state only, always.",
            no_meaning="stores hold committed state only, under both guarantees"),
    Setting("windowstore.changelog.additional.retention.ms", Type.LONG, 86_400_000,
            "Added to the retention of windowed changelogs.", at_least(0)),
    Setting("default.dsl.store", Type.STRING, "rocksDB", "Stores of the DSL: rocksDB or in_memory.",
            one_of("rocksDB", "in_memory")),
    Setting("dsl.store.suppliers.class", Type.CLASS, None,
            "Java's name for default.dsl.store: RocksDBDslStoreSuppliers or InMemoryDslStoreSuppliers.",
            resolve=_dsl_suppliers),
    Setting("dsl.store.format", Type.STRING, "DEFAULT", "DEFAULT, or HEADERS: stores that keep headers.",
            one_of_in_any_case("HEADERS", "DEFAULT"), not_built="stores that keep headers",
            built_values=("default", "Default")),
    Setting("rocksdb.config.setter", Type.CLASS, None, "Sets RocksDB's options.",
            resolve=imported, not_built="RocksDB options"),
    Setting("state.cleanup.delay.ms", Type.LONG, 600_000, "How long a task directory that nobody owns is kept.",
            at_least(0)),
    Setting("state.cleanup.dir.max.age.ms", Type.LONG, -1, "At start, older directories are removed; -1: none.",
            not_built="cleaning at start"),
    Setting("allow.os.group.write.access", Type.BOOLEAN, False, "Let the group write to the state directory.",
            not_built="shared state directories"),
    Setting("default.interactive.query.isolation.level", Type.STRING, "READ_COMMITTED",
            "READ_COMMITTED or READ_UNCOMMITTED: what queries are shown that do not say it themselves.",
            one_of_in_any_case("READ_UNCOMMITTED", "READ_COMMITTED")),
    Setting("application.server", Type.STRING, "", "host:port where this instance answers queries.", _check_server),
)

_GROUP = (
    Setting("group.protocol", Type.STRING, "classic", "classic, or streams.",
            one_of_in_any_case("STREAMS", "CLASSIC"), not_built=STREAMS_PROTOCOL, built_values=("CLASSIC", "Classic")),
    Setting("acceptable.recovery.lag", Type.LONG, 10_000, "Records a store may lag and still count as caught up.",
            at_least(0)),
    Setting("max.warmup.replicas", Type.INT, 2, "Stores that are warmed up at once for a move.", at_least(1),
            not_built=STANDBYS),
    Setting("probing.rebalance.interval.ms", Type.LONG, 600_000, "Upper bound of the wait for a warm-up.",
            at_least(60_000), not_built=STANDBYS),
    Setting("task.assignor.class", Type.STRING, None, "An assignor of the user's.", not_built="assignors of one's own"),
    Setting("rack.aware.assignment.non_overlap_cost", Type.INT, None, "Cost of moving a task.", not_built=RACKS),
    Setting("rack.aware.assignment.strategy", Type.STRING, "none", "none, min_traffic or balance_subtopology.",
            one_of("none", "min_traffic", "balance_subtopology"), not_built=RACKS),
    Setting("rack.aware.assignment.tags", Type.LIST, (), "Tags over which standbys are spread; at most 5.", at_most(5),
            not_built=RACKS),
    Setting("rack.aware.assignment.traffic_cost", Type.INT, None, "Cost of traffic between racks.", not_built=RACKS),
    Setting("upgrade.from", Type.STRING, None, "Version of older instances in the group.",
            one_of(None, *UPGRADE_FROM)),
)

_CLIENTS = (
    Setting("config.providers", Type.LIST, (), "Where secrets come from.", no_meaning="use environment variables"),
    of_kafka("connections.max.idle.ms", Type.LONG, 540_000, "Idle connections to Kafka are closed after this."),
    Setting("default.client.supplier", Type.CLASS, None, "Makes the clients.",
            no_meaning="bootstrap.servers chooses the clients"),
    of_kafka("metadata.cluster.check.enable", Type.BOOLEAN, True, "Refuse answers of another cluster.",
             no_meaning=NOT_COMPARED, built_values=(False,)),
    Setting("metadata.max.age.ms", Type.LONG, 300_000, "How often partitions and topics of patterns are looked up.",
            at_least(0)),
    of_kafka("metadata.recovery.rebootstrap.trigger.ms", Type.LONG, 300_000, "After which Kafka is looked up anew.",
             at_least(0), no_meaning=ASKED_AT_ONCE),
    of_kafka("metadata.recovery.strategy", Type.STRING, "rebootstrap", "rebootstrap or none.",
             one_of_in_any_case("REBOOTSTRAP", "NONE"), no_meaning=ASKED_AT_ONCE, built_values=("REBOOTSTRAP",)),
    of_kafka("receive.buffer.bytes", Type.INT, 32_768, "Receive buffer of Kafka's sockets.", at_least(-1)),
    of_kafka("reconnect.backoff.max.ms", Type.LONG, 1_000, "Longest wait before connecting again.", at_least(0)),
    of_kafka("reconnect.backoff.ms", Type.LONG, 50, "First wait before connecting again.", at_least(0)),
    of_kafka("request.timeout.ms", Type.INT, 40_000, "How long an answer may take.", at_least(0)),
    Setting("retry.backoff.ms", Type.LONG, 100, "Wait before a request is sent again.", at_least(0)),
    of_kafka("send.buffer.bytes", Type.INT, 131_072, "Send buffer of Kafka's sockets.", at_least(-1)),
)

_WATCHING = (
    Setting("metric.reporters", Type.LIST, (), "Java classes.", no_meaning=JVM),
    Setting("metrics.num.samples", Type.INT, 2, "Samples of a metric.", at_least(1)),
    Setting("metrics.recording.level", Type.STRING, "INFO", "INFO, DEBUG or TRACE.", one_of("INFO", "DEBUG", "TRACE")),
    Setting("metrics.sample.window.ms", Type.LONG, 30_000, "Length of a sample.", at_least(0)),
    Setting("built.in.metrics.version", Type.STRING, "latest", "Version of the metrics' names.", one_of("latest")),
    Setting("enable.metrics.push", Type.BOOLEAN, True, "Let brokers ask for metrics.", no_meaning="nothing is pushed",
            built_values=(False,)),
    Setting("topology.description.push.enabled", Type.BOOLEAN, True, "Send the topology to the broker.",
            no_meaning="nothing is pushed", built_values=(False,)),
    Setting("health.hung.ms", Type.LONG, 0, "A worker that has been in one piece of work for so long hangs, and the "
            "application is not live; 0: `max.poll.interval.ms` of its consumer.", at_least(0)),
    Setting("health.ready.share", Type.DOUBLE, 1.0, "Ready is who runs at least this share of its tasks.",
            between(0, 1)),
    Setting("log.summary.interval.ms", Type.LONG, 120_000,
            "Between two lines of the log about one thing: the application's summary, what a node drops. Not given: "
            "10 s. Negative: no summaries."),
)

_INTERNAL = (
    Setting(INTERNAL_EMIT_FINAL, Type.LONG, 1_000, "Wall clock between two emissions of closed windows, ms.",
            at_least(0)),
    Setting(INTERNAL_OUTER_JOIN, Type.LONG, 1_000, "Wall clock between two emissions of unjoined records, ms.",
            at_least(0)),
    Setting(INTERNAL_PROCESS_VALUE_FIX, Type.BOOLEAN, False, "Optimisations mind process and process_values."),
    Setting(INTERNAL_TOPIC_PREFIX, Type.STRING, None, "Prefix of internal topics instead of the application id.",
            _check_application_id),
)

# fmt: on

SETTINGS = table((*_MAIN, *_PROCESSING, *_STATE, *_GROUP, *_CLIENTS, *_WATCHING, *_INTERNAL))
"""All settings of a streams application by name."""

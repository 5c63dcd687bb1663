"""Settings of Kafka's brokers that have no meaning here, and why."""

from __future__ import annotations

_NODE = "there is one node, found by its directory"
_NETWORK = "clients come over a Unix socket, and over TCP where `serve --listen` says so"
_COPIES = "there is one node, and one copy of each log"
_LOOP = "one loop serves all clients; there are no pools of threads to size"
_TLS = "TLS and authentication are not built yet; only this user, or the holder of a token, gets in"
_QUOTA = "clients have no quotas"
_JVM = "a class of the Java virtual machine cannot be loaded"
_ARCHIVE = "logs lie in the data directory only"
_PLACE = "the data directory is the argument of `serve`, and holds everything"
_MEMORY = "how much waits in memory for a connection is bounded by itself"
_WAITING = "who waits for a long poll is kept in a heap that needs no purging"
_GROUP_LOG = "the group log is the broker's own, with settings of its own"
_CLASSIC = "groups speak the classic protocol; not built yet"
_CODEC = "batches stay as their producer made them"
_LOGS_WORK = "the loop does that by itself, a slice at a time"

REASONS: dict[str, str] = {
    "advertised.": _NETWORK,
    "alter.config.policy.": _JVM,
    "alter.log.dirs.": _QUOTA,
    "allow.everyone.": _TLS,
    "authorizer.": _JVM,
    "auto.include.jmx.reporter": _JVM,
    "auto.leader.rebalance.enable": _COPIES,
    "background.threads": _LOOP,
    "broker.": _NODE,
    "client.quota.": _QUOTA,
    "compression.": _CODEC,
    "config.providers": "values are read as they stand",
    "connection.failed.authentication.delay.ms": _TLS,
    "connections.max.": "a connection lives as long as its client",
    "control.plane.": _NODE,
    "controlled.shutdown.": _NODE,
    "controller.": _NODE,
    "create.topic.policy.": _JVM,
    "default.replication.factor": _COPIES,
    "delegation.token.": _TLS,
    "delete.records.purgatory.": _WAITING,
    "early.start.listeners": _NETWORK,
    "eligible.leader.replicas.": _COPIES,
    "fetch.max.bytes": "the reader says how much it wants",
    "fetch.purgatory.": _WAITING,
    "group.consumer.": _CLASSIC,
    "group.coordinator.": _LOOP,
    "group.initial.rebalance.delay.ms": "the first member of a group never waits for others",
    "group.share.": _CLASSIC,
    "group.streams.": _CLASSIC,
    "initial.broker.registration.timeout.ms": _NODE,
    "inter.broker.": _NODE,
    "kafka.metrics.": _JVM,
    "leader.imbalance.": _COPIES,
    "listener.": _NETWORK,
    "listeners": _NETWORK,
    "log.cleaner.enable": "a topic is compacted if its cleanup.policy says so",
    "log.cleaner.io.": "a pass runs in a process of its own, which the system schedules",
    "log.cleaner.threads": "there is one pass at a time, in a process of its own",
    "log.dir": _PLACE,
    "log.dir.": _PLACE,
    "log.dirs": _PLACE,
    "log.flush.offset.": "`log.flush.interval.ms` says how often the recovery point is written",
    "log.flush.scheduler.interval.ms": "`log.flush.interval.ms` says it",
    "log.flush.start.": "the start of a log is written when it moves",
    "log.index.size.max.bytes": "an index takes what it needs",
    "log.initial.task.delay.ms": _LOGS_WORK,
    "log.local.retention.": _ARCHIVE,
    "log.message.downconversion.enable": "there is one format of batches",
    "log.message.format.version": "there is one format of batches",
    "log.message.timestamp.difference.max.ms": "say it with log.message.timestamp.before.max.ms and .after.max.ms",
    "log.preallocate": "files grow as they are written",
    "log.roll.jitter.": _LOGS_WORK,
    "log.segment.delete.delay.ms": "files go at once, and who is reading one can finish",
    "max.connection.creation.rate": _QUOTA,
    "max.connections.per.ip": _NETWORK,
    "max.connections.per.ip.overrides": _NETWORK,
    "max.incremental.fetch.session.cache.slots": "a fetch names all its positions",
    "max.request.partition.size.limit": "a request is bounded by its bytes",
    "metadata.": _NODE,
    "metric.reporters": _JVM,
    "metrics.": _JVM,
    "min.insync.replicas": _COPIES,
    "node.id": _NODE,
    "num.io.threads": _LOOP,
    "num.network.threads": _LOOP,
    "num.recovery.threads.per.data.dir": _LOOP,
    "num.replica.": _COPIES,
    "offsets.commit.": "a commit is one append to the group log",
    "offsets.load.buffer.size": _GROUP_LOG,
    "offsets.topic.": _GROUP_LOG,
    "password.encoder.": _TLS,
    "plaintext.": _NETWORK,
    "port": _NETWORK,
    "host.name": _NETWORK,
    "principal.builder.class": _JVM,
    "process.roles": _NODE,
    "producer.id.expiration.": "a producer that was silent for a day is forgotten, always",
    "producer.purgatory.": _WAITING,
    "queued.max.": _MEMORY,
    "quota.": _QUOTA,
    "quorum.": _NODE,
    "remote.": _ARCHIVE,
    "replica.": _COPIES,
    "request.timeout.ms": "the broker asks nobody",
    "reserved.broker.max.id": _NODE,
    "sasl.": _TLS,
    "security.": _TLS,
    "server.max.startup.time.ms": "a client says how long it waits for a start",
    "share.coordinator.": _CLASSIC,
    "socket.": _NETWORK,
    "ssl.": _TLS,
    "super.users": _TLS,
    "telemetry.": "nothing is pushed",
    "transaction.abort.": _LOGS_WORK,
    "transaction.partition.": "every batch of a transaction is checked, always",
    "transaction.remove.": _LOGS_WORK,
    "transaction.state.": _GROUP_LOG,
    "transaction.two.": "an end is one request; there is no preparing from outside",
    "unclean.leader.election.": _COPIES,
    "unstable.": "what is built is on",
    "zookeeper.": _NODE,
}
"""By name, or by what names begin with where it ends in a dot."""


def reason(name: str) -> str | None:
    """Why a setting of Kafka's has no meaning here; None if none is known."""
    parts = name.split(".")
    beginnings = (".".join(parts[:count]) + "." for count in range(len(parts), 0, -1))
    return next((REASONS[known] for known in (name, *beginnings) if known in REASONS), None)

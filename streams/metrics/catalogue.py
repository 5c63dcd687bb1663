"""The metrics there are, as data: Kafka Streams' own, those of its clients, and what Kafka does not have.

`docs/metrics.md` is made from these tables, and the runtime asks them for groups and descriptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from streams.metrics.names import (
    CACHE_GROUP,
    CLIENT_GROUP,
    NODE_GROUP,
    STORE_GROUP,
    TASK_GROUP,
    THREAD_GROUP,
    TOPIC_GROUP,
    UPDATER_GROUP,
    RecordingLevel,
)

INFO, DEBUG, TRACE = RecordingLevel


class Family(NamedTuple):
    """Metrics of one thing, that differ in what is made of it.

    Args:
        group: Kafka's.
        base: how their names begin.
        suffixes: how they end; "": the base is the whole name.
        level: Kafka's: from which on they are recorded.
        text: what is measured.
        missing: why there is none here; "": there is.
    """

    group: str
    base: str
    suffixes: str
    level: RecordingLevel
    text: str
    missing: str = ""

    @property
    def names(self) -> list[str]:
        """The names of its metrics."""
        return [f"{self.base}-{each}" for each in self.suffixes.split()] or [self.base]


STANDBYS = "standby tasks are not built yet"
_IN_PARTS = dict.fromkeys(("put-all", "put-if-absent"), "a store does it by `get` and `put`, which are measured")

KAFKA: tuple[Family, ...] = (
    # the instance
    Family(CLIENT_GROUP, "version", "", INFO, "version of this package"),
    Family(CLIENT_GROUP, "commit-id", "", INFO, "commit that it was built from", "a package does not know it"),
    Family(CLIENT_GROUP, "application-id", "", INFO, "name of the application"),
    Family(CLIENT_GROUP, "topology-description", "", INFO, "text of `topology.describe()`"),
    Family(CLIENT_GROUP, "state", "", INFO, "state of the instance, as `RUNNING`"),
    Family(CLIENT_GROUP, "client-state", "", INFO, "number of that state, in the order of Java's enumeration"),
    Family(CLIENT_GROUP, "alive-stream-threads", "", INFO, "workers that live"),
    Family(CLIENT_GROUP, "failed-stream-threads", "", INFO, "workers that have failed since the start"),
    Family(CLIENT_GROUP, "recording-level", "", INFO, "number of the level: 0 INFO, 1 DEBUG, 2 TRACE"),
    # a worker
    Family(THREAD_GROUP, "commit-latency", "avg max", INFO, "time of a commit (ms)"),
    Family(THREAD_GROUP, "commit", "rate total ratio", INFO, "commits; *ratio*: share of the worker's time"),
    Family(THREAD_GROUP, "poll-latency", "avg max", INFO, "time of a poll for input (ms)"),
    Family(THREAD_GROUP, "poll", "rate total ratio", INFO, "polls; *ratio*: share of the worker's time"),
    Family(THREAD_GROUP, "poll-records", "avg max", INFO, "records of a poll"),
    Family(THREAD_GROUP, "process-latency", "avg max", INFO, "time for a record (ms), of each turn that had some"),
    Family(THREAD_GROUP, "process", "rate total ratio", INFO, "records; *ratio*: share of the worker's time"),
    Family(THREAD_GROUP, "process-records", "avg max", INFO, "records of a turn"),
    Family(THREAD_GROUP, "punctuate-latency", "avg max", INFO, "time of a punctuation (ms)"),
    Family(THREAD_GROUP, "punctuate", "rate total ratio", INFO, "punctuations; *ratio*: share of the worker's time"),
    Family(THREAD_GROUP, "task-created", "rate total", INFO, "tasks that were made"),
    Family(THREAD_GROUP, "task-closed", "rate total", INFO, "tasks that were closed"),
    Family(THREAD_GROUP, "state", "", TRACE, "state of the worker, as `RUNNING`"),
    Family(THREAD_GROUP, "thread-state", "", TRACE, "number of that state, in the order of Java's enumeration"),
    Family(THREAD_GROUP, "blocked-time-ns", "total", TRACE, "time it has waited for the engine (ns)"),
    Family(THREAD_GROUP, "thread-start-time", "", TRACE, "when it began (ms since the epoch)"),
    # restores: here the worker does them itself, between its tasks
    Family(UPDATER_GROUP, "active-restore", "ratio", INFO, "share of the time that goes to restores"),
    Family(UPDATER_GROUP, "standby-update", "ratio", INFO, "share of the time that goes to standby tasks", STANDBYS),
    Family(UPDATER_GROUP, "checkpoint", "ratio", INFO, "share of the time that goes to checkpoints",
           "the position goes to the database with the rows: there is no checkpoint file"),
    Family(UPDATER_GROUP, "idle", "ratio", INFO, "the rest of the time"),
    Family(UPDATER_GROUP, "restore-records", "rate", INFO, "records that are restored, a second"),
    Family(UPDATER_GROUP, "restore-call", "rate", INFO, "polls of changelogs, a second"),
    Family(UPDATER_GROUP, "active-restoring-tasks", "", TRACE, "tasks that are being restored"),
    Family(UPDATER_GROUP, "active-paused-tasks", "", TRACE, "such tasks that are paused"),
    Family(UPDATER_GROUP, "standby-updating-tasks", "", TRACE, "standby tasks at work", STANDBYS),
    Family(UPDATER_GROUP, "standby-paused-tasks", "", TRACE, "standby tasks that are paused", STANDBYS),
    # a task
    Family(TASK_GROUP, "dropped-records", "rate total", INFO, "records that were dropped"),
    Family(TASK_GROUP, "active-process", "ratio", INFO, "share of the worker's processing time that goes to the task"),
    Family(TASK_GROUP, "restore-remaining-records", "total", INFO, "records that are left to be restored"),
    Family(TASK_GROUP, "active-buffer-count", "", DEBUG, "records that wait"),
    Family(TASK_GROUP, "cache-size-bytes", "total", DEBUG, "bytes of its record caches that are not flushed"),
    Family(TASK_GROUP, "enforced-processing", "rate total", DEBUG, "runs that waited no longer for an empty partition"),
    Family(TASK_GROUP, "process-latency", "avg max", DEBUG, "time for a record (ms), of each turn that had some"),
    Family(TASK_GROUP, "process", "rate total", DEBUG, "records that were processed"),
    Family(TASK_GROUP, "punctuate-latency", "avg max", DEBUG, "time of a punctuation (ms)"),
    Family(TASK_GROUP, "punctuate", "rate total", DEBUG, "punctuations"),
    Family(TASK_GROUP, "record-lateness", "avg max", DEBUG, "how far records are behind stream time (ms), of the first "
           "64 of each run"),
    Family(TASK_GROUP, "restore", "rate total", DEBUG, "records that were restored"),
    # a node
    Family(NODE_GROUP, "record-e2e-latency", "avg max min", INFO, "age of records (ms) when a source takes them, or "
           "a node without children is done with them, of the first and the newest of a run, at most each 5 ms; of a "
           "sink when they leave"),
    Family(NODE_GROUP, "process", "rate total", DEBUG, "records that a source took"),
    Family(NODE_GROUP, "suppression-emit", "rate total", DEBUG, "records that a suppression let go"),
    Family(NODE_GROUP, "window-aggregate-final-emit", "rate total", DEBUG, "windows that were emitted at their end"),
    Family(NODE_GROUP, "window-aggregate-final-emit-latency", "avg max", DEBUG, "time of such an emission (ms)"),
    # a topic that a source reads or a sink writes
    Family(TOPIC_GROUP, "records-consumed", "total", INFO, "records that were read from the topic and processed"),
    Family(TOPIC_GROUP, "bytes-consumed", "total", INFO, "their bytes, as Kafka counts them; of a batch of more than "
           "16 records 16 are looked at"),
    Family(TOPIC_GROUP, "records-produced", "total", INFO, "records that were sent to the topic"),
    Family(TOPIC_GROUP, "bytes-produced", "total", INFO, "their bytes, counted in the same way"),
    Family(CACHE_GROUP, "hit-ratio", "avg min max", DEBUG, "share of reads that the record cache answers",
           "a cache is the upper layer of its store and no store of its own: nobody counts where a row was found"),
    # a store
    Family(STORE_GROUP, "num-keys", "", INFO, "keys of a store in memory"),
    Family(STORE_GROUP, "num-open-iterators", "", INFO, "iterators that are open"),
    Family(STORE_GROUP, "iterator-duration", "avg max", DEBUG, "how long iterators were open (ns)"),
    Family(STORE_GROUP, "oldest-iterator-open-since-ms", "", DEBUG, "since when the oldest one is (ms, epoch)"),
    *(
        family
        for operation in ("put", "put-if-absent", "put-all", "get", "fetch", "delete", "remove", "all", "range",
                          "prefix-scan", "flush", "commit", "restore")
        for family in (
            Family(STORE_GROUP, f"{operation}-latency", "avg max", DEBUG, f"time of `{operation}` (ns)",
                   _IN_PARTS.get(operation, "")),
            Family(STORE_GROUP, operation, "rate", DEBUG, f"calls of `{operation}` a second",
                   _IN_PARTS.get(operation, "")),
        )
    ),
    Family(STORE_GROUP, "suppression-buffer-count", "avg max", DEBUG, "records in the buffer"),
    Family(STORE_GROUP, "suppression-buffer-size", "avg max", DEBUG, "bytes in the buffer"),
    Family(STORE_GROUP, "record-e2e-latency", "avg max min", TRACE, "age of records (ms) when the store takes them"),
    # RocksDB: one database a task
    *(
        Family(STORE_GROUP, name, "", INFO, f"RocksDB's property `rocksdb.{name}`")
        for name in (
            "num-immutable-mem-table", "cur-size-active-mem-table", "cur-size-all-mem-tables", "size-all-mem-tables",
            "num-entries-active-mem-table", "num-entries-imm-mem-tables", "num-deletes-active-mem-table",
            "num-deletes-imm-mem-tables", "mem-table-flush-pending", "num-running-flushes", "compaction-pending",
            "num-running-compactions", "estimate-pending-compaction-bytes", "total-sst-files-size",
            "live-sst-files-size", "num-live-versions", "block-cache-capacity", "block-cache-usage",
            "block-cache-pinned-usage", "estimate-num-keys", "estimate-table-readers-mem", "background-errors",
        )
    ),
    Family(STORE_GROUP, "bytes-written", "rate total", DEBUG, "bytes written to RocksDB"),
    Family(STORE_GROUP, "bytes-read", "rate total", DEBUG, "bytes read from RocksDB"),
    Family(STORE_GROUP, "memtable-bytes-flushed", "rate total", DEBUG, "bytes flushed from memtables to disk"),
    Family(STORE_GROUP, "memtable-hit", "ratio", DEBUG, "share of reads that a memtable answers"),
    Family(STORE_GROUP, "memtable-flush-time", "avg max", DEBUG, "time of a flush of a memtable (ms)"),
    Family(STORE_GROUP, "memtable-flush-time-min", "", DEBUG, "the same, shortest", "rocksdict does not tell it"),
    Family(STORE_GROUP, "block-cache-data-hit", "ratio", DEBUG, "share of data blocks found in the block cache"),
    Family(STORE_GROUP, "block-cache-index-hit", "ratio", DEBUG, "share of index blocks found there"),
    Family(STORE_GROUP, "block-cache-filter-hit", "ratio", DEBUG, "share of filter blocks found there"),
    Family(STORE_GROUP, "write-stall-duration", "avg total", DEBUG, "time that writes were held up (ms)"),
    Family(STORE_GROUP, "bytes-read-compaction", "rate", DEBUG, "bytes that compactions read, a second"),
    Family(STORE_GROUP, "bytes-written-compaction", "rate", DEBUG, "bytes that compactions write, a second"),
    Family(STORE_GROUP, "compaction-time", "avg max", DEBUG, "time of a compaction (ms)"),
    Family(STORE_GROUP, "compaction-time-min", "", DEBUG, "the same, shortest", "rocksdict does not tell it"),
    Family(STORE_GROUP, "number-open-files", "", DEBUG, "files that are open",
           "RocksDB counts what is opened and not what is closed; Kafka says -1"),
    Family(STORE_GROUP, "number-file-errors", "total", DEBUG, "errors of files"),
)  # fmt: skip
"""Kafka Streams 4.3's. The levels are Kafka's; what costs nothing here is recorded at INFO already."""

FIGURES = tuple(family.base for family in KAFKA if family.text.startswith("RocksDB's property"))
"""The metrics that are RocksDB's properties."""

CONSUMER = "consumer-fetch-manager-metrics"
COORDINATOR = "consumer-coordinator-metrics"
PRODUCER = "producer-metrics"

CLIENTS: tuple[Family, ...] = (
    Family(CONSUMER, "records-consumed", "rate total", INFO, "records that were fetched"),
    Family(CONSUMER, "fetch", "rate total", INFO, "polls that brought something"),
    Family(CONSUMER, "fetch-latency", "avg max", INFO, "time of a poll (ms)"),
    Family(CONSUMER, "records-per-request", "avg", INFO, "records of such a poll"),
    Family(CONSUMER, "records-lag", "", INFO, "records of a partition that are not processed yet"),
    Family(CONSUMER, "records-lag-max", "", INFO, "the highest of them"),
    Family(COORDINATOR, "assigned-partitions", "", INFO, "partitions that the worker's tasks read"),
    Family(COORDINATOR, "commit", "rate total", INFO, "commits"),
    Family(COORDINATOR, "commit-latency", "avg max", INFO, "time of a commit (ms)"),
    Family(COORDINATOR, "rebalance", "total", INFO, "rebalances that the worker has taken part in"),
    Family(COORDINATOR, "rebalance-latency", "avg max", INFO, "time from the word to the last task taken (ms)"),
    Family(COORDINATOR, "last-rebalance-seconds-ago", "", INFO, "how long ago the last one was"),
    Family(PRODUCER, "record-send", "rate total", INFO, "records that were sent"),
    Family(PRODUCER, "record-error", "rate total", INFO, "records that were refused"),
    Family(PRODUCER, "outgoing-byte", "rate total", INFO, "bytes that were sent, counted as those of topics"),
    Family(PRODUCER, "records-per-request", "avg", INFO, "records of a batch"),
    Family(PRODUCER, "request-latency", "avg max", INFO, "time from sending a batch to its acknowledgement (ms)"),
    Family(PRODUCER, "requests-in-flight", "", INFO, "batches without an answer"),
)  # fmt: skip
"""Those of Kafka's clients that mean something here. They are of the worker, whose clients they were in Kafka."""

OWN: tuple[Family, ...] = (
    Family(NODE_GROUP, "freshness-seconds", "", INFO, "of a sink: how old the newest input is that its readers miss, "
           "at most; by what this instance knows"),
    Family(TASK_GROUP, "lag-seconds", "", INFO, "of a partition: since when there has been input that waits"),
    Family(THREAD_GROUP, "busy", "ratio", INFO, "share of the time in which it works"),
    Family(THREAD_GROUP, "idle", "ratio", INFO, "share in which it waits for input"),
    Family(THREAD_GROUP, "blocked", "ratio", INFO, "share in which it waits for what keeps it from working: its group, "
           "a pause, a full memory, a transaction that may not go on"),
    Family(THREAD_GROUP, "committing", "ratio", INFO, "share of its commits"),
    Family(THREAD_GROUP, "restoring", "ratio", INFO, "share of its restores. The five add up to 1"),
    Family(THREAD_GROUP, "rebalances", "total", INFO, "rebalances by *cause*"),
    Family(NODE_GROUP, "dropped-records-by-cause", "total", INFO, "all that a node has dropped, by *cause*"),
    Family(TASK_GROUP, "dead-letters", "total", INFO, "dead letters that were made, again where that is done again"),
    Family(STORE_GROUP, "spilled-slices", "total", INFO, "slices of committed rows that were written to the database"),
    Family(TASK_GROUP, "task-skew-ms", "", INFO, "how far the task's time is ahead, where tasks advance in step"),
    Family(THREAD_GROUP, "task-skew-held", "total", INFO, "looks at which a task waited for older ones"),
    Family(THREAD_GROUP, "task-skew-passed", "total", INFO, "tasks that were not waited for any longer"),
)  # fmt: skip
"""What Kafka Streams does not have."""


def names(families: tuple[Family, ...]) -> Iterator[tuple[str, str, Family]]:
    """Group and name of each metric, and the family it is of."""
    for family in families:
        for name in family.names:
            yield family.group, name, family


DESCRIPTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {(group, name): family.text for group, name, family in names((*KAFKA, *CLIENTS, *OWN))}
)
"""What each metric measures, by group and name."""

RATES: Mapping[tuple[str, str], RecordingLevel] = MappingProxyType(
    {
        (group, name): family.level
        for group, name, family in names((*KAFKA, *CLIENTS))
        if name.endswith("-rate") and not family.missing and "total" in family.suffixes
    }
)
"""The rates that are worked out from the total beside them, and Kafka's level of each: a scrape of many tasks pays for
them."""

COUNTED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "dropped-records-total": (TASK_GROUP, "The total number of dropped records"),
        "process-total": (TASK_GROUP, "The total number of calls to process"),
        "punctuate-total": (TASK_GROUP, "The total number of calls to punctuate"),
        "enforced-processing-total": (TASK_GROUP, "The total number of enforced processing"),
        "restore-total": (TASK_GROUP, "The total number of records restored"),
        "records-consumed-total": (TOPIC_GROUP, "The total number of records consumed from this topic"),
        "bytes-consumed-total": (TOPIC_GROUP, "The total number of bytes consumed from this topic"),
        "records-produced-total": (TOPIC_GROUP, "The total number of records produced to this topic"),
        "bytes-produced-total": (TOPIC_GROUP, "The total number of bytes produced to this topic"),
        "suppression-emit-total": (NODE_GROUP, "The total number of emitted records from the suppression buffer"),
        "window-aggregate-final-emit-total": (NODE_GROUP, "The total number of emit final"),
        "commit-total": (THREAD_GROUP, "The total number of calls to commit"),
        "poll-total": (THREAD_GROUP, "The total number of calls to poll"),
        "task-created-total": (THREAD_GROUP, "The total number of newly created tasks"),
        "task-closed-total": (THREAD_GROUP, "The total number of closed tasks"),
    }
)
"""Counters that are known by their name alone, with Kafka's groups and descriptions."""

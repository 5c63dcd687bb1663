"""The settings of topics, as far as internal topics may be given them (`topic.…`, `with_logging_enabled`)."""

from __future__ import annotations

from streams.config.table import Setting, Type, at_least, between, invalid, of_kafka, one_of, table


def _check_policy(name: str, value: object) -> None:
    for word in value if isinstance(value, tuple) else ():
        if word not in ("compact", "delete"):
            raise invalid(name, value, "String must be one of: compact, delete")


# fmt: off
TOPIC = table((
    Setting("cleanup.policy", Type.LIST, ("delete",), "delete, compact, or both.", _check_policy),
    of_kafka("compression.type", Type.STRING, "producer", "Codec of batches.",
            one_of("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer")),
    Setting("delete.retention.ms", Type.LONG, 86_400_000, "How long tombstones are kept.", at_least(0)),
    of_kafka("file.delete.delay.ms", Type.LONG, 60_000, "Wait before a file is deleted.", at_least(0)),
    of_kafka("flush.messages", Type.LONG, 9_223_372_036_854_775_807, "Records between two fsyncs.", at_least(1)),
    of_kafka("flush.ms", Type.LONG, 9_223_372_036_854_775_807, "Time between two fsyncs.", at_least(0)),
    Setting("index.interval.bytes", Type.INT, 4_096, "Bytes between two index entries.", at_least(0)),
    Setting("max.compaction.lag.ms", Type.LONG, 9_223_372_036_854_775_807, "After which a record is compacted.",
            at_least(1)),
    Setting("max.message.bytes", Type.INT, 1_048_588, "Bytes of a batch at most.", at_least(0)),
    Setting("message.timestamp.after.max.ms", Type.LONG, 3_600_000, "How far ahead a timestamp may be.", at_least(0)),
    Setting("message.timestamp.before.max.ms", Type.LONG, 9_223_372_036_854_775_807, "How old a timestamp may be.",
            at_least(0)),
    Setting("message.timestamp.type", Type.STRING, "CreateTime", "CreateTime or LogAppendTime.",
            one_of("CreateTime", "LogAppendTime")),
    Setting("min.cleanable.dirty.ratio", Type.DOUBLE, 0.5, "Part of a log that starts compaction.", between(0, 1)),
    Setting("min.compaction.lag.ms", Type.LONG, 0, "Before which a record is not compacted.", at_least(0)),
    of_kafka("min.insync.replicas", Type.INT, 1, "Replicas that must have a batch.", at_least(1)),
    of_kafka("preallocate", Type.BOOLEAN, False, "Allot files at once."),
    Setting("retention.bytes", Type.LONG, -1, "Bytes of a partition that are kept; -1: all.", at_least(-1)),
    Setting("retention.ms", Type.LONG, 604_800_000, "How long records are kept; -1: for ever.", at_least(-1)),
    Setting("segment.bytes", Type.INT, 1_073_741_824, "Bytes of a segment.", at_least(14)),
    of_kafka("segment.index.bytes", Type.INT, 10_485_760, "Bytes of an index.", at_least(4)),
    of_kafka("segment.jitter.ms", Type.LONG, 0, "Spread of the times segments are rolled.", at_least(0)),
    Setting("segment.ms", Type.LONG, 604_800_000, "After which a segment is rolled.", at_least(1)),
    of_kafka("unclean.leader.election.enable", Type.BOOLEAN, False, "Let a replica that is behind lead."),
))
"""Settings of a topic by name."""
# fmt: on

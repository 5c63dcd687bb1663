"""Rows of `errors.json` where we answer otherwise than Java, each with its reason.

`DIFFERS`: on purpose. A row says what we do instead, which is checked: the class (None: no error) and words of the
message. `NOT_BUILT`: what the row is about does not exist yet and is refused by name. Neither is counted as passed.
"""

from __future__ import annotations

from typing import NamedTuple


class Instead(NamedTuple):
    """What we do: the exception's class (None: none), words of its message, and why."""

    error: str | None
    words: str
    reason: str


COPARTITIONING = "co-partitioning is always checked; Java's classic protocol lets such joins run and miss"
AT_ONCE = "what would fail at the first record is refused where it is written"
AT_THE_CALL = "what would fail when the store is used is refused where it is asked for"
PYTHONS_TYPES = "the text names Python's types"
STREAMS_PROTOCOL = "the streams rebalance protocol"

DIFFERS: dict[str, Instead] = {
    "no bootstrap.servers": Instead(None, "", "the default is local://.streams, the bundled engine"),
    "exactly once with in flight not a number": Instead(
        "ConfigException",
        "Invalid value x for configuration max.in.flight.requests.per.connection: Not a number of type INT",
        "every wrong number is refused in the words of Java's ConfigDef, where it is read",
    ),
    "stream of null topic": Instead("NullPointerException", "topicPattern can't be null", AT_ONCE),
    "join with null foreign key": Instead("NullPointerException", "foreignKeyExtractor can't be null", AT_ONCE),
    "time window end before start": Instead(
        "NullPointerException", "Inner serializer is `null`.", "there is no constructor without an inner serde"
    ),
    "default.timestamp.extractor=java.lang.String": Instead(
        "ConfigException", "for configuration default.timestamp.extractor: Its objects cannot be called", AT_ONCE
    ),
    "sink topic with a space": Instead("InvalidTopicException", "Topic name is invalid: 'a topic' contains", AT_ONCE),
    "grouped with bad name": Instead("TopologyException", 'Name "a name" is illegal', AT_ONCE),
    "repartition with bad name": Instead("TopologyException", 'Name "a name" is illegal', AT_ONCE),
    "branch(null)": Instead("NullPointerException", "predicate cannot be null", AT_ONCE),
    "suppress of windows with default serdes only": Instead(
        "StreamsException",
        "ClassCastException invoking processor: KTABLE-SUPPRESS-0000000003. Do the Processor's input types match the "
        "deserialized types? Check the Serde setup and change the default Serdes in StreamConfig or provide correct "
        "Serdes via method parameters. Make sure the Processor can accept the deserialized input of type key: "
        "Windowed, and value: int.",
        "the text names Python's types",
    ),
    "join of 2 and 3 partitions": Instead(
        "TopologyException", "Topics not co-partitioned: [gold-err-a,gold-err-b]", COPARTITIONING
    ),
    "stream-table join of 2 and 3 partitions": Instead(
        "TopologyException", "Topics not co-partitioned: [gold-err-a,gold-err-b]", COPARTITIONING
    ),
    "table-table join of 1 and 4 partitions": Instead(
        "TopologyException", "Topics not co-partitioned: [gold-err-a,gold-err-b]", COPARTITIONING
    ),
    "cogroup of 1 and 2 partitions": Instead(
        "TopologyException", "Topics not co-partitioned: [gold-err-a,gold-err-b]", COPARTITIONING
    ),
    "partitioner gives a partition that is not there": Instead(
        "StreamsException",
        "Exception caught in process. taskId=0_0, processor=KSTREAM-SOURCE-0000000000, topic=gold-err-a",
        "said at once with the partitions there are; Java waits for the partition to come, and says nothing",
    ),
    "invalid timestamp": Instead(
        "StreamsException",
        "has invalid (negative) timestamp. Possibly because a pre-0.10 producer client was used to write this record "
        "to Kafka without embedding a timestamp, or because the input topic was created before upgrading the Kafka "
        "cluster to 0.10+. Use a different TimestampExtractor to process this data.",
        "the record is shown as Python shows it, not as Java's ConsumerRecord",
    ),
}

DIFFERS |= {
    **dict.fromkeys(
        ("wrong type of store", "wrong type of store: session", "global store not queryable type"),
        Instead("InvalidStateStoreException", "does not accept the actual store type", AT_THE_CALL),
    ),
    "global store as window store, used": Instead(
        "InvalidStateStoreException", "does not accept the actual store type", AT_THE_CALL
    ),
    "wrong type of store, used": Instead(
        "InvalidStateStoreException",
        "Cannot get state store counts because the queryable store type [ReadOnlyWindowStore] does not accept the "
        "actual store type [ReadOnlyTimestampedKeyValueStore].",
        PYTHONS_TYPES,
    ),
    "wrong type of store: session, used": Instead(
        "InvalidStateStoreException",
        "Cannot get state store counts because the queryable store type [ReadOnlySessionStore] does not accept the "
        "actual store type [ReadOnlyTimestampedKeyValueStore].",
        PYTHONS_TYPES,
    ),
    **dict.fromkeys(
        ("range with null bounds reversed", "next of an empty iterator"),
        Instead("StopIteration", "", "so iterators end in Python"),
    ),
    "old store handle after close": Instead(
        "StreamsStoppedException",
        "KafkaStreams has been stopped (NOT_RUNNING)",
        "what has happened is known, and is said; it is an InvalidStateStoreException too",
    ),
    "query of wrong kind": Instead(
        "QueryFailed", "partition 0 UNKNOWN_QUERY_TYPE: This store (timestamped_kv) doesn't know how", PYTHONS_TYPES
    ),
    "key metadata of unknown store": Instead(
        "UnknownStateStoreException",
        "Cannot get state store missing because no such store is registered in the topology.",
        "Java's answer says that it is not available, as while tasks move",
    ),
}

NOT_BUILT: dict[str, str] = {
    "processor.wrapper.class=java.lang.String": "processor wrappers",
    "streams protocol with standbys": STREAMS_PROTOCOL,
    "streams protocol: missing source topic": STREAMS_PROTOCOL,
    "streams protocol: join of 2 and 3 partitions": STREAMS_PROTOCOL,
    "streams protocol: repartition topic with wrong partitions": STREAMS_PROTOCOL,
    "streams protocol: pattern source": STREAMS_PROTOCOL,
}

"""The public methods of Kafka Streams 4.3's DSL and Processor API, class by class."""

from __future__ import annotations

JAVA = {
    "StreamsBuilder": "stream table globalTable addStateStore addGlobalStore build",
    "Topology": "addSource addSink addProcessor addStateStore connectProcessorAndStateStores addReadOnlyStateStore "
    "addGlobalStore describe",
    "KStream": "filter filterNot selectKey map flatMap mapValues flatMapValues peek foreach print split merge "
    "repartition to toTable groupByKey groupBy join leftJoin outerJoin process processValues",
    "BranchedKStream": "branch defaultBranch noDefaultBranch",
    "KTable": "filter filterNot mapValues toStream suppress transformValues groupBy join leftJoin outerJoin "
    "queryableStoreName",
    "GlobalKTable": "queryableStoreName",
    "KGroupedStream": "count reduce aggregate windowedBy cogroup",
    "KGroupedTable": "count reduce aggregate",
    "TimeWindowedKStream": "count reduce aggregate emitStrategy",
    "SessionWindowedKStream": "count reduce aggregate emitStrategy",
    "CogroupedKStream": "cogroup aggregate windowedBy",
    "TimeWindowedCogroupedKStream": "aggregate",
    "SessionWindowedCogroupedKStream": "aggregate",
    "TimeWindows": "ofSizeWithNoGrace ofSizeAndGrace advanceBy",
    "SlidingWindows": "ofTimeDifferenceWithNoGrace ofTimeDifferenceAndGrace",
    "SessionWindows": "ofInactivityGapWithNoGrace ofInactivityGapAndGrace",
    "UnlimitedWindows": "of startOn",
    "JoinWindows": "ofTimeDifferenceWithNoGrace ofTimeDifferenceAndGrace before after",
    "Suppressed": "untilTimeLimit untilWindowCloses withName",
    "BufferConfig": "maxRecords maxBytes unbounded withMaxRecords withMaxBytes withNoBound emitEarlyWhenFull "
    "shutDownWhenFull withLoggingDisabled withLoggingEnabled",
    "EmitStrategy": "onWindowUpdate onWindowClose",
    "AutoOffsetReset": "earliest latest none byDuration",
    "Processor": "init process close",
    "FixedKeyProcessor": "init process close",
    "Record": "withKey withValue withTimestamp withHeaders",
    "FixedKeyRecord": "withValue withTimestamp withHeaders",
    "ProcessorContext": "forward schedule commit getStateStore recordMetadata currentSystemTimeMs currentStreamTimeMs "
    "applicationId taskId stateDir metrics keySerde valueSerde appConfigs appConfigsWithPrefix",
    "FixedKeyProcessorContext": "forward",
    "Stores": "persistentKeyValueStore persistentTimestampedKeyValueStore persistentVersionedKeyValueStore "
    "inMemoryKeyValueStore lruMap persistentWindowStore persistentTimestampedWindowStore inMemoryWindowStore "
    "persistentSessionStore inMemorySessionStore keyValueStoreBuilder timestampedKeyValueStoreBuilder "
    "versionedKeyValueStoreBuilder windowStoreBuilder timestampedWindowStoreBuilder sessionStoreBuilder "
    "persistentTimestampedKeyValueStoreWithHeaders persistentTimestampedWindowStoreWithHeaders "
    "persistentSessionStoreWithHeaders timestampedKeyValueStoreWithHeadersBuilder "
    "timestampedWindowStoreWithHeadersBuilder sessionStoreWithHeadersBuilder",
    "StoreBuilder": "withCachingEnabled withCachingDisabled withLoggingEnabled withLoggingDisabled",
    "KeyValueStore": "get put putIfAbsent putAll delete range reverseRange all reverseAll prefixScan "
    "approximateNumEntries",
    "WindowStore": "put fetch fetchAll all backwardFetch backwardFetchAll backwardAll",
    "SessionStore": "put remove fetchSession findSessions fetch backwardFetch backwardFindSessions",
    "VersionedKeyValueStore": "put delete get",
}

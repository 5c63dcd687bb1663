"""Settings of a Spring Boot file that do nothing here and harm nobody: told, and left out.

Such a file is written for Apache Kafka and shared with Java applications. What only tunes connections, says how Java
measures, or is done here by other means need not keep it from being read. What would change a guarantee, or the bytes
of records, goes on to be refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.config.table import Setting

_GUARANTEES = frozenset(
    {
        *("security.protocol", "replication.factor", "min.insync.replicas", "flush.messages", "flush.ms"),
        *("interceptor.classes", "config.providers", "default.client.supplier"),
        *("default.list.key.serde.inner", "default.list.key.serde.type"),
        *("default.list.value.serde.inner", "default.list.value.serde.type"),
        *("window.size.ms", "windowed.inner.class.serde"),
    }
)
"""Who may read, how many copies there are, when they are on disk; what becomes of each record; how it is written."""

_UNCOMPRESSED = "compression is not built yet in the bundled engine, so batches are written as they are"
_NO_STANDBYS = "standby replicas are not built yet, so none is warmed up"
_NO_RACKS = "rack-aware assignment is not built yet, and the bundled engine is one node"
_TUNING: Mapping[str, str] = {
    "compression.type": _UNCOMPRESSED,
    "compression.gzip.level": _UNCOMPRESSED,
    "compression.lz4.level": _UNCOMPRESSED,
    "compression.zstd.level": _UNCOMPRESSED,
    "max.warmup.replicas": _NO_STANDBYS,
    "probing.rebalance.interval.ms": _NO_STANDBYS,
    "rack.aware.assignment.strategy": _NO_RACKS,
    "rack.aware.assignment.non_overlap_cost": _NO_RACKS,
    "rack.aware.assignment.traffic_cost": _NO_RACKS,
}
"""Settings that come later, and do without which results and guarantees are the same."""


def why_without_effect(setting: Setting, value: object, bundled: bool) -> str | None:
    """Why a setting of a Spring Boot file changes nothing here.

    Args:
        setting: its row.
        value: as it was parsed.
        bundled: is the bundled engine meant, and not Apache Kafka?
    Returns:
        None where it has an effect, or has to be refused.
    """
    if value == setting.default or value in setting.built_values or setting.name in _GUARANTEES:
        return None
    if setting.no_meaning is not None:
        return setting.no_meaning
    if setting.of_kafka and not bundled:
        return None
    if setting.name in _TUNING:
        return _TUNING[setting.name]
    if setting.of_kafka:
        return "it is about connections to Apache Kafka, or what only Kafka does"
    return None

"""Sub-topologies, numbered as Java numbers them, and the internal topics each of them needs."""

from __future__ import annotations

from collections.abc import Mapping

from streams.config.application import StreamsConfig
from streams.names import CHANGELOG_SUFFIX
from streams.topology.node import InternalTopic, SinkNode, SourceNode, SubTopology
from streams.topology.store import StoreKind, StoreSpec
from streams.topology.wiring import Wiring

DAY_MS = 24 * 60 * 60 * 1000
_LONG_MAX = 2**63 - 1
_REPARTITION = {"cleanup.policy": "delete", "segment.bytes": "52428800", "retention.ms": "-1"}
_WINDOWED = frozenset({StoreKind.WINDOW, StoreKind.TIMESTAMPED_WINDOW, StoreKind.SESSION})
_FOR_ALL = {"message.timestamp.type": "CreateTime"}


def groups(wiring: Wiring) -> list[list[str]]:
    """Names of the nodes of each connected group, numbered by the first node that was added."""
    found: dict[str, list[str]] = {}
    for name in wiring.nodes:
        found.setdefault(wiring.root(name), []).append(name)
    return list(found.values())


def sub_topologies(wiring: Wiring, config: StreamsConfig) -> tuple[SubTopology, ...]:
    """All groups that run as tasks; those of global stores keep their number and are left out."""
    apart = wiring.global_names()
    return tuple(
        _sub_topology(wiring, number, names, config)
        for number, names in enumerate(groups(wiring))
        if not apart & set(names)
    )


def _sub_topology(wiring: Wiring, id: int, names: list[str], config: StreamsConfig) -> SubTopology:
    here = set(names)
    nodes = tuple(wiring.finished(name) for name in names)
    stores = tuple(p.spec for p in wiring.stores.values() if here & set(p.users))
    together = _copartitioned(wiring, here)
    topics = [t for n in nodes if isinstance(n, SourceNode) and isinstance(n.topics, tuple) for t in n.topics]
    return SubTopology(
        id=id,
        nodes=nodes,
        stores=stores,
        source_topics=tuple(topics),
        repartition_topics={
            t: InternalTopic(t, "repartition", wiring.internal_topics[t], repartition_settings(config))
            for t in topics
            if t in wiring.internal_topics
        },
        changelogs={s.name: changelog(s, config) for s in stores if s.logging is not None or s.source_topic},
        copartitioned=tuple(topics for topics, _ in together),
        copartitioned_patterns=tuple(patterns for _, patterns in together),
    )


def _copartitioned(wiring: Wiring, here: set[str]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Topics, and source nodes with patterns, that must have equally many partitions; groups that share one are one."""
    merged: list[set[tuple[str, bool]]] = []
    for group in wiring.copartitioned:
        members = {(topic, False) for name in group & here for topic in wiring.source_topics(name)}
        members |= {(name, True) for name in group & here if wiring.reads_pattern(name)}
        for other in [m for m in merged if m & members]:
            members |= other
            merged.remove(other)
        if members:
            merged.append(members)
    return [
        (frozenset(n for n, pattern in m if not pattern), frozenset(n for n, pattern in m if pattern))
        for m in merged
        if len(m) > 1 or any(pattern for _, pattern in m)
    ]


def repartition_settings(config: StreamsConfig) -> Mapping[str, object]:
    """Settings of a repartition topic: the built-in ones, over them the user's with the prefix `topic.`."""
    return {**_FOR_ALL, **_REPARTITION, **config.topic_settings()}


def changelog(spec: StoreSpec, config: StreamsConfig) -> InternalTopic:
    """The changelog of a store: built-in settings, over them those with the prefix `topic.`, over them what follows
    from how long the store keeps its entries, over all the store's own. Its name is a source topic's where that serves
    as changelog."""
    kind = "changelog"
    built_in: dict[str, object] = {"cleanup.policy": "compact"}
    kept_by_store: dict[str, object] = {}
    if spec.kind in _WINDOWED:
        kind = "windowed_changelog"
        more = config.get_int("windowstore.changelog.additional.retention.ms")
        kept = spec.retention_ms if spec.log_retention_ms is None else spec.log_retention_ms
        built_in = {"cleanup.policy": "compact,delete"}
        kept_by_store = {"retention.ms": str(min(kept + more, _LONG_MAX))}
    elif spec.kind is StoreKind.VERSIONED:
        kind = "versioned_changelog"
        kept_by_store = {"min.compaction.lag.ms": str(min(spec.retention_ms + DAY_MS, _LONG_MAX))}
    settings = {**_FOR_ALL, **built_in, **config.topic_settings(), **kept_by_store, **(spec.logging or {})}
    return InternalTopic(spec.source_topic or spec.name + CHANGELOG_SUFFIX, kind, None, settings)


def sink_topics(sub: SubTopology) -> tuple[str, ...]:
    """Topics that the sinks of a sub-topology name."""
    return tuple(n.topic for n in sub.nodes if isinstance(n, SinkNode) and isinstance(n.topic, str))

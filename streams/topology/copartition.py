"""How many partitions topics have, and where they must agree.

Checked at every start and whenever counts change, for joins, merges of joined streams and cogroups (decision 32).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from streams.errors import MissingSourceTopicException, TopologyException
from streams.topology.node import BuiltTopology, SourceNode, SubTopology
from streams.topology.split import sink_topics
from streams.topology.wiring import Wiring

WAYS_OUT = (
    "Give them equally many partitions, put `repartition()` before the operation, "
    "or read the smaller one as a GlobalKTable."
)


def check_fixed_counts(wiring: Wiring) -> None:
    """Repartition topics whose counts the user fixed must agree where they meet.

    Raises:
        TopologyException: with their names and counts.
    """
    for group in wiring.copartitioned:
        topics = {t for name in group for t in wiring.source_topics(name)}
        fixed = {t: n for t in sorted(topics) if (n := wiring.internal_topics.get(t)) is not None}
        if len(fixed) == len(topics) and len(set(fixed.values())) > 1:
            raise TopologyException(
                f"Following topics do not have the same number of partitions: [{{{_listed(fixed)}}}]"
            )


def resolve(
    built: BuiltTopology,
    counts: Mapping[str, int],
    shown: Callable[[str], str] = str,
    made: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, int]:
    """The number of partitions of every repartition topic, checked against the topics there are.

    Args:
        built: the topology; topics are undecorated in it, and so they are here.
        counts: partitions of the topics that exist outside, by name.
        shown: the real name of a repartition topic, for messages.
        made: partitions of the repartition topics that exist, by undecorated name.
    Returns:
        partitions by undecorated name.
    Raises:
        MissingSourceTopicException: a source topic is not in `counts`.
        TopologyException: topics that must agree do not; it names them, their counts and the ways out.
    """
    known = dict(counts)
    _refuse_missing(built, counts)
    decided = _from_writers(built, known, made)
    for sub in built.subtopologies:
        matched = pattern_topics(sub, counts)
        patterns = sub.copartitioned_patterns or (frozenset[str](),) * len(sub.copartitioned)
        for topics, sources in zip(sub.copartitioned, patterns, strict=True):
            _agree(sub, topics.union(*(matched[name] for name in sources)), known, decided, shown)
    return decided


def _refuse_missing(built: BuiltTopology, counts: Mapping[str, int]) -> None:
    """Names all source topics that do not exist, so that they can be made at once."""
    missing: dict[str, list[str]] = {}
    for sub in built.subtopologies:
        for topic in sub.source_topics:
            if topic not in sub.repartition_topics and topic not in counts:
                missing.setdefault(topic, []).append(str(sub.id))
    if missing:
        each = (f"{topic} of sub-topology {' and '.join(subs)}" for topic, subs in sorted(missing.items()))
        raise MissingSourceTopicException(
            f"One or more source topics were missing during rebalance: {', '.join(each)}. Create them before the "
            f"application is started: streams-app topics create {' '.join(sorted(missing))}"
        )


def tasks(sub: SubTopology, counts: Mapping[str, int]) -> int:
    """How many tasks run a sub-topology: the most partitions of any of its source topics.

    Args:
        counts: partitions by name, of outside topics and (undecorated) of repartition topics.
    """
    topics = (*sub.source_topics, *(t for ts in pattern_topics(sub, counts).values() for t in ts))
    return max((counts.get(topic, 0) for topic in topics), default=0)


def pattern_topics(sub: SubTopology, topics: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """By source node with a pattern: the topics of `topics` that it reads, sorted."""
    return {
        node.name: tuple(sorted(t for t in topics if node.topics.fullmatch(t)))
        for node in sub.nodes
        if isinstance(node, SourceNode) and isinstance(node.topics, re.Pattern)
    }


def _from_writers(built: BuiltTopology, known: Mapping[str, int], made: Mapping[str, int]) -> dict[str, int]:
    """As many as the most that any source topic of its writers has, where no count was given.

    In rounds, since a repartition topic may follow on another; a topic whose count is still open does not count, so
    that the two topics of a foreign-key join do not wait for each other. That is how Java counts.

    Topics that match a pattern may be deleted, and then there are fewer: a repartition topic behind a pattern keeps the
    partitions that it was made with, with the records in them. (In Java the application ends.)
    """
    fixed = {t: n for sub in built.subtopologies for t, i in sub.repartition_topics.items() if (n := i.partitions)}
    waiting = {t: None for sub in built.subtopologies for t in sub.repartition_topics if t not in fixed}
    writers: dict[str, list[SubTopology]] = {}
    for sub in built.subtopologies:
        for topic in sink_topics(sub):
            writers.setdefault(topic, []).append(sub)
    decided = dict(fixed)
    kept = _behind_patterns(waiting, writers)
    while waiting:
        before = len(waiting)
        for topic in list(waiting):
            count = max((tasks(sub, {**known, **decided}) for sub in writers.get(topic, ())), default=0)
            if topic in kept:
                count = max(count, made.get(topic, 0))
            if count:
                decided[topic] = count
                del waiting[topic]
        if len(waiting) == before:
            raise TopologyException(
                f"Failed to compute number of partitions for all repartition topics: of {', '.join(waiting)}. Make "
                "sure that all input topics exist and that patterns match at least one topic, or give a number by "
                "Repartitioned.number_of_partitions"
            )
    return decided


def _behind_patterns(topics: Iterable[str], writers: Mapping[str, list[SubTopology]]) -> set[str]:
    """The repartition topics that a sub-topology with a pattern writes, or one that reads such a topic."""
    found: set[str] = set()
    left = set(topics)
    while more := {
        topic
        for topic in left
        if any(pattern_topics(sub, {}) or not found.isdisjoint(sub.source_topics) for sub in writers.get(topic, ()))
    }:
        found |= more
        left -= more
    return found


def _agree(
    sub: SubTopology,
    group: frozenset[str],
    counts: Mapping[str, int],
    decided: dict[str, int],
    shown: Callable[[str], str],
) -> None:
    outside = {t: counts[t] for t in sorted(group) if t not in sub.repartition_topics}
    if len(set(outside.values())) > 1:
        raise TopologyException(
            f"Topics not co-partitioned: [{','.join(outside)}]. They meet in sub-topology {sub.id} and have "
            f"{_listed(outside)} partitions. {WAYS_OUT}"
        )
    inside = [t for t in sorted(group) if t in sub.repartition_topics]
    fixed = {t: n for t in inside if (n := sub.repartition_topics[t].partitions) is not None}
    if len(set(fixed.values())) > 1:
        raise TopologyException(
            f"Following topics do not have the same number of partitions: [{{{_listed(fixed)}}}]. {WAYS_OUT}"
        )
    if outside:
        wanted = next(iter(outside.values()))
        for topic, number in fixed.items():
            if number != wanted:
                raise TopologyException(
                    f"Number of partitions [{number}] of repartition topic [{shown(topic)}] doesn't match number of "
                    f"partitions [{wanted}] of the source topic. It meets {_listed(outside)} in sub-topology "
                    f"{sub.id}. {WAYS_OUT}"
                )
    elif fixed:
        wanted = next(iter(fixed.values()))
    else:
        wanted = max((decided[t] for t in inside), default=0)
    for topic in inside:
        decided[topic] = wanted


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{topic}={number}" for topic, number in counts.items())

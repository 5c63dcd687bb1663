"""Who has what: instances by their `application.server`, the partitions of stores, and how far behind they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from streams.arguments import function
from streams.clients.api import Admin, Isolation
from streams.errors import ConfigException, IllegalArgumentException, NullPointerException
from streams.names import decorated_topic
from streams.query.instance import GLOBAL, Instance
from streams.record import TopicPartition
from streams.serdes.base import Serde
from streams.state.local_store import LocalStore, Restoring
from streams.topology.graph import PARTITIONER
from streams.topology.node import StepNode, SubTopology, TaskId
from streams.topology.store import StoreSpec
from streams.validation import check_text, number_of, shown

KeyPartitioner = Callable[..., object]
"""A `StreamPartitioner`: from topic, key, value and how many partitions there are, the one it chooses."""


@dataclass(frozen=True, slots=True, order=True)
class HostInfo:
    """Where an instance can be asked (Java's `HostInfo`)."""

    host: str
    port: int

    @classmethod
    def build_from_endpoint(cls, endpoint: str) -> Self:
        """From `host:port`.

        Raises:
            ConfigException: it is of another form.
        """
        host, sign, port = check_text(endpoint, "endpoint").rpartition(":")
        number = number_of(port)
        if not sign or not host or number is None:
            raise ConfigException(f"Error parsing host address {endpoint}. Expected format host:port.")
        return cls(host.strip("[]"), number)

    @classmethod
    def unavailable(cls) -> Self:
        """Nobody says where."""
        return cls("unavailable", -1)


@dataclass(frozen=True, slots=True)
class KeyQueryMetadata:
    """Where a key is (Java's `KeyQueryMetadata`)."""

    active_host: HostInfo
    standby_hosts: frozenset[HostInfo]
    partition: int


NOT_AVAILABLE: Final = KeyQueryMetadata(HostInfo.unavailable(), frozenset(), -1)
"""Tasks are being handed out, or no instance says where it can be asked."""


@dataclass(frozen=True, slots=True)
class StreamsMetadata:
    """What an instance has (Java's `StreamsMetadata`). There are no standby tasks yet."""

    host_info: HostInfo
    state_store_names: frozenset[str] = frozenset()
    topic_partitions: frozenset[TopicPartition] = frozenset()
    standby_state_store_names: frozenset[str] = frozenset()
    standby_topic_partitions: frozenset[TopicPartition] = frozenset()


@dataclass(frozen=True, slots=True)
class LagInfo:
    """How far a store is behind its changelog (Java's `LagInfo`)."""

    current_offset_position: int
    end_offset_position: int
    offset_lag: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "offset_lag", max(0, self.end_offset_position - self.current_offset_position))


def key_metadata(
    instance: Instance, name: str, key: object, how: Serde[object] | KeyPartitioner | None
) -> KeyQueryMetadata:
    """Where a key of a store is.

    Args:
        how: the serde that writes the key, or the partitioner that was used; None: the store's serde, and Kafka's
            partitioner.
    Raises:
        UnknownStateStoreException: there is no such store.
        NullPointerException: the key is None.
        IllegalArgumentException: `how` is neither; or the partitioner chooses none, or several.
        StreamsNotStartedException, StreamsStoppedException: the application does not run.
    """
    spec = instance.spec(name)
    if key is None:
        raise NullPointerException("key can't be null")
    if how is not None and not isinstance(how, Serde):
        function(how, PARTITIONER, "query_metadata_for_key()", may_yield=True, error=IllegalArgumentException)
    instance.check_running()
    if instance.is_global(name):
        return KeyQueryMetadata(_host(instance.endpoint), frozenset(), GLOBAL)
    count = instance.count(name)
    if count is None:
        return NOT_AVAILABLE
    if how is None or isinstance(how, Serde):
        serde = instance.serdes(spec)[0] if how is None else how
        partition = instance.partition(name, serde.encode(key), serde)
    else:
        partition = _chosen(how, key, count)
    known = instance.known
    if partition is None or known is None:
        return NOT_AVAILABLE
    endpoint = known.endpoints.owners.get(TaskId(instance.subs[name].id, partition))
    if endpoint is None and isinstance(instance.place(name, partition), LocalStore):
        endpoint = instance.endpoint
    return NOT_AVAILABLE if not endpoint else KeyQueryMetadata(_host(endpoint), frozenset(), partition)


def _chosen(partitioner: KeyPartitioner, key: object, count: int) -> int:
    found = partitioner(None, key, None, count)
    several: list[object] = [found]
    if isinstance(found, Iterable) and not isinstance(found, str | bytes):
        several = list(found)
    if len(several) != 1 or not isinstance(several[0], int) or not 0 <= several[0] < count:
        raise IllegalArgumentException(
            "The partitions returned by StreamPartitioner#partitions method when used for fetching KeyQueryMetadata "
            f"for key should be a singleton set; it gave {shown(found)} of {count}."
        )
    return several[0]


def all_metadata(instance: Instance) -> list[StreamsMetadata]:
    """All instances that say where they can be asked."""
    known = instance.known
    tasks: dict[str, list[TaskId]] = {} if not instance.endpoint else {instance.endpoint: []}
    for task, endpoint in {} if known is None else known.endpoints.owners.items():
        tasks.setdefault(endpoint, []).append(task)
    subs = {sub.id: sub for sub in instance.built.subtopologies}
    own = frozenset(each.store.name for each in instance.built.global_stores)
    return [
        StreamsMetadata(
            _host(endpoint),
            own | {spec.name for task in ids for spec in subs[task.subtopology].stores},
            frozenset(
                TopicPartition(topic, task.partition)
                for task in ids
                for topic in instance.topics(subs[task.subtopology])
            ),
        )
        for endpoint, ids in sorted(tasks.items())
    ]


def store_metadata(instance: Instance, name: str) -> list[StreamsMetadata]:
    """The instances that have partitions of a store.

    Raises:
        UnknownStateStoreException: there is no such store.
        StreamsNotStartedException, StreamsStoppedException: the application does not run.
    """
    instance.spec(name)
    instance.check_running()
    return [each for each in all_metadata(instance) if name in each.state_store_names]


def _host(endpoint: str) -> HostInfo:
    return HostInfo.build_from_endpoint(endpoint) if endpoint else HostInfo.unavailable()


def partition_lags(instance: Instance, admin: Admin) -> dict[str, dict[int, LagInfo]]:
    """How far the stores here are behind their changelogs, by store and partition."""
    here = {name: instance.here(name) for name in instance.subs if name in instance.specs}
    logs = {
        (name, partition): TopicPartition(topic, partition)
        for name, parts in here.items()
        for partition in parts
        if (topic := changelog_of(instance, instance.subs[name], name)) is not None
    }
    ends = admin.end_offsets(sorted(set(logs.values())), Isolation.READ_UNCOMMITTED)
    found: dict[str, dict[int, LagInfo]] = {}
    for (name, partition), log in logs.items():
        place, end = here[name][partition], ends.get(log, 0)
        behind = place.total - place.done if isinstance(place, Restoring) else 0
        found.setdefault(name, {})[partition] = LagInfo(max(0, end - behind), end)
    return found


def watched(instance: Instance, spec: StoreSpec) -> tuple[str, bool]:
    """The topic with all that comes into a store, and whether it is the store's own.

    Raises:
        IllegalArgumentException: there is none.
    """
    if not instance.is_global(spec.name):
        topic = changelog_of(instance, instance.subs[spec.name], spec.name)
        if topic is None:
            raise IllegalArgumentException(f"{spec.name} has no changelog (logging is disabled): it cannot be watched.")
        return topic, spec.source_topic is None
    (filled,) = (each for each in instance.built.global_stores if each.store.name == spec.name)
    topics, _ = instance.read_by(spec.name)
    if not isinstance(filled.processor, StepNode):
        raise IllegalArgumentException(
            f"The global store {spec.name} is filled by a processor of the application, and no topic has what that "
            f"puts there: it cannot be watched. Consume {', '.join(topics)}, or use a global table."
        )
    return topics[0], False


def changelog_of(instance: Instance, sub: SubTopology, name: str) -> str | None:
    """The topic that a store is restored from; None: there is none."""
    internal = sub.changelogs.get(name)
    source = instance.specs[name].source_topic
    if source is not None:
        return instance.topic_name(source)
    return None if internal is None else decorated_topic(instance.prefix, internal.name)

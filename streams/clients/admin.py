"""The public admin client, over any door: topics, offsets, groups and their lag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from types import TracebackType

from streams.clients.api import Admin as EngineAdmin
from streams.clients.api import (
    Door,
    GroupDescription,
    GroupListing,
    Isolation,
    MemberDescription,
    OffsetAndTimestamp,
    Position,
    TopicDescription,
    TransactionDescription,
    TransactionListing,
)
from streams.clients.assignors import read_assignment
from streams.clients.connect import connect
from streams.clients.offset_targets import (
    Target,
    at_offset,
    at_time,
    committed_by,
    earliest,
    latest,
    moves,
    shifted,
)
from streams.clients.settings import admin_settings
from streams.clients.status import MemberStatus, dropped_of, read_status
from streams.durations import Instant
from streams.errors import (
    ConfigException,
    GroupIdNotFoundException,
    GroupNotEmptyException,
    IllegalArgumentException,
    IllegalStateException,
    InvalidPartitionsException,
    NotYetBuiltException,
    SerializationException,
)
from streams.html_table import html_table
from streams.names import check_group, check_topic
from streams.record import TopicPartition
from streams.spelling import corrects_names
from streams.validation import (
    LARGEST,
    LARGEST_PARTITION,
    check_flag,
    check_text,
    check_timestamp,
    check_whole,
    mapping_of,
    partition_of,
    partitions_of,
    shown,
    texts,
    times_of,
)

EMPTY_STATES = ("Empty", "Dead")


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member of a group and the partitions it has."""

    member_id: str
    instance_id: str | None
    client_id: str
    host: str
    partitions: tuple[TopicPartition, ...]
    status: MemberStatus | None = None
    """What it tells of itself; None: it tells nothing, or the engine does not know."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a group is in one partition.

    Args:
        partition: which.
        committed: the offset of the next record to be read; None: nothing is committed.
        end: the offset after the last record.
        lag: end less committed; None where nothing is committed.
        member: who has the partition; None: nobody.
    """

    partition: TopicPartition
    committed: int | None
    end: int
    lag: int | None
    member: GroupMember | None


@dataclass(frozen=True, slots=True)
class ConsumerGroupDescription:
    """A group: its state in Kafka's words, its members, and its lag, one row a partition, in order."""

    group: str
    state: str
    protocol: str
    generation: int
    coordinator: str
    members: tuple[GroupMember, ...]
    partitions: tuple[PartitionLag, ...]
    dropped: Mapping[str, int] | None = None
    """Records that its members, and those that have gone, have dropped, by cause; None: that is not known."""

    @property
    def lag(self) -> int:
        """The lag of all partitions together."""
        return sum(row.lag or 0 for row in self.partitions)

    def _repr_html_(self) -> str:
        """The lag of each partition, as a notebook shows it."""
        members = f"{len(self.members)} member{'s' * (len(self.members) != 1)}"
        rows = [
            [*row.partition, row.committed, row.end, row.lag, row.member and row.member.client_id]
            for row in self.partitions
        ]
        return html_table(
            f"Group {self.group}: {self.state}, {members}, lag {self.lag}",
            ("Topic", "Partition", "Committed", "End", "Lag", "Member"),
            rows,
        )


@corrects_names
class Admin:
    """Administers an engine: topics, offsets, groups. A context manager: leaving it closes.

    Every call waits for its answer, and raises `TimeoutException` where none comes and
    `BrokerNotFoundException` where no broker can be reached or started. One call does what Kafka's `Admin` does in
    several, and gives the result itself, not a future.

    >>> from streams.clients import Admin
    >>> with Admin(bootstrap_servers="memory://a-store") as admin:
    ...     made = admin.create_topic("prices", partitions=3, configs={"cleanup.policy": "compact"})
    ...     made.partitions, admin.list_topics()
    (3, ('prices',))

    Args:
        config: Kafka's admin settings by their dotted names (docs/settings.md).
        door: the engine; None: the one that `bootstrap.servers` names.
        keywords: settings by the same names with underscores; durations in ms or `timedelta`.
    Raises:
        ConfigException: a setting is unknown or has a wrong value.
        NotYetBuiltException: a setting is known, but not built yet.
    """

    def __init__(
        self, config: Mapping[str, object] | None = None, *, door: Door | None = None, **keywords: object
    ) -> None:
        settings = admin_settings({} if config is None else config, keywords)
        self._own_door = door is None
        self._door = door or connect(
            settings.bootstrap_servers, settings.client_id, connections=settings.connections
        )
        self._admin = self._door.admin()
        self._closed = False

    # Topics

    def create_topic(
        self, name: str, partitions: int | None = None, configs: Mapping[str, object] | None = None
    ) -> TopicDescription:
        """Makes a topic.

        Args:
            name: 1 to 249 of letters, digits, `.`, `_` and `-`.
            partitions: how many; None: the engine's `num.partitions`.
            configs: settings of its own, e.g. `{"cleanup.policy": "compact"}`; None is a setting's default.
        Returns:
            The topic as it was made: name, id, partitions, settings of its own.
        Raises:
            TopicExistsException: there is one of that name.
            InvalidTopicException: no topic may have that name.
            InvalidPartitionsException: fewer than one partition, or more than the engine allows.
            ConfigException: a setting is unknown or has a wrong value.
        """
        settings = {key: value for key, value in _settings(configs).items() if value is not None}
        count = None if partitions is None else _count(partitions)
        return self._open().create_topic(check_topic(name), count, settings)

    def list_topics(self) -> tuple[str, ...]:
        """The names of all topics, sorted."""
        return self._open().list_topics()

    def describe_topics(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """Topics by name, with id, partitions and settings of their own; one that does not exist is absent.

        Args:
            names: of topics.
        """
        return self._open().describe_topics(texts(names, "topics"))

    def alter_topic(self, name: str, configs: Mapping[str, object]) -> TopicDescription:
        """Changes settings of a topic, at once; those that are not named stay.

        >>> from streams.clients import Admin
        >>> with Admin(bootstrap_servers="memory://a-store") as admin:
        ...     made = admin.create_topic("visits", configs={"retention.ms": 60_000})
        ...     dict(admin.alter_topic("visits", {"retention.ms": None, "segment.bytes": 4_096}).settings)
        {'segment.bytes': '4096'}

        Args:
            name: of the topic.
            configs: the settings; None takes one back to its default.
        Returns:
            The topic as it is now.
        Raises:
            UnknownTopicOrPartitionException: there is no such topic.
            ConfigException: a setting is unknown or has a wrong value.
        """
        return self._open().alter_topic(check_topic(name), _settings(configs))

    def delete_topic(self, name: str) -> None:
        """Deletes a topic, its records, and what groups have committed of it.

        Args:
            name: of the topic.
        Raises:
            TopicDeletionDisabledException: the broker's `delete.topic.enable` is false.
            UnknownTopicOrPartitionException: there is none.
        """
        self._open().delete_topic(check_topic(name))

    def create_partitions(self, name: str, total: int) -> TopicDescription:
        """Raises the number of partitions. Keys may then belong to other partitions than before.

        Args:
            name: of the topic.
            total: how many there are to be, with those there are.
        Returns:
            The topic as it is now.
        Raises:
            UnknownTopicOrPartitionException: there is no such topic.
            InvalidPartitionsException: that is not more than there are, or more than the engine allows.
        """
        return self._open().add_partitions(check_topic(name), _count(total))

    # Offsets

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets of the first records that are still there.

        Args:
            partitions: which.
        Raises:
            UnknownTopicOrPartitionException: one does not exist.
        """
        return self._open().beginning_offsets(partitions_of(partitions))

    def end_offsets(
        self, partitions: Iterable[TopicPartition], isolation: Isolation = Isolation.READ_UNCOMMITTED
    ) -> dict[TopicPartition, int]:
        """The offsets after the last records.

        Args:
            partitions: which.
            isolation: as whom; `READ_COMMITTED` sees no further than the first transaction that is open.
        Raises:
            UnknownTopicOrPartitionException: one does not exist.
        """
        if not isinstance(isolation, Isolation):
            raise IllegalArgumentException(f"Invalid isolation: {shown(isolation)}. Give one of Isolation.")
        return self._open().end_offsets(partitions_of(partitions), isolation)

    def offsets_for_times(
        self, times: Mapping[TopicPartition, Instant]
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record at or after each time: its offset and its timestamp (ms); None where there is none.

        Args:
            times: by partition, milliseconds since the epoch or an aware datetime.
        Raises:
            UnknownTopicOrPartitionException: one does not exist.
        """
        return self._open().offsets_for_times(times_of(times))

    def delete_records(self, before: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Deletes the oldest records of partitions.

        >>> from streams.clients import Admin, Producer, ProducerRecord, TopicPartition
        >>> with Producer(bootstrap_servers="memory://a-store") as producer:
        ...     futures = [producer.send(ProducerRecord("log", line)) for line in (b"one", b"two", b"three")]
        >>> with Admin(bootstrap_servers="memory://a-store") as admin:
        ...     admin.delete_records({TopicPartition("log", 0): 2})
        {TopicPartition(topic='log', partition=0): 2}

        Args:
            before: by partition the offset below which all goes; -1: all there are.
        Returns:
            The new first offsets; one that lay behind `before` already stays.
        Raises:
            UnknownTopicOrPartitionException: a partition does not exist.
            OffsetOutOfRangeException: an offset lies behind the end.
            PolicyViolationException: the topic's settings do not allow it.
        """
        return self._open().delete_records(
            {
                (where := partition_of(partition)): check_whole(offset, f"offset of {where}", lowest=-1)
                for partition, offset in mapping_of(before, "offsets").items()
            }
        )

    # Groups

    def list_groups(self) -> tuple[GroupListing, ...]:
        """All groups, sorted by name."""
        return self._open().list_groups()

    def describe_group(self, group: str) -> ConsumerGroupDescription:
        """A group with its members and its lag in every partition that it has or has committed.

        >>> from streams.clients import Admin, Consumer, TopicPartition
        >>> with Consumer(bootstrap_servers="memory://a-store", group_id="late") as consumer:
        ...     consumer.commit_sync({TopicPartition("log", 0): 2})
        >>> with Admin(bootstrap_servers="memory://a-store") as admin:
        ...     found = admin.describe_group("late")
        ...     found.state, found.lag
        ('Empty', 1)

        Args:
            group: its name.
        Raises:
            GroupIdNotFoundException: there is no such group.
        """
        return self._described([self._open().describe_group(check_group(group))])[0]

    def describe_groups(self, groups: Iterable[str]) -> dict[str, ConsumerGroupDescription]:
        """Groups by name, each as `describe_group` has it. One that does not exist is absent, and so is one of a
        rebalance protocol that is not built yet.

        Args:
            groups: names.
        """
        found = []
        for group in dict.fromkeys(texts(groups, "groups")):
            with suppress(GroupIdNotFoundException, NotYetBuiltException):
                found.append(self._open().describe_group(check_group(group)))
        return {each.group: each for each in self._described(found)}

    def _described(self, groups: Sequence[GroupDescription]) -> list[ConsumerGroupDescription]:
        """The groups with their lag; the engine is asked for the ends of all of them at once."""
        members = [tuple(_member(member) for member in found.members) for found in groups]
        owners = [{partition: member for member in each for partition in member.partitions} for each in members]
        wanted = [sorted(owned.keys() | found.offsets.keys()) for owned, found in zip(owners, groups, strict=True)]
        every = set(chain.from_iterable(wanted))
        topics = self._open().describe_topics({partition.topic for partition in every})
        there = [
            each for each in sorted(every) if each.topic in topics and each.partition < topics[each.topic].partitions
        ]
        ends = self._open().end_offsets(there, Isolation.READ_UNCOMMITTED)
        described = []
        for found, own, owned, partitions in zip(groups, members, owners, wanted, strict=True):
            statuses = [read_status(data) for data in (*(member.status for member in found.members), *found.departed)]
            known = [status for status in statuses if status is not None]
            described.append(
                ConsumerGroupDescription(
                    found.group,
                    found.state,
                    found.protocol,
                    found.generation,
                    self._door.address,
                    own,
                    tuple(
                        _lag(each, found.offsets.get(each), ends[each], owned.get(each))
                        for each in partitions
                        if each in ends
                    ),
                    dropped_of(known) if known else None,
                )
            )
        return described

    def reset_offsets(
        self,
        group: str,
        topics: Iterable[str | TopicPartition],
        *,
        to_earliest: bool = False,
        to_latest: bool = False,
        to_offset: int | None = None,
        to_datetime: Instant | None = None,
        shift_by: int | None = None,
    ) -> dict[TopicPartition, int]:
        """Sets the committed offsets of a group that has no members, and returns them.

        Exactly one target is given. As Kafka's `kafka-consumer-groups --reset-offsets --execute`.

        >>> from streams.clients import Admin
        >>> with Admin(bootstrap_servers="memory://a-store") as admin:
        ...     admin.reset_offsets("late", ["log"], to_latest=True)
        {TopicPartition(topic='log', partition=0): 3}

        Args:
            group: the group; it need not exist.
            topics: names of topics, for all their partitions, or single partitions.
            to_earliest, to_latest: to the first offset, or behind the last record.
            to_offset: to this offset, moved into the log where it lies outside.
            to_datetime: to the first record at or after a time, an aware datetime or milliseconds; to the end
                where there is none.
            shift_by: so many records on, or back if negative, from what is committed.
        Raises:
            IllegalArgumentException: not exactly one target was given, or `shift_by` without a commit.
            GroupNotEmptyException: the group has members.
            UnknownTopicOrPartitionException: a topic does not exist.
        """
        check_flag(to_earliest, "to_earliest")
        check_flag(to_latest, "to_latest")
        chosen = [to_earliest, to_latest, to_offset is not None, to_datetime is not None, shift_by is not None]
        if sum(chosen) != 1:
            raise IllegalArgumentException(
                "Give exactly one of to_earliest, to_latest, to_offset, to_datetime and shift_by."
            )
        offset = 0 if to_offset is None else check_whole(to_offset, "to_offset", lowest=-LARGEST)
        shift = 0 if shift_by is None else check_whole(shift_by, "shift_by", lowest=-LARGEST)
        time = 0 if to_datetime is None else check_timestamp(to_datetime, "to_datetime")
        check_group(group)
        partitions = self._partitions(topics)
        target: Target
        if to_earliest:
            target = earliest
        elif to_latest:
            target = latest
        elif to_offset is not None:
            target = at_offset(offset)
        elif to_datetime is not None:
            target = at_time(time)
        else:
            target = shifted(shift)
        committed = committed_by(self._open(), group) if shift_by is not None else {}
        offsets = {each.partition: each.after for each in moves(self._open(), group, partitions, committed, target)}
        self._check_empty(group)
        self._open().alter_group_offsets(group, {each: Position(offset) for each, offset in offsets.items()})
        return offsets

    def delete_group(self, group: str) -> None:
        """Forgets a group and what it has committed.

        Args:
            group: its name.
        Raises:
            GroupIdNotFoundException: there is no such group.
            GroupNotEmptyException: it has members.
        """
        self._open().delete_group(check_group(group))

    # Transactions

    def list_transactions(self) -> tuple[TransactionListing, ...]:
        """All transactional ids, sorted."""
        return self._open().list_transactions()

    def describe_transaction(self, transactional_id: str) -> TransactionDescription:
        """What goes on under a transactional id: who holds it, since when, and in which partitions.

        Args:
            transactional_id: the id.
        Raises:
            TransactionalIdNotFoundException: there is no such id.
        """
        return self._open().describe_transaction(check_text(transactional_id, "transactional_id"))

    def abort_transaction(self, transactional_id: str) -> None:
        """Aborts what goes on under a transactional id, and fences its producer: for a transaction that hangs.

        Args:
            transactional_id: the id.
        Raises:
            TransactionalIdNotFoundException: there is no such id.
            InvalidTxnStateException: nothing goes on under it.
        """
        self._open().abort_transaction(check_text(transactional_id, "transactional_id"))

    def _partitions(self, topics: Iterable[str | TopicPartition]) -> list[TopicPartition]:
        single: list[TopicPartition] = []
        names: list[str] = []
        if not isinstance(topics, Iterable):
            raise IllegalArgumentException(f"Invalid topics: {shown(topics)}. Give names, or TopicPartition.")
        for each in [topics] if isinstance(topics, str) else topics:
            if isinstance(each, str):
                names.append(check_topic(each))
            else:
                single.append(partition_of(each))
        found = self._open().describe_topics(names)
        for name in names:
            # For one that is missing, partition 0 is asked for and refused with the error that says so.
            count = found[name].partitions if name in found else 1
            single += [TopicPartition(name, number) for number in range(count)]
        return single

    def _check_empty(self, group: str) -> None:
        listed = {row.group: row.state for row in self._open().list_groups()}
        state = listed.get(group, "Dead")
        if state not in EMPTY_STATES:
            raise GroupNotEmptyException(
                f"Assignments can only be reset if the group {group!r} is inactive, but the current state is "
                f"{state}. Stop its members first."
            )

    def _open(self) -> EngineAdmin:
        if self._closed:
            raise IllegalStateException("This admin has already been closed.")
        return self._admin

    def close(self) -> None:
        """Gives the connection back. A second call does nothing."""
        self._closed = True
        self._admin.close()
        if self._own_door:
            self._door.close()

    def __enter__(self) -> Admin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _count(given: object) -> int:
    """A number of partitions; which the engine allows, it says itself."""
    try:
        return check_whole(given, "number of partitions", lowest=1, highest=LARGEST_PARTITION)
    except IllegalArgumentException as error:
        raise InvalidPartitionsException(str(error)) from None


def _settings(given: Mapping[str, object] | None) -> dict[str, str | None]:
    """Settings of a topic as Kafka writes them; None stays.

    Raises:
        ConfigException: a value is neither text, nor a number, nor True or False.
    """
    if given is not None and not isinstance(given, Mapping):
        raise ConfigException(f"Invalid configs: {shown(given)}. Give a mapping by the settings' names.")
    found: dict[str, str | None] = {}
    for name, value in (given or {}).items():
        if not isinstance(value, str | int | float | None):
            raise ConfigException(
                f"Invalid value {shown(value)} for configuration {name}: give text, a number, True or False."
            )
        try:
            said = str(value).lower() if isinstance(value, bool) else str(value)
            found[check_text(name, "name of a setting")] = None if value is None else check_text(said, name)
        except IllegalArgumentException as error:
            raise ConfigException(str(error)) from None
    return found


def _member(member: MemberDescription) -> GroupMember:
    try:
        partitions = read_assignment(member.assignment).partitions
    except SerializationException:  # not a consumer's: another kind of group has its own bytes
        partitions = ()
    status = read_status(member.status)
    return GroupMember(member.member_id, member.instance_id, member.client_id, member.host, partitions, status)


def _lag(
    partition: TopicPartition, committed: Position | None, end: int, member: GroupMember | None
) -> PartitionLag:
    if committed is None:
        return PartitionLag(partition, None, end, None, member)
    return PartitionLag(partition, committed.offset, end, max(0, end - committed.offset), member)

"""Topics, offsets and groups of the bundled broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from broker_local.protocol.requests import groups, records, topics, transactions
from broker_local.protocol.requests.request import NO_OFFSET, Asks
from streams.clients.api import (
    GroupDescription,
    GroupListing,
    GroupMember,
    Isolation,
    LogEnd,
    MemberDescription,
    OffsetAndTimestamp,
    Position,
    TopicDescription,
    TransactionDescription,
    TransactionListing,
)
from streams.clients.errors_by_number import exception
from streams.clients.local.connection import Connection
from streams.errors import (
    GroupNotEmptyException,
    KafkaException,
    TopicExistsException,
    UnknownMemberIdException,
    UnknownTopicOrPartitionException,
)
from streams.record import TopicPartition


class LocalAdmin:
    """An `Admin` over one connection.

    Args:
        connection: its connection.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Topics

    def list_topics(self) -> tuple[str, ...]:
        """See `Admin.list_topics`."""
        return tuple(sorted(row.topic for row in self._connection.ask(topics.Metadata()).topics))

    def describe_topics(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """See `Admin.describe_topics`."""
        wanted = tuple(dict.fromkeys(names))
        if not wanted:
            return {}
        rows = [row for row in self._connection.ask(topics.Metadata(wanted)).topics if not row.error]
        if not rows:
            return {}
        asked = topics.TopicConfigs(tuple(row.topic for row in rows))
        settings = {
            found.topic: {row.name: row.value for row in found.configs if row.own}
            for found in self._connection.ask(asked).topics
        }
        return {
            row.topic: TopicDescription(
                row.topic, row.topic_id, row.partitions, settings.get(row.topic, {})
            )
            for row in rows
        }

    def create_topic(
        self, name: str, partitions: int | None, settings: Mapping[str, str]
    ) -> TopicDescription:
        """See `Admin.create_topic`."""
        new = topics.NewTopic(name, -1 if partitions is None else partitions, dict(settings))
        self._one(topics.TopicCreate((new,)), name, done=TopicExistsException)
        return self._described(name)

    def alter_topic(self, name: str, settings: Mapping[str, str | None]) -> TopicDescription:
        """See `Admin.alter_topic`."""
        self._one(topics.TopicAlter((topics.Alteration(name, dict(settings)),)), name)
        return self._described(name)

    def delete_topic(self, name: str) -> None:
        """See `Admin.delete_topic`."""
        self._one(topics.TopicDelete((name,)), name, done=UnknownTopicOrPartitionException)

    def add_partitions(self, name: str, total: int) -> TopicDescription:
        """See `Admin.add_partitions`."""
        self._one(topics.PartitionsAdd((topics.PartitionCount(name, total),)), name)
        return self._described(name)

    def _one(
        self, request: Asks[topics.TopicsReply], name: str, done: type[KafkaException] | None = None
    ) -> None:
        """Asks for one change. `done` says that it was made before, by our own first try where its answer was lost."""
        before = self._connection.number
        (result,) = self._connection.ask(request, name).results
        if result.error:
            error = exception(result.error, result.message, name)
            if done is None or not isinstance(error, done) or before in (0, self._connection.number):
                raise error

    def _described(self, name: str) -> TopicDescription:
        found = self.describe_topics((name,)).get(name)
        if found is None:
            raise UnknownTopicOrPartitionException(f"{name}: the topic does not exist.")
        return found

    # Offsets

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """See `Admin.beginning_offsets`."""
        rows = self._offsets(dict.fromkeys(partitions, records.EARLIEST), Isolation.READ_UNCOMMITTED)
        return {partition: row.offset for partition, row in rows.items()}

    def end_offsets(
        self, partitions: Iterable[TopicPartition], isolation: Isolation
    ) -> dict[TopicPartition, int]:
        """See `Admin.end_offsets`."""
        rows = self._offsets(dict.fromkeys(partitions, records.LATEST), isolation)
        return {partition: row.offset for partition, row in rows.items()}

    def offsets_for_times(
        self, times: Mapping[TopicPartition, int], isolation: Isolation = Isolation.READ_UNCOMMITTED
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """See `Admin.offsets_for_times`."""
        rows = self._offsets(times, isolation)
        return {
            partition: None if row.offset == NO_OFFSET else OffsetAndTimestamp(row.offset, row.timestamp)
            for partition, row in rows.items()
        }

    def _offsets(
        self, times: Mapping[TopicPartition, int], isolation: Isolation
    ) -> dict[TopicPartition, records.ListedOffset]:
        level = records.READ_COMMITTED if isolation is Isolation.READ_COMMITTED else records.READ_UNCOMMITTED
        return self._listed(tuple(records.OffsetQuestion(*partition, time) for partition, time in times.items()), level)

    def _listed(
        self, asked: tuple[records.OffsetQuestion, ...], level: int
    ) -> dict[TopicPartition, records.ListedOffset]:
        if not asked:
            return {}
        parts = self._connection.ask(records.ListOffsets(asked, level)).parts
        return _rows(parts)

    def log_ends(self, epochs: Mapping[TopicPartition, int]) -> dict[TopicPartition, LogEnd]:
        """See `Admin.log_ends`."""
        asked = (records.OffsetQuestion(topic, number, records.LATEST, at) for (topic, number), at in epochs.items())
        rows = self._listed(tuple(asked), records.READ_UNCOMMITTED)
        return {partition: LogEnd(row.log_end, row.log_epoch, row.agrees_to) for partition, row in rows.items()}

    def delete_records(
        self, before: Mapping[TopicPartition, int], member: GroupMember | None = None
    ) -> dict[TopicPartition, int]:
        """See `Admin.delete_records`."""
        if not before:
            return {}
        bound = None if member is None else records.GroupMember(*member)
        asked = tuple(records.DeletePart(topic, number, offset) for (topic, number), offset in before.items())
        parts = self._connection.ask(records.DeleteRecords(asked, bound)).parts
        rows = _rows(parts)
        return {partition: row.log_start for partition, row in rows.items()}

    # Groups

    def list_groups(self) -> tuple[GroupListing, ...]:
        """See `Admin.list_groups`."""
        rows = self._connection.ask(groups.Groups()).groups
        return tuple(sorted(GroupListing(row.group, row.state, row.protocol_type) for row in rows))

    def describe_group(self, group: str) -> GroupDescription:
        """See `Admin.describe_group`."""
        (row,) = self._connection.ask(groups.GroupDescribe((group,)), group).groups
        if row.error:
            raise exception(row.error, f"There is no group {group!r}.")
        committed = self._connection.ask(groups.Committed(group), group).parts
        return GroupDescription(
            group,
            row.state,
            row.protocol_type,
            row.protocol,
            row.generation,
            row.leader,
            tuple(
                MemberDescription(
                    member.member_id,
                    member.instance_id,
                    member.client,
                    "localhost",
                    member.metadata,
                    member.assignment,
                    member.status,
                )
                for member in row.members
            ),
            {
                TopicPartition(part.topic, part.partition): Position(part.offset, part.metadata)
                for part in committed
                if part.offset != NO_OFFSET
            },
            row.departed,
        )

    def alter_group_offsets(self, group: str, offsets: Mapping[TopicPartition, Position]) -> None:
        """See `Admin.alter_group_offsets`."""
        rows = tuple(
            groups.CommitPart(topic, number, position.offset, position.metadata)
            for (topic, number), position in offsets.items()
        )
        try:
            parts = self._connection.ask(groups.Commit(group, -1, "", None, rows), group).parts
        except UnknownMemberIdException as error:
            raise GroupNotEmptyException(
                f"{group}: the group has members, so its offsets cannot be set. Stop its members first."
            ) from error
        for part in parts:
            if part.error:
                raise exception(part.error, "", TopicPartition(part.topic, part.partition))

    def delete_group(self, group: str) -> None:
        """See `Admin.delete_group`."""
        (result,) = self._connection.ask(groups.GroupDelete((group,)), group).groups
        if result.error:
            raise exception(result.error, "", group)

    # Transactions

    def list_transactions(self) -> tuple[TransactionListing, ...]:
        """See `Admin.list_transactions`."""
        rows = self._connection.ask(transactions.ListTransactions()).transactions
        return tuple(
            TransactionListing(
                row.transactional_id,
                row.state,
                row.producer_id,
                row.epoch,
                None if row.since < 0 else row.since,
                row.holder,
            )
            for row in rows
        )

    def describe_transaction(self, transactional_id: str) -> TransactionDescription:
        """See `Admin.describe_transaction`."""
        asked = transactions.DescribeTransactions((transactional_id,))
        (row,) = self._connection.ask(asked, transactional_id).transactions
        if row.error:
            raise exception(row.error, f"There is no transactional id {transactional_id!r}.")
        return TransactionDescription(
            row.transactional_id,
            row.state,
            row.producer_id,
            row.epoch,
            row.timeout_ms,
            None if row.since < 0 else row.since,
            row.holder,
            row.connected,
            None if row.member is None else row.member.member_id,
            tuple(TopicPartition(part.topic, part.partition) for part in row.partitions),
            row.groups,
        )

    def abort_transaction(self, transactional_id: str) -> None:
        """See `Admin.abort_transaction`."""
        self._connection.ask(transactions.AbortTransaction(transactional_id), transactional_id)

    def close(self) -> None:
        """See `Admin.close`."""
        self._connection.close()


Part = TypeVar("Part", records.ListedOffset, records.DeletedPart)


def _rows(parts: tuple[Part, ...]) -> dict[TopicPartition, Part]:
    """The rows by partition; raises the first error among them."""
    rows: dict[TopicPartition, Part] = {}
    for part in parts:
        partition = TopicPartition(part.topic, part.partition)
        if part.error:
            raise exception(part.error, part.message, partition)
        rows[partition] = part
    return rows

"""Topics, offsets, groups and transactions of a Kafka cluster, over `kafka-python`'s messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from kafka.protocol.admin import (
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteGroupsRequest,
    DeleteRecordsRequest,
    DeleteTopicsRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    DescribeTransactionsRequest,
    IncrementalAlterConfigsRequest,
    ListGroupsRequest,
    ListTransactionsRequest,
)
from kafka.protocol.consumer import ListOffsetsRequest, OffsetForLeaderEpochRequest
from kafka.protocol.producer import InitProducerIdRequest

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
from streams.clients.kafka.cluster import (
    GROUP,
    LOST,
    PASSING,
    TRANSACTION,
    Answer,
    Asked,
    Cluster,
    Row,
)
from streams.clients.kafka.group import commit_request, fetched_offsets, offset_fetch
from streams.errors import (
    GroupIdNotFoundException,
    GroupNotEmptyException,
    InvalidTxnStateException,
    KafkaException,
    NotYetBuiltException,
    OffsetOutOfRangeException,
    TopicAuthorizationException,
    TransactionalIdNotFoundException,
    UnknownMemberIdException,
    UnknownTopicOrPartitionException,
)
from streams.record import TopicPartition

EARLIEST, LATEST = -2, -1
SPREADS = 40
"""Looks at a topic that was altered, as each broker hears of it in its own time. A value that Kafka spells in its own
way (0.50) is told of after these."""
_TOPIC = 2  # of resources with settings
_OWN = 1  # a setting of the topic's own, not of the broker or by default
_SET, _DELETE = 0, 1
_LEVELS = {Isolation.READ_UNCOMMITTED: 0, Isolation.READ_COMMITTED: 1}
_DEAD = "Dead"
_IN_TRANSACTION = ("Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence")


class KafkaAdmin:
    """An `Admin` over connections of its own.

    Args:
        cluster: its connections.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    # Topics

    def list_topics(self) -> tuple[str, ...]:
        """See `Admin.list_topics`."""

        async def ask() -> tuple[str, ...]:
            topics, _, _ = await self._cluster.metadata(None)
            return tuple(sorted(row.name for row in topics if not row.is_internal))

        return self._cluster.call(ask)

    def describe_topics(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """See `Admin.describe_topics`."""
        wanted = tuple(dict.fromkeys(names))
        return self._cluster.call(partial(self._described, wanted)) if wanted else {}

    async def _described(self, names: tuple[str, ...]) -> dict[str, TopicDescription]:
        topics, _, _ = await self._cluster.metadata(names)
        rows = []
        for row in topics:
            if row.error_code not in (0, 3, 17):
                raise exception(row.error_code, "", row.name)
            if not row.error_code:
                rows.append(row)
        if not rows:
            return {}
        resource = DescribeConfigsRequest.DescribeConfigsResource
        asked = [resource(resource_type=_TOPIC, resource_name=row.name, configuration_keys=None) for row in rows]
        answer = await self._cluster.ask(DescribeConfigsRequest(resources=asked, min_version=1))
        settings: dict[str, dict[str, str]] = {}
        for result in answer.results:
            if result.error_code in (UnknownTopicOrPartitionException.code, TopicAuthorizationException.code):
                continue  # deleted between the two questions; or we may see the topic, and not its settings
            _raise(result.error_code, result.error_message, result.resource_name)
            settings[result.resource_name] = {
                config.name: config.value for config in result.configs if config.config_source == _OWN
            }
        return {
            row.name: TopicDescription(row.name, str(row.topic_id or ""), len(row.partitions), settings[row.name])
            for row in rows
            if row.name in settings
        }

    def create_topic(
        self, name: str, partitions: int | None, settings: Mapping[str, str]
    ) -> TopicDescription:
        """See `Admin.create_topic`."""
        new = CreateTopicsRequest.CreatableTopic
        values = dict(settings)
        topic = new(
            name=name,
            num_partitions=-1 if partitions is None else partitions,
            replication_factor=int(values.pop("replication.factor", -1)),
            assignments=[],
            configs=[new.CreatableTopicConfig(name=key, value=value) for key, value in values.items()],
        )
        wait_ms = self._cluster.request_timeout_ms
        self._change(CreateTopicsRequest(topics=[topic], timeout_ms=wait_ms, min_version=4), "topics", name)
        return self._cluster.call(partial(self._made, name))

    def alter_topic(self, name: str, settings: Mapping[str, str | None]) -> TopicDescription:
        """See `Admin.alter_topic`."""
        self._existing(name)
        altered = IncrementalAlterConfigsRequest.AlterConfigsResource
        configs = [
            altered.AlterableConfig(name=key, config_operation=_DELETE if value is None else _SET, value=value)
            for key, value in settings.items()
        ]
        resource = altered(resource_type=_TOPIC, resource_name=name, configs=configs)
        self._change(IncrementalAlterConfigsRequest(resources=[resource], validate_only=False), "responses", name)

        async def altered_topic() -> TopicDescription:
            for _ in range(SPREADS):
                found = await self._made(name)
                if all(found.settings.get(key) == value for key, value in settings.items()):
                    break
                await self._cluster.sleep()
            return found

        return self._cluster.call(altered_topic)

    def delete_topic(self, name: str) -> None:
        """See `Admin.delete_topic`."""
        gone = DeleteTopicsRequest.DeleteTopicState(name=name)
        wait_ms = self._cluster.request_timeout_ms
        self._change(DeleteTopicsRequest(topics=[gone], timeout_ms=wait_ms, min_version=6), "responses", name)

        async def forgotten() -> None:
            while name in await self._described((name,)):
                await self._cluster.sleep()

        self._cluster.call(forgotten)

    def add_partitions(self, name: str, total: int) -> TopicDescription:
        """See `Admin.add_partitions`."""
        more = CreatePartitionsRequest.CreatePartitionsTopic(name=name, count=total, assignments=None)
        wait_ms = self._cluster.request_timeout_ms
        request = CreatePartitionsRequest(topics=[more], timeout_ms=wait_ms, validate_only=False)
        self._change(request, "results", name)
        return self._cluster.call(partial(self._made, name, total))

    def _change(self, request: Asked, results: str, name: str) -> None:
        """Asks the controller for a change."""

        async def ask() -> None:
            _, _, controller = await self._cluster.metadata(())
            answer = await self._cluster.ask(request, controller if controller >= 0 else None)
            (result,) = getattr(answer, results)
            _raise(result.error_code, result.error_message, name)

        self._cluster.call(ask)

    async def _made(self, name: str, partitions: int = 1) -> TopicDescription:
        """Its description, once all its partitions have leaders: for a moment they have none."""
        while True:
            found = (await self._described((name,))).get(name)
            if found is not None and found.partitions >= partitions:
                try:
                    await self._cluster.leaders(TopicPartition(name, each) for each in range(found.partitions))
                    return found
                except KafkaException as error:
                    if error.code not in PASSING:
                        raise
            await self._cluster.sleep()

    def _existing(self, name: str) -> None:
        if name not in self.describe_topics((name,)):
            raise UnknownTopicOrPartitionException(f"{name}: the topic does not exist.")

    # Offsets

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """See `Admin.beginning_offsets`."""
        rows = self._offsets(dict.fromkeys(partitions, EARLIEST), Isolation.READ_UNCOMMITTED)
        return {partition: row.offset for partition, row in rows.items()}

    def end_offsets(
        self, partitions: Iterable[TopicPartition], isolation: Isolation
    ) -> dict[TopicPartition, int]:
        """See `Admin.end_offsets`."""
        rows = self._offsets(dict.fromkeys(partitions, LATEST), isolation)
        return {partition: row.offset for partition, row in rows.items()}

    def offsets_for_times(
        self, times: Mapping[TopicPartition, int], isolation: Isolation = Isolation.READ_UNCOMMITTED
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """See `Admin.offsets_for_times`."""
        rows = self._offsets(times, isolation)
        return {
            partition: None if row.offset < 0 else OffsetAndTimestamp(row.offset, row.timestamp)
            for partition, row in rows.items()
        }

    def log_ends(self, epochs: Mapping[TopicPartition, int]) -> dict[TopicPartition, LogEnd]:
        """See `Admin.log_ends`. A life of a log is the time of one leader. The end is the high watermark: what has no
        replica yet counts for nothing."""
        ends = self._offsets(dict.fromkeys(epochs, LATEST), Isolation.READ_UNCOMMITTED)
        kept = self._epoch_ends({partition: epoch for partition, epoch in epochs.items() if epoch >= 0})
        return {
            partition: LogEnd(row.offset, row.leader_epoch, min(row.offset, kept.get(partition, row.offset)))
            for partition, row in ends.items()
        }

    def _epoch_ends(self, epochs: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Where each log's records of an epoch, and of those before it, end."""
        asked = OffsetForLeaderEpochRequest.OffsetForLeaderTopic

        def request(partitions: list[TopicPartition]) -> Asked:
            topics = [
                asked(
                    topic=topic,
                    partitions=[
                        asked.OffsetForLeaderPartition(
                            partition=each, current_leader_epoch=-1, leader_epoch=epochs[TopicPartition(topic, each)]
                        )
                        for each in numbers
                    ],
                )
                for topic, numbers in by_topic(partitions).items()
            ]
            return OffsetForLeaderEpochRequest(replica_id=-1, topics=topics, min_version=3)

        rows = self._of_leaders(epochs, request)
        return {partition: max(row.end_offset, 0) for partition, row in rows.items()}  # -1: no leader knows the epoch

    def _offsets(self, times: Mapping[TopicPartition, int], isolation: Isolation) -> dict[TopicPartition, Row]:
        asked = ListOffsetsRequest.ListOffsetsTopic

        def request(partitions: list[TopicPartition]) -> Asked:
            topics = [
                asked(
                    name=topic,
                    partitions=[
                        asked.ListOffsetsPartition(
                            partition_index=each, current_leader_epoch=-1, timestamp=times[TopicPartition(topic, each)]
                        )
                        for each in numbers
                    ],
                )
                for topic, numbers in by_topic(partitions).items()
            ]
            return ListOffsetsRequest(
                replica_id=-1, isolation_level=_LEVELS[isolation], topics=topics, min_version=4, max_version=9
            )

        return self._of_leaders(times, request)

    def delete_records(
        self, before: Mapping[TopicPartition, int], member: GroupMember | None = None
    ) -> dict[TopicPartition, int]:
        """See `Admin.delete_records`. Kafka does not ask in whose name."""
        asked = DeleteRecordsRequest.DeleteRecordsTopic

        def request(partitions: list[TopicPartition]) -> Asked:
            topics = [
                asked(
                    name=topic,
                    partitions=[
                        asked.DeleteRecordsPartition(partition_index=each, offset=before[TopicPartition(topic, each)])
                        for each in numbers
                    ],
                )
                for topic, numbers in by_topic(partitions).items()
            ]
            return DeleteRecordsRequest(topics=topics, timeout_ms=self._cluster.request_timeout_ms)

        rows = self._of_leaders(before, request)
        return {partition: row.low_watermark for partition, row in rows.items()}

    def _of_leaders(
        self, partitions: Iterable[TopicPartition], request: Callable[[list[TopicPartition]], Asked]
    ) -> dict[TopicPartition, Row]:
        """What the leaders of partitions answer, by partition; raises the first error among it."""
        wanted = list(partitions)

        async def ask() -> dict[TopicPartition, Row]:
            rows: dict[TopicPartition, Row] = {}
            for leader, led in (await self._cluster.leaders(wanted)).items():
                answer = await self._cluster.ask(request(led), leader)
                for topic in answer.topics:
                    for row in topic.partitions:
                        partition = _partition(topic, row)
                        if row.error_code == OffsetOutOfRangeException.code:
                            raise OffsetOutOfRangeException(f"{partition}: the offset lies outside the log.", partition)
                        _raise(row.error_code, "", partition)
                        rows[partition] = row
            return rows

        return self._cluster.call(ask) if wanted else {}

    # Groups

    def list_groups(self) -> tuple[GroupListing, ...]:
        """See `Admin.list_groups`."""

        async def ask() -> tuple[GroupListing, ...]:
            rows = await self._listed()
            return tuple(sorted(GroupListing(row.group_id, row.group_state, row.protocol_type) for row in rows))

        return self._cluster.call(ask)

    async def _listed(self) -> list[Row]:
        rows: list[Row] = []
        for broker in await self._cluster.brokers():
            request = ListGroupsRequest(states_filter=[], types_filter=[], min_version=4)
            answer = await self._cluster.ask(request, broker)
            _raise(answer.error_code, "", "")
            rows += answer.groups
        return rows

    def describe_group(self, group: str) -> GroupDescription:
        """See `Admin.describe_group`. Kafka does not tell the generation, and knows of no leader."""

        async def ask() -> GroupDescription:
            (row,) = (await self._coordinated(group, DescribeGroupsRequest(groups=[group], min_version=4))).groups
            if row.error_code == GroupIdNotFoundException.code or row.group_state == _DEAD:
                kind = next((each.group_type for each in await self._listed() if each.group_id == group), None)
                if kind is None or kind.lower() == "classic":
                    raise GroupIdNotFoundException(f"There is no group {group!r}.")
                raise NotYetBuiltException(
                    f"{group} is a group of the {kind.lower()} rebalance protocol, which is not built yet: it can be "
                    "listed only. Kafka's own tools show it."
                )
            _raise(row.error_code, getattr(row, "error_message", ""), group)
            answer = await self._coordinated(group, offset_fetch(group, None, require_stable=False))
            offsets = fetched_offsets(answer.groups[0])
            if offsets.error is not None:
                raise offsets.error
            members = tuple(
                MemberDescription(
                    member.member_id,
                    member.group_instance_id,
                    member.client_id,
                    member.client_host.removeprefix("/"),
                    bytes(member.member_metadata),
                    bytes(member.member_assignment),
                )
                for member in row.members
            )
            return GroupDescription(
                group, row.group_state, row.protocol_type, row.protocol_data, -1, "", members, offsets.offsets
            )

        return self._cluster.call(ask)

    def alter_group_offsets(self, group: str, offsets: Mapping[TopicPartition, Position]) -> None:
        """See `Admin.alter_group_offsets`."""

        async def ask() -> None:
            answer = await self._coordinated(group, commit_request(group, -1, "", None, offsets))
            for topic in answer.topics:
                for part in topic.partitions:
                    if part.error_code == UnknownMemberIdException.code:
                        raise GroupNotEmptyException(
                            f"{group}: the group has members, so its offsets cannot be set. Stop its members first."
                        )
                    _raise(part.error_code, "", TopicPartition(topic.name, part.partition_index))

        self._cluster.call(ask)

    def delete_group(self, group: str) -> None:
        """See `Admin.delete_group`."""

        async def ask() -> None:
            (row,) = (await self._coordinated(group, DeleteGroupsRequest(groups_names=[group]))).results
            _raise(row.error_code, "", group)

        self._cluster.call(ask)

    async def _coordinated(self, key: str, request: Asked, kind: int = GROUP) -> Answer:
        """What the coordinator of a group or a transactional id answers; where another is by now, that one."""
        node = await self._cluster.coordinator(key, kind)
        answer = await self._cluster.ask(request, node)
        rows = [*(getattr(answer, "groups", None) or ()), *(getattr(answer, "results", None) or ()),
                *(getattr(answer, "transaction_states", None) or ())]  # fmt: skip
        code = next((row.error_code for row in rows if row.error_code), getattr(answer, "error_code", 0) or 0)
        if code in PASSING:
            if code in LOST:
                self._cluster.forget_coordinator(key, kind)
            raise exception(code, "", key)
        return answer

    # Transactions

    def list_transactions(self) -> tuple[TransactionListing, ...]:
        """See `Admin.list_transactions`. Kafka does not tell who holds them."""

        async def ask() -> tuple[TransactionListing, ...]:
            found: list[TransactionListing] = []
            for broker in await self._cluster.brokers():
                request = ListTransactionsRequest(
                    state_filters=[], producer_id_filters=[], duration_filter=-1, max_version=1
                )
                answer = await self._cluster.ask(request, broker)
                _raise(answer.error_code, "", "")
                names = [row.transactional_id for row in answer.transaction_states]
                rows = await self._cluster.ask(DescribeTransactionsRequest(transactional_ids=names), broker)
                found += [
                    TransactionListing(
                        row.transactional_id,
                        row.transaction_state,
                        row.producer_id,
                        row.producer_epoch,
                        _since(row),
                        "",
                    )
                    for row in rows.transaction_states
                    if not row.error_code
                ]
            return tuple(sorted(found, key=lambda row: row.transactional_id))

        return self._cluster.call(ask)

    def describe_transaction(self, transactional_id: str) -> TransactionDescription:
        """See `Admin.describe_transaction`. Kafka does not tell who holds it, nor in whose name."""

        async def ask() -> TransactionDescription:
            request = DescribeTransactionsRequest(transactional_ids=[transactional_id])
            (row,) = (await self._coordinated(transactional_id, request, TRANSACTION)).transaction_states
            if row.error_code == TransactionalIdNotFoundException.code:
                raise TransactionalIdNotFoundException(f"There is no transactional id {transactional_id!r}.")
            _raise(row.error_code, "", transactional_id)
            partitions = [TopicPartition(topic.topic, each) for topic in row.topics for each in topic.partitions]
            return TransactionDescription(
                transactional_id,
                row.transaction_state,
                row.producer_id,
                row.producer_epoch,
                row.transaction_timeout_ms,
                _since(row),
                "",
                False,
                None,
                tuple(sorted(each for each in partitions if not each.topic.startswith("__"))),
                (),
            )

        return self._cluster.call(ask)

    def abort_transaction(self, transactional_id: str) -> None:
        """See `Admin.abort_transaction`: as a new producer of that id begins, so what the old one left open ends."""
        found = self.describe_transaction(transactional_id)
        if found.since is None:
            raise InvalidTxnStateException(f"{transactional_id}: nothing goes on under it ({found.state}).")

        async def ask() -> None:
            request = InitProducerIdRequest(
                transactional_id=transactional_id,
                transaction_timeout_ms=found.timeout_ms,
                producer_id=-1,
                producer_epoch=-1,
                max_version=5,
            )
            while True:
                node = await self._cluster.coordinator(transactional_id, TRANSACTION)
                answer = await self._cluster.ask(request, node)
                if answer.error_code != 51:  # CONCURRENT_TRANSACTIONS: it is ending
                    return _raise(answer.error_code, "", transactional_id)
                await self._cluster.sleep()

        self._cluster.call(ask)

    def close(self) -> None:
        """See `Admin.close`."""
        self._cluster.close()


def _since(row: Row) -> int | None:
    going_on = row.transaction_state in _IN_TRANSACTION and row.transaction_start_time_ms >= 0
    return row.transaction_start_time_ms if going_on else None


def _partition(topic: Row, row: Row) -> TopicPartition:
    """The partition that a part of an answer is about; what Kafka calls it differs between messages."""
    named = hasattr(topic, "name")
    return TopicPartition(topic.name, row.partition_index) if named else TopicPartition(topic.topic, row.partition)


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[int]]:
    """The numbers of partitions, by topic."""
    numbers: dict[str, list[int]] = {}
    for topic, number in partitions:
        numbers.setdefault(topic, []).append(number)
    return numbers


def _raise(code: int, message: str | None, where: TopicPartition | str) -> None:
    if code:
        raise exception(code, message or "", where)

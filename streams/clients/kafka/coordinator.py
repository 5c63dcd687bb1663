"""Transactions as Kafka's coordinators keep them, over `kafka-python`'s messages.

Where the cluster is set so (`transaction.version` 2), a batch or a group's positions make themselves part of the
transaction, and each end gives the next epoch. Where it is not, partitions and groups are added first, and the next
epoch is asked for after each end: so sequences begin at 0 with every transaction, and what comes late of an earlier one
is refused for its epoch, on all brokers alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import TypeVar

from kafka.protocol.metadata import ApiVersionsRequest
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)

from streams.clients.api import ConsumerGroupMetadata, Position, TransactionSettings
from streams.clients.errors_by_number import exception
from streams.clients.kafka.cluster import GROUP, LOST, TRANSACTION, Answer, Asked, Cluster, Row
from streams.clients.writing.identity import NOBODY, Producer
from streams.errors import (
    BrokerNotFoundException,
    ConcurrentTransactionsException,
    DisconnectException,
    InvalidTxnStateException,
    InvalidTxnTimeoutException,
    KafkaException,
    ProducerFencedException,
    TimeoutException,
)
from streams.record import TopicPartition

T = TypeVar("T")
Refused = tuple[TopicPartition, int, str]

PAUSE_S = 0.005
"""Before the same is asked again while the coordinator ends the transaction before, which takes it milliseconds."""
_MOVED = (14, *LOST)
OLD_EPOCH = 47
_FENCED = (OLD_EPOCH, ProducerFencedException.code)
FENCED_WORDS = (
    "a newer producer with the same transactional id has taken over, or its transaction took longer than "
    "transaction.timeout.ms."
)


async def new_producer(cluster: Cluster) -> Producer:
    """A producer id that nobody has, for one who writes without transactions."""
    answer = await cluster.ask(
        InitProducerIdRequest(
            transactional_id=None,
            transaction_timeout_ms=60_000,
            producer_id=NOBODY[0],
            producer_epoch=NOBODY[1],
            min_version=0,
            max_version=5,
        )
    )
    if answer.error_code:
        raise exception(answer.error_code, "")
    return answer.producer_id, answer.producer_epoch


class KafkaTransactionCoordinator:
    """A `TransactionCoordinator` of one transactional id.

    Args:
        cluster: connections, which the one who writes has too.
        transaction: whose transactions, and how long one may take.
    """

    def __init__(self, cluster: Cluster, transaction: TransactionSettings) -> None:
        self._cluster = cluster
        self._transaction = transaction
        self._level: int | None = None
        self._call = 0  # the last question: those before it are given up
        self._ended: Producer | None = None  # whose transaction has ended, and who has no successor yet
        self._added: set[TopicPartition] = set()
        self._wanted: dict[TopicPartition, None] = {}
        self._adding = False
        self._producer = NOBODY

    @property
    def implicit(self) -> bool:
        """Does a batch make its partition part of the transaction?"""
        return (self._level or 0) >= 2

    # Partitions

    def takes(self, partition: TopicPartition, producer: Producer) -> bool:
        """Is the partition part of the transaction, or will be with its first batch? Else it is added."""
        if self.implicit or (partition in self._added and producer == self._producer):
            return True
        if producer != self._producer:
            self._start_anew()
            self._producer = producer
        self._wanted[partition] = None
        return False

    @property
    def due(self) -> bool:
        """Are there partitions to be added?"""
        return bool(self._wanted) and not self._adding

    def add_partitions(self, news: Callable[[Iterable[Refused]], None]) -> None:
        """Adds what is wanted; tells when it is done, and which partitions were refused."""
        if self.due:
            self._adding = True
            self._cluster.start(partial(self._add, list(self._wanted), self._producer, news))

    async def _add(
        self, wanted: list[TopicPartition], producer: Producer, news: Callable[[Iterable[Refused]], None]
    ) -> None:
        topics: defaultdict[str, list[int]] = defaultdict(list)
        for topic, number in wanted:
            topics[topic].append(number)
        kind = AddPartitionsToTxnRequest.AddPartitionsToTxnTopic
        try:
            answer = await self._ask_until(
                lambda: AddPartitionsToTxnRequest(
                    v3_and_below_transactional_id=self._transaction.transactional_id,
                    v3_and_below_producer_id=producer[0],
                    v3_and_below_producer_epoch=producer[1],
                    v3_and_below_topics=[kind(name=topic, partitions=numbers) for topic, numbers in topics.items()],
                    min_version=1,
                    max_version=3,
                ),
                TRANSACTION,
                self._transaction.transactional_id,
                lambda: self._producer == producer,
            )
            codes = {
                TopicPartition(topic.name, part.partition_index): part.partition_error_code
                for topic in answer.results_by_topic_v3_and_below
                for part in topic.results_by_partition
            }
            refused = [(partition, code, "") for partition, code in codes.items() if code]
        except (BrokerNotFoundException, DisconnectException):
            return  # it is asked again
        except KafkaException as error:
            refused = [(partition, error.code, str(error)) for partition in wanted]
        finally:
            self._adding = False
        if producer == self._producer:
            for partition in wanted:
                self._wanted.pop(partition, None)
            self._added |= {*wanted} - {partition for partition, _, _ in refused}
            news(refused)

    # What `TransactionCoordinator` promises

    def init(self, producer: Producer, timeout_ms: int) -> Producer:
        """See `TransactionCoordinator.init`."""
        self._start_anew()
        return self._asked(partial(self._init, producer), timeout_ms)

    def add_offsets(
        self,
        producer: Producer,
        member: ConsumerGroupMetadata,
        offsets: Mapping[TopicPartition, Position],
        timeout_ms: int,
    ) -> None:
        """See `TransactionCoordinator.add_offsets`."""
        self._asked(partial(self._add_offsets, producer, member, offsets), timeout_ms)

    def end(self, producer: Producer, commit: bool, timeout_ms: int) -> Producer:
        """See `TransactionCoordinator.end`."""
        self._start_anew()
        return self._asked(partial(self._end, producer, commit), timeout_ms)

    def _start_anew(self) -> None:
        """Partitions are of one transaction: whatever is still asked of the last is given up."""
        self._producer = NOBODY
        self._added.clear()
        self._wanted.clear()

    def _asked(self, work: Callable[[Callable[[], bool]], Coroutine[object, object, T]], timeout_ms: int) -> T:
        """Does something to its end; what was given up at its timeout asks nothing more."""
        self._call += 1
        mine = self._call
        return self._cluster.call(lambda: work(lambda: self._call == mine), timeout_ms)

    async def _init(self, producer: Producer, goes_on: Callable[[], bool]) -> Producer:
        name, longest = self._transaction.transactional_id, self._transaction.timeout_ms
        if self._level is None:
            self._level = await self._transaction_version()
        answer = await self._ask_until(
            lambda: InitProducerIdRequest(
                transactional_id=name,
                transaction_timeout_ms=longest,
                producer_id=producer[0],
                producer_epoch=producer[1],
                min_version=3,
                max_version=5 if self.implicit else 4,
            ),
            TRANSACTION,
            name,
            goes_on,
        )
        if answer.error_code == InvalidTxnTimeoutException.code:
            words = f"{longest} ms is more than the brokers' transaction.max.timeout.ms."
            raise InvalidTxnTimeoutException(f"{name}: {words}")
        self._check(answer.error_code)
        return answer.producer_id, answer.producer_epoch

    async def _add_offsets(
        self,
        producer: Producer,
        member: ConsumerGroupMetadata,
        offsets: Mapping[TopicPartition, Position],
        goes_on: Callable[[], bool],
    ) -> None:
        name = self._transaction.transactional_id
        if not self.implicit:
            answer = await self._ask_until(
                lambda: AddOffsetsToTxnRequest(
                    transactional_id=name,
                    producer_id=producer[0],
                    producer_epoch=producer[1],
                    group_id=member.group_id,
                    max_version=3,
                ),
                TRANSACTION,
                name,
                goes_on,
            )
            self._check(answer.error_code)
        answer = await self._ask_until(
            lambda: self._offsets_message(producer, member, offsets), GROUP, member.group_id, goes_on
        )
        for topic in answer.topics:
            for part in topic.partitions:
                self._check(part.error_code, TopicPartition(topic.name, part.partition_index))

    def _offsets_message(
        self, producer: Producer, member: ConsumerGroupMetadata, offsets: Mapping[TopicPartition, Position]
    ) -> Asked:
        kind = TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
        parts: defaultdict[str, list[Row]] = defaultdict(list)
        for (topic, number), position in offsets.items():
            part = kind.TxnOffsetCommitRequestPartition(
                partition_index=number,
                committed_offset=position.offset,
                committed_leader_epoch=-1,
                committed_metadata=position.metadata,
            )
            parts[topic].append(part)
        return TxnOffsetCommitRequest(
            transactional_id=self._transaction.transactional_id,
            group_id=member.group_id,
            producer_id=producer[0],
            producer_epoch=producer[1],
            generation_id=member.generation_id,
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            topics=[kind(name=topic, partitions=found) for topic, found in parts.items()],
            min_version=3,
            max_version=5 if self.implicit else 4,
        )

    async def _end(self, producer: Producer, commit: bool, goes_on: Callable[[], bool]) -> Producer:
        name = self._transaction.transactional_id
        if self._ended != producer:
            answer = await self._ask_until(
                lambda: EndTxnRequest(
                    transactional_id=name,
                    producer_id=producer[0],
                    producer_epoch=producer[1],
                    committed=commit,
                    min_version=1,
                    max_version=5 if self.implicit else 4,
                ),
                TRANSACTION,
                name,
                goes_on,
            )
            if commit or answer.error_code != InvalidTxnStateException.code:  # nothing of it had arrived
                self._check(answer.error_code)
                if self.implicit:
                    return answer.producer_id, answer.producer_epoch
            self._ended = producer
        return await self._init(producer, goes_on)

    # Asking

    async def _ask_until(
        self, request: Callable[[], Asked], kind: int, key: str, goes_on: Callable[[], bool]
    ) -> Answer:
        """Asks a coordinator until it has an answer, as long as anybody wants it.

        Raises:
            DisconnectException, BrokerNotFoundException: it cannot be reached; another may coordinate by now.
        """
        while goes_on():
            node = await self._cluster.coordinator(key, kind)
            if not goes_on():
                break
            try:
                answer = await self._cluster.ask(request(), node)
            except (BrokerNotFoundException, DisconnectException):
                self._cluster.forget_coordinator(key, kind)
                raise
            code = _code(answer)
            if code in _MOVED:
                if code in LOST:
                    self._cluster.forget_coordinator(key, kind)
                await self._cluster.sleep()
            elif code == ConcurrentTransactionsException.code:
                await self._cluster.sleep(PAUSE_S)
            else:
                return answer
        raise TimeoutException(f"{key}: nobody waits for the answer any more.")

    def _check(self, code: int, where: TopicPartition | None = None) -> None:
        """Raises what the number of an error means."""
        name = self._transaction.transactional_id
        if code in _FENCED:
            raise ProducerFencedException(f"{name}: {FENCED_WORDS}")
        if code:
            raise exception(code, "", where or name)

    async def _transaction_version(self) -> int:
        """The level of transactions that the cluster has been set to."""
        node = await self._cluster.coordinator(self._transaction.transactional_id, TRANSACTION)
        answer = await self._cluster.ask(
            ApiVersionsRequest(client_software_name="streams-app", client_software_version="1", max_version=3), node
        )
        self._check(answer.error_code)
        features = getattr(answer, "finalized_features", None) or ()
        return next((each.max_version_level for each in features if each.name == "transaction.version"), 0)


def _code(answer: Answer) -> int:
    """The number of what ails an answer as a whole, or a part of it for the moment."""
    if code := getattr(answer, "error_code", 0):
        return int(code)
    rows = getattr(answer, "topics", None) or getattr(answer, "results_by_topic_v3_and_below", None) or ()
    codes = [
        getattr(part, "error_code", 0) or getattr(part, "partition_error_code", 0)
        for topic in rows
        for part in getattr(topic, "partitions", None) or getattr(topic, "results_by_partition", None) or ()
    ]
    passing = (*_MOVED, ConcurrentTransactionsException.code)
    return next((int(code) for code in codes if code in passing), 0)

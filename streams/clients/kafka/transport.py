"""Batches on their way to the brokers that lead their partitions, over connections of `kafka-python`.

A request takes one batch of each partition, and a broker answers the requests of one connection one after the other:
so what was handed over since the last look leaves together, and only so many requests are out to one broker. What is
out for a partition is out to one broker: a new leader is heard of only when nothing is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import kafka.errors as theirs
from kafka.net.connection import KafkaConnection
from kafka.protocol.producer import ProduceRequest

from streams.clients.api import GroupMember, WriterSettings
from streams.clients.kafka.cluster import Answer, Cluster, Row
from streams.clients.kafka.compression import Codec
from streams.clients.kafka.coordinator import FENCED_WORDS, OLD_EPOCH, KafkaTransactionCoordinator, Refused
from streams.clients.kafka.record_batch import PackedRecords, pack
from streams.clients.writing.identity import Producer
from streams.clients.writing.transport import NEWS, Outcome
from streams.errors import BrokerNotFoundException, DisconnectException, KafkaException, ProducerFencedException
from streams.record import RecordBatch, TopicPartition

LANE = "produce"
MOST_REQUESTS = 5
"""Without an answer, to one broker: Kafka's `max.in.flight.requests.per.connection`."""
REQUEST_BYTES = 1 << 20
"""Of one request, but for the last batch in it: Kafka's `max.request.size`."""
EAGER_BYTES = 1 << 18
"""So much leaves without waiting for more."""
SLACK_MS = 5_000
"""What an answer may take longer than the broker was asked to take for it."""
DRAIN_MS = 1_000
"""So long what has left is waited for: what comes later is refused for its epoch."""
UNKNOWN_PARTITION, NO_LEADER = 3, 5
_LED_BY_ANOTHER = {UNKNOWN_PARTITION, NO_LEADER, 6, 9, 13, 56, 72, 74}
"""Numbers of errors after which is asked anew who leads."""


class _Batch(NamedTuple):
    ticket: int
    partition: TopicPartition
    data: bytes


class KafkaTransport:
    """A `Transport` to the brokers of one cluster.

    Args:
        cluster: its connections, its own.
        settings: acknowledgements, the pause before a broker is tried again, who is told.
        codec: what compresses records; None: nothing.
        transactions: who keeps the transactions that the batches belong to; None: they belong to none.
    """

    number = 0

    def __init__(
        self,
        cluster: Cluster,
        settings: WriterSettings,
        codec: Codec | None = None,
        transactions: KafkaTransactionCoordinator | None = None,
    ) -> None:
        self.world = cluster.world
        self._cluster = cluster
        self._settings = settings
        self._codec = codec
        self._transactions = transactions
        self._transactional_id: str | None = None
        self._tickets = 0
        self._handed: list[_Batch] = []
        self._handed_bytes = 0
        self._leaders: dict[TopicPartition, int] = {}
        self._epochs: dict[TopicPartition, int] = {}  # of those leaders; they may lead anew, and this be too low
        self._connections: dict[int, KafkaConnection] = {}
        self._requests: Counter[int] = Counter()  # out, by broker
        self._out: Counter[TopicPartition] = Counter()
        self._wanted: dict[TopicPartition, None] = {}  # whose leader is asked for
        self._refused: dict[TopicPartition, tuple[int, str]] = {}
        self._held: set[int] = set()  # brokers that had no room
        self._dialled: set[int] = set()
        self._asking = False
        self._resting = False  # somebody waits for `_retry_at`
        self._retry_at = 0.0
        self._outcomes: list[Outcome] = []
        self._woken = False

    # What the writer asks

    def connect(self) -> None:
        """See `Transport.connect`: a broker is reached when there is something for it."""
        if self._cluster.closed:
            raise BrokerNotFoundException("The connection to Kafka was closed by this client.")

    @property
    def closed(self) -> bool:
        """See `Transport.closed`."""
        return self._cluster.closed

    def lost(self) -> None:
        """See `Transport.lost`."""
        self._drop_handed()
        for connection in list(self._connections.values()):
            connection.close()
        self._connections.clear()
        self._outcomes.clear()

    def partitions_for(self, topic: str, timeout_ms: int) -> int:
        """See `Transport.partitions_for`."""
        return self._cluster.call(partial(self._cluster.partitions_or_made, topic), timeout_ms)

    def pack(self, batch: RecordBatch) -> PackedRecords:
        """See `Transport.pack`."""
        return pack(batch, self._codec)

    def takes(self, partition: TopicPartition, producer: Producer) -> bool:
        """See `Transport.takes`."""
        if partition in self._refused:
            return True
        leader = self._leaders.get(partition)
        if leader is None:
            self._wanted[partition] = None
            return False
        connection = self._connections.get(leader)
        if connection is None or not self._cluster.fresh(connection):
            self._dial(leader)
            return False
        if connection.paused or self._requests[leader] >= MOST_REQUESTS:
            self._held.add(leader)
            return False
        return self._transactions is None or self._transactions.takes(partition, producer)

    def send(
        self,
        partition: TopicPartition,
        data: bytes,
        acks: int,
        member: GroupMember | None,
        transactional_id: str | None,
    ) -> int:
        """See `Transport.send`. Kafka knows nothing of members here."""
        self._tickets += 1
        batch = _Batch(self._tickets, partition, data)
        refused = self._refused.pop(partition, None)
        if refused is not None:
            self._outcomes.append(Outcome(batch.ticket, *refused))
            return batch.ticket
        self._transactional_id = transactional_id
        self._out[partition] += 1
        self._handed.append(batch)
        self._handed_bytes += len(data)
        if self._handed_bytes >= EAGER_BYTES:
            self.flush()
        return batch.ticket

    def flush(self) -> None:
        """See `Transport.flush`."""
        handed, self._handed, self._handed_bytes = self._handed, [], 0
        by_leader: defaultdict[int, list[_Batch]] = defaultdict(list)
        for batch in handed:
            by_leader[self._leaders.get(batch.partition, -1)].append(batch)
        for leader, batches in by_leader.items():
            connection = self._connections.get(leader)
            for together in _requests(batches):
                if connection is None or not connection.connected:
                    self._unanswered(leader, together)
                else:
                    self._request(leader, connection, together)
        if handed:
            self._cluster.poll(0)  # what is ready to leave waits for room in the socket,
            self._cluster.poll(0)  # and leaves where there is some

    def receive(self, timeout_ms: int) -> list[Outcome]:
        """See `Transport.receive`."""
        deadline = self.world.monotonic_ms() + timeout_ms
        self.flush()
        while True:
            now = self.world.monotonic_ms()
            self._ask(now)
            self._look_for_room()
            left = min(deadline, self._retry_at if self._waits else deadline) - now
            self._cluster.poll(0 if self._outcomes or self._woken else max(0, int(left + 0.999)))
            self._look_for_room()
            if self._outcomes or self._woken or self.world.monotonic_ms() >= deadline:
                break
        self._woken = False
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def drain(self, timeout_ms: int) -> None:
        """See `Transport.drain`."""
        deadline = self.world.monotonic_ms() + min(timeout_ms, DRAIN_MS)
        self._drop_handed()
        self._refused.clear()
        while self._requests.total():
            left = int(deadline - self.world.monotonic_ms() + 0.999)
            if left <= 0:
                break
            self._cluster.poll(left)

    def next_due(self) -> float:
        """See `Transport.next_due`."""
        if self._handed or self._outcomes:
            return 0.0
        if self._transactions is not None and self._transactions.due:
            return 0.0
        due = float(self._cluster.next_due())
        return min(due, self._retry_at) if self._waits else due

    def fileno(self) -> int:
        """See `Transport.fileno`."""
        return self._cluster.fileno()

    def wake(self) -> None:
        """See `Transport.wake`."""
        self._woken = True
        self._cluster.wake()

    def close(self) -> None:
        """See `Transport.close`."""
        self._cluster.close()

    # Out and in

    def _drop_handed(self) -> None:
        """What has not left does not."""
        for batch in self._handed:
            self._out[batch.partition] -= 1
        self._handed.clear()
        self._handed_bytes = 0

    def _request(self, leader: int, connection: KafkaConnection, batches: list[_Batch]) -> None:
        """One request with these batches, of one partition each."""
        self._requests[leader] += 1
        wait_ms = self._cluster.request_timeout_ms + SLACK_MS
        future = connection.send_request(self._message(batches), request_timeout_ms=wait_ms)
        future.add_callback(partial(self._answered, leader, batches))
        future.add_errback(partial(self._failed, leader, connection, batches))

    def _message(self, batches: list[_Batch]) -> ProduceRequest:
        kind = ProduceRequest.TopicProduceData
        topics: defaultdict[str, list[Row]] = defaultdict(list)
        for batch in batches:
            part = kind.PartitionProduceData(index=batch.partition.partition, records=batch.data)
            topics[batch.partition.topic].append(part)
        # From version 12 on a batch makes its partition part of the transaction; from 13 on topics have ids, no names.
        explicit = self._transactions is not None and not self._transactions.implicit
        return ProduceRequest(
            transactional_id=self._transactional_id,
            acks=self._settings.acks,
            timeout_ms=self._cluster.request_timeout_ms,
            topic_data=[kind(name=topic, partition_data=parts) for topic, parts in topics.items()],
            min_version=3,
            max_version=11 if explicit else 12,
        )

    def _answered(self, leader: int, batches: list[_Batch], answer: Answer | None) -> None:
        self._requests[leader] -= 1
        if answer is None:  # none was asked for (`acks` 0)
            for batch in batches:
                self._out[batch.partition] -= 1
            self._outcomes.append(NEWS)
            return
        rows: dict[TopicPartition, Row] = {}
        for topic in answer.responses:
            rows.update({TopicPartition(topic.name, row.index): row for row in topic.partition_responses})
        for batch in batches:
            self._out[batch.partition] -= 1
            row = rows.get(batch.partition)
            if row is None:
                self._outcomes.append(Outcome(batch.ticket, lost=True))
                continue
            if row.error_code in _LED_BY_ANOTHER:
                self._leaders.pop(batch.partition, None)
            code, words = row.error_code, _words(row)
            if code == OLD_EPOCH and self._transactions is not None:
                code, words = ProducerFencedException.code, FENCED_WORDS
            epoch = self._epochs.get(batch.partition, -1)
            self._outcomes.append(Outcome(batch.ticket, code, words, row.base_offset, row.log_append_time_ms, epoch))

    def _failed(self, leader: int, connection: KafkaConnection, batches: list[_Batch], error: Exception) -> None:
        self._requests[leader] -= 1
        if not isinstance(error, theirs.NodeNotReadyError) and self._connections.get(leader) is connection:
            self._away(leader)
        self._unanswered(leader, batches)

    def _unanswered(self, leader: int, batches: list[_Batch]) -> None:
        """Whether they are stored is not known."""
        for batch in batches:
            self._out[batch.partition] -= 1
            self._outcomes.append(Outcome(batch.ticket, lost=True))

    def _away(self, leader: int) -> None:
        """A broker could not be reached, or was lost: another may lead by now."""
        self._connections.pop(leader, None)
        for partition in [each for each, node in self._leaders.items() if node == leader]:
            del self._leaders[partition]
        self._rest()

    def _look_for_room(self) -> None:
        """Tells when what had no room has some, or a broker may be tried again."""
        rested = self._resting and self.world.monotonic_ms() >= self._retry_at
        if rested or any(self._room(leader) for leader in self._held):
            self._held.clear()
            self._resting = False
            self._outcomes.append(NEWS)

    def _room(self, leader: int) -> bool:
        connection = self._connections.get(leader)
        return connection is None or (not connection.paused and self._requests[leader] < MOST_REQUESTS)

    # Who leads

    def _ask(self, now: float) -> None:
        """Asks what is to be asked of others before batches can leave."""
        if self._seeks and now >= self._retry_at:
            self._asking = True
            self._cluster.start(self._find)
        if self._transactions is not None:
            self._transactions.add_partitions(self._news)

    def _news(self, refused: Iterable[Refused]) -> None:
        self._refused.update({partition: (code, words) for partition, code, words in refused})
        self._outcomes.append(NEWS)

    async def _find(self) -> None:
        """Finds the leaders of partitions that are waited for."""
        wanted = [partition for partition in self._wanted if not self._out[partition]]
        try:
            topics, _, _ = await self._cluster.metadata(dict.fromkeys(partition.topic for partition in wanted))
            rows = {row.name: row for row in topics}
            self._news(filter(None, [self._led(partition, rows.get(partition.topic)) for partition in wanted]))
            self._found(wanted)
        except (BrokerNotFoundException, DisconnectException) as error:
            self._trouble(error)
        except Exception as error:  # a fault of ours, or of the library's, too: nobody may wait for ever
            self._news(_refusals(wanted, error))
            self._found(wanted)
        finally:
            self._asking = False

    def _found(self, wanted: Iterable[TopicPartition]) -> None:
        for partition in wanted:
            self._wanted.pop(partition, None)

    def _led(self, partition: TopicPartition, row: Row | None) -> Refused | None:
        """Notes who leads a partition; why nobody does."""
        code = UNKNOWN_PARTITION if row is None else row.error_code
        parts = [] if row is None else [each for each in row.partitions if each.partition_index == partition.partition]
        if code not in (0, NO_LEADER):
            return partition, code, ""
        if not parts:
            return partition, code or UNKNOWN_PARTITION, ""
        if parts[0].leader_id < 0:
            return partition, NO_LEADER, "the partition has no leader at present"
        self._leaders[partition], self._epochs[partition] = parts[0].leader_id, parts[0].leader_epoch
        return None

    @property
    def _waits(self) -> bool:
        """Is there something to do at `_retry_at`?"""
        return self._resting or self._seeks

    @property
    def _seeks(self) -> bool:
        """Is there a leader to be found? Not while a batch is out: the answer to that comes first."""
        return not self._asking and any(not self._out[partition] for partition in self._wanted)

    def _dial(self, leader: int) -> None:
        if self.world.monotonic_ms() < self._retry_at:
            self._resting = True
        elif leader not in self._dialled:
            self._dialled.add(leader)
            self._cluster.start(partial(self._reach, leader))

    async def _reach(self, leader: int) -> None:
        """Connects to a broker."""
        try:
            self._connections[leader] = await self._cluster.connection(leader, LANE)
            self._outcomes.append(NEWS)
        except (BrokerNotFoundException, DisconnectException) as error:
            self._trouble(error)
            self._away(leader)
            self._outcomes.append(NEWS)
        except Exception as error:  # as above
            led = [partition for partition, node in self._leaders.items() if node == leader]
            self._away(leader)
            self._news(_refusals(led, error))
        finally:
            self._dialled.discard(leader)

    def _rest(self) -> None:
        pause = max(self._settings.retry_backoff_ms, self._cluster.pause_ms)
        self._retry_at = self.world.monotonic_ms() + pause

    def _trouble(self, error: KafkaException) -> None:
        self._rest()
        if not self._cluster.closed:
            self._settings.troubled("write", f"Kafka cannot be written to: {error} It is tried again by itself.")


def _requests(batches: list[_Batch]) -> Iterator[list[_Batch]]:
    """Cuts batches into requests of at most one batch of a partition, in each partition's order."""
    waiting = batches
    while waiting:
        together: list[_Batch] = []
        left: list[_Batch] = []
        held: set[TopicPartition] = set()
        size = 0
        for batch in waiting:
            if batch.partition in held or (together and size + len(batch.data) > REQUEST_BYTES):
                left.append(batch)
            else:
                together.append(batch)
                size += len(batch.data)
            held.add(batch.partition)
        yield together
        waiting = left


def _refusals(partitions: Iterable[TopicPartition], error: Exception) -> list[Refused]:
    """For each partition, why nothing can be written to it."""
    if isinstance(error, KafkaException):
        return [(partition, error.code, str(error)) for partition in partitions]
    return [(partition, KafkaException.code, f"{type(error).__name__}: {error}") for partition in partitions]


def _words(row: Row) -> str:
    """What a broker says of a batch that it refuses, and of single records in it."""
    if not row.error_code:
        return ""
    said = [row.error_message, *(each.batch_index_error_message for each in row.record_errors or ())]
    return "; ".join(each for each in said if each)

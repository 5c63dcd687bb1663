"""Writing to Kafka: `confluent-kafka`'s idempotent producer, record by record, its reports put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, repeat

import confluent_kafka as native
from confluent_kafka import KafkaError, Message

from streams.clients.api import GroupMember, Sent, WriterSettings
from streams.clients.errors_by_number import exception
from streams.clients.kafka.cluster import Cluster
from streams.config.clients import PRODUCER, ClientConfig
from streams.errors import (
    BrokerNotFoundException,
    DisconnectException,
    IllegalArgumentException,
    InvalidProducerEpochException,
    KafkaException,
    ProducerFencedException,
    TimeoutException,
    UnknownTopicOrPartitionException,
)
from streams.record import RecordBatch, TopicPartition

LINGER_MS = 2
METADATA_MAX_AGE_MS = ClientConfig(PRODUCER, {}).number("metadata.max.age.ms")
SLICE_S = 0.02
FOREVER_MS = 2**63 - 1
DUE_MS = 10
"""How soon somebody looks for reports, which nothing tells of."""
OF_ONE_RECORD = {10, 18, 32, 87}
"""Numbers of errors that a broker gives a whole batch for what one record of it is."""


class Reports:
    """The reports of one batch, until none is missing.

    Args:
        partition, batch, done: as they were handed over.
        finished: where it is put when it is complete.
        ends: only the first and the last record are reported, as a transaction that lacks one between cannot be
            committed.
    """

    __slots__ = ("_finished", "_missing", "batch", "done", "ends", "failed", "offsets", "partition", "stamp")

    def __init__(
        self,
        partition: TopicPartition,
        batch: RecordBatch,
        done: Callable[[Sent], None],
        finished: list[Reports],
        ends: bool,
    ) -> None:
        self.partition = partition
        self.batch = batch
        self.done = done
        self.ends = ends and len(batch) > 2
        self.offsets: list[int | None] = []  # of those that are reported, in their order; None: it failed
        self.failed: dict[int, KafkaError] = {}
        self.stamp = -1
        self._finished = finished
        self._missing = 2 if self.ends else len(batch)

    def take(self, error: KafkaError | None, message: Message) -> None:
        """What librdkafka calls for each record; those of a partition come in their order."""
        if error is None:
            if not self.offsets:
                kind, stamp = message.timestamp()
                self.stamp = stamp if kind == native.TIMESTAMP_LOG_APPEND_TIME else -1
            self.offsets.append(message.offset())
        else:
            self.failed[len(self.offsets)] = error
            self.offsets.append(None)
        self._missing -= 1
        if not self._missing:
            self._finished.append(self)

    def outcomes(self) -> list[Sent]:
        """What is told of it."""
        if not self.ends:
            return outcomes(self.partition, self.offsets, self.stamp, self.failed)
        first, last = self.offsets
        between = len(self.batch) - 2
        if first is not None and last is not None and last - first == between + 1:
            return [Sent(self.partition, first, self.stamp, None)]
        one, other = (
            outcomes(self.partition, [offset], self.stamp, {0: self.failed[at]} if at in self.failed else {})[0]
            for at, offset in enumerate(self.offsets)
        )
        middle = Sent(self.partition, -1, -1, one.error or other.error, 1, between)  # others' records lie among them
        return [one._replace(first=0, records=1), middle, other._replace(first=between + 1, records=1)]


def outcomes(
    partition: TopicPartition, offsets: Sequence[int | None], stamp: int, failed: Mapping[int, KafkaError]
) -> list[Sent]:
    """The fate of a batch by the offsets of its records: one for each unbroken run, one for each record that failed.

    Args:
        stamp: the log's append time, -1 where the records' own times stand.
        failed: those that have no offset, by index.
    """
    count = len(offsets)
    found: list[Sent] = []
    start = 0
    for index in range(1, count + 1):
        at, before = offsets[index] if index < count else None, offsets[index - 1]
        if at is not None and before is not None and at == before + 1:
            continue
        first = offsets[start]
        if first is None:
            error = error_of(failed[start].code(), failed[start].str(), partition)
            found.append(Sent(partition, -1, -1, error, start, 1))
        elif index - start == count:
            return [Sent(partition, first, stamp, None)]
        else:
            found.append(Sent(partition, first, stamp, None, start, index - start))
        start = index
    return found


def error_of(code: int, words: str, where: TopicPartition | str) -> KafkaException:
    """The exception that an error of librdkafka means."""
    if code in (KafkaError._FENCED, InvalidProducerEpochException.code, ProducerFencedException.code):
        return ProducerFencedException(f"{where}: a newer producer with the same transactional id has taken over.")
    if code > 0:
        return exception(code, words, where)
    if code in (KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT):
        return TimeoutException(
            f"{where}: no broker has taken it within delivery.timeout.ms. Whether it was stored is not known; raise "
            "delivery.timeout.ms to try longer."
        )
    if code in (KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC):
        partition = where if isinstance(where, TopicPartition) else None
        return UnknownTopicOrPartitionException(f"{where}: no such topic or partition.", partition)
    if code in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
        return DisconnectException(
            f"{where}: the producer was closed before the broker had answered; whether the record was stored is not "
            "known. Flush before closing."
        )
    return KafkaException(f"{where}: {words}")


class KafkaWriter:
    """A `Writer` over a producer of its own.

    Args:
        settings: of the connections, by librdkafka's names.
        writing: acknowledgements, idempotence, timeouts.
        cluster: for what is asked of topics.
        delivery_timeout_ms: where it is not that of `writing`.
    """

    def __init__(
        self,
        settings: Mapping[str, object],
        writing: WriterSettings,
        cluster: Cluster,
        delivery_timeout_ms: int | None = None,
    ) -> None:
        self.world = cluster.world
        self.client_id = str(settings["client.id"])
        self._settings = settings
        self._writing = writing
        self._in_transactions = "transactional.id" in settings
        self._delivery_timeout_ms = writing.delivery_timeout_ms if delivery_timeout_ms is None else delivery_timeout_ms
        self._cluster = cluster
        self._monotonic_ms = cluster.world.monotonic_ms
        self._producer: native.Producer | None = None
        self._unanswered: dict[Reports, None] = {}
        self._counts: dict[str, tuple[int, float]] = {}
        self._finished: list[Reports] = []
        self._fatal: KafkaException | None = None
        self._asked_at = 0.0
        self._woken = False
        self._closed = False

    def bind(self, member: GroupMember | None) -> None:
        """See `Writer.bind`: Kafka cannot tell, and takes everything."""

    def abort(self) -> int:
        """See `Writer.abort`. What comes next has another producer, and so another producer id."""
        forgotten = self.forget()
        self._purge()
        self._finished.clear()
        return forgotten

    def forget(self) -> int:
        """Calls no `done` of what has no answer yet. How many are those?"""
        forgotten = len(self._unanswered)
        self._unanswered.clear()
        self._finished.clear()
        return forgotten

    def _purge(self) -> None:
        if self._producer is not None:
            self._producer.purge()
            self._serve(self._producer, 0)
            self._producer = None

    def partitions_for(self, topic: str) -> int:
        """See `Writer.partitions_for`. Whether a missing topic is made is the brokers' `auto.create.topics.enable`."""
        now = self._monotonic_ms()
        count, until = self._counts.get(topic, (0, 0.0))
        if now < until:
            return count
        count = self._cluster.call(partial(self._cluster.partitions_or_made, topic), self._writing.metadata_timeout_ms)
        self._counts[topic] = (count, now + METADATA_MAX_AGE_MS)
        return count

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        """See `Writer.send`."""
        if not batch.keys:
            raise IllegalArgumentException(f"{partition}: a batch without records cannot be sent.")
        producer = self.opened()
        if self._writing.acks == 0:
            self._hand_over(producer, partition, batch, None)
            done(Sent(partition, -1, -1, None))
        else:
            reports = Reports(partition, batch, done, self._finished, self._in_transactions)
            self._unanswered[reports] = None
            self._hand_over(producer, partition, batch, reports)
        self._serve(producer, 0)
        self._run_callbacks()
        self._asked_at = self._monotonic_ms()

    def _hand_over(
        self, producer: native.Producer, partition: TopicPartition, batch: RecordBatch, reports: Reports | None
    ) -> None:
        """Gives all records to librdkafka, and waits where it has no room."""
        topic, number = partition
        count = len(batch)
        takes: Iterable[Callable[[KafkaError | None, Message], None] | None]
        if reports is not None and reports.ends:
            takes = chain((reports.take,), repeat(None, count - 2), (reports.take,))
        else:
            takes = repeat(None if reports is None else reports.take, count)
        produce = producer.produce
        if batch.headers is None:
            for key, value, timestamp, take in zip(batch.keys, batch.values, batch.timestamps, takes, strict=True):
                while True:
                    try:
                        produce(topic, value, key, number, take, None, timestamp or 1)
                        break
                    except BufferError:
                        self._serve(producer, SLICE_S)
            return
        rows = zip(batch.keys, batch.values, batch.timestamps, takes, batch.headers, strict=True)
        for key, value, timestamp, take, headers in rows:
            while True:
                try:
                    produce(topic, value, key, number, take, None, timestamp or 1, list(headers))
                    break
                except BufferError:
                    self._serve(producer, SLICE_S)

    def _serve(self, producer: native.Producer, timeout_s: float) -> None:
        """Takes reports; waits for the first at most so long."""
        try:
            producer.poll(timeout_s)
        except native.KafkaException as failed:  # once: the reports tell of it too
            error: KafkaError = failed.args[0]
            self._fatal = error_of(error.code(), error.str(), self.client_id)

    def fatal(self) -> KafkaException | None:
        """Why this producer can never write again; None: it can."""
        return self._fatal

    def await_acks(self, timeout_ms: int) -> int:
        """See `Writer.await_acks`."""
        deadline = self._monotonic_ms() + timeout_ms
        while self._producer is not None:
            left = (deadline - self._monotonic_ms()) / 1_000
            wait_s = max(0.0, min(left, SLICE_S)) if self._unanswered and not self._woken else 0.0
            self._serve(self._producer, wait_s)
            self._run_callbacks()
            if not self._unanswered or left <= 0 or self._woken:
                break
        self._woken = False
        self._asked_at = self._monotonic_ms()
        return len(self._unanswered)

    def next_due(self) -> int:
        """See `Writer.next_due`."""
        return int(self._asked_at) + DUE_MS if self._unanswered else FOREVER_MS

    def fileno(self) -> int:
        """See `Writer.fileno`: librdkafka has none, it is asked every `DUE_MS`."""
        return -1

    def wake(self) -> None:
        """See `Writer.wake`."""
        self._woken = True

    def close(self) -> None:
        """See `Writer.close`."""
        if not self._closed:
            self._closed = True
            self._purge()
            self._run_callbacks()
            self._cluster.close()

    def opened(self) -> native.Producer:
        """The producer; made if there is none."""
        if self._closed:
            raise BrokerNotFoundException("The connection to Kafka was closed by this client.")
        if self._producer is None:
            self._producer = native.Producer(
                {
                    **self._settings,
                    "acks": self._writing.acks,
                    "enable.idempotence": self._writing.idempotent,
                    "linger.ms": LINGER_MS,
                    "message.timeout.ms": max(1, self._delivery_timeout_ms),
                    "retry.backoff.ms": max(1, self._writing.retry_backoff_ms),
                    "queue.buffering.max.messages": 10_000_000,
                    "queue.buffering.max.kbytes": max(1_024, self._writing.max_bytes_out // 1_024),
                    "message.max.bytes": 1_000_000_000,  # the brokers decide
                    "topic.metadata.propagation.max.ms": 3_000,
                    "error_cb": self._trouble,
                }
            )
        return self._producer

    def _trouble(self, error: KafkaError) -> None:
        self._writing.troubled("write", f"Kafka cannot be written to: {error.str()}. It is tried again by itself.")

    def _run_callbacks(self) -> None:
        while self._finished:
            finished = self._finished.copy()
            self._finished.clear()
            for reports in finished:
                if reports not in self._unanswered:  # it was forgotten
                    continue
                self._again(reports)
                del self._unanswered[reports]
                for sent in reports.outcomes():
                    if isinstance(sent.error, UnknownTopicOrPartitionException):
                        self._counts.pop(sent.partition.topic, None)
                    reports.done(sent)

    def _again(self, reports: Reports) -> None:
        """Sends records that were refused together with others once more, each alone: only bad ones fail."""
        if self._producer is None or self._closed or self._in_transactions:
            return
        batch = reports.batch
        for index in [index for index, error in reports.failed.items() if error.code() in OF_ONE_RECORD]:
            one = RecordBatch(
                [batch.keys[index]], [batch.values[index]], [batch.timestamps[index]],
                None if batch.headers is None else [batch.headers[index]], [0], 1,
            )  # fmt: skip
            answered: list[Reports] = []
            alone = Reports(reports.partition, one, reports.done, answered, False)
            self._hand_over(self._producer, reports.partition, one, alone)
            while not answered:
                self._serve(self._producer, SLICE_S)
            if not alone.failed:
                del reports.failed[index]
                reports.offsets[index] = alone.offsets[0]

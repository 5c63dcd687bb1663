"""The public producer: records in, futures out, over any door."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from streams.clients.accumulator import NEVER, ProducerBatch, RecordAccumulator, size_of
from streams.clients.api import FENCED, ConsumerGroupMetadata, Door, Sent
from streams.clients.api import Position as OffsetAndMetadata
from streams.clients.background import LOCK_S, background_of
from streams.clients.connect import connect
from streams.clients.positions import positions_of
from streams.clients.request_size import check_request_size
from streams.clients.settings import ProducerSettings, producer_settings
from streams.clients.transaction_manager import TransactionManager
from streams.durations import Duration, Instant, to_ms
from streams.errors import (
    BackgroundThreadException,
    IllegalArgumentException,
    IllegalStateException,
    InvalidRecordException,
    InvalidTopicException,
    KafkaException,
    NotYetBuiltException,
    SerializationException,
    TimeoutException,
    TransactionAbortableException,
    TransactionAbortedException,
)
from streams.names import check_topic
from streams.partition import partition_for
from streams.record import Headers, RecordMetadata, TopicPartition
from streams.serdes.base import Serde
from streams.spelling import corrects_names
from streams.validation import (
    GivenHeaders,
    check_bytes,
    check_headers,
    check_partition,
    check_timestamp,
    shown,
)

log = logging.getLogger("streams.clients")

RETRY_MS = 100
Answer = tuple[ProducerBatch, Sent]
RAISED = (
    SerializationException,
    IllegalStateException,
    IllegalArgumentException,
    BackgroundThreadException,
    TransactionAbortableException,
    *FENCED,
)
"""Errors that `send` raises; its future has all others."""

Callback = Callable[[RecordMetadata | None, BaseException | None], None]


@dataclass(frozen=True, slots=True)
class ProducerRecord:
    """A record to be sent: topic, **value, key**. It has no offset: that is given by the log.

    Java's `new ProducerRecord(topic, key, value)` has them the other way round. By name nothing can go wrong:
    `ProducerRecord("orders", key=b"7", value=b"...")`.

    Args:
        topic: where to.
        value: the value; None is a tombstone. Bytes, or what `value.serializer` takes.
        key: the key; records with equal keys go to one partition. Bytes, or what `key.serializer` takes.
        partition: the number of a partition; None: the partitioner decides.
        timestamp: milliseconds since the epoch, or an aware datetime; None: now.
        headers: pairs of name and bytes (or None), or a mapping. Text has to be encoded: `("name", "text".encode())`.
    Raises:
        InvalidTopicException: no topic has that name.
        IllegalArgumentException: partition, timestamp or headers are none (`streams.validation`).
    """

    topic: str
    value: object
    key: object = None
    partition: int | None = None
    timestamp: Instant | None = None
    headers: GivenHeaders = ()

    def __post_init__(self) -> None:
        timestamp, headers = self.timestamp, self.headers
        if timestamp is not None and check_timestamp(timestamp) is not timestamp:
            object.__setattr__(self, "timestamp", check_timestamp(timestamp))
        if self.partition is not None:
            object.__setattr__(self, "partition", check_partition(self.partition))
        if headers.__class__ is not tuple or headers:
            object.__setattr__(self, "headers", check_headers(headers))
        if not isinstance(self.topic, str):
            raise InvalidTopicException(f"Topic name is invalid: {shown(self.topic)} is no text.")


@corrects_names
class Producer:
    """Sends records. Safe to be shared by threads. A context manager: leaving it flushes and closes.

    Records are gathered to batches by partition, and leave in the order in which `send` was called. A batch is tried
    until `delivery.timeout.ms` is over, and is stored once, however often it was tried (`enable.idempotence`). With a
    `transactional.id` records are sent in transactions: those of one are seen together or not at all, by consumers with
    `isolation.level=read_committed`. As Kafka's `KafkaProducer`.

    >>> from streams.clients import Producer, ProducerRecord
    >>> with Producer(bootstrap_servers="memory://a-shop", value_serializer="json") as producer:
    ...     future = producer.send(ProducerRecord("orders", key=b"alice", value={"amount": 3}))
    ...     future.result().offset
    0

    Args:
        config: Kafka's producer settings by their dotted names (docs/settings.md).
        door: the engine to send to; None: the one that `bootstrap.servers` names.
        keywords: settings by the same names with underscores; durations in ms or `timedelta`, sizes in bytes.
    Raises:
        ConfigException: a setting is unknown or has a wrong value.
        NotYetBuiltException: a setting is known, but not built yet.
        BrokerNotFoundException: by the first call that needs the engine: none can be reached or started.
    """

    def __init__(
        self, config: Mapping[str, object] | None = None, *, door: Door | None = None, **keywords: object
    ) -> None:
        settings: ProducerSettings = producer_settings({} if config is None else config, keywords)
        self._settings = settings
        self._own_door = door is None
        self._door = door or connect(
            settings.bootstrap_servers, settings.client_id, connections=settings.connections
        )
        self._world = self._door.world
        self._background = background_of(self._world)
        self._transactions: TransactionManager | None = None
        if settings.transaction is None:
            self._writer = self._door.writer(settings.writer)
        else:
            writer = self._door.transactional_writer(settings.transaction, settings.writer)
            self._writer = writer
            self._transactions = TransactionManager(writer, settings.transaction.transactional_id)
        self._accumulator = RecordAccumulator(settings.batch_size, settings.linger_ms, settings.max_in_flight)
        self._lock = self._world.condition()
        self._sticky: dict[str, tuple[int, int]] = {}
        self._unfinished: set[ProducerBatch] = set()
        self._answers: list[Answer] = []
        self._topics: set[str] = set()
        self._memory = 0
        self._flushing = 0
        self._retry_at = 0
        self._closed = False
        self._fault: BaseException | None = None
        self._background.add(self)

    # Sending

    def send(self, record: ProducerRecord, callback: Callback | None = None) -> Future[RecordMetadata]:
        """Sends a record. Returns at once, unless `buffer.memory` is full or a topic is met for the first time.

        The partition is the record's own, else what `partitioner.class` says, else murmur2 of the key, as in Java;
        records without a key stay with one partition for about a batch. A topic that is missing is made.

        >>> from streams.clients import Producer, ProducerRecord
        >>> with Producer(bootstrap_servers="memory://a-shop") as producer:
        ...     told = []
        ...     paid = ProducerRecord("paid", b"3")
        ...     future = producer.send(paid, lambda metadata, error: told.append(metadata.topic))
        ...     producer.flush()
        ...     told
        ['paid']

        Args:
            record: the record.
            callback: called with `(metadata, None)` or `(None, error)`, once, from another thread; it must not wait.
        Returns:
            A future of topic, partition, offset and timestamp; offset -1 where `acks` is 0. What becomes of the record
            is raised there: `RecordTooLargeException`, `TimeoutException` after `delivery.timeout.ms`, and whatever
            the engine has against it.
        Raises:
            SerializationException: key or value cannot be turned into bytes.
            IllegalArgumentException: it is no record, or the partitioner chose no partition of the topic.
            IllegalStateException: the producer is closed, or has a `transactional.id`, and no transaction goes on.
            TransactionAbortableException: a record of the transaction has failed; abort it.
            ProducerFencedException: another producer has the same `transactional.id`.
            KafkaException: its background work has failed.
        """
        if not isinstance(record, ProducerRecord):
            raise IllegalArgumentException(
                f"send() takes a ProducerRecord, not {shown(record)}. Give ProducerRecord(topic, value, key)."
            )
        if callback is not None and not callable(callback):
            raise IllegalArgumentException(f"Invalid callback: {shown(callback)} cannot be called.")
        topic, headers, settings = record.topic, check_headers(record.headers) if record.headers else (), self._settings
        key = _bytes(settings.key_serializer, topic, record.key, headers, "key")
        value = _bytes(settings.value_serializer, topic, record.value, headers, "value")
        size = size_of(key, value, headers)
        try:
            future = self._send(record, key, value, headers, size)
        except RAISED:
            raise
        except KafkaException as error:
            if self._transactions is not None:
                with self._lock:
                    self._transactions.failed(error)
            future = Future()
            future.set_exception(error)
        if callback is not None:
            future.add_done_callback(partial(_call_back, callback))
        return future

    def _send(
        self, record: ProducerRecord, key: bytes | None, value: bytes | None, headers: Headers, size: int
    ) -> Future[RecordMetadata]:
        settings, topic = self._settings, record.topic
        too_large = check_request_size(key, value, headers, settings.max_request_size)
        if too_large is not None:
            raise too_large
        with self._lock:
            self._check_sendable()
            if topic not in self._topics:
                self._topics.add(check_topic(topic))
            partition = TopicPartition(topic, self._partition(record, key, size))
            if self._memory + size > settings.buffer_memory:
                self._wait_for_memory(size)
            now = self._background.now()
            timestamp = self._world.now_ms() if record.timestamp is None else check_timestamp(record.timestamp)
            future, opened, may_leave = self._accumulator.add(partition, key, value, timestamp, headers, size, now)
            self._memory += size
            if may_leave:
                self._dispatch(now, (partition,))
            answers = self._take_answers()
        self._resolve(answers)
        if opened:
            self._background.wake()
        return future

    def _partition(self, record: ProducerRecord, key: bytes | None, size: int) -> int:
        topic = record.topic
        count = self._writer.partitions_for(topic)
        number = record.partition
        if number is None:
            if self._settings.partitioner is not None:
                number = self._chosen(record, count)
            elif key is not None and not self._settings.ignores_keys:
                return partition_for(key, count)
            else:
                return self._stick(topic, count, size)
        if not 0 <= number < count:
            raise IllegalArgumentException(
                f"Invalid partition: {number}. Topic {topic!r} has {count} partitions, 0 to {count - 1}."
            )
        return number

    def _chosen(self, record: ProducerRecord, count: int) -> int:
        choose = self._settings.partitioner
        assert choose is not None
        number: object = choose(record.topic, record.key, record.value, count)
        if number.__class__ is int:
            return number
        try:
            return check_partition(number)
        except IllegalArgumentException as error:
            said = f"The partitioner {choose!r} failed for topic {record.topic!r}: {error}"
            raise IllegalArgumentException(said) from None

    def _stick(self, topic: str, count: int, size: int) -> int:
        """Records without a key stay with one partition for about a batch, then go on to the next one."""
        number, left = self._sticky.get(topic, (self._world.choice(count), self._settings.batch_size))
        self._sticky[topic] = (number % count, left - size)
        if left - size <= 0:
            self._sticky[topic] = ((number + 1) % count, self._settings.batch_size)
        return number % count

    def _wait_for_memory(self, size: int) -> None:
        limit = self._settings.buffer_memory
        deadline = self._world.monotonic_ms() + self._settings.max_block_ms
        while self._memory + size > limit and self._memory:
            self._dispatch(self._background.now(), None)
            left = deadline - self._world.monotonic_ms()
            if left <= 0:
                raise TimeoutException(
                    f"Failed to allocate {size} bytes within the configured max blocking time "
                    f"{self._settings.max_block_ms} ms. Total memory: {limit} bytes. The engine answers too "
                    "slowly; send less, or raise buffer.memory or max.block.ms."
                )
            self._lock.wait(left / 1000)
            self._check_sendable()

    def partitions_for(self, topic: str) -> int:
        """How many partitions a topic has; a topic that is missing is made, as by a send.

        Args:
            topic: its name.
        Raises:
            InvalidTopicException: no topic may have that name.
            TimeoutException: the engine gave no answer in `max.block.ms`.
        """
        with self._lock:
            self._check_open()
            return self._writer.partitions_for(check_topic(topic))

    # Flushing and closing

    def flush(self, timeout: Duration | None = None) -> None:
        """Sends everything that waits, and waits until all that was sent before has its answer, be it an error.

        What failed is raised by the futures, not here.

        Args:
            timeout: a duration, or milliseconds; None: as long as it takes (`delivery.timeout.ms` bounds it).
        Raises:
            TimeoutException: not all answers came in time.
            BackgroundThreadException: the thread that sends has failed; what had no answer may not be stored.
        """
        deadline = None if timeout is None else self._world.monotonic_ms() + to_ms(timeout, "timeout")
        with self._lock:
            self._check_open()
            self._flushing += 1
            try:
                self._dispatch(self._background.now(), None)
                wanted = self._unfinished | set(self._accumulator.waiting())
                self._background.wake()
                while wanted & (self._unfinished | set(self._accumulator.waiting())):
                    left = None if deadline is None else deadline - self._world.monotonic_ms()
                    if left is not None and left <= 0:
                        raise TimeoutException(f"flush: not every record was acknowledged in {timeout}.")
                    self._lock.wait(None if left is None else left / 1000)
            finally:
                self._flushing -= 1
            fault, answers = self._fault, self._take_answers()
        self._resolve(answers)
        if fault is not None:
            raise _background(fault)

    def close(self, timeout: Duration | None = None) -> None:
        """Flushes, then gives everything back. A second call does nothing. A transaction that goes on is aborted.

        Args:
            timeout: how long the flush may take, a duration or milliseconds. What has no answer by then fails.
        """
        with self._lock:
            if self._closed:
                return
        try:
            if self._transactions is not None and self._transactions.can_abort:
                log.info("Aborting incomplete transaction due to shutdown")
                with suppress(KafkaException):
                    self._abort(None if timeout is None else to_ms(timeout, "timeout"))
            with suppress(TimeoutException, BackgroundThreadException):  # the futures say so, one by one
                self.flush(timeout)
        finally:
            self._background.remove(self)
            with self._lock:
                self._closed = True
                self._writer.close()
                if self._own_door:
                    self._door.close()
                for pending in self._accumulator.waiting():
                    error = IllegalStateException("The producer was closed before the record could be sent.")
                    self._answers.append((pending, Sent(pending.partition, -1, -1, error)))
                answers = self._take_answers()
                self._lock.notify_all()
            self._resolve(answers)

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Transactions

    def init_transactions(self) -> None:
        """Becomes the one producer of its `transactional.id`. Once, before the first transaction.

        Earlier producers of that id are fenced, and what they left open is aborted before this returns.

        >>> from streams.clients import Producer, ProducerRecord
        >>> with Producer(bootstrap_servers="memory://a-shop", transactional_id="till-1") as producer:
        ...     producer.init_transactions()
        ...     with producer.transaction():
        ...         future = producer.send(ProducerRecord("sold", b"bread"))
        ...         future = producer.send(ProducerRecord("stock", b"-1"))

        Raises:
            IllegalStateException: there is no `transactional.id`, or it was called before.
            InvalidTxnTimeoutException: `transaction.timeout.ms` is above the broker's `transaction.max.timeout.ms`.
            TimeoutException: no answer in `max.block.ms`; it may be called again.
        """
        manager = self._manager("init_transactions")
        with self._lock:
            self._check_open()
            manager.init(self._settings.max_block_ms)

    def begin_transaction(self) -> None:
        """Begins a transaction: what is sent until its end belongs to it.

        Raises:
            IllegalStateException: `init_transactions` has not returned, or a transaction goes on.
            ProducerFencedException: another producer has the same `transactional.id`.
        """
        manager = self._manager("begin_transaction")
        with self._lock:
            self._check_open()
            manager.begin()

    def send_offsets_to_transaction(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata | int], group_metadata: ConsumerGroupMetadata
    ) -> None:
        """Has a consumer's positions committed with the transaction: what was read counts as read only with what was
        made of it. The consumer itself must not commit (`enable.auto.commit=false`).

        Args:
            offsets: the offset of the *next* record of each partition.
            group_metadata: `consumer.group_metadata()`, taken after the poll that gave the records.
        Raises:
            CommitFailedException: the consumer is no longer a member of that group, or was in an earlier generation;
                abort.
            FencedInstanceIdException: another consumer has the same `group.instance.id`; abort.
            IllegalStateException: no transaction goes on.
            ProducerFencedException: another producer has the same `transactional.id`.
            TimeoutException: no answer in `max.block.ms`: send them again, or abort.
        """
        manager = self._manager("send_offsets_to_transaction")
        if not isinstance(group_metadata, ConsumerGroupMetadata):
            hint = "Give consumer.group_metadata()."
            raise IllegalArgumentException(f"Invalid group_metadata: {shown(group_metadata)}. {hint}")
        if group_metadata.generation_id > 0 and not group_metadata.member_id:
            raise IllegalArgumentException(
                f"Passed in group metadata {group_metadata} has generationId > 0 but member.id is unknown"
            )
        wanted = positions_of(offsets)
        with self._lock:
            self._check_open()
            manager.send_offsets(wanted, group_metadata, self._settings.max_block_ms)

    def commit_transaction(self) -> None:
        """Commits: flushes, waits until all is acknowledged, and for the engine's word that it is committed.

        Raises:
            TransactionAbortableException: a record or an offset of it has failed; abort.
            TimeoutException: not in `max.block.ms`. The message says whether the outcome is not known, and commit is to
                be called again, or nothing is committed yet.
            ProducerFencedException: another producer has the same `transactional.id`, or the engine has aborted the
                transaction (`transaction.timeout.ms`); make a new producer.
            IllegalStateException: no transaction goes on.
        """
        manager, limit = self._manager("commit_transaction"), self._settings.max_block_ms
        deadline = self._world.monotonic_ms() + limit
        with self._lock:
            self._check_open()
            manager.begin_commit()
            number = manager.number
        try:
            self.flush(limit)
        except TimeoutException:
            with self._lock:
                manager.not_committed()
            raise TimeoutException(
                f"commit_transaction: not every record was acknowledged in max.block.ms={limit}; nothing is committed. "
                "Call it again, or abort_transaction()."
            ) from None
        try:
            with self._lock:
                if manager.number == number:  # else another thread has asked for the same
                    manager.commit(max(0, int(deadline - self._world.monotonic_ms())))
        finally:
            self._resolve_all()

    def abort_transaction(self) -> None:
        """Aborts: nobody who reads committed records will see any of it. Futures without an answer fail.

        Raises:
            TimeoutException: no answer in `max.block.ms`; call it again.
            ProducerFencedException: another producer has the same `transactional.id`; it is aborted all the same.
            IllegalStateException: no transaction goes on, or its commit has begun and may have succeeded.
        """
        self._abort(None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction as a block: committed at its end, aborted by an exception, which goes on.

        Raises:
            KafkaException: as `begin_transaction` and `commit_transaction`. What could not be committed is aborted;
                after a `TimeoutException` of the commit call `commit_transaction` again.
        """
        manager = self._manager("transaction")
        self.begin_transaction()
        try:
            yield
            self.commit_transaction()
        except BaseException:
            if manager.can_abort:
                with suppress(KafkaException):  # what went wrong first is what counts
                    self._abort(None)
            raise

    def prepare_transaction(self) -> None:
        """Refused: two-phase commit is not built yet."""
        raise _two_phase("prepare_transaction")

    def complete_transaction(self, prepared_state: object) -> None:
        """Refused: two-phase commit is not built yet."""
        raise _two_phase("complete_transaction")

    def _abort(self, timeout_ms: int | None) -> None:
        manager = self._manager("abort_transaction")
        limit = self._settings.max_block_ms if timeout_ms is None else timeout_ms
        try:
            with self._lock:
                self._check_open()
                manager.begin_abort()
                self._drop(TransactionAbortedException("Failing batch since transaction was aborted"))
                manager.abort(limit)
        finally:
            self._resolve_all()

    def _manager(self, what: str) -> TransactionManager:
        if self._transactions is None:
            raise IllegalStateException(
                "Cannot use transactional methods without enabling transactions by setting the transactional.id "
                f"configuration property. Make the producer with transactional_id=NAME to call {what}()."
            )
        return self._transactions

    def _resolve_all(self) -> None:
        with self._lock:
            answers = self._take_answers()
        self._resolve(answers)

    # The background thread's side

    def fileno(self) -> int:
        """See `Polled.fileno`."""
        return self._writer.fileno()

    def next_due(self) -> int:
        """See `Polled.next_due`."""
        if not self._lock.acquire(timeout=LOCK_S):
            return self._background.now()
        try:
            if self._closed:
                return NEVER
            # While there is no broker, what was out already is due with its deadline only: it is the try that counts.
            return self._retry_at or min(self._accumulator.next_due(), self._writer.next_due())
        finally:
            self._lock.release()

    def poll_once(self, now: int) -> None:
        """See `Polled.poll_once`: takes acknowledgements, sends what has lingered."""
        if not self._lock.acquire(timeout=LOCK_S):  # a sender waits for the broker; others must not wait with it
            return
        try:
            if self._closed:
                return
            self._retry_at = 0
            try:
                self._writer.await_acks(0)
            except KafkaException as error:  # no broker at present: batches wait, and end with delivery.timeout.ms
                self._waits(now, error)
            else:
                self._dispatch(now, None)
            answers = self._take_answers()
            if answers:
                self._lock.notify_all()
        finally:
            self._lock.release()
        try:
            self._resolve(answers)
        except BaseException:  # sys.exit() in a callback: it may end the thread that sends, never this one
            log.exception("A callback of send() asked for the end of the thread that serves all clients.")

    # Under the lock

    def _dispatch(self, now: int, partitions: tuple[TopicPartition, ...] | None) -> None:
        for pending in self._accumulator.leaving(now, self._flushing > 0, partitions):
            self._unfinished.add(pending)
            try:
                self._writer.send(pending.partition, pending.batch(), partial(self._sent, pending))
            except KafkaException as error:  # the writer has it, and tries again
                self._waits(now, error)
            except Exception as error:  # it cannot be made into bytes, a fault of ours: the other batches go on
                failed = InvalidRecordException(f"{pending.partition}: the batch could not be made: {error!r}")
                failed.__cause__ = error
                self._sent(pending, Sent(pending.partition, -1, -1, failed))

    def _waits(self, now: int, error: KafkaException) -> None:
        """Nothing can be sent for a moment: that is told, as long as it lasts."""
        self._retry_at = now + RETRY_MS
        said = str(error).rstrip(".")
        self._settings.writer.troubled("write", f"Nothing can be sent: {said}. It is tried again by itself.")

    def _sent(self, pending: ProducerBatch, sent: Sent) -> None:
        if pending.answered(sent):
            self._unfinished.discard(pending)
            self._accumulator.back(pending.partition)
            self._memory -= pending.size
        if sent.error is not None and self._transactions is not None:
            self._transactions.failed(sent.error)
        self._answers.append((pending, sent))

    def _drop(self, error: KafkaException) -> None:
        """All that has no answer ends with this error."""
        self._accumulator.drop(self._unfinished)
        for pending in self._unfinished:
            self._answers.append((pending, Sent(pending.partition, -1, -1, error)))
        self._unfinished.clear()
        self._memory = 0
        self._lock.notify_all()

    def _take_answers(self) -> list[Answer]:
        if not self._answers:
            return []
        answers, self._answers = self._answers, []
        return answers

    def _check_sendable(self) -> None:
        self._check_open()
        if self._transactions is not None:
            self._transactions.check_send()

    def _check_open(self) -> None:
        if self._closed:
            raise IllegalStateException("Cannot perform operation after producer has been closed")
        if self._fault is not None:
            raise _background(self._fault)

    def failed(self, error: BaseException) -> None:
        """See `Polled.failed`: nothing is sent any more, and every record that waits is told so."""
        with self._lock:
            self._fault = self._fault or error
            self._drop(_background(error))
            answers = self._take_answers()
            self._lock.notify_all()
        self._resolve(answers)

    def _resolve(self, answers: list[Answer]) -> None:
        """Without the lock: callbacks of futures may call this producer. All are resolved, whatever one raises."""
        ended: BaseException | None = None
        for pending, sent in answers:
            for future, result in pending.results(sent):
                try:
                    if isinstance(result, BaseException):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
                except InvalidStateError:  # it was cancelled
                    continue
                except BaseException as error:  # a callback asks for the end: of SystemExit, Future takes no notice
                    ended = ended or error
        if ended is not None:
            raise ended


def _bytes(serde: Serde[object] | None, topic: str, thing: object, headers: Headers, what: str) -> bytes | None:
    if serde is not None:
        return serde.serialize(topic, thing, headers)
    hint = f"Give bytes, or set {what}.serializer to a serde, e.g. Serdes.string()."
    return check_bytes(thing, f"Topic {topic!r}: the {what}", hint)


def _call_back(callback: Callback, future: Future[RecordMetadata]) -> None:
    error = future.exception()
    callback(None if error is not None else future.result(), error)


def _two_phase(what: str) -> NotYetBuiltException:
    return NotYetBuiltException(f"{what}: two-phase commit is not built yet. Use commit_transaction().")


def _background(error: BaseException) -> BackgroundThreadException:
    failure = BackgroundThreadException(
        f"The producer's background work failed: {error!r}. What had no answer may not have been stored; close this "
        "producer and make another."
    )
    failure.__cause__ = error
    return failure


"""Reading from Kafka: `confluent-kafka` with partitions assigned by hand, its messages taken as columns.

Who is assigned what is the group's own matter (`group.py`); librdkafka never joins. Its queue is asked once with a
wait, in slices of `SLICE_S` as nothing can end that wait, and then for all that is there.

**Pausing.** librdkafka throws away what it has fetched of a partition that is paused, and fetches it again afterwards.
A task that reads two topics in step pauses one of them every thousand records: so what comes of a paused partition is
kept here, and librdkafka is told only when that is as much as a fetch brings (`max.partition.fetch.bytes`, and all
together `fetch.max.bytes`).
"""

from __future__ import annotations

import re
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from weakref import WeakMethod

import confluent_kafka as native
from confluent_kafka import KafkaError, Message

from streams.clients.api import Fetched, Isolation, ReaderSettings
from streams.clients.errors_by_number import exception
from streams.errors import (
    CorruptRecordException,
    KafkaException,
    LogTruncatedException,
    OffsetOutOfRangeException,
    UnknownTopicOrPartitionException,
)
from streams.record import Headers, RecordBatch, TopicPartition
from streams.world import World

SLICE_S = 0.02
MOST_RECORDS = 2_000
"""Of one poll: more of them leave the processor's cache before they are used."""
LONGEST_FETCH_MS = 100
"""librdkafka asks a broker for one fetch at a time: a partition that is added waits until it is answered."""
QUEUED = 20_000
"""So many records of a partition librdkafka fetches ahead: it throws them away where it is paused."""
UNKNOWN_AFTER_MS = 3_000
"""A topic that no broker knows for so long is told of; one that was just made spreads meanwhile."""
WATERMARKS_S = 5.0
_MISSING = (3, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC)
_NOT_THERE = (*_MISSING, 29)
_of_partition = re.compile(r"(\S+) \[(\d+)\]: ").match
_end_of_new_leader = re.compile(r"broker end offset is (\d+)").search


class KafkaReader:
    """A `Reader` over a consumer of its own.

    Args:
        settings: of the connections, by librdkafka's names.
        isolation: what it is shown of transactions.
        reading: sizes and waits.
        world: where it runs.
    """

    def __init__(
        self, settings: Mapping[str, object], isolation: Isolation, reading: ReaderSettings, world: World
    ) -> None:
        self._monotonic_ms = world.monotonic_ms
        self._troubled = reading.troubled
        self._consumer = native.Consumer(
            {
                **settings,
                "group.id": settings["client.id"],  # asked for, and not used
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                "check.crcs": True,
                "isolation.level": isolation.value,
                "fetch.wait.max.ms": min(reading.max_wait_ms, LONGEST_FETCH_MS),
                "fetch.min.bytes": max(1, reading.min_bytes),
                "fetch.max.bytes": max(reading.max_bytes, reading.max_partition_bytes),
                "max.partition.fetch.bytes": reading.max_partition_bytes,
                "message.max.bytes": min(max(reading.max_bytes, 1_000), 1_000_000_000),
                "fetch.queue.backoff.ms": 5,
                "queued.min.messages": QUEUED,
                "queued.max.messages.kbytes": max(1_024, 2 * reading.max_bytes // 1_024),
                "topic.metadata.propagation.max.ms": UNKNOWN_AFTER_MS,
                "error_cb": partial(_tell, WeakMethod(self._trouble)),  # with no way back: both end with the last user
            }
        )
        self._committed = isolation is Isolation.READ_COMMITTED
        self._positions: dict[TopicPartition, int] = {}
        self._resting: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._kept: dict[TopicPartition, deque[tuple[Fetched, int]]] = {}  # what came while it was paused, with sizes
        self._reading = reading
        self._stopped: set[TopicPartition] = set()  # paused partitions of which librdkafka knows
        self._told: dict[TopicPartition, int] = {}  # the end that was told of last
        self._errors: dict[TopicPartition, KafkaException] = {}
        self._missing: list[tuple[TopicPartition, KafkaError]] = []
        self._woken = False
        self._closed = False

    # What is read

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """See `Reader.seek`."""
        if positions:
            self._assign(positions)
            for partition in positions:
                self._forget(partition)

    def _assign(self, positions: Mapping[TopicPartition, int]) -> None:
        self._unassign(positions)
        self._consumer.incremental_assign([native.TopicPartition(*each, offset) for each, offset in positions.items()])
        self._positions.update(positions)
        for partition in positions:
            self._told.pop(partition, None)
            self._resting.discard(partition)
            self._stopped.discard(partition)

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """See `Reader.drop`."""
        gone = [partition for partition in partitions if partition in self._positions]
        self._unassign(gone)
        for partition in gone:
            self._forget(partition)
            del self._positions[partition]
            for those in (self._resting, self._paused, self._stopped):
                those.discard(partition)

    def _forget(self, partition: TopicPartition) -> None:
        """What came of it, or befell it, counts no more."""
        self._errors.pop(partition, None)
        self._kept.pop(partition, None)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """See `Reader.pause`."""
        self._paused.update(each for each in partitions if each in self._positions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """See `Reader.resume`."""
        again = self._paused.intersection(partitions)
        self._paused -= again
        if going := _native((again & self._stopped) - self._resting):
            self._consumer.resume(going)
        self._stopped -= again

    def _keep(self, fetched: Fetched) -> None:
        """What came of a paused partition waits until it goes on."""
        partition, batch = fetched.partition, fetched.batch
        kept = self._kept.setdefault(partition, deque())
        kept.append((fetched, 0 if batch is None else _size(batch)))
        if partition in self._stopped or partition in self._resting:
            return
        most = min(self._reading.max_partition_bytes, self._reading.max_bytes // len(self._positions))
        if sum(size for _, size in kept) >= most:
            self._stopped.add(partition)
            self._consumer.pause(_native([partition]))

    def _released(self) -> list[Fetched]:
        """Of what was kept, a part of each partition that goes on."""
        found: list[Fetched] = []
        for partition in [each for each in self._kept if each not in self._paused]:
            kept = self._kept[partition]
            found.append(kept.popleft()[0])
            if not kept:
                del self._kept[partition]
        return found

    def _broken(self) -> TopicPartition | None:
        """A partition that something befell, after all that came of it before was taken."""
        return next((each for each in self._errors if each not in self._kept), None)

    def _unassign(self, partitions: Iterable[TopicPartition]) -> None:
        if gone := _native(each for each in partitions if each in self._positions and each not in self._resting):
            self._consumer.incremental_unassign(gone)

    # Reading

    def poll(self, timeout_ms: int) -> list[Fetched]:
        """See `Reader.poll`."""
        deadline = self._monotonic_ms() + timeout_ms
        while True:
            if (broken := self._broken()) is not None:
                raise self._errors.pop(broken)
            if self._kept and (found := self._released()):
                return found
            if not timeout_ms and len(self._paused) == len(self._positions):
                return []  # what is taken now would be kept
            left = 0.0 if self._woken else max(0.0, (deadline - self._monotonic_ms()) / 1_000)
            first = self._consumer.poll(min(left, SLICE_S))
            while self._missing:
                partition, error = self._missing.pop()
                self._failed(partition, error, self._positions.get(partition, -1))
            if first is not None:
                found = []
                for each in self._taken([first, *self._consumer.consume(MOST_RECORDS, 0)]):
                    if each.partition in self._paused:
                        self._keep(each)
                    else:
                        found.append(each)
                if found:
                    return found
            elif self._broken() is None and (self._woken or left <= SLICE_S):
                self._woken = False
                return []

    def wake(self) -> None:
        """See `Reader.wake`."""
        self._woken = True

    def close(self) -> None:
        """See `Reader.close`."""
        if not self._closed:
            self._closed = True
            self._consumer.close()

    def _taken(self, messages: list[Message]) -> list[Fetched]:
        found: list[Fetched] = []
        for partition, records, errors in runs(messages):
            if partition is None:
                for said in filter(None, map(Message.error, errors)):
                    self._trouble(said)
                continue
            if partition not in self._positions or partition in self._resting:
                continue
            batch = columns(records) if records else None
            position = batch.next_offset if batch is not None else self._positions[partition]
            end: int | None = None
            for message in errors:
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    end = position = max(position, message.offset() or 0)
                elif error is not None:
                    self._failed(partition, error, position, message.offset())
            if partition not in self._resting:
                log_epoch = records[-1].leader_epoch() if records else None
                found += self._news(partition, batch, position, end, -1 if log_epoch is None else log_epoch)
        return found

    def _news(
        self, partition: TopicPartition, batch: RecordBatch | None, position: int, end: int | None, log_epoch: int
    ) -> list[Fetched]:
        """What is told of a partition.

        Args:
            batch: its records.
            position: what follows them.
            end: where librdkafka has met its end; it says so when a fetch comes back empty, which takes its time. By
                the high watermark that came with the records the end is known at once.
            log_epoch: of the leader that wrote the last record.
        """
        asked = native.TopicPartition(*partition)
        (at,) = self._consumer.position([asked])
        position = max(position, at.offset)  # what lies between is no record: ends of transactions, aborted ones
        low, high = self._consumer.get_watermark_offsets(asked, cached=True)
        if end is None and position >= high >= 0:
            end = position
        if end is not None and self._told.get(partition) == end:
            end = None
        if batch is not None and position > batch.next_offset:
            batch = RecordBatch(batch.keys, batch.values, batch.timestamps, batch.headers, batch.offsets, position)
        elif batch is None and position > self._positions[partition]:
            batch = RecordBatch([], [], [], None, [], position)
        self._positions[partition] = position
        if batch is None and end is None:
            return []
        if end is not None:
            self._told[partition] = end
        unmet = -1 if self._committed else high  # an open transaction before it is not told of
        readable = unmet if end is None else position
        return [Fetched(partition, batch, end, max(low, 0), log_epoch, readable, 0, max(high, position))]

    # What fails

    def _failed(self, partition: TopicPartition, error: KafkaError, position: int, at: int | None = None) -> None:
        """What a partition is told of itself: it rests until somebody seeks, but for what passes by itself.

        Args:
            at: the offset that it befell, where it is known. librdkafka tells of an offset outside the log even where
                somebody has sought meanwhile: what counts is whether the position of today lies outside.
        """
        code = error.code()
        if code == KafkaError._AUTO_OFFSET_RESET:
            asked = native.TopicPartition(*partition)
            try:
                low, high = self._consumer.get_watermark_offsets(asked, WATERMARKS_S)
            except native.KafkaException:  # nobody answers at present: it is met again when somebody does
                self._assign({partition: position})
                return
            if at not in (None, position) or low <= position <= high:
                self._assign({partition: position})
                return
            failed: KafkaException = OffsetOutOfRangeException(
                f"{partition}: position {position} lies outside the log, which reaches from {low} to {high}. "
                "Seek into it, or set auto.offset.reset.",
                partition,
                position,
                low,
                high,
            )
        elif code == KafkaError._LOG_TRUNCATION:
            failed = truncated(partition, position, error.str())
        elif code in _MISSING:
            failed = UnknownTopicOrPartitionException(f"{partition}: no such topic or partition.", partition)
        elif code in (KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, CorruptRecordException.code):
            failed = CorruptRecordException(
                f"{partition}: the batch at offset {position} is damaged: {error.str()}. It is not delivered; seeking "
                "past the batch goes on without it."
            )
        elif code > 0:
            failed = exception(code, error.str(), partition)
        else:  # of librdkafka itself, which goes on by itself
            self._trouble(error)
            return
        self._rest(partition)
        self._errors[partition] = failed

    def _rest(self, partition: TopicPartition) -> None:
        if partition not in self._resting:
            self._unassign([partition])
            self._resting.add(partition)

    def _trouble(self, error: KafkaError) -> None:
        """What librdkafka tells of itself. Of topics and partitions that are not there it says so in words alone."""
        named = _of_partition(error.str())
        if named is not None and error.code() in _NOT_THERE:
            partition = TopicPartition(named[1], int(named[2]))
            if partition in self._positions and partition not in self._resting:
                self._missing.append((partition, error))
            return
        self._troubled("read", f"Kafka cannot be read: {error.str()}. It is tried again by itself.")


def _tell(trouble: WeakMethod[Callable[[KafkaError], None]], error: KafkaError) -> None:
    if (found := trouble()) is not None:
        found(error)


def truncated(partition: TopicPartition, position: int, told: str) -> LogTruncatedException:
    """A new leader lacks what was read. From where on librdkafka says in words alone; what cannot be found in them is
    read again from the beginning."""
    found = _end_of_new_leader(told)
    diverged_at = int(found[1]) if found else 0
    return LogTruncatedException(
        f"{partition}: the log was cut back below position {position}; what was read from offset {diverged_at} on is "
        f"no longer there: {told}",
        partition,
        position,
        diverged_at,
    )


def _size(batch: RecordBatch) -> int:
    headers = (value for headers in batch.headers or () for _, value in headers)
    return sum(len(each) for each in chain(batch.keys, batch.values, headers) if each is not None)


def _native(partitions: Iterable[TopicPartition]) -> list[native.TopicPartition]:
    return [native.TopicPartition(*each) for each in partitions]


def runs(messages: list[Message]) -> list[tuple[TopicPartition | None, list[Message], list[Message]]]:
    """The messages by partition: its records, and what is none of them (ends, errors), each in their order. None: what
    librdkafka says of all together."""
    plain = not any(map(Message.error, messages))
    numbers = list(map(Message.partition, messages))
    if plain and numbers.count(numbers[0]) == len(numbers):
        topics = list(map(Message.topic, messages))
        if topics.count(topics[0]) == len(topics):
            return [(_partition(messages[0]), messages, [])]
    found: dict[TopicPartition | None, tuple[list[Message], list[Message]]] = {}
    for message in messages:
        partition = _partition(message)
        kept = found.get(partition)
        if kept is None:
            kept = found[partition] = ([], [])
        kept[message.error() is not None].append(message)
    return [(partition, records, errors) for partition, (records, errors) in found.items()]


def _partition(message: Message) -> TopicPartition | None:
    topic, number = message.topic(), message.partition()
    return None if topic is None or number is None else TopicPartition(topic, number)


def columns(messages: Sequence[Message]) -> RecordBatch:
    """The records of one partition as a batch."""
    offsets: Sequence[int] = [offset for offset in map(Message.offset, messages) if offset is not None]
    first, after = offsets[0], offsets[-1] + 1
    offsets = range(first, after) if after - first == len(offsets) else array("q", offsets)
    return RecordBatch(
        list(map(Message.key, messages)),
        list(map(Message.value, messages)),
        [timestamp for _, timestamp in map(Message.timestamp, messages)],
        tuple(map(_headers, messages)) if any(map(Message.headers, messages)) else None,
        offsets,
        after,
    )


def _headers(message: Message) -> Headers:
    given = message.headers() or ()
    pairs = given.items() if isinstance(given, dict) else given
    return tuple((name, value.encode() if isinstance(value, str) else value) for name, value in pairs)

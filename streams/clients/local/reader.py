"""Reading from the bundled broker: one long poll over all positions, the next one sent before the last is decoded."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Collection, Iterable, Mapping

from broker_local.base.error_codes import ErrorCode
from broker_local.host.client import ConnectionLost
from broker_local.log import format as batches
from broker_local.protocol.requests.records import (
    READ_COMMITTED,
    READ_UNCOMMITTED,
    Fetch,
    FetchedPart,
    FetchPosition,
    FetchReply,
)
from broker_local.protocol.requests.request import Failure, Reply
from streams.clients.api import Fetched, Isolation, ReaderSettings
from streams.clients.errors_by_number import exception
from streams.clients.local.connection import Connection
from streams.clients.local.held_back import HeldBack
from streams.errors import (
    CorruptRecordException,
    KafkaException,
    LogTruncatedException,
    OffsetOutOfRangeException,
    RetriableException,
)
from streams.record import RecordBatch, TopicPartition

RETRY_MS = 100
"""Pause before a partition is asked for again that the broker could not read for the moment."""


class _Phase(enum.Enum):
    """Where the fetch of a partition stands.

        READY ──sent──> ASKED ──answered, connection lost──> READY
          ├── cannot be read for the moment ──> BACKOFF ──`retry_at`──> ASKED
          └── any other error, damage ──> RESTING, until somebody places it anew
    """

    READY = enum.auto()
    ASKED = enum.auto()
    BACKOFF = enum.auto()
    RESTING = enum.auto()


_NEXT: Mapping[_Phase, Collection[_Phase]] = {
    _Phase.READY: (_Phase.ASKED, _Phase.BACKOFF, _Phase.RESTING),  # errors are told by what is out no more
    _Phase.ASKED: (_Phase.READY, _Phase.BACKOFF, _Phase.RESTING),
    _Phase.BACKOFF: (_Phase.ASKED, _Phase.BACKOFF, _Phase.RESTING),
    _Phase.RESTING: (_Phase.RESTING,),
}


class _FetchState:
    """One partition that is read. Placing it again makes a new one, so that late answers find nobody.

    ASKED means that `request` asks for this very `offset`; several requests may be out, and what answers an offset that
    was left is dropped. Whether it is `paused` is another matter: it is not asked for then, and what still comes is
    `held`.
    """

    __slots__ = ("epoch", "held", "known_end", "offset", "paused", "phase", "request", "retry_at")

    def __init__(self, offset: int, paused: bool) -> None:
        self.offset = offset
        self.paused = paused
        self.held: list[Fetched] = []
        self.known_end = -1
        self.epoch = -1
        self.phase = _Phase.READY
        self.request = -1
        self.retry_at = 0.0

    def become(self, phase: _Phase) -> None:
        """Goes on to another phase."""
        assert phase in _NEXT[self.phase], f"{self.phase.name} does not become {phase.name}"
        self.phase = phase

    def asked(self, request: int) -> None:
        """This request asks for it, as it stands."""
        if self.phase is not _Phase.ASKED:
            self.become(_Phase.ASKED)
        self.request = request

    def answered(self, request: int | None = None) -> None:
        """The request is no longer out (None: whichever asks for it)."""
        if self.phase is _Phase.ASKED and request in (None, self.request):
            self.become(_Phase.READY)

    def moved(self, offset: int) -> None:
        """It stands there now; where that is elsewhere nobody asks for it yet."""
        if offset != self.offset:
            self.offset = offset
            self.answered()


class _PartitionData:
    """What one answer brought for one partition, before its records are decoded."""

    __slots__ = ("answer", "partition", "since", "state")

    def __init__(self, partition: TopicPartition, state: _FetchState, since: int, answer: FetchedPart) -> None:
        self.partition = partition
        self.state = state
        self.since = since
        self.answer = answer

    def news(self, batch: RecordBatch | None, caught_up_at: int | None) -> Fetched:
        """What is told of a batch of it, or of the end alone."""
        answer = self.answer
        return Fetched(
            self.partition,
            batch,
            caught_up_at,
            answer.log_start,
            answer.log_epoch,
            answer.readable_end,
            answer.tombstones_gone,
            answer.log_end,
        )


class LocalReader:
    """A `Reader` over one connection.

    Args:
        connection: its connection.
        isolation: what it is shown of transactions.
        settings: sizes and waits.
    """

    def __init__(self, connection: Connection, isolation: Isolation, settings: ReaderSettings) -> None:
        self._connection = connection
        self._monotonic_ms = connection.world.monotonic_ms
        self._settings = settings
        self._isolation = READ_COMMITTED if isolation is Isolation.READ_COMMITTED else READ_UNCOMMITTED
        self._states: dict[TopicPartition, _FetchState] = {}
        self._paused: set[TopicPartition] = set()
        self._out: dict[int, dict[TopicPartition, tuple[_FetchState, int]]] = {}
        self._ready: list[Fetched] = []
        self._errors: deque[KafkaException] = deque()
        self._stale = False  # some position is not being asked for
        self._held_back = HeldBack(connection.world) if isolation is Isolation.READ_COMMITTED else None

    # What is read

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """See `Reader.seek`."""
        self._ready = [fetched for fetched in self._ready if fetched.partition not in positions]
        for partition, offset in positions.items():
            self._states[partition] = _FetchState(offset, partition in self._paused)
        self._stale = True

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """See `Reader.drop`."""
        for partition in partitions:
            self._states.pop(partition, None)
            self._paused.discard(partition)
        self._ready = [fetched for fetched in self._ready if fetched.partition in self._states]

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """See `Reader.pause`."""
        for partition in partitions:
            state = self._states.get(partition)
            if state is not None and not state.paused:
                state.paused = True
                self._paused.add(partition)
                state.held = [fetched for fetched in self._ready if fetched.partition == partition]
        self._ready = [fetched for fetched in self._ready if fetched.partition not in self._paused]

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """See `Reader.resume`."""
        for partition in partitions:
            self._paused.discard(partition)
            state = self._states.get(partition)
            if state is not None and state.paused:
                state.paused = False
                self._ready += state.held
                state.held = []
                self._stale = True

    # Reading

    def poll(self, timeout_ms: int) -> list[Fetched]:
        """See `Reader.poll`."""
        deadline = self._monotonic_ms() + timeout_ms
        while True:
            if self._errors:
                raise self._errors.popleft()
            left = 0 if self._ready else max(0, int(deadline - self._monotonic_ms() + 0.999))
            try:
                resting_ms = self._ask()
                replies = self._connection.receive(min(left, resting_ms))
            except ConnectionLost:
                self._forget_requests()
                continue
            if self._held_back is not None:
                self._look_for_holders(self._held_back, replies)
            self._take([(number, reply) for number, reply in replies if number in self._out])
            if self._ready:
                given, self._ready = self._ready, []
                return given
            if not self._errors and (left <= 0 or (not replies and left < resting_ms)):
                return []

    def wake(self) -> None:
        """See `Reader.wake`."""
        self._connection.wake()

    def close(self) -> None:
        """See `Reader.close`."""
        self._states.clear()
        self._out.clear()
        self._ready = []
        self._connection.close()

    # The requests

    def _ask(self) -> int:
        """Sends a fetch unless all positions are being asked for; returns how many ms may be waited now."""
        link = self._connection.link()
        if not self._stale:
            return 1 << 31
        now = self._monotonic_ms()
        asked: dict[TopicPartition, tuple[_FetchState, int]] = {}
        positions: list[FetchPosition] = []
        soonest = 1 << 31
        news = False
        for partition, state in self._states.items():
            if state.paused or state.phase is _Phase.RESTING:
                continue
            if state.phase is _Phase.BACKOFF and state.retry_at > now:
                soonest = min(soonest, int(state.retry_at - now) + 1)
                continue
            news = news or state.phase is not _Phase.ASKED
            asked[partition] = (state, state.offset)
            positions.append(
                FetchPosition(
                    partition.topic,
                    partition.partition,
                    state.offset,
                    self._settings.max_partition_bytes,
                    state.epoch,
                    state.known_end,
                )
            )
        if news:
            settings = self._settings
            number = link.send(
                Fetch(
                    tuple(positions),
                    settings.max_wait_ms,
                    settings.min_bytes,
                    settings.max_bytes,
                    self._isolation,
                )
            )
            self._out[number] = asked
            for state, _ in asked.values():
                state.asked(number)
        self._stale = soonest != 1 << 31
        return soonest

    def _look_for_holders(self, held_back: HeldBack, replies: list[tuple[int, Reply]]) -> None:
        """Tells, and asks, who holds this reader back."""
        for number, reply in replies:
            if not isinstance(reply, FetchReply):
                said = held_back.told(number, reply, {place: each.offset for place, each in self._states.items()})
                if said is not None:
                    self._settings.troubled("held-back", said)
        question = held_back.question(self._states)
        if question is not None:
            try:
                held_back.sent(self._connection.link().send(question))
            except ConnectionLost:  # what has come is asked for again, too
                self._forget_requests()

    def _forget_requests(self) -> None:
        self._connection.lost()
        self._out.clear()
        for state in self._states.values():
            state.answered()
        self._stale = True

    # The answers

    def _take(self, replies: list[tuple[int, object]]) -> None:
        """Moves the positions, asks on, and only then decodes."""
        if not replies:
            return
        parts: list[_PartitionData] = []
        for number, reply in replies:
            asked = self._out.pop(number)
            for state, _ in asked.values():
                state.answered(number)
            if isinstance(reply, FetchReply):
                parts += self._moved(reply, asked)
            elif isinstance(reply, Failure):
                self._errors.append(exception(reply.error, reply.message))
        self._stale = True
        try:
            self._ask()
        except ConnectionLost:
            self._forget_requests()
        for part in parts:
            fetched = self._decoded(part)
            if part.state.paused:
                part.state.held += fetched
            else:
                self._ready += fetched

    def _moved(self, reply: FetchReply, asked: dict[TopicPartition, tuple[_FetchState, int]]) -> list[_PartitionData]:
        parts: list[_PartitionData] = []
        for answer in reply.parts:
            partition = TopicPartition(answer.topic, answer.partition)
            state, offset = asked[partition]
            if self._states.get(partition) is not state or state.offset != offset or state.phase is _Phase.RESTING:
                continue
            if answer.error:
                self._failed(partition, state, answer)
                continue
            state.known_end, state.epoch = answer.readable_end, answer.log_epoch
            state.moved(answer.next_offset)
            parts.append(_PartitionData(partition, state, offset, answer))
        return parts

    def _failed(self, partition: TopicPartition, state: _FetchState, answer: FetchedPart) -> None:
        position = state.offset
        error: KafkaException
        if answer.error == ErrorCode.OFFSET_OUT_OF_RANGE:
            error = OffsetOutOfRangeException(
                f"{partition}: position {position} lies outside the log, which reaches from "
                f"{answer.log_start} to {answer.readable_end}. Seek into it, or set auto.offset.reset.",
                partition,
                position,
                answer.log_start,
                answer.readable_end,
            )
        elif answer.error == ErrorCode.UNKNOWN_LEADER_EPOCH:
            error = LogTruncatedException(
                f"{partition}: the log was cut back below position {position}; what was read from offset "
                f"{answer.diverged} on is no longer there.",
                partition,
                position,
                answer.diverged,
            )
        else:
            error = exception(answer.error, answer.message, partition)
            if isinstance(error, RetriableException) and answer.error != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                state.become(_Phase.BACKOFF)
                state.retry_at = self._monotonic_ms() + RETRY_MS
                said = str(error).rstrip(".")
                self._settings.troubled("read", f"The broker cannot read: {said}. It is tried again by itself.")
                return
        state.become(_Phase.RESTING)
        self._errors.append(error)

    def _damaged(self, partition: TopicPartition, state: _FetchState, damage: Exception) -> None:
        state.become(_Phase.RESTING)
        self._errors.append(
            CorruptRecordException(
                f"{partition}: the batch at offset {state.offset} is damaged: {damage}. It is not delivered; "
                "`broker-local check` names the file, seeking past the batch goes on without it."
            )
        )

    def _decoded(self, part: _PartitionData) -> list[Fetched]:
        answer, data = part.answer, part.answer.data
        fetched: list[Fetched] = []
        at, position = 0, part.since
        while at < len(data):
            try:
                header = batches.verify(data, at)
                columns = batches.decode(header, data, at)
            except batches.BadBatch as damage:
                part.state.moved(position)
                self._damaged(part.partition, part.state, damage)
                return fetched
            at += header.size
            batch = RecordBatch(*columns)
            if header.base_offset < position:
                batch = _from(batch, position)
            position = max(position, batch.next_offset)
            fetched.append(part.news(batch, None))
        if position < answer.next_offset:  # what lies between is removed, or nothing that this reader may see
            position = answer.next_offset
            fetched.append(part.news(RecordBatch([], [], [], None, [], position), None))
        if position >= answer.readable_end:
            if fetched:
                fetched[-1] = fetched[-1]._replace(caught_up_at=position)
            else:
                fetched.append(part.news(None, position))
        return fetched


def _from(batch: RecordBatch, offset: int) -> RecordBatch:
    """The batch without the records before `offset`: a batch is stored and sent whole."""
    first = next((i for i, each in enumerate(batch.offsets) if each >= offset), len(batch))
    return RecordBatch(
        batch.keys[first:],
        batch.values[first:],
        batch.timestamps[first:],
        None if batch.headers is None else batch.headers[first:],
        batch.offsets[first:],
        batch.next_offset,
    )

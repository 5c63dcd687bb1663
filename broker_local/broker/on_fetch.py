"""The fetch: one long poll over all positions of a reader."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.base.files import FileSlice
from broker_local.broker.broker import Broker, Peer
from broker_local.broker.on_records import readable_end
from broker_local.broker.waits import Answer, Instant, Key, Later, Steps, end_key
from broker_local.log.partition import Partition, Read
from broker_local.log.read_faults import READ_ERRORS, Truncated
from broker_local.log.segment import Piece
from broker_local.protocol.codec import EMPTY, Body, FileBody
from broker_local.protocol.requests.records import READ_COMMITTED, Fetch, FetchedPart, FetchPosition, FetchReply

WIDE = 128
"""A fetch of more positions than this is looked at in steps, and after that only where something has come."""
STRIDE = 16
FILES = 32
"""Most files that one reply is sent from: descriptors are few. What else there is comes with the next fetch."""
SMALL = 32 * 1024
"""What is not larger is read at once, and takes no descriptor."""
MAX_READ = 8 * 1024 * 1024
"""Most that is read at once for one reply."""


class _ReplyBuilder:
    """What a look at positions found: rows, bytes of batches, and whether something cannot wait.

    Args:
        request: what was asked.
        keep: the rows are for a reply; else only their sizes count, and nothing is read.
    """

    __slots__ = ("_files", "_left", "_read", "_request", "keep", "parts", "size", "urgent")

    def __init__(self, request: Fetch, keep: bool) -> None:
        self.keep = keep
        self.parts: list[FetchedPart] = []
        self.size = 0
        self.urgent = False
        self._request = request
        self._left = request.max_bytes
        self._files = 0
        self._read = 0

    def look(self, broker: Broker, position: FetchPosition, now: int) -> None:
        """Looks at one position."""
        left = self._left if self._files < FILES and self._read < MAX_READ else 0
        part, size = _part(broker, position, self._request.isolation, now, left, not self.size, self._body)
        if part is None:
            return
        self.urgent = self.urgent or not size
        self._left -= size
        self.size += size
        if self.keep:
            self.parts.append(part)

    def _body(self, found: list[Piece], size: int) -> Body:
        """The batches of a row."""
        if not self.keep or not found:
            return EMPTY
        pieces: list[FileSlice | bytes] = []
        for each, _ in found:
            if each.length <= SMALL:
                self._read += each.length
                pieces.append(_whole(each))
            else:
                self._files += 1
                pieces.append(each)
        return FileBody(tuple(pieces), size)

    @property
    def enough(self) -> bool:
        """May the reply go out before the time is up?"""
        return self.urgent or self.size >= max(1, self._request.min_bytes)


def fetch(broker: Broker, peer: Peer, request: Fetch, at: Instant) -> Answer:
    """One long poll over all positions."""
    deadline = at.now + request.max_wait_ms
    if len(request.positions) > WIDE:
        return Steps(_look_widely(broker, request, deadline, at, last=not request.max_wait_ms))
    return _look(broker, request, deadline, at)


def _turned(broker: Broker, request: Fetch) -> Sequence[FetchPosition]:
    """The positions, each time beginning with another one, so that none goes hungry."""
    positions = request.positions
    broker.rotation += 1
    first = broker.rotation % len(positions) if positions else 0
    return (*positions[first:], *positions[:first]) if first else positions


def _look(broker: Broker, request: Fetch, deadline: int, at: Instant) -> Answer:
    due = at.now >= deadline
    building = _ReplyBuilder(request, keep=due or request.min_bytes <= 1)  # else it may well not be enough
    positions = _turned(broker, request)
    for position in positions:
        building.look(broker, position, at.now)
    if due or building.enough:
        if not building.keep:
            building = _ReplyBuilder(request, keep=True)
            for position in positions:
                building.look(broker, position, at.now)
        return FetchReply(tuple(building.parts))
    return Later(_keys(request), deadline, partial(_look, broker, request, deadline))


def _keys(request: Fetch) -> tuple[Key, ...]:
    """What wakes the request: records that come to one of its positions."""
    return tuple(end_key(each.topic, each.partition) for each in request.positions)


# Many positions ----------------------------------------------------------------------------------


def _look_widely(
    broker: Broker, request: Fetch, deadline: int, at: Instant, last: bool
) -> Generator[None, None, Answer]:
    """Looks at all in steps; `last`: answers with whatever there is.

    What came meanwhile to a position that had been looked at is found before anybody waits for more: from there to the
    wait there is no step.
    """
    building = _ReplyBuilder(request, keep=last or request.min_bytes <= 1)
    pending = _turned(broker, request)
    while True:
        ends = _ends(broker, pending, request.isolation)
        for number, position in enumerate(pending):
            if number % STRIDE == 0:
                yield
            building.look(broker, position, at.now)
        if last or (building.keep and building.enough):
            return FetchReply(tuple(building.parts))
        now = _ends(broker, pending, request.isolation)
        pending = [each for each, before, after in zip(pending, ends, now, strict=True) if before != after]
        if len(pending) <= WIDE:
            return _wait(broker, request, deadline, building.size, pending, at)


def _ends(broker: Broker, positions: Iterable[FetchPosition], isolation: int) -> list[tuple[str, int]]:
    """How far the logs may be read, and of which topics they are: what is as it was need not be looked at again."""
    topics, partition_at = broker.logs.topics, broker.logs.opened
    found = []
    for each in positions:
        topic = topics.get(each.topic)
        log = None if topic is None else partition_at(topic.id, each.partition)
        found.append(("" if topic is None else topic.id, -1 if log is None else readable_end(broker, log, isolation)))
    return found


def _wait(
    broker: Broker, request: Fetch, deadline: int, size: int, moved: Iterable[FetchPosition], at: Instant
) -> Answer:
    """Waits for what comes, and looks only there; once it is enough all positions are looked at anew, for the reply.

    Bytes of a position that was looked at twice are counted twice: then the reply has less than it was to
    have, and is never late.
    """
    building = _ReplyBuilder(request, keep=False)
    for position in moved:
        building.look(broker, position, at.now)
    size += building.size
    if building.urgent or size >= max(1, request.min_bytes) or at.now >= deadline:
        return Steps(_look_widely(broker, request, deadline, at, last=True))
    keys = _keys(request)
    woken: list[Key] = []

    def again(at: Instant) -> Answer:
        news = set(woken)
        moved = [each for key, each in zip(keys, request.positions, strict=True) if key in news]
        return _wait(broker, request, deadline, size, moved, at)

    return Later(keys, deadline, again, woken.append)


# One position ------------------------------------------------------------------------------------


def _whole(piece: FileSlice) -> bytes:
    data = piece.read()
    if len(data) < piece.length:
        raise Truncated
    return data


def _readable(
    broker: Broker, partition: Partition, position: FetchPosition, isolation: int, most: int, end: int, now: int
) -> Read:
    """What is to be sent of a position.

    Raises:
        Refusal: as `Partition.read`; KAFKA_STORAGE_ERROR, the disk could not read what lies there a moment ago.
    """
    read = partition.read_committed if isolation == READ_COMMITTED else partition.read
    found = read(position.offset, most, end)
    for at, piece in enumerate(found.pieces):
        said = broker.read_faults.said(piece.data.file.path, now)
        if said is not None:
            if at:  # what comes before can be read
                return Read(found.pieces[:at], found.pieces[at - 1].next_offset)
            raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, said)
    return found


def _part(
    broker: Broker,
    position: FetchPosition,
    isolation: int,
    now: int,
    left: int,
    none_yet: bool,
    body: Callable[[list[Piece], int], Body],
) -> tuple[FetchedPart | None, int]:
    """What there is to say of one position (None: nothing), and the bytes of its batches."""
    topic, number = position.topic, position.partition
    try:
        partition = broker.logs.partition(topic, number)
    except Refusal as refused:
        return FetchedPart(topic, number, refused.code, refused.message, -1, -1, -1, -1, -1, -1, -1, EMPTY), 0
    pieces: list[Piece] = []
    next_offset = position.offset
    end = readable_end(broker, partition, isolation)
    batches: Body = EMPTY
    error, message, diverged = ErrorCode.NONE, "", -1
    if 0 <= position.log_epoch < partition.log_epoch:
        kept = partition.end_of_epoch(position.log_epoch)
        if position.offset > kept:
            error, diverged = ErrorCode.UNKNOWN_LEADER_EPOCH, kept
            message = f"{partition!r} was cut back to offset {kept}; the reader stands at {position.offset}"
    size = 0
    if error == ErrorCode.NONE and (none_yet or left > 0):
        try:
            if not partition.ready(position.offset):
                broker.wake(end_key(topic, number))  # to go on with it, after a look at what others want
                return None, 0
            pieces, next_offset = _readable(
                broker, partition, position, isolation, min(position.max_bytes, max(left, 0)), end, now
            )
            size = sum(each.data.length for each in pieces)
            batches = body(pieces, size)
        except Refusal as refused:
            error, message = refused.code, refused.message
        except OSError as failed:
            if failed.errno not in READ_ERRORS:
                raise
            path = pieces[0].data.file.path if pieces else failed.filename or repr(partition)
            error, message, size = ErrorCode.KAFKA_STORAGE_ERROR, broker.read_faults.note(path, failed, now), 0
    stays = next_offset == position.offset and error == ErrorCode.NONE
    if stays and (position.offset < end or position.known_end == end):
        return None, 0
    part = FetchedPart(
        topic,
        number,
        error,
        message,
        next_offset if error == ErrorCode.NONE else -1,
        end,
        partition.end,
        partition.log_start,
        partition.log_epoch,
        diverged,
        partition.tombstones_gone,
        batches,
    )
    return part, size

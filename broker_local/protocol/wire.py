"""Frames on a connection, without any I/O: what goes out as pieces, what comes in as whole frames.

All integers are little-endian. `length` counts what follows it.

    request  u32 length | u8 api | u8 version | u32 correlation |             u32 head length | head | bodies
    reply    u32 length | u8 api | u8 version | u32 correlation | i16 error | u32 head length | head | bodies

The head is a msgpack map (`codec.py`); bodies are raw bytes back to back, their lengths stand in the head. A
reply with an error that is not 0 has the head {message: text} and no bodies. The page docs/formats/wire.md
says the same with an example.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass

from broker_local.base.error_codes import ErrorCode
from broker_local.base.files import FileSlice
from broker_local.protocol.codec import MAX_ASKED_ROWS, BadHead, Body, FileBody, decode, encode
from broker_local.protocol.requests.request import API_OF, APIS, Api, Asks, Failure, Reply

LENGTH = struct.Struct("<I")
ASKED = struct.Struct("<IBBII")
ANSWERED = struct.Struct("<IBBIhI")
ASKED_REST = struct.Struct("<BBII")
ANSWERED_REST = struct.Struct("<BBIhI")

MAX_HEAD = 4 * 1024 * 1024
MAX_REQUEST = 64 * 1024 * 1024
MAX_REPLY = 256 * 1024 * 1024
MAX_HELLO = 8 * 1024
"""MaxLength frame of somebody who has not said hello."""
LARGE_HEAD = 64 * 1024
GRANT = 1024 * 1024
"""Memory for a large frame is taken as its bytes come, so much at a time."""

VERSION = 1
"""Of each request's records: it tells which of several layouts a request has."""

Chunk = bytes | bytearray | memoryview | FileSlice
Parts = list[Chunk]


class BadFrame(ValueError):
    """The bytes are no frame: nothing after them on this connection can be understood."""


class BadRequest(Exception):
    """The frame is whole, but it is no request this broker answers.

    Args:
        correlation: which request it was.
        api: the number it gave.
        failure: what it is to be answered with.
    """

    def __init__(self, correlation: int, api: int, failure: Failure) -> None:
        super().__init__(failure.message)
        self.correlation = correlation
        self.api = api
        self.failure = failure


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """A request as it came in; `request` is None once only its reply is waited for."""

    correlation: int
    api: Api
    version: int
    request: Asks[Reply] | None

    def parked(self) -> IncomingRequest:
        """The same without its content, which may be a view into a large frame."""
        return IncomingRequest(self.correlation, self.api, self.version, None)


def size_of(chunk: Chunk) -> int:
    """How many bytes a chunk is on the wire."""
    return chunk.length if isinstance(chunk, FileSlice) else len(chunk)


def _flat(bodies: list[Body]) -> tuple[Parts, int]:
    chunks: Parts = []
    total = 0
    for body in bodies:
        if isinstance(body, FileBody):
            chunks.extend(body.pieces)
            total += body.length
        elif len(body):
            chunks.append(body)
            total += len(body)
    return chunks, total


def request_frame(request: Asks[Reply], correlation: int) -> list[bytes | bytearray | memoryview]:
    """The pieces of a request's frame, to be sent in this order."""
    api = API_OF[type(request)].number
    head, bodies = encode(request)
    chunks = [body for body in bodies if not isinstance(body, FileBody) and len(body)]
    length = ASKED.size - 4 + len(head) + sum(map(len, chunks))
    front = ASKED.pack(length, api, VERSION, correlation, len(head))
    return [front + head, *chunks]


def reply_frame(asked: IncomingRequest, reply: Reply) -> Parts:
    """The pieces of a reply's frame, to be sent in this order."""
    if isinstance(reply, Failure):
        return failure_frame(asked.api.number, asked.correlation, reply, asked.version)
    head, bodies = encode(reply)
    chunks, behind = _flat(bodies)
    length = ANSWERED.size - 4 + len(head) + behind
    front = ANSWERED.pack(length, asked.api.number, asked.version, asked.correlation, 0, len(head))
    return [front + head, *chunks]


def failure_frame(api: int, correlation: int, failure: Failure, version: int = 1) -> Parts:
    """The frame that says that a request failed as a whole."""
    head, _ = encode(_Message(failure.message))
    length = ANSWERED.size - 4 + len(head)
    return [ANSWERED.pack(length, api, version, correlation, failure.error, len(head)) + head]


@dataclass(frozen=True, slots=True)
class _Message:
    message: str


def read_request(frame: memoryview) -> IncomingRequest:
    """The request in a whole frame (without its length field).

    Raises:
        BadFrame: it is not even a frame; the connection is of no more use.
        BadRequest: an API, a version or a head that this broker does not take.
    """
    if len(frame) < ASKED_REST.size:
        raise BadFrame(f"a frame of {len(frame)} bytes; a request has at least {ASKED_REST.size}")
    read: tuple[int, int, int, int] = ASKED_REST.unpack_from(frame)
    number, version, correlation, head_length = read
    head_end = ASKED_REST.size + head_length
    if head_length > MAX_HEAD or head_end > len(frame):
        raise BadFrame(f"a head of {head_length} bytes in a frame of {len(frame)}")
    api = APIS.get(number)
    if api is None:
        raise BadRequest(correlation, number, Failure(ErrorCode.UNSUPPORTED_VERSION, f"there is no API {number}"))
    if version != VERSION:
        text = f"{api.name} version {version}: this broker knows {VERSION} to {VERSION}"
        raise BadRequest(correlation, number, Failure(ErrorCode.UNSUPPORTED_VERSION, text))
    try:
        request = decode(api.request, frame[ASKED_REST.size : head_end], frame[head_end:], MAX_ASKED_ROWS)
    except BadHead as error:
        text = f"{api.name}: {error}"
        raise BadRequest(correlation, number, Failure(ErrorCode.INVALID_REQUEST, text)) from None
    return IncomingRequest(correlation, api, version, request)


def has_large_head(frame: memoryview) -> bool:
    """Does it take a while to read the head of this request?"""
    return len(frame) > LARGE_HEAD and ASKED_REST.unpack_from(frame)[3] > LARGE_HEAD


def read_reply(frame: memoryview) -> tuple[int, Reply]:
    """Correlation and reply in a whole frame (without its length field); raises BadFrame if it is none."""
    if len(frame) < ANSWERED_REST.size:
        raise BadFrame(f"a frame of {len(frame)} bytes; a reply has at least {ANSWERED_REST.size}")
    number, _, correlation, error, head_length = ANSWERED_REST.unpack_from(frame)
    head_end = ANSWERED_REST.size + head_length
    if head_end > len(frame):
        raise BadFrame(f"a head of {head_length} bytes in a frame of {len(frame)}")
    head = frame[ANSWERED_REST.size : head_end]
    try:
        if error:
            return correlation, Failure(error, decode(_Message, head).message)
        return correlation, decode(APIS[number].reply, head, frame[head_end:])
    except (BadHead, KeyError, ValueError) as wrong:
        raise BadFrame(f"a reply that cannot be read: {wrong}") from None


def _space(length: int) -> memoryview:
    """Memory for one frame. That of a large one is the kernel's to give: page by page, as it is written to."""
    if length <= GRANT:
        return memoryview(bytearray(length))
    try:
        return memoryview(mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    except OSError as error:
        raise BadFrame(f"no memory for a frame of {length} bytes: {error.strerror}") from None


class Incoming:
    """Turns what a socket gives into whole frames.

    Small frames are cut out of one buffer that is used again and again. A frame larger than that buffer gets
    memory of its own, once its length has been checked, and is received straight into it, `GRANT` bytes at a time.

    Args:
        largest: longest frame that is taken, in bytes.
        buffer: bytes of the buffer for small frames.
    """

    __slots__ = ("_buffer", "_end", "_filled", "_large", "_largest", "_start")

    def __init__(self, largest: int, buffer: int = 64 * 1024) -> None:
        self._largest = largest
        self._buffer = memoryview(bytearray(buffer))
        self._start = 0
        self._end = 0
        self._large: memoryview | None = None
        self._filled = 0

    def widen(self, largest: int, buffer: int = 64 * 1024) -> Incoming:
        """The same for longer frames, with what has come and was not taken yet."""
        wider = Incoming(largest, buffer)
        wider._end = self._end - self._start
        wider._buffer[: wider._end] = self._buffer[self._start : self._end]
        return wider

    def room(self) -> memoryview:
        """Where the next bytes are to be received into; never empty once `next` has given None."""
        if self._large is not None:
            return self._large[self._filled : self._filled + GRANT]
        return self._buffer[self._end :]

    @property
    def held(self) -> int:
        """Bytes of memory for a large frame that is not whole yet, those that the next `room` may take included."""
        return 0 if self._large is None else min(len(self._large), self._filled + GRANT)

    @property
    def begun(self) -> bool:
        """Has a frame begun that was not given yet?"""
        return self._large is not None or self._end > self._start

    def received(self, count: int) -> None:
        """`count` bytes were received into `room()`."""
        if self._large is not None:
            self._filled += count
        else:
            self._end += count

    def next(self) -> memoryview | None:
        """The next whole frame, without its length field; None if there is none yet.

        Raises:
            BadFrame: a length that is not allowed.
        """
        if self._large is not None:
            if self._filled < len(self._large):
                return None
            whole, self._large = self._large, None
            return whole
        start, end, buffer = self._start, self._end, self._buffer
        if end - start >= 4:
            length: int = LENGTH.unpack_from(buffer, start)[0]
            if length > self._largest:
                raise BadFrame(f"a frame of {length} bytes; the most is {self._largest}")
            after = start + 4 + length
            if after <= end:
                self._start = after
                return memoryview(bytes(buffer[start + 4 : after]))
            if 4 + length > len(buffer):
                self._large = _space(length)
                self._filled = end - start - 4
                self._large[: self._filled] = buffer[start + 4 : end]
                self._start = self._end = 0
                return None
        if start:  # what has begun moves to the front: so there is always room for the rest
            rest = bytes(buffer[start:end])
            buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        return None

    def took(self, count: int) -> list[memoryview]:
        """`count` bytes were received into `room()`: all frames that are whole now.

        Raises:
            BadFrame: a length that is not allowed.
        """
        self.received(count)
        frames = []
        while (frame := self.next()) is not None:
            frames.append(frame)
        return frames

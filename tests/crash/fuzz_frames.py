"""Frames that are right, nearly right, or none, to a broker that serves somebody else all the time."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import shutil
import socket
import struct
import tempfile
import threading
import types
import typing
from pathlib import Path

import msgpack

from broker_local.base.files import OsFiles
from broker_local.base.limits import Bounds
from broker_local.base.world import SystemWorld
from broker_local.broker.broker import BrokerSettings
from broker_local.broker.dispatch import open_broker
from broker_local.broker.waits import instant
from broker_local.host.client import SocketLink
from broker_local.host.server import Server
from broker_local.protocol.codec import Body, Range
from broker_local.protocol.requests.connection import PROTOCOL_VERSION, Hello
from broker_local.protocol.requests.records import Fetch, Produce, ProducePart
from broker_local.protocol.requests.request import APIS
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from broker_local.protocol.wire import MAX_REQUEST, request_frame
from tests.broker_local.engines import batch
from tests.crash.found import Found

TEXTS = ["t", "c", "nope", "__consumer_offsets", "../../etc", "", ".", "x" * 249, "x" * 999, "a\0b", "☃", "t\n"]
WHOLE = [0, 1, -1, -2, -3, 2, 5, 100, 1000, 30_000, 2**16, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63)]
SETTINGS = ["retention.ms", "cleanup.policy", "segment.bytes", "max.message.bytes", "segment.ms", "x"]
VALUES = ["1", "-1", "compact", "delete", "9" * 30, "nan", "", "1e400", "٣"]
KINDS = [spec.request for spec in APIS.values() if spec.request is not Hello]
PATIENCE_MS = 10_000
MOST_HELD = 64 << 20


class Frames:
    """A broker in a thread, a client that watches, and one connection after the other that sends an input."""

    def __enter__(self) -> Frames:
        self._directory = tempfile.mkdtemp(prefix="fuzz-")
        clock = SystemWorld()
        path = f"{self._directory}/s"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(128)
        data = Path(self._directory, "data")
        data.mkdir()
        self._path = path
        self._broker = open_broker(OsFiles(str(data)), BrokerSettings(), instant(clock))
        self._server = Server(self._broker, [listener], clock, bounds=Bounds(frame_ms=2_000))
        self._ended: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._witness = SocketLink(self._connected())
        self._witness.call(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "witness"))
        topics = (
            NewTopic("t", 3, {}),
            NewTopic("c", 1, {"cleanup.policy": "compact"}),
            NewTopic("w", 1, {}),
        )
        self._witness.call(TopicCreate(topics))
        self._open: list[socket.socket] = []
        self._count = 0
        return self

    def _serve(self) -> None:
        try:
            self._server.run()
        except BaseException as error:
            self._ended.append(error)

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(5)
        connection.connect(self._path)
        return connection

    def __exit__(self, *_: object) -> None:
        for each in self._open:
            each.close()
        self._witness.close()
        self._server.stop()
        self._thread.join(20)
        shutil.rmtree(self._directory, ignore_errors=True)

    def make(self, chance: random.Random) -> bytes:
        """What one connection sends after its hello."""
        frames = b"".join(frame(chance) for _ in range(chance.choice([1, 1, 2, 10, 40])))
        return frames if chance.random() < 0.9 else frames[: chance.randrange(len(frames) + 1)]

    def play(self, data: bytes) -> str:
        """Sends it; some connections stay open. Then the witness must be answered, and nothing be amiss."""
        try:
            connection = self._connected()
        except OSError as error:  # it ended on what the last one had sent, after the witness was answered
            raise Found(f"nobody is let in: {error!r}; {self._ended}") from error
        connection.settimeout(0.05)
        closed = False
        with contextlib.suppress(TimeoutError):
            try:
                greeting = Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, "fuzz")
                hello = b"".join(bytes(each) for each in request_frame(greeting, 0))
                connection.sendall(hello + data)
                while connection.recv(1 << 20):
                    connection.setblocking(False)
                closed = True
            except BlockingIOError:
                pass
            except OSError:
                closed = True
        if closed or len(self._open) > 20:
            connection.close()
        else:
            self._open.append(connection)
        if len(self._open) > 20:
            self._open.pop(0).close()
        self._watch()
        return "ended" if closed else "answered"

    def _watch(self) -> None:
        try:
            parts = self._witness.call(Produce(-1, (ProducePart("w", 0, batch(b"w")),)), PATIENCE_MS).parts
        except Exception as error:
            raise Found(f"nobody else is served: {error!r}; {self._ended}") from error
        if self._ended or not self._thread.is_alive():
            raise Found(f"the broker ended: {self._ended}")
        # The topic of the witness may have been deleted by the name of another one: never by its own.
        if parts[0].error:
            raise Found(f"the witness is refused: {parts[0]}")
        if self._server.counters.most_held_bytes > MOST_HELD:
            raise Found(f"{self._server.counters.most_held_bytes} bytes were held")


def frame(chance: random.Random) -> bytes:
    """One frame."""
    kind = chance.random()
    if kind < 0.55:
        return whole(chance)
    if kind < 0.75:
        data = bytearray(whole(chance))
        for _ in range(chance.randint(1, 6)):
            first = 0 if chance.random() < 0.1 else 4
            data[chance.randrange(first, len(data))] ^= 1 << chance.randrange(8)
        return bytes(data)
    if kind < 0.9:
        head = msgpack.packb(junk(chance, 0)) if chance.random() < 0.9 else deep(chance)
        length = chance.choice([len(head), len(head), 0, 2**32 - 1, len(head) + 1, max(0, len(head) - 1)])
        return (
            struct.pack("<IBBII", 10 + len(head), chance.randrange(256), chance.choice([1, 1, 0, 2]), 9, length) + head
        )
    size = chance.choice([0, 1, 5, 9, 10, 100, 5000])
    return struct.pack("<I", chance.choice([size, size + 1, 2**32 - 1, MAX_REQUEST])) + chance.randbytes(size)


def whole(chance: random.Random) -> bytes:
    """A frame that is a request."""
    request = record(chance, chance.choice(KINDS))
    if isinstance(request, Fetch):
        request = dataclasses.replace(request, max_wait_ms=min(request.max_wait_ms, 50))
    try:
        return b"".join(bytes(each) for each in request_frame(request, chance.randrange(2**32)))  # type: ignore[arg-type]
    except (OverflowError, ValueError):
        return whole(chance)


def record(chance: random.Random, kind: type) -> object:
    """A record of that kind, each field with something its annotation allows."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return kind(**{field.name: value(chance, hints[field.name]) for field in dataclasses.fields(kind)})


def value(chance: random.Random, hint: object) -> object:
    """Something that an annotation allows, at its edges more often than not."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint == Body:
        return spoilt_batch(chance)
    if origin is typing.Annotated:
        bound = inner[1]
        if isinstance(bound, Range):
            return max(bound.low, min(bound.high, chance.choice(WHOLE)))
        return str(value(chance, str))[: bound.length]
    if origin in (types.UnionType, typing.Union):
        kinds = [each for each in inner if each is not type(None)]
        return None if chance.random() < 0.3 else value(chance, kinds[0])
    if origin is tuple:
        return tuple(value(chance, inner[0]) for _ in range(chance.choice([0, 1, 1, 2, 5])))
    if origin is dict:
        return {chance.choice(SETTINGS): chance.choice(VALUES) for _ in range(chance.randint(0, 2))}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return record(chance, hint)
    plain: dict[object, object] = {
        int: chance.choice(WHOLE),
        str: chance.choice(TEXTS),
        bytes: chance.randbytes(chance.choice([0, 5, 2000])),
        bool: chance.random() < 0.5,
    }
    return plain[hint]


def spoilt_batch(chance: random.Random) -> bytes:
    """A batch, or nearly one."""
    producer = (chance.choice([-1, 0, 7, 2**62]), chance.choice([0, 1, 32767]), chance.choice([0, 1, 5, 2**31 - 1]))
    data = bytearray(batch(b"v", producer=producer))
    for _ in range(chance.choice([0, 0, 1, 3])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data if chance.random() < 0.8 else data[: chance.randrange(len(data))])


def deep(chance: random.Random) -> bytes:
    """Arrays in arrays, deeper than some readers go."""
    return b"\x81\xa6topics" + b"\x91" * chance.choice([500, 1_023, 1_024, 1_025, 5_000, 200_000]) + b"\xc0"


def junk(chance: random.Random, depth: int) -> object:
    """Anything msgpack can say."""
    kind = chance.random()
    if depth > 3 or kind < 0.3:
        return chance.choice([None, True, 0, -1, 2**63, 1.5, "x", b"y", "t", [], {}])
    if kind < 0.6:
        return [junk(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    names = ["topics", "group", "parts", "positions", "offsets", "member_id", "generation", "acks", "max_wait_ms"]
    return {
        chance.choice(names) if chance.random() < 0.9 else 5: junk(chance, depth + 1)
        for _ in range(chance.randint(0, 5))
    }

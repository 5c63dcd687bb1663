"""What the broker's tests share: a broker on files in memory with a clock that is driven, and batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from broker_local.base.error_codes import ErrorCode
from broker_local.base.mem_files import MemFiles
from broker_local.broker.broker import Broker, BrokerSettings, Peer
from broker_local.broker.dispatch import ask_again, complete, due_flush, flushed, handle, open_broker, peer_gone, turn
from broker_local.broker.waits import Instant, Later, Waits
from broker_local.log import format as batches
from broker_local.protocol.requests.records import Fetch, FetchPosition, FetchReply, Produce, ProducedPart, ProducePart
from broker_local.protocol.requests.request import Asks, Failure, Reply
from streams.clock import ManualClock

R = TypeVar("R", bound=Reply)
WALL = 1_700_000_000_000
IDS = count(1)


def batch(*values: bytes | None, producer: tuple[int, int, int] = (-1, -1, -1), at: int = WALL) -> bytes:
    """A batch of these values; keys are their numbers. `producer`: id, epoch, sequence."""
    keys = [b"%d" % number for number in range(len(values))]
    times = [at + number for number in range(len(values))]
    identity, epoch, sequence = producer
    return batches.write(keys, values, times, None, producer_id=identity, epoch=epoch, sequence=sequence)


def values_in(data: memoryview) -> list[tuple[int, bytes | None]]:
    """Offsets and values of all batches."""
    found: list[tuple[int, bytes | None]] = []
    position = 0
    while position < len(data):
        _, values, _, _, offsets, _ = batches.read(data, position)
        found.extend(zip(offsets, values, strict=True))
        position += batches.peek(data, position).size
    return found


@dataclass
class Desk:
    """Asks a broker as a server would, with the time in the test's hands."""

    files: MemFiles = field(default_factory=MemFiles)
    settings: BrokerSettings = field(default_factory=BrokerSettings)
    clock: ManualClock = field(default_factory=lambda: ManualClock(WALL))
    answers: dict[int, Reply | None] = field(default_factory=dict)
    asked: int = 0

    def __post_init__(self) -> None:
        self.waits: Waits[tuple[int, int]] = Waits()
        self.broker: Broker = open_broker(self.files, self.settings, self.at, lambda: f"{next(IDS):032x}")

    @property
    def at(self) -> Instant:
        return Instant(int(self.clock.monotonic_ms()), self.clock.now_ms())

    def send(self, request: Asks[R], peer: int = 1) -> int:
        """Asks; the answer is in `answers` once there is one."""
        number = self.asked
        self.asked += 1
        self.put(peer, number, complete(handle(self.broker, Peer(peer, f"client{peer}"), request, self.at)))
        self.step()
        return number

    def put(self, peer: int, number: int, answer: Reply | Later | None) -> None:
        if isinstance(answer, Later):
            self.waits.park((peer, number), answer)
        else:
            self.answers[number] = answer

    def step(self) -> None:
        """Answers whom it can."""
        self.waits.wake(self.broker.take_woken())
        ready = self.waits.ready(self.at.now)
        while ready:
            for (peer, number), later in ready:
                self.put(peer, number, complete(ask_again(later, self.at)))
            self.waits.wake(self.broker.take_woken())
            ready = self.waits.ready(self.at.now)

    def time(self, by: int) -> None:
        """Time goes on, and what is due is done."""
        self.clock.advance(by)
        turn(self.broker, self.at)
        self.step()

    def sync(self) -> None:
        """What is dirty becomes durable."""
        flush = due_flush(self.broker, self.at)
        if flush is not None:
            flush.run(self.files)
            flushed(self.broker, flush)
        self.step()

    def gone(self, peer: int) -> None:
        """A connection closes."""
        self.waits.drop(lambda who: who[0] == peer)
        peer_gone(self.broker, peer, self.at)
        self.step()

    def ask(self, request: Asks[R], peer: int = 1) -> R:
        """Asks for what is answered at once."""
        reply = self.answers[self.send(request, peer)]
        assert not isinstance(reply, Failure), reply
        return reply  # type: ignore[return-value]

    def fails(self, request: Asks[Reply], peer: int = 1) -> tuple[ErrorCode, str]:
        """Asks for what is refused."""
        reply = self.answers[self.send(request, peer)]
        assert isinstance(reply, Failure), reply
        return ErrorCode(reply.error), reply.message

    def produce(self, topic: str, partition: int, data: bytes, acks: int = -1) -> ProducedPart:
        """Appends one batch."""
        (part,) = self.ask(Produce(acks, (ProducePart(topic, partition, data),))).parts
        return part

    def values(self, topic: str, partition: int, offset: int = 0) -> list[bytes | None]:
        """All values from an offset on."""
        reply = self.ask(Fetch((FetchPosition(topic, partition, offset, 1 << 20),), 0))
        return [value for part in reply.parts for at, value in values_in(fetched(part)) if at >= offset]

    def restarted(self, files: MemFiles | None = None) -> Desk:
        """Another broker on what is left after a kill."""
        return Desk(files or self.files.after_kill(), self.settings, self.clock)


def fetched(part: object) -> memoryview:
    """The batches of a fetched part that may still lie in files."""
    from broker_local.host.inprocess import read_reply

    (read,) = read_reply(FetchReply((part,))).parts  # type: ignore[arg-type, union-attr]
    data: memoryview = read.data  # type: ignore[union-attr]
    return data

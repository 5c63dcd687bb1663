"""Watching a store: the topic that it is restored from, read once for all who watch it here, from any instance.

That is the changelog, or the topic of a table whose source serves as such: all that comes into the store is there, so
nothing is missed whoever has the tasks. Who comes back says up to where it has seen, and is told what came since. While
nobody watches, nothing is read.

All of a watch lives in the event loop. One thread reads, and hands over what has come.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass

from streams.clients.api import READER_DEFAULTS, Admin, Door, Isolation, Reader
from streams.errors import IllegalArgumentException, KafkaException, UnknownTopicOrPartitionException
from streams.record import RecordBatch, TopicPartition
from streams.serdes.base import Serde
from streams.serdes.json import as_json
from streams.topology.store import StoreKind, StoreSpec
from streams.validation import number_of, shown
from streams.world import SYSTEM

log = logging.getLogger("streams.query.watch")

POLL_MS = 200
QUIET_S = 15.0
"""After so long without an event a word is sent, so that nobody in between takes the connection for dead."""
MOST_WAITING = 10_000
"""Events that wait for one watcher; one that is slower is let go, and comes back with what it has seen."""
MOST_MISSED = 100_000
"""Events that are made up for; who has missed more reads the store anew."""
CATCH_UP_S = 30.0
WINDOWS = (StoreKind.WINDOW, StoreKind.TIMESTAMPED_WINDOW)


@dataclass(frozen=True, slots=True)
class Change:
    """One record of a changelog: `key` without a window, `data` as JSON."""

    partition: int
    offset: int
    key: bytes
    data: bytes


def changes(
    spec: StoreSpec, key_serde: Serde[object], value_serde: Serde[object]
) -> Callable[[int, RecordBatch], list[Change]]:
    """Makes changes of the batches of a store's changelog. What cannot be read is passed over, as no store has it."""

    def of(partition: int, batch: RecordBatch) -> list[Change]:
        found = []
        for raw, value, timestamp, offset in zip(
            batch.keys, batch.values, batch.timestamps, batch.offsets, strict=True
        ):
            if raw is None:
                continue
            key, window = _apart(spec, raw)
            told: dict[str, object] = {}
            try:
                told["key"] = key_serde.decode(key)
                if window is not None:
                    told["window"] = window
                told["value"] = None if value is None else value_serde.decode(value)
            except Exception as error:
                log.warning("The record at offset %d of partition %d is not told: %s", offset, partition, error)
                continue
            told["timestamp"] = timestamp
            found.append(Change(partition, offset, key, as_json(told)))
        return found

    return of


def _apart(spec: StoreSpec, raw: bytes) -> tuple[bytes, Mapping[str, int] | None]:
    """Key and window of a changelog's key."""
    if spec.kind in WINDOWS:
        start = _time(raw[-12:-4])
        return raw[:-12], {"start": start, "end": start + spec.window_ms}
    if spec.kind is StoreKind.SESSION:
        return raw[:-16], {"start": _time(raw[-8:]), "end": _time(raw[-16:-8])}
    return raw, None


def _time(raw: bytes) -> int:
    return int.from_bytes(raw, "big", signed=True)


def written(positions: Mapping[int, int]) -> str:
    """Up to where somebody has seen a changelog, as the id of an event: `partition:next offset`, with commas."""
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(positions.items()))


def read_positions(text: str) -> dict[int, int]:
    """The positions of an id.

    Raises:
        IllegalArgumentException: it is none.
    """
    try:
        pairs = [[number_of(number) for number in each.split(":")] for each in text.split(",")]
        found = {partition: offset for partition, offset in pairs if partition is not None and offset is not None}
    except ValueError:
        found = {}
    if len(found) < text.count(",") + 1:
        raise IllegalArgumentException(f"{shown(text)} is no Last-Event-ID of a watch.")
    return found


class Gone(Exception):
    """What was missed cannot be told any more: the store has to be read anew."""


class Watcher:
    """One who watches: what waits for it.

    Args:
        prefix: of the keys that it wants.
        seen: up to where it has seen the changelog.
    """

    def __init__(self, prefix: bytes, seen: Mapping[int, int]) -> None:
        self.prefix = prefix
        self.seen = dict(seen)
        self.waiting: deque[Change] = deque()
        self.come = asyncio.Event()
        self.behind = True
        """What it has missed is still being told: nothing later counts as seen."""
        self.too_slow = False

    def offer(self, partition: int, fresh: Sequence[Change], following: int) -> None:
        """What has come of a partition, and where that goes on."""
        wanted = [each for each in fresh if each.key.startswith(self.prefix)]
        if wanted:
            self.waiting.extend(wanted)
            self.come.set()
            if len(self.waiting) > MOST_WAITING:
                self.too_slow = True
        elif not self.waiting and not self.behind:
            self.seen[partition] = following

    def event(self, change: Change) -> bytes:
        """A change as an event, with what has been seen by then."""
        self.seen[change.partition] = max(self.seen.get(change.partition, 0), change.offset + 1)
        return b"id: " + written(self.seen).encode() + b"\ndata: " + change.data + b"\n\n"


class Watch:
    """The watch of one store.

    Args:
        door: the engine.
        isolation: of the readers.
        topic: that the store is restored from.
        make: changes from batches.
    """

    def __init__(
        self,
        door: Door,
        isolation: Isolation,
        topic: str,
        make: Callable[[int, RecordBatch], list[Change]],
    ) -> None:
        self._door = door
        self._isolation = isolation
        self._topic = topic
        self._make = make
        self._watchers: set[Watcher] = set()
        self._positions: dict[int, int] = {}
        self._reader: Reader | None = None
        self._starting = asyncio.Lock()

    async def events(self, prefix: bytes, since: Mapping[int, int] | None) -> AsyncGenerator[bytes, None]:
        """Server-sent events, from now on or since what was seen, until nobody takes them.

        Raises:
            Gone: what came since cannot be told any more. Before the first event.
        """
        async with self._starting:
            if self._reader is None:
                await self._start()
        at = dict(self._positions)
        watcher = Watcher(prefix, {**at, **(since or {})})
        self._watchers.add(watcher)
        try:
            missed = {p: offset for p, offset in (since or {}).items() if offset < at.get(p, 0)}
            if missed:
                for each in await asyncio.to_thread(self._missed, missed, at):
                    if each.key.startswith(prefix):
                        yield watcher.event(each)
            watcher.behind = False
            yield b"id: " + written(watcher.seen).encode() + b"\n\n"
            while not watcher.too_slow and self._reader is not None:
                watcher.come.clear()
                while watcher.waiting:
                    yield watcher.event(watcher.waiting.popleft())
                try:
                    await asyncio.wait_for(watcher.come.wait(), QUIET_S)
                except TimeoutError:
                    yield b"id: " + written(watcher.seen).encode() + b"\n: still here\n\n"
        finally:
            self._watchers.discard(watcher)
            if not self._watchers and self._reader is not None:
                reader, self._reader = self._reader, None
                reader.wake()

    async def _start(self) -> None:
        def opened() -> tuple[Reader, dict[int, int]]:
            admin: Admin = self._door.admin()
            try:
                described = admin.describe_topics([self._topic]).get(self._topic)
                if described is None:
                    raise UnknownTopicOrPartitionException(f"There is no topic {self._topic}.")
                partitions = [TopicPartition(self._topic, number) for number in range(described.partitions)]
                ends = admin.end_offsets(partitions, self._isolation)
            finally:
                admin.close()
            reader = self._door.reader(self._isolation, READER_DEFAULTS)
            reader.seek(ends)
            return reader, {p.partition: offset for p, offset in ends.items()}

        reader, self._positions = await asyncio.to_thread(opened)
        self._reader = reader
        loop = asyncio.get_running_loop()
        SYSTEM.start("streams-watch", lambda: self._read(reader, loop))

    def _read(self, reader: Reader, loop: asyncio.AbstractEventLoop) -> None:
        """The thread that reads, as long as somebody watches."""
        try:
            while self._reader is reader:
                for fetched in reader.poll(POLL_MS):
                    if fetched.batch is not None:
                        partition, batch = fetched.partition.partition, fetched.batch
                        made = self._make(partition, batch)
                        loop.call_soon_threadsafe(self._come, partition, made, batch.next_offset)
        except Exception as error:  # who watches comes back, and is told where it can be
            log.warning("Watching %s has ended: %s", self._topic, error)
            if self._reader is reader:
                self._reader = None
        finally:
            reader.close()

    def _come(self, partition: int, fresh: Sequence[Change], following: int) -> None:
        self._positions[partition] = following
        for each in self._watchers:
            each.offer(partition, fresh, following)

    def _missed(self, since: Mapping[int, int], upto: Mapping[int, int]) -> list[Change]:
        """What lies between two positions."""
        topic = self._topic
        left = {TopicPartition(topic, p): upto[p] for p in since}
        found: list[Change] = []
        reader = self._door.reader(self._isolation, READER_DEFAULTS)
        end = SYSTEM.monotonic_ms() + CATCH_UP_S * 1000
        try:
            reader.seek({TopicPartition(topic, p): offset for p, offset in since.items()})
            while left:
                if SYSTEM.monotonic_ms() > end or len(found) > MOST_MISSED:
                    raise Gone(f"More has come since than can be made up for: read the store anew, then watch {topic}.")
                for fetched in reader.poll(POLL_MS):
                    stop = left.get(fetched.partition)
                    if stop is None:
                        continue
                    reached = fetched.caught_up_at or 0
                    if fetched.batch is not None:
                        reached = max(reached, fetched.batch.next_offset)
                        made = self._make(fetched.partition.partition, fetched.batch)
                        found += [each for each in made if each.offset < stop]
                    if reached >= stop:
                        del left[fetched.partition]
                        reader.drop([fetched.partition])
        except KafkaException as error:
            raise Gone(f"What came since is not in {topic} any more: {error}") from error
        finally:
            reader.close()
        return found

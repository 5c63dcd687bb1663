"""How old an answer may be, measured by where the topics end: the engine is asked for that, and the store must have it.

What was in a topic when its end was asked for is in the answer, however late that is given. So an answer is as old as
the question for the end at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from streams.clients.api import Admin, Door, Isolation
from streams.errors import TimeoutException
from streams.record import TopicPartition

KEPT = 8
"""Questions whose answers are remembered: a store that is behind the newest may have an older one."""


class Sample(NamedTuple):
    """Where partitions ended, and before when that was asked (ms of a clock that never goes back)."""

    at_ms: float
    ends: Mapping[TopicPartition, int]


class Freshness:
    """For one event loop; asks in a thread of its own, once for all that wait.

    Args:
        door: the engine.
        isolation: of those who read the topics: what they cannot see yet is not missed.
        now: ms of a clock that never goes back.
    """

    def __init__(self, door: Callable[[], Door], isolation: Isolation, now: Callable[[], float]) -> None:
        self._door = door
        self._isolation = isolation
        self._now = now
        self._admin: Admin | None = None
        self._asking: asyncio.Task[None] | None = None
        self._wanted: set[TopicPartition] = set()
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    async def since(self, partitions: Collection[TopicPartition], since_ms: float, timeout_ms: float) -> list[Sample]:
        """Where these partitions ended at times since then, the newest first; at least one.

        Raises:
            TimeoutException: the engine has not said it in that time.
            KafkaException: it cannot say it.
        """
        end = self._now() + timeout_ms
        while True:
            found = [s for s in self._samples if s.at_ms >= since_ms and all(p in s.ends for p in partitions)]
            if found:
                return [Sample(s.at_ms, {p: s.ends[p] for p in partitions}) for s in found]
            self._wanted.update(partitions)
            asked = self._asking
            if asked is None or asked.done():
                asked = self._asking = asyncio.create_task(self._sample())
            # One that was under way before may be too old, or of others; then there will be another.
            await asyncio.wait({asked}, timeout=max(0.0, end - self._now()) / 1000)
            if not asked.done():
                raise TimeoutException(f"The engine has not said within {timeout_ms:.0f} ms where the topics end.")
            asked.result()

    async def _sample(self) -> None:
        wanted, self._wanted = self._wanted, set()
        at_ms = self._now()
        self._samples.appendleft(Sample(at_ms, await asyncio.to_thread(self._ask, wanted)))

    def _ask(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        try:
            if self._admin is None:
                self._admin = self._door().admin()
            return self._admin.end_offsets(sorted(partitions), self._isolation)
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Gives its connection back."""
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()

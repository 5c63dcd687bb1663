"""A compacted topic that is read from its beginning, and followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streams.clients.api import Admin, Door, Isolation
from streams.clients.consumer import Consumer
from streams.connect.errors import ConnectException
from streams.errors import TopicExistsException
from streams.record import TopicPartition
from streams.world import lock

PATIENCE_MS = 30_000


class CompactedTopic:
    """Reads all committed records of a topic, each once, in the order of its partitions. From any thread.

    Args:
        door: the engine.
        topic: the topic; made where it is missing.
        partitions: with so many partitions.
        take: is handed key and value of each record.
        setting: the worker's setting that names it.
        why: what its compaction is for.
        settings: further ones, with which it is made.
    """

    def __init__(
        self,
        door: Door,
        topic: str,
        partitions: int,
        take: Callable[[bytes | None, bytes | None], None],
        setting: str,
        why: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._door = door
        self.topic = topic
        self._wanted = partitions
        self._take = take
        self._setting = setting
        self._why = why
        self._settings = dict(settings or {})
        self._lock = lock()
        self._consumer: Consumer | None = None
        self._admin: Admin | None = None
        self._parts: list[TopicPartition] = []

    @property
    def partitions(self) -> int:
        """How many it has; 0: nobody has looked."""
        return len(self._parts)

    def refresh(self, end: Isolation = Isolation.READ_COMMITTED) -> None:
        """Reads what was committed before this call.

        Args:
            end: `READ_UNCOMMITTED` waits for the ends of transactions too whose commits are answered and, on Kafka, not
                seen by readers yet.
        Raises:
            ConnectException: the topic is not one that is compacted.
            KafkaException: the engine's.
        """
        with self._lock:
            consumer, admin = self._opened()
            ends = admin.end_offsets(self._parts, end)
            behind = {part for part in self._parts if consumer.position(part) < ends[part]}
            deadline = self._door.world.monotonic_ms() + PATIENCE_MS
            while behind:
                self._read(consumer, 100)
                behind = {part for part in behind if consumer.position(part) < ends[part]}
                if behind and self._door.world.monotonic_ms() > deadline:
                    raise ConnectException(f"{self.topic} could not be read to its end within 30 s.")

    def poll(self, timeout_ms: int) -> bool:
        """Reads what has come, and waits for it at most so many milliseconds; has something?"""
        with self._lock:
            consumer, _ = self._opened()
            return self._read(consumer, timeout_ms)

    def _read(self, consumer: Consumer, timeout_ms: int) -> bool:
        found = consumer.poll(timeout_ms)
        for record in found:
            self._take(record.key, record.value)
        return bool(found)

    def _opened(self) -> tuple[Consumer, Admin]:
        if self._consumer is None or self._admin is None:
            self._admin = self._door.admin()
            self._consumer = self._begun(self._admin)
        return self._consumer, self._admin

    def _begun(self, admin: Admin) -> Consumer:
        found = admin.describe_topics([self.topic]).get(self.topic)
        if found is None:
            try:
                found = admin.create_topic(self.topic, self._wanted, {"cleanup.policy": "compact", **self._settings})
            except TopicExistsException:
                found = admin.describe_topics([self.topic])[self.topic]
        if "compact" not in found.settings.get("cleanup.policy", ""):
            raise ConnectException(
                f"Topic '{self.topic}' supplied via the '{self._setting}' property is required to have "
                f"'cleanup.policy=compact' to guarantee consistency and durability of {self._why}. "
                f"Set it: streams-app topics alter {self.topic} --config cleanup.policy=compact."
            )
        if self._wanted == 1 and found.partitions != 1:
            raise ConnectException(
                f"Topic '{self.topic}' supplied via the '{self._setting}' property is required to have a single "
                f"partition in order to guarantee consistency of {self._why}, but found {found.partitions} partitions."
            )
        self._parts = [TopicPartition(self.topic, number) for number in range(found.partitions)]
        consumer = Consumer(
            {"isolation.level": "read_committed", "auto.offset.reset": "earliest", "enable.auto.commit": "false"},
            door=self._door,
        )
        consumer.assign(self._parts)
        consumer.seek_to_beginning(self._parts)
        return consumer

    def close(self) -> None:
        """Closes its clients."""
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
            if self._admin is not None:
                self._admin.close()
            self._consumer = self._admin = None

"""The positions of sources, in a compacted topic in Kafka Connect's layout.

    key     ["connector",{"filename":"/data/orders.txt"}]      JSON
    value   {"position":4711}                                  JSON; none: there is no position any more

They are written by the tasks, in the transaction of the records they stand behind; here they are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from streams.clients.api import Admin, Door, Isolation
from streams.clients.consumer import Consumer
from streams.connect.errors import ConnectException
from streams.connect.records import Parts
from streams.errors import TopicExistsException
from streams.record import TopicPartition
from streams.world import lock

PATIENCE_MS = 30_000


def dumped(value: object) -> bytes:
    """JSON as Kafka Connect writes it: compact, names in their order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _loaded(data: bytes | None) -> object:
    """The value of JSON, None where it is none."""
    try:
        found: object = None if data is None else json.loads(data)
        return found
    except ValueError:
        return None


def _sorted(partition: object) -> str:
    return json.dumps(partition, sort_keys=True)


class Offsets:
    """What is stored in one topic.

    Args:
        door: the engine.
        topic: the topic; made where it is missing.
        partitions: with so many partitions.
    """

    def __init__(self, door: Door, topic: str, partitions: int) -> None:
        self._door = door
        self.topic = topic
        self._wanted = partitions
        self._lock = lock()
        self._consumer: Consumer | None = None
        self._admin: Admin | None = None
        self._parts: list[TopicPartition] = []
        self._keys: dict[tuple[str, str], bytes] = {}
        self._found: dict[tuple[str, str], Parts] = {}

    def refresh(self) -> None:
        """Reads what was committed before this call.

        Raises:
            ConnectException: the topic is not one that is compacted.
            KafkaException: the engine's.
        """
        with self._lock:
            if self._consumer is None or self._admin is None:
                self._begin()
            assert self._consumer is not None and self._admin is not None
            ends = self._admin.end_offsets(self._parts, Isolation.READ_COMMITTED)
            behind = {part for part in self._parts if self._consumer.position(part) < ends[part]}
            deadline = self._door.world.monotonic_ms() + PATIENCE_MS
            while behind:
                for record in self._consumer.poll(100):
                    self._take(record.key, record.value)
                behind = {part for part in behind if self._consumer.position(part) < ends[part]}
                if behind and self._door.world.monotonic_ms() > deadline:
                    raise ConnectException(f"The positions in {self.topic} could not be read within 30 s.")

    def _begin(self) -> None:
        self._admin = self._door.admin()
        found = self._admin.describe_topics([self.topic]).get(self.topic)
        if found is None:
            try:
                found = self._admin.create_topic(self.topic, self._wanted, {"cleanup.policy": "compact"})
            except TopicExistsException:
                found = self._admin.describe_topics([self.topic])[self.topic]
        if "compact" not in found.settings.get("cleanup.policy", ""):
            raise ConnectException(
                f"Topic '{self.topic}' supplied via the 'offset.storage.topic' property is required to have "
                "'cleanup.policy=compact' to guarantee consistency and durability of source connector offsets. "
                f"Set it: streams-app topics alter {self.topic} --config cleanup.policy=compact."
            )
        self._parts = [TopicPartition(self.topic, number) for number in range(found.partitions)]
        self._consumer = Consumer(
            {"isolation.level": "read_committed", "auto.offset.reset": "earliest", "enable.auto.commit": "false"},
            door=self._door,
        )
        self._consumer.assign(self._parts)
        self._consumer.seek_to_beginning(self._parts)

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        named, offset = _loaded(key), _loaded(value)
        if not isinstance(named, list) or len(named) != 2 or key is None:
            return  # not one of ours: Kafka Connect passes over it too
        name = (str(named[0]), _sorted(named[1]))
        self._keys[name] = key
        if isinstance(offset, Mapping):
            self._found[name] = offset
        else:
            self._found.pop(name, None)

    def of(self, connector: str) -> Callable[[Parts], Parts | None]:
        """The positions of one connector, as its tasks ask for them."""
        return lambda partition: self._found.get((connector, _sorted(dict(partition))))

    def key(self, connector: str, partition: Parts) -> bytes:
        """The key under which a position is stored: as it was before, whatever the order of its names."""
        known = self._keys.get((connector, _sorted(dict(partition))))
        return dumped([connector, dict(partition)]) if known is None else known

    def close(self) -> None:
        """Closes its clients."""
        if self._consumer is not None:
            self._consumer.close()
        if self._admin is not None:
            self._admin.close()
        self._consumer = self._admin = None

"""The positions of sources, in a compacted topic in Kafka Connect's layout.

    key     ["connector",{"filename":"/data/orders.txt"}]      JSON
    value   {"position":4711}                                  JSON; none: there is no position any more

They are written by the tasks, in the transaction of the records they stand behind; here they are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from streams.clients.api import Door, Isolation
from streams.connect.json_value import dumped, loaded
from streams.connect.records import Parts
from streams.connect.worker.compacted_topic import CompactedTopic


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
        self.topic = topic
        self._log = CompactedTopic(
            door, topic, partitions, self._take, "offset.storage.topic", "source connector offsets"
        )
        self._keys: dict[tuple[str, str], bytes] = {}
        self._found: dict[tuple[str, str], Parts] = {}

    def refresh(self, end: Isolation = Isolation.READ_COMMITTED) -> None:
        """Reads what was committed before this call. See `CompactedTopic.refresh`."""
        self._log.refresh(end)

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        named, offset = loaded(key), loaded(value)
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

    def all(self, connector: str) -> list[tuple[Parts, Parts]]:
        """The positions of one connector, each with the part of the source that it is for."""
        found: list[tuple[Parts, Parts]] = []
        for (name, part), offset in sorted(self._found.items(), key=lambda each: each[0]):
            named = loaded(part.encode())
            if name == connector and isinstance(named, Mapping):
                found.append((named, offset))
        return found

    def key(self, connector: str, partition: Parts) -> bytes:
        """The key under which a position is stored: as it was before, whatever the order of its names."""
        known = self._keys.get((connector, _sorted(dict(partition))))
        return dumped([connector, dict(partition)]) if known is None else known

    def close(self) -> None:
        """Closes its clients."""
        self._log.close()

"""How connectors and tasks are, in a compacted topic in Kafka Connect's layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from streams.clients.api import Door
from streams.clients.producer import Producer, ProducerRecord
from streams.connect.json_value import Json, dumped, loaded
from streams.connect.worker.compacted_topic import CompactedTopic
from streams.connect.worker.config_state import TaskId
from streams.connect.worker.statuses import Reported, StatusBook, key_of, topic_key, topic_record
from streams.world import lock


class TopicStatuses:
    """See `Statuses`. What is put is known here at once, and written by `flush`.

    Args:
        door: the engine.
        topic: the topic; made where it is missing.
        partitions: with so many partitions.
        wake: has `flush` called soon.
    """

    def __init__(self, door: Door, topic: str, partitions: int, wake: Callable[[], None]) -> None:
        self.book = StatusBook()
        self.worker_id = ""
        """Whose own statuses are known before they are read."""
        self._topic = topic
        self._log = CompactedTopic(
            door, topic, partitions, self._take, "status.storage.topic", "connector and task statuses"
        )
        self._producer = Producer({"client.id": "connect-statuses"}, door=door)
        self._wake = wake
        self._lock = lock()
        self._pending: dict[str, Mapping[str, Json] | None] = {}
        self._deleted: Counter[str] = Counter()
        self._begun = False

    def begin(self) -> None:
        """Reads what there is."""
        self._log.refresh()
        self._begun = True

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        if key is None:
            return
        name, found = key.decode(errors="replace"), loaded(value)
        if value is None and self._deleted[name]:
            self._deleted[name] -= 1  # it is its own, and more may have been told since
            return
        own = isinstance(found, Mapping) and found.get("worker_id") == self.worker_id
        if not (own and self._begun):
            self.book.take(name, found)

    def _told(self, key: str, value: Mapping[str, Json] | None) -> None:
        self.book.take(key, value)
        with self._lock:
            self._pending.pop(key, None)
            self._pending[key] = value
        self._wake()

    def put(self, about: str | TaskId, said: Reported) -> None:
        """See `Statuses.put`."""
        self._told(key_of(about), said.record())

    def use(self, task: TaskId, topic: str, now_ms: int) -> None:
        """See `Statuses.use`."""
        self._told(topic_key(topic, task.connector), topic_record(task, topic, now_ms))

    def forget(self, about: str | TaskId) -> None:
        """See `Statuses.forget`."""
        self._told(key_of(about), None)

    def forget_topics(self, connector: str) -> None:
        """See `Statuses.forget_topics`."""
        for topic in self.book.topics(connector):
            self._told(topic_key(topic, connector), None)

    def flush(self) -> None:
        """Writes what was put since, and reads what others have written."""
        with self._lock:
            pending, self._pending = self._pending, {}
        try:
            for key, value in list(pending.items()):
                data = None if value is None else dumped(value)
                if data is None:
                    self._deleted[key] += 1
                self._producer.send(ProducerRecord(self._topic, key=key.encode(), value=data))
                del pending[key]
        finally:
            with self._lock:
                self._pending = {**pending, **self._pending}
        self._log.poll(0)

    def close(self) -> None:
        """Writes what is left, and closes its clients."""
        self.flush()
        self._producer.flush()
        self._producer.close()
        self._log.close()

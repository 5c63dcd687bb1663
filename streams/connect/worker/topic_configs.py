"""What workers are to run, in a compacted topic of one partition, in Kafka Connect's layout.

Every worker may write. It does so as the one writer of a transactional id that all have in common: whoever takes that
fences the others, reads to the end, decides, and commits. A commit that succeeds is one that nobody came between; who
was fenced begins again.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.clients.api import FENCED, Door, Isolation, TransactionalWriter
from streams.clients.settings import producer_settings
from streams.connect.errors import ConflictException
from streams.connect.json_value import dumped, loaded
from streams.connect.worker.compacted_topic import CompactedTopic
from streams.connect.worker.config_state import ConfigState, Restart
from streams.connect.worker.configs import Decide
from streams.connect.worker.output import Output
from streams.connect.worker.transaction import ANSWER_MS, write_whole
from streams.world import lock

ATTEMPTS = 20
"""So often it is begun again after another worker has come between."""
CLUSTER = "connect-cluster-"
"""What stands before the group's name in the transactional id, as in Kafka Connect."""


class TopicConfigs:
    """See `Configs`.

    Args:
        door: the engine.
        topic: the topic; made where it is missing.
        group: the name of the workers that share it.
        producer: settings of the writer.
    """

    def __init__(self, door: Door, topic: str, group: str, producer: Mapping[str, object]) -> None:
        self.state = ConfigState()
        self._door = door
        self._topic = topic
        self._settings = producer_settings({**producer, "transactional.id": f"{CLUSTER}{group}"}, {})
        self._log = CompactedTopic(
            door, topic, 1, self._take, "config.storage.topic", "connector configurations"
        )
        self._lock = lock()
        self._writer: TransactionalWriter | None = None
        self._commands: list[Restart | tuple[str, str]] = []
        self._begun = False

    def begin(self) -> None:
        """Reads what there is. What was asked for once, before this, is not done any more."""
        self._log.refresh()
        self._begun = True

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        if key is None:
            return
        said = self.state.take(key.decode(errors="replace"), loaded(value))
        if said is not None and self._begun:
            self._commands.append(said)

    def change(self, decide: Decide) -> None:
        """See `Configs.change`."""
        for _ in range(ATTEMPTS):
            with self._lock:
                try:
                    if self._change(decide):
                        return
                except FENCED:
                    self._release()
        raise ConflictException("Other workers change connectors again and again. Ask again a little later.")

    def _change(self, decide: Decide) -> bool:
        if self._writer is None:
            assert self._settings.transaction is not None
            self._writer = self._door.transactional_writer(self._settings.transaction, self._settings.writer)
            self._writer.init(ANSWER_MS)
        self._log.refresh(Isolation.READ_UNCOMMITTED)  # what came before `init` has ended
        entries = list(decide(self.state))
        output, now = Output(self._writer), self._door.world.now_ms()
        output.add(
            (self._topic, 0, key.encode(), None if value is None else dumped(value), now, ()) for key, value in entries
        )
        write_whole(self._writer, output, f"The topic {self._topic}")
        if entries:
            self._log.refresh(Isolation.READ_UNCOMMITTED)
        return True

    def _release(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def refresh(self) -> None:
        """See `Configs.refresh`."""
        self._log.refresh()

    def poll(self) -> None:
        """Reads what has come."""
        self._log.poll(0)

    def commands(self) -> list[Restart | tuple[str, str]]:
        """See `Configs.commands`."""
        found, self._commands = self._commands, []
        return found

    def close(self) -> None:
        """Closes its clients."""
        with self._lock:
            self._release()
        self._log.close()

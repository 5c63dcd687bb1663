"""What tasks have put out and not sent yet, by its age: in outboxes, and in the record caches before them.

While others catch up it must leave before they are ahead of it by the bound of their set (`runtime.worker.alignment`).
"""

from __future__ import annotations

from streams.runtime.tasks.skew import Bound, Standing
from streams.runtime.worker.roster import Roster
from streams.runtime.worker.sender import Sender
from streams.topology.node import TaskId


class Unsent:
    """The unsent output of a worker's tasks.

    Args:
        roster: the tasks.
        sender: where output goes.
        caches: names of the stores whose caches count.
    """

    def __init__(self, roster: Roster, sender: Sender, caches: frozenset[str]) -> None:
        self._roster = roster
        self._sender = sender
        self._caches = caches
        self._clean: dict[TaskId, int] = {}
        """Where each task stood when its caches were seen empty."""
        self._dirty: dict[TaskId, int] = {}
        """What its caches hold now is no older than this."""

    def note(self, standing: Standing) -> None:
        """To be called at every look, before the task goes on: from here on its caches may fill."""
        if not self._caches:
            return
        task, oldest = standing.task, standing.oldest()
        stores = self._roster.places[task].task.stores
        if not any(stores[name].layers.dirty_bytes for name in self._caches if name in stores):
            self._dirty.pop(task, None)
            self._clean[task] = min(part.last for part in standing.parts) if oldest is None else oldest[0]
        elif task not in self._dirty and task in self._clean:
            self._dirty[task] = self._clean[task]

    def let_go(self, task: TaskId, bound: Bound, before: int) -> None:
        """Sends what is older than `before` to the topics of a set; caches that hold such are flushed.

        Raises:
            StreamsException: a flush failed.
        """
        here = self._roster.places[task].task
        if self._dirty.get(task, before) < before:
            here.flush()
            del self._dirty[task]
        due = here.outbox.older(bound.topics, before)
        if due:
            self._sender.send(task, due)

    def oldest(self, task: TaskId, bound: Bound) -> int | None:
        """The timestamp of the oldest that is on its way to a topic of the set; None: nothing is."""
        sent = self._roster.places[task].task.outbox.oldest(bound.topics)
        dirty = self._dirty.get(task) if bound.caches else None
        return sent if dirty is None else dirty if sent is None else min(sent, dirty)

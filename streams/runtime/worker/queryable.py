"""What queries find of a worker: its stores, by name and partition. Any thread may look."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streams.clients.api import Isolation
from streams.runtime.state.stores import OpenStore
from streams.runtime.tasks.restore import Restorer
from streams.runtime.tasks.task import StreamTask
from streams.runtime.worker.globals import Globals
from streams.runtime.worker.mailbox import Mailbox
from streams.runtime.worker.tasks import Tasks
from streams.state.local_store import LocalStore, Restoring, local_store
from streams.topology.node import BuiltTopology, TaskId

GLOBAL_PARTITION = -1


class Queryable:
    """See the module.

    Args:
        built: the topology.
        tasks, globals_, restorer, mailbox: of the worker.
        confirmed: the group has confirmed lately that the tasks are here.
        isolation: what the tasks are shown of what they read.
    """

    def __init__(
        self,
        built: BuiltTopology,
        tasks: Tasks,
        globals_: Globals,
        restorer: Restorer,
        mailbox: Mailbox,
        confirmed: Callable[[], bool],
        isolation: Isolation,
    ) -> None:
        self._subs = {spec.name: sub.id for sub in built.subtopologies for spec in sub.stores}
        self._tasks = tasks
        self._globals = globals_
        self._restorer = restorer
        self._mailbox = mailbox
        self._confirmed = confirmed
        self.isolation = isolation
        self._made: dict[tuple[str, int], LocalStore] = {}

    def find(self, name: str, partition: int) -> LocalStore | Restoring | None:
        """A partition of a store; None: it is not here."""
        sub = self._subs.get(name)
        if sub is None:
            return self._global(name) if partition == GLOBAL_PARTITION else None
        task = self._tasks.by_id.get(TaskId(sub, partition))
        return None if task is None else self._of(name, task)

    def all(self, name: str) -> dict[int, LocalStore | Restoring]:
        """What is here of a store, by partition."""
        sub = self._subs.get(name)
        if sub is None:
            found = self._global(name)
            return {} if found is None else {GLOBAL_PARTITION: found}
        mine = sorted(task.id.partition for task in self._tasks.all if task.id.subtopology == sub)
        parts = {partition: self.find(name, partition) for partition in mine}
        return {partition: part for partition, part in parts.items() if part is not None}

    def _of(self, name: str, task: StreamTask) -> LocalStore | Restoring:
        partition = task.id.partition
        if not task.running:
            done, total = self._restorer.progress().get(f"{name} {task.id}", (0, 0))
            return Restoring(name, partition, done, total)
        made = self._made.get((name, partition))
        if made is None or made.lease is not task.lease:
            made = self._local(task.state.stores[name], partition, task, self._confirmed)
            self._made[name, partition] = made
        return made

    def _global(self, name: str) -> LocalStore | Restoring | None:
        processing = self._globals.processing(name)
        if processing is None:
            return None
        if not self._globals.caught_up or not processing.running:
            ends: Iterable[tuple[int, int]] = self._globals.progress().values()
            return Restoring(name, GLOBAL_PARTITION, 0, sum(end for _, end in ends))
        made = self._made.get((name, GLOBAL_PARTITION))
        if made is None or made.lease is not processing.lease:
            made = self._local(self._globals.stores[name], GLOBAL_PARTITION, processing, _always)
            self._made[name, GLOBAL_PARTITION] = made
        return made

    def _local(
        self, store: OpenStore, partition: int, task: StreamTask, confirmed: Callable[[], bool]
    ) -> LocalStore:
        return local_store(
            store.spec,
            partition,
            store.access,
            task.lease,
            lambda: task.applied,
            lambda: task.partitions,
            task.reached,
            self._mailbox.ask,
            confirmed,
        )


def _always() -> bool:
    return True

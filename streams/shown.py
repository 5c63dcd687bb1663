"""What an instance shows of itself over HTTP, beside its stores: `/state`, and its part of the live page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from streams.clients.api import Door
from streams.console.process import Look
from streams.console.serve import console_of
from streams.health import Health
from streams.metrics.names import TASK_GROUP
from streams.metrics.registry import Metrics
from streams.query.instance import Instance
from streams.runtime.group.membership import endpoints_told
from streams.runtime.worker.rebalances import RebalanceRecord
from streams.runtime.worker.summary import Summary
from streams.topology.node import TaskId

if TYPE_CHECKING:
    from streams.http.site import Feature


class Application(Protocol):
    """What is asked of a `KafkaStreams`."""

    client_id: str

    @property
    def application_id(self) -> str: ...
    def summary(self) -> Summary: ...
    def health(self) -> Health: ...
    def tasks(self) -> Collection[str]: ...
    def rebalances(self) -> Sequence[RebalanceRecord]: ...
    def restore_progress(self) -> Iterable[tuple[str, int, int]]: ...


class ShownWorker(Protocol):
    """What is asked of a worker."""

    def running(self) -> Mapping[TaskId, bool]: ...


class Shown:
    """See the module.

    Args:
        app: whose instance it is.
        instance: knows where tasks are.
        metrics: those of this process.
        workers: those that there are now.
        engine: what the group is asked through.
    """

    def __init__(
        self,
        app: Application,
        instance: Instance,
        metrics: Metrics,
        workers: Callable[[], Iterable[ShownWorker]],
        engine: Callable[[], Door],
    ) -> None:
        self._app = app
        self._instance = instance
        self._metrics = metrics
        self._workers = workers
        self._engine = engine

    @property
    def _generation(self) -> int:
        known = self._instance.known
        return -1 if known is None else known.generation

    def state(self) -> dict[str, object]:
        """What `/state` shows."""
        app, summary = self._app, self._app.summary()
        return {
            "application_id": app.application_id,
            "client_id": app.client_id,
            "instance": self._instance.endpoint,
            "state": summary.state,
            "generation": self._generation,
            "tasks": sorted(app.tasks()),
            "lag": summary.lag,
            "processed": summary.records,
            "restoring": {what: [done, total] for what, done, total in app.restore_progress()},
        }

    def look(self) -> Look:
        """What the live page shows of this process."""
        app, summary = self._app, self._app.summary()
        return Look(
            app.health(),
            summary.trouble,
            self._generation,
            summary.records,
            summary.dropped,
            self._metrics.total("dead-letters-total", TASK_GROUP),
            {task: runs for worker in list(self._workers()) for task, runs in worker.running().items()},
            {what: (done, total) for what, done, total in app.restore_progress()},
            app.rebalances(),
        )

    def members(self) -> Collection[str]:
        """Where instances can be asked, by what they have told their group."""
        with closing(self._engine().admin()) as admin:
            return endpoints_told(member.metadata for member in admin.describe_group(self._app.application_id).members)

    def console(self, token: str) -> Feature:
        """The live page."""
        app = self._app
        ids = app.application_id, app.client_id
        return console_of(*ids, self._instance, self._metrics, self.look, self.members, token)

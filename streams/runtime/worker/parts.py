"""What a worker is handed by its application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from streams.clients.api import Door, Isolation, ReaderSettings
from streams.clock import Clock
from streams.runtime.state.context import TaskContext
from streams.runtime.state.directory import InstanceDirectory
from streams.runtime.tasks.restore import RestoreListener, Restorer
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Guarantee
from streams.runtime.worker.tasks import OpenEngine
from streams.topology.node import BuiltTopology
from streams.troubles import Troubles


def nothing(now: int) -> None:
    """What is called at each turn where nobody wants to know."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is handed by the application. `each_turn` is called at each turn, with the wall clock."""

    built: BuiltTopology
    context: TaskContext
    door: Door
    directory: InstanceDirectory
    open_engine: OpenEngine
    clock: Clock
    listener: RestoreListener | None
    guarantee: Guarantee = AT_LEAST_ONCE
    troubles: Troubles = field(default_factory=Troubles)
    each_turn: Callable[[int], None] = nothing


def restorer_of(parts: WorkerParts, reader: ReaderSettings, isolation: Isolation) -> Restorer:
    """What reads changelogs: as far as they are committed under every guarantee, since the application may have worked
    exactly-once before. Source topics that serve as such are read as they are when they are processed.

    Args:
        reader: how they are read.
        isolation: of what is processed.
    """
    sources = None
    stores = [store for sub in parts.built.subtopologies for store in sub.stores]
    if isolation is not Isolation.READ_COMMITTED and any(store.source_topic is not None for store in stores):
        sources = parts.door.reader(isolation, reader)
    return Restorer(parts.door.reader(Isolation.READ_COMMITTED, reader), parts.listener, sources)

"""From an application's settings to a worker with its clients; where state lies."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from statestore.engine import Engine
from statestore.memory import MemoryEngine
from streams.clients.api import Door
from streams.clock import Clock
from streams.config.application import StreamsConfig
from streams.dropped import Dropped
from streams.metrics.names import RecordingLevel
from streams.metrics.registry import Metrics
from streams.runtime.state.context import TaskContext
from streams.runtime.state.directory import claim
from streams.runtime.state.freshness import Freshness
from streams.runtime.state.memory import Memory
from streams.runtime.state.stores import small_cache
from streams.runtime.tasks.restore import RestoreListener
from streams.runtime.worker.exactly_once import EXACTLY_ONCE
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Guarantee
from streams.runtime.worker.lifecycle import WorkerState
from streams.runtime.worker.parts import WorkerParts, nothing
from streams.runtime.worker.settings import worker_settings
from streams.runtime.worker.worker import Worker
from streams.topology.node import BuiltTopology
from streams.troubles import Troubles
from streams.world import Files

GUARANTEES: Mapping[str, Guarantee] = {each.name: each for each in (AT_LEAST_ONCE, EXACTLY_ONCE)}
"""By `processing.guarantee`."""


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told what a worker does: its states, what ended it, the restores of its stores, what it drops, what keeps
    it from its work. `each_turn` is called at each of its turns, with the wall clock. `memory`: what the workers of the
    application hold. `freshness`: of what they put out."""

    on_state: Callable[[Worker, WorkerState], None]
    on_error: Callable[[Worker, BaseException], None]
    listener: RestoreListener | None = None
    dropped: Dropped = field(default_factory=Dropped)
    troubles: Troubles = field(default_factory=Troubles)
    each_turn: Callable[[int], None] = nothing
    memory: Memory = field(default_factory=Memory)
    freshness: Freshness = field(default_factory=Freshness)


def make_worker(
    config: StreamsConfig,
    built: BuiltTopology,
    door: Door,
    clock: Clock,
    metrics: Metrics,
    client_id: str,
    number: int,
    watchers: Watchers,
) -> Worker:
    """A worker of an application, not started yet. It claims an instance directory.

    Raises:
        LockException: the state directory cannot be used.
    """
    settings = worker_settings(config, client_id, number, watchers.troubles.tell)
    threads = max(1, config.get_int("num.stream.threads"))
    cache = config.get_int("statestore.cache.max.bytes")
    context = TaskContext(
        config=config,
        metrics=metrics,
        prefix=settings.prefix,
        internal_topics=built.internal_topics,
        cache_bytes=cache,
        record_cache=small_cache(max(1, cache // threads)) if cache else None,
        memory=watchers.memory,
        log_prefix=f"stream-thread [{settings.short_name}] ",
        max_request_size=settings.max_request_size,
        dropped=watchers.dropped,
        files=door.world.files,
        freshness=watchers.freshness,
        thread=settings.name,
    )
    parts = WorkerParts(
        built=built,
        context=context,
        door=door,
        directory=claim(state_directory(config, door.address), config.application_id, door.world),
        open_engine=partial(open_database, door.world.files, metrics.level >= RecordingLevel.DEBUG),
        clock=clock,
        listener=watchers.listener,
        guarantee=GUARANTEES[config.get_string("processing.guarantee")],
        troubles=watchers.troubles,
        each_turn=watchers.each_turn,
    )
    return Worker(settings, parts, watchers.on_state, watchers.on_error)


def state_directory(config: StreamsConfig, address: str) -> Path:
    """`state.dir`, or its default for the engine (decision 17).

    Args:
        address: of the door: `local:///data/directory` or `memory://NAME`.
    """
    if config.is_given("state.dir"):
        return Path(config.get_string("state.dir")).expanduser()
    if address.startswith("local://"):
        return Path(address.removeprefix("local://")) / "state"
    if address.startswith("memory://"):
        return Path(tempfile.gettempdir()) / f"streams-{os.getuid()}-{os.getpid()}" / address.removeprefix("memory://")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "streams-app"


def open_database(files: Files, counts: bool, path: Path) -> Engine:
    """The task's database in a directory: where directories live in memory, it does too. `counts`: RocksDB keeps
    statistics."""
    in_memory: type[Engine] = MemoryEngine
    return files.database(path, in_memory, partial(open_rocks, counts=True) if counts else open_rocks)


def open_rocks(path: Path, counts: bool = False) -> Engine:
    """A task's database; the library is loaded when the first one is opened."""
    from statestore.rocks import RocksEngine

    return RocksEngine(str(path), counts=counts)

"""From an application's settings to a worker with its clients; where state lies."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from statestore.engine import Engine
from statestore.memory import MemoryEngine
from streams.clients.api import Door, Isolation, ReaderSettings, Troubled, WriterSettings, nobody
from streams.clients.member import MemberSettings
from streams.clock import Clock
from streams.config.application import StreamsConfig
from streams.config.clients import CONSUMER, FETCH_BYTES, PRODUCER, ClientConfig
from streams.config.derived import READ_BY_CONSUMER, READ_BY_PRODUCER
from streams.dropped import INTERVAL_MS, Dropped
from streams.errors import IllegalStateException
from streams.metrics import Metrics
from streams.runtime.group.assign import AssignSettings
from streams.runtime.group.membership import PROTOCOL
from streams.runtime.state.directory import claim
from streams.runtime.state.memory import Memory
from streams.runtime.state.stores import small_cache
from streams.runtime.tasks.restore import RestoreListener
from streams.runtime.tasks.task import Ground
from streams.runtime.worker.lifecycle import WorkerState
from streams.runtime.worker.worker import Surroundings, Worker, WorkerSettings, nobody_looks
from streams.topology.node import BuiltTopology
from streams.troubles import Troubles


def worker_settings(
    config: StreamsConfig, client_id: str, number: int, troubled: Troubled = nobody
) -> WorkerSettings:
    """The settings of one worker of an application; `troubled` takes what keeps its clients from their work."""
    name = f"{client_id}-StreamThread-{number}"
    given = config.get_main_consumer_configs(f"{name}-consumer", number)
    consumer = ClientConfig(CONSUMER, {key: value for key, value in given.items() if key in READ_BY_CONSUMER})
    given = config.get_producer_configs(f"{name}-producer")
    producer = ClientConfig(PRODUCER, {key: value for key, value in given.items() if key in READ_BY_PRODUCER})
    reader = ReaderSettings.of(consumer, troubled)
    return WorkerSettings(
        name=name,
        application_id=config.application_id,
        prefix=config.internal_topic_prefix,
        commit_interval_ms=config.get_int("commit.interval.ms"),
        poll_ms=config.get_int("poll.ms"),
        task_timeout_ms=config.get_int("task.timeout.ms"),
        skew_wait_ms=config.get_int("max.task.skew.wait.ms"),
        reset=consumer.text("auto.offset.reset"),
        purge_interval_ms=config.get_int("repartition.purge.interval.ms"),
        uncommitted_max_bytes=config.get_int("statestore.uncommitted.max.bytes"),
        assign=AssignSettings(config.get_int("acceptable.recovery.lag")),
        look_every_ms=consumer.number("metadata.max.age.ms"),
        member=MemberSettings.of(config.application_id, (PROTOCOL,), consumer),
        isolation=Isolation(consumer.text("isolation.level")),
        reader=replace(reader, max_bytes=min(reader.max_bytes, FETCH_BYTES)),
        writer=WriterSettings.of(producer, troubled),
        linger_ms=producer.number("linger.ms"),
        cleanup_delay_ms=config.get_int("state.cleanup.delay.ms"),
        max_request_size=producer.number("max.request.size"),
    )


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told what a worker does: its states, what ended it, the restores of its stores, what it drops,
    what keeps it from its work. `look` is called at each of its turns, with the wall clock. `memory`: what the workers
    of the application hold."""

    on_state: Callable[[Worker, WorkerState], None]
    on_error: Callable[[Worker, BaseException], None]
    listener: RestoreListener | None = None
    dropped: Dropped = field(default_factory=Dropped)
    troubles: Troubles = field(default_factory=Troubles)
    look: Callable[[int], None] = nobody_looks
    memory: Memory = field(default_factory=Memory)


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
    ground = Ground(
        config=config,
        metrics=metrics,
        partitions_for=_no_partitions,
        disk=MemoryEngine(),
        prefix=settings.prefix,
        internal_topics=built.internal_topics,
        cache_bytes=cache,
        record_cache=small_cache(max(1, cache // threads)) if cache else None,
        memory=watchers.memory,
        log_prefix=f"stream-thread [{settings.short_name}] ",
        linger_ms=settings.linger_ms,
        max_request_size=settings.max_request_size,
        dropped=watchers.dropped,
    )
    around = Surroundings(
        built=built,
        ground=ground,
        door=door,
        directory=claim(state_directory(config, door.address), config.application_id, door.world.new_id),
        open_engine=open_rocks,
        clock=clock,
        metrics=metrics,
        listener=watchers.listener,
        on_state=watchers.on_state,
        on_error=watchers.on_error,
        troubles=watchers.troubles,
        look=watchers.look,
    )
    return Worker(settings, around)


def summary_interval_ms(config: StreamsConfig) -> int:
    """Between two lines about one thing: `log.summary.interval.ms` where it is given, and is no -1."""
    given = config.get_int("log.summary.interval.ms") if config.is_given("log.summary.interval.ms") else -1
    return given if given >= 0 else INTERVAL_MS


def _no_partitions(topic: str) -> int:
    raise IllegalStateException(f"Nobody has connected yet, so {topic} has no partitions.")


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


def open_rocks(path: Path) -> Engine:
    """A task's database; the library is loaded when the first one is opened."""
    from statestore.rocks import RocksEngine

    return RocksEngine(str(path))

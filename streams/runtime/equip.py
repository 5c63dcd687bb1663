"""From an application's settings to those of a worker and its clients; where state lies."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from statestore.engine import Engine
from streams.clients.api import ReaderSettings, WriterSettings
from streams.clients.member import MemberSettings
from streams.config.application import StreamsConfig
from streams.runtime.assign import AssignSettings
from streams.runtime.membership import PROTOCOL
from streams.runtime.worker import WorkerSettings

MOST_BYTES = 8 * 1024 * 1024
"""Of one fetch: more would only wait in the inboxes."""

HEARTBEAT_MS = 300
"""A worker learns of a rebalance by the answer to a heartbeat (Kafka's 3,000 would hold up every join for so long); to
a broker on the same host it costs next to nothing."""


def worker_settings(config: StreamsConfig, client_id: str, number: int) -> WorkerSettings:
    """The settings of one worker of an application."""
    name = f"{client_id}-StreamThread-{number}"
    consumer = config.get_main_consumer_configs(f"{name}-consumer", number)
    producer = config.get_producer_configs(f"{name}-producer")
    instance = consumer.get("group.instance.id")
    return WorkerSettings(
        name=name,
        application_id=config.application_id,
        prefix=config.internal_topic_prefix,
        commit_interval_ms=config.get_int("commit.interval.ms"),
        poll_ms=config.get_int("poll.ms"),
        task_timeout_ms=config.get_int("task.timeout.ms"),
        reset=str(consumer["auto.offset.reset"]),
        purge_interval_ms=config.get_int("repartition.purge.interval.ms"),
        uncommitted_max_bytes=config.get_int("statestore.uncommitted.max.bytes"),
        topic_defaults={n: str(v) for n, v in config.prefixed("topic.").items()},
        assign=AssignSettings(config.get_int("acceptable.recovery.lag")),
        member=MemberSettings(
            config.application_id,
            (PROTOCOL,),
            None if instance is None else str(instance),
            session_timeout_ms=_number(consumer, "session.timeout.ms", 45_000),
            heartbeat_interval_ms=_number(consumer, "heartbeat.interval.ms", HEARTBEAT_MS),
            rebalance_timeout_ms=_number(consumer, "max.poll.interval.ms", 300_000),
        ),
        reader=ReaderSettings(
            max_wait_ms=_number(consumer, "fetch.max.wait.ms", 500),
            min_bytes=_number(consumer, "fetch.min.bytes", 1),
            max_bytes=min(_number(consumer, "fetch.max.bytes", MOST_BYTES), MOST_BYTES),
            max_partition_bytes=_number(consumer, "max.partition.fetch.bytes", 1024 * 1024),
        ),
        writer=WriterSettings(
            delivery_timeout_ms=_number(producer, "delivery.timeout.ms", 120_000),
            retry_backoff_ms=_number(producer, "retry.backoff.ms", 100),
        ),
    )


def _number(settings: Mapping[str, object], name: str, default: int) -> int:
    found = settings.get(name)
    return found if isinstance(found, int) else default


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

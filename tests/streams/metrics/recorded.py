"""The application whose metrics were recorded from Kafka Streams, and what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streams import (
    BufferConfig,
    EmitStrategy,
    JoinWindows,
    KafkaStreams,
    Materialized,
    Serdes,
    SessionWindows,
    Stores,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)
from streams.metrics.names import MetricName
from tests.streams.apps import produce

RECORDED = Path(__file__).parents[2] / "goldens" / "data" / "metrics.json"
LEVELS = ("INFO", "DEBUG", "TRACE")
TOPICS = ("gold-m-in", "gold-m-table", "gold-m-global", "gold-m-out")


def recorded() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Level, group, name and the tags' names of each metric."""
    found: Any = json.loads(RECORDED.read_text("utf-8"))
    for level in LEVELS:
        for row in found[level]:
            for name in row["names"]:
                yield level, row["group"], name, tuple(sorted(row["tags"]))


def builder() -> StreamsBuilder:
    """The recorded topology (`application.java` of the recording)."""
    made, text = StreamsBuilder(), Serdes.string()
    second = 1_000
    stream = made.stream("gold-m-in", key_serde=text, value_serde=text)
    table = made.table("gold-m-table", store="table-store")
    everywhere = made.global_table("gold-m-global", store="global-store")
    counted = stream.group_by(lambda k, v: v, name="by-value").count(store="counts")
    counted.to_stream().to("gold-m-out", key_serde=text, value_serde=Serdes.long())
    grouped = stream.group_by_key()
    windows = TimeWindows.of_size_with_no_grace(second)
    grouped.windowed_by(windows).count(store="windows").suppress(
        Suppressed.until_window_closes(BufferConfig.unbounded()).with_name("final")
    )
    grouped.windowed_by(windows).emit_strategy(EmitStrategy.on_window_close()).count(store="emit-final")
    grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(second)).count(store="sessions")
    grouped.count(Materialized.as_(Stores.in_memory_key_value_store("in-memory")))
    grouped.reduce(lambda a, b: b, Materialized.as_(Stores.lru_map("lru", 10)))
    stream.to_table(Materialized.as_(Stores.persistent_versioned_key_value_store("versioned", 10 * second)))
    both = stream.join(table, lambda v, t: v + t)
    both.join(everywhere, lambda k, v: v, lambda v, g: v + g).to("gold-m-out")
    stream.outer_join(
        stream,
        lambda left, right: str(left) + str(right),
        JoinWindows.of_time_difference_with_no_grace(second),
        key_serde=text,
        value_serde=text,
        other_value_serde=text,
        store_name="joined",
        name="join",
    )
    return made


def application(engine: str, state_dir: Path, client_id: str = "client", **settings: object) -> KafkaStreams:
    """That application, not started; `client_id` "": each start makes one."""
    if client_id:
        settings["client_id"] = client_id
    return KafkaStreams(
        builder(),
        application_id="gold-metrics",
        bootstrap_servers=engine,
        default_key_serde="string",
        default_value_serde="string",
        state_dir=str(state_dir),
        commit_interval_ms=100,
        **settings,
    )


def produce_texts(engine: str, topic: str, rows: list[tuple[str, str]]) -> None:
    """Sends texts under texts."""
    produce(engine, topic, rows)


def total(found: Mapping[MetricName, object], name: str, group: str, **tags: str) -> float:
    """The sum of a metric over all its tags, or those that have these."""
    wanted = {(tag.replace("_", "-"), value) for tag, value in tags.items()}
    values = [v for n, v in found.items() if (n.name, n.group) == (name, group) and wanted <= set(n.tags)]
    return sum(value for value in values if isinstance(value, int | float))

r"""Windows on two clocks: when something happened, and when it was processed.

    printf '{"at": 30000}\n{"at": 90000}\n' | streams-app produce events --value-serde json
    streams-app --application-id clocks examples/two_clocks.py
    streams-app consume per-minute-happened --from-beginning --key-serde time_windowed:string:60000 --value-serde long
    streams-app consume per-minute-processed --from-beginning --key-serde time_windowed:string:60000 --value-serde long

By event time the two events lie in two minutes however late they are read; by processing time they lie in one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from streams import KStream, ProcessorContext, Record, Serdes, StreamsBuilder, TimeWindows
from streams.processor import ConsumedRecord

minute = TimeWindows.of_size_and_grace(timedelta(minutes=1), timedelta(days=1))


def happened(record: ConsumedRecord, partition_time: int) -> int:
    """Event time: what the event itself says."""
    at: int = record.value["at"]
    return at


class StampedNow:
    """Processing time: gives each record the wall clock for its timestamp."""

    def init(self, context: ProcessorContext[Any, Any]) -> None:
        self.context = context

    def process(self, record: Record[Any, Any]) -> None:
        self.context.forward(record.with_timestamp(self.context.current_system_time_ms()))

    def close(self) -> None:
        """Nothing is held."""


def per_minute(events: KStream[Any, Any], topic: str) -> None:
    grouped = events.group_by(lambda _, event: "all", key_serde=Serdes.string(), value_serde=Serdes.json(), name=topic)
    grouped.windowed_by(minute).count().to_stream().to(topic)


def topology(builder: StreamsBuilder) -> None:
    events = builder.stream(
        "events", key_serde=Serdes.string(), value_serde=Serdes.json(), timestamp_extractor=happened
    )
    per_minute(events, "per-minute-happened")
    per_minute(events.process(StampedNow), "per-minute-processed")

"""A back-fill: four weeks of flights that are all there before the start, counted by airport and quarter of a day.

    streams-app topics create flights-landed --partitions 4 --config retention.ms=-1
    xz -dc examples/data/arrivals.csv.xz | streams-app produce flights-landed
    streams-app --application-id back-fill examples/back_fill.py
    streams-app consume arrivals --from-beginning --key-serde time_windowed:string:21600000 --value-serde json

A line is `978307260000,PHL,33`: the time of the flight in milliseconds, which becomes the record's timestamp, the
airport it lands at, and by how many minutes it is late.

The flights are divided among four partitions and counted behind a repartition topic, with a grace of one day. Each
partition is in order, but one may be read days ahead of another: what comes behind the repartition would be later
than the grace, and not be counted. Tasks that feed one window advance in step of event time while they catch up, in one
process or in several (`--workers 2`, or this command again), so that every flight is in its window.
`python -m benchmarks catch-up flights` compares all 18,976 windows with what a loop over the file gives.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from streams import Serdes, StreamsBuilder, TimeWindows
from streams.processor import ConsumedRecord

SIZE, GRACE = timedelta(hours=6), timedelta(days=1)


class Arrivals(TypedDict):
    flights: int
    delay: int


text = Serdes.string()
arrivals = Serdes.json(Arrivals)


def time_of(record: ConsumedRecord, partition_time: int) -> int:
    """The time in the line, not the one at which it was sent here."""
    return int(record.value.partition(",")[0])


def airport(line: str) -> str:
    return line.split(",")[1]


def add(key: str, line: str, so_far: Arrivals) -> Arrivals:
    return {"flights": so_far["flights"] + 1, "delay": so_far["delay"] + int(line.rpartition(",")[2])}


def topology(builder: StreamsBuilder) -> None:
    flights = builder.stream("flights-landed", key_serde=text, value_serde=text, timestamp_extractor=time_of)
    (
        flights.group_by(lambda _, line: airport(line), name="by-airport", key_serde=text, value_serde=text)
        .windowed_by(TimeWindows.of_size_and_grace(SIZE, GRACE))
        .aggregate(lambda: Arrivals(flights=0, delay=0), add, store="arrivals", value_serde=arrivals)
        .to_stream()
        .to("arrivals")
    )

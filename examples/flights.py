"""Flights: the busiest airports, delays by state, and each airport's delays day by day.

    streams-app topics create flights --partitions 4
    streams-app topics create airports
    streams-app produce airports examples/data/airports.csv --key-separator ,
    gunzip -c examples/data/flights.jsonl.gz | streams-app produce flights --value-serde json
    streams-app --application-id flights examples/flights.py

    streams-app consume departures --from-beginning --value-serde long
    streams-app consume delays-by-state --from-beginning --value-serde json
    streams-app consume delays-by-day --from-beginning --key-serde time_windowed:string:86400000 --value-serde json

A flight is `{"ts": …, "origin": "LAS", "destination": "PHL", "delay": 33, "distance": 2176}`; `ts` is the departure in
milliseconds and becomes the record's timestamp. An airport is a line of CSV behind its code.
"""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import TypedDict

from streams import Serdes, StreamsBuilder, TimeWindows
from streams.processor import ConsumedRecord


class Flight(TypedDict):
    ts: int
    origin: str
    destination: str
    delay: int
    distance: int


class Delays(TypedDict):
    flights: int
    delay: int


flight = Serdes.json(Flight)
delays = Serdes.json(Delays)


def departure(record: ConsumedRecord, partition_time: int) -> int:
    """The time at which the flight left, not the one at which it was sent here."""
    return record.value["ts"] if record.value else partition_time


def state_of(airport: str) -> str:
    """`Thigpen,Bay Springs,MS,USA,31.9,-89.2`: name, city, state, country, latitude, longitude."""
    return next(csv.reader([airport]))[2]


def add(key: str, one: Flight, so_far: Delays) -> Delays:
    return {"flights": so_far["flights"] + 1, "delay": so_far["delay"] + one["delay"]}


def topology(builder: StreamsBuilder) -> None:
    flights = builder.stream("flights", key_serde=Serdes.string(), value_serde=flight, timestamp_extractor=departure)
    airports = builder.global_table("airports", key_serde=Serdes.string(), value_serde=Serdes.string())

    by_origin = flights.group_by(
        lambda _, one: one["origin"], name="by-origin", key_serde=Serdes.string(), value_serde=flight
    )
    by_origin.count(store="departures").to_stream().to("departures", value_serde=Serdes.long())

    by_day = by_origin.windowed_by(TimeWindows.of_size_and_grace(timedelta(days=1), timedelta(days=1)))
    by_day.aggregate(lambda: Delays(flights=0, delay=0), add, store="delays-by-day", value_serde=delays).to_stream().to(
        "delays-by-day"
    )

    located = flights.join(
        airports, lambda _, one: one["origin"], lambda one, airport: (state_of(airport), one)
    )
    (
        located.map(lambda _, state_and_flight: state_and_flight)
        .group_by_key(name="by-state", key_serde=Serdes.string(), value_serde=flight)
        .aggregate(lambda: Delays(flights=0, delay=0), add, store="delays-by-state", value_serde=delays)
        .to_stream()
        .to("delays-by-state")
    )

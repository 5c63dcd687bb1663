"""Real flights through the example, compared with answers that plain Python gives."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from streams import Serdes
from streams.testing import TopologyTestDriver
from tests.examples.driving import DATA, driver_of, long, rows, text, windowed

DAY = 86_400_000
FLIGHTS = 3_000

Flight = dict[str, Any]


def flights() -> list[Flight]:
    """Every twenty-first flight, so that all four days are among them."""
    with gzip.open(DATA / "flights.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for number, line in enumerate(lines) if number % 21 == 0][:FLIGHTS]


def states() -> dict[str, str]:
    with (DATA / "airports.csv").open(encoding="utf-8", newline="") as lines:
        return {row["iata"]: row["state"] for row in csv.DictReader(lines)}


def totals(keys: list[Any], found: list[Flight]) -> dict[Any, dict[str, int]]:
    number: Counter[Any] = Counter(keys)
    delay: Counter[Any] = Counter()
    for key, flight in zip(keys, found, strict=True):
        delay[key] += flight["delay"]
    return {key: {"flights": count, "delay": delay[key]} for key, count in number.items()}


@pytest.fixture(scope="module")
def driver() -> Iterator[TopologyTestDriver]:
    with driver_of("flights") as running:
        airports = running.create_input_topic("airports", text, text)
        for line in (DATA / "airports.csv").read_text("utf-8").splitlines():
            iata, _, rest = line.partition(",")
            airports.pipe_input(iata, rest)
        running.create_input_topic("flights", text, Serdes.json()).pipe_value_list(flights())
        yield running


def test_departures(driver: TopologyTestDriver) -> None:
    assert dict(rows(driver, "departures", long)) == Counter(flight["origin"] for flight in flights())


def test_delays_by_state(driver: TopologyTestDriver) -> None:
    found, of = flights(), states()
    assert len(found) > 2_500
    assert dict(rows(driver, "delays-by-state", Serdes.json())) == totals([of[f["origin"]] for f in found], found)


def test_delays_by_day(driver: TopologyTestDriver) -> None:
    found = flights()
    wanted = totals([(flight["origin"], flight["ts"] // DAY * DAY) for flight in found], found)
    result = {
        (key.key, key.window.start): value for key, value in rows(driver, "delays-by-day", Serdes.json(), windowed(DAY))
    }
    assert result == wanted
    assert len({start for _, start in result}) == 4

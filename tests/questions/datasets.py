"""An application for each data set: all that is asked of it, each answer as a topic of its name.

Keys and values of an answer are lists; the key's, then the value's, are the columns of its rows.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from streams import (
    BufferConfig,
    JoinWindows,
    KGroupedStream,
    KStream,
    KTable,
    Serdes,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)

Row = list[Any]
Line = dict[str, Any]
text, json_ = Serdes.string(), Serdes.json()
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
BEGIN_MS = 1_000_000_000_000
"""Time of records that have none."""


class Record(NamedTuple):
    """Of an input topic; the value goes as JSON."""

    key: str | None
    value: Any
    timestamp: int


class Found(NamedTuple):
    """What came of an application.

    Args:
        all: the rows of an answer's topic, in their order, without deletions.
        last: of each key the last one, unless that is a deletion.
        kept: the keys of its store `names`, in the store's order.
    """

    all: Callable[[str], list[Row]]
    last: Callable[[str], list[Row]]
    kept: Callable[[], list[str]]


class Dataset(NamedTuple):
    """A data set with its application.

    Args:
        inputs: by topic, its records from the directory of the data.
        topology: the application; topics are called as the second argument makes of their names.
        topics: that it writes.
        answers: by name, how the rows are got; they are compared in order only where they are ranked.
    """

    inputs: Mapping[str, Callable[[Path], Iterable[Record]]]
    topology: Callable[[StreamsBuilder, Callable[[str], str]], None]
    topics: tuple[str, ...]
    answers: Mapping[str, Callable[[Found], list[Row]]]


# Input


def opened(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        yield from lines


def json_lines(name: str) -> Callable[[Path], Iterator[Record]]:
    def read(directory: Path) -> Iterator[Record]:
        for line in map(json.loads, opened(directory / f"{name}.jsonl.gz")):
            yield Record(None, line, line["ts"])

    return read


def airport_lines(directory: Path) -> Iterator[Record]:
    with (directory / "airports.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield Record(row["iata"], row, BEGIN_MS)


def city_lines(directory: Path) -> Iterator[Record]:
    for row in csv.DictReader(opened(directory / "cities.csv.gz")):
        yield Record(None, row, BEGIN_MS)


def text_lines(directory: Path) -> Iterator[Record]:
    for line in opened(directory / "text.txt.gz"):
        yield Record(None, line.rstrip("\n"), BEGIN_MS)


# What topologies have in common


def by(stream: KStream[Any, Any], name: str, key: Callable[[Line], Any]) -> KGroupedStream[Any, Any]:
    return stream.group_by(lambda _, line: key(line), name=name, key_serde=json_, value_serde=json_)


def answer(table: KTable[Any, Any], topic: str) -> None:
    """By key alone."""
    table.to_stream().to(topic, key_serde=json_, value_serde=json_)


def answer_from(table: KTable[Any, Any], topic: str) -> None:
    """By key and where its window begins."""
    rows = table.to_stream(lambda windowed, _: [windowed.key, windowed.window.start])
    rows.to(topic, key_serde=json_, value_serde=json_)


def answer_between(table: KTable[Any, Any], topic: str) -> None:
    """By key and both bounds of its window."""
    rows = table.to_stream(lambda windowed, _: [windowed.key, windowed.window.start, windowed.window.end])
    rows.to(topic, key_serde=json_, value_serde=json_)


def sums(*columns: Callable[[Line], int]) -> Callable[[Any, Line, list[int]], list[int]]:
    """Adds a line to what was counted: one more of them, then the sum of each column."""

    def add(_: Any, line: Line, before: list[int]) -> list[int]:
        return [before[0] + 1, *(total + column(line) for total, column in zip(before[1:], columns, strict=True))]

    return add


def zeros(count: int) -> Callable[[], list[int]]:
    return lambda: [0] * count


def delay(line: Line) -> int:
    return int(line["delay"])


def last(topic: str) -> Callable[[Found], list[Row]]:
    return lambda found: found.last(topic)


# Flights


def flights(builder: StreamsBuilder, named: Callable[[str], str]) -> None:
    stream = builder.stream(named("flights"), key_serde=json_, value_serde=json_)
    airports = builder.global_table(named("airports"), key_serde=json_, value_serde=json_)
    by_origin = by(stream, "origin", lambda line: line["origin"])

    answer(by_origin.count(store="departures"), named("flights-count-by-origin"))

    def extremes(_: Any, line: Line, before: list[int]) -> list[int]:
        count, total, low, high = before or (0, 0, delay(line), delay(line))
        return [count + 1, total + delay(line), min(low, delay(line)), max(high, delay(line))]

    daily = by_origin.windowed_by(TimeWindows.of_size_with_no_grace(DAY))
    answer_from(daily.aggregate(list, extremes, store="daily", value_serde=json_),
                named("flights-delay-by-origin-tumbling-1d"))  # fmt: skip
    for store, shape, topic in (
        ("hourly", TimeWindows.of_size_with_no_grace(HOUR), "flights-delay-by-origin-tumbling-1h"),
        (
            "hopping",
            TimeWindows.of_size_with_no_grace(DAY).advance_by(6 * HOUR),
            "flights-delay-by-origin-hopping-1d-6h",
        ),
    ):
        windowed = by_origin.windowed_by(shape)
        answer_from(windowed.aggregate(zeros(2), sums(delay), store=store, value_serde=json_), named(topic))
    sessions = by_origin.windowed_by(SessionWindows.of_inactivity_gap_and_grace(30 * MINUTE, DAY))
    answer_between(sessions.count(store="sessions"), named("flights-sessions-by-origin-30min"))

    located = stream.join(
        airports, lambda _, line: line["origin"], lambda line, airport: {**line, "state": airport["state"]}
    )
    states = by(located, "state", lambda line: line["state"])
    totals = sums(delay, lambda line: line["distance"])
    answer(states.aggregate(zeros(3), totals, store="states", value_serde=json_), named("flights-by-origin-state"))

    branches = (
        stream.split(name="by-")
        .branch(lambda _, line: delay(line) < 0, name="early")
        .branch(lambda _, line: delay(line) < 15, name="on-time")
        .branch(lambda _, line: delay(line) < 60, name="late")
        .default_branch(name="very-late")
    )

    def told(branch: str) -> Callable[[Line], Line]:
        return lambda line: {"branch": branch, "delay": delay(line)}

    early, *others = (stream.map_values(told(name.removeprefix("by-"))) for name, stream in branches.items())
    for other in others:
        early = early.merge(other)
    delays = by(early, "branch", lambda line: line["branch"])
    answer(delays.aggregate(zeros(2), sums(delay), store="branches", value_serde=json_),
           named("flights-branches-by-delay"))  # fmt: skip

    departing = by(stream, "departures", lambda line: line["origin"])  # a cogroup makes a topic of its own
    by_destination = by(stream, "arrivals", lambda line: line["destination"])
    both = departing.cogroup(lambda _, __, counts: [counts[0] + 1, counts[1]]).cogroup(
        by_destination, lambda _, __, counts: [counts[0], counts[1] + 1]
    )
    answer(both.aggregate(zeros(2), store="airports-both", key_serde=json_, value_serde=json_),
           named("flights-cogroup-departures-arrivals"))  # fmt: skip


def most_flights(found: Found) -> list[Row]:
    return sorted(found.last("flights-count-by-origin"), key=lambda row: (-row[1], row[0]))[:10]


# Orders


def pence(line: Line) -> int:
    return round(line["unit_price"] * 100)


def cancels(line: Line) -> bool:
    return str(line["invoice"]).startswith("C")


def orders(builder: StreamsBuilder, named: Callable[[str], str]) -> None:
    stream = builder.stream(named("orders"), key_serde=json_, value_serde=json_)
    revenue = sums(lambda line: line["quantity"], lambda line: line["quantity"] * pence(line))
    by_country = by(stream, "country", lambda line: line["country"])
    daily = by_country.windowed_by(TimeWindows.of_size_with_no_grace(DAY))
    answer_from(daily.aggregate(zeros(3), revenue, store="revenue", value_serde=json_),
                named("orders-revenue-by-country-tumbling-1d"))  # fmt: skip

    whole = by(stream, "whole", lambda line: json.dumps(line, sort_keys=True))
    distinct = whole.reduce(lambda first, _: first, store="distinct").group_by(
        lambda _, line: (line["country"], line), name="distinct-country", key_serde=json_, value_serde=json_
    )
    kept = distinct.count(store="distinct-lines")
    counted = by_country.count(store="lines")
    answer(counted.join(kept, lambda lines, distinct: [lines, distinct]), named("orders-dedup-exact"))

    known = stream.filter(lambda _, line: line["customer_id"] is not None)
    by_customer = by(known, "customer", lambda line: line["customer_id"])
    sessions = by_customer.windowed_by(SessionWindows.of_inactivity_gap_and_grace(30 * MINUTE, DAY)).aggregate(
        zeros(2), sums(lambda line: line["quantity"] * pence(line)),
        lambda _, one, other: [a + b for a, b in zip(one, other, strict=True)],
        store="sessions", value_serde=json_,
    )  # fmt: skip
    answer_between(sessions, named("orders-sessions-by-customer-30min"))

    # Both sides by one topic: so they come in the order of the file.
    keyed = known.select_key(lambda _, line: [line["customer_id"], line["stock_code"]]).repartition(
        name="customer-and-stock", key_serde=json_, value_serde=json_
    )

    def pair(bought: Line, returned: Line) -> Row:
        return [each[column] for each in (bought, returned) for column in ("ts", "invoice", "quantity")]

    bought = keyed.filter(lambda _, line: line["quantity"] > 0 and not cancels(line))
    returned = keyed.filter(lambda _, line: cancels(line))
    week = JoinWindows.of_time_difference_and_grace(7 * DAY, DAY).before(0)
    bought.join(
        returned, pair, week, key_serde=json_, value_serde=json_, other_value_serde=json_
    ).to(named("orders-join-returns-7d"), key_serde=json_, value_serde=json_)  # fmt: skip

    by_stock = stream.select_key(lambda _, line: line["stock_code"]).repartition(
        name="stock", key_serde=json_, value_serde=json_
    )
    prices = by_stock.filter(lambda _, line: not cancels(line)).map_values(pence).to_table(
        store="prices", key_serde=json_, value_serde=json_
    )  # fmt: skip

    def compared(_: Any, line: list[int | None], before: list[int]) -> list[int]:
        own, price = line
        assert own is not None
        found = price is not None
        return [before[0] + found, before[1] + (not found), before[2] + (abs(own - price) if price is not None else 0)]

    cancelled = by_stock.filter(lambda _, line: cancels(line)).map_values(pence)
    against = cancelled.left_join(prices, lambda own, price: [own, price], key_serde=json_, value_serde=json_)
    totals = against.group_by(lambda _, __: [], name="all", key_serde=json_, value_serde=json_).aggregate(
        zeros(3), compared, store="compared", value_serde=json_
    )
    answer(totals, named("orders-table-last-price"))


# Quakes


def quakes(builder: StreamsBuilder, named: Callable[[str], str]) -> None:
    stream = builder.stream(named("quakes"), key_serde=json_, value_serde=json_)
    by_net = by(stream, "net", lambda line: line["net"])
    for name, shape in (
        ("quakes-late-tumbling-1h-grace-6h", TimeWindows.of_size_and_grace(HOUR, 6 * HOUR)),
        ("quakes-late-tumbling-1d-grace-0", TimeWindows.of_size_and_grace(DAY, timedelta(0))),
    ):
        counts = by_net.windowed_by(shape).count(store=name)
        answer_from(counts, named(name))
        answer_from(counts.suppress(Suppressed.until_window_closes(BufferConfig.unbounded())), named(f"{name}-closed"))


def with_closed(name: str) -> Callable[[Found], list[Row]]:
    """The counts, each with whether it was put out as final; what was put out twice, or is another one, stays as it
    was put out."""

    def rows(found: Found) -> list[Row]:
        closed = found.all(f"{name}-closed")
        counts = found.last(name)
        return [*([*row, row in closed] for row in counts), *(row for row in closed if row not in counts)]

    return rows


# Sensors, cities, text


def sensors(builder: StreamsBuilder, named: Callable[[str], str]) -> None:
    stream = builder.stream(named("sensors"), key_serde=json_, value_serde=json_)

    def all_of(_: Any, line: Line, before: Row) -> Row:
        value = line["value"]
        count, low, high, total = before or (0, value, value, 0)
        return [count + 1, min(low, value), max(high, value), total + value]

    hourly = by(stream, "sensor", lambda line: line["sensor"]).windowed_by(TimeWindows.of_size_with_no_grace(HOUR))
    answer_from(hourly.aggregate(list, all_of, store="hourly", value_serde=json_), named("sensors-tumbling-1h"))

    def greatest(_: Any, line: Line, before: Row) -> Row:
        count, high = before or (0, line["value"])
        return [count + 1, max(high, line["value"])]

    travel = stream.filter(lambda _, line: line["sensor"].startswith("travel"))
    sliding = by(travel, "travel", lambda line: line["sensor"]).windowed_by(
        SlidingWindows.of_time_difference_and_grace(15 * MINUTE, DAY)
    )
    answer_between(
        sliding.aggregate(list, greatest, store="sliding", value_serde=json_), named("sensors-sliding-15min")
    )


def cities(builder: StreamsBuilder, named: Callable[[str], str]) -> None:
    stream = builder.stream(named("cities"), key_serde=json_, value_serde=json_)
    of_script = by(stream, "script-and-name", lambda line: [line["script"], line["name"]])
    counted = of_script.count(store="of-script").group_by(
        lambda key, count: (key[0], [key[1], count]), name="script", key_serde=json_, value_serde=json_
    )

    def add(_: Any, name: Row, before: list[int]) -> list[int]:
        return [before[0] + name[1], before[1] + 1, max(before[2], len(name[0].encode()))]

    def take(_: Any, name: Row, before: list[int]) -> list[int]:
        return [before[0] - name[1], before[1] - 1, before[2]]

    answer(counted.aggregate(zeros(3), add, take, store="scripts", value_serde=json_), named("cities-count-by-script"))
    stream.group_by(
        lambda _, line: line["name"], name="name", key_serde=text, value_serde=json_
    ).count(store="names")  # fmt: skip


def words(builder: StreamsBuilder, named: Callable[[str], str]) -> None:
    stream = builder.stream(named("text"), key_serde=json_, value_serde=json_)
    each = stream.flat_map_values(lambda line: re.findall(r"\w+", line.lower()))
    answer(each.group_by(lambda _, word: word, name="word", key_serde=json_, value_serde=json_).count(store="words"),
           named("text-wordcount"))  # fmt: skip


QUAKES = ("quakes-late-tumbling-1h-grace-6h", "quakes-late-tumbling-1d-grace-0")
FLIGHTS = (
    "flights-count-by-origin", "flights-delay-by-origin-tumbling-1d", "flights-delay-by-origin-tumbling-1h",
    "flights-delay-by-origin-hopping-1d-6h", "flights-sessions-by-origin-30min", "flights-by-origin-state",
    "flights-branches-by-delay", "flights-cogroup-departures-arrivals",
)  # fmt: skip
ORDERS = (
    "orders-revenue-by-country-tumbling-1d", "orders-dedup-exact", "orders-sessions-by-customer-30min",
    "orders-join-returns-7d", "orders-table-last-price",
)  # fmt: skip
SENSORS = ("sensors-tumbling-1h", "sensors-sliding-15min")


def each_last(topics: Iterable[str]) -> dict[str, Callable[[Found], list[Row]]]:
    return {topic: last(topic) for topic in topics}


DATASETS: Mapping[str, Dataset] = {
    "quakes": Dataset(
        {"quakes": json_lines("quakes")}, quakes, (*QUAKES, *(f"{name}-closed" for name in QUAKES)),
        {name: with_closed(name) for name in QUAKES},
    ),
    "cities": Dataset(
        {"cities": city_lines}, cities, ("cities-count-by-script",),
        {**each_last(["cities-count-by-script"]),
         "cities-utf8-order": lambda found: [[place, name] for place, name in enumerate(found.kept())]},
    ),
    "text": Dataset({"text": text_lines}, words, ("text-wordcount",), each_last(["text-wordcount"])),
    "sensors": Dataset({"sensors": json_lines("sensors")}, sensors, SENSORS, each_last(SENSORS)),
    "orders": Dataset(
        {"orders": json_lines("orders")}, orders, ORDERS,
        {**each_last(ORDERS), "orders-join-returns-7d": lambda found: found.all("orders-join-returns-7d")},
    ),
    "flights": Dataset(
        {"airports": airport_lines, "flights": json_lines("flights")}, flights, FLIGHTS,
        {**each_last(FLIGHTS), "flights-top10-origins": most_flights},
    ),
}  # fmt: skip
"""By name; the small ones first."""

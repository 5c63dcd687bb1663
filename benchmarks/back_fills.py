"""Back-fills with known answers: real data, the example that takes them, and what loops over the file give.

An answer is compared key by key. Its value is a tuple of ints whose first is how many records it is made of: more of
them are records counted twice, as a kill may do under at-least-once, and fewer are records lost.
"""

from __future__ import annotations

import json
import lzma
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from streams import Serdes
from streams.clients import Consumer, ConsumerRecord
from streams.record import TopicPartition

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
HOUR = 3_600_000
DAY = 24 * HOUR
WEEK = 7 * DAY
MUCH = 4
"""Lines sent back within a day, as in `examples/returns.py`."""

Answer = Mapping[Any, tuple[int, ...]]
Lines = Iterable[bytes]


class Output(NamedTuple):
    """An output topic, what it must hold in the end, and how it is read."""

    topic: str
    expected: Callable[[Lines], Answer]
    found: Callable[[Iterable[Any]], Answer]
    serdes: tuple[Any, Any]


class BackFill(NamedTuple):
    """One back-fill: the script of the application, its input topic, the data, when a line happened, the outputs."""

    script: Path
    topic: str
    data: Path
    time_of: Callable[[bytes], int]
    outputs: tuple[Output, ...]


class Verdict(NamedTuple):
    """How an answer compares with the true one.

    Args:
        right: keys with the true value.
        more: keys with records counted twice.
        wrong: keys with fewer records than they have, or another value.
        missing: keys that are not there.
        strange: keys that should not be there.
        lost: records that are counted nowhere, of `records` in all.
    """

    right: int
    more: int
    wrong: int
    missing: int
    strange: int
    lost: int
    records: int

    @property
    def keys(self) -> int:
        return self.right + self.more + self.wrong + self.missing

    @property
    def complete(self) -> bool:
        return not (self.wrong or self.missing or self.strange)


def compared(found: Answer, expected: Answer) -> Verdict:
    right = more = wrong = lost = 0
    for key, true in expected.items():
        told = found.get(key)
        lost += max(0, true[0] - (0 if told is None else told[0]))
        right += told == true
        more += told is not None and told[0] > true[0]
        wrong += told is not None and told != true and told[0] <= true[0]
    return Verdict(
        right,
        more,
        wrong,
        sum(key not in found for key in expected),
        sum(key not in expected for key in found),
        lost,
        sum(true[0] for true in expected.values()),
    )


def read_lines(path: Path) -> list[bytes]:
    """The lines of a file, packed or not."""
    content = path.read_bytes()
    return (lzma.decompress(content) if path.suffix == ".xz" else content).splitlines()


def read_output(address: str, output: Output) -> Answer:
    """What an output topic holds."""
    return output.found(records(address, output.topic, *output.serdes))


def records(address: str, topic: str, key: Any = None, value: Any = None) -> Iterator[ConsumerRecord]:
    """All records of a topic as it is now, each partition in order; without serdes, as bytes."""
    config = {"bootstrap.servers": address, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    serdes = {} if key is None else {"key.deserializer": key, "value.deserializer": value}
    with Consumer({**config, **serdes}) as consumer:
        partitions = consumer.partitions_for(topic)
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            yield from consumer.poll(500)


def out_of_order_ms(address: str, topic: str) -> int:
    """By how much a record of a topic is older than one before it in its partition, at most."""
    newest: dict[TopicPartition, int] = {}
    most = 0
    for record in records(address, topic):
        place = TopicPartition(record.topic, record.partition)
        newest[place] = max(newest.get(place, record.timestamp), record.timestamp)
        most = max(most, newest[place] - record.timestamp)
    return most


# Arrivals by airport and quarter of a day


def arrivals(lines: Lines) -> Answer:
    flights: Counter[Any] = Counter()
    delay: Counter[Any] = Counter()
    for line in lines:
        time, airport, late = line.decode().split(",")
        key = (airport, int(time) // (6 * HOUR) * (6 * HOUR))
        flights[key] += 1
        delay[key] += int(late)
    return {key: (count, delay[key]) for key, count in flights.items()}


def arrivals_found(rows: Iterable[Any]) -> Answer:
    return {(row.key.key, row.key.window.start): (row.value["flights"], row.value["delay"]) for row in rows}


# Orders: returns within a week of the purchase, and customers who send back much in a day


def returned(lines: Lines) -> Answer:
    bought: dict[Any, list[Any]] = {}
    pairs: Counter[Any] = Counter()
    orders = [json.loads(line) for line in lines]
    for line in orders:
        if line["quantity"] > 0 and not line["invoice"].startswith("C"):
            bought.setdefault((line["customer_id"], line["stock_code"]), []).append(line)
    for line in orders:
        if line["invoice"].startswith("C"):
            for one in bought.get((line["customer_id"], line["stock_code"]), ()):
                if 0 <= line["ts"] - one["ts"] <= WEEK:
                    what = f"{one['invoice']} {one['quantity']} {line['invoice']} {line['quantity']}"
                    pairs[f"{line['customer_id']}/{line['stock_code']}", what] += 1
    return {pair: (count,) for pair, count in pairs.items()}


def returned_found(rows: Iterable[Any]) -> Answer:
    return {pair: (count,) for pair, count in Counter((row.key, row.value) for row in rows).items()}


def alerts(lines: Lines) -> Answer:
    days: Counter[Any] = Counter()
    for line in map(json.loads, lines):
        if line["invoice"].startswith("C"):
            days[line["customer_id"], line["ts"] // DAY * DAY] += 1
    return {key: (count,) for key, count in days.items() if count >= MUCH}


def alerts_found(rows: Iterable[Any]) -> Answer:
    return {(row.key.key, row.key.window.start): (row.value,) for row in rows}


text = Serdes.string()
BACK_FILLS: Mapping[str, BackFill] = {
    "flights": BackFill(
        EXAMPLES / "back_fill.py",
        "flights-landed",
        EXAMPLES / "data" / "arrivals.csv.xz",
        lambda line: int(line.partition(b",")[0]),
        (Output("arrivals", arrivals, arrivals_found, (Serdes.time_windowed(text, 6 * HOUR), Serdes.json())),),
    ),
    "orders": BackFill(
        EXAMPLES / "returns.py",
        "order-lines",
        EXAMPLES / "data" / "orders.jsonl.xz",
        lambda line: int(json.loads(line)["ts"]),
        (
            Output("returned", returned, returned_found, (text, text)),
            Output("alerts", alerts, alerts_found, (Serdes.time_windowed(text, DAY), Serdes.long())),
        ),
    ),
}

"""Orders of a shop: what was bought within the week before it was sent back, and customers who send back much in a day.

    streams-app topics create order-lines --partitions 4 --config retention.ms=-1
    xz -dc examples/data/orders.jsonl.xz | streams-app produce order-lines --value-serde json
    streams-app --application-id returns examples/returns.py
    streams-app consume returned --from-beginning
    streams-app consume alerts --from-beginning --key-serde time_windowed:string:86400000 --value-serde long

Two streams of one topic are given new keys and joined, so that both sides of the join come through repartition topics.
`python -m benchmarks catch-up orders` compares the output with what loops over the file give.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from streams import JoinWindows, Serdes, StreamsBuilder, TimeWindows
from streams.processor import ConsumedRecord

MUCH = 4
"""Lines sent back within one day."""
WEEK, DAY = timedelta(days=7), timedelta(days=1)


class Line(TypedDict):
    """A line of an invoice; one that begins with C cancels what was bought before, with a negative quantity."""

    ts: int
    invoice: str
    stock_code: str
    customer_id: str
    quantity: int


text, long = Serdes.string(), Serdes.long()
line_of = Serdes.json(Line)


def time_of(record: ConsumedRecord, partition_time: int) -> int:
    """The time in the line, not the one at which it was sent here."""
    return record.value["ts"] if record.value else partition_time


def is_return(line: Line) -> bool:
    return line["invoice"].startswith("C")


def article(line: Line) -> str:
    """Whose, and what."""
    return f"{line['customer_id']}/{line['stock_code']}"


def pair(bought: Line, returned: Line) -> str:
    return f"{bought['invoice']} {bought['quantity']} {returned['invoice']} {returned['quantity']}"


def topology(builder: StreamsBuilder) -> None:
    lines = builder.stream("order-lines", key_serde=text, value_serde=line_of, timestamp_extractor=time_of)
    bought = lines.filter(lambda _, line: line["quantity"] > 0 and not is_return(line))
    returned = lines.filter(lambda _, line: is_return(line))

    within_a_week = JoinWindows.of_time_difference_and_grace(WEEK, DAY).before(timedelta(0))
    bought.select_key(lambda _, line: article(line)).join(
        returned.select_key(lambda _, line: article(line)),
        pair,
        within_a_week,
        key_serde=text,
        value_serde=line_of,
        other_value_serde=line_of,
    ).to("returned", value_serde=text)

    a_day = returned.group_by(lambda _, line: line["customer_id"], key_serde=text, value_serde=line_of).windowed_by(
        TimeWindows.of_size_and_grace(DAY, DAY)
    )
    a_day.count(store="returns-of-a-day").to_stream().filter(lambda _, lines: lines >= MUCH).to(
        "alerts", value_serde=long
    )

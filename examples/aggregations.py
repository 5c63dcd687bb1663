r"""The ways to aggregate a stream by its key: count, reduce, aggregate, and a count in windows of 5 minutes.

    printf 'alice:3\nbob:4\nalice:5\n' | streams-app produce amounts --key-separator : --value-serde long
    streams-app --application-id aggregations examples/aggregations.py
    streams-app consume counts --from-beginning --value-serde long
    streams-app consume sums --from-beginning --value-serde long
    streams-app consume averages --from-beginning --value-serde double
    streams-app consume counts-5min --from-beginning --key-serde time_windowed:string:300000 --value-serde long

Each result is a table; its changes are written as a stream. A window holds the records of its five minutes only.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from streams import Serdes, StreamsBuilder, TimeWindows


class Total(NamedTuple):
    amount: int
    number: int


total = Serdes.json(Total)


def topology(builder: StreamsBuilder) -> None:
    amounts = builder.stream("amounts", key_serde=Serdes.string(), value_serde=Serdes.long()).group_by_key()

    amounts.count().to_stream().to("counts")

    amounts.reduce(lambda v1, v2: v1 + v2).to_stream().to("sums")

    totals = amounts.aggregate(
        lambda: Total(0, 0),
        lambda _, amount, so_far: Total(so_far.amount + amount, so_far.number + 1),
        value_serde=total,
    )
    totals.map_values(lambda t: t.amount / t.number).to_stream().to("averages", value_serde=Serdes.double())

    amounts.windowed_by(TimeWindows.of_size_with_no_grace(timedelta(minutes=5))).count().to_stream().to("counts-5min")

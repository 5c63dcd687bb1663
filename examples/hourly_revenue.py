r"""Revenue by shop and hour, as a stream; `monthly_totals.py` adds it up as a batch.

    printf 'rome:1250\nparis:300\n' | streams-app produce sales --key-separator : --value-serde long
    streams-app --application-id revenue examples/hourly_revenue.py
    python examples/monthly_totals.py 1970-01 2100-01

Amounts are whole cents. Every sale corrects its hour at once: the topic is compacted, and its last record for an
hour is the hour's revenue.
"""

from __future__ import annotations

from datetime import timedelta

from streams import Serdes, StreamsBuilder, TimeWindows

HOUR = timedelta(hours=1)


def topology(builder: StreamsBuilder) -> None:
    sales = builder.stream("sales", key_serde=Serdes.string(), value_serde=Serdes.long())
    (
        sales.group_by_key()
        .windowed_by(TimeWindows.of_size_and_grace(HOUR, timedelta(days=1)))
        .reduce(lambda so_far, sale: so_far + sale, store="revenue")
        .to_stream()
        .to("hourly-revenue")
    )

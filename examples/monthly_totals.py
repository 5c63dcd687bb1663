"""Monthly totals from the topic that `hourly_revenue.py` writes: read once, as a batch, then done.

    python examples/monthly_totals.py FROM TO        # months such as 2026-01; TO is not included
    python examples/monthly_totals.py 2026-01 2026-04 --bootstrap-servers local://DIR

It begins at the first record of the first month, by the offsets for that time, and ends at the ends that the partitions
have when it starts.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from streams import Serdes, Windowed
from streams.clients import Consumer

HOUR_MS = 3_600_000


def monthly_totals(bootstrap_servers: str, since: datetime, until: datetime) -> dict[tuple[str, str], int]:
    """Revenue by month and shop: the last value of every hour that begins in `[since, until)`, added up."""
    hours = {
        hour: cents
        for hour, cents in hourly(bootstrap_servers, ms(since))
        if ms(since) <= hour.window.start < ms(until)
    }
    totals: defaultdict[tuple[str, str], int] = defaultdict(int)
    for hour, cents in hours.items():
        totals[f"{datetime.fromtimestamp(hour.window.start / 1000, UTC):%Y-%m}", hour.key] += cents
    return dict(totals)


def hourly(bootstrap_servers: str, since_ms: int) -> Iterator[tuple[Windowed[str], int]]:
    """What has been written about hours since a time, in order: a later record corrects an earlier one."""
    with Consumer(
        bootstrap_servers=bootstrap_servers,
        key_deserializer=Serdes.time_windowed(Serdes.string(), HOUR_MS),
        value_deserializer=Serdes.long(),
        enable_auto_commit=False,
    ) as consumer:
        partitions = consumer.partitions_for("hourly-revenue")
        ends = consumer.end_offsets(partitions)
        first = consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
        consumer.assign(partitions)
        for partition in partitions:
            found = first[partition]
            consumer.seek(partition, ends[partition] if found is None else found.offset)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for record in consumer.poll(500):
                assert isinstance(record.key, Windowed) and isinstance(record.value, int)
                yield record.key, record.value


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def month(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description="Monthly totals of hourly-revenue.")
    parser.add_argument("since", type=month)
    parser.add_argument("until", type=month)
    parser.add_argument("--bootstrap-servers", default="local://")
    given = parser.parse_args()
    for (name, shop), cents in sorted(monthly_totals(given.bootstrap_servers, given.since, given.until).items()):
        print(f"{name}  {shop:<12} {cents / 100:>12,.2f}")


if __name__ == "__main__":
    main()

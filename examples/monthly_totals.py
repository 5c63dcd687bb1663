"""Monthly totals from the topic that `hourly_revenue.py` writes: read once, as a batch, then done.

    python examples/monthly_totals.py FROM TO        # months such as 2026-01; TO is not included
    python examples/monthly_totals.py 2026-01 2026-04 --bootstrap-servers local://DIR

It reads up to the ends that the partitions have when it starts, and ends there.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime

from stream_and_batch import batch

from streams import Serdes, Windowed

HOUR_MS = 3_600_000
key_serde = Serdes.time_windowed(Serdes.string(), HOUR_MS)


def monthly_totals(bootstrap_servers: str, since: datetime, until: datetime) -> Mapping[tuple[str, str], int]:
    """Revenue by month and shop: the last value of every hour that begins in `[since, until)`, added up."""
    hours: dict[Windowed, int] = {}
    for record in batch(bootstrap_servers, "hourly-revenue", since, None, key_serde, Serdes.long()):
        hour, revenue = record.key, record.value
        assert isinstance(hour, Windowed) and isinstance(revenue, int)
        if ms(since) <= hour.window.start < ms(until):
            hours[hour] = revenue
    totals: defaultdict[tuple[str, str], int] = defaultdict(int)
    for hour, revenue in hours.items():
        totals[f"{datetime.fromtimestamp(hour.window.start / 1000, UTC):%Y-%m}", hour.key] += revenue
    return totals


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

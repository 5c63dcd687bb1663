"""An application as a notebook shows it: its stores here, and how far each is behind its changelog."""

from __future__ import annotations

from collections.abc import Mapping

from streams.html_table import html_table
from streams.query.instance import GLOBAL, Instance
from streams.query.metadata import LagInfo
from streams.state.local_store import LocalStore

COLUMNS = ("Store", "Kind", "Partition", "State", "End of changelog", "Lag")


def stores_table(title: str, instance: Instance, lags: Mapping[str, Mapping[int, LagInfo]], note: str = "") -> str:
    """The table.

    Args:
        title: what is said of the application.
        instance: knows its stores.
        lags: by store and partition, as `KafkaStreams.all_local_store_partition_lags` has them.
        note: what is said below.
    """
    rows: list[list[object]] = []
    for name, spec in sorted(instance.specs.items()):
        for partition, each in sorted(instance.here(name).items()):
            far = "RUNNING" if isinstance(each, LocalStore) else f"RESTORING, {each.done:,} of {each.total:,}"
            lag = lags.get(name, {}).get(partition)
            where = "all" if partition == GLOBAL else partition
            behind = [None, None] if lag is None else [lag.end_offset_position, lag.offset_lag]
            rows.append([name, spec.kind.value, where, far, *behind])
    return html_table(title, COLUMNS, rows, note)

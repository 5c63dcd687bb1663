"""Floors: the smallest loops by hand that do the work of a job over the same client.

They keep their state in a dict, log no change and survive nothing; the ratio to them is what the framework costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.jobs import CUSTOMER, ENRICHED, ORDER, TOTAL, Customer, enriched, total, twice_if_large
from streams.record import RecordBatch
from streams.serdes.number import LONG

Columns = tuple[list[bytes | None], list[bytes | None], list[int]]
Step = Callable[[str, RecordBatch], Columns]
"""Takes the data set and a batch of it, gives what goes out."""


def _identity() -> Step:
    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []
        for key, value, time in zip(batch.keys, batch.values, batch.timestamps, strict=True):
            keys.append(key.decode().encode() if key is not None else None)
            values.append(value.decode().encode() if value is not None else None)
            times.append(time)
        return keys, values, times

    return step


def _stateless() -> Step:
    decode, encode = ORDER.decode, TOTAL.encode

    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []
        for key, value, time in zip(batch.keys, batch.values, batch.timestamps, strict=True):
            assert value is not None
            order = decode(value)
            if order.status != "CANCELLED":
                for one in twice_if_large(total(order)):
                    keys.append(key)
                    values.append(encode(one))
                    times.append(time)
        return keys, values, times

    return step


def _count() -> Step:
    """Gives a key's count once a batch, as a cache would."""
    counts: dict[bytes | None, int] = {}
    get, encode = counts.get, LONG.encode

    def step(dataset: str, batch: RecordBatch) -> Columns:
        touched: dict[bytes | None, int] = {}
        for key, time in zip(batch.keys, batch.timestamps, strict=True):
            counts[key] = get(key, 0) + 1
            touched[key] = time
        return list(touched), [encode(counts[key]) for key in touched], list(touched.values())

    return step


def _count_each() -> Step:
    counts: dict[bytes | None, int] = {}
    get, encode = counts.get, LONG.encode

    def step(dataset: str, batch: RecordBatch) -> Columns:
        values: list[bytes | None] = []
        for key in batch.keys:
            count = counts[key] = get(key, 0) + 1
            values.append(encode(count))
        return list(batch.keys), values, list(batch.timestamps)

    return step


def _tumbling() -> Step:
    sums: dict[tuple[int, bytes | None], int] = {}
    get, decode, encode = sums.get, ORDER.decode, LONG.encode

    def step(dataset: str, batch: RecordBatch) -> Columns:
        touched: dict[tuple[int, bytes | None], int] = {}
        for key, value, time in zip(batch.keys, batch.values, batch.timestamps, strict=True):
            assert value is not None
            window = (time - time % 10_000, key)
            sums[window] = get(window, 0) + decode(value).amount
            touched[window] = time
        keys: list[bytes | None] = [(key or b"") + start.to_bytes(8, "big") for start, key in touched]
        return keys, [encode(sums[window]) for window in touched], list(touched.values())

    return step


def _stream_table() -> Step:
    table: dict[bytes | None, Customer] = {}
    decode, decode_customer, encode = ORDER.decode, CUSTOMER.decode, ENRICHED.encode

    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []
        for key, value, time in zip(batch.keys, batch.values, batch.timestamps, strict=True):
            assert value is not None
            if dataset == "customers":
                table[key] = decode_customer(value)
                continue
            customer = table.get(key)
            if customer is not None:
                keys.append(key)
                values.append(encode(enriched(decode(value), customer)))
                times.append(time)
        return keys, values, times

    return step


FLOORS: Mapping[str, Callable[[], Step]] = {
    "W0": _identity,
    "W1": _stateless,
    "W2": _count,
    "W2/cache0": _count_each,
    "W2/million": _count,
    "W3": _tumbling,
    "W5": _stream_table,
}

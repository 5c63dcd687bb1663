"""Floors: the smallest loops by hand that do the work of a job over the same client.

They keep their state in a dict, log no change and survive nothing; the ratio to them is what the framework costs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import msgspec

from benchmarks.jobs import (
    CUSTOMER,
    ENRICHED,
    MUTABLE,
    ORDER,
    PAYMENT,
    SETTLED,
    TOTAL,
    enriching,
    settling,
    total_of_dict,
    totals,
    twice_if_large_dict,
    words_of,
)
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
    total, twice_if_large = totals(MUTABLE)

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


def _stateless_dicts(decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]) -> Step:
    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []
        for key, value, time in zip(batch.keys, batch.values, batch.timestamps, strict=True):
            assert value is not None
            order = decode(value)
            if order["status"] != "CANCELLED":
                for one in twice_if_large_dict(total_of_dict(order)):
                    keys.append(key)
                    values.append(encode(one))
                    times.append(time)
        return keys, values, times

    return step


def _orjson_dicts() -> Step:
    orjson = import_module("orjson")
    return _stateless_dicts(orjson.loads, orjson.dumps)


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


def _hopping() -> Step:
    counts: dict[tuple[int, bytes | None], int] = {}
    get, encode = counts.get, LONG.encode

    def step(dataset: str, batch: RecordBatch) -> Columns:
        touched: dict[tuple[int, bytes | None], int] = {}
        for key, time in zip(batch.keys, batch.timestamps, strict=True):
            newest = time - time % 12_000
            for start in range(newest - 48_000, newest + 1, 12_000):
                window = (start, key)
                counts[window] = get(window, 0) + 1
                touched[window] = time
        keys: list[bytes | None] = [(key or b"") + start.to_bytes(8, "big") for start, key in touched]
        return keys, [encode(counts[window]) for window in touched], list(touched.values())

    return step


def _sessions() -> Step:
    """Gives a session once a batch; one that has grown takes back what it was before."""
    latest: dict[bytes, tuple[int, int, int]] = {}
    shown: dict[bytes, tuple[int, int]] = {}
    encode = LONG.encode

    def session(key: bytes, start: int, end: int) -> bytes:
        return key + end.to_bytes(8, "big") + start.to_bytes(8, "big")

    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []

        def give(key: bytes) -> None:
            start, end, count = latest[key]
            before = shown.get(key)
            if before is not None and before[0] == start and before[1] != end:
                keys.append(session(key, *before))
                values.append(None)
                times.append(before[1])
            keys.append(session(key, start, end))
            values.append(encode(count))
            times.append(end)
            shown[key] = start, end

        touched = set()
        for key, time in zip(batch.keys, batch.timestamps, strict=True):
            assert key is not None
            found = latest.get(key)
            if found is not None and time - found[1] <= 5_000:
                latest[key] = found[0], time, found[2] + 1
            else:
                if key in touched:
                    give(key)
                latest[key] = time, time, 1
            touched.add(key)
        for key in touched:
            give(key)
        return keys, values, times

    return step


def _stream_stream() -> Step:
    """Whichever of the two comes first waits for the other."""
    orders: dict[bytes | None, tuple[Any, int]] = {}
    payments: dict[bytes | None, tuple[Any, int]] = {}
    decode, decode_payment, encode, settled = ORDER.decode, PAYMENT.decode, SETTLED.encode, settling(MUTABLE)

    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []
        for key, value, time in zip(batch.keys, batch.values, batch.timestamps, strict=True):
            assert value is not None
            if dataset == "payments":
                payments[key] = decode_payment(value), time
            else:
                orders[key] = decode(value), time
            order, payment = orders.get(key), payments.get(key)
            if order is not None and payment is not None and abs(order[1] - payment[1]) <= 5_000:
                keys.append(key)
                values.append(encode(settled(order[0], payment[0])))
                times.append(max(order[1], payment[1]))
        return keys, values, times

    return step


def _table_table() -> Step:
    """Gives a key's row once a batch."""
    orders: dict[bytes | None, tuple[Any, int]] = {}
    customers: dict[bytes | None, tuple[Any, int]] = {}
    decode, decode_customer, encode, enriched = ORDER.decode, CUSTOMER.decode, ENRICHED.encode, enriching(MUTABLE)

    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []
        table, read = (orders, decode) if dataset == "orders" else (customers, decode_customer)
        for key, value, time in zip(batch.keys, batch.values, batch.timestamps, strict=True):
            assert value is not None
            table[key] = read(value), time
        for key in dict.fromkeys(batch.keys):
            order, customer = orders.get(key), customers.get(key)
            if order is not None and customer is not None:
                keys.append(key)
                values.append(encode(enriched(order[0], customer[0])))
                times.append(max(order[1], customer[1]))
        return keys, values, times

    return step


def _word_count() -> Step:
    counts: dict[str, int] = {}
    get, encode = counts.get, LONG.encode

    def step(dataset: str, batch: RecordBatch) -> Columns:
        touched: dict[str, int] = {}
        for line, time in zip(batch.values, batch.timestamps, strict=True):
            assert line is not None
            for word in words_of(line.decode()):
                counts[word] = get(word, 0) + 1
                touched[word] = time
        return [word.encode() for word in touched], [encode(counts[word]) for word in touched], list(touched.values())

    return step


def _final_counts() -> Step:
    """Gives a window when its end and a second of grace have passed."""
    windows: dict[int, dict[bytes | None, tuple[int, int]]] = {}
    encode = LONG.encode

    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []
        for key, time in zip(batch.keys, batch.timestamps, strict=True):
            start = time - time % 10_000
            window = windows.setdefault(start, {})
            window[key] = window.get(key, (0, 0))[0] + 1, time
            oldest = next(iter(windows))
            if oldest + 11_000 <= time:
                for ended, (count, last) in windows.pop(oldest).items():
                    keys.append((ended or b"") + oldest.to_bytes(8, "big"))
                    values.append(encode(count))
                    times.append(last)
        return keys, values, times

    return step


def _stream_table() -> Step:
    table: dict[bytes, Any] = {}
    decode, decode_customer, encode = ORDER.decode, CUSTOMER.decode, ENRICHED.encode
    enriched = enriching(MUTABLE)

    def step(dataset: str, batch: RecordBatch) -> Columns:
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        times: list[int] = []
        for key, value, time in zip(batch.keys, batch.values, batch.timestamps, strict=True):
            assert value is not None
            assert key is not None
            if dataset == "customers":
                table[key] = decode_customer(value)
                continue
            order = decode(value)
            customer = table.get(key if dataset == "orders" else order.customer.encode())
            if customer is not None:
                keys.append(key)
                values.append(encode(enriched(order, customer)))
                times.append(time)
        return keys, values, times

    return step


FLOORS: Mapping[str, Callable[[], Step]] = {
    "W0": _identity,
    "W1": _stateless,
    "W1/dict": lambda: _stateless_dicts(msgspec.json.decode, msgspec.json.encode),
    "W1/orjson": _orjson_dicts,
    "W1/json": lambda: _stateless_dicts(json.loads, lambda one: json.dumps(one).encode()),
    "W2": _count,
    "W2/cache0": _count_each,
    "W2/million": _count,
    "W2/each-once": _count,
    "W3": _tumbling,
    "W4": _hopping,
    "W5": _stream_table,
    "W6": _stream_stream,
    "W7": _table_table,
    "W8": _sessions,
    "W9": _word_count,
    "FK": _stream_table,
    "SU": _final_counts,
}
"""By job; a variant without one of its own has that of the job whose answer it gives."""

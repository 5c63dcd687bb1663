"""What each job must give, by plain loops over its input, and whether its output is that.

An answer has the number of records and, for each key, either its last value or a digest of all its records in order.
The loops share nothing with the jobs: JSON by the standard library, words by another expression, windows by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from heapq import merge
from typing import Any, NamedTuple

import msgspec

from benchmarks.data import DATASETS

Row = tuple[Any, Any, int]
"""A key, its value, the record's timestamp."""
MASK = (1 << 64) - 1
ODD = 0x9E3779B97F4A7C15


class WrongOutput(RuntimeError):
    """The output of a job is not what it must be; the text says where."""


class Answer(NamedTuple):
    """What came, or what must come.

    Args:
        least: how many records there are, at least.
        most: at most: a record cache leaves updates out.
        by_key: of each key, its last value with its timestamp, or how many records it has and their digest.
    """

    least: int
    most: int
    by_key: Mapping[Any, tuple[Any, int]]

    @property
    def digest(self) -> str:
        """Of all keys, in no order."""
        return f"{sum(_mark(each) for each in self.by_key.items()) & MASK:016x}"


def _mark(content: object) -> int:
    return int.from_bytes(blake2b(repr(content).encode(), digest_size=8).digest(), "little")


def every(rows: Iterable[Row]) -> Answer:
    """Each record matters, and its place among those of its key."""
    by_key: dict[Any, tuple[int, int]] = {}
    count = 0
    for key, value, time in rows:
        seen, digest = by_key.get(key, (0, 0))
        by_key[key] = seen + 1, (digest * ODD + _mark((value, time))) & MASK
        count += 1
    return Answer(count, count, by_key)


def last(rows: Iterable[Row]) -> Answer:
    """A key's last value matters; None takes it away."""
    by_key: dict[Any, tuple[Any, int]] = {}
    count = 0
    for key, value, time in rows:
        count += 1
        if value is None:
            by_key.pop(key, None)
        else:
            by_key[key] = value, time
    return Answer(len(by_key), count, by_key)


def last_value(rows: Iterable[Row]) -> Answer:
    """As `last`, whatever the timestamp."""
    return last((key, value, 0) for key, value, _ in rows)


# What must come


def _texts(dataset: str, count: int) -> Iterator[tuple[str, str, int]]:
    for chunk in DATASETS[dataset].rows(count):
        for key, value, time in zip(chunk.keys, chunk.values, chunk.timestamps, strict=True):
            yield (key or b"").decode(), (value or b"").decode(), time


def _json(dataset: str, count: int) -> Iterator[tuple[str, dict[str, Any], int]]:
    for key, value, time in _texts(dataset, count):
        yield key, json.loads(value), time


def _flat(content: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """An object of JSON, whatever the order of its members."""
    return tuple(sorted(content.items()))


def _same(count: int) -> Iterator[Row]:
    return _texts("orders", count)


def _totals(count: int) -> Iterator[Row]:
    for key, order, time in _json("orders", count):
        if order["status"] == "CANCELLED":
            continue
        one = {name: order[name] for name in ("id", "customer", "status", "ts")}
        one |= {"total": order["amount"] * order["qty"], "priority": False}
        yield key, _flat(one), time
        if one["total"] >= 50_000:
            yield key, _flat(one | {"priority": True}), time


def _counts(dataset: str) -> Callable[[int], Iterator[Row]]:
    def rows(count: int) -> Iterator[Row]:
        counts: dict[str, int] = {}
        for key, _, time in _texts(dataset, count):
            counts[key] = counts.get(key, 0) + 1
            yield key, counts[key], time

    return rows


def _sums(count: int) -> Iterator[Row]:
    sums: dict[tuple[str, int], int] = {}
    for key, order, time in _json("orders", count):
        window = key, time // 10_000 * 10_000
        sums[window] = sums.get(window, 0) + order["amount"]
        yield window, sums[window], time


def _hops(count: int) -> Iterator[Row]:
    counts: dict[tuple[str, int], int] = {}
    for key, _, time in _texts("orders", count):
        for start in range(time // 12_000 * 12_000 - 48_000, time + 1, 12_000):
            counts[key, start] = counts.get((key, start), 0) + 1
            yield (key, start), counts[key, start], time


def _sessions(count: int) -> Iterator[Row]:
    open_ones: dict[str, tuple[int, int, int]] = {}
    for key, _, time in _texts("orders", count):
        start, end, seen = open_ones.get(key, (time, time, 0))
        if time - end > 5_000:
            start, seen = time, 0
        elif seen:
            yield (key, start, end), None, end
        open_ones[key] = start, time, seen + 1
        yield (key, start, time), seen + 1, time


ORDER_PART = ("id", "customer", "amount", "qty", "ts")
CUSTOMER_PART = ("name", "segment", "country")


def _enriched(order: Mapping[str, Any], customer: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return _flat({name: order[name] for name in ORDER_PART} | {name: customer[name] for name in CUSTOMER_PART})


def _with_customers(count: int, dataset: str = "orders") -> Iterator[Row]:
    customers = {key: customer for key, customer, _ in _json("customers", count)}
    for key, order, time in _json(dataset, count):
        yield key, _enriched(order, customers[order["customer"]]), time


def _asked_for(count: int) -> Iterator[Row]:
    """The order asks for its customer. Where the customer comes while it asks, the customer answers as well, and which
    of the two is last is a race between two sub-topologies."""
    for row in _with_customers(count, "orders-by-id"):
        yield row
        yield row


def _settled(count: int) -> Iterator[Row]:
    orders = {order["id"]: (order, time) for _, order, time in _json("orders-by-id", count)}
    for key, payment, time in _json("payments", count):
        order, ordered = orders[payment["order"]]
        if abs(time - ordered) <= 5_000:
            one = {name: order[name] for name in ("id", "customer", "amount", "ts")}
            yield key, _flat(one | {name: payment[name] for name in ("paid", "method")}), max(time, ordered)


def _both_tables(count: int) -> Iterator[Row]:
    orders: dict[str, tuple[dict[str, Any], int]] = {}
    customers: dict[str, tuple[dict[str, Any], int]] = {}
    for table, key, value, time in merge(
        ((orders, *row) for row in _json("orders", count)),
        ((customers, *row) for row in _json("customer-changes", count)),
        key=lambda row: row[-1],
    ):
        table[key] = value, time
        if key in orders and key in customers:
            (order, ordered), (customer, changed) = orders[key], customers[key]
            yield key, _enriched(order, customer), max(ordered, changed)


def _word_counts(count: int) -> Iterator[Row]:
    counts: dict[str, int] = {}
    for _, line, time in _texts("lines", count):
        for word in re.findall("[a-z0-9]+", line.lower()):
            counts[word] = counts.get(word, 0) + 1
            yield word, counts[word], time


def _final_counts(count: int) -> Iterator[Row]:
    windows: dict[tuple[str, int], tuple[int, int]] = {}
    newest = 0
    for key, _, time in _texts("orders", count):
        window = key, time // 10_000 * 10_000
        windows[window] = windows.get(window, (0, 0))[0] + 1, time
        newest = time
    for (key, start), (seen, time) in windows.items():
        if start + 10_000 + 1_000 <= newest:
            yield (key, start), seen, time


# What came


def _text(data: bytes) -> str:
    return data.decode()


def _long(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _object(data: bytes) -> tuple[tuple[str, Any], ...]:
    return _flat(msgspec.json.decode(data))


def _windowed(data: bytes) -> tuple[str, int]:
    return data[:-8].decode(), _long(data[-8:])


def _session(data: bytes) -> tuple[str, int, int]:
    return data[:-16].decode(), _long(data[-8:]), _long(data[-16:-8])


class Check(NamedTuple):
    """How the output of a job is looked at."""

    fold: Callable[[Iterable[Row]], Answer]
    truth: Callable[[int], Iterator[Row]]
    key: Callable[[bytes], Any]
    value: Callable[[bytes], Any]


CHECKS: Mapping[str, Check] = {
    "W0": Check(every, _same, _text, _text),
    "W1": Check(every, _totals, _text, _object),
    "W2": Check(last, _counts("orders"), _text, _long),
    "W2/cache0": Check(every, _counts("orders"), _text, _long),
    "W2/million": Check(last, _counts("million"), _text, _long),
    "W2/each-once": Check(last, _counts("each-once"), _text, _long),
    "W3": Check(last, _sums, _windowed, _long),
    "W4": Check(last, _hops, _windowed, _long),
    "W5": Check(every, _with_customers, _text, _object),
    "W6": Check(every, _settled, _text, _object),
    "W7": Check(last, _both_tables, _text, _object),
    "W8": Check(last, _sessions, _session, _long),
    "W9": Check(last, _word_counts, _text, _long),
    "FK": Check(last_value, _asked_for, _text, _object),
    "SU": Check(every, _final_counts, _windowed, _long),
}
"""By job; a variant of a job (another library, another interval) must give the same."""


@lru_cache(maxsize=4)
def expected(name: str, count: int) -> Answer:
    """The answer to a job over so many input records."""
    check = CHECKS[name]
    return check.fold(check.truth(count))


def found(name: str, records: Iterable[tuple[bytes | None, bytes | None, int]]) -> Answer:
    """The answer that lies in an output topic."""
    check = CHECKS[name]
    return check.fold(
        (check.key(key or b""), None if value is None else check.value(value), time) for key, value, time in records
    )


def compare(name: str, came: Answer, true: Answer) -> None:
    """Raises `WrongOutput` unless an answer is the true one."""
    faults = []
    if not true.least <= came.most <= true.most:
        right = f"{true.least:,}" if true.least == true.most else f"{true.least:,} to {true.most:,}"
        faults.append(f"{came.most:,} records where {right} are right")
    wrong = [key for key, value in true.by_key.items() if came.by_key.get(key) != value]
    strange = [key for key in came.by_key if key not in true.by_key]
    if wrong:
        first = wrong[0]
        faults.append(
            f"{len(wrong):,} of {len(true.by_key):,} keys are wrong, the first is {first!r}: "
            f"{came.by_key.get(first)} where {true.by_key[first]} is right"
        )
    if strange:
        faults.append(f"{len(strange):,} keys that should not be there, the first is {strange[0]!r}")
    if faults:
        raise WrongOutput(f"the output of {name} is wrong: {'; '.join(faults)}")

"""The data sets, the same for the same seed but for `START`, where event time starts; it advances 1 ms a record."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

START = (int(time.time()) - 7_200) * 1_000 // 60_000 * 60_000
"""Event time of the first record, in ms: two hours ago, so that no retention takes it for old."""
CHUNK = 1_000
CUSTOMERS = 10_000
STATUSES = ("NEW", "PAID", "SHIPPED", "CANCELLED")
REGIONS = ("eu", "us", "ap", "sa")


class Chunk(NamedTuple):
    """Records, as columns."""

    keys: list[bytes | None]
    values: list[bytes | None]
    timestamps: list[int]


class Dataset(NamedTuple):
    """Records by name. `rows(n)` makes those of a job over n input records; `shape` says what one looks like."""

    rows: Callable[[int], Iterator[Chunk]]
    shape: str


def _pieces(count: int) -> Iterator[range]:
    for start in range(0, count, CHUNK):
        yield range(start, min(count, start + CHUNK))


def _zipf(draw: random.Random, count: int) -> Iterator[tuple[range, list[int]]]:
    """Customers by rank: the probability of rank r is as 1/r."""
    weights = list(accumulate(1 / rank for rank in range(1, CUSTOMERS + 1)))
    for piece in _pieces(count):
        yield piece, draw.choices(range(CUSTOMERS), cum_weights=weights, k=len(piece))


def _order(draw: random.Random, at: int, customer: int) -> bytes:
    amount, quantity = draw.randrange(100, 10_000), draw.randrange(1, 10)
    return (
        f'{{"id":"o{at:08d}","customer":"c{customer:05d}","product":"p{at % 997:04d}","amount":{amount},'
        f'"qty":{quantity},"status":"{STATUSES[amount & 3]}","region":"{REGIONS[quantity & 3]}","ts":{START + at}}}'
    ).encode()


def _orders(count: int, seed: int = 42) -> Iterator[Chunk]:
    draw = random.Random(seed)
    for piece, customers in _zipf(draw, count):
        yield Chunk(
            [b"c%05d" % each for each in customers],
            [_order(draw, at, each) for at, each in zip(piece, customers, strict=True)],
            [START + at for at in piece],
        )


def _customer(draw: random.Random, customer: int) -> bytes:
    return (
        f'{{"customer":"c{customer:05d}","name":"name of {customer:05d}","segment":"{"ABC"[customer % 3]}",'
        f'"country":"{REGIONS[customer & 3]}","score":{draw.randrange(1000)},"since":"20{customer % 24:02d}-01-01"}}'
    ).encode()


def _customers(count: int) -> Iterator[Chunk]:
    draw = random.Random(43)
    for piece in _pieces(CUSTOMERS):
        yield Chunk(
            [b"c%05d" % at for at in piece], [_customer(draw, at) for at in piece], [START - 60_000 for _ in piece]
        )


def _customer_changes(count: int) -> Iterator[Chunk]:
    draw = random.Random(44)
    for piece, customers in _zipf(draw, count):
        yield Chunk(
            [b"c%05d" % each for each in customers],
            [_customer(draw, each) for each in customers],
            [START + at for at in piece],
        )


def _orders_by_id(count: int) -> Iterator[Chunk]:
    draw = random.Random(42)
    for piece, customers in _zipf(draw, count):
        yield Chunk(
            [b"o%08d" % at for at in piece],
            [_order(draw, at, each) for at, each in zip(piece, customers, strict=True)],
            [START + at for at in piece],
        )


def _payments(count: int) -> Iterator[Chunk]:
    """For nine orders of ten, up to 4 s after the order, in the order of time."""
    draw = random.Random(45)
    paid = sorted((START + at + draw.randrange(4_001), at) for at in range(count) if draw.random() < 0.9)
    for piece in _pieces(len(paid)):
        rows = paid[piece.start : piece.stop]
        yield Chunk(
            [b"o%08d" % at for _, at in rows],
            [
                (
                    f'{{"order":"o{at:08d}","method":"{"card" if at & 1 else "cash"}","bank":"b{at % 89:03d}",'
                    f'"paid":{at % 9973},"ref":"r{at:010d}","ts":{time}}}'
                ).encode()
                for time, at in rows
            ],
            [time for time, _ in rows],
        )


def _lines(count: int) -> Iterator[Chunk]:
    from pydoc_data.topics import topics

    draw = random.Random(46)
    text = [line.strip().encode() for name in sorted(topics) for line in topics[name].splitlines() if line.strip()]
    for piece in _pieces(count):
        yield Chunk([None] * len(piece), list(draw.choices(text, k=len(piece))), [START + at for at in piece])


def _uniform(keys: int) -> Callable[[int], Iterator[Chunk]]:
    def rows(count: int) -> Iterator[Chunk]:
        draw = random.Random(49)
        for piece in _pieces(count):
            yield Chunk(
                [b"k%07d" % each for each in draw.choices(range(keys), k=len(piece))],
                [b'{"v":%d}' % at for at in piece],
                [START + at for at in piece],
            )

    return rows


def _each_once(count: int) -> Iterator[Chunk]:
    order = list(range(count))
    random.Random(47).shuffle(order)
    for piece in _pieces(count):
        yield Chunk(
            [b"k%09d" % order[at] for at in piece],
            [b'{"v":%d}' % at for at in piece],
            [START + at for at in piece],
        )


DATASETS: Mapping[str, Dataset] = {
    "orders": Dataset(_orders, "key customer (10,000, Zipf s=1), value JSON of about 128 bytes"),
    "customers": Dataset(_customers, "10,000 customers once each, JSON of about 116 bytes, 60 s before the orders"),
    "customer-changes": Dataset(_customer_changes, "key customer (Zipf), JSON of about 116 bytes"),
    "orders-by-id": Dataset(_orders_by_id, "key order id (unique), JSON of about 128 bytes"),
    "payments": Dataset(_payments, "key order id, for 90 % of the orders, 0 to 4 s later, JSON of about 100 bytes"),
    "lines": Dataset(_lines, "no key, a line of the Python language reference, about 50 bytes"),
    "million": Dataset(_uniform(1_000_000), "1,000,000 keys, equally likely, JSON of about 12 bytes"),
    "each-once": Dataset(_each_once, "as many keys as records, in random order, JSON of about 12 bytes"),
}


def rows_of(dataset: str, count: int) -> int:
    """How many records the data set has in a job over `count` input records."""
    if dataset == "payments":
        return sum(len(chunk.timestamps) for chunk in _payments(count))
    return CUSTOMERS if dataset == "customers" else count

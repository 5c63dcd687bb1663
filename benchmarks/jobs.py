"""The jobs W0 to W9 and their kin: what goes in, and the topology as a user would write it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from streams import (
    JoinWindows,
    Materialized,
    Serdes,
    SessionWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)

TEXT, RAW, LONG = Serdes.string(), Serdes.bytes(), Serdes.long()
WORDS = re.compile(r"[^a-z0-9]+")


class Order(msgspec.Struct):
    """A value of `orders`."""

    id: str
    customer: str
    product: str
    amount: int
    qty: int
    status: str
    region: str
    ts: int


class Customer(msgspec.Struct):
    """A value of `customers`."""

    customer: str
    name: str
    segment: str
    country: str
    score: int
    since: str


class Payment(msgspec.Struct):
    """A value of `payments`."""

    order: str
    method: str
    bank: str
    paid: int
    ref: str
    ts: int


class Total(msgspec.Struct):
    """What W1 makes of an order."""

    id: str
    customer: str
    total: int
    status: str
    ts: int
    priority: bool


class Enriched(msgspec.Struct):
    """An order and its customer."""

    id: str
    customer: str
    amount: int
    qty: int
    name: str
    segment: str
    country: str
    ts: int


class Settled(msgspec.Struct):
    """An order and its payment."""

    id: str
    customer: str
    amount: int
    paid: int
    method: str
    ts: int


ORDER, CUSTOMER, PAYMENT = Serdes.json(Order), Serdes.json(Customer), Serdes.json(Payment)
TOTAL, ENRICHED, SETTLED = Serdes.json(Total), Serdes.json(Enriched), Serdes.json(Settled)

Topics = Mapping[str, str]
"""The real name of each input, by data set, and of the output under `out`."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Args:
        name: as in the tables.
        title: what it does, in a line.
        inputs: data sets, in the order in which they are produced.
        build: writes the topology.
        records: input records of a run.
        counted: the sub-topology whose records are counted; None: all.
        unit: what a record is called.
        config: further settings.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    build: Callable[[StreamsBuilder, Topics], None]
    records: int = 500_000
    counted: int | None = None
    unit: str = "records"
    config: Mapping[str, object] = field(default_factory=dict)


def identity(builder: StreamsBuilder, topics: Topics) -> None:
    builder.stream(topics["orders"], key_serde=TEXT, value_serde=TEXT).to(topics["out"])


def total(order: Order) -> Total:
    return Total(order.id, order.customer, order.amount * order.qty, order.status, order.ts, False)


def twice_if_large(one: Total) -> list[Total]:
    if one.total < 50_000:
        return [one]
    return [one, Total(one.id, one.customer, one.total, one.status, one.ts, True)]


def stateless(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=ORDER)
    kept = orders.filter(lambda _, order: order.status != "CANCELLED").map_values(total)
    kept.flat_map_values(twice_if_large).to(topics["out"], value_serde=TOTAL)


def stateless_dicts(builder: StreamsBuilder, topics: Topics) -> None:
    """As `stateless`, over values without a declared type."""
    orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=Serdes.json())
    (
        orders.filter(lambda _, order: order["status"] != "CANCELLED")
        .map_values(
            lambda order: {
                "id": order["id"],
                "customer": order["customer"],
                "total": order["amount"] * order["qty"],
                "status": order["status"],
                "ts": order["ts"],
                "priority": False,
            }
        )
        .flat_map_values(lambda one: [one] if one["total"] < 50_000 else [one, {**one, "priority": True}])
        .to(topics["out"], value_serde=Serdes.json())
    )


def _count(dataset: str, caching: bool = True) -> Callable[[StreamsBuilder, Topics], None]:
    def build(builder: StreamsBuilder, topics: Topics) -> None:
        store = Materialized.as_("counts").with_key_serde(TEXT)
        if not caching:
            store = store.with_caching_disabled()
        counts = builder.stream(topics[dataset], key_serde=TEXT, value_serde=RAW).group_by_key().count(store)
        counts.to_stream().to(topics["out"], value_serde=LONG)

    return build


def tumbling(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=ORDER)
    windows = orders.group_by_key().windowed_by(TimeWindows.of_size_and_grace(10_000, 10_000))
    sums = windows.aggregate(lambda: 0, lambda _, order, so_far: so_far + order.amount, value_serde=LONG)
    sums.to_stream().to(topics["out"])


def hopping(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=RAW)
    windows = TimeWindows.of_size_and_grace(60_000, 10_000).advance_by(12_000)
    orders.group_by_key().windowed_by(windows).count().to_stream().to(topics["out"], value_serde=LONG)


def enriched(order: Order, customer: Customer) -> Enriched:
    return Enriched(
        order.id,
        order.customer,
        order.amount,
        order.qty,
        customer.name,
        customer.segment,
        customer.country,
        order.ts,
    )


def stream_table(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=ORDER)
    customers = builder.table(topics["customers"], key_serde=TEXT, value_serde=CUSTOMER)
    orders.join(customers, enriched).to(topics["out"], value_serde=ENRICHED)


def settled(order: Order, payment: Payment) -> Settled:
    return Settled(order.id, order.customer, order.amount, payment.paid, payment.method, payment.ts)


def stream_stream(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.stream(topics["orders-by-id"], key_serde=TEXT, value_serde=ORDER)
    payments = builder.stream(topics["payments"], key_serde=TEXT, value_serde=PAYMENT)
    windows = JoinWindows.of_time_difference_and_grace(5_000, 5_000)
    joined = orders.join(payments, settled, windows, key_serde=TEXT, value_serde=ORDER, other_value_serde=PAYMENT)
    joined.to(topics["out"], value_serde=SETTLED)


def table_table(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.table(topics["orders"], key_serde=TEXT, value_serde=ORDER, store="orders")
    customers = builder.table(topics["customer-changes"], key_serde=TEXT, value_serde=CUSTOMER, store="customers")
    orders.join(customers, enriched).to_stream().to(topics["out"], value_serde=ENRICHED)


def sessions(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=RAW)
    windows = SessionWindows.of_inactivity_gap_and_grace(5_000, 10_000)
    orders.group_by_key().windowed_by(windows).count().to_stream().to(topics["out"], value_serde=LONG)


def words_of(line: str) -> list[str]:
    return [word for word in WORDS.split(line.lower()) if word]


def word_count(builder: StreamsBuilder, topics: Topics) -> None:
    lines = builder.stream(topics["lines"], key_serde=RAW, value_serde=TEXT)
    words = lines.flat_map_values(words_of).group_by(lambda _, word: word, key_serde=TEXT, value_serde=TEXT)
    words.count().to_stream().to(topics["out"], value_serde=LONG)


def foreign_key(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.table(topics["orders-by-id"], key_serde=TEXT, value_serde=ORDER, store="orders")
    customers = builder.table(topics["customers"], key_serde=TEXT, value_serde=CUSTOMER, store="customers")
    joined = orders.join(customers, lambda order: order.customer, enriched, key_serde=TEXT, value_serde=ENRICHED)
    joined.to_stream().to(topics["out"], value_serde=ENRICHED)


def suppress(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=RAW)
    windows = orders.group_by_key().windowed_by(TimeWindows.of_size_and_grace(10_000, 1_000))
    final = windows.count().suppress(Suppressed.until_window_closes(Suppressed.BufferConfig.unbounded()))
    final.to_stream().to(topics["out"], value_serde=LONG)


JOBS: Mapping[str, Job] = {
    job.name: job
    for job in (
        Job("W0", "topic to topic, string keys and values", ("orders",), identity, 1_000_000),
        Job("W1", "filter, map and flat map of typed JSON", ("orders",), stateless),
        Job("W1/dict", "the same, JSON without a declared type", ("orders",), stateless_dicts),
        Job("W2", "count by key, 10,000 keys, record cache", ("orders",), _count("orders"), 1_000_000),
        Job("W2/cache0", "the same without the cache", ("orders",), _count("orders", caching=False)),
        Job("W2/million", "the same over 1,000,000 keys", ("million",), _count("million")),
        Job("W2/each-once", "the same, a key a record", ("each-once",), _count("each-once"), 200_000),
        Job("W3", "tumbling sum of typed JSON, 10 s", ("orders",), tumbling),
        Job("W4", "hopping count, 5 windows a record", ("orders",), hopping, 200_000),
        Job("W5", "stream-table join, 10,000 customers", ("customers", "orders"), stream_table),
        Job("W6", "stream-stream join within 5 s", ("orders-by-id", "payments"), stream_stream, 150_000),
        Job("W7", "table-table join", ("orders", "customer-changes"), table_table, 200_000),
        Job("W8", "session count, gap 5 s", ("orders",), sessions, 200_000),
        Job("W9", "word count through a repartition topic", ("lines",), word_count, 100_000, 1, "words"),
        Job("FK", "foreign-key join", ("customers", "orders-by-id"), foreign_key, 50_000),
        Job("SU", "tumbling count, only its final results", ("orders",), suppress, 200_000),
    )
}

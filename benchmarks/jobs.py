"""The jobs W0 to W9 and their kin: what goes in, and the topology as a user would write it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, NamedTuple

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


class Kinds(NamedTuple):
    """The classes of the values and their serdes."""

    order: Any
    customer: Any
    payment: Any
    total: Any
    enriched: Any
    settled: Any

    def serdes(self) -> Kinds:
        """The serde of each."""
        return Kinds(*(Serdes.json(kind) for kind in self))


MUTABLE = Kinds(Order, Customer, Payment, Total, Enriched, Settled)


def _frozen(kind: Any) -> Any:
    """The same struct, of which no field can be set again."""
    fields = [(each.name, each.type) for each in msgspec.structs.fields(kind)]
    return msgspec.defstruct(f"Frozen{kind.__name__}", fields, frozen=True)


FROZEN = Kinds(*(_frozen(kind) for kind in MUTABLE))

Topics = Mapping[str, str]
"""The real name of each input, by data set, and of the output under `out`."""
Build = Callable[[StreamsBuilder, Topics], None]


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
        whole: its rate is that of the whole run, as its second half would measure a part of the work only.
        answer: the job whose output it must give; "": its own name.
        unit: what a record is called.
        config: further settings.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    build: Build
    records: int = 1_000_000
    counted: int | None = None
    whole: bool = False
    answer: str = ""
    unit: str = "records"
    config: Mapping[str, object] = field(default_factory=dict)


def identity(builder: StreamsBuilder, topics: Topics) -> None:
    builder.stream(topics["orders"], key_serde=TEXT, value_serde=TEXT).to(topics["out"])


def totals(kinds: Kinds) -> tuple[Callable[[Any], Any], Callable[[Any], list[Any]]]:
    """The two functions of W1 over these classes."""
    kind = kinds.total

    def total(order: Any) -> Any:
        return kind(order.id, order.customer, order.amount * order.qty, order.status, order.ts, False)

    def twice_if_large(one: Any) -> list[Any]:
        if one.total < 50_000:
            return [one]
        return [one, kind(one.id, one.customer, one.total, one.status, one.ts, True)]

    return total, twice_if_large


def _stateless(kinds: Kinds) -> Build:
    serdes = kinds.serdes()
    total, twice_if_large = totals(kinds)

    def build(builder: StreamsBuilder, topics: Topics) -> None:
        orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=serdes.order)
        kept = orders.filter(lambda _, order: order.status != "CANCELLED").map_values(total)
        kept.flat_map_values(twice_if_large).to(topics["out"], value_serde=serdes.total)

    return build


def total_of_dict(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": order["id"],
        "customer": order["customer"],
        "total": order["amount"] * order["qty"],
        "status": order["status"],
        "ts": order["ts"],
        "priority": False,
    }


def twice_if_large_dict(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [one] if one["total"] < 50_000 else [one, {**one, "priority": True}]


def _stateless_dicts(serde: Callable[[], Any]) -> Build:
    """As `_stateless`, over values without a declared type, by the serde of a library."""

    def build(builder: StreamsBuilder, topics: Topics) -> None:
        own = serde()
        orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=own)
        kept = orders.filter(lambda _, order: order["status"] != "CANCELLED").map_values(total_of_dict)
        kept.flat_map_values(twice_if_large_dict).to(topics["out"], value_serde=own)

    return build


def _orjson() -> Any:
    try:
        orjson = import_module("orjson")
    except ImportError as error:
        raise RuntimeError("orjson is not installed: pip install orjson") from error
    return Serdes.of(orjson.dumps, orjson.loads, name="orjson")


def _standard_json() -> Any:
    return Serdes.of(lambda value: json.dumps(value).encode(), json.loads, name="json")


def _count(dataset: str, caching: bool = True) -> Build:
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


def enriching(kinds: Kinds) -> Callable[[Any, Any], Any]:
    """The joiner of an order and its customer."""
    kind = kinds.enriched

    def enriched(order: Any, customer: Any) -> Any:
        return kind(
            order.id,
            order.customer,
            order.amount,
            order.qty,
            customer.name,
            customer.segment,
            customer.country,
            order.ts,
        )

    return enriched


def _stream_table(kinds: Kinds) -> Build:
    serdes, enriched = kinds.serdes(), enriching(kinds)

    def build(builder: StreamsBuilder, topics: Topics) -> None:
        orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=serdes.order)
        customers = builder.table(topics["customers"], key_serde=TEXT, value_serde=serdes.customer)
        orders.join(customers, enriched).to(topics["out"], value_serde=serdes.enriched)

    return build


def settling(kinds: Kinds) -> Callable[[Any, Any], Any]:
    """The joiner of an order and its payment."""
    kind = kinds.settled

    def settled(order: Any, payment: Any) -> Any:
        return kind(order.id, order.customer, order.amount, payment.paid, payment.method, order.ts)

    return settled


def _stream_stream(kinds: Kinds) -> Build:
    serdes, settled = kinds.serdes(), settling(kinds)

    def build(builder: StreamsBuilder, topics: Topics) -> None:
        orders = builder.stream(topics["orders-by-id"], key_serde=TEXT, value_serde=serdes.order)
        payments = builder.stream(topics["payments"], key_serde=TEXT, value_serde=serdes.payment)
        windows = JoinWindows.of_time_difference_and_grace(5_000, 5_000)
        joined = orders.join(
            payments, settled, windows, key_serde=TEXT, value_serde=serdes.order, other_value_serde=serdes.payment
        )
        joined.to(topics["out"], value_serde=serdes.settled)

    return build


def _table_table(kinds: Kinds) -> Build:
    serdes, enriched = kinds.serdes(), enriching(kinds)

    def build(builder: StreamsBuilder, topics: Topics) -> None:
        orders = builder.table(topics["orders"], key_serde=TEXT, value_serde=serdes.order, store="orders")
        changes = topics["customer-changes"]
        customers = builder.table(changes, key_serde=TEXT, value_serde=serdes.customer, store="customers")
        orders.join(customers, enriched).to_stream().to(topics["out"], value_serde=serdes.enriched)

    return build


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
    enriched = enriching(MUTABLE)
    joined = orders.join(customers, lambda order: order.customer, enriched, key_serde=TEXT, value_serde=ENRICHED)
    joined.to_stream().to(topics["out"], value_serde=ENRICHED)


def suppress(builder: StreamsBuilder, topics: Topics) -> None:
    orders = builder.stream(topics["orders"], key_serde=TEXT, value_serde=RAW)
    windows = orders.group_by_key().windowed_by(TimeWindows.of_size_and_grace(10_000, 1_000))
    final = windows.count().suppress(Suppressed.until_window_closes(Suppressed.BufferConfig.unbounded()))
    final.to_stream().to(topics["out"], value_serde=LONG)


def _variant(job: Job, suffix: str, title: str, **changes: Any) -> Job:
    """The same answer in another way."""
    return replace(job, name=f"{job.name}/{suffix}", title=title, answer=job.answer or job.name, **changes)


_W0 = Job("W0", "topic to topic, string keys and values", ("orders",), identity, 2_000_000)
_W1 = Job("W1", "filter, map and flat map of typed JSON", ("orders",), _stateless(MUTABLE))
_W2 = Job("W2", "count by key, 10,000 keys, record cache", ("orders",), _count("orders"), 2_000_000)
_W3 = Job("W3", "tumbling sum of typed JSON, 10 s", ("orders",), tumbling)
_W4 = Job("W4", "hopping count, 5 windows a record", ("orders",), hopping)
_W5 = Job("W5", "stream-table join, 10,000 customers", ("customers", "orders"), _stream_table(MUTABLE))
_W6 = Job("W6", "stream-stream join within 5 s", ("orders-by-id", "payments"), _stream_stream(MUTABLE), 500_000)
_W7 = Job("W7", "table-table join", ("orders", "customer-changes"), _table_table(MUTABLE), 500_000)
_W8 = Job("W8", "session count, gap 5 s", ("orders",), sessions)
_W9 = Job("W9", "word count through a repartition topic", ("lines",), word_count, 200_000, 1, True, "", "words")
_SECOND = {"commit.interval.ms": 1_000}
_FROZEN, _LATER = "the same, its structs frozen", "the same, a commit a second"

JOBS: Mapping[str, Job] = {
    job.name: job
    for job in (
        _W0,
        _W1,
        _variant(_W1, "frozen", _FROZEN, build=_stateless(FROZEN)),
        _variant(_W1, "dict", "the same, JSON without a declared type", build=_stateless_dicts(Serdes.json)),
        _variant(_W1, "orjson", "the same by orjson", build=_stateless_dicts(_orjson)),
        _variant(_W1, "json", "the same by the standard library's json", build=_stateless_dicts(_standard_json)),
        _variant(_W1, "commit1s", _LATER, config=_SECOND),
        _W2,
        _variant(_W2, "commit1s", _LATER, config=_SECOND),
        Job("W2/cache0", "the same without the cache", ("orders",), _count("orders", caching=False)),
        Job("W2/million", "the same over 1,000,000 keys", ("million",), _count("million")),
        Job("W2/each-once", "the same, a key a record", ("each-once",), _count("each-once")),
        _W3,
        _variant(_W3, "commit1s", _LATER, config=_SECOND),
        _W4,
        _variant(_W4, "commit1s", _LATER, config=_SECOND),
        _W5,
        _variant(_W5, "frozen", _FROZEN, build=_stream_table(FROZEN)),
        _W6,
        _variant(_W6, "frozen", _FROZEN, build=_stream_stream(FROZEN)),
        _variant(_W6, "commit1s", _LATER, config=_SECOND),
        _W7,
        _variant(_W7, "frozen", _FROZEN, build=_table_table(FROZEN)),
        _variant(_W7, "commit1s", _LATER, config=_SECOND),
        _W8,
        _variant(_W8, "commit1s", _LATER, config=_SECOND),
        _W9,
        _variant(_W9, "commit1s", _LATER, config=_SECOND),
        Job("FK", "foreign-key join", ("customers", "orders-by-id"), foreign_key, 250_000),
        Job("SU", "tumbling count, only its final results", ("orders",), suppress),
    )
}

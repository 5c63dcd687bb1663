"""Examples that need partitions: run as applications on an engine in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from streams import KafkaStreams, StreamsConfig
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.clients.local.door import forget
from streams.config.load import from_file
from streams.errors import TopologyException
from tests.engines import until
from tests.examples.driving import EXAMPLES, long, module_of, topology_of

_numbers = itertools.count()


@pytest.fixture
def address() -> Iterator[str]:
    name = f"examples-{next(_numbers)}"
    yield f"memory://{name}"
    forget(name)


def application(name: str, address: str) -> KafkaStreams:
    return KafkaStreams(topology_of(name), application_id=name.replace("_", "-"), bootstrap_servers=address)


def values_of(address: str, topic: str) -> Callable[[], list[object]]:
    """Gives the values of a topic that can be read so far, when called."""

    def read() -> list[object]:
        with Consumer(bootstrap_servers=address, value_deserializer="string", enable_auto_commit=False) as consumer:
            partitions = consumer.partitions_for(topic)
            ends = consumer.end_offsets(partitions)
            consumer.assign(partitions)
            consumer.seek_to_beginning()
            found: list[object] = []
            while any(consumer.position(p) < ends[p] for p in partitions):
                found += [record.value for record in consumer.poll(100)]
            return found

    return read


def test_a_join_of_unequal_partitions_is_refused(address: str) -> None:
    with Admin(bootstrap_servers=address) as admin:
        admin.create_topic("orders", 3)
        admin.create_topic("customers", 2)
    app = application("copartitioning", address)
    with pytest.raises(TopologyException) as refused, app:
        app.wait(30_000)
    said = str(refused.value)
    for word in ("orders", "customers", "3", "2", "repartition", "GlobalKTable"):
        assert word in said, said


@pytest.mark.parametrize("name", ["copartitioning_repartition", "copartitioning_global_table"])
def test_both_ways_out_join_them(name: str, address: str) -> None:
    with Admin(bootstrap_servers=address) as admin, Producer(bootstrap_servers=address) as producer:
        admin.create_topic("orders", 3)
        admin.create_topic("customers", 2)
        admin.create_topic("orders-of-customers", 2)
        keys = [str(n).encode() for n in range(20)]
        for key in keys:
            producer.send(ProducerRecord("customers", b"customer " + key, key, timestamp=1))
        producer.flush()
        for key in keys:
            producer.send(ProducerRecord("orders", b"order " + key, key, timestamp=2))
        producer.flush()
    wanted = sorted(f"order {n} for customer {n}" for n in range(20))
    read = values_of(address, "orders-of-customers")
    with application(name, address):
        until(lambda: len(read()) >= len(wanted))
    assert sorted(map(str, read())) == wanted


def test_monthly_totals_are_a_batch_of_the_hourly_stream(address: str) -> None:
    sales = [
        ("rome", 1250, datetime(2026, 1, 31, 23, 59, tzinfo=UTC)),
        ("rome", 50, datetime(2026, 1, 31, 23, 10, tzinfo=UTC)),
        ("paris", 300, datetime(2026, 1, 5, tzinfo=UTC)),
        ("rome", 7, datetime(2026, 2, 1, tzinfo=UTC)),
        ("rome", 9, datetime(2026, 3, 1, tzinfo=UTC)),
    ]
    with Admin(bootstrap_servers=address) as admin, Producer(bootstrap_servers=address) as producer:
        admin.create_topic("sales", 1)
        admin.create_topic("hourly-revenue", 2)
        for shop, cents, when in sorted(sales, key=lambda sale: sale[2]):
            value = long.serialize("sales", cents)
            producer.send(ProducerRecord("sales", value, shop.encode(), timestamp=round(when.timestamp() * 1000)))
        producer.flush()
        with application("hourly_revenue", address):
            until(lambda: len(values_of(address, "hourly-revenue")()) >= 4)
    totals = module_of("monthly_totals").monthly_totals
    found = totals(address, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    assert found == {("2026-01", "rome"): 1300, ("2026-01", "paris"): 300, ("2026-02", "rome"): 7}
    assert totals(address, datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)) == {}


def test_spring_s_layout_is_read_as_it_is() -> None:
    config = StreamsConfig(from_file(EXAMPLES / "application.yaml"))
    assert config["application.id"] == "word-count"
    assert config["commit.interval.ms"] == 200
    assert config["statestore.cache.max.bytes"] == 4_194_304
    assert list(config.get_list("bootstrap.servers")) == ["local://.streams"]


def test_a_table_is_asked_while_it_runs(address: str) -> None:
    assert module_of("ask_a_table").main(address) == {"alice": "Paris", "bob": "Oslo"}

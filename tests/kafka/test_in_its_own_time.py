"""What a broker does in its own time: it answers a commit before its end is in the logs, and takes away what is old.

Before Kafka 4.0 the epoch of the next transaction is asked for after each end, and that is answered when the end is in
the logs: there a commit takes until then. What others see of it meanwhile is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from streams import Serdes
from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition
from streams.clients.api import Isolation
from streams.errors import OffsetOutOfRangeException
from tests.crash.verdict import not_counted_up
from tests.engines import await_markers, until
from tests.kafka.proxy import Proxy
from tests.kafka.test_word_count import WORDS, application, counted, expected, runs, write
from tests.kafka_broker import BEFORE_4, KafkaBroker, needed
from tests.streams.apps import records

WRITE_TXN_MARKERS = 27
"""By Kafka's number: a request of brokers among each other."""
EXACTLY_ONCE = "exactly_once_v2"
AT_ONCE = {"log.initial.task.delay.ms": "0", "log.retention.check.interval.ms": "100"}
"""Records that are too old are looked for all the time, and not after half a minute and then each five."""


class Broker:
    """One that reaches itself through a proxy, and its clients none: what it asks of itself, as to write the ends of
    transactions, can be held up.

    Attributes:
        servers: where clients find it.
        proxy: of its connections to itself.
    """

    def __init__(self, directory: Path) -> None:
        self.proxy = Proxy()
        settings = {"inter.broker.listener.name": "PLAINTEXT", **AT_ONCE}
        self._broker = KafkaBroker(directory, settings, proxy=self.proxy.address)
        self.proxy.leads_to(self._broker.address)
        self.servers = self._broker.direct

    @contextmanager
    def markers_held(self) -> Iterator[None]:
        """In the block no end of a transaction comes into the logs."""
        self.proxy.held.add(WRITE_TXN_MARKERS)
        try:
            yield
        finally:
            self.proxy.held.clear()

    def close(self) -> None:
        self.proxy.close()
        self._broker.stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    needed()
    with closing(Broker(tmp_path_factory.mktemp("broker"))) as made:
        yield made


def ending(admin: Admin, application: str) -> bool:
    """Has an application a transaction that is committed, and whose end is not in the logs?"""
    return any(
        each.transactional_id.startswith(application) and each.state == "PrepareCommit"
        for each in admin.list_transactions()
    )


def test_a_commit_is_answered_before_its_end_is_in_the_logs(broker: Broker) -> None:
    zero = TopicPartition("paid", 0)
    with (
        Admin(bootstrap_servers=broker.servers) as admin,
        ThreadPoolExecutor(1) as other,
        Producer(bootstrap_servers=broker.servers, transactional_id="bank") as producer,
    ):
        admin.create_topic("paid", 1)
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(ProducerRecord("paid", b"a")).result(30)
        with broker.markers_held():
            commit = other.submit(producer.commit_transaction)
            if not BEFORE_4:
                commit.result(30)
            until(lambda: ending(admin, "bank"))
            assert admin.end_offsets([zero], Isolation.READ_COMMITTED) == {zero: 0}
            assert commit.done() is not BEFORE_4
        commit.result(30)
        await_markers(broker.servers)
        assert admin.end_offsets([zero], Isolation.READ_COMMITTED) == {zero: 2}


def test_who_takes_over_waits_for_what_is_committed_and_not_ended(broker: Broker, tmp_path: Path) -> None:
    """Neither its positions nor its state are those of before."""
    with Admin(bootstrap_servers=broker.servers) as admin, ExitStack() as stack:
        for name in ("text-1", "counts-1"):
            admin.create_topic(name, 4)
        start = [tmp_path / "one", tmp_path / "two"]
        no_cache = {"statestore_cache_max_bytes": 0}
        one, two = (
            stack.enter_context(closing(application(broker.servers, 1, state, EXACTLY_ONCE, **no_cache)))
            for state in start
        )
        until(lambda: (len(one.tasks()), len(two.tasks())) == (4, 4) and runs(one) and runs(two))
        write(broker.servers, 1)
        until(lambda: counted(broker.servers, 1) == expected(1))
        with broker.markers_held():
            write(broker.servers, 1)
            until(lambda: ending(admin, "count-1"))
            stack.enter_context(closing(application(broker.servers, 1, tmp_path / "three", EXACTLY_ONCE, **no_cache)))
            write(broker.servers, 1)
            until(lambda: len(admin.describe_group("count-1").members) == 3)
            assert ending(admin, "count-1")
        until(lambda: counted(broker.servers, 1) == expected(3))
        await_markers(broker.servers)
        found = records(broker.servers, "counts-1", Serdes.string(), Serdes.long(), "read_committed")
        truth = Counter({word: 3 * count for word, count in Counter(WORDS).items()})
        assert not_counted_up("the output", [(record.key, record.value) for record in found], truth) == []


def test_what_is_older_than_a_topic_keeps_is_gone_and_brokers_of_tests_keep_all(broker: Broker) -> None:
    short, kept = TopicPartition("short", 0), TopicPartition("kept", 0)
    with (
        Admin(bootstrap_servers=broker.servers) as admin,
        Producer(bootstrap_servers=broker.servers) as producer,
    ):
        admin.create_topic("short", 1, {"retention.ms": "86400000"})
        admin.create_topic("kept", 1)
        for count in (1, 2):  # the second is looked for after the first round has come to an end
            for each in (kept, short):
                producer.send(ProducerRecord(each.topic, b"of 1970", timestamp=1_000)).result(30)
            until(lambda: admin.beginning_offsets([short]) == {short: count})  # noqa: B023
        assert admin.beginning_offsets([kept]) == {kept: 0}
    with Consumer(bootstrap_servers=broker.servers, auto_offset_reset="none", group_id=None) as consumer:
        consumer.assign([short])
        consumer.seek(short, 0)
        with pytest.raises(OffsetOutOfRangeException, match=r"outside the log, .* from 2 to 2"):
            while True:
                consumer.poll(1_000)

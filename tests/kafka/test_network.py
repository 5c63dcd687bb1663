"""A network that cuts, holds up, slows and silences connections, and a broker that is gone for a minute: an application
goes on by itself, and under exactly-once nothing is lost and nothing doubled."""

from __future__ import annotations

import itertools
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from streams import Serdes
from streams.clients import Admin
from tests.crash.verdict import lost_updates, not_counted_up
from tests.engines import await_markers, until
from tests.kafka.proxy import Proxy, Trouble
from tests.kafka.test_word_count import GUARANTEES, WORDS, application, counted, expected, runs, write
from tests.kafka_broker import KafkaBroker, needed
from tests.streams.apps import records

PRODUCE, FETCH, OFFSET_COMMIT, HEARTBEAT, ADD_PARTITIONS, ADD_OFFSETS, END, TXN_OFFSETS = 0, 1, 8, 12, 24, 25, 26, 28
COMMIT = {
    "at_least_once": (PRODUCE, OFFSET_COMMIT),
    "exactly_once_v2": (PRODUCE, ADD_PARTITIONS, ADD_OFFSETS, TXN_OFFSETS, END),
}
"""Requests of a commit, by Kafka's numbers."""
SILENCED = {"at_least_once": (FETCH, HEARTBEAT, OFFSET_COMMIT), "exactly_once_v2": (FETCH, HEARTBEAT, END)}
ALWAYS = {PRODUCE, OFFSET_COMMIT, END, TXN_OFFSETS}
"""The others are not sent to brokers that do without."""
PATIENCE_S = 180.0
"""On a busy machine; seconds are the rule."""
SILENCE_S = 12.0
"""Longer than a session (6 s) and a transaction (10 s) last."""
UNANSWERED_S = 240.0
"""Who does not answer is given up after 30 s."""
AWAY_S = 60.0
INTERVAL_S = 10.0
"""How often a trouble is told that goes on."""


class Network:
    """A broker with a proxy before it.

    Attributes:
        servers: by the proxy.
        direct: past it, for who looks on.
    """

    def __init__(self, directory: Path) -> None:
        self.proxy = Proxy()
        self.broker = KafkaBroker(directory, proxy=self.proxy.address)
        self.proxy.leads_to(self.broker.address)
        self.servers, self.direct = self.proxy.address, self.broker.direct
        self._numbers = itertools.count(1)

    def topics(self) -> int:
        """Makes those of another application; what tells them apart."""
        number = next(self._numbers)
        with Admin(bootstrap_servers=self.direct) as admin:
            for name in (f"text-{number}", f"counts-{number}"):
                admin.create_topic(name, 4)
        return number

    def close(self) -> None:
        self.proxy.close()
        self.broker.stop()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    needed()
    with closing(Network(tmp_path_factory.mktemp("network"))) as found:
        yield found


class Counting:
    """An application behind the proxy, and what must come out of it."""

    def __init__(self, network: Network, state: Path, guarantee: str, stack: ExitStack) -> None:
        self._network = network
        self._number = number = network.topics()
        self._exactly = guarantee == "exactly_once_v2"
        self._times = 0
        self.app = stack.enter_context(
            closing(
                application(
                    network.servers,
                    number,
                    state,
                    guarantee,
                    statestore_cache_max_bytes=0,
                    reconnect_backoff_max_ms=200,
                )
            )
        )
        self.goes_on()

    def more(self) -> None:
        """Puts all words in once more."""
        write(self._network.direct, self._number)
        self._times += 1

    def goes_on(self, patience_s: float = PATIENCE_S) -> None:
        """Counts what is put in?"""
        self.more()
        until(self._has_counted, patience_s)

    def _has_counted(self) -> bool:
        found, least = counted(self._network.direct, self._number), expected(self._times)
        return found == least if self._exactly else all(found.get(word, 0) >= count for word, count in least.items())

    def wrong(self) -> list[str]:
        """What is wrong with the records of the output, all of them, when it has come to rest."""
        until(lambda: runs(self.app), PATIENCE_S)
        await_markers(self._network.direct)
        topic = f"counts-{self._number}"
        found = records(self._network.direct, topic, Serdes.string(), Serdes.long(), "read_committed")
        rows = [(record.key, record.value) for record in found]
        if not self._exactly:
            return lost_updates(rows)
        truth = Counter({word: count * self._times for word, count in Counter(WORDS).items()})
        return not_counted_up("the output", rows, truth)


Begin = Callable[[str], Counting]


@pytest.fixture
def begin(network: Network, tmp_path: Path) -> Iterator[Begin]:
    """Starts an application under a guarantee."""
    with ExitStack() as stack:
        yield lambda guarantee: Counting(network, tmp_path, guarantee, stack)
    network.proxy.cut()


@pytest.mark.parametrize("guarantee", GUARANTEES)
@pytest.mark.parametrize(
    "trouble", [Trouble.NOT_SENT, Trouble.HALF_SENT, Trouble.NOT_ANSWERED], ids=lambda each: each.name
)
def test_a_connection_that_is_cut_amidst_a_commit(
    begin: Begin, network: Network, trouble: Trouble, guarantee: str
) -> None:
    counting = begin(guarantee)
    for api in COMMIT[guarantee]:
        met = network.proxy.met
        network.proxy.plan(api, trouble)
        counting.goes_on()
        assert network.proxy.met > met or api not in ALWAYS
        network.proxy.take(api)
    assert counting.wrong() == []


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_connections_that_are_cut_again_and_again(begin: Begin, network: Network, guarantee: str) -> None:
    counting = begin(guarantee)
    gone = 0
    for _ in range(8):
        counting.more()
        gone += network.proxy.cut()
    counting.goes_on()
    assert gone >= 8
    assert counting.wrong() == []


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_slow_network(begin: Begin, network: Network, guarantee: str) -> None:
    counting = begin(guarantee)
    network.proxy.delay_s, network.proxy.bytes_a_second = 0.1, 50_000
    try:
        counting.goes_on()
    finally:
        network.proxy.delay_s, network.proxy.bytes_a_second = 0.0, 0
    counting.goes_on()
    assert counting.wrong() == []


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_network_that_is_silent_for_longer_than_a_session(begin: Begin, network: Network, guarantee: str) -> None:
    counting = begin(guarantee)
    network.proxy.silent = True
    try:
        counting.more()
        time.sleep(SILENCE_S)  # what the network does, and nothing that is waited for
    finally:
        network.proxy.silent = False
    counting.goes_on()
    assert counting.wrong() == []


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_answers_that_stop_halfway(begin: Begin, network: Network, guarantee: str) -> None:
    counting = begin(guarantee)
    met = network.proxy.met
    for api in SILENCED[guarantee]:
        network.proxy.plan(api, Trouble.HALF_ANSWERED)
    counting.goes_on(UNANSWERED_S)
    until(lambda: network.proxy.met == met + len(SILENCED[guarantee]), UNANSWERED_S)
    counting.goes_on(UNANSWERED_S)
    assert counting.wrong() == []


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker that a test may stop."""
    needed()
    broker = KafkaBroker(tmp_path)
    yield broker
    broker.stop()


def test_a_broker_that_is_gone_for_a_minute(
    alone: KafkaBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is waited for is told once an interval; when the broker is back all goes on by itself, and no store is
    built again."""
    caplog.set_level(logging.INFO)
    numbers = dict(enumerate(GUARANTEES, 1))
    with Admin(bootstrap_servers=alone.address) as admin:
        for each in numbers:
            for name in (f"text-{each}", f"counts-{each}"):
                admin.create_topic(name, 4)

    def once_more(times: int) -> None:
        for each in numbers:
            write(alone.address, each)
        until(lambda: all(counted(alone.address, each) == expected(times) for each in numbers), PATIENCE_S)

    with ExitStack() as stack:
        apps = [
            stack.enter_context(closing(application(alone.address, each, tmp_path / f"state-{each}", guarantee)))
            for each, guarantee in numbers.items()
        ]
        for times in (1, 2, 3):
            once_more(times)
        caplog.clear()
        alone.stop()
        time.sleep(AWAY_S)
        away = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
        caplog.clear()
        alone.start()
        once_more(4)
        until(lambda: all(map(runs, apps)), PATIENCE_S)
    causes = ("Kafka cannot be read: ", "Kafka cannot be written to: ")
    for each in numbers:
        told = [line for line in away if line.startswith(f"count-{each}: {causes[0]}")]
        assert told and len(told) <= AWAY_S / INTERVAL_S + 1, away
    assert all(any(cause in line for cause in causes) and "tried again by itself" in line for line in away), away
    after = [record.message for record in caplog.records]
    assert [line for line in after if "rebuilt" in line] == []
    restored = [int(found[1].replace(",", "")) for line in after if (found := re.search(r"after ([\d,]+) rec", line))]
    assert all(count < len(WORDS) // 4 for count in restored), restored  # of three times as many in each changelog

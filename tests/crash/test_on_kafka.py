"""The word count of real processes on Apache Kafka, whose instances and brokers are killed and stopped: the same is
checked as on the bundled engine (`python -m tests.crash kafka` does it for longer)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.crash import zombies
from tests.crash.on_kafka import KafkaEngine
from tests.crash.run import torment
from tests.crash.test_application import done, feed_until_its_end
from tests.crash.trial import Trial, begin, trial
from tests.crash.verdict import not_exactly_once, wrong
from tests.kafka_broker import needed
from tests.streams import apps
from tests.streams.apps import wait_for

Begin = Callable[..., Trial]


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """A trial with so many nodes, under exactly-once or not."""
    needed()
    monkeypatch.setattr(apps, "PATIENCE_S", 120.0)  # a broker takes its time to start
    with ExitStack() as stack:
        yield lambda nodes, exactly: stack.enter_context(
            trial(tmp_path, exactly=exactly, engine=partial(KafkaEngine, nodes=nodes))
        )


def test_kills_of_instances_and_of_the_broker_are_never_seen(begun: Begin) -> None:
    one = begun(1, True)
    one.feed_on(60)
    torment(one, one.start, {"instances": 2, "brokers": 2}, 2, 0.5)
    done(one)
    one.check(not_exactly_once(one.evidence()))


def test_zombies_and_restarts_of_three_brokers_are_never_seen(begun: Begin) -> None:
    one = begun(3, True)
    one.feed_on(60)
    begin(one, partial(zombies.start, one), 2)
    zombies.settle(one)
    zombies.frozen(one)
    assert isinstance(one.engine, KafkaEngine)
    for deed in one.engine.deeds():
        deed(one.random)
    done(one)
    one.check(not_exactly_once(one.evidence()))


def test_at_least_once_loses_nothing(begun: Begin) -> None:
    one = begun(1, False)
    one.feed_on(60)
    torment(one, one.start, {"instances": 2, "brokers": 1}, 2, 0.5)
    done(one)
    one.check(wrong(one.evidence()))


def test_an_order_of_steps_that_loses_is_found_out(begun: Begin) -> None:
    one = begun(1, False)
    dying = one.start(PLANTED="offsets-first", KILLED_AFTER="offsets:2")
    feed_until_its_end(one, dying)
    one.start()
    done(one)
    assert any("counted" in problem for problem in wrong(one.evidence()))


def test_a_transaction_without_its_positions_is_found_out(begun: Begin) -> None:
    one = begun(1, True)
    first = one.start(PLANTED="offsets-left-out")
    wait_for(lambda: first.is_up)
    one.feed(40)
    wait_for(one.updates)
    first.kill()
    one.start()
    try:
        one.rest(30)
    except AssertionError:  # it does not come to its end
        return
    wait_for(lambda: bool(not_exactly_once(one.evidence())))  # what is counted twice comes behind the positions

"""The steps of a commit: their order, and an application that ends after any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams import KafkaStreams
from streams.clients.api import Position
from streams.errors import StreamsException
from streams.record import TopicPartition
from streams.runtime.worker.commit import Commit, CommitStopped
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Steps, run
from streams.runtime.worker.sender import Refusal
from streams.topology.node import TaskId
from tests.streams.apps import TEXT, lag, produce, running, table, topics, wait_for
from tests.streams.runtime.estate import Engines, Estate, counting

COMMIT = AT_LEAST_ONCE.commit
CHANGELOG = "app-counts-changelog"
ZERO = TaskId(0, 0)
WORDS = TopicPartition("words", 0)


class Ended(BaseException):
    """What no part of the worker takes for an error of its own."""


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    yield made
    made.close()


def ended_after(step: str, number: int) -> Steps[Commit]:
    """The steps, with an end after one of them in the commit of that number."""
    seen = 0

    def end(one: Commit) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Ended

    at = [name for name, _ in COMMIT].index(step) + 1
    return (*COMMIT[:at], ("end", end), *COMMIT[at:])


@pytest.mark.parametrize("cache", [0, 10_000_000])
@pytest.mark.parametrize("step", [name for name, _ in COMMIT])
def test_an_end_after_any_step_loses_nothing_and_state_is_the_fold_of_its_changelog(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, cache: int
) -> None:
    topics(engines.servers, words=2, out=1)
    settings: dict[str, Any] = {"state_dir": str(tmp_path), "commit_interval_ms": 10}
    settings["statestore_cache_max_bytes"] = cache
    monkeypatch.setattr(AT_LEAST_ONCE, "commit", ended_after(step, 3))
    truth = Counter[str]()

    def feed() -> None:
        words = ["a", "b", "a"]
        produce(engines.servers, "words", [(word, word) for word in words])
        truth.update(words)

    app = KafkaStreams(counting(), application_id="app", bootstrap_servers=engines.servers, **settings)
    app.start()
    with pytest.raises(Ended):
        while not app.wait(30):
            feed()
    app.close()
    monkeypatch.setattr(AT_LEAST_ONCE, "commit", COMMIT)
    with running(counting(), engines.servers, **settings):
        feed()
        wait_for(lambda: all(table(engines.servers, "out").get(word, 0) >= count for word, count in truth.items()))
    fold = table(engines.servers, CHANGELOG)
    assert all(fold[word] >= count for word, count in truth.items())
    estate = Estate(engines, tmp_path)
    estate.take(ZERO, TaskId(0, 1))
    assert estate.restorer.restored == 0  # the database alone is the fold
    assert {**estate.rows(), **estate.rows(task=TaskId(0, 1))} == fold
    estate.close()


def test_what_is_replayed_after_a_death_is_bounded_under_load(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics(engines.servers, words=1, out=1)
    settings: dict[str, Any] = {"state_dir": str(tmp_path), "commit_interval_ms": 5}
    app = KafkaStreams(
        counting(), application_id="app", bootstrap_servers=engines.servers,
        statestore_uncommitted_max_bytes=1, statestore_cache_max_bytes=0, **settings,
    )  # fmt: skip
    app.start()
    for round_ in range(5):
        produce(engines.servers, "words", [(f"{round_}-{number}",) * 2 for number in range(1000)])
    wait_for(lambda: app.metrics() and engines.end(CHANGELOG) == 5000)
    wait_for(lambda: lag(engines.servers, "app") == 0)
    monkeypatch.setattr(AT_LEAST_ONCE, "commit", ended_after("send", 1))
    produce(engines.servers, "words", [("last", "last")])
    with pytest.raises(Ended):
        app.wait(60_000)
    app.close()
    estate = Estate(engines, tmp_path)
    estate.take(ZERO)
    assert estate.restorer.restored == 1 and len(estate.rows()) == 5001
    estate.close()


class Group:
    """Takes positions."""

    def __init__(self) -> None:
        self.committed: dict[TopicPartition, Position] = {}

    def commit_now(self, offsets: object, timeout_ms: int) -> None:
        assert isinstance(offsets, dict)
        self.committed.update(offsets)


def test_what_was_refused_is_not_committed_and_what_was_committed_is_purged(engines: Engines, tmp_path: Path) -> None:
    topics(engines.servers, words=1, out=1)
    engines.topic(CHANGELOG)
    estate, group = Estate(engines, tmp_path), Group()
    estate.take(ZERO)
    engines.write("words", ("a", "a"))
    estate.work(lambda: estate.metrics.total("process-total"))
    task = estate.tasks.by_id[ZERO]
    purged: list[object] = []
    one = Commit([task], estate.sender, group, 10_000, 0, purged.append)
    estate.sender.refusals.append(Refusal(ZERO, StreamsException("too large")))
    with pytest.raises(CommitStopped):
        run(COMMIT, one)
    assert not group.committed and task.commit_needed and not purged
    estate.sender.take_refusals()
    run(COMMIT, one)
    assert group.committed[WORDS].offset == 1 and not task.commit_needed
    assert purged == [one.positions] and task.state.stores["counts"].layers.uncommitted_bytes == 0
    assert table(engines.servers, "out", TEXT)["a"] == 1
    estate.close()

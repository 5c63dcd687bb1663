"""A worker's loop where its group or its log does not play along, in a simulated world: waiting costs no time there."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams import StreamsBuilder
from streams.clients.api import Admin, Door, Position, Sent, Writer
from streams.clients.connect import connect
from streams.config.application import StreamsConfig
from streams.errors import KafkaException, OffsetOutOfRangeException, RebalanceInProgressException, TimeoutException
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.worker.loop import LAST_COMMIT_MS, Loop
from streams.runtime.worker.make_worker import Watchers, make_worker
from streams.runtime.worker.worker import Worker
from streams.testing import SimulatedWorld, forget
from tests.streams.apps import COUNT, TEXT

numbers = itertools.count()
WORDS = TopicPartition("words", 0)


def counting() -> StreamsBuilder:
    builder = StreamsBuilder()
    stream = builder.stream("words", key_serde=TEXT, value_serde=TEXT)
    stream.group_by_key().count(store="counts").to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    return builder


class One:
    """One worker that runs its tasks, turned by hand."""

    def __init__(self, world: SimulatedWorld, door: Door, builder: StreamsBuilder, root: Path, **config: Any) -> None:
        self.world = world
        self.admin: Admin = door.admin()
        self.writer: Writer = door.writer()
        for topic in ("words", "names", "out"):
            self.admin.create_topic(topic, 1, {})
        settings = StreamsConfig(
            {"application.id": "app", "bootstrap.servers": door.address, "state.dir": str(root), **config}
        )
        built = builder.build(settings).built(settings)
        watchers = Watchers(lambda worker, state: None, lambda worker, error: None)
        self.metrics = Metrics()
        self.worker: Worker = make_worker(settings, built, door, world, self.metrics, "test", 1, watchers)
        self.loop: Loop = self.worker.open()
        self.turn(lambda: self.worker.settled)

    def turn(self, until: Callable[[], object]) -> None:
        for _ in range(1_000):
            if until():
                return
            self.loop.turn()
        raise AssertionError("it did not come")

    def send(self, topic: str, *words: str) -> None:
        for word in words:
            batch = RecordBatch([word.encode()], [b"x"], [self.world.now_ms()], None, range(1), 1)
            self.writer.send(TopicPartition(topic, 0), batch, _arrived)
        assert self.writer.await_acks(10_000) == 0

    def process(self, *words: str) -> None:
        wanted = self.processed + len(words)
        self.send("words", *words)
        self.turn(lambda: self.processed == wanted)

    @property
    def processed(self) -> int:
        return self.metrics.total("process-total")

    def committed(self) -> Position | None:
        return self.admin.describe_group("app").offsets.get(WORDS)


def _arrived(sent: Sent) -> None:
    assert sent.error is None, sent.error


def simulated(root: Path, body: Callable[[One], None], builder: StreamsBuilder | None = None, **config: Any) -> None:
    """Runs `body` with one worker in a world of its own."""
    world, name = SimulatedWorld(1), f"loop-{next(numbers)}"

    def main() -> None:
        door = connect(f"memory://{name}", "main", world)
        one = One(world, door, builder or counting(), root, **config)
        try:
            body(one)
        finally:
            one.worker.close(clean=False)
            door.close()
            forget(name)

    world.run(main)


NEVER = {"commit.interval.ms": 1_000_000_000}


def refusing(one: One, monkeypatch: pytest.MonkeyPatch, error: KafkaException, times: int = 1_000_000) -> None:
    """The group takes no commit, so many times."""
    honest, left = one.loop.membership.commit_now, [times]

    def commit_now(offsets: Any, timeout_ms: int) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        honest(offsets, timeout_ms)

    monkeypatch.setattr(one.loop.membership, "commit_now", commit_now)


def test_the_last_commit_waits_for_the_end_of_a_round_until_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def body(one: One) -> None:
        one.process("a")
        refusing(one, monkeypatch, RebalanceInProgressException("a round is on"))
        before = one.world.monotonic_ms()
        one.worker.close()
        assert LAST_COMMIT_MS <= one.world.monotonic_ms() - before < LAST_COMMIT_MS + 1_000
        assert one.committed() is None and not one.worker.tasks()

    simulated(tmp_path, body, **NEVER)
    assert "StreamThread-1 could not commit before it ends: a round is on" in caplog.text


def test_the_last_commit_is_made_when_the_round_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(one: One) -> None:
        one.process("a")
        refusing(one, monkeypatch, RebalanceInProgressException("a round is on"), times=20)
        one.worker.close()
        position = one.committed()
        assert position is not None and position.offset == 1

    simulated(tmp_path, body, **NEVER)


def test_the_last_commit_does_not_wait_for_a_broker_that_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def body(one: One) -> None:
        one.process("a")
        refusing(one, monkeypatch, TimeoutException("no answer"))
        before = one.world.monotonic_ms()
        one.worker.close()
        assert one.world.monotonic_ms() - before < LAST_COMMIT_MS and one.committed() is None

    simulated(tmp_path, body, **NEVER)
    assert "StreamThread-1 could not commit before it ends: no answer" in caplog.text


def test_a_commit_that_is_held_back_is_tried_again_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(one: One) -> None:
        refusing(one, monkeypatch, RebalanceInProgressException("a round is on"), times=3)
        one.process("a")
        one.turn(lambda: one.committed() is not None)
        assert one.world.monotonic_ms() < 10_000

    simulated(tmp_path, body)


def test_a_commit_that_finds_no_answer_ends_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(one: One) -> None:
        refusing(one, monkeypatch, TimeoutException("no answer"))
        with pytest.raises(TimeoutException):
            one.process("a")
            one.turn(lambda: one.committed() is not None)

    simulated(tmp_path, body)


def with_names() -> StreamsBuilder:
    builder = counting()
    builder.global_table("names", key_serde=TEXT, value_serde=TEXT, store="names-store")
    return builder


def out_of_range(one: One, monkeypatch: pytest.MonkeyPatch, partition: TopicPartition, log_start: int) -> None:
    """The next poll says that a position lies outside its log."""
    honest, said = one.loop.reader.poll, [False]

    def poll(timeout_ms: int) -> Any:
        if not said[0]:
            said[0] = True
            raise OffsetOutOfRangeException("gone", partition, 7, log_start, log_start)
        return honest(timeout_ms)

    monkeypatch.setattr(one.loop.reader, "poll", poll)


def test_a_global_topic_that_has_lost_its_position_is_read_on_where_it_begins_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def body(one: One) -> None:
        out_of_range(one, monkeypatch, TopicPartition("names", 0), 0)
        one.send("names", "a")
        one.process("b")
        one.worker.close()

    simulated(tmp_path, body, with_names())
    assert "Global topic names-0 has lost its position; reading goes on at offset 0." in caplog.text


def test_a_position_that_is_lost_for_a_task_that_was_given_up_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def body(one: One) -> None:
        out_of_range(one, monkeypatch, TopicPartition("words", 9), 0)
        one.process("a")
        assert "Reading goes on" not in caplog.text

    simulated(tmp_path, body)


def test_a_position_that_is_lost_goes_on_by_the_reset_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def body(one: One) -> None:
        out_of_range(one, monkeypatch, WORDS, 0)
        one.process("a")

    simulated(tmp_path, body)
    assert "Reading goes on at offset 0" in caplog.text

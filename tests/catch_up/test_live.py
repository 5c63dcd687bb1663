"""Who waits and who does not: live traffic, old data beside it, partitions that cannot be read, paused instances."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping

import pytest

from streams import KafkaStreams, StreamsBuilder, TimeWindows
from streams.clients.local.reader import LocalReader
from streams.record import TopicPartition
from tests.catch_up.driving import (
    DAY,
    HOUR,
    PARTITIONS,
    Event,
    Input,
    address,
    all_read,
    caught_up,
    counted,
    drifting,
    dropped,
    fill,
    flat,
    in_windows,
    long,
    outputs,
    started,
    text,
    total,
    windows_of,
)
from tests.streams.apps import committed, ends, wait_for

__all__ = ["address"]

SIZE = 6 * HOUR


def now() -> int:
    return int(time.time() * 1000)


def counting(address: str) -> StreamsBuilder:
    outputs(address, "counts")
    builder = StreamsBuilder()
    counted(builder, "events", "counts", SIZE, DAY)
    return builder


def test_live_traffic_waits_neither_for_a_slow_partition_nor_for_a_silent_one(address: str) -> None:
    """One partition bears records of five hours ago, one none at all."""
    fill(address, "events", {0: []})
    expected: list[Event] = []
    with started(counting(address), address) as app:
        for _ in range(40):
            given = {
                0: [Event(now(), "s", "key 0")],
                1: [Event(now() - 5 * HOUR, "s", "key 1")],
                2: [Event(now(), "s", "key 2")],
            }
            fill(address, "events", given)
            expected += flat(given)
            wait_for(lambda: all_read(address, "app", "events"))
        assert total(app, "task-skew-held-total") == total(app, "task-skew-passed-total") == 0
        assert dropped(app) == 0
    assert windows_of(address, "counts", SIZE) == in_windows(expected, SIZE)


def test_a_live_record_of_2099_stops_nobody(address: str) -> None:
    """It closes the windows that its own key shares, as it does in order, and nothing else."""
    fill(address, "events", {0: []})
    expected: list[Event] = []
    with started(counting(address), address) as app:
        for turn in range(20):
            given = {part: [Event(now(), "s", f"key {part}")] for part in range(PARTITIONS)}
            if turn == 5:
                given[2].append(Event(4_070_908_800_000, "s", "far"))
            fill(address, "events", given)
            expected += flat(given)
            wait_for(lambda: all_read(address, "app", "events"))
        assert total(app, "task-skew-held-total") == total(app, "task-skew-passed-total") == 0
    found = windows_of(address, "counts", SIZE)
    right = in_windows(expected, SIZE)
    assert found["far", 4_070_908_800_000] == 1
    assert sum(found[key] == count for key, count in right.items()) >= 4  # all, but for who lies beside `far`


def taken_order(address: str, given: Input, **settings: object) -> list[int]:
    """The times of all records, in the order in which a back-fill by one worker takes them."""
    bearing = {part: [event._replace(value=f"key@{event.time}") for event in events] for part, events in given.items()}
    fill(address, "events", bearing)
    outputs(address, "counts")
    order: list[int] = []
    builder = StreamsBuilder()
    (
        builder.stream("events", key_serde=text, value_serde=text)
        .peek(lambda key, value: order.append(int(value.partition("@")[2])))
        .group_by(lambda _, value: value[:3], key_serde=text, value_serde=text)
        .windowed_by(TimeWindows.of_size_and_grace(SIZE, DAY))
        .count()
        .to_stream()
        .to("counts", value_serde=long)
    )
    with caught_up(builder, address, "events", **settings) as app:
        assert total(app, "task-skew-passed-total") == 0
    return order


def old_and_live() -> Input:
    """Four weeks of old records in one partition, and in the others what came in the last minute."""
    return {0: drifting()[0]} | {part: [Event(now() - n, "s", "k") for n in (900, 300)] for part in (1, 2, 3)}


def test_at_the_start_live_records_wait_for_old_ones_and_it_is_said(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = old_and_live()
    with caplog.at_level(logging.INFO, "streams.runtime.alignment"):
        order = taken_order(address, given)
    assert len(order) == sum(map(len, given.values()))
    first_live = next(at for at, time in enumerate(order) if time > now() - DAY)
    assert first_live == len(given[0])
    assert "waits for task 0_0, which is at 2001-01-01" in caplog.text
    assert "has caught up" in caplog.text


def test_with_a_skew_of_minus_one_they_do_not_wait(address: str) -> None:
    given = old_and_live()
    order = taken_order(address, given, max_task_skew_ms=-1)
    assert next(at for at, time in enumerate(order) if time > now() - DAY) < len(given[0])


def test_no_two_records_are_taken_further_apart_than_the_bound(address: str) -> None:
    order = taken_order(address, drifting())
    newest = order[0]
    for taken in order:
        assert newest - taken <= DAY // 4
        newest = max(newest, taken)


class Unreadable:
    """Partitions that are not read until they are let go. A reader that was made meanwhile heeds it."""

    def __init__(self, patch: pytest.MonkeyPatch, *partitions: TopicPartition) -> None:
        place, poll = LocalReader.seek, LocalReader.poll
        self.open = False
        held: dict[LocalReader, set[TopicPartition]] = {}

        def placed(reader: LocalReader, positions: Mapping[TopicPartition, int]) -> None:
            place(reader, positions)
            kept = set() if self.open else {each for each in partitions if each in positions}
            held.setdefault(reader, set()).update(kept)
            reader.pause(kept)

        def polled(reader: LocalReader, timeout_ms: int) -> object:
            if self.open:
                reader.resume(held.pop(reader, set()))
            return poll(reader, timeout_ms)

        patch.setattr(LocalReader, "seek", placed)
        patch.setattr(LocalReader, "poll", polled)


def test_a_partition_that_cannot_be_read_is_waited_for_so_long_and_no_longer(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = drifting()
    fill(address, "events", given)
    others = {part: events for part, events in given.items() if part != 1}
    unreadable = Unreadable(monkeypatch, TopicPartition("events", 1))
    with started(counting(address), address, max_task_skew_wait_ms=500) as app:
        wait_for(lambda: read(app, others) == sum(map(len, others.values())))
        assert total(app, "task-skew-passed-total") == 1
        assert "waits no longer for task 0_1 (events-1)" in caplog.text
        assert dropped(app) == 0
        unreadable.open = True
        wait_for(lambda: all_read(address, "app", "events"))
        assert dropped(app) > 0  # what came too late, since it was not waited for
    found, right = windows_of(address, "counts", SIZE), in_windows(flat(others), SIZE)
    assert all(found[key] >= count for key, count in right.items())


def read(app: KafkaStreams, parts: Iterable[int]) -> int:
    """Records that the tasks of these input partitions have taken."""
    tasks = {f"0_{part}" for part in parts}
    return sum(
        int(str(value))
        for name, value in app.metrics().items()
        if name.name == "process-total" and name.tag_map.get("task-id") in tasks
    )


def test_a_partition_that_can_be_read_again_in_time_loses_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = drifting()
    fill(address, "events", given)
    unreadable = Unreadable(monkeypatch, TopicPartition("events", 1))
    with started(counting(address), address, max_task_skew_wait_ms=60_000) as app:
        wait_for(lambda: total(app, "task-skew-held-total") > 10)
        unreadable.open = True
        wait_for(lambda: all_read(address, "app", "events"))
        assert dropped(app) == total(app, "task-skew-passed-total") == 0
    assert windows_of(address, "counts", SIZE) == in_windows(flat(given), SIZE)


def test_an_instance_that_is_paused_holds_nobody(address: str) -> None:
    given = drifting()
    fill(address, "events", {})
    with started(counting(address), address) as one, started(again(), address) as other:
        wait_for(lambda: len(one.tasks()) == len(other.tasks()) == PARTITIONS)
        other.pause()
        fill(address, "events", given)
        mine = [int(task.split("_")[1]) for task in one.tasks() if task.startswith("0_")]
        wait_for(lambda: read(one, mine) == sum(len(given[part]) for part in mine))
        other.resume()
        wait_for(lambda: all_read(address, "app", "events"))


def again(pause_s: float = 0) -> StreamsBuilder:
    """The same topology once more, with a step that takes so long for each record."""
    builder = StreamsBuilder()
    counted(builder, "events", "counts", SIZE, DAY, pause_s=pause_s)
    return builder


def test_words_of_an_earlier_run_hold_nobody(address: str) -> None:
    """Two instances are stopped in the middle; two that start later find the words, and go on at once."""
    given = drifting()
    count = sum(map(len, given.values()))
    fill(address, "events", given)
    outputs(address, "counts")
    with started(again(0.001), address) as one, started(again(0.001), address) as other:
        wait_for(lambda: len(one.tasks()) == len(other.tasks()) == PARTITIONS)
        wait_for(lambda: read(other, given) > 500)
    assert committed(address, "app", "events") < count
    assert ends(address, "app-progress") > 0
    with started(again(), address) as one, started(again(), address) as other:
        wait_for(lambda: all_read(address, "app", "events"))  # sooner than a session and a rebalance may last
        assert total(one, "task-skew-passed-total") + total(other, "task-skew-passed-total") == 0
    assert windows_of(address, "counts", SIZE) == in_windows(flat(given), SIZE)

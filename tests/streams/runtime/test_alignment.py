"""Back-fills over an engine in memory: whatever an in-order run keeps is kept, in one worker and in several."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams import JoinWindows, Serdes, StreamsBuilder, TimeWindows
from streams.clients.api import Isolation
from streams.errors import GroupIdNotFoundException
from streams.partition import partition_for
from streams.record import TopicPartition
from streams.runtime.worker.sender import Sender
from tests.streams.runtime.back_fill import HOUR, NOW, START, BackFill, Row, Unacknowledged, Withheld, windows

SIZE = 6 * HOUR
DAY = 24 * HOUR
FAR: dict[str, object] = {"topic.message.timestamp.after.max.ms": str(2**63 - 1)}
"""Internal topics take records of the far future."""
KEYS = "abcdefgh"


def counted(grace: int, size: int = SIZE) -> Callable[[StreamsBuilder], None]:
    """Records by their value, counted in windows, behind a repartition."""

    def build(builder: StreamsBuilder) -> None:
        (
            builder.stream("in")
            .group_by(lambda key, value: value)
            .windowed_by(TimeWindows.of_size_and_grace(size, grace))
            .count(store="counts")
            .to_stream()
            .map(lambda window, count: (f"{window.key}|{window.window.start}", str(count)))
            .to("out")
        )

    return build


def history(seed: int, hours: int, *shares: int, values: str = KEYS) -> list[list[Row]]:
    """Records of many hours, in the order of time in each partition; a partition has so many an hour."""
    chance = random.Random(seed)
    found = []
    for share in shares:
        times = sorted(START + chance.randrange(hours * HOUR) for _ in range(share * hours))
        found.append([(str(number), chance.choice(values), at) for number, at in enumerate(times)])
    return found


def fill(crew: BackFill, topic: str, partitions: list[list[Row]]) -> list[Row]:
    for number, rows in enumerate(partitions):
        crew.write(topic, number, rows)
    return [row for rows in partitions for row in rows]


@pytest.mark.parametrize("grace", [DAY, HOUR])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_window_loses_a_record_that_an_in_order_run_keeps(tmp_path: Path, grace: int, workers: int) -> None:
    with BackFill(counted(grace), tmp_path, {"in": 4}) as crew:
        rows = fill(crew, "in", history(workers, 400 if grace == DAY else 100, 9, 9, 3, 1))
        crew.join(workers)
        crew.until(crew.done)
        assert crew.total("dropped-records-total") == 0
        assert crew.table() == windows(rows, SIZE)
        assert crew.disorder("app-counts-repartition", 4) <= grace // 4
        assert crew.total("task-skew-passed-total") == 0


def test_without_the_bound_the_same_history_loses_records(tmp_path: Path) -> None:
    with BackFill(counted(HOUR), tmp_path, {"in": 4}, **{"max.task.skew.ms": -1}) as crew:
        fill(crew, "in", history(1, 400, 9, 9, 3, 1))
        crew.join()
        crew.until(crew.done)
        assert crew.total("dropped-records-total") > 1_000


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bound_of_nothing_keeps_the_order_to_the_millisecond_without_grace(tmp_path: Path, workers: int) -> None:
    with BackFill(counted(0, HOUR), tmp_path, {"in": 3}, **{"max.task.skew.ms": 0}) as crew:
        rows = fill(crew, "in", history(3, 60, 5, 5, 2))
        crew.join(workers)
        crew.until(crew.done)
        assert crew.table() == windows(rows, HOUR)
        assert crew.disorder("app-counts-repartition", 3) == 0


def test_without_grace_only_what_lies_within_a_second_may_overtake(tmp_path: Path) -> None:
    with BackFill(counted(0, HOUR), tmp_path, {"in": 3}) as crew:
        fill(crew, "in", history(4, 60, 5, 5, 2))
        crew.join(2)
        crew.until(crew.done)
        assert crew.disorder("app-counts-repartition", 3) <= 1_000


def test_a_partition_without_a_record_holds_nobody_up(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 4}) as crew:
        rows = fill(crew, "in", history(5, 200, 9, 0, 5, 0))
        crew.join(2)
        crew.until(crew.done)
        assert crew.table() == windows(rows, SIZE)
        assert crew.total("task-skew-passed-total") == 0


def test_one_hot_partition_is_waited_for_by_all_others(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 4}) as crew:
        rows = fill(crew, "in", history(6, 200, 100, 1, 1, 1))
        crew.join(2)
        crew.until(crew.done)
        assert crew.table() == windows(rows, SIZE)


def test_gaps_in_event_time_are_no_reason_to_wait(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 2}) as crew:
        one = [(str(n), "a", START + n * 90 * HOUR) for n in range(15)]
        two = [(str(n), "b", START + n * 70 * HOUR) for n in range(15)]
        rows = fill(crew, "in", [one, two])
        began = crew.clock.now_ms()
        crew.join(2)
        crew.until(crew.done)
        assert crew.table() == windows(rows, SIZE)
        assert crew.clock.now_ms() - began < 5_000, "nobody was passed by"


# Topologies


def by_value(key: str, value: str) -> str:
    return value.partition("#")[0]


def join(left: Any, right: Any) -> None:
    near = JoinWindows.of_time_difference_and_grace(HOUR, DAY)
    left.join(right, lambda one, other: f"{one}~{other}", near).to("out")


def both_rekeyed(builder: StreamsBuilder) -> None:
    join(builder.stream("left").select_key(by_value), builder.stream("right").select_key(by_value))


def one_rekeyed(builder: StreamsBuilder) -> None:
    join(builder.stream("left").select_key(by_value), builder.stream("right"))


def numbered(partitions: list[list[Row]], side: str) -> list[list[Row]]:
    """The same records with values that tell them apart."""
    return [
        [(key, f"{value}#{side}{number}.{key}", at) for key, value, at in rows]
        for number, rows in enumerate(partitions)
    ]


def keyed(rows: list[Row], count: int) -> list[list[Row]]:
    """The same records by their value, each in the partition of its key."""
    found: list[list[Row]] = [[] for _ in range(count)]
    for _, value, at in sorted(rows, key=lambda row: row[2]):
        key = value.partition("#")[0]
        found[partition_for(key.encode(), count)].append((key, value, at))
    return found


def pairs(left: list[Row], right: list[Row]) -> set[str]:
    """What an inner join within an hour makes of both."""
    return {
        f"{one}~{other}"
        for _, one, at in left
        for _, other, then in right
        if one.partition("#")[0] == other.partition("#")[0] and abs(at - then) <= HOUR
    }


@pytest.mark.parametrize("idle", [0, 1_000])
@pytest.mark.parametrize("workers", [1, 2])
def test_two_rekeyed_streams_joined_meet_in_step(tmp_path: Path, workers: int, idle: int) -> None:
    with BackFill(both_rekeyed, tmp_path, {"left": 2, "right": 2}, **{"max.task.idle.ms": idle}) as crew:
        left = fill(crew, "left", numbered(history(7, 300, 4, 2), "l"))
        right = fill(crew, "right", numbered(history(8, 300, 1, 0), "r"))
        crew.join(workers)
        crew.until(crew.done)
        assert {value for _, value, _ in crew.out()} == pairs(left, right)
        assert crew.total("dropped-records-total") == 0
        assert crew.total("task-skew-passed-total") == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_source_joined_with_a_repartition_topic_waits_for_it(tmp_path: Path, workers: int) -> None:
    with BackFill(one_rekeyed, tmp_path, {"left": 2, "right": 2}) as crew:
        left = fill(crew, "left", numbered(history(9, 300, 4, 2), "l"))
        behind = [row for rows in numbered(history(10, 300, 1), "r") for row in rows]
        right = fill(crew, "right", keyed(behind, 2))
        crew.join(workers)
        crew.until(crew.done)
        assert {value for _, value, _ in crew.out()} == pairs(left, right)
        assert crew.total("dropped-records-total") == 0


@pytest.mark.parametrize("config", [{}, {"statestore.cache.max.bytes": 0}, {"commit.interval.ms": 30_000}])
@pytest.mark.parametrize("workers", [1, 2])
def test_two_repartitions_in_a_row_are_in_step_whatever_caches_hold(
    tmp_path: Path, workers: int, config: dict[str, object]
) -> None:
    def build(builder: StreamsBuilder) -> None:
        first = builder.stream("in").group_by(lambda key, value: value)
        hours = first.windowed_by(TimeWindows.of_size_and_grace(HOUR, DAY)).count(store="hours").to_stream()
        (
            hours.map(lambda window, count: (f"{window.key}", f"{window.key}|{window.window.start}={count}"))
            .group_by(lambda key, value: "both" if key < "e" else "rest")
            .windowed_by(TimeWindows.of_size_and_grace(DAY, DAY))
            .aggregate(dict_text, put, store="days", value_serde=Serdes.string())
            .to_stream()
            .map(lambda window, found: (f"{window.key}|{window.window.start}", found))
            .to("out")
        )

    with BackFill(build, tmp_path, {"in": 3}, 100 if "commit.interval.ms" in config else 1, **config) as crew:
        rows = fill(crew, "in", history(11, 300, 9, 3, 1))
        crew.join(workers)
        crew.until(crew.done)
        assert crew.total("dropped-records-total") == 0
        found = dict(part.split("=") for text in crew.table().values() for part in text.split(","))
        assert found == windows(rows, HOUR)
        assert crew.disorder("app-days-repartition", 3) <= DAY // 4


def dict_text() -> str:
    return ""


def put(key: str, value: str, found: str) -> str:
    """The text of a mapping with one entry set."""
    entries = dict(part.split("=") for part in found.split(",") if part)
    entries.update([value.split("=")])
    return ",".join(f"{name}={count}" for name, count in entries.items())


# What goes wrong


def test_a_partition_that_cannot_be_fetched_is_waited_for_told_of_and_passed_by(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "streams.runtime.alignment")
    with BackFill(counted(DAY), tmp_path, {"in": 3}) as crew:
        rows = fill(crew, "in", history(12, 200, 5, 5, 5))
        door = Withheld(crew.door, TopicPartition("in", 1))
        crew.join(door=door)
        crew.until(lambda: crew.settled() and crew.total("process-total") == 0 and crew.clock.now_ms() > NOW + 500)
        crew.clock.advance(5_000)
        crew.until(lambda: read(crew, "in", 0) == 1_000 and read(crew, "in", 2) == 1_000)
        assert crew.total("task-skew-passed-total") == 1
        [told] = [record.getMessage() for record in caplog.records]
        assert "waits no longer for task 0_1 (in-1)" in told and "5" in told
        door.withheld = False
        crew.until(crew.done)
        others = [row for row in rows if row[2] >= START + 190 * HOUR]
        kept = windows(others, SIZE)
        assert {key: crew.table()[key] for key in kept if int(key.split("|")[1]) >= START + 190 * HOUR} == {
            key: count for key, count in kept.items() if int(key.split("|")[1]) >= START + 190 * HOUR
        }


def read(crew: BackFill, topic: str, partition: int) -> int:
    """Up to where a partition has been committed."""
    try:
        position = crew.admin.describe_group("app").offsets.get(TopicPartition(topic, partition))
    except GroupIdNotFoundException:
        return 0
    return 0 if position is None else position.offset


def test_a_record_of_the_far_future_comes_last_in_a_back_fill_and_ends_no_window_before(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 3}, **FAR) as crew:
        one, two, three = history(13, 200, 5, 5, 5)
        future = ("x", "a", START + 700_000 * HOUR)
        rows = fill(crew, "in", [[*one, future], two, three])
        crew.join(2)
        crew.until(crew.done)
        assert crew.table() == windows(rows, SIZE)


def test_a_record_of_the_far_future_under_steady_load_waits_for_those_behind_and_not_for_ever(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 2}, **FAR) as crew:
        one, two = history(14, 100, 5, 5)
        fill(crew, "in", [[("x", "a", START + 700_000 * HOUR), *one], two])
        crew.join()
        turns = 0
        while read(crew, "in", 0) < 501:
            crew.write("in", 1, [("l", "b", crew.clock.now_ms())] * 3)
            crew.turn()
            turns += 1
            assert turns < 3_000
        crew.until(crew.done)
        firsts = {key: value for key, value in windows(two, SIZE).items() if key.startswith("b")}
        assert set(firsts) <= set(crew.table()), "what was behind came before the record of the future"


def test_live_traffic_with_a_slow_and_a_silent_partition_waits_for_nobody(tmp_path: Path) -> None:
    with BackFill(counted(HOUR), tmp_path, {"in": 3}, **{"commit.interval.ms": 0}) as crew:
        crew.join(2)
        crew.until(lambda: crew.settled() and crew.clock.now_ms() > NOW + 300)
        for second in range(120):
            crew.clock.advance(1_000)
            crew.write("in", 0, [(str(second), "a", crew.clock.now_ms())])
            if second % 10 == 0:
                crew.write("in", 1, [(str(second), "b", crew.clock.now_ms() - 40 * 60_000)])
            crew.until(crew.done)
        assert crew.total("task-skew-held-total") == 0
        assert crew.total("dropped-records-total") == 0


def test_a_replay_of_old_records_at_a_steady_rate_waits_for_no_silent_partition(tmp_path: Path) -> None:
    """Records of 2020 come live, faster than they are read for longer than ten seconds; a third partition is silent."""
    with BackFill(counted(HOUR), tmp_path, {"in": 3}, **{"poll.ms": 1}) as crew:
        crew.join(2)
        crew.until(lambda: crew.settled() and crew.clock.now_ms() > NOW + 300)
        rows: list[Row] = []
        for second in range(60):
            now = START + second * 60_000
            more = [("k", "abc"[n % 3], now + n) for n in range(20)]
            for partition in (0, 1):
                crew.write("in", partition, more)
                rows += more
            crew.clock.advance(1_000)
            crew.turn()
        crew.until(crew.done)
        assert crew.table() == windows(rows, SIZE)
        assert crew.total("dropped-records-total") == crew.total("task-skew-passed-total") == 0


@pytest.mark.parametrize("heeded", [True, False], ids=["", "planted: it does not count"])
def test_what_one_worker_has_sent_and_is_not_acknowledged_holds_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heeded: bool
) -> None:
    topic = "app-counts-repartition"
    with BackFill(counted(HOUR), tmp_path, {"in": 2}, **{"commit.interval.ms": 30_000}) as crew:
        rows = fill(crew, "in", history(22, 200, 5, 5))
        slow = Unacknowledged(crew.door, topic)
        crew.join(door=slow)
        crew.join()
        crew.until(lambda: crew.settled() and crew.total("process-total") > 200)
        if not heeded:
            monkeypatch.setattr(Sender, "unseen", lambda *_: None)
        slow.kept = True
        for _ in range(1_000):
            crew.turn()
        slow.kept = False
        crew.until(lambda: crew.total("process-total") >= 2 * len(rows))
        late = crew.disorder(topic, 2) > HOUR // 4
        assert late is not heeded
        if heeded:
            crew.tick = 100
            crew.until(crew.done)
            assert crew.total("dropped-records-total") == 0
            assert crew.table() == windows(rows, SIZE)


def test_at_rest_and_in_live_operation_workers_say_nothing(tmp_path: Path) -> None:
    with BackFill(counted(HOUR), tmp_path, {"in": 2}) as crew:
        fill(crew, "in", history(15, 50, 5, 5))
        crew.join(2)
        crew.until(crew.done)
        for _ in range(300):
            crew.turn()
        before = words(crew)
        crew.clock.advance(60_000)
        for second in range(10):
            crew.write("in", 0, [(str(second), "a", crew.clock.now_ms())])
            crew.clock.advance(1_000)
            for _ in range(20):
                crew.turn()
        assert words(crew) == before


def words(crew: BackFill) -> int:
    where = TopicPartition("app-progress", 0)
    return crew.admin.end_offsets([where], Isolation.READ_UNCOMMITTED)[where]


def test_one_worker_alone_needs_no_topic_and_neither_does_a_topology_without_a_set(tmp_path: Path) -> None:
    with BackFill(counted(HOUR), tmp_path, {"in": 2}) as crew:
        crew.join()
        crew.until(crew.settled)
        assert "app-progress" not in crew.admin.list_topics()
        crew.join()
        crew.until(crew.settled)
        assert "app-progress" in crew.admin.list_topics()
    with BackFill(lambda builder: builder.stream("in").to("out"), tmp_path, {"in": 2}) as crew:
        crew.join(2)
        crew.until(crew.settled)
        assert "app-progress" not in crew.admin.list_topics()


# In the middle of a back-fill


def halfway(crew: BackFill, size: int) -> Callable[[], bool]:
    return lambda: crew.settled() and sum(read(crew, "in", number) for number in range(4)) > size // 2


def at_least_once(crew: BackFill, rows: list[Row]) -> None:
    """Nothing is missing; what was done again may count twice."""
    found, truth = crew.table(), windows(rows, SIZE)
    assert crew.total("dropped-records-total") == 0
    assert {key: count for key, count in truth.items() if int(found.get(key, "0")) < int(count)} == {}


@pytest.mark.parametrize("clean", [True, False])
def test_a_worker_that_ends_or_dies_in_the_middle_leaves_nothing_late(tmp_path: Path, clean: bool) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 4}) as crew:
        rows = fill(crew, "in", history(16, 600, 9, 9, 3, 1))
        crew.join(3)
        crew.until(halfway(crew, len(rows)))
        crew.part(crew.workers[0], clean=clean)
        crew.until(crew.done)
        at_least_once(crew, rows)
        assert crew.total("task-skew-passed-total") == 0, "who gets its tasks speaks for them before they are restored"


def test_a_worker_that_joins_in_the_middle_finds_its_step(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 4}) as crew:
        rows = fill(crew, "in", history(17, 600, 9, 9, 3, 1))
        crew.join()
        crew.until(halfway(crew, len(rows)))
        crew.join()
        crew.until(crew.done)
        assert crew.table() == windows(rows, SIZE)
        assert all(worker.tasks() for worker in crew.workers)


def test_a_worker_that_is_frozen_is_waited_for_until_its_tasks_have_moved(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 4}, **{"max.poll.interval.ms": 2_000}) as crew:
        rows = fill(crew, "in", history(18, 600, 9, 9, 3, 1))
        crew.join(2)
        crew.until(halfway(crew, len(rows)))
        frozen, other = crew.workers
        crew.until(lambda: len(other.tasks()) == 8, [other])
        crew.until(lambda: (all(read(crew, "in", n) for n in range(4)) and not frozen.settled) or crew.done(), [other])
        crew.part(frozen)
        crew.until(crew.done)
        at_least_once(crew, rows)


def test_a_restart_in_the_middle_is_held_up_by_no_word_of_before(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 4}) as crew:
        rows = fill(crew, "in", history(19, 600, 9, 9, 3, 1))
        crew.join(2)
        crew.until(halfway(crew, len(rows)))
        for worker in list(crew.workers):
            crew.part(worker)
        assert words(crew) > 0
        began = crew.clock.now_ms()
        crew.join(2)
        crew.until(crew.done)
        at_least_once(crew, rows)
        assert crew.clock.now_ms() - began < 60_000
        assert crew.total("task-skew-passed-total") == 0


def test_a_paused_worker_holds_nobody_up(tmp_path: Path) -> None:
    with BackFill(counted(DAY), tmp_path, {"in": 4}) as crew:
        rows = fill(crew, "in", history(20, 300, 9, 9, 3, 1))
        crew.join(2)
        crew.until(halfway(crew, len(rows)))
        paused, other = crew.workers
        paused.pause(True)
        mine = [p for p in other.partitions() if p.topic == "in"]
        ends = crew.admin.end_offsets(mine, Isolation.READ_UNCOMMITTED)
        crew.until(lambda: all(read(crew, "in", p.partition) == ends[p] for p in mine))


def test_the_log_says_who_waits_for_whom_and_when_it_is_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streams.runtime.alignment")
    with BackFill(counted(DAY), tmp_path, {"in": 2}) as crew:
        fill(crew, "in", history(21, 300, 9, 1))
        crew.join()
        crew.until(crew.done)
        began, ended = [record.getMessage() for record in caplog.records]
        assert "waits for task 0_" in began and "ms behind it" in began
        assert ended.endswith("has caught up: its tasks no longer wait for each other.")
        assert crew.total("task-skew-held-total") > 0
        assert {metric.tag_map["task-id"] for metric in crew.metrics.snapshot() if metric.name == "task-skew-ms"} == {
            "0_0",
            "0_1",
        }

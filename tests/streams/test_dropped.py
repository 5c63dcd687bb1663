"""Whatever is dropped is told: one line a node and interval, with how many, why, and where the first one was."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from streams import Grouped, JoinWindows, Serdes, StreamsBuilder, TimeWindows
from streams.dropped import LATE, NULL_KEY, Drop, Dropped, First
from streams.testing import TopologyTestDriver

TEXT = Serdes.string()
SERDES = {"default.key.serde": TEXT, "default.value.serde": TEXT}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "streams.dropped" and r.levelno == logging.WARNING]


def told(
    caplog: pytest.LogCaptureFixture,
    build: Callable[[StreamsBuilder], Any],
    *records: tuple[Any, Any, int],
    **more: Any,
) -> list[str]:
    """The lines about records that went into topic `in`."""
    builder = StreamsBuilder()
    build(builder)
    settings = {**SERDES, **more}
    with TopologyTestDriver(builder.build(settings), settings) as driver:
        topic = driver.create_input_topic("in", TEXT, TEXT)
        for key, value, at in records:
            topic.pipe_input(key, value, timestamp=at)
    return lines(caplog)


def test_late_records_are_one_line_with_the_first_of_them(caplog: pytest.LogCaptureFixture) -> None:
    def build(builder: StreamsBuilder) -> None:
        builder.stream("in").group_by_key().windowed_by(TimeWindows.of_size_with_no_grace(10)).count()

    (line,) = told(caplog, build, ("a", "1", 5), ("a", "2", 1_000), ("a", "3", 7), ("a", "4", 8))
    assert line.startswith("KSTREAM-AGGREGATE-0000000002 dropped 2 records: 2 late (the first: ")
    assert "topic=[in] partition=[0] offset=[2]" in line
    assert "timestamp=[7 (1970-01-01T00:00:00.007Z)] streamTime=[1000 (1970-01-01T00:00:01.000Z)]" in line
    assert "a longer grace period keeps them" in line


def test_a_node_with_two_causes_says_both_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    def build(builder: StreamsBuilder) -> None:
        builder.stream("in").group_by_key().reduce(lambda old, new: new)

    (line,) = told(caplog, build, (None, "1", 5), ("a", None, 6), (None, "3", 7))
    assert "dropped 3 records: 2 null-key (the first: topic=[in] partition=[0] offset=[0]" in line
    assert "1 null-value (the first: topic=[in] partition=[0] offset=[1]" in line


def test_each_node_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    def build(builder: StreamsBuilder) -> None:
        grouped = builder.stream("in").group_by_key()
        grouped.count(name="one")
        grouped.count(name="two")

    found = told(caplog, build, (None, "1", 5))
    assert sorted(line.split()[0] for line in found) == ["one", "two"]


def test_what_has_no_key_before_a_repartition_is_told_though_it_is_in_no_metric(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def build(builder: StreamsBuilder) -> None:
        builder.stream("in").select_key(lambda key, value: value).group_by_key(Grouped.as_("by-value")).count()

    (line,) = told(caplog, build, ("a", None, 5), ("a", None, 6))
    assert "by-value" in line and "dropped 2 records: 2 null-key" in line


@pytest.mark.parametrize("kind", ["join", "left_join", "outer_join"])
def test_joins_say_what_they_cannot_use(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    def build(builder: StreamsBuilder) -> None:
        left, right = builder.stream("in"), builder.stream("other")
        windows = JoinWindows.of_time_difference_with_no_grace(10)
        getattr(left, kind)(right, lambda a, b: f"{a}{b}", windows).to("out")

    (line,) = told(caplog, build, ("a", None, 5))
    assert "1 null-value (the first: topic=[in] partition=[0] offset=[0]" in line


def test_what_a_handler_lets_go_is_told_with_the_kind_of_handler(caplog: pytest.LogCaptureFixture) -> None:
    from streams.exception_handlers import LogAndContinueProcessingExceptionHandler

    def fails(value: str) -> str:
        raise ValueError(value)

    def build(builder: StreamsBuilder) -> None:
        builder.stream("in").map_values(fails).to("out")

    (line,) = told(
        caplog,
        build,
        ("a", "1", 5),
        **{"processing.exception.handler": LogAndContinueProcessingExceptionHandler},
    )
    assert "1 processing (the first: topic=[in] partition=[0] offset=[0]" in line


def test_what_nobody_drops_is_no_line(caplog: pytest.LogCaptureFixture) -> None:
    def build(builder: StreamsBuilder) -> None:
        builder.stream("in").group_by_key().count()

    assert told(caplog, build, ("a", "1", 5)) == []


# the ledger


def first(offset: int) -> Callable[[], First]:
    return lambda: First("t", 0, offset, 5, 6)


def test_there_is_one_line_a_node_and_interval(caplog: pytest.LogCaptureFixture) -> None:
    dropped = Dropped("app", 10_000)
    one, two = dropped.drop("0_0", "n", LATE, first(1)), dropped.drop("0_1", "n", LATE, first(2))
    one.add(3)
    dropped.tell(100_000)
    assert lines(caplog) == []  # others of its kind may follow at once
    two.add(4)
    dropped.tell(101_000)
    assert [line.split(" (")[0] for line in lines(caplog)] == ["app: n dropped 7 records: 7 late"]
    for second in range(102, 111):
        one.add()
        dropped.tell(second * 1_000)
    assert len(lines(caplog)) == 1
    dropped.tell(111_000)
    assert "n dropped 9 records" in lines(caplog)[1] and len(lines(caplog)) == 2
    dropped.tell(200_000)
    assert len(lines(caplog)) == 2  # nothing has been added since


def test_what_is_left_at_the_end_is_told_there(caplog: pytest.LogCaptureFixture) -> None:
    dropped = Dropped("app", 10_000)
    dropped.drop("0_0", "n", NULL_KEY, first(1)).add()
    dropped.tell(0, last=True)
    assert "n dropped 1 record: 1 null-key" in lines(caplog)[0]


def test_counts_are_by_cause_and_by_task() -> None:
    dropped = Dropped()
    dropped.drop("0_0", "n", LATE).add(2)
    dropped.drop("0_1", "m", LATE).add(3)
    dropped.drop("0_1", "m", NULL_KEY, counted=False).add(4)
    dropped.drop("0_1", "m", "processing")
    assert dropped.by_cause() == {LATE: 5, NULL_KEY: 4}
    assert dropped.total() == 5 and dropped.total("0_1") == 3


def test_a_count_that_is_asked_for_again_goes_on() -> None:
    dropped = Dropped()
    dropped.drop("0_0", "n", LATE).add(2)
    again = dropped.drop("0_0", "n", LATE, first(7))
    again.add()
    assert again.value == 3 and dropped.total() == 3


def test_a_task_that_is_closed_is_held_by_nobody_and_its_counts_stay() -> None:
    def build(builder: StreamsBuilder) -> None:
        builder.stream("in").group_by_key().count()

    builder = StreamsBuilder()
    build(builder)
    driver = TopologyTestDriver(builder.build(SERDES), SERDES)
    driver.create_input_topic("in", TEXT, TEXT).pipe_input(None, "1")
    task, dropped = weakref.ref(driver._task), driver._dropped
    driver.close()
    driver._task = None
    gc.collect()
    assert task() is None
    assert dropped.by_cause() == {NULL_KEY: 1}


def test_a_record_that_came_from_no_topic_is_told_without_one(caplog: pytest.LogCaptureFixture) -> None:
    dropped = Dropped()
    dropped.drop("0_0", "n", LATE, lambda: First(None, -1, -1, -1, -1)).add()
    dropped.tell(0, last=True)
    assert "1 late (the first: timestamp=[-1] streamTime=[-1])" in lines(caplog)[0]


def test_a_count_of_its_own_needs_no_ledger() -> None:
    drop = Drop()
    drop.add(2)
    assert drop.value == 2 and drop.first is None

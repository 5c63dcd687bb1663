"""Back-fills through joins, chains and buffers: what meets behind topics of the application's own is not late there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from streams import (
    BufferConfig,
    JoinWindows,
    Serdes,
    SessionWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)
from streams.partition import partition_for
from tests.catch_up.driving import (
    DAY,
    HOUR,
    MINUTE,
    PARTITIONS,
    START,
    Event,
    Input,
    address,
    caught_up,
    counted,
    drifting,
    dropped,
    fill,
    flat,
    in_windows,
    long,
    outputs,
    text,
    windows_of,
)
from tests.streams.apps import TEXT, records

__all__ = ["address"]

SIZE = 6 * HOUR
BEFORE = 2 * HOUR


def moved(given: Input, later: int, part_of: int = 1) -> Input:
    """The same partitions in the reverse order (so that the dense one is another), somewhat later, thinned."""
    return {
        PARTITIONS - 1 - part: [Event(e.time + later, e.key, f"{e.value}") for e in events[::part_of]]
        for part, events in given.items()
    }


def pairs(left: Iterable[Event], right: Iterable[Event], within: int) -> Counter[Any]:
    """Events of equal values, at most so far apart: by value and both times."""
    by_value: dict[str, list[int]] = {}
    for event in left:
        by_value.setdefault(event.value, []).append(event.time)
    return Counter(
        (event.value, f"{time} {event.time}")
        for event in right
        for time in by_value.get(event.value, ())
        if abs(event.time - time) <= within
    )


def joined(address: str) -> Counter[Any]:
    return Counter((row.key, row.value) for row in records(address, "pairs", TEXT, TEXT))


def timed(builder: StreamsBuilder, topic: str) -> Any:
    """Events of which each bears its own time in its value: `key 3@978307200000`."""
    return builder.stream(topic, key_serde=text, value_serde=text)


def with_time(given: Input) -> Input:
    return {part: [e._replace(value=f"{e.value}@{e.time}") for e in events] for part, events in given.items()}


def name(_: str, value: str) -> str:
    return value.partition("@")[0]


def time(value: str) -> str:
    return value.partition("@")[2]


def join(left: Any, right: Any, within: int, grace: int) -> None:
    windows = JoinWindows.of_time_difference_and_grace(within, grace)
    both = left.join(
        right,
        lambda one, other: f"{time(one)} {time(other)}",
        windows,
        key_serde=text,
        value_serde=text,
        other_value_serde=text,
    )
    both.to("pairs", value_serde=text)


SMALL = drifting(keys=40, dense=4_000, sparse=400)


@pytest.mark.parametrize("grace", [DAY, HOUR])
def test_two_streams_with_new_keys_meet_all_their_partners(address: str, grace: int) -> None:
    left, right = SMALL, moved(SMALL, 10 * MINUTE)
    fill(address, "left", with_time(left))
    fill(address, "right", with_time(right))
    outputs(address, "pairs")
    builder = StreamsBuilder()
    join(timed(builder, "left").select_key(name), timed(builder, "right").select_key(name), HOUR, grace)
    with caught_up(builder, address, "left", "right") as app:
        assert joined(address) == pairs(flat(left), flat(right), HOUR)
        assert dropped(app) == 0


def test_a_source_and_a_stream_with_a_new_key_meet_all_their_partners(address: str) -> None:
    """The side without a new key lies where its key belongs, and could be read to its end at once."""
    left, right = SMALL, moved(SMALL, 10 * MINUTE)
    placed: dict[int, list[Event]] = {part: [] for part in range(PARTITIONS)}
    for event in flat(right):
        placed[partition_for(event.value.encode(), PARTITIONS)].append(event._replace(key=event.value))
    fill(address, "left", with_time(left))
    fill(address, "right", with_time(placed))
    outputs(address, "pairs")
    builder = StreamsBuilder()
    join(timed(builder, "left").select_key(name), timed(builder, "right"), HOUR, DAY)
    with caught_up(builder, address, "left", "right") as app:
        assert joined(address) == pairs(flat(left), flat(right), HOUR)
        assert dropped(app) == 0


@pytest.mark.parametrize("idle_ms", [0, 3_000])
def test_a_rare_side_of_a_join_does_not_stop_the_other(address: str, idle_ms: int) -> None:
    """With `max.task.idle.ms` a join waits for its empty side; what writes that side must not wait for the join."""
    left, right = SMALL, moved(SMALL, 10 * MINUTE, part_of=200)
    fill(address, "left", with_time(left))
    fill(address, "right", with_time(right))
    outputs(address, "pairs")
    builder = StreamsBuilder()
    join(timed(builder, "left").select_key(name), timed(builder, "right").select_key(name), HOUR, DAY)
    with caught_up(builder, address, "left", "right", max_task_idle_ms=idle_ms) as app:
        assert joined(address) == pairs(flat(left), flat(right), HOUR)
        assert dropped(app) == 0


@pytest.mark.parametrize("commit_ms", [100, 6_000])
def test_windows_of_windows_behind_two_repartitions(address: str, commit_ms: int) -> None:
    """Hours are counted by key, then the hours that had records by day: the first counts wait in a cache."""
    given = drifting(hours=28 * 24)
    fill(address, "events", given)
    outputs(address, "days")
    builder = StreamsBuilder()
    events = builder.stream("events", key_serde=text, value_serde=text)
    hours = (
        events.group_by(lambda _, value: value, key_serde=text, value_serde=text)
        .windowed_by(TimeWindows.of_size_and_grace(HOUR, DAY))
        .count()
    )
    (
        hours.to_stream()
        .map(lambda window, n: (window.key[-1:], f"{window.key} {window.window.start} {n}"))
        .group_by_key(key_serde=text, value_serde=text)
        .windowed_by(TimeWindows.of_size_and_grace(DAY, DAY))
        .aggregate(lambda: "", latest_of_each, value_serde=text)
        .to_stream()
        .to("days", value_serde=text)
    )
    with caught_up(builder, address, "events", commit_interval_ms=commit_ms) as app:
        lost = dropped(app)
    rows = records(address, "days", Serdes.time_windowed(text, DAY), text)
    found = {(row.key.key, row.key.window.start): row.value for row in rows}
    expected: dict[tuple[str, int], dict[str, int]] = {}
    newest_of = {(event.value, event.time // HOUR * HOUR): event.time for event in flat(given)}
    for (value, hour), count in in_windows(flat(given), HOUR).items():
        newest = newest_of[value, hour]
        expected.setdefault((value[-1:], newest // DAY * DAY), {})[f"{value} {hour}"] = count
    assert {key: dict(parsed(value)) for key, value in found.items()} == expected
    assert lost == 0


def latest_of_each(key: str, new: str, so_far: str) -> str:
    what, _, count = new.rpartition(" ")
    return ";".join(f"{one} {n}" for one, n in sorted({**dict(parsed(so_far)), what: int(count)}.items()))


def parsed(line: str) -> Iterable[tuple[str, int]]:
    for part in filter(None, line.split(";")):
        what, _, count = part.rpartition(" ")
        yield what, int(count)


def test_sessions(address: str) -> None:
    given = drifting(dense=3_000, sparse=300)
    fill(address, "events", given)
    outputs(address, "sessions")
    builder = StreamsBuilder()
    stream = builder.stream("events", key_serde=text, value_serde=text)
    (
        stream.group_by(lambda _, value: value, key_serde=text, value_serde=text)
        .windowed_by(SessionWindows.of_inactivity_gap_and_grace(2 * HOUR, 2 * HOUR))
        .count()
        .to_stream()
        .to("sessions", value_serde=long)
    )
    with caught_up(builder, address, "events") as app:
        lost = dropped(app)
    found = {
        (row.key.key, row.key.window.start, row.key.window.end): row.value
        for row in records(address, "sessions", Serdes.session_windowed(text), long)
    }
    expected: dict[Any, int] = {}
    last: dict[str, tuple[int, int, int]] = {}
    for event in flat(given):
        begin, end, count = last.get(event.value, (event.time, event.time, 0))
        if count and event.time - end > 2 * HOUR:
            expected[event.value, begin, end] = count
            begin, count = event.time, 0
        last[event.value] = (begin, event.time, count + 1)
    expected.update({(value, begin, end): count for value, (begin, end, count) in last.items()})
    assert {key: value for key, value in found.items() if value is not None} == expected
    assert lost == 0


def test_final_results_of_windows(address: str) -> None:
    """Each closed window comes once, with all its records."""
    given = drifting()
    end = START + 60 * DAY
    keyed = {part: [*events, *(Event(end, "last", f"key {n}") for n in range(7))] for part, events in given.items()}
    fill(address, "events", keyed)
    outputs(address, "finals")
    builder = StreamsBuilder()
    stream = builder.stream("events", key_serde=text, value_serde=text)
    (
        stream.group_by(lambda _, value: value, key_serde=text, value_serde=text)
        .windowed_by(TimeWindows.of_size_and_grace(SIZE, HOUR))
        .count()
        .suppress(Suppressed.until_window_closes(BufferConfig.unbounded()))
        .to_stream()
        .to("finals", value_serde=long)
    )
    with caught_up(builder, address, "events") as app:
        assert dropped(app) == 0
    assert windows_of(address, "finals", SIZE) == in_windows(flat(given), SIZE)


def test_a_topic_that_the_application_writes_and_reads_by_name(address: str) -> None:
    """`to` a topic and `stream` of it are a repartition that the user has written."""
    given = drifting()
    fill(address, "events", given)
    outputs(address, "by-value", "counts")
    builder = StreamsBuilder()
    builder.stream("events", key_serde=text, value_serde=text).select_key(lambda _, value: value).to(
        "by-value", key_serde=text, value_serde=text
    )
    (
        builder.stream("by-value", key_serde=text, value_serde=text)
        .group_by_key(key_serde=text, value_serde=text)
        .windowed_by(TimeWindows.of_size_and_grace(SIZE, HOUR))
        .count()
        .to_stream()
        .to("counts", value_serde=long)
    )
    with caught_up(builder, address, "events") as app:
        assert dropped(app) == 0
    assert windows_of(address, "counts", SIZE) == in_windows(flat(given), SIZE)


def test_two_topics_of_unlike_ages_merged_into_one(address: str) -> None:
    """One is ten days older than the other, has fewer partitions, and its tasks are others."""
    older = {0: [e._replace(time=e.time - 10 * DAY) for e in drifting()[1]]}
    fill(address, "events", drifting())
    fill(address, "older", older, partitions=1)
    outputs(address, "counts")
    builder = StreamsBuilder()
    one = builder.stream("events", key_serde=text, value_serde=text).select_key(lambda _, value: value)
    other = builder.stream("older", key_serde=text, value_serde=text).select_key(lambda _, value: value)
    (
        one.repartition(name="one", number_of_partitions=PARTITIONS, key_serde=text, value_serde=text)
        .merge(other.repartition(name="other", number_of_partitions=PARTITIONS, key_serde=text, value_serde=text))
        .group_by_key(key_serde=text, value_serde=text)
        .windowed_by(TimeWindows.of_size_and_grace(SIZE, HOUR))
        .count()
        .to_stream()
        .to("counts", value_serde=long)
    )
    with caught_up(builder, address, "events", "older") as app:
        assert dropped(app) == 0
    assert windows_of(address, "counts", SIZE) == in_windows(flat(drifting(), older), SIZE)


def test_a_record_of_2099_waits_for_those_before_it_and_takes_nothing_with_it(address: str) -> None:
    far = 4_070_908_800_000
    given = {part: list(events) for part, events in drifting().items()}
    given[2].append(Event(far, "s", "key 0"))
    fill(address, "events", given)
    outputs(address, "counts")
    builder = StreamsBuilder()
    counted(builder, "events", "counts", SIZE, HOUR)
    with caught_up(builder, address, "events") as app:
        assert dropped(app) == 0
    assert windows_of(address, "counts", SIZE) == in_windows(flat(given), SIZE)

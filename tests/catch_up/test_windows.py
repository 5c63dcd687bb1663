"""A back-fill through a repartition topic: no window loses a record that it would have in order."""

from __future__ import annotations

import pytest

from streams import StreamsBuilder
from tests.catch_up.driving import (
    DAY,
    HOUR,
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
    outputs,
    windows_of,
)

__all__ = ["address"]

SIZE = 6 * HOUR


def windows(address: str, given: Input, grace: int, **settings: object) -> tuple[dict[tuple[str, int], int], int]:
    """What the windows hold after the back-fill, and how many records were dropped."""
    fill(address, "events", given)
    outputs(address, "counts")
    builder = StreamsBuilder()
    counted(builder, "events", "counts", SIZE, grace)
    with caught_up(builder, address, "events", **settings) as app:
        return windows_of(address, "counts", SIZE), dropped(app)


@pytest.mark.parametrize("grace", [DAY, HOUR, 0], ids=["grace of a day", "of an hour", "none"])
@pytest.mark.parametrize("threads", [1, 2])
def test_every_window_has_all_its_records(address: str, grace: int, threads: int) -> None:
    given = drifting() if grace == DAY else drifting(dense=3_000, sparse=300)
    found, lost = windows(address, given, grace, num_stream_threads=threads)
    assert lost == 0
    assert found == in_windows(flat(given), SIZE)


def test_out_of_step_the_same_input_loses_records(address: str) -> None:
    given = drifting()
    found, lost = windows(address, given, DAY, max_task_skew_ms=-1)
    assert lost > 0
    assert found != in_windows(flat(given), SIZE)


def test_empty_partitions_hold_nobody(address: str) -> None:
    given = {0: drifting()[0], 2: drifting()[2]}
    found, lost = windows(address, given, DAY)
    assert (found, lost) == (in_windows(flat(given), SIZE), 0)


def test_one_hot_partition_is_waited_for_by_all_others(address: str) -> None:
    given = drifting(dense=12_000, sparse=50)
    found, lost = windows(address, given, DAY)
    assert (found, lost) == (in_windows(flat(given), SIZE), 0)


def test_gaps_longer_than_the_bound_hold_nobody(address: str) -> None:
    """Each partition has records on days of its own."""
    given = {
        part: [Event(START + day * DAY + hour * HOUR, "s", "k") for day in range(part, 40, 4) for hour in range(24)]
        for part in range(4)
    }
    found, lost = windows(address, given, HOUR)
    assert (found, lost) == (in_windows(flat(given), SIZE), 0)


def test_partitions_that_begin_at_different_times_are_taken_one_after_the_other(address: str) -> None:
    given = {
        part: [Event(START + 10 * (3 - part) * DAY + minute * HOUR, "s", "k") for minute in range(240)]
        for part in range(4)
    }
    found, lost = windows(address, given, HOUR)
    assert (found, lost) == (in_windows(flat(given), SIZE), 0)

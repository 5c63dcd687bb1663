"""Back-fills through the examples, in order, compared with what loops over the file give."""

from __future__ import annotations

import pytest

from benchmarks.back_fills import BACK_FILLS, BackFill, Output, Verdict, compared, read_lines
from streams import Serdes
from streams.testing import TopologyTestDriver
from tests.examples.driving import driver_of


def outcome(driver: TopologyTestDriver, output: Output) -> dict[object, tuple[int, ...]]:
    key, value = output.serdes
    read = driver.create_output_topic(output.topic, key, value).read_records_to_list()
    return dict(output.found(read))


@pytest.mark.parametrize(("name", "part"), [("flights", 5_000), ("orders", 12_000)])
def test_one_partition_in_order_gives_what_a_loop_gives(name: str, part: int) -> None:
    back_fill: BackFill = BACK_FILLS[name]
    lines = read_lines(back_fill.data)[:part]
    with driver_of(back_fill.script.stem) as driver:
        driver.create_input_topic(back_fill.topic, Serdes.string(), Serdes.bytes()).pipe_value_list(lines)
        for output in back_fill.outputs:
            expected = output.expected(lines)
            assert len(expected) > 5
            assert compared(outcome(driver, output), expected).complete


def test_the_answers_over_all_data_are_those_known_of_them() -> None:
    counted = {}
    for back_fill in BACK_FILLS.values():
        lines = read_lines(back_fill.data)
        for output in back_fill.outputs:
            answer = output.expected(lines)
            counted[output.topic] = (len(answer), sum(value[0] for value in answer.values()))
    assert counted == {"arrivals": (18_976, 458_388), "returned": (850, 912), "alerts": (143, 1_136)}


def test_a_comparison_tells_lost_records_from_records_counted_twice() -> None:
    expected = {"right": (2, 5), "fewer": (3, 1), "twice": (1, 7), "gone": (4, 4), "false": (2, 2)}
    found = {"right": (2, 5), "fewer": (1, 1), "twice": (2, 14), "false": (2, 3), "other": (1, 1)}
    verdict = compared(found, expected)
    assert verdict == Verdict(right=1, more=1, wrong=2, missing=1, strange=1, lost=6, records=12)
    assert not verdict.complete
    assert compared(expected, expected).complete

"""The demo's own run, on a part of its data."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.examples.driving import module_of


def test_the_demo_gives_what_plain_python_gives(tmp_path: Path) -> None:
    demo = module_of("demo")
    whole = demo.read_input()
    given = demo.Input(whole.lines[::20], whole.flights[::40], whole.airports)
    said: list[str] = []
    found = demo.run(tmp_path / "data", given, said.append)

    words = [word for line in given.lines for word in re.findall(r"\w+", line.lower())]
    assert len(words) > 30_000
    assert found.words == Counter(words)
    departures, delays = demo.expected_flights(given)
    assert found.departures == departures
    assert found.delays_by_state == delays
    assert sorted(found.instances) == ["instance-1", "instance-2"]
    assert [len(partitions) for partitions in found.instances.values()] == [4, 4]
    assert "all words counted" in " ".join(said)


def test_the_answers_beside_the_data_are_those_of_the_data() -> None:
    demo = module_of("demo")
    words = Counter(word for line in demo.read_input().lines for word in re.findall(r"\w+", line.lower()))
    assert demo.expected_words() == words

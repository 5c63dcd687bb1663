"""Real data on each engine, by the answers that come with them: what the project carries of it.

`python -m tests.questions DATA` asks all questions of all data sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clients.local.door import forget
from tests.engines import local_engine
from tests.examples.driving import DATA
from tests.questions.datasets import DATASETS
from tests.questions.run import answers, differences, expected

OWN = Path(__file__).parent / "data"


@pytest.fixture(params=["memory", "local", "kafka"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an engine."""
    if request.param == "kafka":
        yield request.getfixturevalue("kafka_servers")
    elif request.param == "local":
        with local_engine(tmp_path / "engine") as address:
            yield address
    else:
        yield "memory://questions"
        forget("questions")


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_late_earthquakes(address: str, tmp_path: Path, guarantee: str) -> None:
    quakes = DATASETS["quakes"]
    asked = {
        name: differences(expected(OWN, name), rows)
        for name, rows in answers(quakes, OWN, address, tmp_path, guarantee)
    }
    assert asked == {name: [] for name in quakes.answers}


def test_words_on_kafka(kafka_servers: str, tmp_path: Path) -> None:
    for name, rows in answers(DATASETS["text"], DATA, kafka_servers, tmp_path, "exactly_once_v2"):
        assert differences(expected(DATA, name), rows) == []
        assert len(rows) == 12_544


def test_a_record_that_is_lost_is_found(tmp_path: Path) -> None:
    found = answers(DATASETS["quakes"], OWN, "memory://lost", tmp_path, "at_least_once", without=0)
    assert all(differences(expected(OWN, name), rows) for name, rows in found)
    forget("lost")


def test_what_differs_is_told() -> None:
    wanted = [["a", 1, 0.1 + 0.2], ["b", 2, None]]
    assert differences(wanted, [["b", 2, None], ["a", 1, 0.3]]) == []
    assert differences(wanted, [["b", 2, None], ["a", 1, 0.31]]) == [
        "['a', 1, 0.30000000000000004] came as ['a', 1, 0.31]"
    ]
    assert differences(wanted, [["a", 1, 0.3]])[0] == "1 rows and not 2"
    assert differences(wanted, [["a", 1, 0.3], ["b", True, None]]) != []
    assert differences([[1]], [["1"]]) != []

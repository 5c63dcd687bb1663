"""A pipeline through connectors and an application, broken on purpose; and that the checker sees planted bugs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.connect import broken
from tests.postgres_server import needed


@pytest.mark.parametrize("database", ["", "sqlite", "postgres"])
def test_no_row_is_lost_doubled_or_out_of_order(tmp_path: Path, database: str) -> None:
    stops = 0
    if database == "postgres":
        needed()
        stops = 10
    found, done = broken(
        tmp_path, kills=4, broker_kills=3, zombies=1, stops=stops, seed=len(database), database=database
    )
    assert found == [], done


def test_nor_where_workers_share_the_connectors(tmp_path: Path) -> None:
    found, done = broken(tmp_path, kills=3, broker_kills=1, zombies=1, seed=4, database="sqlite", several=True)
    assert found == [], done


@pytest.mark.parametrize(
    ("bug", "database", "blows"),
    [
        ("set-back", "", {"kills": 3}),
        ("late-position", "", {"kills": 4}),
        ("set-back", "sqlite", {"kills": 3}),
        ("no-fence", "sqlite", {"zombies": 2}),
        ("offset-apart", "postgres", {"stops": 2}),
    ],
)
def test_a_planted_bug_is_seen(tmp_path: Path, bug: str, database: str, blows: dict[str, int]) -> None:
    if database == "postgres":
        needed()
    worker = ("tests.crash.planted_connect", bug)
    said = []
    for seed in (2, 3, 4, 5):  # a blow may fall where nothing is in its hands
        directory = tmp_path / str(seed)
        directory.mkdir()
        found, done = broken(directory, **blows, seed=seed, database=database, worker=worker)
        said.append(done)
        if any(" doubled" in each and " 0 doubled" not in each for each in found):
            return
    pytest.fail(f"not found: {said}")

"""State directories lie on the disk or in memory: both keep the same promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from statestore.memory import MemoryEngine
from streams.clock import ManualClock
from streams.disk import DISK
from streams.runtime.state.directory import claim
from streams.runtime.state.position_file import read_position, write_positions
from streams.testing import SimulatedWorld
from streams.testing.files import MemoryFiles
from streams.topology.node import TaskId
from streams.world import SYSTEM, Files, World

TASK = TaskId(0, 1)
FILES: list[Callable[[], Files]] = [lambda: DISK, lambda: MemoryFiles(ManualClock(0))]
WORLDS: list[Callable[[], World]] = [lambda: SYSTEM, lambda: SimulatedWorld(1)]


@pytest.fixture(params=FILES, ids=["disk", "memory"])
def files(request: pytest.FixtureRequest) -> Files:
    made: Files = request.param()
    return made


@pytest.fixture(params=WORLDS, ids=["machine", "simulated"])
def world(request: pytest.FixtureRequest) -> World:
    made: World = request.param()
    return made


def test_directories_are_made_with_those_above_them_and_listed_in_order(files: Files, tmp_path: Path) -> None:
    for name in ("b", "a", "a"):
        files.make(tmp_path / "root" / name)
    files.write(tmp_path / "root" / "text", "x")
    assert files.directories(tmp_path / "root") == ["a", "b"] and files.directories(tmp_path / "nowhere") == []
    assert files.exists(tmp_path / "root" / "a") and not files.exists(tmp_path / "root" / "c")


def test_a_directory_moves_with_all_in_it_and_not_over_another(files: Files, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    files.make(one / "inside")
    files.write(one / "inside" / "text", "x")
    identity = files.identity(one)
    assert files.move(one, two) and not files.exists(one)
    assert files.read(two / "inside" / "text") == "x" and files.identity(two) == identity
    files.make(one / "inside")
    assert not files.move(one, two)
    assert files.identity(one) != identity
    with pytest.raises(FileNotFoundError):
        files.move(tmp_path / "nowhere", tmp_path / "three")


def test_what_is_removed_is_gone_with_all_in_it(files: Files, tmp_path: Path) -> None:
    files.make(tmp_path / "one" / "inside")
    files.write(tmp_path / "one" / "text", "x")
    files.remove(tmp_path / "one")
    files.remove(tmp_path / "one")
    files.make(tmp_path / "one")
    assert files.directories(tmp_path / "one") == [] and not files.exists(tmp_path / "one" / "text")


def test_a_lock_has_one_holder(files: Files, tmp_path: Path) -> None:
    files.make(tmp_path)
    release = files.lock(tmp_path / "lock")
    assert release is not None and files.lock(tmp_path / "lock") is None
    release()
    assert files.lock(tmp_path / "lock") is not None


def test_files_are_written_read_and_deleted(files: Files, tmp_path: Path) -> None:
    files.make(tmp_path)
    text = tmp_path / "text"
    with pytest.raises(FileNotFoundError):
        files.read(text)
    assert files.add(text, "first") and not files.add(text, "second") and files.read(text) == "first"
    files.write(text, "third")
    assert files.read(text) == "third"
    files.delete(text)
    files.delete(text)
    assert not files.exists(text)


def test_a_task_finds_its_copy_and_how_far_that_is(world: World, tmp_path: Path) -> None:
    def position_of(path: Path) -> int:
        return read_position(world.files, path, ["counts"])

    first, second = claim(tmp_path, "app", world), claim(tmp_path, "app", world)
    assert (first.number, second.number) == (0, 1) and first.directory_id == second.directory_id
    write_positions(world.files, first.take(TASK, position_of), {"counts": 7})
    first.give_back(TASK, position_of)
    assert set(second.unowned()) == {TASK} and position_of(second.take(TASK, position_of)) == 7
    second.close()  # it died: what lies in its directory is free
    assert set(first.unowned()) == {TASK} and position_of(first.take(TASK, position_of)) == 7
    uuid = first.uuid
    first.close()
    assert claim(tmp_path, "app", world).uuid == uuid


def test_the_copy_that_is_further_on_stays(world: World, tmp_path: Path) -> None:
    def position_of(path: Path) -> int:
        return read_position(world.files, path, ["counts"])

    first, second = claim(tmp_path, "app", world), claim(tmp_path, "app", world)
    for owner, position in ((first, 3), (second, 9)):  # the first is frozen while the second has the task
        write_positions(world.files, owner.take(TASK, position_of), {"counts": position})
        if owner is second:
            second.give_back(TASK, position_of)
    first.give_back(TASK, position_of)
    assert position_of(first.take(TASK, position_of)) == 9


def test_a_database_in_memory_is_there_again_when_it_is_opened_again(tmp_path: Path) -> None:
    files, on_disk = MemoryFiles(ManualClock(0)), lambda path: pytest.fail("there is no disk")
    opened: Any = files.database(tmp_path / "one" / "rocksdb", MemoryEngine, on_disk)
    opened.write([(b"k", b"v")])
    opened.close()
    files.make(tmp_path / "one")
    files.move(tmp_path / "one", tmp_path / "two")
    again: Any = files.database(tmp_path / "two" / "rocksdb", MemoryEngine, on_disk)
    assert again.get(b"k") == b"v"
    files.remove(tmp_path / "two")
    fresh: Any = files.database(tmp_path / "two" / "rocksdb", MemoryEngine, on_disk)
    assert fresh.get(b"k") is None


def test_state_that_nobody_used_for_long_is_deleted_in_memory_too(tmp_path: Path) -> None:
    world = SimulatedWorld(1)

    def main() -> None:
        own = claim(tmp_path, "app", world)
        own.take(TASK, lambda path: 0)
        own.give_back(TASK, lambda path: 0)
        assert own.clean(world.now_ms() - 60_000) == []
        world.sleep(120_000)
        assert own.clean(world.now_ms() - 60_000) == [tmp_path / "app" / "unowned" / "0_1"]
        assert not own.unowned()

    world.run(main)

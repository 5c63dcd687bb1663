"""Instance directories: who owns what on a disk, through clean stops, kills and copies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.errors import LockException, TaskIdFormatException
from streams.runtime.state.directory import claim, parse_task
from streams.topology.node import TaskId

TASK = TaskId(0, 1)


def position_of(path: Path) -> int:
    return int((path / "position").read_text())


def put(path: Path, position: int) -> None:
    (path / "position").write_text(str(position))


def test_the_lowest_free_instance_is_taken(tmp_path: Path) -> None:
    first, second = claim(tmp_path, "app"), claim(tmp_path, "app")
    assert (first.number, second.number) == (0, 1)
    assert first.uuid != second.uuid
    assert first.directory_id == second.directory_id
    uuid = first.uuid
    first.close()
    again = claim(tmp_path, "app")
    assert (again.number, again.uuid) == (0, uuid)


def test_a_task_moves_between_workers_without_a_copy(tmp_path: Path) -> None:
    first, second = claim(tmp_path, "app"), claim(tmp_path, "app")
    put(first.take(TASK, position_of), 7)
    first.give_back(TASK, position_of)
    assert set(second.unowned()) == {TASK}
    assert position_of(second.take(TASK, position_of)) == 7
    assert set(first.unowned()) == set()


@pytest.mark.parametrize(("newer", "stale"), [(9, 7), (7, 9)])
def test_a_copy_that_is_behind_does_not_take_the_place_of_a_newer_one(tmp_path: Path, newer: int, stale: int) -> None:
    first, second = claim(tmp_path, "app"), claim(tmp_path, "app")
    put(first.take(TASK, position_of), newer)
    put(second.take(TASK, position_of), stale)  # the first is frozen, and its directory locked
    first.give_back(TASK, position_of)
    second.give_back(TASK, position_of)
    assert position_of(tmp_path / "app" / "unowned" / "0_1") == 9
    assert not (first.path / "0_1").exists() and not (second.path / "0_1").exists()


def test_the_tasks_of_a_living_worker_are_not_touched(tmp_path: Path) -> None:
    first, second = claim(tmp_path, "app"), claim(tmp_path, "app")
    put(first.take(TASK, position_of), 7)
    taken = second.take(TASK, position_of)
    assert list(taken.iterdir()) == []
    assert position_of(first.path / "0_1") == 7


def test_the_tasks_of_a_killed_worker_are_taken_over(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom streams.runtime.state.directory import claim\n"
        "from streams.topology.node import TaskId\n"
        "home = claim(Path(sys.argv[1]), 'app').take(TaskId(0, 1), lambda path: 0)\n"
        "(home / 'position').write_text('9')\nos.kill(os.getpid(), 9)\n"
    )
    first = claim(tmp_path, "app")
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert set(first.unowned()) == {TASK}
    assert position_of(first.take(TASK, position_of)) == 9


def test_of_several_copies_the_one_furthest_on_is_taken_and_the_others_deleted(tmp_path: Path) -> None:
    first = claim(tmp_path, "app")
    put(first.take(TASK, position_of), 3)
    resting = tmp_path / "app" / "unowned" / "0_1"
    resting.mkdir(parents=True)
    put(resting, 8)
    assert position_of(first.take(TASK, position_of)) == 8
    assert not resting.exists()


def test_a_copied_directory_gets_a_uuid_of_its_own(tmp_path: Path) -> None:
    first = claim(tmp_path / "a", "app")
    uuid, disk = first.uuid, first.directory_id
    first.close()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    copied = claim(tmp_path / "b", "app")
    assert copied.uuid != uuid
    assert copied.directory_id != disk


def test_a_worker_that_was_fenced_takes_a_new_uuid(tmp_path: Path) -> None:
    first = claim(tmp_path, "app")
    before = first.uuid
    assert first.new_uuid() != before
    first.close()
    assert claim(tmp_path, "app").uuid != before


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LockException, match=r"state\.dir"):
        claim(tmp_path / "file", "app")


def test_discarding_deletes(tmp_path: Path) -> None:
    first = claim(tmp_path, "app")
    put(first.take(TASK, position_of), 3)
    first.discard(TASK)
    assert list(first.take(TASK, position_of).iterdir()) == []
    assert [name for name in os.listdir(first.path) if name.startswith(".deleted")] == []


@pytest.mark.parametrize("name", ["", "0", "0_", "_1", "a_1", "0_1_2", "-1_0", "0_１"])
def test_what_is_no_task_id_is_refused(name: str) -> None:
    with pytest.raises(TaskIdFormatException):
        parse_task(name)

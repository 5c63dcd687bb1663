"""One contract for files of the operating system and files in memory, and the faults of the latter."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from broker_local.base import atomic_file
from broker_local.base.faults import Corruption, Refusal
from broker_local.base.files import Files, FileSlice, Handles, OsFiles, replace
from broker_local.base.mem_files import Killed, MemFiles, Plan


@pytest.fixture(params=["memory", "disk"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return MemFiles() if request.param == "memory" else OsFiles(str(tmp_path))


def test_what_is_written_is_read(files: Files) -> None:
    file = files.open("a", create=True)
    assert (file.size(), file.pread(10, 0), file.path) == (0, b"", "a")
    assert file.write([b"hello ", memoryview(b"world"), bytearray(b"!")], 0) == 12
    assert file.write([b"W"], 6) == 1
    assert (file.pread(100, 3), file.size(), files.size("a"), files.read("a")) == (
        b"lo World!",
        12,
        12,
        b"hello World!",
    )
    file.truncate(5)
    file.write([b"x"], 7)
    assert files.read("a") == b"hello\0\0x"


def test_a_tree(files: Files) -> None:
    assert files.entries("") == files.entries("none") == []
    files.make_directory("d/e/f")
    files.make_directory("d/e/f")
    files.open("d/e/x", create=True)
    files.open("d/y", create=True).write([b"1"], 0)
    assert (files.entries(""), files.entries("d"), files.entries("d/e")) == (["d"], ["e", "y"], ["f", "x"])
    files.rename("d/y", "d/e/x")
    assert (files.entries("d"), files.read("d/e/x")) == (["e"], b"1")
    for path in ("", "d", "d/e/x"):
        files.fsync(path)
    files.remove("d/e/x")
    files.remove("d/e/x")
    assert files.size("d/e/x") == -1
    files.remove_tree("d")
    files.remove_tree("d")
    assert files.entries("") == []


def test_what_is_missing_is_said(files: Files) -> None:
    for attempt in (
        lambda: files.open("none"),
        lambda: files.read("none"),
        lambda: files.fsync("none"),
        lambda: files.open("none/file", create=True),
    ):
        with pytest.raises(FileNotFoundError):
            attempt()


def test_a_boot_has_a_name(files: Files) -> None:
    assert files.boot_id() == files.boot_id() != ""


def test_a_slice_outlives_its_file(files: Files) -> None:
    handles = Handles(files)
    handles.get("a", create=True).write([b"0123456789"], 0)
    piece = FileSlice(handles.get("a"), 2, 3)
    handles.forget("a")
    files.remove("a")
    assert piece.read() == b"234"
    assert (piece.fd >= 0) == isinstance(files, OsFiles)


def test_few_files_are_open_at_a_time(files: Files) -> None:
    handles = Handles(files, limit=3)
    for number in range(20):
        handles.get(f"f{number}", create=True).write([b"%d" % number], 0)
    gc.collect()
    assert [handles.get(f"f{number}").pread(9, 0) for number in range(20)] == [b"%d" % number for number in range(20)]
    assert handles.get("f19") is handles.get("f19")


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    files = OsFiles(str(tmp_path))
    handles = Handles(files, limit=2)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for number in range(50):
        handles.get(f"f{number}", create=True)
    handles.clear()
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


def test_a_link_in_the_tree_is_not_followed_when_it_is_removed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "keep").touch()
    (tmp_path / "data" / "d").mkdir(parents=True)
    (tmp_path / "data" / "d" / "link").symlink_to(tmp_path / "outside")
    OsFiles(str(tmp_path / "data")).remove_tree("d")
    assert (tmp_path / "outside" / "keep").exists()
    assert not (tmp_path / "data" / "d").exists()


def test_a_file_is_replaced_whole_or_not_at_all() -> None:
    for fault in ("full", "error", "kill"):
        for at in range(1, 20):
            files = MemFiles(power=True)
            replace(files, "f", b"old")
            plan = files.plan = Plan(at, fault, 0.5)  # type: ignore[arg-type]
            try:
                replace(files, "f", b"new!")
            except BaseException:
                assert plan.fired
            files.plan = None
            for left in (files.after_kill(), files.after_power_cut(0.0), files.after_power_cut(0.5)):
                assert left.read("f") in (b"old", b"new!")
            if not plan.fired:
                assert at > 4 and files.after_power_cut().read("f") == b"new!"
                break


def test_sheets_are_read_whole_or_not_at_all(files: Files) -> None:
    assert atomic_file.read(files, "s", b"KIND", 1) is None
    content = {"a": [1, b"x"], "b": {"c": None, 5: 6}}
    atomic_file.write(files, "s", b"KIND", 1, content)
    assert atomic_file.read(files, "s", b"KIND", 1) == content
    good = files.read("s")
    for at in range(len(good)):
        replace(files, "s", good[:at])
        with pytest.raises(Corruption):
            atomic_file.read(files, "s", b"KIND", 1)
        replace(files, "s", good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        with pytest.raises(Corruption):
            atomic_file.read(files, "s", b"KIND", 1)
    replace(files, "s", good)
    with pytest.raises(Corruption, match="an atomic file of kind"):
        atomic_file.read(files, "s", b"ELSE", 1)
    atomic_file.write(files, "s", b"KIND", 2, content)
    with pytest.raises(Refusal, match="has format version 2; this engine knows versions up to 1"):
        atomic_file.read(files, "s", b"KIND", 1)


# The faults themselves: a check that cannot see a planted fault is worth nothing.


def test_the_planned_call_fails_and_only_it() -> None:
    plan = Plan(2, "full", 0.5, frozenset(("write",)))
    files = MemFiles(plan)
    file = files.open("f", create=True)
    file.write([b"aaaa"], 0)
    with pytest.raises(OSError, match="No space left"):
        file.write([b"bb", b"bb"], 4)
    assert files.read("f") == b"aaaabb" and plan.fired
    file.write([b"cccc"], 4)
    assert files.read("f") == b"aaaacccc"
    with pytest.raises(Killed):
        MemFiles(Plan(1, "kill")).open("g", create=True)


def test_a_power_cut_keeps_what_was_synced() -> None:
    files = MemFiles(power=True)
    files.make_directory("d")
    file = files.open("d/f", create=True)
    file.write([b"12345"], 0)
    files.fsync("d/f")
    assert files.after_power_cut().paths() == [], "its directory was not synced"
    files.fsync("d")
    assert files.after_power_cut().paths() == [], "nor the one above"
    files.fsync("")
    file.write([b"6789"], 5)
    assert files.after_power_cut().read("d/f") == b"12345"
    assert files.after_power_cut(0.5).read("d/f") == b"1234567"
    assert files.after_kill().read("d/f") == b"123456789"
    files.rename("d/f", "d/g")
    assert files.after_power_cut().paths() == ["d/f"]
    files.fsync("d")
    assert files.after_power_cut().paths() == ["d/g"]
    files.remove("d/g")
    assert files.after_kill().after_power_cut().read("d/g") == b"12345"
    assert files.after_power_cut().boot_id() != files.after_kill().boot_id() == files.boot_id()

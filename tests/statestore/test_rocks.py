"""RocksDB as an engine: what happens to it outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from statestore.engine import EngineDamaged, EngineError, EngineLocked, EngineTooNew
from statestore.rocks import RocksEngine, budget


def test_a_database_that_is_open_is_refused(tmp_path: Path) -> None:
    engine = RocksEngine(str(tmp_path / "task"))
    with pytest.raises(EngineLocked, match="in use"):
        RocksEngine(str(tmp_path / "task"))
    engine.close()
    RocksEngine(str(tmp_path / "task")).close()


def test_closing_ends_scans_so_that_the_directory_can_be_handed_over(tmp_path: Path) -> None:
    engine = RocksEngine(str(tmp_path / "task"))
    engine.write([(b"\0\0a", b"1"), (b"\0\0b", b"2")])
    scan = engine.scan(b"\0\0", None)
    assert next(scan) == (b"\0\0a", b"1")
    engine.close()
    assert list(scan) == []
    (tmp_path / "task").rename(tmp_path / "moved")
    moved = RocksEngine(str(tmp_path / "moved"))
    assert list(moved.scan(b"", None, True)) == [(b"\0\0b", b"2"), (b"\0\0a", b"1")]
    moved.close()


def test_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "task"
    RocksEngine(str(path)).close()
    for manifest in path.glob("MANIFEST*"):
        manifest.write_bytes(b"no manifest at all, " * 20)
    with pytest.raises(EngineDamaged, match="must be rebuilt"):
        RocksEngine(str(path))


def test_damage_found_by_reading_is_named(tmp_path: Path) -> None:
    path = tmp_path / "task"
    engine = RocksEngine(str(path))
    engine.write([(b"\0\0%05d" % number, b"value %d" % number) for number in range(5000)])
    engine._database.flush()
    engine.close()
    for table in path.glob("*.sst"):
        whole = bytearray(table.read_bytes())
        whole[100:2000] = bytes(1900)
        table.write_bytes(whole)
    engine = RocksEngine(str(path), budget(1 << 20, 1 << 20))
    with pytest.raises(EngineDamaged, match="must be rebuilt"):
        engine.get(b"\0\0" + b"00000")
    for backwards in (False, True):
        with pytest.raises(EngineDamaged, match="must be rebuilt"):
            list(engine.scan(b"\0\0", None, backwards))
    engine.close()


def test_what_cannot_be_opened_says_where(tmp_path: Path) -> None:
    (tmp_path / "task").write_text("a file")
    with pytest.raises(EngineError, match=f"the state in {tmp_path}/task"):
        RocksEngine(str(tmp_path / "task"))


def test_a_later_layout_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "task")
    RocksEngine(path).close()
    raw = Rdict(path, Options(raw_mode=True))
    raw[b"\xff\xffformat"] = b"\x02"
    raw.close()
    with pytest.raises(EngineTooNew, match="layout 02, this version reads 01"):
        RocksEngine(path)


def test_names_that_would_break_the_table_are_refused(tmp_path: Path) -> None:
    engine = RocksEngine(str(tmp_path / "task"), budget(1 << 20, 1 << 20))
    for name in ("", "a\0b"):
        with pytest.raises(ValueError, match="cannot be the name of a store"):
            engine.number(name)
    engine.close()


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """The log is written at every write, without syncing."""
    script = (
        "import os, sys; from statestore.rocks import RocksEngine\n"
        f"engine = RocksEngine({str(tmp_path / 'task')!r})\n"
        "for number in range(100):\n"
        "    engine.write([(b'\\0\\0%03d' % number, b'v')], marks={b'at': b'%d' % number})\n"
        "print('written', flush=True); sys.stdin.read()\n"
    )
    root = Path(__file__).parent.parent.parent
    process = subprocess.Popen([sys.executable, "-c", script], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    engine = RocksEngine(str(tmp_path / "task"))
    assert len(list(engine.scan(b"\0\0", b"\0\1"))) == 100
    assert engine.mark(b"at") == b"99"
    engine.close()

"""Instances that cannot start, or find another's work: one message, an exit code, and what to do next."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_local.base import atomic_file
from statestore.rocks import RocksEngine
from tests.crash.trial import APPLICATION, Instance, Trial, trial
from tests.crash.verdict import wrong
from tests.streams.apps import wait_for

OTHER = """
from streams import Serdes
def topology(builder):
    lines = builder.stream("words-in", key_serde=Serdes.string(), value_serde=Serdes.string())
    lines.filter(lambda key, line: bool(line)).to("word-counts")
"""


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Trial]:
    with trial(tmp_path, partitions=2) as made:
        yield made


def last_words(instance: Instance, code: int = 1) -> str:
    """What a command said at last, before it ended with this code."""
    assert instance.ended() == code, instance.said
    return next(line for line in reversed(instance.said.splitlines()) if line.startswith("streams-app: "))


def test_a_state_directory_that_cannot_be_used(one: Trial, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = last_words(one.start("-c", f"state.dir={tmp_path / 'file' / 'state'}"))
    assert said == (
        f"streams-app: LockException: State directory {tmp_path / 'file' / 'state' / APPLICATION} cannot be used: "
        "Not a directory. Give a directory that this user may write as state.dir."
    )


@pytest.mark.parametrize(("where", "why"), [("file", "is a file"), ("file/below", "cannot be made: Not a directory")])
def test_a_data_directory_that_cannot_be_used(one: Trial, tmp_path: Path, where: str, why: str) -> None:
    (tmp_path / "file").touch()
    said = last_words(one.start("--bootstrap-servers", f"local://{tmp_path / where}"))
    assert str(tmp_path / where) in said and why in said


def test_a_data_directory_of_a_newer_version(one: Trial, tmp_path: Path) -> None:
    one.close()
    catalog = one.data / "catalog"
    catalog.write_bytes(atomic_file.pack(catalog.read_bytes()[:4], 99, {}))
    said = last_words(one.start())
    assert "version 99" in said and "newer" in said and str(one.data) in said


def test_state_of_a_newer_version(one: Trial) -> None:
    first = one.start()
    wait_for(lambda: first.is_up)
    assert first.stop() == 0
    path = one.data / "state" / APPLICATION / "unowned" / "1_0" / "rocksdb"
    engine = RocksEngine(str(path))
    engine._database.put(b"\xff\xffformat", b"\x02")
    engine.close()
    said = last_words(one.start())
    assert "has layout 02, this version reads 01" in said and "delete the directory" in said


def test_damaged_state_is_rebuilt_and_the_reason_named(one: Trial) -> None:
    first = one.start()
    one.feed(50)
    one.rest()
    assert first.stop() == 0
    for task in ("1_0", "1_1"):
        (one.data / "state" / APPLICATION / "unowned" / task / "rocksdb" / "CURRENT").write_text("garbage")
    second = one.start()
    one.feed(50)
    one.rest()
    assert second.stop() == 0
    assert "The state of task 1_0 is rebuilt from its changelogs" in second.said
    one.check(wrong(one.evidence(), exactly=True))


def test_a_missing_topic(one: Trial, tmp_path: Path) -> None:
    script = tmp_path / "other.py"
    script.write_text(OTHER.replace("words-in", "nowhere"))
    said = last_words(one.start(script=script))
    assert said.count("missing") == 1 and "nowhere" in said and "Create" in said


def test_a_full_disk_for_state_is_a_failure_and_loses_nothing(one: Trial) -> None:
    one.feed(6000)
    small = one.start(limit=1 << 16)
    one.rest()
    small.signal(signal.SIGTERM)  # what is committed goes to the databases, and does not fit
    assert "File too large" in last_words(small)
    one.start()
    one.feed(50)
    one.rest()
    assert one.stop_all() == [0]
    one.check(wrong(one.evidence(), exactly=True))


def test_two_topologies_in_one_group_are_named(one: Trial, tmp_path: Path) -> None:
    script = tmp_path / "other.py"
    script.write_text(OTHER)
    first = one.start()
    wait_for(lambda: first.is_up)
    other = one.start(script=script)
    wait_for(lambda: "has another topology than its group: 1 of its 1 sub-topologies" in other.said)
    one.feed(50)
    one.rest()
    assert one.stop_all() == [0, 0]
    one.check(wrong(one.evidence(), exactly=True))

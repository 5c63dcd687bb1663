"""A data directory is what it is by device and inode: copied, moved, from elsewhere, or open to others."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_local.base.files import OsFiles
from broker_local.host.data_directory import DataDirectory, Unavailable, prepare, read_endpoint, socket_path
from broker_local.host.launch import connect, find
from broker_local.log import recovery_point
from broker_local.protocol.requests.records import Produce, ProducePart
from broker_local.protocol.requests.topics import Metadata, NewTopic, TopicCreate
from tests.broker_local.engines import batch
from tests.broker_local.host.test_launch import wait_until_free
from tests.engines import until


def end(directory: Path) -> None:
    """Ends the broker of a directory, if one runs."""
    endpoint = read_endpoint(DataDirectory(str(directory)))
    if endpoint is not None:
        os.kill(endpoint.pid, signal.SIGTERM)
        wait_until_free(directory)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Path]:
    """A data directory with a topic, whose broker runs."""
    place = tmp_path / "one"
    link = connect(str(place))
    link.call(TopicCreate((NewTopic("t", 1, {}),)))
    link.call(Produce(-1, (ProducePart("t", 0, batch(b"first")),)))
    link.close()
    yield place
    for each in tmp_path.iterdir():
        if each.is_dir():
            end(each)


def is_durable(directory: Path) -> bool:
    """Has the broker written that the record in `t` is on the disk? Then it writes nothing more."""
    found = recovery_point.read(OsFiles(str(directory)))
    return found is not None and 1 in found.ends.values()


def logs(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*.log")))


def test_a_copy_of_a_directory_whose_broker_runs_has_a_broker_of_its_own(one: Path, tmp_path: Path) -> None:
    two = tmp_path / "two"
    until(lambda: is_durable(one))  # a copy of what is being written is one of half a file
    shutil.copytree(one, two)
    link = connect(str(two))
    link.call(Produce(-1, (ProducePart("t", 0, batch(b"for two")),)))
    link.close()
    assert b"for two" in logs(two) and b"for two" not in logs(one)
    again = find(str(one))  # the broker of the original is still to be found
    assert again is not None
    again.close()


def test_a_directory_that_is_moved_keeps_its_broker_and_its_place_is_free(one: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    one.rename(moved)
    new = connect(str(one))
    assert new.call(Metadata()).topics == ()
    link = connect(str(moved))
    assert [row.topic for row in link.call(Metadata()).topics] == ["t"]
    link.call(TopicCreate((NewTopic("u", 1, {}),)))
    link.call(Produce(-1, (ProducePart("u", 0, batch(b"after the move")),)))
    assert b"after the move" in logs(moved)
    new.call(Produce(-1, (ProducePart("v", 0, batch(b"in the new one")),)))
    assert b"in the new one" in logs(one) and b"after the move" not in logs(one)
    link.close()
    new.close()


def test_nothing_that_an_endpoint_names_is_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    there = DataDirectory(str(data)).identity
    for directory in (None, "1:2", there):
        endpoint = {"version": 1, "socket": str(precious), "pid": 1, "protocol": [1, 1], "listen": [], "token": None}
        (data / "endpoint").write_text(json.dumps({**endpoint, "directory": directory}))
        link = connect(str(data))
        assert link.call(Metadata()).topics == ()
        link.close()
        end(data)
    assert precious.read_text() == "precious"


def test_links_in_a_directory_from_elsewhere_lead_nowhere(tmp_path: Path) -> None:
    mine = {}
    for name in ("lock", "start.lock", "broker.log", "endpoint", "endpoint.new", "catalog.new", "line.new"):
        mine[name] = tmp_path / f"my-{name}"
        mine[name].write_text("mine" * 1000)
    for name, target in mine.items():
        data = tmp_path / f"data-{name}"
        data.mkdir(mode=0o700)
        (data / name).symlink_to(target)
        try:
            connect(str(data), start_ms=5_000).close()
            end(data)
        except (OSError, Unavailable):
            pass
        assert target.read_text() == "mine" * 1000, name


def test_only_what_has_an_id_of_ours_for_a_name_is_swept_away(one: Path) -> None:
    end(one)
    (one / "topics" / "photographs").mkdir()
    (one / "topics" / "photographs" / "one.jpg").write_text("x")
    (one / "topics" / ("0" * 32)).mkdir()
    (one / "topics" / ("0" * 32) / "0").mkdir()
    link = connect(str(one))
    link.call(Metadata())
    link.close()
    end(one)
    assert (one / "topics" / "photographs" / "one.jpg").exists()
    assert not (one / "topics" / ("0" * 32)).exists()


@pytest.mark.parametrize("mode", [0o777, 0o722, 0o702])
def test_a_directory_that_others_can_write_into_is_refused(tmp_path: Path, mode: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    with pytest.raises(Unavailable, match=rf"others can write into .*data \(mode 0{mode:o}\): chmod go-w"):
        connect(str(data))
    with pytest.raises(Unavailable, match="others can write"):
        find(str(data))
    data.chmod(0o755)
    assert prepare(str(data)).directory == str(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_an_endpoint_of_another_user_is_not_believed(one: Path) -> None:
    assert read_endpoint(DataDirectory(str(one))) is not None
    os.chown(one / "endpoint", 65_534, 65_534)
    assert read_endpoint(DataDirectory(str(one))) is None
    os.chown(one / "endpoint", 0, 0)


def test_sockets_of_a_directory_and_of_another_one_of_its_name_differ(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    first = socket_path(DataDirectory(str(data)))
    assert socket_path(DataDirectory(str(data))) == first
    data.rename(tmp_path / "old")
    data.mkdir()
    assert socket_path(DataDirectory(str(data))) != first


def test_a_data_directory_that_is_made_is_durable_in_those_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: durable.append(os.fstat(descriptor).st_ino))
    prepare(str(tmp_path / "a" / "b"))
    assert durable == [tmp_path.stat().st_ino, (tmp_path / "a").stat().st_ino]
    prepare(str(tmp_path / "a" / "b"))
    assert len(durable) == 2

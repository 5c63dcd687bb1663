"""Files that grow, are rotated, shrink and go; files that are written whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.connect.errors import ConnectException, DataException, RetriableException
from streams.errors import ConfigException
from streams.testing import ConnectTestDriver, SimulatedWorld
from tests.docs.pages import ROOT
from tests.logs import quiet

Values = list[bytes | None]


def source(file: Path, **settings: str) -> ConnectTestDriver:
    return ConnectTestDriver({"connector.class": "FileSource", "file": str(file), "topic": "lines", **settings})


def values(driver: ConnectTestDriver, polls: int = 5) -> Values:
    """What comes of so many polls."""
    return [record.value for _ in range(polls) for record in driver.poll()]


def position(driver: ConnectTestDriver) -> int:
    (found,) = driver.offsets.values()
    return int(str(found["position"]))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def test_lines_of_a_file_that_grows(file: Path) -> None:
    file.write_bytes(b"one\ntwo\r\nthr")
    with source(file) as driver:
        assert values(driver) == [b"one", b"two"]
        with file.open("ab") as growing:
            growing.write(b"ee\nfour\n")
        assert values(driver) == [b"three", b"four"]
        assert position(driver) == 20


def test_a_file_that_comes_later(file: Path) -> None:
    with quiet(), source(file) as driver:
        assert values(driver) == []
        file.write_bytes(b"one\n")
        assert values(driver) == [b"one"]


def test_reading_goes_on_behind_what_was_stored(file: Path) -> None:
    file.write_bytes(b"".join(b"%d\n" % number for number in range(10)))
    with source(file, **{"batch.size": "4"}) as driver:
        assert values(driver, 1) == [b"0", b"1", b"2", b"3"]
        driver.restart()
        assert values(driver) == [b"4", b"5", b"6", b"7", b"8", b"9"]


def test_a_rotated_file_is_read_to_its_end_first(file: Path) -> None:
    file.write_bytes(b"one\n")
    with source(file) as driver:
        assert values(driver) == [b"one"]
        with file.open("ab") as growing:
            growing.write(b"two\nunended")
        file.rename(file.with_name("app.log.1"))
        file.write_bytes(b"three\n")
        assert values(driver) == [b"two", b"unended", b"three"]


def test_a_file_that_was_rotated_while_nobody_read_is_found_by_its_inode(file: Path) -> None:
    file.write_bytes(b"one\ntwo\n")
    with source(file, **{"batch.size": "1"}) as driver:
        assert values(driver, 1) == [b"one"]
        file.rename(file.with_name("app.log.1"))
        file.write_bytes(b"three\n")
        driver.restart()
        assert values(driver) == [b"two", b"three"]


def test_another_file_of_the_same_name_is_told_by_its_content(file: Path) -> None:
    file.write_bytes(b"one\ntwo\n")
    with quiet(), source(file) as driver:
        assert values(driver) == [b"one", b"two"]
        file.write_bytes(b"ONE\nTWO\nTHREE\n")  # the same inode, and longer
        driver.restart()
        assert values(driver) == [b"ONE", b"TWO", b"THREE"]


def test_a_file_that_shrinks_is_read_from_its_beginning(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_bytes(b"one\ntwo\n")
    with source(file) as driver:
        assert values(driver) == [b"one", b"two"]
        os.truncate(file, 0)
        with file.open("ab") as growing:
            growing.write(b"new\n")
        assert values(driver) == [b"new"]
    assert "has shrunk from 8 to 4 bytes" in caplog.text


def test_a_file_that_went_for_good_is_said(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_bytes(b"one\n")
    with source(file) as driver:
        values(driver)
        file.unlink()
        file.with_name("other").write_bytes(b"keeps the inode away\n")
        file.write_bytes(b"two\n")
        driver.restart()
        assert values(driver) == [b"two"]
    assert "is not the file any more that was read to byte 4" in caplog.text


def test_a_position_of_kafkas_own_connector_is_taken(file: Path) -> None:
    file.write_bytes(b"one\ntwo\n")
    with source(file) as driver:
        driver.offsets[json.dumps({"filename": str(file)})] = {"position": 4}
        driver.restart()
        assert values(driver) == [b"two"]


def test_a_position_that_is_none_is_refused(file: Path) -> None:
    file.write_bytes(b"one\n")
    with source(file) as driver:
        driver.offsets[json.dumps({"filename": str(file)})] = {"position": "four"}
        driver.restart()
        with pytest.raises(ConnectException, match="Offset position is the incorrect type"):
            driver.poll()


def test_json_lines(file: Path) -> None:
    file.write_bytes(b'{"a": 1}\n[true, null]\n')
    settings = {"format": "json", "value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
    with source(file, **settings) as driver:
        assert values(driver) == [b'{"a":1}', b"[true,null]"]


# CSV


def rows(path: Path, **settings: str) -> ConnectTestDriver:
    json = {"value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
    return ConnectTestDriver({"connector.class": "CsvSource", "file": str(path), "topic": "rows", **json, **settings})


def test_rows_of_a_csv_file(file: Path) -> None:
    file.write_bytes(b'id,name,amount\n1,"Smith, J.",2.5\n2,"two\nlines",\n')
    with rows(file, types="id:int64,amount:float64") as driver:
        assert values(driver) == [
            b'{"id":1,"name":"Smith, J.","amount":2.5}',
            b'{"id":2,"name":"two\\nlines","amount":null}',
        ]


def test_a_row_whose_quotes_are_open_waits(file: Path) -> None:
    file.write_bytes(b'id,name\n1,"one\n')
    with rows(file) as driver:
        assert values(driver) == []
        with file.open("ab") as growing:
            growing.write(b'more"\n2,two\n')
        assert values(driver) == [b'{"id":"1","name":"one\\nmore"}', b'{"id":"2","name":"two"}']


def test_rows_go_on_after_a_restart_with_the_same_header(file: Path) -> None:
    file.write_bytes(b"id\n1\n2\n3\n")
    with rows(file, **{"batch.size": "2"}) as driver:
        assert values(driver, 1) == [b'{"id":"1"}']
        driver.restart()
        assert values(driver) == [b'{"id":"2"}', b'{"id":"3"}']


def test_another_file_may_have_another_header(file: Path) -> None:
    file.write_bytes(b"id\n1\n")
    with rows(file) as driver:
        assert values(driver) == [b'{"id":"1"}']
        file.rename(file.with_name("app.log.1"))
        file.write_bytes(b"name;id\nx;2\n")
        assert values(driver) == [b'{"name;id":"x;2"}']


@pytest.mark.parametrize(
    ("content", "types", "why"),
    [
        (b"id,id\n1,2\n", "", "names a column 'id' twice"),
        (b"id\n1,2\n", "", "a row has 2 columns, the header 1"),
        (b"id\nx\n", "id:int64", "'x' is no int64"),
        (b"id\n300\n", "id:int8", "'300' is no int8"),
        (b"id\n1\n", "no:int8", "has no column no, which `types` names. It has id"),
        (b"id\n\xff\n", "", "no CSV of UTF-8"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_csv_file(file: Path, content: bytes, types: str, why: str) -> None:
    file.write_bytes(content)
    with rows(file, types=types) as driver, pytest.raises(DataException) as raised:
        values(driver)
    assert why in str(raised.value)


@pytest.mark.parametrize(("name", "value"), [("delimiter", ";;"), ("delimiter", '"'), ("types", "id"), ("file", "")])
def test_settings_of_a_csv_source_that_are_wrong(file: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigException, match=f"for configuration {name}:"):
        rows(file, **{name: value})


# Files that are written


def sink(file: Path, world: SimulatedWorld | None = None, **settings: str) -> ConnectTestDriver:
    more = {"connector.class": "FileSink", "file": str(file), "topics": "lines", **settings}
    return ConnectTestDriver(more, world=world)


def written(file: Path) -> dict[str, str]:
    """What is in the files that have their names."""
    return {each.name: each.read_text() for each in sorted(file.parent.iterdir()) if not each.name.startswith(".")}


def name(first: int, last: int, partition: int = 0) -> str:
    return f"out.lines-{partition}.{first:020}-{last:020}.txt"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.txt"


def test_a_file_appears_when_it_is_whole(out: Path) -> None:
    with sink(out, **{"file.max.bytes": "8"}) as driver:
        driver.pipe_input("lines", b"one")
        assert written(out) == {}
        driver.pipe_input("lines", b"two")
        assert written(out) == {name(0, 1): "one\ntwo\n"}
        assert list(driver.commit().values()) == [2]


def test_a_file_is_closed_when_it_is_old(out: Path) -> None:
    world = SimulatedWorld(seed=1)

    def body() -> None:
        with sink(out, world, **{"file.max.ms": "5000"}) as driver:
            driver.pipe_input("lines", b"one")
            world.sleep(4_999)
            assert driver.commit() == {}
            world.sleep(1)
            assert list(driver.commit().values()) == [1]
            assert written(out) == {name(0, 0): "one\n"}

    world.run(body)


def test_each_partition_has_its_files(out: Path) -> None:
    with sink(out) as driver:
        driver.pipe_input("lines", b"one", partition=0)
        driver.pipe_input("lines", b"two", partition=1)
    assert written(out) == {name(0, 0, 0): "one\n", name(0, 0, 1): "two\n"}


def test_json_is_written_by_the_schema(out: Path) -> None:
    settings = {"format": "json", "value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
    with sink(out, **settings) as driver:
        driver.pipe_input("lines", b'{"a": [1, 2.5]}')
        driver.pipe_input("lines", None)
    assert written(out) == {name(0, 1): '{"a":[1,2.5]}\nnull\n'}


def test_the_next_one_begins_behind_the_last_name(out: Path) -> None:
    with sink(out) as driver:
        driver.pipe_input("lines", b"one")
        driver.pipe_input("lines", b"two")
    with sink(out) as driver:
        driver.pipe_input("lines", b"three")
    assert written(out) == {name(0, 1): "one\ntwo\n", name(2, 2): "three\n"}


def test_what_has_no_name_is_written_anew(out: Path) -> None:
    first = sink(out)
    first.pipe_input("lines", b"lost with its process")
    first.restart()
    first.pipe_input("lines", b"again")
    first.close()
    assert written(out) == {name(0, 0): "again\n"}


def test_a_topic_that_was_made_again_is_not_mixed_with_the_old_one(out: Path) -> None:
    with sink(out) as driver:
        driver.pipe_input("lines", b"one")
    lock = out.with_name(".out.lines-0.lock")
    said = json.loads(lock.read_text())
    lock.write_text(json.dumps({**said, "topic_id": "of another one"}))
    with sink(out) as driver, pytest.raises(ConnectException, match="was deleted and made again"):
        driver.pipe_input("lines", b"two")


HOLD = '''
import signal
from pathlib import Path

from tests.streams.connect.test_files import sink

driver = sink(Path({file!r}))
driver.pipe_input("lines", b"of the one before")
print("ready", flush=True)
signal.pause()
'''


def test_a_predecessor_that_is_frozen_is_waited_for_and_named(out: Path) -> None:
    command = [sys.executable, "-c", HOLD.format(file=str(out))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGSTOP)
        with sink(out) as driver:
            with pytest.raises(RetriableException, match=f"is still written by process {process.pid}"):
                driver.pipe_input("lines", b"one")
            process.kill()
            process.wait()
            driver.pipe_input("lines", b"one")
    finally:
        process.kill()
    assert written(out) == {name(0, 0): "one\n"}


def test_a_disk_that_refuses_is_said_and_nothing_of_it_is_left(out: Path) -> None:
    with sink(out, **{"file.max.bytes": "1"}) as driver:
        driver.pipe_input("lines", b"one")
        out.with_name(".out.lines-0.part").mkdir()
        with pytest.raises(ConnectException, match="cannot be written: Is a directory"):
            driver.pipe_input("lines", b"two")
        out.with_name(".out.lines-0.part").rmdir()
        driver.restart()
        driver.pipe_input("lines", b"two")
    assert written(out) == {name(0, 0): "one\n", name(1, 1): "two\n"}

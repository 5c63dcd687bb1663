"""From an address to the door."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from broker_local.base.error_codes import ErrorCode
from streams.clients.connect import connect, data_directory
from streams.clients.errors_by_number import exception
from streams.clients.local.door import forget
from streams.errors import BY_CODE, BrokerNotFoundException, ConfigException, KafkaException
from streams.record import TopicPartition


def test_the_default_directory_is_searched_upward(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / ".streams").mkdir()
    for given in ("", ".streams"):
        assert data_directory(given, str(below)) == str(tmp_path / ".streams")
    (below / ".streams").mkdir()
    assert data_directory("", str(below)) == str(below / ".streams")


def test_where_there_is_none_it_is_the_working_directorys(tmp_path: Path) -> None:
    found = data_directory("", str(tmp_path))
    assert found in (str(tmp_path / ".streams"), *(str(up / ".streams") for up in tmp_path.parents))
    if not any((up / ".streams").is_dir() for up in tmp_path.parents):
        assert found == str(tmp_path / ".streams")


def test_a_directory_that_is_given_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    below = tmp_path / "below"
    below.mkdir()
    assert data_directory("data", str(below)) == str(below / "data")
    assert data_directory("/x/y", str(below)) == "/x/y"
    assert data_directory("~/y", str(below)) == os.path.expanduser("~/y")


@pytest.mark.parametrize("address", ["localhost:7400", "127.0.0.1:7400", "[::1]:7400"])
def test_the_bundled_engine_over_tcp_asks_for_its_token(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for given in (address, f"{address}?token=", f"{address}?password=x"):
        with pytest.raises(ConfigException, match=r"over TCP asks for its token\. Give the file that has it"):
            connect(f"local://{given}")
    assert connect(f"local://{address}?token=t").address == f"tcp://{address.replace('[::1]', '::1')}"
    assert list(tmp_path.iterdir()) == []
    assert connect("local://./a:1").address == f"local://{tmp_path}/./a:1"


def test_doors_know_their_address(tmp_path: Path) -> None:
    assert connect(f"local://{tmp_path}/d").address == f"local://{tmp_path}/d"
    assert connect(" memory://n ").address == "memory://n"
    assert not (tmp_path / "d").exists()  # nothing is started before it is used


@pytest.mark.parametrize("address", ["localhost:9092", "a:1,b:2", "PLAINTEXT://[::1]:9092"])
def test_a_door_to_apache_kafka_knows_its_address_and_asks_nobody(address: str) -> None:
    with closing(connect(address)) as door:
        assert door.address == address


@pytest.mark.parametrize("address", ["", "memory://", "memory://a/b", "localhost", "http://x", "local:/x"])
def test_what_is_no_address_is_refused_with_the_forms(address: str) -> None:
    with pytest.raises(ConfigException, match=r"Invalid value .* for configuration bootstrap.servers"):
        connect(address)


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerNotFoundException, match=r"file is a file; give a directory"):
        connect(f"local://{tmp_path / 'file'}").admin().list_topics()


def test_engines_in_memory_are_told_apart_by_name_and_can_be_forgotten() -> None:
    connect("memory://one").admin().create_topic("t", 1, {})
    assert connect("memory://one").admin().list_topics() == ("t",)
    assert connect("memory://two").admin().list_topics() == ()
    forget("one")
    forget("two")
    assert connect("memory://one").admin().list_topics() == ()
    forget("one")
    forget("never-made")


def test_every_number_of_the_broker_has_its_exception() -> None:
    assert set(ErrorCode) - {ErrorCode.NONE} <= set(BY_CODE)
    for code, kind in BY_CODE.items():
        error = exception(code, "why", TopicPartition("t", 1))
        assert type(error) is kind
        assert str(error).startswith("t-1: why")
    assert type(exception(12_345, "why")) is KafkaException
    assert "12345" in str(exception(12_345, "why"))
    assert str(exception(ErrorCode.INVALID_TXN_STATE, "")) == "The transaction is in no state for that."

"""Files of the state directory that are gone, empty, cut or garbage: rebuilt, or refused by their name."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams import KafkaStreams, StreamsBuilder
from streams.errors import LockException
from streams.testing import forget
from tests.streams.apps import COUNT, TEXT, lag, produce, running, table, topics, wait_for

FILES = ("directory-id", "worker.json", "lock", "MANIFEST*", "CURRENT", "IDENTITY", "*.sst", "rocksdict-config.json")


def garbage(path: Path) -> None:
    path.write_bytes(b"\x96\xff" * 40)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.fixture
def servers() -> Iterator[str]:
    name = f"damaged-{uuid.uuid4().hex}"
    yield f"memory://{name}"
    forget(name)


def counts() -> StreamsBuilder:
    """Counts lines that have an entry in a global table, so that both kinds of databases are there."""
    builder = StreamsBuilder()
    names = builder.global_table("names", key_serde=TEXT, value_serde=TEXT, store="names")
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT).join(names, lambda k, v: k, lambda v, name: v)
    counted = stream.group_by_key(key_serde=TEXT, value_serde=TEXT).count(store="counts")
    counted.to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    return builder


def catch_up(servers: str, state: Path) -> None:
    with running(counts(), servers, state_dir=str(state)):
        wait_for(lambda: lag(servers, "app") == 0)


@pytest.mark.parametrize("damage", [Path.unlink, garbage, empty, cut], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_rebuilt(servers: str, tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    topics(servers, **{"in": 1}, names=1, out=1)
    produce(servers, "names", [(key, "x") for key in "abc"])
    for _ in range(2):  # the second start has the first one's database
        produce(servers, "in", [(key, "x") for key in "abc" * 10])
        catch_up(servers, tmp_path)
    hit = [path for path in tmp_path.rglob(name) if path.is_file()]
    assert hit
    for path in hit:
        damage(path)
    produce(servers, "in", [(key, "x") for key in "abc"])
    catch_up(servers, tmp_path)
    assert table(servers, "out") == dict.fromkeys("abc", 21)


@pytest.mark.parametrize("name", ["directory-id", "lock", "worker.json"])
def test_what_cannot_be_replaced_is_named(servers: str, tmp_path: Path, name: str) -> None:
    topics(servers, **{"in": 1}, names=1, out=1)
    catch_up(servers, tmp_path)
    (path,) = tmp_path.rglob(name)
    path.unlink()
    path.mkdir()
    app = KafkaStreams(counts(), application_id="app", bootstrap_servers=servers, state_dir=str(tmp_path))
    with pytest.raises(LockException, match=f"{path}: Is a directory"), app:
        app.wait(60_000)

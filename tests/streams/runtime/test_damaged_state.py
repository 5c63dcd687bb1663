"""Files of the state directory that are gone, empty, cut or garbage: rebuilt, or refused by their name."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from streams import (
    KafkaStreams,
    LogAndContinueProcessingExceptionHandler,
    Materialized,
    SessionWindows,
    StreamsBuilder,
)
from streams.errors import LockException, ProcessorStateException
from streams.testing import forget
from tests.streams.apps import COUNT, TEXT, lag, produce, running, table, topics, wait_for
from tests.streams.runtime.planted_damage import Damage

KEYS = [f"key{number}" for number in range(40)]
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


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("tenth", range(10))
def test_a_flipped_bit_in_a_table_of_the_database_is_rebuilt(servers: str, tmp_path: Path, tenth: int) -> None:
    """Opening sees nothing of most of them: it shows when a block is read."""
    topics(servers, **{"in": 1}, names=1, out=1)
    produce(servers, "names", [(key, "x") for key in KEYS])
    for _ in range(2):
        produce(servers, "in", [(key, "x") for key in KEYS])
        catch_up(servers, tmp_path)
    tables = list(tmp_path.rglob("*.sst"))
    assert tables
    for path in tables:
        flip(path, path.stat().st_size * tenth // 10)
    for times in (3, 4):
        produce(servers, "in", [(key, "x") for key in KEYS])
        catch_up(servers, tmp_path)
        assert table(servers, "out") == dict.fromkeys(KEYS, times)


def sessions() -> StreamsBuilder:
    """Sessions are found by scans; keys that come once a second belong to one."""
    builder = StreamsBuilder()
    names = builder.global_table("names", key_serde=TEXT, value_serde=TEXT, store="names")
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT).join(names, lambda k, v: k, lambda v, name: v)
    windows = SessionWindows.of_inactivity_gap_with_no_grace(timedelta(hours=1))
    counted = stream.group_by_key(key_serde=TEXT, value_serde=TEXT).windowed_by(windows).count(store="counts")
    counted.to_stream(lambda windowed, _: windowed.key).filter(lambda _, count: count is not None).to(
        "out", key_serde=TEXT, value_serde=COUNT
    )
    return builder


@pytest.mark.parametrize("cache", [0, 10_000_000])
@pytest.mark.parametrize("build", [counts, sessions], ids=lambda each: each.__name__)
@pytest.mark.parametrize("calls", [0, 2])
@pytest.mark.parametrize(
    ("operation", "where"),
    [("get", "/1_0/"), ("write", "/1_0/"), ("scan", "/1_0/"), ("get", "/global/"), ("write", "/global/")],
)
def test_damage_is_rebuilt_wherever_it_shows(
    servers: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    where: str,
    calls: int,
    build: Callable[[], StreamsBuilder],
    cache: int,
) -> None:
    """No record is dropped for it, though the handler would go on, and the application never leaves off."""
    topics(servers, **{"in": 1}, names=1, out=1)
    produce(servers, "names", [(key, "x") for key in KEYS])
    settings: dict[str, object] = {
        "state_dir": str(tmp_path),
        "commit_interval_ms": 20,
        "statestore_cache_max_bytes": cache,
        "processing_exception_handler": LogAndContinueProcessingExceptionHandler,
    }
    for _ in range(2):
        produce(servers, "in", [(key, "x") for key in KEYS])
        with running(build(), servers, **settings):
            wait_for(lambda: lag(servers, "app") == 0)
    damage = Damage(operation, calls, where)
    damage.plant(monkeypatch)
    for times in (3, 4, 5):
        with running(build(), servers, **settings) as app:
            produce(servers, "names", [(key, "y") for key in KEYS])
            produce(servers, "in", [(key, "x") for key in KEYS])
            wait_for(lambda: lag(servers, "app") == 0)
            assert app.failure is None
        assert table(servers, "out") == dict.fromkeys(KEYS, times)
    assert damage.met


def test_a_store_without_a_changelog_that_is_damaged_is_named_with_its_file(servers: str, tmp_path: Path) -> None:
    topics(servers, **{"in": 1}, out=1)
    builder = StreamsBuilder()
    stream = builder.stream("in", key_serde=TEXT, value_serde=TEXT)
    stream.group_by_key().count(Materialized(store="counts").with_logging_disabled()).to_stream().to(
        "out", key_serde=TEXT, value_serde=COUNT
    )
    for _ in range(2):
        produce(servers, "in", [(key, "x") for key in KEYS])
        with running(builder, servers, state_dir=str(tmp_path)):
            wait_for(lambda: lag(servers, "app") == 0)
    tables = list(tmp_path.rglob("*.sst"))
    for path in tables:
        flip(path, path.stat().st_size // 4)
    before = sorted(path.name for path in tables)
    for _ in range(2):  # nothing is deleted, so that it is said again
        app = KafkaStreams(builder, application_id="app", bootstrap_servers=servers, state_dir=str(tmp_path))
        told = r"counts of task 0_0 has no changelog .*\.sst .* delete"
        with pytest.raises(ProcessorStateException, match=told), app:
            app.wait(60_000)
        assert before == sorted(path.name for path in tmp_path.rglob("*.sst"))


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

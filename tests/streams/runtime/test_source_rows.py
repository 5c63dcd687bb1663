"""A table on its source topic is restored to what it was: what was skipped when it was processed stays out."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from streams import (
    LogAndContinueExceptionHandler,
    LogAndContinueProcessingExceptionHandler,
    Processor,
    Serdes,
    StreamsBuilder,
    TimeWindows,
)
from streams.clients import Producer, ProducerRecord
from streams.clients.local.door import forget
from streams.dsl.stores import Stores
from streams.errors import ProcessorStateException, StreamsException
from streams.processor import LogAndSkipOnInvalidTimestamp, Record, UsePartitionTimeOnInvalidTimestamp
from streams.serdes.base import Serde
from tests.streams.apps import COUNT, TEXT, committed, ends, produce, records, running, topics, wait_for

numbers = itertools.count()
JSON = Serdes.json()
Sent = tuple[bytes | None, bytes | None, int]


@pytest.fixture
def servers() -> Iterator[str]:
    name = f"source-rows-{next(numbers)}"
    yield f"memory://{name}"
    forget(name)


def send(servers: str, topic: str, *rows: Sent) -> None:
    with Producer({"bootstrap.servers": servers}) as producer:
        for key, value, timestamp in rows:
            producer.send(ProducerRecord(topic, value, key, timestamp=timestamp)).result()


class Shows(Processor[str, str, str, str]):
    """Answers each record with all that the table holds."""

    def init(self, context: Any) -> None:
        self.context = context
        self.table = context.get_state_store("dims")

    def process(self, record: Record[str, str]) -> None:
        with self.table.all() as rows:
            held = [[key, held.value, held.timestamp] for key, held in rows]
        self.context.forward(record.with_value(json.dumps(held)))


def showing(key: Serde[Any] = TEXT, value: Serde[Any] = COUNT, **table: Any) -> StreamsBuilder:
    """A table of `dim`, and what it holds for each record of `ask`."""
    builder = StreamsBuilder()
    builder.table("dim", key_serde=key, value_serde=value, store="dims", **table)
    builder.stream("ask", key_serde=TEXT, value_serde=TEXT).process(Shows, "dims").to(
        "out", key_serde=TEXT, value_serde=TEXT
    )
    return builder


def held(servers: str, home: Path, builder: StreamsBuilder, **settings: Any) -> list[list[object]]:
    """What the table holds once the application has caught up."""
    config: dict[str, Any] = {
        "state_dir": str(home),
        "topology_optimization": "all",
        "commit_interval_ms": 20,
        "deserialization_exception_handler": LogAndContinueExceptionHandler,
        "processing_exception_handler": LogAndContinueProcessingExceptionHandler,
        "errors_dead_letter_queue_topic_name": "dead",
        **settings,
    }
    with running(builder, servers, **config):
        wait_for(lambda: committed(servers, "app", "dim") == ends(servers, "dim"))
        before = ends(servers, "out")
        produce(servers, "ask", [("q", "?")])
        wait_for(lambda: ends(servers, "out") == before + 1)
    rows: list[list[object]] = json.loads(records(servers, "out", TEXT, TEXT)[-1].value)
    return rows


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def event_time(record: Any, partition_time: int) -> int:
    """Odd values have no time; the others ten times their own."""
    return -1 if record.value is not None and record.value % 2 else int(record.timestamp) * 10


MIXED: list[Sent] = [
    (b"a", number(2), 5),
    (b"b", number(3), 7),
    (b"a", b"not a number", 8),
    (b"c", b"not a number", 9),
    (None, number(4), 9),
    (b"d", number(6), 3),
    (b"d", None, 11),
    (b"\xff\xfe", number(8), 12),
    (b"e", number(10), 4),
]
MALFORMED = "\ufffd\ufffd"  # as Java's deserializer reads it
PLAIN: list[list[object]] = [["a", 2, 5], ["b", 3, 7], ["e", 10, 4], [MALFORMED, 8, 12]]
EXTRACTED: list[list[object]] = [["a", 2, 50], ["e", 10, 40], [MALFORMED, 8, 120]]


@pytest.mark.parametrize(
    ("rows", "table", "expected"),
    [
        (MIXED, {}, PLAIN),
        (MIXED, {"timestamp_extractor": event_time}, EXTRACTED),
        (MIXED, {"timestamp_extractor": LogAndSkipOnInvalidTimestamp()}, PLAIN),
        (
            [(b'{"n": 1, "a":2}', b'{"v" : [1, 2.0]}', 1), (b'{"a":2,"n":1}', b"{", 2), (b"[", b"3", 3)],
            {"key": JSON, "value": JSON},
            [[{"a": 2, "n": 1}, {"v": [1, 2.0]}, 1]],
        ),
    ],
    ids=["serdes", "extractor", "skips", "json"],
)
@pytest.mark.parametrize("caching", [True, False])
def test_what_was_skipped_stays_out_at_restore(
    servers: str,
    tmp_path: Path,
    rows: list[Sent],
    table: dict[str, Any],
    expected: list[list[object]],
    caching: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    topics(servers, dim=1, ask=1, out=1, dead=1)
    send(servers, "dim", *rows)
    settings = {} if caching else {"statestore_cache_max_bytes": 0}
    assert held(servers, tmp_path / "first", showing(**table), **settings) == expected
    letters = ends(servers, "dead")
    caplog.clear()
    assert held(servers, tmp_path / "empty", showing(**table), **settings) == expected
    assert ends(servers, "dead") == letters  # not sent again
    (told,) = [r.getMessage() for r in caplog.records if "was restored from dim-0 without" in r.getMessage()]
    assert "Store dims" in told and "The first is at offset" in told
    assert held(servers, tmp_path / "first", showing(**table), **settings) == expected  # and goes on where it was


def test_a_handler_that_fails_is_not_asked_at_restore(servers: str, tmp_path: Path) -> None:
    """What lies before the committed position was let go then, whatever the settings say now."""
    topics(servers, dim=1, ask=1, out=1, dead=1)
    send(servers, "dim", *MIXED)
    assert held(servers, tmp_path / "first", showing()) == PLAIN
    strict = {"deserialization_exception_handler": "LogAndFailExceptionHandler"}
    assert held(servers, tmp_path / "empty", showing(), **strict) == PLAIN


def test_what_is_behind_the_committed_position_is_processed_not_restored(servers: str, tmp_path: Path) -> None:
    topics(servers, dim=1, ask=1, out=1, dead=1)
    send(servers, "dim", *MIXED)
    assert held(servers, tmp_path / "first", showing()) == PLAIN
    letters = ends(servers, "dead")
    send(servers, "dim", (b"b", b"not a number either", 20), (b"f", number(12), 21))
    expected = [*PLAIN[:3], ["f", 12, 21], *PLAIN[3:]]
    assert held(servers, tmp_path / "empty", showing()) == expected
    assert ends(servers, "dead") == letters + 1


def test_a_timestamp_taken_from_the_partition_is_the_same_at_restore(servers: str, tmp_path: Path) -> None:
    def wish(record: Any, partition_time: int) -> int:
        time = -1 if record.value == 2 else 50
        return UsePartitionTimeOnInvalidTimestamp()(record._replace(timestamp=time), partition_time)

    topics(servers, dim=1, ask=1, out=1, dead=1)
    send(servers, "dim", (b"a", number(1), 1), (b"b", number(2), 2))
    expected: list[list[object]] = [["a", 1, 50], ["b", 2, 50]]
    for home in ("first", "empty"):
        assert held(servers, tmp_path / home, showing(timestamp_extractor=wish)) == expected


def test_a_versioned_table_keeps_its_history_without_what_was_skipped(servers: str, tmp_path: Path) -> None:
    class AsOf(Processor[str, str, str, str]):
        def init(self, context: Any) -> None:
            self.context = context
            self.table = context.get_state_store("dims")

        def process(self, record: Record[str, str]) -> None:
            found = [self.table.get("a", time) for time in (4, 6, 9, 30)]
            rows = [None if each is None else [each.value, each.timestamp] for each in found]
            self.context.forward(record.with_value(json.dumps(rows)))

    def builder() -> StreamsBuilder:
        made = StreamsBuilder()
        versioned = Stores.persistent_versioned_key_value_store("dims", timedelta(minutes=1))
        made.table("dim", key_serde=TEXT, value_serde=COUNT, supplier=versioned)
        made.stream("ask", key_serde=TEXT, value_serde=TEXT).process(AsOf, "dims").to(
            "out", key_serde=TEXT, value_serde=TEXT
        )
        return made

    topics(servers, dim=1, ask=1, out=1, dead=1)
    rows: list[Sent] = [(b"a", number(9), 9), (b"a", b"bad", 8), (b"a", number(5), 5), (b"a", b"bad", 20)]
    send(servers, "dim", *rows)
    expected = [None, [5, 5], [9, 9], [9, 9]]
    assert held(servers, tmp_path / "first", builder()) == expected
    assert held(servers, tmp_path / "empty", builder()) == expected


def counting(windowed: bool) -> StreamsBuilder:
    builder = StreamsBuilder()
    grouped = builder.stream("in", key_serde=TEXT, value_serde=TEXT).group_by_key(key_serde=TEXT, value_serde=TEXT)
    if windowed:
        grouped.windowed_by(TimeWindows.of_size_with_no_grace(timedelta(seconds=10))).count(store="s")
    else:
        grouped.count(store="s")
    return builder


@pytest.mark.parametrize(
    ("windowed", "words"),
    [
        (True, "Store s of task 0_0 cannot be restored from app-s-changelog-0: what lies at offset 1 is no row"),
        (False, "Store s holds a value that Serdes.long() cannot read"),
    ],
)
def test_rubbish_in_a_changelog_is_named(servers: str, tmp_path: Path, windowed: bool, words: str) -> None:
    topics(servers, **{"in": 1})
    produce(servers, "in", [("a", "x")], timestamp=1_000)
    with running(counting(windowed), servers, state_dir=str(tmp_path), commit_interval_ms=20):
        wait_for(lambda: committed(servers, "app", "in") == 1)
    send(servers, "app-s-changelog", (b"a", b"rubbish", 1_000))
    produce(servers, "in", [("a", "x")], timestamp=1_000)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    from streams import KafkaStreams

    app = KafkaStreams(counting(windowed), application_id="app", bootstrap_servers=servers, state_dir=str(tmp_path))
    app.start()
    with pytest.raises(StreamsException) as caught:
        app.wait(60_000)
    app.close()
    error = caught.value if windowed else caught.value.__cause__
    assert isinstance(error, ProcessorStateException) and words in str(error)

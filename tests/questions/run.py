"""A data set put into topics, its application run on an engine until all is worked off, and what came of it."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from streams import KafkaStreams, ReadOnlyKeyValueStore, StreamsBuilder
from streams.clients import Admin, Producer, ProducerRecord
from streams.clients.connect import connect
from streams.errors import GroupIdNotFoundException
from tests.engines import until, worked_off
from tests.questions.datasets import Dataset, Found, Record, Row, json_
from tests.streams.apps import records

PATIENCE_S = float(os.environ.get("QUESTIONS_PATIENCE_S", "1800"))
FOREVER_MS = 3_000_000_000_000
"""Retention that no record is too old for."""
_numbers = itertools.count()


def expected(directory: Path, name: str) -> list[Row]:
    """The answer as the data have it."""
    plain = directory / "expected" / f"{name}.json"
    if plain.exists():
        content = plain.read_bytes()
    else:
        content = gzip.decompress(plain.with_name(f"{name}.json.gz").read_bytes())
    rows: list[Row] = json.loads(content)["rows"]
    return rows


def differences(wanted: list[Row], got: list[Row]) -> list[str]:
    """Where two answers differ, the first few; floating-point sums may by a billionth."""
    ours, theirs = sorted(got, key=_order), sorted(wanted, key=_order)
    if len(ours) != len(theirs):
        here, there = {repr(row) for row in ours}, {repr(row) for row in theirs}
        odd = [f"missing: {row}" for row in sorted(there - here)[:3]] + [
            f"extra: {row}" for row in sorted(here - there)[:3]
        ]
        return [f"{len(ours)} rows and not {len(theirs)}", *odd]
    pairs = zip(theirs, ours, strict=True)
    return [f"{one} came as {other}" for one, other in pairs if not _same(one, other)][:5]


def _order(row: Row) -> list[str]:
    """Sums come last and do not matter before keys do."""
    return [f"{type(each).__name__} {each}" for each in row]


def _same(one: Row, other: Row) -> bool:
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=1e-9) if isinstance(a, float) else type(a) is type(b) and a == b
        for a, b in zip(one, other, strict=True)
    )


def answers(
    dataset: Dataset, directory: Path, servers: str, home: Path, guarantee: str, without: int = -1
) -> Iterator[tuple[str, list[Row]]]:
    """Runs the application, and gives each answer with its rows.

    Args:
        servers: `bootstrap.servers` of the engine.
        home: for the state.
        without: the record of the first topic that is left out, so that the answers are wrong.
    """
    application = f"questions-{next(_numbers)}-{uuid.uuid4().hex[:8]}"
    named = f"{application}.{{}}".format
    with Admin(bootstrap_servers=servers) as admin:
        for topic in (*dataset.inputs, *dataset.topics):
            admin.create_topic(named(topic), 1, {"retention.ms": "-1"})
        try:
            for place, (topic, read) in enumerate(dataset.inputs.items()):
                given = (each for at, each in enumerate(read(directory)) if place or at != without)
                _write(servers, named(topic), given)
            yield from _run(dataset, application, named, servers, home, guarantee)
        finally:
            for topic in admin.list_topics():
                if topic.startswith(application):
                    admin.delete_topic(topic)
            if application in {group.group for group in admin.list_groups()}:
                admin.delete_group(application)


def _run(
    dataset: Dataset, application: str, named: Callable[[str], str], servers: str, home: Path, guarantee: str
) -> Iterator[tuple[str, list[Row]]]:
    def written(topic: str) -> list[Any]:
        return records(servers, named(topic), json_, json_, "read_committed")

    def every(topic: str) -> list[Row]:
        return [_row(record.key, record.value) for record in written(topic) if record.value is not None]

    def last(topic: str) -> list[Row]:
        by_key = {json.dumps(record.key): record for record in written(topic)}
        return [_row(record.key, record.value) for record in by_key.values() if record.value is not None]

    builder = StreamsBuilder()
    dataset.topology(builder, named)
    settings = {
        "application.id": application, "bootstrap.servers": servers, "state.dir": str(home / application),
        "processing.guarantee": guarantee, "auto.offset.reset": "earliest", "session.timeout.ms": 10_000,
        "windowstore.changelog.additional.retention.ms": FOREVER_MS,
    }  # fmt: skip
    with (
        KafkaStreams(builder.build(), settings) as app,
        closing(connect(servers)) as door,
        closing(door.admin()) as admin,
    ):
        assert app.wait_until_running(60_000)

        def done() -> bool:
            assert app.failure is None, app.failure
            forwarding = [topic for topic in admin.list_topics() if topic.startswith(f"{application}-")]
            sources = [*map(named, dataset.inputs), *(each for each in forwarding if not each.endswith("-changelog"))]
            try:
                return worked_off(admin, application, {topic: 1 for topic in sources if topic != named("airports")})
            except GroupIdNotFoundException:
                return False

        until(done, PATIENCE_S)

        def kept() -> list[str]:
            with app.store("names", ReadOnlyKeyValueStore[str, int]).all() as rows:
                return [name for name, _ in rows]

        found = Found(every, last, kept)
        for name, rows in dataset.answers.items():
            yield name, rows(found)


def _row(key: object, value: object) -> Row:
    return [each for side in (key, value) for each in (side if isinstance(side, list) else [side])]


def _write(servers: str, topic: str, given: Iterable[Record]) -> None:
    with Producer(bootstrap_servers=servers, linger_ms=20, batch_size=262_144) as producer:
        sent = None
        for record in given:
            key = None if record.key is None else json.dumps(record.key).encode()
            value = json.dumps(record.value, ensure_ascii=False).encode()
            sent = producer.send(ProducerRecord(topic, value, key, timestamp=record.timestamp))
        producer.flush()
        assert sent is not None
        sent.result(60)

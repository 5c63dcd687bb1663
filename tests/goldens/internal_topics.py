"""`python -m tests.goldens internal_topics [FILE]`: whole applications, and what they leave in the log.

Each application runs as it is over an engine in memory; its input is sent record by record, each when everything
before it is processed and committed. Then its internal topics (names, partitions, settings), the records of all
topics (bytes, timestamps, headers, partitions) and its committed offsets with their metadata must be Java's.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streams
from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.clients.local.door import forget
from streams.errors import NotYetBuiltException
from streams.record import TopicPartition
from tests.goldens.java.interpret import run as run_java
from tests.goldens.java.parse import parse
from tests.goldens.java.world import PythonWorld
from tests.logs import quiet

SHIPPED = Path(__file__).parent / "data" / "internal_topics.json"
PATIENCE_S = 20.0
NOT_BUILT = ("streams]", "headers-format")
"""In the names of rows: what does not exist yet, and must be refused by name."""

Row = dict[str, Any]


def load(file: str | Path | None) -> list[Row]:
    found: list[Row] = json.loads(Path(file or SHIPPED).read_text("utf-8"))
    return found


def settings_of(case: Row, servers: str, state: str) -> Row:
    return {
        "application.id": case["application_id"],
        "bootstrap.servers": servers,
        "state.dir": state,
        "default.key.serde": "string",
        "default.value.serde": "string",
        "commit.interval.ms": 5,
        "statestore.cache.max.bytes": 0,
        **case["config"],
    }


@contextmanager
def application(case: Row, servers: str) -> Iterator[streams.KafkaStreams]:
    """The application of a row, running."""
    state = tempfile.mkdtemp()
    settings = settings_of(case, servers, state)
    builder = streams.StreamsBuilder(settings)
    names: Row = {"builder": builder, "topology": streams.Topology(), "props": settings}
    run_java(parse("\n".join(case["java"])), PythonWorld(), names)
    app = streams.KafkaStreams(builder.build(settings), settings)
    try:
        app.start()
        assert app.wait_until_running(int(PATIENCE_S * 1000))
        yield app
    finally:
        app.close()
        shutil.rmtree(state, ignore_errors=True)


def leavings(case: Row) -> Row:
    """What the application of a row leaves in the log, in the form of the recording."""
    servers = f"memory://internal-{case['application_id']}-{id(case)}"
    try:
        with Admin({"bootstrap.servers": servers}) as admin:
            for name, partitions in case["topics"].items():
                admin.create_topic(name, partitions)
            with application(case, servers) as app:
                feed(case, servers, admin, app)
            return {
                "internal_topics": internal_topics(case, admin),
                "committed": committed(case, servers),
                "records": {name: records(name, servers) for name in sorted(admin.list_topics())},
            }
    finally:
        forget(servers.removeprefix("memory://"))


def feed(case: Row, servers: str, admin: Admin, app: streams.KafkaStreams) -> None:
    text = streams.Serdes.string()
    with Producer({"bootstrap.servers": servers, "key.serializer": text, "value.serializer": text}) as producer:
        for row in case["input"]:
            # Without a key the recording went to partition 0.
            partition = 0 if row["key"] is None else None
            record = ProducerRecord(row["topic"], row["value"], row["key"], partition, row["timestamp"])
            producer.send(record).result(PATIENCE_S)
            settle(case, admin, app)


def settle(case: Row, admin: Admin, app: streams.KafkaStreams) -> None:
    """Until the group has committed all there is to be read."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        rows = admin.describe_group(case["application_id"]).partitions
        if all((row.committed or 0) >= row.end for row in rows):
            return
        assert not app.wait(2), "the application has ended"
        assert time.monotonic() < deadline, f"not processed: {rows}"


def internal_topics(case: Row, admin: Admin) -> list[Row]:
    prefix = case["application_id"] + "-"
    found = admin.describe_topics(name for name in admin.list_topics() if name.startswith(prefix))
    return [
        {"topic": topic.name, "partitions": topic.partitions, "config": dict(sorted(topic.settings.items()))}
        for topic in sorted(found.values(), key=lambda topic: topic.name)
    ]


def committed(case: Row, servers: str) -> list[Row]:
    with Consumer({"bootstrap.servers": servers, "group.id": case["application_id"]}) as consumer:
        partitions = [TopicPartition(row["topic"], row["partition"]) for row in case["committed"]]
        found = consumer.committed(partitions)
        return [
            {"topic": p.topic, "partition": p.partition, "offset": at.offset, "metadata": at.metadata}
            for p, at in found.items()
            if at is not None
        ]


def records(topic: str, servers: str) -> list[Row]:
    with Consumer({"bootstrap.servers": servers}) as consumer:
        partitions = consumer.partitions_for(topic)
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(partitions)
        found: list[Any] = []
        while any(consumer.position(p) < ends[p] for p in partitions):
            found += consumer.poll(10)
    return [
        {
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": hexed(record.key),
            "value": hexed(record.value),
            "headers": [[name, hexed(value)] for name, value in record.headers],
        }
        for record in sorted(found, key=lambda record: (record.partition, record.offset))
    ]


def hexed(content: bytes | None) -> str | None:
    return None if content is None else content.hex()


def difference(case: Row) -> str | None:
    """The first difference of one application, or None. What is not recorded is not compared: exactly once the offsets
    in topics with transactions, since how many end in them depends on the moment."""
    try:
        found = leavings(case)
    except Exception as error:
        if isinstance(error, NotYetBuiltException) and not_built(case):
            return None
        return f"{type(error).__name__}: {error}"
    if not_built(case):
        return "listed as not built, but runs"
    for part in ("internal_topics", "committed"):
        fields = found[part][0] if found[part] else {}
        wanted = [{name: row[name] for name in fields if name in row} for row in case[part]]
        rows = [
            {name: each[name] for name in fields if name in row}
            for each, row in zip(found[part], case[part], strict=False)
        ]
        if rows != wanted or len(found[part]) != len(wanted):
            missing = [row for row in wanted if row not in rows]
            return f"{part}: not found {missing}, instead {[row for row in rows if row not in wanted]}"
    if sorted(found["records"]) != sorted(case["records"]):
        return f"topics {sorted(found['records'])} instead of {sorted(case['records'])}"
    for topic, rows in case["records"].items():
        different = first_difference(found["records"][topic], rows)
        if different is not None:
            return f"{topic}: {different}"
    return None


def first_difference(found: list[Row], wanted: list[Row]) -> str | None:
    for at, (one, other) in enumerate(zip(found, wanted, strict=False)):
        for name, value in one.items():
            if (name == "timestamp" and other[name] == "wall clock") or name not in other:
                continue
            if value != other[name]:
                return f"record {at}: {name} is {value}, recorded {other[name]}"
    if len(found) != len(wanted):
        return f"{len(found)} records, recorded {len(wanted)}"
    return None


def not_built(case: Row) -> bool:
    return any(what in case["name"] for what in NOT_BUILT)


@quiet()
def run(file: str | None = None) -> int:
    """Prints the first difference of each failing row, and `passed/total` last. 1 on any difference."""
    counts: Counter[str] = Counter()
    cases = load(file)
    for case in cases:
        found = difference(case)
        counts["failed" if found else "refused" if not_built(case) else "passed"] += 1
        if found:
            print(f"FAIL {case['name']}\n  {found}")
    beside = f" (+{counts['refused']} refused by name)" if counts["refused"] else ""
    print(f"{counts['passed']}/{len(cases)}{beside}")
    return 1 if counts["failed"] else 0

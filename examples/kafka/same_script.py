"""The same script on the bundled engine and on Apache Kafka: `word_count.py`, moved by its address alone.

    docker compose -f examples/kafka/compose.yaml up -d
    python examples/kafka/same_script.py localhost:9092

Without an address it runs on the bundled engine only. It makes the topics `words-in` and `word-counts`, sends lines of
a text, runs `streams-app --application-id NAME --bootstrap-servers ADDRESS word_count.py` until all is counted, reads
the counts, and deletes what it has made.

The bundled engine is one node: one copy of each log, and `acks=all` means that it is durable there. Replicas, leaders
and controllers are Kafka's; `--bootstrap-servers` is all that a script needs for them.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from streams import Serdes
from streams.clients import Admin, Consumer, Producer, ProducerRecord

EXAMPLES = Path(__file__).resolve().parents[1]
TOPICS = ("words-in", "word-counts")
PARTITIONS = 4
PATIENCE_S = 120.0
LOOK_S = 0.2


def read_lines(every: int = 20) -> list[str]:
    """Lines of the text; each `every`th."""
    with gzip.open(EXAMPLES / "data" / "text.txt.gz", "rt", encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in lines][::every]


def expected(lines: list[str]) -> dict[str, int]:
    """The answer, by a loop."""
    return dict(Counter(word for line in lines for word in re.findall(r"\w+", line.lower())))


def count(address: str, lines: list[str], directory: Path) -> dict[str, int]:
    """Has the words counted on one engine.

    Args:
        address: `local://DIR` or `host:port,…`.
        lines: the text.
        directory: for the state and the log of the application.
    Returns:
        how often each word has come.
    """
    name = f"word-count-{uuid.uuid4().hex[:8]}"
    with Admin(bootstrap_servers=address) as admin, made(admin, name):
        with Producer(bootstrap_servers=address, linger_ms=20, batch_size=262_144) as producer:
            for line in lines:
                producer.send(ProducerRecord("words-in", line.encode()))
        with running(address, name, directory):
            wanted = sum(expected(lines).values())
            until(lambda: sum(counts(address).values()) == wanted, f"{wanted} words are counted")
        return counts(address)


@contextlib.contextmanager
def made(admin: Admin, application: str) -> Iterator[None]:
    """The topics, which go with what the application has made besides."""
    for topic in TOPICS:
        admin.create_topic(topic, PARTITIONS)
    try:
        yield
    finally:
        for topic in admin.list_topics():
            if topic in TOPICS or topic.startswith(f"{application}-"):
                admin.delete_topic(topic)
        if application in {group.group for group in admin.list_groups()}:
            admin.delete_group(application)


@contextlib.contextmanager
def running(address: str, application: str, directory: Path) -> Iterator[None]:
    """The command, until it is stopped cleanly by SIGTERM."""
    script, log = EXAMPLES / "word_count.py", directory / f"{application}.log"
    command = [sys.executable, "-m", "streams.cli.main", "-a", application, "-b", address, str(script)]
    print(f"  streams-app -a {application} -b {address} word_count.py", flush=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "-c", f"state.dir={directory / 'state'}"], stdout=out, stderr=out,
            env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        )  # fmt: skip
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(PATIENCE_S)
    if code != 0:
        raise RuntimeError(f"{application} ended with {code}:\n{log.read_text('utf-8', 'replace')[-2_000:]}")


def counts(address: str) -> dict[str, int]:
    """The last count of each word."""
    found: dict[str, int] = {}
    with Consumer(
        bootstrap_servers=address, key_deserializer=Serdes.string(), value_deserializer=Serdes.long()
    ) as consumer:
        partitions = consumer.partitions_for("word-counts")
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            found.update({str(record.key): int(str(record.value)) for record in consumer.poll(500)})
    return found


def until(happened: Callable[[], bool], what: str) -> None:
    """Waits."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"It did not come within {PATIENCE_S:.0f} s that {what}.")
        time.sleep(LOOK_S)


@contextlib.contextmanager
def bundled(directory: Path) -> Iterator[str]:
    """The address of a bundled engine; its broker, which starts with the first client, is stopped at the end."""
    try:
        yield f"local://{directory}"
    finally:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(json.loads((directory / "endpoint").read_text("utf-8"))["pid"], signal.SIGTERM)


def main(servers: str | None, lines: list[str]) -> int:
    """Runs it on both engines, or on the bundled one; 0 where the answers are right."""
    right = expected(lines)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="same-script-", ignore_cleanup_errors=True) as place:
        directory = Path(place)
        with bundled(directory / "data") as address:
            for each in (address, *([] if servers is None else [servers])):
                found = count(each, lines, directory)
                wrong += found != right
                same = "equal to" if found == right else "NOT equal to"
                print(f"{each}: {len(found):,} words, {same} the expected answer", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None, read_lines()))

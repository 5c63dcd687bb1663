"""The word count of the documentation on a real Kafka broker: the same script, the same topics and bytes as in Java."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.app import State
from streams.clients import Producer, ProducerRecord
from streams.clients.api import Isolation
from streams.clients.connect import connect
from streams.record import TopicPartition
from tests.contracts.door.steps import read_to_end
from tests.engines import until

WORDS = [f"word-{number % 20}" for number in range(400)]
FAST = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 300, "commit.interval.ms": 100}
GUARANTEES = ("at_least_once", "exactly_once_v2")
SCRIPT = """
from tests.kafka.test_word_count import word_count
def topology(builder):
    word_count(builder, {number!r})
"""


def word_count(builder: StreamsBuilder, number: int) -> None:
    """Lines of text to the number of each word."""
    text = Serdes.string()
    words = builder.stream(f"text-{number}", key_serde=text, value_serde=text)
    counts = words.group_by(lambda _, word: word, key_serde=text, value_serde=text).count(store="counts")
    counts.to_stream().to(f"counts-{number}", key_serde=text, value_serde=Serdes.long())


def application(servers: str, number: int, state: Path, guarantee: str, **more: object) -> KafkaStreams:
    """An instance that has been started.

    Args:
        more: settings, as keywords.
    """
    builder = StreamsBuilder()
    word_count(builder, number)
    settings = {
        "application.id": f"count-{number}", "bootstrap.servers": servers, "state.dir": str(state),
        "processing.guarantee": guarantee, **FAST,
    }  # fmt: skip
    app = KafkaStreams(builder.build(), settings, **more)
    app.start()
    return app


def write(servers: str, number: int) -> None:
    """Puts all words into the topic once more."""
    with Producer(bootstrap_servers=servers) as producer:
        for word in WORDS:
            producer.send(ProducerRecord(f"text-{number}", word.encode(), word.encode()))


def counted(servers: str, number: int) -> dict[str, int]:
    """The last count of each word, as a reader of committed records sees it."""
    partitions = [TopicPartition(f"counts-{number}", each) for each in range(4)]
    with closing(connect(servers)) as door, closing(door.reader(Isolation.READ_COMMITTED)) as reader:
        reader.seek(dict.fromkeys(partitions, 0))
        batches = [each.batch for each in read_to_end(reader, *partitions) if each.batch is not None]
    rows = [row for batch in batches for row in zip(batch.keys, batch.values, strict=True)]
    return {key.decode(): int.from_bytes(value, "big") for key, value in rows if key is not None and value is not None}


def expected(times: int) -> dict[str, int]:
    """What comes out when all words were put in so often."""
    return {word: many * times for word, many in Counter(WORDS).items()}


def runs(app: KafkaStreams) -> bool:
    """Has it come to rest?"""
    return app.state is State.RUNNING


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_two_instances_share_the_tasks_and_one_goes_on_alone_where_the_other_ended(
    servers: str, number: int, tmp_path: Path, guarantee: str, stack: ExitStack
) -> None:
    write(servers, number)
    one = stack.enter_context(closing(application(servers, number, tmp_path / "one", guarantee)))
    until(lambda: counted(servers, number) == expected(1))
    two = stack.enter_context(closing(application(servers, number, tmp_path / "two", guarantee)))
    until(lambda: (len(one.tasks()), len(two.tasks())) == (4, 4) and runs(one) and runs(two))
    write(servers, number)
    until(lambda: counted(servers, number) == expected(2))
    one.close()
    until(lambda: len(two.tasks()) == 8 and runs(two))
    write(servers, number)
    until(lambda: counted(servers, number) == expected(3))


def test_exactly_once_holds_where_an_instance_is_killed(servers: str, number: int, tmp_path: Path) -> None:
    script = tmp_path / "count.py"
    script.write_text(SCRIPT.format(number=number))
    settings = {"processing.guarantee": "exactly_once_v2", "state.dir": tmp_path / "state", **FAST}
    command = [
        sys.executable, "-c", "from streams.cli.entry import main; main()", "--application-id", f"count-{number}",
        "-b", servers, *(f"--config={name}={value}" for name, value in settings.items()), str(script),
    ]  # fmt: skip
    write(servers, number)
    for round_number in (1, 2, 3):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wanted = expected(round_number)
            until(lambda wanted=wanted: counted(servers, number) == wanted)  # by this one, which is up by then
            write(servers, number)
            process.send_signal(signal.SIGKILL if round_number < 3 else signal.SIGINT)
    with closing(application(servers, number, tmp_path / "state", "exactly_once_v2")):
        until(lambda: counted(servers, number) == expected(4))


def test_internal_topics_and_committed_positions_are_those_of_kafka_streams(
    servers: str, number: int, tmp_path: Path
) -> None:
    write(servers, number)
    with closing(application(servers, number, tmp_path, "at_least_once")):
        until(lambda: counted(servers, number) == expected(1))
    with closing(connect(servers)) as door, closing(door.admin()) as admin:
        made = admin.describe_topics([f"count-{number}-counts-changelog", f"count-{number}-counts-repartition"])
        assert {name: (topic.partitions, dict(topic.settings)) for name, topic in made.items()} == {
            f"count-{number}-counts-changelog": (
                4, {"cleanup.policy": "compact", "message.timestamp.type": "CreateTime"},
            ),
            f"count-{number}-counts-repartition": (
                4,
                {
                    "cleanup.policy": "delete", "message.timestamp.type": "CreateTime", "retention.ms": "-1",
                    "segment.bytes": "52428800",
                },
            ),
        }  # fmt: skip
        described = admin.describe_group(f"count-{number}")
        assert described.state == "Empty"
        read = {partition.topic for partition in described.offsets}
        assert read == {f"text-{number}", f"count-{number}-counts-repartition"}
        for position in described.offsets.values():
            text = base64.b64decode(position.metadata, validate=True)
            assert text[0] == 2 and len(text) >= 9  # version, and the time of the stream: `TopicPartitionMetadata`

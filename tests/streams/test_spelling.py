"""Names as people guess them: by the import that comes to mind, or in Java's spelling."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import streams
import streams.clients
import streams.errors
import streams.testing
from streams.cli.load import own_lines
from streams.spelling import meant
from tests.streams.cli.conftest import Command, command

__all__ = ["command"]


CLIENTS = ("Admin", "Consumer", "ConsumerRecord", "OffsetAndMetadata", "Producer", "ProducerRecord")


@pytest.mark.parametrize("name", CLIENTS)
def test_clients_are_found_at_the_root(name: str) -> None:
    assert getattr(streams, name) is getattr(streams.clients, name)


@pytest.mark.parametrize("name", ["TestInputTopic", "TestOutputTopic", "TestRecord", "TopologyTestDriver"])
def test_what_tests_need_is_found_at_the_root(name: str) -> None:
    assert getattr(streams, name) is getattr(streams.testing, name)


def test_every_exception_is_found_at_the_root() -> None:
    names = [name for name in vars(streams.errors) if name.endswith("Exception")]
    assert "TopologyException" in names and "WakeupException" in names
    for name in names:
        assert getattr(streams, name) is getattr(streams.errors, name)


def test_rooms_are_there_without_an_import_of_their_own() -> None:
    program = "import streams as s; s.testing.TopologyTestDriver; s.errors.KafkaException; s.clients.Producer"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("name", "right"),
    [("Produser", "Producer"), ("KafkaStream", "KafkaStreams"), ("TopologyExeption", "TopologyException"),
     ("streamsBuilder", "StreamsBuilder")],
)  # fmt: skip
def test_a_slip_is_answered_with_the_right_name(name: str, right: str) -> None:
    with pytest.raises(AttributeError, match=f"Did you mean {right}"):
        getattr(streams, name)
    assert not hasattr(streams, "nothing_of_the_kind")


def test_importing_costs_next_to_nothing() -> None:
    program = "import time; at = time.process_time(); import streams; print(time.process_time() - at)"
    seconds = min(float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(3))
    assert seconds < 0.1


@pytest.mark.parametrize(
    ("thing", "java", "here"),
    [
        ("builder", "addStateStore", "add_state_store"),
        ("builder", "globalTable", "global_table"),
        ("stream", "mapValues", "map_values"),
        ("stream", "flatMapValues", "flat_map_values"),
        ("stream", "groupByKey", "group_by_key"),
        ("stream", "toTable", "to_table"),
        ("stream", "map_value", "map_values"),
        ("table", "toStream", "to_stream"),
        ("table", "leftJoin", "left_join"),
        ("grouped", "windowedBy", "windowed_by"),
        ("windowed", "emitStrategy", "emit_strategy"),
        ("topology", "addSource", "add_source"),
        ("driver", "createInputTopic", "create_input_topic"),
        ("input", "pipeInput", "pipe_input"),
        ("output", "readKeyValuesToList", "read_key_values_to_list"),
        ("output", "getQueueSize", "queue_size"),
        ("store", "putIfAbsent", "put_if_absent"),
    ],
)
def test_javas_spelling_is_answered_with_ours(thing: str, java: str, here: str) -> None:
    builder = streams.StreamsBuilder()
    text = streams.Serdes.string()
    stream = builder.stream("in", key_serde=text, value_serde=text)
    table = builder.table("other", key_serde=text, value_serde=text, store="s")
    grouped = stream.group_by_key()
    windowed = grouped.windowed_by(streams.TimeWindows.of_size_with_no_grace(1))
    stream.to("out")
    topology = builder.build()
    with streams.testing.TopologyTestDriver(topology) as driver:
        things = {
            "builder": builder, "stream": stream, "table": table, "grouped": grouped, "windowed": windowed,
            "topology": topology, "driver": driver, "input": driver.create_input_topic("in", text, text),
            "output": driver.create_output_topic("out", text, text), "store": driver.get_key_value_store("s"),
        }  # fmt: skip
        with pytest.raises(AttributeError, match=f"no attribute '{java}'. Did you mean {here}\\?"):
            getattr(things[thing], java)
        assert not hasattr(things[thing], "nothing_of_the_kind")


def test_what_stands_on_classes_is_answered_by_the_command(command: Command, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from streams import TimeWindows\n\ntopology = TimeWindows.ofSizeWithNoGrace(5)\n", "utf-8")
    result = command("topology", "describe", str(script))
    assert "Did you mean of_size_with_no_grace?" in result.output, result.output


def test_what_is_not_ours_is_left_to_python() -> None:
    try:
        "".isAlpha()  # type: ignore[attr-defined]
    except AttributeError as error:
        assert "Did you mean" not in own_lines(error)


def test_a_word_that_python_reserves_has_an_underscore() -> None:
    assert meant("as", ["as_", "with_"]) == " Did you mean as_?"
    assert meant("qqqqqq", ["as_"]) == ""


RIGHT = """
from streams import Consumer, KafkaException, Producer, ProducerRecord, StreamsBuilder
from streams import TopologyException, TopologyTestDriver
from streams.clients import OffsetAndMetadata, TopicPartition, WakeupException


def names(builder: StreamsBuilder) -> None:
    builder.stream("in").to("out")


def first(consumer: Consumer) -> object:
    for record in consumer:
        consumer.commit_async(lambda offsets, error: None)
        consumer.commit_async({TopicPartition("t", 0): OffsetAndMetadata(1)}, lambda offsets, error: None)
        return record.value
    return None
"""
WRONG = """
from streams import Produser
from streams import KStreams
from streams.clients import Consummer
import streams

streams.TopologyExeption
streams.StreamsBuilder().globalTable("t")
streams.StreamsBuilder().stream("t").mapValues(str)
streams.Consumer().commit_async("offsets")
"""


def test_a_checker_knows_the_names_there_are_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT, "utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--show-error-codes", "--cache-dir",
               str(tmp_path / "cache"), "right.py", "wrong.py"]  # fmt: skip
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "MYPYPATH": root}, capture_output=True, text=True
    )
    wrong = {int(line.split(":")[1]) for line in done.stdout.splitlines() if line.startswith("wrong.py:")}
    assert not [line for line in done.stdout.splitlines() if line.startswith("right.py:")], done.stdout
    assert wrong == {number for number, line in enumerate(WRONG.splitlines(), 1) if line and line != "import streams"}

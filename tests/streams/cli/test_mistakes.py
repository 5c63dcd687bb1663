"""One mistake at each step: the answer has the exception's name, what is wrong, where, and what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.streams.cli.conftest import Command

HEAD = "from streams import Serdes\ntext, number = Serdes.string(), Serdes.long()\ndef topology(builder):\n"
READS = "    words = builder.stream('words', key_serde=text, value_serde=text)\n"
GOOD = f"{HEAD}{READS}    words.map_values(len).to('lengths', value_serde=number)\n"

SCRIPTS = {
    "a topic that is not there": (
        GOOD.replace("'words'", "'wrods'"),
        ("MissingSourceTopicException: ", "wrods", "streams-app topics create wrods"),
    ),
    "a serde that does not write the value": (
        f"{HEAD}{READS}    words.map_values(len).to('lengths', value_serde=text)\n",
        (
            "StreamsException: Exception caught in process.",
            "processor=KSTREAM-MAPVALUES-0000000001, topic=words, partition=0, offset=0",
            "The value serde of topic lengths is Serdes.string(), and does not write an int.",
            "to('lengths', value_serde=…)",
        ),
    ),
    "a serde that cannot read the topic": (
        f"{HEAD}    builder.stream('words', key_serde=text, value_serde=number).to('copies')\n",
        (
            "StreamsException: The value at offset 0 of words-0 is not what Serdes.long() reads: b'four'.",
            "Give the source the value_serde that it was written with",
        ),
    ),
    "no serde": (
        f"{HEAD}    builder.stream('words', value_serde=text).to('copies')\n",
        (
            "StreamsException: Failed to initialize key serdes for source node KSTREAM-SOURCE-0000000000 (it reads wo",
            "ConfigException: ",
            "Give it one, key_serde=Serdes.string()",
        ),
    ),
    "a serde that was not called": (
        f"{HEAD}    builder.stream('words', key_serde=Serdes.string)\n",
        ("IllegalArgumentException: key_serde of Consumed", "job.py:4", "write Serdes.string()."),
    ),
    "a function of the wrong arity": (
        f"{HEAD}{READS}    words.filter(lambda word: True)\n",
        ("TopologyException: Invalid topology: filter()", "job.py:5", "Write it as `lambda key, value: …`"),
    ),
    "a method by Java's name": (
        f"{HEAD}{READS}    words.mapValues(len)\n",
        ("AttributeError: ", "job.py:5", "Did you mean map_values?"),
    ),
    "a function that raises": (
        f"{HEAD}{READS}    words.map_values(lambda word: word[9]).to('ninth', value_serde=text)\n",
        (
            "StreamsException: Exception caught in process.",
            "topic=words, partition=0, offset=0",
            "caused by IndexError: string index out of range",
        ),
    ),
    "topics of different numbers of partitions": (
        f"{HEAD}{READS}    table = builder.table('three', key_serde=text, value_serde=text)\n"
        "    words.join(table, lambda left, right: left).to('both', value_serde=text)\n",
        ("TopologyException: Invalid topology: Topics not co-partitioned: [three,words]", "three=3, words=1"),
    ),
}  # fmt: skip
OPTIONS = {
    "a wrong address": (
        ("--bootstrap-servers", "nonsense"),
        ("KafkaException: bootstrap.servers=nonsense is none of local://DIR, memory://NAME, host:port.",),
    ),
    "a setting that is misspelt": (
        ("--config", "commit.intervall.ms=5"),
        ("ConfigException: Unknown configuration commit.intervall.ms. Did you mean commit.interval.ms?",),
    ),
    "a guarantee that is no more": (
        ("--processing-guarantee", "exactly_once_beta"),
        ("ConfigException: Invalid value exactly_once_beta for configuration processing.guarantee: ",),
    ),
}
COMMANDS = {
    ("consume", "wrods", "--exit-at-end"): "UnknownTopicOrPartitionException: There is no topic wrods.",
    ("topics", "describe", "wrods"): "UnknownTopicOrPartitionException: There is no topic wrods.",
    ("topics", "delete", "wrods"): "UnknownTopicOrPartitionException: There is no topic wrods.",
    ("topics", "create", "words"): "TopicExistsException: There is a topic words already.",
    ("topics", "create", "a b"): "InvalidTopicException: ",
    ("groups", "describe", "nobody"): "GroupIdNotFoundException: There is no group nobody. `streams-app groups list`",
    ("transactions", "describe", "x"): "TransactionalIdNotFoundException: There is no transactional id x. `streams-app",
    ("transactions", "abort", "x"): "TransactionalIdNotFoundException: There is no transactional id x. `streams-app",
    ("consume", "words", "-e", "--from-beginning", "--value-serde", "long"): (
        "RecordDeserializationException: The value at offset 0 of words-0 is not what Serdes.long() reads: b'four'."
    ),
}  # fmt: skip


@pytest.fixture
def words(command: Command) -> None:
    command("topics", "create", "words")
    command("topics", "create", "three", "--partitions", "3")
    command("produce", "words", input="four\n")


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize(("text", "says"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_mistake_in_a_script(command: Command, tmp_path: Path, text: str, says: tuple[str, ...]) -> None:
    path = tmp_path / "job.py"
    path.write_text(text, "utf-8")
    result = command("run", str(path), "--application-id", "job")
    assert result.exit_code == 1
    assert [words for words in says if words not in result.output] == [], result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("options", "says"), OPTIONS.values(), ids=OPTIONS)
def test_a_mistake_in_an_option(
    command: Command, tmp_path: Path, options: tuple[str, ...], says: tuple[str, ...]
) -> None:
    path = tmp_path / "job.py"
    path.write_text(GOOD, "utf-8")
    result = command("run", str(path), "--application-id", "job", *options)
    assert result.exit_code == 2
    assert [words for words in says if words not in result.output] == [], result.output
    assert "Traceback" not in result.output


def test_an_address_where_no_broker_of_kafka_listens(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka")
    pytest.importorskip("kafka")
    path = tmp_path / "job.py"
    path.write_text(GOOD, "utf-8")
    for typed in (("run", str(path), "--application-id", "job"), ("topics", "list")):
        result = command(*typed, engine="127.0.0.1:1")
        assert result.exit_code == 1
        assert "streams-app: BrokerNotFoundException: 127.0.0.1:1: no broker could be reached" in result.output
        assert "Traceback" not in result.output


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize(("typed", "says"), COMMANDS.items(), ids=lambda each: " ".join(each[:3]))
def test_a_mistake_in_a_command(command: Command, typed: tuple[str, ...], says: str) -> None:
    result = command(*typed)
    assert result.exit_code in (1, 2)
    assert f"streams-app: {says}" in result.output
    assert "Traceback" not in result.output


def test_a_directory_that_cannot_be_used(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = command("topics", "list", "--bootstrap-servers", f"local://{tmp_path / 'file'}")
    assert result.exit_code == 1
    assert "BrokerNotFoundException: " in result.output and "is a file; give a directory for the data." in result.output
    assert result.output.count("is a file") == 1

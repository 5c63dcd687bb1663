"""The examples of the log's own clients, each over one broker process, with what it says it gives."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from streams.clients import Admin, Producer, ProducerRecord
from streams.partition import partition_for
from tests.engines import local_engine

CLIENTS = Path(__file__).resolve().parents[2] / "examples" / "clients"
Run = Callable[[str], object]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_engine(tmp_path_factory.mktemp("examples") / "data") as address:
        yield address


def module_of(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"examples_clients_{name}", CLIENTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(servers: str) -> Run:
    def main(name: str) -> object:
        result: object = module_of(name).main(servers)
        return result

    return main


def test_topics_and_partitions(run: Run) -> None:
    found = run("topics_and_partitions")
    assert isinstance(found, dict)
    for name in ("alice", "bob", "carol"):
        rows = found[partition_for(name.encode(), 3)]
        assert [value for _, key, value in rows if key == name] == ["10", "20", "30"]
    assert all([offset for offset, _, _ in rows] == list(range(len(rows))) for rows in found.values())
    assert sum(map(len, found.values())) == 9


def test_consumer_groups(run: Run) -> None:
    assert run("consumer_groups") == {
        "one": [3],
        "two": [1, 2],
        "four": [0, 1, 1, 1],
        "another group": [3],
        "after three have left": [3],
    }


def test_lag(run: Run) -> None:
    lags = run("lag")
    assert isinstance(lags, dict)
    assert len(lags) == 12
    assert {group: lag for (group, _, _), lag in lags.items()} == {"fast": 0, "slow": 6}


def test_survives_a_crash(run: Run) -> None:
    entries = ["entry 0", "entry 1", "entry 2"]
    assert run("survives_a_crash") == (entries, entries, ["entry 2"])


def test_batching(run: Run) -> None:
    result = run("batching")
    assert isinstance(result, tuple)
    read, polls = result
    assert read == 20_000
    assert 10 <= polls < 200


def test_stream_or_batch(run: Run) -> None:
    assert run("stream_or_batch") == (["23 C", "24 C", "25 C"], ["35 C"])


def test_produce(run: Run) -> None:
    result = run("produce")
    assert isinstance(result, tuple)
    sent, errors = result
    assert [each.topic for each in sent] == ["greetings"] * 4
    assert sent[1].partition == partition_for(b"alice", 3)
    assert sent[2].partition == 2
    assert sent[3].timestamp == 1_000
    assert errors == ["InvalidTopicException", "RecordTooLargeException"]


def test_acks(run: Run) -> None:
    assert run("acks") == {"0": -1, "1": 1, "all": 2}


def test_idempotence(run: Run) -> None:
    assert run("idempotence") == list(range(2_000))


def test_transactions(run: Run) -> None:
    assert run("transactions") == (
        {"debits": ["alice -10", "bob -5"], "credits": ["bob +10", "carol +5"]},
        "ProducerFencedException",
    )


def test_read_committed(run: Run) -> None:
    assert run("read_committed") == {
        "while it goes on": (["20 C"], ["20 C", "21 C", "22 C"]),
        "committed": (["20 C", "21 C", "22 C"],) * 2,
        "another is aborted": (["20 C", "21 C", "22 C", "23 C"], ["20 C", "21 C", "22 C", "-300 C", "23 C"]),
    }


def test_topic_to_topic(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("topic_to_topic") == [f"invoice for order {number}" for number in range(20)]
    assert "20 orders, 3 crashes, 20 invoices, 20 different" in capsys.readouterr().out


def test_custom_partitioner(run: Run) -> None:
    result = run("custom_partitioner")
    assert isinstance(result, tuple)
    used, refused = result
    assert [used[number] for number in (0, 3, 6)] == [0, 0, 0]
    for number in (1, 2, 4, 5, 7, 8):
        assert used[number] == 1 + partition_for(f"guest-{number}".encode(), 3)
    assert refused == "guests: every record needs a key, this one has none: 'nobody'"


def test_offset_reset(run: Run) -> None:
    assert run("offset_reset") == {
        "earliest": 0,
        "latest": 5,
        "none": "NoOffsetForPartitionException",
        "earliest, 3 committed": 3,
        "latest, 3 committed": 3,
        "none, 3 committed": 3,
    }


def test_timeouts(run: Run) -> None:
    assert run("timeouts") == ["busy: Stable", "closed: Empty", "not polled: Empty", "CommitFailedException"]


def test_concurrency(run: Run) -> None:
    done = run("concurrency")
    assert isinstance(done, list)
    assert {value for _, value in done} == {b"%d" % number for number in range(300)}


def test_commits(run: Run) -> None:
    assert run("commits") == (10, [5, 6, 7, 8, 9, 10], [(10, None)])


def test_rebalance_listener(run: Run) -> None:
    told = run("rebalance_listener")
    assert isinstance(told, list)
    assert told[:3] == ["one gets 4", "one gives up 4", "one gets 2"] or told[:2] == ["one gets 4", "one gives up 4"]
    assert told.index("two gives up 2") < len(told) - 1
    assert told[-1] == "one gives up 4"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_safe_end(servers: str, how: signal.Signals) -> None:
    with Producer(bootstrap_servers=servers) as producer:
        producer.send(ProducerRecord("events", how.name.encode(), partition=0)).result(20)
    root = str(CLIENTS.parents[1])
    process = subprocess.Popen(
        [sys.executable, str(CLIENTS / "safe_end.py"), servers],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if how.name in line:
            break
    process.send_signal(how)
    rest = process.stdout.read()
    assert "committing and leaving" in rest
    assert process.wait(20) == 0
    process.stdout.close()
    with Admin(bootstrap_servers=servers) as admin:
        described = admin.describe_group("safe")
        assert described.state == "Empty"
        assert described.lag == 0


def test_the_list_of_examples_is_complete() -> None:
    listed = (CLIENTS.parent / "README.md").read_text(encoding="utf-8")
    for script in sorted(CLIENTS.glob("*.py")):
        assert f"(clients/{script.name})" in listed
        assert f"def test_{script.stem}(" in Path(__file__).read_text(encoding="utf-8")

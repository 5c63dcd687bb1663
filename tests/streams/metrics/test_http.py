"""`/metrics` and the probes over HTTP, of one process and of a supervisor with workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams import KafkaStreams, StreamsBuilder
from tests.engines import until
from tests.streams.apps import TEXT, produce, topics
from tests.streams.metrics.test_exposition import samples

OUTCOMES = ("live", "ready", "startup")


def asked(endpoint: str, path: str, token: str = "") -> tuple[int, str]:
    request = urllib.request.Request(f"http://{endpoint}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def probes(endpoint: str) -> dict[str, bool]:
    return {what: asked(endpoint, f"/{what}")[0] == 200 for what in OUTCOMES}


@contextmanager
def serving(builder: StreamsBuilder, engine: str, **settings: Any) -> Iterator[KafkaStreams]:
    app = KafkaStreams(builder, application_id="app", bootstrap_servers=engine, http="127.0.0.1:0", **settings)
    with app:
        yield app


def test_a_running_application_is_scraped_and_well(tmp_path: Path) -> None:
    engine = "memory://scraped"
    topics(engine, words=2)
    produce(engine, "words", [("k", "a")])
    builder = StreamsBuilder()
    builder.table("words", key_serde=TEXT, value_serde=TEXT, store="words")
    with serving(builder, engine, state_dir=str(tmp_path)) as app:
        assert app.wait_until_running(20_000)
        until(lambda: app.summary().records == 1)
        status, text = asked(app.endpoint, "/metrics")
        assert status == 200
        found = samples(text)
        processed = {name: value for name, value in found.items() if name[0] == "kafka_stream_thread_process_total"}
        assert list(processed.values()) == [1.0]
        assert probes(app.endpoint) == {"live": True, "ready": True, "startup": True}
        body = json.loads(asked(app.endpoint, "/ready")[1])
        assert body["status"] == "UP" and body["state"] == "RUNNING" and body["workers"][0]["tasks"] == 2


def test_a_worker_whose_user_code_does_not_return_is_not_live(tmp_path: Path) -> None:
    engine = "memory://hangs"
    topics(engine, words=1)
    produce(engine, "words", [("k", "a")])
    stuck, go_on = threading.Event(), threading.Event()

    def slow(key: object, value: object) -> None:
        stuck.set()
        go_on.wait(60)

    builder = StreamsBuilder()
    builder.stream("words", key_serde=TEXT, value_serde=TEXT).foreach(slow)
    with serving(builder, engine, state_dir=str(tmp_path), health_hung_ms=300) as app:
        try:
            assert stuck.wait(20)
            until(lambda: not probes(app.endpoint)["live"])
            reason = json.loads(asked(app.endpoint, "/live")[1])["reasons"][0]
            assert "StreamThread-1 has been processing for" in reason and "does a function" in reason.lower()
        finally:
            go_on.set()
        until(lambda: probes(app.endpoint) == {"live": True, "ready": True, "startup": True})


def test_a_long_restore_is_live_and_not_ready(tmp_path: Path) -> None:
    """A listener that takes its time holds the restore up, as a long one would."""
    engine = "memory://restores"
    topics(engine, words=1)
    produce(engine, "words", [(f"k{at}", "a") for at in range(100)])
    builder = StreamsBuilder()
    builder.stream("words", key_serde=TEXT, value_serde=TEXT).group_by_key().count(store="counts")
    with serving(builder, engine, state_dir=str(tmp_path / "one")) as app:
        until(lambda: app.summary().records == 100 and app.summary().lag == 0)
    begun, go_on = threading.Event(), threading.Event()

    class Slowly:
        def on_restore_start(self, *args: object) -> None: ...
        def on_restore_end(self, *args: object) -> None: ...
        def on_batch_restored(self, *args: object) -> None:
            begun.set()
            go_on.wait(60)

    app = KafkaStreams(
        builder, application_id="app", bootstrap_servers=engine, http="127.0.0.1:0", state_dir=str(tmp_path / "two")
    )
    app.set_global_state_restore_listener(Slowly())
    with app:
        try:
            assert begun.wait(20)
            assert probes(app.endpoint) == {"live": True, "ready": False, "startup": True}
            reason = json.loads(asked(app.endpoint, "/ready")[1])["reasons"][0]
            assert "0 of 1 tasks run" in reason
        finally:
            go_on.set()
        until(lambda: probes(app.endpoint)["ready"])


def test_an_application_that_has_failed_is_not_live(tmp_path: Path) -> None:
    engine = "memory://failed"
    topics(engine, words=1)
    produce(engine, "words", [("k", "a")])
    builder = StreamsBuilder()
    builder.stream("words", key_serde=TEXT, value_serde=TEXT).foreach(lambda k, v: 1 / 0)
    app = KafkaStreams(builder, application_id="app", bootstrap_servers=engine, state_dir=str(tmp_path))
    app.start()
    with pytest.raises(Exception, match="processor=KSTREAM-FOREACH"):
        app.wait(20_000)
    health = app.health()
    assert (health.live.ok, health.ready.ok, health.started.ok) == (False, False, False)
    assert health.answer("live")[0] == 503
    app.close()


def test_probes_need_no_token_and_metrics_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMS_APP_HTTP_TOKEN", "secret")
    engine = "memory://token"
    topics(engine, words=1)
    builder = StreamsBuilder()
    builder.stream("words", key_serde=TEXT, value_serde=TEXT).foreach(lambda k, v: None)
    with serving(builder, engine, state_dir=str(tmp_path)) as app:
        assert app.wait_until_running(20_000)
        assert asked(app.endpoint, "/live")[0] == 200
        assert asked(app.endpoint, "/metrics")[0] == 401
        assert asked(app.endpoint, "/metrics", "secret")[0] == 200


SCRIPT = """
from streams import Serdes, StreamsBuilder
topology = StreamsBuilder()
topology.stream("words", key_serde=Serdes.string(), value_serde=Serdes.string()).map_values(lambda v: v.upper()).to(
    "loud", key_serde=Serdes.string(), value_serde=Serdes.string()
)
"""


def test_a_supervisor_answers_for_all_its_workers(tmp_path: Path) -> None:
    """One scrape has both, with labels of their own; a worker that is stopped makes the instance not live."""
    script, data = tmp_path / "job.py", tmp_path / "data"
    script.write_text(SCRIPT)
    servers = f"local://{data}"
    topics(servers, words=4, loud=4)
    produce(servers, "words", [(f"k{at}", "a") for at in range(40)])
    command = [sys.executable, "-m", "streams.cli.entry", "run", str(script), "-a", "app", "-b", servers, "-w", "2"]
    port = free_port()
    process = subprocess.Popen([*command, "--http", f"127.0.0.1:{port}", "-c", "health.hung.ms=1000"])
    endpoint = f"127.0.0.1:{port}"
    try:
        until(lambda: answers(endpoint) and probes(endpoint) == {"live": True, "ready": True, "startup": True})
        name = "kafka_stream_thread_process_total"
        until(lambda: sum(v for (n, _), v in samples(asked(endpoint, "/metrics")[1]).items() if n == name) == 40)
        found = samples(asked(endpoint, "/metrics")[1])
        threads = {dict(labels)["thread_id"] for (sample, labels), _ in found.items() if sample == name}
        assert threads == {"app-0-StreamThread-1", "app-1-StreamThread-1"}
        until(lambda: tasks_of_workers(endpoint) == [2, 2])  # the second one may just have come
        (frozen, *_) = children(process.pid)
        os.kill(frozen, signal.SIGSTOP)
        until(lambda: not probes(endpoint)["live"])
        os.kill(frozen, signal.SIGCONT)
        until(lambda: probes(endpoint)["live"])
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def tasks_of_workers(endpoint: str) -> list[int]:
    return [worker["tasks"] for worker in json.loads(asked(endpoint, "/ready")[1])["workers"]]


def answers(endpoint: str) -> bool:
    try:
        return asked(endpoint, "/live")[0] in (200, 503)
    except OSError:
        return False


def children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])

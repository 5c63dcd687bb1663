"""The page of an instance of several workers: their supervisor has one of them do it for all who look."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from streams import StreamsBuilder
from streams.console.paths import OPEN, PAGE
from streams.query.serve import listens, relay_of
from tests.crash.trial import Instance
from tests.engines import local_engine
from tests.kafka_broker import free_port
from tests.streams.apps import TEXT, produce, topics, wait_for
from tests.streams.cli.test_workers import workers
from tests.streams.console.test_http import PAGE as FILES
from tests.streams.console.test_http import Looked, looked_no_more, shown, viewer
from tests.streams.console.test_page import SCRIPT
from tests.streams.query.asking import get, serving


def test_a_supervisor_shows_its_workers_and_goes_on_without_one(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(SCRIPT, "utf-8")
    endpoint = f"127.0.0.1:{free_port()}"
    with local_engine(tmp_path / "data") as engine:
        topics(engine, clicks=4, out=4)
        given = ["--config", f"state.dir={tmp_path / 'state'}", "--config", "consumer.session.timeout.ms=2000"]
        arguments = ["--bootstrap-servers", engine, "--http", endpoint, "--workers", "2", *given]
        instance = Instance(tmp_path / "log", script, arguments, {}, None, 2)
        try:
            wait_for(lambda: instance.said.count("is RUNNING") >= 2)
            produce(engine, "clicks", [(f"k{n}", "x") for n in range(1_000)])

            def all_run(document: dict[str, Any]) -> bool:
                states = {task["state"] for task in document["tasks"].values()}
                return states == {"RUNNING"} and len({task["at"] for task in document["tasks"].values()}) == 2

            with viewer(endpoint) as documents:
                found = shown(documents, lambda d: all_run(d) and d["totals"]["processed"] == 1_000)
                assert len(found["instances"]) == 2 and endpoint not in found["instances"]
            os.kill(workers(instance.process)[1], signal.SIGKILL)
            with viewer(endpoint) as documents:
                shown(documents, lambda d: len(d["rebalances"]) > len(found["rebalances"]) and all_run(d))
        finally:
            instance.stop()


def test_nothing_is_read_once_who_looked_through_a_supervisor_has_gone(tmp_path: Path) -> None:
    looks: list[float] = []
    engine = "memory://console-relay"
    topics(engine, clicks=1)
    builder = StreamsBuilder()
    builder.stream("clicks", key_serde=TEXT, value_serde=TEXT).process(lambda: Looked(looks))
    with serving(builder, engine, state_dir=str(tmp_path)) as (_, worker):
        listening = listens("127.0.0.1:0", "")
        supervisor = f"127.0.0.1:{listening.getsockname()[1]}"
        server = relay_of([worker], listening, "", PAGE, OPEN)
        server.start()
        try:
            answers = {path: get(supervisor, path) for path in FILES}
            assert {said.status for said in answers.values()} == {200}
            tag = answers["/console/page.js"].headers["etag"]
            again = get(supervisor, "/console/page.js", {"If-None-Match": tag})
            assert (again.status, again.body) == (304, b"")
            with viewer(supervisor) as one, viewer(supervisor) as two:
                for _ in range(3):
                    next(one), next(two)
            assert 0 < len(looks) <= 5
            looked_no_more(looks, engine)
        finally:
            server.close()

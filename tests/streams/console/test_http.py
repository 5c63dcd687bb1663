"""The page's routes: what they tell, to whom, and that nothing runs while nobody looks."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams import KafkaStreams, Processor, Record, Serdes, StreamsBuilder
from streams.exception_handlers import LogAndContinueExceptionHandler
from streams.http.token import TOKEN
from streams.metrics.names import NODE_GROUP
from tests.engines import PATIENCE_S, until
from tests.streams.apps import TEXT, produce, topics
from tests.streams.console.test_patch import patched
from tests.streams.query.asking import get, serving

PAGE = ("/console", "/console/page.css", "/console/page.js")
DATA = ("/console/topology", "/console/instance", "/console/events")
LARGEST = 200_000


def counted() -> StreamsBuilder:
    builder = StreamsBuilder()
    clicks = builder.stream("clicks", key_serde=TEXT, value_serde=TEXT)
    clicks.group_by_key().count(store="counts").to_stream().to("out")
    return builder


@contextmanager
def viewer(endpoint: str, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The documents that one who looks has, as they come."""
    host, _, port = endpoint.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
    connection.request("GET", "/console/events", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream")

    def documents() -> Iterator[dict[str, Any]]:
        document: dict[str, Any] = {}
        name = ""
        while line := answer.readline().decode().rstrip("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                told = json.loads(line[6:])
                document = told if name == "whole" else patched(document, told)
                yield document
                answer.readline()

    try:
        yield documents()
    finally:
        connection.close()


def shown(documents: Iterator[dict[str, Any]], is_so: Any) -> dict[str, Any]:
    """The first document that is so."""
    return next(each for each in documents if is_so(each))


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    return {"state_dir": str(tmp_path / "one"), "commit_interval_ms": 20}


def other(settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "state_dir": settings["state_dir"] + "-other"}


def test_each_instance_shows_all_of_them_to_the_record(settings: dict[str, Any]) -> None:
    engine = "memory://console-all"
    topics(engine, clicks=4, out=4)
    produce(engine, "clicks", [(f"k{n}", "x") for n in range(1_000)])
    with (
        serving(counted(), engine, **settings) as (_, first),
        serving(counted(), engine, **other(settings)) as (_, second),
    ):
        for endpoint in (first, second):
            with viewer(endpoint) as documents:
                found = shown(documents, lambda d: len(d["instances"]) == 2 and d["totals"]["processed"] == 1_000)
            assert found["seen_by"] == endpoint and set(found["instances"]) == {first, second}
            assert {id: task["state"] for id, task in found["tasks"].items()} == {f"0_{n}": "RUNNING" for n in range(4)}
            assert {task["at"] for task in found["tasks"].values()} == {first, second}
            assert found["totals"]["lag"] == 0 and found["totals"]["dropped"] == {}


def test_an_instance_that_ends_is_gone_and_its_tasks_are_the_others(settings: dict[str, Any]) -> None:
    engine = "memory://console-ends"
    topics(engine, clicks=4, out=4)
    with serving(counted(), engine, **settings) as (_, first), viewer(first) as documents:
        with serving(counted(), engine, **other(settings)) as (_, second):
            shown(documents, lambda d: {task["at"] for task in d["tasks"].values()} == {first, second})
        found = shown(documents, lambda d: {task["at"] for task in d["tasks"].values()} == {first})
        assert all(task["state"] in ("RUNNING", "RESTORING") for task in found["tasks"].values())
        causes = {one["cause"] for one in found["rebalances"].values()}
        assert "member-left" in causes and "member-joined" in causes


def test_what_is_dropped_is_told_by_node_and_cause(settings: dict[str, Any]) -> None:
    engine = "memory://console-drops"
    topics(engine, clicks=1, out=1)
    produce(engine, "clicks", [(None, "x")] * 3 + [("k", "x")])
    with serving(counted(), engine, **settings) as (_, endpoint), viewer(endpoint) as documents:
        found = shown(documents, lambda d: d["totals"]["processed"] == 4)
    assert found["totals"]["dropped"] == {"null-key": 3}
    assert [node["dropped"] for node in found["nodes"].values() if "dropped" in node] == [{"null-key": 3}]


class Looked(Processor):
    """Has a figure that notes each time that it is read."""

    def __init__(self, looks: list[float]) -> None:
        self._looks = looks

    def init(self, context: Any) -> None:
        def read() -> float:
            self._looks.append(0.0)
            return 0.0

        context.metrics.gauge("freshness-seconds", NODE_GROUP, "Notes who reads it", read, processor_node_id="looked")

    def process(self, record: Record) -> None:
        pass


def looked_no_more(looks: list[float], engine: str) -> None:
    """Waits until nothing is read any more, for three seconds of the engine's work: the last look may have begun."""
    seen, since = len(looks), time.monotonic()

    def still() -> bool:
        nonlocal seen, since
        produce(engine, "clicks", [("k", "x")])
        if len(looks) != seen:
            seen, since = len(looks), time.monotonic()
        return time.monotonic() - since > 3

    until(still)


def test_nothing_of_it_is_read_while_nobody_looks(settings: dict[str, Any]) -> None:
    looks: list[float] = []
    engine = "memory://console-idle"
    topics(engine, clicks=1, out=1)
    builder = StreamsBuilder()
    builder.stream("clicks", key_serde=TEXT, value_serde=TEXT).process(lambda: Looked(looks))
    with serving(builder, engine, **settings) as (_, endpoint):
        assert looks == []
        with viewer(endpoint) as one, viewer(endpoint) as two:
            for _ in range(3):
                next(one), next(two)
        assert len(looks) <= 5  # one a second, not one for each who looks
        looked_no_more(looks, engine)


def test_the_page_is_small_and_has_nothing_from_outside(settings: dict[str, Any]) -> None:
    engine = "memory://console-page"
    topics(engine, clicks=1, out=1)
    with serving(counted(), engine, **settings) as (_, endpoint):
        answers = {path: get(endpoint, path) for path in (*PAGE, *DATA[:2])}
        assert {path for path, said in answers.items() if said.status != 200} == set()
        assert sum(len(said.body) for said in answers.values()) < LARGEST
        for said in answers.values():
            assert said.headers["content-security-policy"].startswith("default-src 'none'")
            assert said.headers["x-content-type-options"] == "nosniff"
        again = get(endpoint, "/console/page.js", {"If-None-Match": answers["/console/page.js"].headers["etag"]})
        assert again.status == 304 and again.body == b""
    page = answers["/console"].body.decode()
    assert re.findall(r"<script(?![^>]* src=\"/console/)|<style| style=| on[a-z]+=|https?:", page) == []
    script = answers["/console/page.js"].body.decode()
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script) == []


def test_the_page_opens_without_the_token_and_tells_nothing(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, "secret")
    engine = "memory://console-token"
    topics(engine, clicks=1, out=1)
    with serving(counted(), engine, **settings) as (_, endpoint):
        assert [get(endpoint, path).status for path in PAGE] == [200] * len(PAGE)
        assert [get(endpoint, path).status for path in DATA] == [401] * len(DATA)
        bearer = {"Authorization": "Bearer secret"}
        assert get(endpoint, "/console/instance", bearer).status == 200
        with viewer(endpoint, **bearer) as documents:
            assert next(documents)["application"] == "app"


def test_another_host_that_leads_here_learns_nothing(settings: dict[str, Any]) -> None:
    engine = "memory://console-host"
    topics(engine, clicks=1, out=1)
    with serving(counted(), engine, **settings) as (_, endpoint):
        elsewhere = {"Host": "evil.example"}
        assert [get(endpoint, path, elsewhere).status for path in DATA] == [403] * len(DATA)


def test_an_application_that_restores_says_how_far(settings: dict[str, Any]) -> None:
    engine = "memory://console-restores"
    topics(engine, clicks=1, out=1)
    produce(engine, "clicks", [(f"k{n}", "x") for n in range(500)])
    with serving(counted(), engine, **settings) as (app, _):
        until(lambda: app.summary().records == 500)
    app = KafkaStreams(counted(), application_id="app", bootstrap_servers=engine, http="127.0.0.1:0", **other(settings))
    with app, viewer(app.endpoint) as documents:  # from before it runs
        found = shown(documents, lambda d: d["tasks"].get("0_0", {}).get("state") == "RUNNING")
        assert found["totals"]["to_restore"] == 0


def test_dead_letters_are_counted(settings: dict[str, Any]) -> None:
    engine = "memory://console-letters"
    topics(engine, clicks=1, out=1, dead=1)
    builder = StreamsBuilder()
    builder.stream("clicks", key_serde=TEXT, value_serde=Serdes.long()).to("out")
    produce(engine, "clicks", [("k", "x")] * 5)  # no number has one byte
    handler = LogAndContinueExceptionHandler()
    given = {"deserialization_exception_handler": handler, "errors_dead_letter_queue_topic_name": "dead", **settings}
    with serving(builder, engine, **given) as (_, endpoint), viewer(endpoint) as documents:
        found = shown(documents, lambda d: d["totals"]["dead_letters"] == 5)
    assert sum(found["totals"]["dropped"].values()) == 5

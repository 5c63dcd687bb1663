"""REST answers as Java's does: status, media type and body of each step, alone and distributed."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.clients.local.door import forget
from streams.connect.rest.serve import serve
from streams.connect.worker.distributed import DistributedWorker
from streams.connect.worker.standalone import StandaloneWorker
from tests.goldens.connect_rest.play import Answer, Player
from tests.goldens.connect_rest.steps import STEPS, Step

DATA = Path(__file__).parent.parent / "data" / "connect_rest.json.gz"
JAVA: dict[str, list[Any]] = json.loads(gzip.decompress(DATA.read_bytes()))
KINDS = ("standalone", "distributed")
JAVA_FAILED = re.compile(
    r"Cannot invoke|Cannot deserialize|Cannot construct|Unrecognized (field|token)|Unexpected end-of-input|"
    r"org\.apache\.kafka\.connect\.runtime\.rest\.errors\.BadRequestException|since it is not a recognizable type|"
    r"No connector `none` configured"
)
"""With status 500 Java tells of what failed in it: a null, or a body that its reader of JSON refuses. Ours says what is
wrong with the request: 400, or 404 where there is no such connector."""
OTHER: Mapping[str, str] = {
    "GET /": "the bundled engine has no cluster's id",
    "GET /admin/loggers": "the loggers are others",
    "GET /connectors/out/offsets": "a sink that keeps offsets with its data commits now and then",
    "POST /connectors/lines/tasks/0/restart": "Java's tells of a rebalance (409), or that there is no such task (404)",
    "PUT /admin/loggers/rest.one?scope=nowhere": "what was asked for on all workers may be done by then, or not yet",
}
"""Steps whose bodies, and of a refusal the status, differ, with the reason."""
MANY = '"tasks.max": "many"'
"""Java says a second time of a value that cannot be read that it is null."""


def plain(found: object) -> object:
    """A body without what is another one in each run or each language."""
    if isinstance(found, list):
        return [plain(each) for each in found]
    if not isinstance(found, dict):
        return found
    known = {name: plain(value) for name, value in found.items() if name not in ("version", "trace")}
    if "worker_id" in known:
        known["worker_id"] = "WORKER"
    if "task.class" in known:
        known["task.class"] = "TASK"
    return known


def has_form(ours: object, java: object) -> bool:
    """Is all there that Java's has, with its types? Of a list that goes for the first."""
    if isinstance(java, dict) and isinstance(ours, dict):
        return all(name in ours and has_form(ours[name], value) for name, value in java.items())
    if isinstance(java, list) and isinstance(ours, list):
        return bool(ours) == bool(java) and (not java or has_form(ours[0], java[0]))
    return type(ours) is type(java)


def agrees(step: Step, ours: Answer, java: Answer) -> bool:
    """Is an answer Java's? A message may go on where Java's ends."""
    message = java["body"].get("message", "") if isinstance(java["body"], dict) else ""
    if java["status"] == 500 and JAVA_FAILED.search(message):
        return ours["status"] in (400, 404) and has_form(ours["body"], java["body"])
    if (ours["status"], java["type"] or ours["type"]) != (java["status"], ours["type"]):
        return False
    if java["status"] >= 400:
        same = step.shape or ours["body"]["message"].startswith(message)
        return bool(same) and ours["body"]["error_code"] == java["body"]["error_code"]
    if step.shape:
        return has_form(plain(ours["body"]), plain(java["body"]))
    mine, theirs = plain(ours["body"]), plain(java["body"])
    if java["status"] == 201 and isinstance(mine, dict) and isinstance(theirs, dict):
        mine, theirs = {**mine, "tasks": None}, {**theirs, "tasks": None}  # Java's distributed does not wait for them
    return mine == theirs


def exempt(step: Step) -> bool:
    """Is it among `OTHER`?"""
    return f"{step.method} {step.path}" in OTHER or MANY in (step.body or "")


def played(kind: str, directory: Path) -> list[tuple[Step, Answer]]:
    """Our answers."""
    engine = f"memory://rest-{kind}"
    settings = {
        "bootstrap.servers": engine, "group.id": "rest", "key.converter": "StringConverter",
        "value.converter": "StringConverter", "listeners": "http://127.0.0.1:0", "offset.storage.partitions": "1",
        "offset.flush.interval.ms": "200",
        **{f"{each}.storage.topic": f"rest-{each}" for each in ("config", "offset", "status")},
    }  # fmt: skip
    with StandaloneWorker(settings) if kind == "standalone" else DistributedWorker(settings) as worker:
        server = serve(worker.herder, "")
        assert server is not None
        if isinstance(worker, DistributedWorker):
            worker.start()
        server.start()
        try:
            return list(Player(worker.herder.group.worker_id, directory, "rest-lines").answers())
        finally:
            server.close()
            worker.close()
            forget(engine.removeprefix("memory://"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[tuple[Step, Answer]]]]:
    yield {kind: played(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", range(len(STEPS)), ids=[f"{n}{it.method}{it.path}" for n, it in enumerate(STEPS)])
def test_an_answer(ours: dict[str, list[tuple[Step, Answer]]], kind: str, number: int) -> None:
    step, answer = ours[kind][number]
    method, path, body, java = JAVA[kind][number]
    assert (step.method, step.path, step.body) == (method, path, body), "record anew"
    if not exempt(step):
        assert agrees(step, answer, java), f"ours {answer}, Java's {java}"
    elif java["status"] < 400 or answer["status"] < 400:
        assert answer["status"] == java["status"], f"ours {answer}, Java's {java}"


def test_the_comparison_sees_what_differs() -> None:
    step = STEPS[2]
    java: Answer = {"status": 200, "type": "application/json", "body": {"a": [1], "b": "x"}}
    for wrong in ({"status": 201}, {"type": "text/plain"}, {"body": {"a": [1], "b": "y"}}, {"body": {"a": [1]}}):
        assert not agrees(step, {**java, **wrong}, java)
    loose = step._replace(shape="for a reason")
    assert agrees(loose, {**java, "body": {"a": [2], "b": "y", "c": 1}}, java)
    for body in ({"a": ["2"], "b": "y"}, {"a": [], "b": "y"}, {"b": "y"}):
        assert not agrees(loose, {**java, "body": body}, java)

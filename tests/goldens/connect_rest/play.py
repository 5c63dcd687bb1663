"""Plays the steps against a worker, Java's or ours, and keeps what it answers."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.goldens.connect_rest.steps import STEPS, Step

PATIENCE_S = 60.0
Answer = dict[str, Any]


class Player:
    """Asks one worker.

    Args:
        address: HOST:PORT.
        directory: for the connectors' files.
        topic: their topic.
    """

    def __init__(self, address: str, directory: Path, topic: str) -> None:
        self._address = address
        self._names = {"{dir}": str(directory), "{topic}": topic}
        self._own = {value: name for name, value in self._names.items()}
        (directory / "in.txt").write_text("one\ntwo\n")

    def answers(self) -> Iterator[tuple[Step, Answer]]:
        """Every step with its answer."""
        for each in STEPS:
            if each.path == "/connectors/lines/offsets" and each.method == "GET" and each.shape:
                self._until(lambda path=each.path: self.ask("GET", path)["body"]["offsets"], each.path)
            if each.path == "/connectors/lines/topics" and each.method == "GET":
                self._until(lambda path=each.path: self.ask("GET", path)["body"]["lines"]["topics"], each.path)
            answer = self.ask(each.method, each.path, each.body, each.type)
            if each.state:
                self._until(lambda each=each: self._is(each), f"/connectors/{each.connector}/status")
            if each.method == "DELETE" and each.path.count("/") == 2:
                gone = f"{each.path}/status"
                self._until(lambda gone=gone: self.ask("GET", gone)["status"] == 404, gone)
            yield each, answer

    def ask(self, method: str, path: str, body: str | None = None, type_: str = "application/json") -> Answer:
        """One answer: status, type and body, with the names of this run taken out. A conflict with a rebalance that
        goes on is asked again, as clients do."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = self._ask_once(method, path, body, type_)
            busy = found["status"] == 409 and "rebalance" in str(found["body"])
            if not busy or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _ask_once(self, method: str, path: str, body: str | None, type_: str) -> Answer:
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE_S)
        try:
            headers = {"Content-Type": type_} if body is not None and type_ else {}
            sent = None if body is None else self._with(body, self._names).encode()
            connection.request(method, path, sent, headers)
            response = connection.getresponse()
            text = self._with(response.read().decode(), self._own)
            kind = (response.getheader("Content-Type") or "").partition(";")[0]
            try:
                found: object = json.loads(text) if text else None
            except ValueError:
                found = text
            return {"status": response.status, "type": kind, "body": found}
        finally:
            connection.close()

    def _with(self, text: str, names: dict[str, str]) -> str:
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    def _is(self, each: Step) -> bool:
        found = self.ask("GET", f"/connectors/{each.connector}/status")
        if found["status"] != 200:
            return False
        own, tasks = found["body"]["connector"]["state"], [task["state"] for task in found["body"]["tasks"]]
        if not each.tasks:  # Java's alone may still tell of tasks that were
            return own == each.state and "RUNNING" not in tasks
        return [own, *tasks[: each.tasks]] == [each.state] * (1 + each.tasks)  # Java's alone may tell of more

    def _until(self, happened: Any, path: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < deadline, (path, self.ask("GET", path))
            time.sleep(0.05)

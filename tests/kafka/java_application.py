"""Kafka Streams itself as an application on a broker: the topologies of SPEC.md's vocabulary, one after the other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.conformance.java import prepare


class JavaApplications:
    """One Java process for many applications (`recorder/Application.java`); a context manager."""

    def __init__(self) -> None:
        java, *rest = prepare(["Application"], memory="300m")
        command = [java, "-XX:TieredStopAtLevel=1", *rest]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def close(self) -> None:
        """Ends the process."""
        with self._process as process:
            process.kill()

    @contextmanager
    def running(self, spec: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[None]:
        """An application that runs in the block; then it leaves its group and ends.

        Args:
            spec: its topology.
            config: its settings.
        """
        texts = {name: value if isinstance(value, str) else str(value) for name, value in config.items()}
        assert self._answer(json.dumps({"spec": spec, "config": texts})) == {"state": "RUNNING"}
        try:
            yield
        finally:
            ended = self._answer("")
        assert ended == {"state": "NOT_RUNNING"}

    def _answer(self, line: str) -> dict[str, str]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer: dict[str, str] = json.loads(self._process.stdout.readline())
        return answer

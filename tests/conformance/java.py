"""The recorder: Kafka Streams' own test driver in a Java process, which answers a case a line."""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).parent / "recorder"
JARS, CLASSES = HERE / "target" / "lib", HERE / "target" / "classes"
AHEAD = 4
"""Cases handed over before the first answer is read: Java works while we do. They fit into a pipe."""
PATIENCE_S = 30.0
"""How long an answer may take."""


class CannotRecord(Exception):
    """A tool is missing, or one failed; the text says which and what to do."""


def tool(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotRecord(f"{name} is not installed: {what}")
    return found


def run(command: list[str], why: str) -> None:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotRecord(f"{why} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")


def prepare(program: Sequence[str] = ("Oracle", "-"), memory: str = "1g") -> list[str]:
    """Fetches the jars and compiles the recorder where that is still to be done; gives the command that starts one of
    its programs, by name with arguments.

    Raises `CannotRecord` naming the tool that is missing.
    """
    java = tool("java", "the recorder runs Kafka Streams itself (17 or later)")
    pom = HERE / "pom.xml"
    if not any(JARS.glob("kafka-streams-test-utils-*.jar")):
        mvn = tool("mvn", "it fetches Kafka's jars, once, as tests/conformance/recorder/pom.xml names them")
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={JARS}", "-DincludeScope=runtime"]
        run([mvn, "-q", "-B", "-f", str(pom), *copy], "fetching Kafka's jars with mvn")
    sources = sorted(HERE.glob("*.java"))
    oracle = CLASSES / "Oracle.class"
    if not oracle.exists() or oracle.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        javac = tool("javac", "it compiles the recorder (a JDK, not only a JRE)")
        CLASSES.mkdir(parents=True, exist_ok=True)
        run([javac, "-nowarn", "-cp", f"{JARS}/*", "-d", str(CLASSES), *map(str, sources)], "compiling the recorder")
    settings = ["-XX:+UseSerialGC", f"-Xmx{memory}"]
    return [java, *settings, "-cp", f"{CLASSES}:{JARS}/*", *program]


class Recorder:
    """A Java process that stays for many cases; a context manager."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._command = prepare()
        self._patience = patience_s
        self._asked: deque[Mapping[str, Any]] = deque()
        self._unread = b""
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def answer(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """The case with Java's answers; `expect` is empty where none came in time (records that go in a circle)."""
        return next(self.answers([case]))

    def answers(self, cases: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Each case with Java's answers, in order."""
        for case in cases:
            self._ask(case)
            if len(self._asked) == AHEAD:
                yield self._read()
        while self._asked:
            yield self._read()

    def _ask(self, case: Mapping[str, Any]) -> None:
        self._asked.append(case)
        self._write(case)

    def _write(self, case: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        line = json.dumps(case).encode() + b"\n"
        while line:
            line = line[self._process.stdin.write(line) :]

    def _read(self) -> dict[str, Any]:
        line = self._line()
        case = self._asked.popleft()
        if line is not None:
            found: dict[str, Any] = json.loads(line)
            return found
        self.close()
        self._unread = b""
        self._process = self._start()
        for waiting in self._asked:
            self._write(waiting)
        return {**case, "kind": "run", "expect": {}}

    def _line(self) -> bytes | None:
        """An answer; None if none comes in time."""
        assert self._process.stdout is not None
        until = time.monotonic() + self._patience
        while b"\n" not in self._unread:
            if not select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            more = self._process.stdout.read(1 << 20)
            if not more:
                raise CannotRecord("the recorder ended; run it by hand on this case to see why (recorder/README.md)")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line

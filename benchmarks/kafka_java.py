"""Apache Kafka and Kafka Streams beside us: jars from Maven Central, a broker of one node, and `java/Bench.java`.

It needs `java` and `javac` (17 or later) and, the first time, `mvn`. Jars and classes lie in `java/target/`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.data import DATASETS, Chunk

HERE = Path(__file__).resolve().parent / "java"
JARS, CLASSES = HERE / "target" / "lib", HERE / "target" / "classes"
PATIENCE_S = 120.0
RUN_S = 3_600.0
HEAP = "-Xmx1g"
PREFIX = "streams-bench-"

_head, _length = struct.Struct(">q"), struct.Struct(">i")
_names = itertools.count(1)


class NoJava(Exception):
    """A tool is missing, or one failed; the text says which and what to do."""


def _tool(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NoJava(f"{name} is not installed: {what}")
    return found


def _done(command: list[str], why: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoJava(f"{why} failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")


def prepare() -> list[str]:
    """Fetches the jars and compiles the program where that is still to be done; the command that runs Java over them.

    Raises:
        NoJava: names the tool that is missing, or what it said.
    """
    java = _tool("java", "Kafka Streams runs on it (17 or later)")
    if not any(JARS.glob("kafka-streams-*.jar")):
        mvn = _tool("mvn", "it fetches Kafka's jars, once, as benchmarks/java/pom.xml names them")
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={JARS}", "-DincludeScope=runtime"]
        _done([mvn, "-q", "-B", "-f", str(HERE / "pom.xml"), *copy], "fetching Kafka's jars with mvn")
    source, compiled = HERE / "Bench.java", CLASSES / "Bench.class"
    if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
        javac = _tool("javac", "it compiles benchmarks/java/Bench.java (a JDK, not only a JRE)")
        CLASSES.mkdir(parents=True, exist_ok=True)
        _done([javac, "-nowarn", "-cp", f"{JARS}/*", "-d", str(CLASSES), str(source)], "compiling Bench.java")
    return [java, f"-Dlog4j2.configurationFile=file:{HERE / 'log4j2.xml'}", "-cp", f"{CLASSES}:{JARS}/*"]


def versions(java: list[str]) -> Mapping[str, str]:
    """Of Kafka and of the virtual machine."""
    told = subprocess.run([java[0], "-version"], capture_output=True, text=True, check=False).stderr.splitlines()
    kafka = next(iter(JARS.glob("kafka-streams-*.jar"))).stem.rpartition("-")[2]
    return {"kafka-streams": kafka, "java": told[0] if told else "unknown", "java heap": HEAP}


class Broker:
    """A broker of one node on free ports, with its data in a temporary directory. A context manager.

    Args:
        java: the command that `prepare` gives.
    """

    def __init__(self, java: list[str]) -> None:
        self._room = tempfile.TemporaryDirectory(prefix="streams-bench-kafka-", ignore_cleanup_errors=True)
        home = Path(self._room.name)
        port, control = _free_ports(2)
        self.servers = f"127.0.0.1:{port}"
        settings = home / "server.properties"
        settings.write_text(
            (HERE / "server.properties")
            .read_text()
            .replace("{port}", str(port))
            .replace("{control}", str(control))
            .replace("{data}", str(home / "data"))
        )
        storage = [*java, "kafka.tools.StorageTool"]
        cluster = subprocess.run([*storage, "random-uuid"], capture_output=True, text=True, check=True).stdout.split()
        _done([*storage, "format", "--standalone", "-t", cluster[-1], "-c", str(settings)], "formatting Kafka's log")
        self.log = home / "broker.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [java[0], "-Xms256m", HEAP, *java[1:], "kafka.Kafka", str(settings)], stdout=log, stderr=log
            )
        self.pid = self._process.pid
        try:
            self._wait(port)
        except BaseException:
            self.close()
            raise

    def _wait(self, port: int) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise NoJava(f"the broker ended:\n{self.log.read_text()[-2000:]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                return
            time.sleep(0.2)
        raise NoJava(f"the broker did not answer within {PATIENCE_S:g} s:\n{self.log.read_text()[-2000:]}")

    def close(self) -> None:
        """Ends it; its data go."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._room.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Bench:
    """`Bench.java` over a broker: topics filled, jobs run, outputs read. A context manager that leaves no topic behind.

    Args:
        java: the command that `prepare` gives.
        servers: the broker.
        pid: its process; 0: on another machine, so that its CPU is not known.
    """

    def __init__(self, java: list[str], servers: str, pid: int) -> None:
        self._java, self.servers, self.pid = [*java[:1], HEAP, *java[1:], "Bench"], servers, pid
        self._filled: dict[tuple[str, int], str] = {}

    def input(self, dataset: str, count: int) -> str:
        """The topic that holds the data set of a job over `count` records; filled when it is first asked for."""
        known = self._filled.get((dataset, count))
        if known is not None:
            return known
        topic = f"{PREFIX}in-{dataset}-{next(_names)}"
        self._fill(topic, DATASETS[dataset].rows(count))
        self._filled[dataset, count] = topic
        return topic

    def output(self) -> tuple[str, str]:
        """The name of an application that has never run, and an empty topic whose name begins with it."""
        application = f"{PREFIX}{next(_names)}"
        out = f"{application}-out"
        self._fill(out, ())
        return application, out

    def _fill(self, topic: str, chunks: Iterable[Chunk]) -> None:
        process = subprocess.Popen(
            [*self._java, "fill", self.servers, topic], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdin is not None and process.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            for chunk in chunks:
                rows = zip(chunk.keys, chunk.values, chunk.timestamps, strict=True)
                process.stdin.write(b"".join(_head.pack(at) + _packed(key) + _packed(value) for key, value, at in rows))
            process.stdin.close()
        said = process.stderr.read()
        if process.wait():
            raise RuntimeError(f"filling {topic} failed: {_last(said)}")

    def run(self, job: str, topics: Mapping[str, str], total: int, config: Mapping[str, object]) -> Any:
        """Runs a job on Kafka Streams; the samples of the run, the peak of its memory, and its output topic `out`."""
        application, out = self.output()
        return {
            **self.rerun(job, application, {**topics, "out": out}, total, config),
            "out": out,
            "application": application,
        }

    def rerun(
        self, job: str, application: str, topics: Mapping[str, str], total: int, config: Mapping[str, object]
    ) -> Any:
        """Runs the job of an application to the end of `total` records more, from an empty directory: samples, the peak
        of its memory, and `restored`, the samples before the first restored row and after the last."""
        with tempfile.TemporaryDirectory(prefix="streams-bench-state-", ignore_cleanup_errors=True) as state:
            pairs = _pairs({**topics, "application.id": application, "state.dir": state, **config})
            done = subprocess.run(
                [*self._java, "run", self.servers, job, str(total), str(self.pid), *pairs],
                capture_output=True,
                timeout=RUN_S,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"Java's {job} failed: {_last(done.stderr)}")
        return json.loads(done.stdout.splitlines()[-1])

    def serve(self, job: str, given: Iterable[str]) -> list[str]:
        """The command that runs a job until it is ended by SIGTERM; its topics and settings are `name=value`."""
        return [*self._java, "serve", self.servers, job, *given]

    def read(self, topic: str) -> Iterator[tuple[bytes | None, bytes | None, int]]:
        """All records of a topic as it is now: key, value, timestamp."""
        process = subprocess.Popen([*self._java, "read", self.servers, topic], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as pipe:
            while head := pipe.read(8):
                (at,) = _head.unpack(head)
                key = _bytes(pipe)
                yield key, _bytes(pipe), at
        if process.wait():
            raise RuntimeError(f"reading {topic} failed; its message is above")

    def drop(self, prefix: str) -> None:
        """Deletes the topics whose names begin so."""
        _done([*self._java, "drop", self.servers, prefix], f"deleting the topics {prefix}*")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for topic in self._filled.values():
            self.drop(topic)


@contextlib.contextmanager
def serving(java: list[str], servers: str | None, pid: int) -> Iterator[Bench]:
    """Over a broker that runs, or over one of our own."""
    with contextlib.ExitStack() as stack:
        if servers is None:
            broker = stack.enter_context(Broker(java))
            servers, pid = broker.servers, broker.pid
        yield stack.enter_context(Bench(java, servers, pid))


def _pairs(given: Mapping[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in given.items()]


def _packed(data: bytes | None) -> bytes:
    return _length.pack(-1) if data is None else _length.pack(len(data)) + data


def _bytes(pipe: Any) -> bytes | None:
    (length,) = _length.unpack(pipe.read(4))
    return None if length < 0 else pipe.read(length)


def _last(said: bytes) -> str:
    """The line of an error that says what it is."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if not line.lstrip().startswith(("at ", "..."))]
    return (told or ["it said nothing"])[-1].strip()

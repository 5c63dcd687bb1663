"""A real Apache Kafka broker for tests: KRaft, one node, from Maven's jars alone. Needs Java 17 and Maven.

`KAFKA_VERSION` names another version than the usual one. `KAFKA_TEST_BROKER=host:port` lends one that runs already.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

VERSION = os.environ.get("KAFKA_VERSION", "4.3.1")
START_S = 120.0
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local.test</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-api</artifactId><version>{log4j}</version>
</dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>{log4j}</version>
</dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
<version>{log4j}</version></dependency>
</dependencies></project>
"""
LOG4J = (
    '<Configuration status="WARN"><Appenders><Console name="out"><PatternLayout pattern="%d %p %c %m%n"/></Console>'
    '</Appenders><Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>'
)
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
}


def missing() -> str | None:
    """What tests on a broker lack on this machine; None: nothing."""
    lacking = [name for name in ("confluent_kafka", "kafka") if importlib.util.find_spec(name) is None]
    if "KAFKA_TEST_BROKER" not in os.environ:
        lacking += [name for name in ("java", "mvn") if shutil.which(name) is None]
    return f"{' and '.join(lacking)} not installed: nothing is tested on a Kafka broker" if lacking else None


def needed() -> None:
    """Skips a test where no broker can be started; where `KAFKA_REQUIRED` is set it fails instead."""
    reason = missing()
    if reason is not None:
        if os.environ.get("KAFKA_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)


class KafkaBroker:
    """One broker with a data directory of its own.

    Args:
        directory: for its data and logs.
        settings: of the broker, over `SETTINGS`.
        protocol: of its listener, as `SASL_PLAINTEXT`.
    """

    def __init__(
        self, directory: Path, settings: Mapping[str, str] | None = None, protocol: str = "PLAINTEXT"
    ) -> None:
        self._directory = directory
        self._classpath = f"{_jars()}/*"
        port, control = free_port(), free_port()
        listeners = f"{protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}"
        protocols = f"CONTROLLER:PLAINTEXT,{protocol}:{protocol}"
        given = {
            **SETTINGS,
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{control}",
            "listeners": listeners,
            "advertised.listeners": listeners,
            "inter.broker.listener.name": protocol,
            "listener.security.protocol.map": protocols,
            "log.dirs": str(directory / "data"),
            **(settings or {}),
        }
        self.address = given["listeners"].partition(",")[0].rpartition("://")[2]
        self._properties = directory / "server.properties"
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        (directory / "log4j2.xml").write_text(LOG4J)
        identity = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._java("kafka.tools.StorageTool", "format", "--standalone", "-t", identity, "-c", str(self._properties))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        with (self._directory / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "java", "-Xms128m", "-Xmx768m", "-XX:+UseSerialGC",
                    f"-Dlog4j2.configurationFile=file:{self._directory}/log4j2.xml",
                    "-cp", self._classpath, "kafka.Kafka", str(self._properties),
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        host, _, port = self.address.partition(":")
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1.0):
                return
            assert self._process.poll() is None, (self._directory / "broker.log").read_text()[-4_000:]
            assert time.monotonic() < deadline, "the broker does not listen"
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends it, and waits until it is gone."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def send_signal(self, how: signal.Signals) -> None:
        """As `os.kill`."""
        assert self._process is not None
        self._process.send_signal(how)

    def _java(self, *command: str) -> None:
        done = subprocess.run(["java", "-cp", self._classpath, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def kafka_address(directory: Path) -> Iterator[str]:
    """The address of a broker that ends with the block; of the one that was lent, which does not."""
    lent = os.environ.get("KAFKA_TEST_BROKER")
    if lent:
        yield lent
        return
    broker = KafkaBroker(directory)
    try:
        yield broker.address
    finally:
        broker.stop()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _jars() -> Path:
    """The broker's jars; fetched once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kafka-test" / VERSION
    if not (cache / ".whole").exists():
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "pom.xml").write_text(POM.format(kafka=VERSION, log4j="2.25.4"))
        subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={cache / 'lib'}",
             "-DincludeScope=runtime"], cwd=cache, check=True,
        )  # fmt: skip
        (cache / ".whole").touch()
    return cache / "lib"

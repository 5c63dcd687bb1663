"""Real Apache Kafka brokers for tests: KRaft, one node or several, from Maven's jars alone. Needs Java 17 and Maven.

`KAFKA_VERSION` names another version than the usual one. `KAFKA_TEST_BROKER=host:port` lends one that runs already.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

VERSION = os.environ.get("KAFKA_VERSION", "4.3.1")
BEFORE_4 = VERSION.startswith("3.")
"""Transactions are of version 1 there, and a controller leaves a broker as it is that is back before it was missed."""
START_S = 120.0
NOTHING_TESTED = "nothing is tested on a Kafka broker"
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
KEEPING = {"log.retention.ms": "-1"}
"""Tests write records of 1970. By Kafka's own setting they are gone half a minute after a broker has started, or when
it looks again, each five minutes."""
SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    **KEEPING,
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "broker.session.timeout.ms": "3000",  # one that was killed may not come back before
    "broker.heartbeat.interval.ms": "500",
}
REPLICATED = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
}
"""Over `SETTINGS`, for three nodes: what is acknowledged is in two of them."""


def missing() -> str | None:
    """What tests on a broker lack on this machine; None: nothing."""
    lacking = [name for name in ("confluent_kafka", "kafka") if importlib.util.find_spec(name) is None]
    if "KAFKA_TEST_BROKER" not in os.environ:
        lacking += [name for name in ("java", "mvn") if shutil.which(name) is None]
    return f"{' and '.join(lacking)} not installed: {NOTHING_TESTED}" if lacking else None


def needed() -> None:
    """Skips a test where no broker can be started; where `KAFKA_REQUIRED` is set it fails instead."""
    reason = missing()
    if reason is not None:
        if os.environ.get("KAFKA_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)


class Node(NamedTuple):
    """A node of a cluster.

    Args:
        number: its `node.id`.
        controllers: the ports of all nodes' controllers, by their numbers.
        identity: the cluster's.
    """

    number: int
    controllers: Mapping[int, int]
    identity: str

    @classmethod
    def all(cls, count: int) -> list[Node]:
        """Those of a new cluster."""
        controllers = {number: free_port() for number in range(1, count + 1)}
        identity = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        return [cls(number, controllers, identity) for number in controllers]


class KafkaBroker:
    """One node, broker and controller, with a data directory of its own.

    Args:
        directory: for its data and logs.
        settings: of the broker, over `SETTINGS`.
        protocol: of its listener, as `SASL_PLAINTEXT`.
        node: which of a cluster; None: it is one by itself.
        proxy: where clients are told to find it, if that is not where it listens; brokers, and who takes no part in
            that, have a listener of their own: `direct`.
        java: options of Java.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str] | None = None,
        protocol: str = "PLAINTEXT",
        node: Node | None = None,
        proxy: str = "",
        java: Sequence[str] = ("-Xmx768m",),
    ) -> None:
        self._directory = directory
        self._classpath = f"{_jars()}/*"
        self._options = java
        node = node or Node.all(1)[0]
        self.number = node.number
        self.address = self.direct = f"127.0.0.1:{free_port()}"
        control = f"CONTROLLER://127.0.0.1:{node.controllers[node.number]}"
        listeners, advertised = [f"{protocol}://{self.address}", control], [f"{protocol}://{proxy or self.address}"]
        protocols = {protocol: protocol, "CONTROLLER": "PLAINTEXT"}
        if proxy:
            self.direct = f"127.0.0.1:{free_port()}"
            listeners.append(f"BROKERS://{self.direct}")
            advertised.append(listeners[-1])
            protocols["BROKERS"] = "PLAINTEXT"
        controllers = node.controllers
        if len(controllers) == 1:
            alone, quorum = ["--standalone"], {"controller.quorum.bootstrap.servers": f"127.0.0.1:{controllers[1]}"}
        else:
            voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in controllers.items())
            alone, quorum = [], {"controller.quorum.voters": voters}
        given = {
            **SETTINGS,
            "node.id": str(node.number),
            **quorum,
            "listeners": ",".join(listeners),
            "advertised.listeners": ",".join(advertised),
            "inter.broker.listener.name": "BROKERS" if proxy else protocol,
            "listener.security.protocol.map": ",".join(f"{name}:{how}" for name, how in protocols.items()),
            "log.dirs": str(directory / "data"),
            **(settings or {}),
        }
        self.address = given["listeners"].partition(",")[0].rpartition("://")[2]
        self._properties = directory / "server.properties"
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        (directory / "log4j2.xml").write_text(LOG4J)
        identity = f"--cluster-id={node.identity}"  # it may begin with a dash
        self._java("kafka.tools.StorageTool", "format", *alone, identity, "-c", str(self._properties))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def runs(self) -> bool:
        """Does its process?"""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        self.launch()
        self.await_start()

    def launch(self) -> None:
        """Starts it."""
        with (self._directory / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "java", "-Xms128m", *self._options, "-XX:+UseSerialGC",
                    f"-Dlog4j2.configurationFile=file:{self._directory}/log4j2.xml",
                    "-cp", self._classpath, "kafka.Kafka", str(self._properties),
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def await_start(self) -> None:
        """Waits until it listens."""
        host, _, port = self.address.partition(":")
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1.0):
                return
            assert self.runs, (self._directory / "broker.log").read_text()[-4_000:]
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

    def elected(self) -> tuple[int, int]:
        """The last election of a controller that it knows of: its epoch, and who was elected, -1 while it goes on."""
        told = self._directory / "data" / "__cluster_metadata-0" / "quorum-state"
        try:
            state = json.loads(told.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return 0, -1
        return int(state["leaderEpoch"]), int(state["leaderId"])

    def _java(self, *command: str) -> None:
        done = subprocess.run(["java", "-cp", self._classpath, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class KafkaCluster:
    """Nodes that are brokers and controllers, from one on; of three, each topic is on all, and two must have a record.

    Args:
        directory: an empty one.
        nodes: how many.
        settings: of all brokers, over `SETTINGS` and, for three, `REPLICATED`.
    """

    def __init__(self, directory: Path, nodes: int = 1, settings: Mapping[str, str] | None = None) -> None:
        given = {**(REPLICATED if nodes > 1 else {}), **(settings or {})}

        def made(node: Node) -> KafkaBroker:
            own = directory / f"node-{node.number}"
            own.mkdir(parents=True)
            return KafkaBroker(own, given, node=node, java=("-Xmx400m", "-XX:TieredStopAtLevel=1"))

        with ThreadPoolExecutor(nodes) as pool:  # one waits for the others
            self.brokers = list(pool.map(made, Node.all(nodes)))
        self.address = ",".join(broker.address for broker in self.brokers)

    def controller(self) -> KafkaBroker:
        """The active controller; while there is none, the one before."""
        _, elected = max(broker.elected() for broker in self.brokers)
        return next((broker for broker in self.brokers if broker.number == elected), self.brokers[0])

    def close(self) -> None:
        """Ends all of them."""
        for broker in self.brokers:
            broker.stop()


@contextlib.contextmanager
def kafka_address(directory: Path) -> Iterator[str]:
    """The address of a broker that ends with the block; of the one that was lent, which does not, and keeps all from
    now on."""
    lent = os.environ.get("KAFKA_TEST_BROKER")
    if lent:
        _set(lent, KEEPING)
        yield lent
        return
    broker = KafkaBroker(directory)
    try:
        yield broker.address
    finally:
        broker.stop()


def _set(servers: str, settings: Mapping[str, str]) -> None:
    """Sets what all brokers of a cluster take while they run."""
    from kafka.protocol.admin import IncrementalAlterConfigsRequest

    from streams.clients.kafka.cluster import Cluster
    from streams.world import SYSTEM

    altered = IncrementalAlterConfigsRequest.AlterConfigsResource
    configs = [altered.AlterableConfig(name=name, config_operation=0, value=value) for name, value in settings.items()]
    brokers = altered(resource_type=4, resource_name="", configs=configs)
    with contextlib.closing(Cluster(servers, "tests", {}, SYSTEM)) as cluster:
        request = IncrementalAlterConfigsRequest(resources=[brokers], validate_only=False)
        (answer,) = cluster.call(partial(cluster.ask, request)).responses
        assert not answer.error_code, answer.error_message


_ports = itertools.count(random.randrange(20_000))


def free_port() -> int:
    """A port on which nobody listens. It is none of those that the system takes for connections that go out: such a one
    could be taken while a broker that is to come back to it is away."""
    while True:
        port = 12_000 + next(_ports) % 20_000
        with contextlib.suppress(OSError), socket.socket() as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(("127.0.0.1", port))
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

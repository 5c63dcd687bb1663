"""`python -m tests.goldens.connect_rest.record BROKER`: has Java's Connect answer every step, alone and distributed.

Needs what `tests.goldens.connect.record` needs. The topics that it makes on the broker stay there.
"""

from __future__ import annotations

import gzip
import http.client
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.engines import until
from tests.goldens.connect.record import RECORDER, compiled
from tests.goldens.connect_rest.play import Player
from tests.goldens.connect_rest.steps import STEPS

DATA = Path(__file__).parent.parent / "data" / "connect_rest.json.gz"
PORT = 18_083
CLI = "org.apache.kafka.connect.cli"


def settings(broker: str, directory: Path, run: str) -> dict[str, str]:
    """Of a worker of either kind."""
    return {
        "bootstrap.servers": broker,
        "group.id": f"rest-{run}",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "listeners": f"http://127.0.0.1:{PORT}",
        "plugin.discovery": "only_scan",
        "offset.flush.interval.ms": "500",
        "offset.storage.file.filename": f"{directory}/offsets",
        **{f"{kind}.storage.topic": f"rest-{run}-{kind}" for kind in ("config", "offset", "status")},
        **{f"{kind}.storage.replication.factor": "1" for kind in ("config", "offset", "status")},
        "offset.storage.partitions": "2",
        "status.storage.partitions": "2",
    }


@contextmanager
def worker(kind: str, given: dict[str, str], directory: Path) -> Iterator[None]:
    """A worker of Java's that answers."""
    names = ("offset.storage.file.filename",) if kind == "Distributed" else tuple(x for x in given if ".topic" in x)
    file = directory / "worker.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in given.items() if name not in names))
    java = ["java", "-XX:+UseSerialGC", "-Duser.language=en", "-Duser.country=US", "-cp",
            "target/classes:target/lib/*", f"{CLI}.Connect{kind}", str(file)]  # fmt: skip
    with (directory / "worker.log").open("w") as log:
        process = subprocess.Popen(java, cwd=RECORDER, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or answers(), 180)
        assert process.poll() is None, (directory / "worker.log").read_text()[-4000:]
        yield
    finally:
        process.terminate()
        process.wait()


def answers() -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
        connection.request("GET", "/connectors")
        return connection.getresponse().status == 200
    except OSError:
        time.sleep(0.2)
        return False


def main(broker: str) -> None:
    """Records both kinds of workers."""
    compiled()
    found: dict[str, list[object]] = {}
    for kind in ("Standalone", "Distributed"):
        run = uuid.uuid4().hex[:8]
        with TemporaryDirectory() as name:
            directory = Path(name)
            with worker(kind, settings(broker, directory, run), directory):
                player = Player(f"127.0.0.1:{PORT}", directory, f"rest-{run}-lines")
                own: list[object] = []
                for step, answer in player.answers():
                    own.append([step.method, step.path, step.body, answer])
                    print(step.method, step.path, answer["status"], str(answer["body"])[:150])
        found[kind.lower()] = own
    with gzip.GzipFile(DATA, "wb", mtime=0) as file:
        file.write(json.dumps(found, indent=0).encode())
    print(2 * len(STEPS), "answers")


if __name__ == "__main__":
    main(sys.argv[1])

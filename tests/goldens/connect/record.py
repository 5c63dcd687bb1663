"""`python -m tests.goldens.connect.record BROKER`: has Java answer every case, and keeps the answers.

Needs java, javac and, the first time, mvn; and the address of a broker of Apache Kafka, which is asked for its id.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

from tests.goldens.connect.cases import all_cases

RECORDER = Path(__file__).parent.parent / "connect_recorder"
DATA = Path(__file__).parent.parent / "data" / "connect.json.gz"


def compiled() -> None:
    """Fetches the jars, the first time, and compiles the recorder."""
    run = RECORDER / "target"
    if not (run / "lib").is_dir():
        copy = ["mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=target/lib"]
        subprocess.run(copy, cwd=RECORDER, check=True)
    sources = [path.name for path in RECORDER.glob("*.java")]
    compile_ = ["javac", "-nowarn", "-cp", "target/lib/*", "-d", "target/classes", *sources]
    subprocess.run(compile_, cwd=RECORDER, check=True)


def main(broker: str) -> None:
    """Records all cases."""
    compiled()
    java = ["java", f"-Dbroker={broker}", "-Duser.language=en", "-Duser.country=US", "-XX:+UseSerialGC",
            "-cp", "target/classes:target/lib/*", "Recorder"]  # fmt: skip
    asked = "".join(f"{json.dumps(case)}\n" for case in all_cases())
    done = subprocess.run(java, cwd=RECORDER, input=asked, capture_output=True, text=True, check=True, encoding="utf-8")
    with gzip.GzipFile(DATA, "wb", mtime=0) as file:
        file.write(done.stdout.encode())
    print(len(done.stdout.splitlines()), "cases")


if __name__ == "__main__":
    main(sys.argv[1])

"""`python -m tests.kafka.record_topics CLASSPATH HOST:PORT`: has Java's Kafka Streams run the applications of
`internal_topics.json` on a broker, and writes down what internal topics it makes.

Needs a JDK and the class path of `kafka-streams` with its broker's version.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from streams.clients import Admin

SHIPPED = Path(__file__).with_name("internal_topics.json")
MAIN = """
import java.time.Duration; import java.util.*;
import org.apache.kafka.common.utils.Bytes; import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*; import org.apache.kafka.streams.kstream.*; import org.apache.kafka.streams.state.*;
public class Main {{
  public static void main(String[] args) throws Exception {{
    Properties props = new Properties();
    props.putAll(Map.of({settings}));
    StreamsBuilder builder = new StreamsBuilder();
    {lines}
    KafkaStreams app = new KafkaStreams(builder.build(props), props);
    app.start();
    while (app.state() != KafkaStreams.State.RUNNING) Thread.sleep(50);
    app.close(); app.cleanUp();
  }}
}}
"""


def settings_of(case: dict[str, object], servers: str, application_id: str, state: str) -> dict[str, str]:
    """The settings of an application, without a default of ours that Java's does not have."""
    serde = "org.apache.kafka.common.serialization.Serdes$StringSerde"
    config = case["config"]
    assert isinstance(config, dict)
    fixed = {"application.id": application_id, "bootstrap.servers": servers, "state.dir": state}
    return {**fixed, "default.key.serde": serde, "default.value.serde": serde, **config}


def internal_topics(servers: str, application_id: str) -> list[dict[str, object]]:
    """The internal topics of an application, without its id."""
    prefix = f"{application_id}-"
    with Admin(bootstrap_servers=servers) as admin:
        found = admin.describe_topics(name for name in admin.list_topics() if name.startswith(prefix))
    rows = sorted((name.removeprefix(prefix), topic) for name, topic in found.items())
    return [
        {"topic": name, "partitions": topic.partitions, "config": dict(sorted(topic.settings.items()))}
        for name, topic in rows
    ]


def record(case: dict[str, object], classpath: str, servers: str) -> None:
    """Runs one application in Java."""
    application_id = f"recorded-{abs(hash(str(case['name']) + servers)) % 10**9}"
    lines = case["java"]
    topics = case["topics"]
    assert isinstance(lines, list) and isinstance(topics, dict)
    with Admin(bootstrap_servers=servers) as admin:
        there = admin.list_topics()
        for name, partitions in topics.items():
            if name not in there:
                admin.create_topic(name, partitions)
    with tempfile.TemporaryDirectory() as place:
        settings = settings_of(case, servers, application_id, place)
        pairs = ", ".join(json.dumps(word) for pair in settings.items() for word in pair)
        source = Path(place) / "Main.java"
        source.write_text(MAIN.format(settings=pairs, lines="\n    ".join(lines)))
        subprocess.run(["java", "-cp", classpath, str(source)], check=True, timeout=300)
    case["internal_topics"] = internal_topics(servers, application_id)


def main() -> None:
    """Writes the file anew."""
    classpath, servers = sys.argv[1:]
    cases = json.loads(SHIPPED.read_text("utf-8"))
    for case in cases:
        record(case, classpath, servers)
    SHIPPED.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()

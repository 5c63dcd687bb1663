"""`python -m tests.goldens describe [FILE]`: topologies in Java's DSL against the text of `describe()`.

Each case's Java snippet is run against the Python API; the text, and the internal topics the topology would
make, must be Java's to the letter.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import streams
from tests.goldens.java.interpret import run as run_java
from tests.goldens.java.parse import parse
from tests.goldens.java.world import PythonWorld

SHIPPED = Path(__file__).parent / "data" / "describe.json"
VARIANTS = ("all", "reuse.ktable.source.topics", "merge.repartition.topics", "single.store.self.join")
SETTINGS = {"application.id": "app", "bootstrap.servers": "memory://goldens"}


def load(file: str | Path | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(file or SHIPPED).read_text("utf-8"))
    return found


def settings_of(case: dict[str, Any]) -> dict[str, Any]:
    return {**SETTINGS, **case["config"]}


def topology_of(case: dict[str, Any], settings: dict[str, Any]) -> streams.Topology:
    snippet = "\n".join(case["java"])
    builder, topology = streams.StreamsBuilder(), streams.Topology()
    names: dict[str, Any] = {"builder": builder, "topology": topology, "props": settings, "config": settings}
    run_java(parse(snippet), PythonWorld(), names)
    return topology if snippet.startswith("topology.") else builder.build(settings)


def internal_topics(topology: streams.Topology, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """As the recorded rows have them: name, sub-topology, kind, fixed number of partitions, settings."""
    found = []
    for sub in topology.built(settings).subtopologies:
        for topic in (*sub.repartition_topics.values(), *sub.changelogs.values()):
            found.append(
                {
                    "name": topic.name,
                    "subtopology": sub.id,
                    "partitions": topic.partitions,
                    "config": {key: str(value) for key, value in topic.config.items()},
                }
            )
    return sorted(found, key=lambda row: (row["name"], row["subtopology"]))


def recorded_topics(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [
        {
            "name": row["topic"].removeprefix("app-"),
            "subtopology": row["subtopology"],
            "partitions": row.get("partitions"),
            "config": {key: str(value) for key, value in row["config"].items()},
        }
        for row in rows
    ]
    return sorted(found, key=lambda row: (row["name"], row["subtopology"]))


def difference(case: dict[str, Any], settings: dict[str, Any]) -> str | None:
    """The first difference of one case under these settings, or None."""
    recorded = case.get("error")
    try:
        topology = topology_of(case, settings)
        text = str(topology.describe())
        topics = internal_topics(topology, settings)
    except Exception as error:
        if recorded is None:
            return f"{type(error).__name__}: {error}"
        got = (type(error).__name__, str(error))
        wanted = (recorded["class"].split(".")[-1], recorded["message"])
        return None if got[0] == wanted[0] and got[1].startswith(wanted[1]) else f"error {got} instead of {wanted}"
    if recorded is not None:
        return f"no error instead of {recorded}"
    if text != case["describe"]:
        lines = difflib.unified_diff(case["describe"].splitlines(), text.splitlines(), "java", "python", "", "", 1)
        return "\n".join(lines)
    wanted_topics = recorded_topics(case["internal_topics"])
    if topics != wanted_topics:
        extra = [row for row in topics if row not in wanted_topics]
        missing = [row for row in wanted_topics if row not in topics]
        return f"internal topics: missing {missing}, not wanted {extra}"
    return None


def variants(case: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The case as recorded, and under each optimisation that is recorded to change nothing."""
    settings = settings_of(case)
    yield case["name"], settings
    for value in case.get("same_with_optimization", ()):
        yield f"{case['name']} [{value}]", {**settings, "topology.optimization": value}


def run(file: str | None = None) -> int:
    """Prints the first difference of each failing row, and `passed/total` last. 1 on any difference."""
    passed = total = 0
    for case in load(file):
        total += 1
        failures = [(name, found) for name, settings in variants(case) if (found := difference(case, settings))]
        if not failures:
            passed += 1
            continue
        print(f"FAIL {failures[0][0]}\n  " + failures[0][1].replace("\n", "\n  "))
    print(f"{passed}/{total}")
    return 0 if passed == total else 1

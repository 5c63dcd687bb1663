"""Examples as tests see them: loaded as the command loads them, and run by the test driver."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from streams import Serdes, Topology
from streams.cli.load import from_file, load
from streams.serdes.base import Serde
from streams.testing import TopologyTestDriver

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DATA = EXAMPLES / "data"

text, long = Serdes.string(), Serdes.long()


def topology_of(name: str) -> Topology:
    return load(str(EXAMPLES / f"{name}.py")).build({"application.id": "test"})


def module_of(name: str) -> ModuleType:
    return from_file(EXAMPLES / f"{name}.py")


def driver_of(name: str) -> TopologyTestDriver:
    return TopologyTestDriver(topology_of(name))


def rows(
    driver: TopologyTestDriver, topic: str, value: Serde[Any] = text, key: Serde[Any] = text
) -> list[tuple[Any, Any]]:
    """All keys and values that came out on a topic."""
    if topic not in driver.produced_topic_names():
        return []
    return driver.create_output_topic(topic, key, value).read_key_values_to_list()


def windowed(size_ms: int) -> Serde[Any]:
    return Serdes.time_windowed(text, size_ms)


def by_window(found: list[tuple[Any, Any]]) -> list[tuple[str, int, int, Any]]:
    """Windowed keys as plain tuples: key, start, end, value."""
    return [(key.key, key.window.start, key.window.end, value) for key, value in found]

"""Topologies run on the test driver, their results as short texts: `key=value@timestamp`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streams import StreamsBuilder
from streams.serdes import Serdes
from streams.testing import TopologyTestDriver

Event = tuple[str, Any, Any, int]
"""Topic, key, value, timestamp."""

DEFAULTS: Mapping[str, object] = {
    "application.id": "app",
    "default.key.serde": Serdes.string(),
    "default.value.serde": Serdes.string(),
}
UNCACHED: Mapping[str, object] = {"statestore.cache.max.bytes": 0}


def shown(table: Any, topic: str = "out") -> None:
    """Sends a table's updates to a topic, key and value as text."""
    stream = table.to_stream(lambda key, value: str(key))
    stream.map_values(lambda value: None if value is None else str(value)).to(topic)


class Running:
    """A topology under the driver; `send` gives what came out on `out`."""

    def __init__(
        self, build: Callable[[StreamsBuilder], None], config: Mapping[str, object] | None = None
    ) -> None:
        builder = StreamsBuilder()
        build(builder)
        settings = {**DEFAULTS, **(config or {})}
        self.driver = TopologyTestDriver(builder.build(settings), settings)
        self._inputs: dict[str, Any] = {}
        self._out = self.driver.create_output_topic("out", Serdes.string(), Serdes.string())

    def send(self, topic: str, key: Any, value: Any, timestamp: int) -> list[str]:
        if topic not in self._inputs:
            self._inputs[topic] = self.driver.create_input_topic(topic, Serdes.string(), Serdes.string())
        self._inputs[topic].pipe_input(key, value, timestamp=timestamp)
        return [
            f"{'null' if r.key is None else r.key}={'null' if r.value is None else r.value}@{r.timestamp}"
            for r in self._out.read_records_to_list()
        ]

    def dropped(self) -> int:
        """How many records were dropped."""
        return sum(
            value
            for name, value in self.driver.metrics().items()
            if name.name == "dropped-records-total" and isinstance(value, int)
        )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.close()


def outputs(
    build: Callable[[StreamsBuilder], None],
    events: Iterable[Event],
    config: Mapping[str, object] | None = None,
) -> list[list[str]]:
    """What each event brings about."""
    with Running(build, config) as running:
        return [running.send(*event) for event in events]


def flat(
    build: Callable[[StreamsBuilder], None],
    events: Iterable[Event],
    config: Mapping[str, object] | None = None,
) -> list[str]:
    """The same in one list."""
    return [result for results in outputs(build, events, config) for result in results]


def numbered(found: list[list[str]]) -> str:
    """Results with the number of their event, from 1: `4:A-a@4 |5:B-a@5,…` (keys left out)."""
    parts = []
    for at, results in enumerate(found, 1):
        if results:
            parts.append(f"{at}:{','.join(result.split('=', 1)[1] for result in results)}")
    return " |".join(parts)


_JOIN_INPUT = "L null 1,R null 2,L A 3,R a 4,L B 5,R b 6,L null 7,R null 8,L C 9,R c 10,R null 11,L null 12,R null 13"
_STREAMS = ",R d 14,L D 15"
_TABLES = ",R d 7,L D 6,L null 2,R null 3,R e 14,L E 15,L null 10,R null 9,L F 4,R f 3"


def _events(text: str) -> list[Event]:
    sides = {"L": "left", "R": "right"}
    rows = (row.split() for row in text.split(","))
    return [(sides[side], "0", None if value == "null" else value, int(ts)) for side, value, ts in rows]


STREAM_JOIN_INPUT = _events(_JOIN_INPUT + _STREAMS)
"""The input of Java's tests of stream-stream joins."""
TABLE_JOIN_INPUT = _events(_JOIN_INPUT + _TABLES)
"""The input of Java's tests of joins with tables."""

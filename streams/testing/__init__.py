"""What tests of a topology need: the driver, its topics, a clock that moves when told to, and a simulated world."""

from __future__ import annotations

from streams.clients.local.door import forget
from streams.clock import ManualClock
from streams.testing.connect_driver import ConnectRecord, ConnectTestDriver
from streams.testing.driver import TopologyTestDriver
from streams.testing.topics import RawRecord, TestInputTopic, TestOutputTopic, TestRecord
from streams.testing.world import ProcessKilled, SimulatedProcess, SimulatedWorld, SimulationStuck

__all__ = [
    "ConnectRecord",
    "ConnectTestDriver",
    "ManualClock",
    "ProcessKilled",
    "RawRecord",
    "SimulatedProcess",
    "SimulatedWorld",
    "SimulationStuck",
    "TestInputTopic",
    "TestOutputTopic",
    "TestRecord",
    "TopologyTestDriver",
    "forget",
]

"""What tests of a topology need: the driver, its topics, and a clock that moves when told to."""

from __future__ import annotations

from streams.clients.local.door import forget
from streams.clock import ManualClock
from streams.testing.driver import TopologyTestDriver
from streams.testing.topics import RawRecord, TestInputTopic, TestOutputTopic, TestRecord

__all__ = [
    "ManualClock",
    "RawRecord",
    "TestInputTopic",
    "TestOutputTopic",
    "TestRecord",
    "TopologyTestDriver",
    "forget",
]

"""Recorded cases on a real Kafka broker: few, that use each word of their vocabulary together.

`python -m tests.conformance --on kafka --servers host:port` runs them all, under either guarantee.
"""

from __future__ import annotations

import pytest

from streams.runtime.worker.exactly_once import EXACTLY_ONCE
from streams.runtime.worker.guarantee import AT_LEAST_ONCE
from tests.conformance.drive import load
from tests.conformance.on_runtime import Way, run_on_runtime
from tests.conformance.sample import sample
from tests.conformance.test_cases import that_run

EVENTS = 20
"""Of each case."""
CASES = {case["name"]: case for case in map(load, that_run(Way(servers="kafka")))}


@pytest.mark.parametrize(("number", "name"), enumerate(sample(CASES.values())))
def test_same_as_java_on_kafka(number: int, name: str, servers: str) -> None:
    guarantee = (AT_LEAST_ONCE, EXACTLY_ONCE)[number % 2]
    run_on_runtime(CASES[name], Way(guarantee=guarantee, servers=servers), EVENTS)

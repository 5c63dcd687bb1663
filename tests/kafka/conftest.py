"""What the tests on a Kafka broker have in common."""

from __future__ import annotations

import pytest


@pytest.fixture
def servers(kafka_servers: str) -> str:
    """`bootstrap.servers` of a broker."""
    return kafka_servers

"""What holds for each test, wherever it stands."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests import kafka_broker, postgres_server
from tests.kafka_broker import kafka_address, needed
from tests.streams.console import browser


@pytest.fixture(autouse=True)
def logs_as_found() -> Iterator[None]:
    """A test that turns logs off for the whole process makes others fail that read theirs, by chance of their order."""
    yield
    left, logging.root.manager.disable = logging.root.manager.disable, logging.NOTSET
    assert left == logging.NOTSET, "logging.disable() was left on: use tests.logs.quiet()"


@pytest.fixture(scope="session")
def kafka_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`bootstrap.servers` of a Kafka broker, which the tests of a process share. Without Java they are skipped."""
    needed()
    with kafka_address(tmp_path_factory.mktemp("kafka")) as address:
        yield address


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many tests were left out that need a Kafka broker, PostgreSQL or a browser."""
    skipped = [str(each.longrepr) for each in terminalreporter.stats.get("skipped", ())]
    rooms = {
        "on a Kafka broker": kafka_broker.NOTHING_TESTED,
        "on PostgreSQL": postgres_server.NOTHING_TESTED,
        "in a browser": browser.NOTHING_TESTED,
    }
    for where, said in rooms.items():
        left_out = sum(said in each for each in skipped)
        if left_out:
            terminalreporter.write_line(f"{left_out} tests {where} were left out.", yellow=True)

"""docs/monitoring.md shows a terminal: a run, a restore and a broker that stands still look as they do there."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clients import Admin, Producer, ProducerRecord
from streams.runtime.worker.summary import Pace, Summary
from tests.engines import broker_pid, local_engine
from tests.streams.cli.test_terminal import ROOT, Seen, statuses

SCRIPT = """
from streams import Serdes
T = Serdes.string()
def topology(builder):
    orders = builder.stream("orders", key_serde=T, value_serde=T)
    orders.group_by_key().count(store="orders-by-customer").to_stream().to("counts", value_serde=Serdes.long())
"""
COLUMNS = 100
PAGE = (ROOT / "docs" / "monitoring.md").read_text("utf-8").partition("### On a terminal")[2]


def lines_of(block: str) -> list[str]:
    """What was wrapped at the edge of the terminal, put together."""
    whole: list[str] = []
    for line in block.splitlines():
        assert len(line) <= COLUMNS
        if re.match(r"\d{4}-\d\d-|orders: |streams-app: ", line):
            whole.append(line)
        else:
            whole[-1] += line
    return whole


def plain(line: str) -> str:
    """Without what differs from run to run: figures, the directory, and where the terminal was at its edge."""
    line = re.sub(r"data in .*", "data in D", line)
    return re.sub(r"[\d,.]*\d|\s", lambda found: "" if found[0].isspace() else "0", line)


RUN, RESTORE, RESTORED, STOPPED = (lines_of(block) for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)[:4])


def shown(seen: Seen, lines: list[str]) -> bool:
    """Are all of them on the screen, but for a status line that is cut?"""
    there = [plain(line) for line in seen.screen.lines]
    return all(
        any(each.startswith(plain(line).rstrip("…")) for each in there) if line.endswith("…") else plain(line) in there
        for line in lines
    )


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with local_engine(tmp_path / "data") as address:
        with Admin(bootstrap_servers=address) as admin:
            admin.create_topic("orders", 2)
            admin.create_topic("counts", 2)
        yield address


def test_the_page_shows_a_run_a_restore_and_a_broker_that_stands_still(tmp_path: Path, address: str) -> None:
    script = tmp_path / "job.py"
    script.write_text(SCRIPT, "utf-8")

    def started() -> Seen:
        return Seen("run", str(script), "-a", "orders", "-b", address)

    seen = started()
    try:
        seen.read_until(lambda: any(line.startswith("orders: RUNNING") for line in statuses(seen)))
        with Producer(bootstrap_servers=address) as producer:
            for number in range(2_000):
                key = None if number % 500 == 7 else b"customer%d" % number
                producer.send(ProducerRecord("orders", b"v", key, partition=number % 2))
        seen.read_until(lambda: any("(2,000 in all), lag 0, 4 dropped" in line for line in statuses(seen)))
        seen.read_until(lambda: shown(seen, RUN))
        broker = broker_pid(tmp_path / "data")
        assert broker is not None
        os.kill(broker, signal.SIGSTOP)
        try:
            seen.read_until(lambda: shown(seen, STOPPED))
        finally:
            os.kill(broker, signal.SIGCONT)
        assert seen.end() == 130
    finally:
        seen.close()
    shutil.rmtree(tmp_path / "data" / "state")
    seen = started()
    try:
        seen.read_until(lambda: shown(seen, [*RESTORE[:-1], *RESTORED]))
    finally:
        seen.close()


def test_the_status_line_of_a_restore_is_the_one_on_the_page() -> None:
    pace = Pace(0.0)
    pace.line(Summary("REBALANCING", restored=142_740, to_restore=500_000), 1.0)
    line = "orders: " + pace.line(Summary("REBALANCING", restored=232_060, to_restore=500_000), 2.0)
    assert line[: COLUMNS - 1] + "…" == RESTORE[-1]

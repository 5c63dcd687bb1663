"""Clients that ask for what they wrote, while their instances are killed, stand still and come and go; and bugs that
such clients find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.planted_queries import PLANTED_QUERIES
from tests.crash.queries import fleet, torment
from tests.crash.questions import Askers
from tests.streams.apps import wait_for


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_who_asks_for_what_it_wrote_is_told_that_or_to_ask_again(tmp_path: Path, guarantee: str) -> None:
    with fleet(tmp_path, 2, guarantee=guarantee) as running:
        askers = Askers(6, running.topic, running.servers, running.endpoints)
        askers.start()
        try:
            for deed in (running.leave, running.freeze, running.kill_broker, running.kill):
                before = askers.answered
                running.befall(deed)
                wait_for(lambda: askers.answered > before + 20)  # noqa: B023
        finally:
            told = askers.stop()
    assert told.violations == []
    assert told.answers["503"] + sum(count for name, count in told.answers.items() if not name.isdigit()) > 0


@pytest.mark.parametrize("bug", PLANTED_QUERIES)
def test_a_bug_that_gives_wrong_answers_is_found(tmp_path: Path, bug: str) -> None:
    with fleet(tmp_path, 2, planted=bug) as running:
        askers = Askers(6, running.topic, running.servers, running.endpoints)
        askers.start()
        try:
            torment(running, askers, 60, 1.0)
        finally:
            told = askers.stop()
    assert told.violations

"""Records of Kafka Connect's topic of configurations, and what they mean."""

from __future__ import annotations

from streams.connect.json_value import Json
from streams.connect.worker.config_state import (
    ConfigState,
    Restart,
    TargetState,
    TaskId,
    connector_entry,
    delete_entries,
    fenced_entry,
    restart_entry,
    target_entry,
    task_entries,
)

CONFIG = {"connector.class": "FileSource", "name": "a"}


def state_of(*entries: tuple[str, Json]) -> ConfigState:
    state = ConfigState()
    for key, value in entries:
        state.take(key, value)
    return state


def test_tasks_count_from_their_commit_on() -> None:
    first, second, commit = task_entries("a", [{"n": "0"}, {"n": "1"}])
    state = state_of(connector_entry("a", CONFIG), first, second)
    assert state.tasks("a") == []
    state.take(*commit)
    assert state.tasks("a") == [TaskId("a", 0), TaskId("a", 1)]
    assert (state.connectors["a"].tasks[1], state.connectors["a"].divided) == ({"n": "1"}, CONFIG)


def test_tasks_that_compaction_has_taken_in_part_are_made_anew() -> None:
    first, _, commit = task_entries("a", [{"n": "0"}, {"n": "1"}])
    assert state_of(connector_entry("a", CONFIG), first, commit).tasks("a") == []


def test_new_tasks_wait_until_those_before_are_fenced() -> None:
    state = state_of(connector_entry("a", CONFIG), *task_entries("a", [{}]))
    assert state.connectors["a"].unfenced
    state.take(*fenced_entry("a", 1))
    assert not state.connectors["a"].unfenced
    state = state_of(*delete_entries("a"), fenced_entry("a", 3))
    assert state.fenced_counts == {"a": 3}


def test_stopped_is_paused_for_those_who_do_not_know_it() -> None:
    key, value = target_entry("a", TargetState.STOPPED)
    assert (key, value) == ("target-state-a", {"state": "PAUSED", "state.v2": "STOPPED"})
    state = state_of((key, value), connector_entry("a", CONFIG))
    assert state.connectors["a"].target is TargetState.STOPPED
    for value, wanted in (({"state": "PAUSED"}, TargetState.PAUSED), (None, TargetState.STARTED)):
        state.take("target-state-a", value)
        assert state.connectors["a"].target is wanted


def test_a_deleted_connector_is_gone_with_its_tasks() -> None:
    state = state_of(connector_entry("a", CONFIG), *task_entries("a", [{}]), *delete_entries("a"))
    assert (state.connectors, state.all_tasks()) == ({}, [])
    state.take(*connector_entry("a", CONFIG))
    assert state.tasks("a") == []


def test_a_restart_is_done_once() -> None:
    wanted = Restart("a", True, False)
    key, value = restart_entry(wanted)
    assert (key, value) == ("restart-connector-a", {"include-tasks": True, "only-failed": False})
    assert ConfigState().take(key, value) == wanted


def test_what_a_later_version_has_written_is_passed_over() -> None:
    later: list[tuple[str, Json]] = [("session-key", {"key": "x"}), ("unheard-of-a", {}), ("connector-", 5)]
    assert state_of(*later, ("target-state-a", {"state": "FLYING"})).connectors == {}

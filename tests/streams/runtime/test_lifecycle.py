"""The states of an application."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import IllegalStateException
from streams.runtime.worker.lifecycle import NEXT, Lifecycle, State


@given(st.lists(st.sampled_from(State), max_size=20))
@settings(max_examples=100, deadline=None)
def test_only_javas_transitions_happen_and_each_is_told_once(wanted: list[State]) -> None:
    life, told = Lifecycle("me"), list[tuple[State, State]]()
    life.listener = lambda new, old: told.append((new, old))
    now = State.CREATED
    expected = []
    for state in wanted:
        went = life.go(state)
        assert went == (state in NEXT[now])
        if went:
            expected.append((state, now))
            now = state
        assert life.state is now
    assert told == expected


def test_a_transition_that_must_happen_is_refused_in_javas_words() -> None:
    life = Lifecycle("me")
    life.must_go(State.REBALANCING)
    with pytest.raises(
        IllegalStateException, match="Stream-client me: Unexpected state transition from REBALANCING to NOT_RUNNING"
    ):
        life.must_go(State.NOT_RUNNING)


def test_a_listener_that_fails_is_logged_and_the_change_stands(caplog: pytest.LogCaptureFixture) -> None:
    life = Lifecycle("me")
    life.listener = lambda new, old: 1 / 0
    assert life.go(State.REBALANCING) and life.state is State.REBALANCING
    assert "me: the state listener failed" in caplog.text


def test_who_waits_is_woken() -> None:
    life = Lifecycle("me")
    assert not life.wait_for(lambda state: state is State.RUNNING, 0.01)
    thread = threading.Thread(target=lambda: (life.go(State.REBALANCING), life.go(State.RUNNING)))
    thread.start()
    assert life.wait_for(lambda state: state is State.RUNNING, 30)
    thread.join()


def test_what_states_mean() -> None:
    assert [state for state in State if state.is_final] == [State.NOT_RUNNING, State.ERROR]
    assert [state for state in State if state.is_running_or_rebalancing] == [State.REBALANCING, State.RUNNING]
    assert [state for state in State if state.is_ending] == [State.PENDING_SHUTDOWN, State.PENDING_ERROR]
    assert all(state.has_completed_shutdown == state.is_final for state in State)
    assert all(not NEXT[state] for state in State if state.is_final)

"""Who waits is asked again when woken or due, once, in order; against a list that is searched."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.broker.waits import Later, Waits

step = st.one_of(
    st.tuples(st.just("park"), st.sets(st.integers(0, 3)), st.none() | st.integers(0, 50)),
    st.tuples(st.just("wake"), st.integers(0, 3)),
    st.tuples(st.just("time"), st.integers(0, 20)),
    st.tuples(st.just("drop"), st.integers(0, 4)),
)


def later(keys: set[int], deadline: int | None) -> Later:
    return Later(tuple(keys), deadline, lambda at: None)


@given(st.lists(step, max_size=40))
@settings(max_examples=100, deadline=None)
def test_against_a_list(steps: list[tuple[str, object, object]]) -> None:
    waits: Waits[int] = Waits()
    model: list[tuple[int, set[int], int | None]] = []
    woken: set[int] = set()
    now = number = 0
    for name, *rest in steps:
        match name, rest:
            case "park", [set(keys), deadline]:
                assert deadline is None or isinstance(deadline, int)
                waits.park(number, later(keys, deadline))
                model.append((number, keys, deadline))
                number += 1
            case "wake", [key]:
                waits.wake([key])
                woken |= {who for who, keys, _ in model if key in keys}
            case "time", [int(by)]:
                now += by
                due = {who for who, _, deadline in model if deadline is not None and deadline <= now}
                expected = sorted(due | woken)
                assert [who for who, _ in waits.ready(now)] == expected
                model = [each for each in model if each[0] not in expected]
                woken.clear()
            case "drop", [int(which)]:
                waits.drop(lambda who, which=which: who % 5 == which)
                model = [each for each in model if each[0] % 5 != which]
                woken = {who for who in woken if who % 5 != which}
        assert len(waits) == len(model)
        deadlines = [deadline for _, _, deadline in model if deadline is not None]
        assert waits.next_due() == (-1 if woken else min(deadlines, default=None))


def test_those_that_wait_for_much_are_taken_out_a_few_at_a_time() -> None:
    waits: Waits[str] = Waits()
    for who in "abc":
        waits.park(who, later(set(range(100)), None))
    waits.wake([7])
    assert [who for who, _ in waits.ready(0, most=150)] == ["a", "b"]
    assert waits.next_due() == -1
    assert [who for who, _ in waits.ready(0, most=150)] == ["c"]
    assert waits.ready(0, most=150) == []

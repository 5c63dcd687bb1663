"""Applications on a cluster where everything goes wrong, and the cluster itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from streams.testing import ProcessKilled, SimulatedProcess, SimulatedWorld
from tests.simulation.faults import Kinds
from tests.simulation.running import Wanted, run_all, run_one
from tests.simulation.simulation import GUARANTEES, WORKLOADS

SEEDS = 100
PARTS = 4


def _wrong(wanted: list[Wanted]) -> list[str]:
    return [f"{one.command}: {outcome.problems[:3]}" for one, outcome in run_all(wanted, 1) if outcome.problems]


@pytest.mark.parametrize("guarantee", GUARANTEES)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_the_guarantee_holds(guarantee: str, part: int) -> None:
    assert _wrong([Wanted(seed, guarantee) for seed in range(1 + part, SEEDS + 1, PARTS)]) == []


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_wall_clock_that_is_set_keeps_no_commit_waiting(guarantee: str) -> None:
    jumps = Kinds(drawn=("clock jump",))
    assert _wrong([Wanted(seed, guarantee, "word-count", jumps) for seed in range(1, 13)]) == []


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_seed_gives_the_same_run_in_any_process(workload: str) -> None:
    """Text hashes to other numbers there: nothing may go by the order of a set."""
    one = Wanted(11, GUARANTEES[-1], workload)
    code = f"from tests.simulation.running import *; print(run_one({one!r})[1].digest)"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert said.stdout.strip() == run_one(one)[1].digest, said.stderr


def _world() -> tuple[SimulatedWorld, SimulatedProcess, list[str]]:
    world = SimulatedWorld(3)
    return world, world.process("victim"), []


def test_a_killed_process_does_nothing_any_more_not_even_tidy_up() -> None:
    world, process, seen = _world()

    def body() -> None:
        try:
            for number in range(100):
                process.sleep(10)
                seen.append(str(number))
        except BaseException as error:
            seen.append(type(error).__name__)
            raise
        finally:
            seen.append("tidied up")

    def main() -> list[str]:
        process.start("victim", body)
        world.sleep(35)
        process.kill()
        world.sleep(1_000)
        return list(seen)

    assert world.run(main) == ["0", "1", "2"]
    assert seen[3:] == [ProcessKilled.__name__, "tidied up"]  # when the simulation was over


def test_whoever_swallows_a_kill_still_ends() -> None:
    world, process, seen = _world()

    def body() -> None:
        while True:
            try:
                process.sleep(10)
                seen.append("lives")
            except BaseException:
                continue

    def main() -> None:
        process.start("victim", body)
        world.sleep(15)
        process.kill()

    world.run(main)
    assert seen == ["lives"]


def test_a_frozen_process_goes_on_where_it_was_and_its_deadlines_have_passed() -> None:
    world, process, _ = _world()
    times: list[int] = []

    def body() -> None:
        for _ in range(3):
            process.sleep(10)
            times.append(int(world.monotonic_ms()))

    def main() -> None:
        process.start("victim", body)
        world.sleep(15)
        process.freeze()
        world.sleep(500)
        process.wake()

    world.run(main)
    assert times == [10, 515, 525]


def test_a_process_dies_at_the_step_that_was_named_and_what_it_held_is_given_back() -> None:
    world, process, seen = _world()
    process.at_end.append(lambda: seen.append("its lock is free"))

    def body() -> None:
        for number in range(10):
            process.step()
            seen.append(str(number))

    def main() -> None:
        process.after(3, process.kill)
        process.start("victim", body)
        world.sleep(1)

    world.run(main)
    assert seen == ["0", "1", "its lock is free"]


def test_events_happen_in_order_and_what_one_raises_ends_the_simulation() -> None:
    world, seen = SimulatedWorld(3), list[str]()

    def fail() -> None:
        raise ValueError("an event")

    def main() -> None:
        world.at(20, lambda: seen.append("second"))
        world.at(10, lambda: seen.append("first"))
        world.sleep(30)
        world.at(10, fail)
        world.sleep(30)

    with pytest.raises(ValueError, match="an event"):
        world.run(main)
    assert seen == ["first", "second"]


def test_the_wall_clock_can_be_set_and_time_goes_on_as_it_does() -> None:
    world = SimulatedWorld(3)

    def main() -> tuple[int, int]:
        wall, since = world.now_ms(), int(world.monotonic_ms())
        world.set_clock(-60_000)
        return world.now_ms() - wall, int(world.monotonic_ms()) - since

    assert world.run(main) == (-60_000, 0)

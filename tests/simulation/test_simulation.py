"""The same seed gives the same run of a whole application, byte for byte; and the world itself."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from streams.clients.connect import connect
from streams.errors import ConfigException
from streams.runtime.worker.guarantee import AT_LEAST_ONCE
from streams.testing import SimulatedWorld, SimulationStuck
from tests.logs import quiet
from tests.simulation.application import digest_of, taken_over


def test_the_same_seed_gives_the_same_trace_twenty_times() -> None:
    assert len({digest_of(1) for _ in range(20)}) == 1


def test_another_seed_gives_another_trace_and_the_same_counts() -> None:
    assert len({digest_of(seed) for seed in range(2, 6)}) == 4


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_trace_is_the_same_in_another_process(hash_seed: str) -> None:
    """There text hashes to other numbers: nothing may go by the order of a set."""
    code = "from tests.simulation.application import digest_of; print(digest_of(1))"
    said = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True
    )
    assert said.stdout.strip() == digest_of(1), said.stderr


@pytest.mark.parametrize("step", [name for name, _ in AT_LEAST_ONCE.commit])
def test_the_state_of_a_worker_that_died_is_taken_over_by_the_next(step: str) -> None:
    """It lies in the files of the world, so that only what the database lacks is read from the changelog."""
    with quiet():
        one = taken_over(7, step)
    assert all(one.counts[word] >= count for word, count in one.truth.items())
    if step in ("promote", "changelogs", "purge"):  # the whole commit is made: nothing is done twice
        assert one.counts == one.truth
    assert one.restored < one.changelog / 2


def test_an_hour_passes_at_once() -> None:
    world = SimulatedWorld(1)

    def main() -> tuple[float, int]:
        before = world.now_ms()
        world.sleep(3_600_000)
        return world.monotonic_ms(), world.now_ms() - before

    monotonic, wall = world.run(main)
    assert 3_600_000 <= monotonic < 3_600_001 and wall == 3_600_000


def test_who_holds_a_condition_is_alone_and_all_are_woken() -> None:
    world, inside, seen = SimulatedWorld(3), [0], list[int]()
    changed = world.condition()

    def body() -> None:
        for _ in range(5):
            with changed, changed:  # its holder may take it again
                inside[0] += 1
                seen.append(inside[0])
                changed.wait(0.010)
                world.give_way()
                inside[0] -= 1
                changed.notify_all()

    def main() -> bool:
        threads = [world.start(f"t{number}", body) for number in range(3)]
        return all(thread.ended() for thread in threads)

    assert world.run(main)
    assert inside == [0] and max(seen) == 3  # all three waited at once, and nobody was lost


def test_a_poll_ends_with_a_signal_or_with_its_time() -> None:
    world = SimulatedWorld(5)

    def main() -> list[int]:
        first, second = world.signal(), world.signal()

        def later() -> None:
            world.sleep(50)
            second.set()

        world.start("later", later)
        descriptors = {first.fileno(), second.fileno()}
        counts = [len(world.poll(descriptors, 10)), len(world.poll(descriptors, 1_000)), int(world.monotonic_ms())]
        second.clear()
        return [*counts, len(world.poll(descriptors, 10))]

    assert world.run(main) == [0, 1, 50, 0]


def test_threads_that_wait_for_each_other_are_named() -> None:
    world = SimulatedWorld(7)
    condition = world.condition()

    def main() -> None:
        def body() -> None:
            with suppress(SimulationStuck), condition:
                condition.wait()

        world.start("other", body)
        with condition:
            condition.wait()

    named = r"Nobody can go on at .* ms: main waits for a condition; other waits for a condition"
    with pytest.raises(SimulationStuck, match=named):
        world.run(main)


@pytest.mark.parametrize("address", ["local://somewhere", "local://127.0.0.1:9092?token=endpoint"])
def test_only_an_engine_of_this_process_lives_in_another_world(address: str) -> None:
    with pytest.raises(ConfigException, match="lives in the machine's world"):
        connect(address, world=SimulatedWorld(1))

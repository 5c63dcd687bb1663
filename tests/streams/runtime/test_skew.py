"""How far tasks may go: who waits for whom and how long; and, against a model, that nothing stands still and nothing
overtakes by more than the bound."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.record import TopicPartition
from streams.runtime.tasks.skew import AGAIN_AFTER_MS, UNHEARD, Bound, Limit, Part, Skew, Standing
from streams.topology.node import TaskId

BOUND = 100
WAIT, FAR = 5_000, 60_000
NOW = 1_000_000
A, B, C = TaskId(0, 0), TaskId(0, 1), TaskId(0, 2)
WRITERS = Bound(frozenset({0}), frozenset({"r"}), frozenset(), {0: frozenset()}, BOUND)
BOTH = Bound(frozenset({0, 1}), frozenset({"r"}), frozenset(), {0: frozenset(), 1: frozenset({0})}, BOUND)


def at(task: TaskId, head: int | None, last: int = UNHEARD, end: int | None = None, position: int = 0) -> Standing:
    """A task with one source partition."""
    where = TopicPartition(f"in-{task.subtopology}", task.partition)
    return Standing(task, (Part(where, head, last, position, end),))


def ended(task: TaskId) -> Standing:
    return at(task, None, 5, end=9, position=9)


def skew(bound: Bound = WRITERS) -> Skew:
    return Skew([bound], WAIT, FAR)


def looked(
    skew: Skew, *standings: Standing, now: float = 0, elsewhere: Mapping[TaskId, int | None] | None = None
) -> dict[TaskId, int]:
    skew.look(standings, elsewhere or {}, NOW, now)
    return {task: limit.upto for task, limit in skew.limits([{}] * len(skew.bounds)).items()}


def test_nobody_goes_further_than_the_bound_beyond_the_oldest() -> None:
    assert looked(skew(), at(A, 50), at(B, 500)) == {A: 150, B: 150}


def test_one_task_alone_has_nobody_to_wait_for() -> None:
    assert looked(skew(), at(A, 50)) == {}


def test_a_partition_that_has_not_been_fetched_holds_all_up_where_it_stood() -> None:
    assert looked(skew(), at(A, 50), at(B, None, last=30)) == {A: 130, B: 130}
    assert looked(skew(), at(A, 50), at(B, None)) == {A: UNHEARD + BOUND, B: UNHEARD + BOUND}


def test_an_empty_partition_has_no_time() -> None:
    assert looked(skew(), at(A, 50), at(B, 700), ended(C)) == {A: 150, B: 150}


def test_a_task_that_has_reached_an_end_neither_waits_nor_is_waited_for() -> None:
    one = skew()
    looked(one, at(A, 50), at(B, 500), ended(C))
    assert looked(one, at(A, 50), at(B, 500), at(C, 10), now=1) == {A: 150, B: 150}
    assert not one.catches_up(C)


def test_an_end_counts_once_what_lies_before_it_has_been_processed_even_under_steady_load() -> None:
    one = skew()
    assert looked(one, at(A, 50, end=20, position=1), at(B, 500)) == {A: 150, B: 150}
    assert looked(one, at(A, 60, end=40, position=19), at(B, 500)) == {A: 160, B: 160}
    assert looked(one, at(A, 60, end=50, position=20), at(B, 500)) == {}
    assert not one.catches_up(A) and one.catches_up(B)


def test_a_live_task_catches_up_again_after_ten_seconds_without_an_end_if_its_records_are_old() -> None:
    one = skew()
    looked(one, ended(A), ended(B))
    looked(one, at(A, 50), at(B, NOW - BOUND), now=AGAIN_AFTER_MS - 1)
    assert not one.catches_up(A)
    looked(one, at(A, 50), at(B, NOW - BOUND), now=AGAIN_AFTER_MS)
    assert one.catches_up(A)
    assert not one.catches_up(B), "its records are as young as the bound"


def test_live_traffic_with_a_slow_and_a_silent_partition_waits_for_nobody() -> None:
    one = skew()
    looked(one, ended(A), ended(B), ended(C))
    for second in range(60):
        now, time = second * 1_000, NOW + second * 1_000
        fast = at(A, time, end=second, position=second)
        slow = at(B, time - 50 * BOUND, end=second, position=second)
        assert looked(one, fast, slow, ended(C), now=now) == {}


def test_a_record_of_the_far_future_waits_until_the_others_are_live() -> None:
    one, future = skew(), 10**13
    assert looked(one, at(A, future), at(B, 50)) == {A: 150, B: 150}
    assert looked(one, at(A, future), ended(B), now=1) == {}


def test_whoever_reads_what_others_write_catches_up_as_long_as_they_do() -> None:
    one, reader, other = skew(BOTH), TaskId(1, 0), TaskId(1, 1)
    looked(one, at(A, 50), ended(reader), at(other, 20))
    assert one.catches_up(reader) and one.catches_up(other)
    looked(one, ended(A), ended(reader), at(other, 30))
    assert not one.catches_up(A) and one.catches_up(other), "what was written before waits there still"
    looked(one, ended(A), ended(reader), ended(other))
    assert not one.catches_up(other)


def test_a_live_reader_is_not_disturbed_by_a_worker_that_nobody_has_heard_of_yet() -> None:
    one, reader = skew(BOTH), TaskId(1, 0)
    looked(one, ended(reader), elsewhere={A: None})
    assert not one.catches_up(reader)
    looked(one, at(reader, 10), elsewhere={A: UNHEARD}, now=1)
    assert not one.catches_up(reader)
    looked(one, at(reader, 10), elsewhere={A: 7}, now=2)
    assert one.catches_up(reader)


def test_what_is_put_out_and_not_sent_holds_up_like_what_waits() -> None:
    one = skew()
    one.look([at(A, 50), at(B, 500)], {}, NOW, 0)
    assert one.limits([{A: 20}]) == {A: Limit(120), B: Limit(120)}


def test_a_task_that_has_just_come_to_its_end_is_named_once_so_that_its_last_records_leave_first() -> None:
    one = skew()
    looked(one, at(A, 50), at(B, 500))
    assert one.arrived == []
    looked(one, ended(A), at(B, 500), now=1)
    assert one.arrived == [A]
    looked(one, ended(A), at(B, 500), now=2)
    assert one.arrived == []


def test_an_empty_topic_need_not_be_idled_for_when_all_who_write_it_are_beyond() -> None:
    reader = TaskId(1, 0)
    full = Part(TopicPartition("other", 0), 60, 50, 3, None)
    empty = Part(TopicPartition("r", 0), None, 40, 9, 9)
    one = skew(BOTH)

    def complete(written: int, unsent: Mapping[TaskId, int], part: Part = empty) -> bool:
        one.look([at(A, written), Standing(reader, (full, part))], {}, NOW, 0)
        return one.limits([unsent])[reader].complete

    assert complete(61, {})
    assert not complete(60, {}), "it may write one of the same time"
    assert not complete(61, {A: 55}), "an older one is not sent yet"
    assert not complete(61, {}, empty._replace(unread=True)), "an older one is sent and not read"
    assert not complete(61, {}, empty._replace(partition=TopicPartition("source", 0))), "nobody here writes it"


def test_whoever_does_not_move_is_passed_by_after_the_wait_and_told_of_once() -> None:
    one = skew()
    stuck, other = at(A, None, last=50), at(B, 500)
    assert looked(one, stuck, other) == {A: 150, B: 150}
    assert looked(one, stuck, other, now=WAIT - 1) == {A: 150, B: 150}
    assert looked(one, stuck, other, now=WAIT) == {A: 600, B: 600}
    [passed] = one.passed
    assert (passed.task, passed.time, passed.partition) == (A, 50, TopicPartition("in-0", 0))
    assert looked(one, stuck, at(B, 9_000), now=WAIT + 1) == {A: 9_100, B: 9_100}
    assert one.passed == []


def test_a_task_that_moves_again_is_waited_for_again() -> None:
    one = skew()
    looked(one, at(A, None, last=50), at(B, 500))
    looked(one, at(A, None, last=50), at(B, 500), now=WAIT)
    assert looked(one, at(A, 60), at(B, 600), now=WAIT + 1) == {A: 160, B: 160}


def test_only_the_one_that_does_not_move_is_passed_by_and_not_those_who_wait_with_it() -> None:
    one = skew()
    standings = (at(A, None, last=50), at(B, 500), at(C, 9_000))
    looked(one, *standings)
    assert looked(one, *standings, now=WAIT) == {A: 600, B: 600, C: 600}
    assert [passed.task for passed in one.passed] == [A]


def test_whoever_moves_slowly_is_not_passed_by() -> None:
    one = skew()
    for step in range(20):
        slow = at(A, 50, position=step)  # many records of one time, each taking long
        assert looked(one, slow, at(B, 500), now=step * (WAIT - 1)) == {A: 150, B: 150}
        assert one.passed == []


def test_those_who_still_move_within_the_bound_put_off_the_end_of_the_wait_and_not_for_ever() -> None:
    """Whoever moves comes to the bound, here or elsewhere: nothing that moves can keep a stuck one waited for."""
    one, now, stuck = skew(), 0, at(A, None, last=50)
    for here in range(60, 160, 10):
        now += WAIT - 1
        looked(one, stuck, at(B, min(here, 151)), elsewhere={C: min(here + 5, 151)}, now=now)
        assert one.passed == []
    looked(one, stuck, at(B, 151), elsewhere={C: 151}, now=now + 1)
    assert looked(one, stuck, at(B, 151), elsewhere={C: 151}, now=now + 1 + WAIT) == {A: 251, B: 251}
    assert [passed.task for passed in one.passed] == [A]


def test_tasks_elsewhere_and_restores_are_waited_for_longer() -> None:
    one = skew()
    restoring = at(A, None, last=50)._replace(restoring=True)
    for now in (0, WAIT, FAR - 1):
        assert looked(one, restoring, at(B, 500), now=now) == {A: 150, B: 150}
        assert one.passed == []
    assert looked(one, restoring, at(B, 500), now=FAR)[B] == 600

    one = skew()
    for now in (0, WAIT, FAR - 1):
        assert looked(one, at(B, 500), elsewhere={A: UNHEARD}, now=now) == {B: UNHEARD + BOUND}
    assert looked(one, at(B, 500), elsewhere={A: UNHEARD}, now=FAR) == {B: 600}
    assert [(passed.task, passed.partition) for passed in one.passed] == [(A, None)]
    assert looked(one, at(B, 500), elsewhere={A: 70}, now=FAR + 1) == {B: 170}, "it has been heard of"


def test_words_that_say_the_end_hold_nobody() -> None:
    assert looked(skew(), at(B, 500), elsewhere={A: None}) == {}
    assert looked(skew(), at(B, 500), elsewhere={A: None, C: 40}) == {B: 140}


def test_others_are_told_the_time_of_those_who_are_behind_and_of_nobody_else() -> None:
    one = skew()
    looked(one, at(A, 50), ended(B), at(C, None, last=7))
    assert [one.time(s) for s in (at(A, 50), ended(B), at(C, None, last=7))] == [50, None, 7]


# Against a model: sources with gaps, fetched in pieces, by several workers that hear of each other late.

GAPS = st.lists(st.sampled_from([0, 1, 30, BOUND, 20 * BOUND]), max_size=25)


class Source:
    """A partition in the order of time, and a task that writes what it reads to one log."""

    def __init__(self, task: TaskId, gaps: Sequence[int]) -> None:
        self.task = task
        self.times = [sum(gaps[: at + 1]) for at in range(len(gaps))]
        self.fetched = self.done = 0
        self.polled = False

    def fetch(self, count: int) -> None:
        self.fetched = min(len(self.times), self.fetched + count)
        self.polled = True

    @property
    def finished(self) -> bool:
        return self.done == len(self.times)

    def standing(self) -> Standing:
        head = self.times[self.done] if self.done < self.fetched else None
        last = self.times[self.done - 1] if self.done else UNHEARD
        end = self.fetched if self.polled and self.fetched == len(self.times) else None
        return Standing(self.task, (Part(TopicPartition("in", self.task.partition), head, last, self.done, end),))

    def run(self, limit: Limit | None, most: int) -> list[int]:
        ran = self.times[self.done : self.fetched][:most]
        if limit is not None:
            ran = ran[: next((at for at, time in enumerate(ran) if time > limit.upto), len(ran))]
        self.done += len(ran)
        return ran


class Crew:
    """A worker with some of the sources. `words` is what it last said."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.skew = Skew([WRITERS], WAIT, FAR)
        self.words: dict[TaskId, int | None] = {source.task: UNHEARD for source in sources}
        self.looked = False

    def turn(self, heard: Mapping[TaskId, int | None], now: int, most: int) -> list[int]:
        self.skew.look([source.standing() for source in self.sources], heard, NOW, now)
        assert self.skew.passed == [], "nobody is stuck"
        self.looked = True
        limits = self.skew.limits([{}])
        return [time for source in self.sources for time in source.run(limits.get(source.task), most)]

    def speak(self) -> None:
        if self.looked:
            self.words = {source.task: self.skew.time(source.standing()) for source in self.sources}


@given(st.lists(GAPS, min_size=2, max_size=6), st.integers(1, 3), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_nothing_stands_still_and_nothing_overtakes_by_more_than_the_bound(
    partitions: list[list[int]], workers: int, chance: random.Random
) -> None:
    sources = [Source(TaskId(0, number), gaps) for number, gaps in enumerate(partitions)]
    crews = [Crew(sources[number::workers]) for number in range(min(workers, len(sources)))]
    highest, now = UNHEARD, 0
    heard: dict[int, dict[TaskId, int | None]] = {}

    def turn(number: int) -> None:
        nonlocal highest
        others = {t: w for n, crew in enumerate(crews) if n != number for t, w in crew.words.items()}
        if chance.random() < 0.5 or number not in heard:  # else it goes by what it heard before
            heard[number] = others
        for time in crews[number].turn(heard[number], now, chance.randint(1, 9)):
            assert time >= highest - BOUND
            highest = max(highest, time)

    for _ in range(200):
        now += 1
        deed = chance.random()
        if deed < 0.4:
            chance.choice(sources).fetch(chance.randint(0, 7))
        elif deed < 0.8:
            turn(chance.randrange(len(crews)))
        else:
            chance.choice(crews).speak()
    for _ in range(2_000):
        now += 1
        if all(source.finished for source in sources):
            break
        for source in sources:
            source.fetch(3)
        for number, crew in enumerate(crews):
            turn(number)
            crew.speak()
    assert all(source.finished for source in sources), "it stands still"

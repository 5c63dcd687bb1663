"""What workers tell each other: its bytes, when it counts, and when there is something to say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.group.progress import AGAIN_MS, SOON_MS, Heard, Speaker, Word, read_word, write_word
from streams.runtime.tasks.skew import UNHEARD
from streams.topology.node import TaskId

ONE, TWO = TaskId(0, 1), TaskId(3, 2)
TIMES = st.none() | st.integers(-1, 2**62)
TASKS = st.builds(TaskId, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))


@given(st.integers(-1, 2**31 - 1), st.dictionaries(TASKS, TIMES))
def test_a_word_is_read_as_it_was_written(generation: int, times: dict[TaskId, int | None]) -> None:
    word = Word(generation, times)
    assert read_word(write_word(word)) == word


def test_the_bytes_are_those_of_the_page() -> None:
    assert write_word(Word(7, {ONE: 1_000, TWO: None})).hex() == (
        "01" "00000007" "00000002"
        "00000000" "00000001" "00" "00000000000003e8"
        "00000003" "00000002" "01" "0000000000000000"
    )  # fmt: skip


@given(st.binary(max_size=60))
def test_bytes_that_are_no_word_are_passed_over(data: bytes) -> None:
    word = read_word(data)
    assert word is None or write_word(word) == data


def test_a_later_version_is_passed_over() -> None:
    assert read_word(b"\x02" + write_word(Word(7, {ONE: 1}))[1:]) is None
    assert read_word(None) is None


def said(heard: Heard, key: bytes, word: Word) -> None:
    heard.hear([key], [write_word(word)])


def test_a_task_that_nobody_spoke_for_is_unheard() -> None:
    heard = Heard(b"me")
    assert heard.elsewhere(1, frozenset({ONE})) == {ONE: UNHEARD}


def test_the_last_word_of_a_worker_counts_and_only_in_its_generation() -> None:
    heard = Heard(b"me")
    said(heard, b"you", Word(4, {ONE: 10}))
    said(heard, b"you", Word(5, {ONE: 20, TWO: None}))
    assert heard.elsewhere(5, frozenset({ONE, TWO})) == {ONE: 20, TWO: None}
    assert heard.elsewhere(6, frozenset({ONE, TWO})) == {ONE: UNHEARD, TWO: UNHEARD}
    said(heard, b"you", Word(6, {ONE: 30}))
    assert heard.elsewhere(6, frozenset({ONE, TWO})) == {ONE: 30, TWO: UNHEARD}


def test_a_workers_own_words_and_tasks_that_it_did_not_ask_for_are_passed_over() -> None:
    heard = Heard(b"me")
    said(heard, b"me", Word(1, {ONE: 5}))
    said(heard, b"you", Word(1, {TWO: 5}))
    assert heard.elsewhere(1, frozenset({ONE})) == {ONE: UNHEARD}


def test_a_quarter_of_the_bound_is_said_at_once_and_less_a_little_later() -> None:
    speaker = Speaker(250)
    assert speaker.due(Word(1, {ONE: 0}), 0)
    assert not speaker.due(Word(1, {ONE: 249}), 1)
    assert speaker.due(Word(1, {ONE: 250}), 2)
    assert not speaker.due(Word(1, {ONE: None}), 2 + SOON_MS - 1)
    assert speaker.due(Word(1, {ONE: None}), 2 + SOON_MS)


def test_a_new_generation_is_spoken_in_at_once() -> None:
    speaker = Speaker(250)
    assert speaker.due(Word(1, {ONE: None}), 0)
    assert speaker.due(Word(2, {ONE: None}), 1)


def test_what_is_behind_is_said_again_and_at_rest_nothing_is_said() -> None:
    speaker = Speaker(250)
    assert speaker.due(Word(1, {ONE: 7}), 0)
    assert not speaker.due(Word(1, {ONE: 7}), AGAIN_MS - 1)
    assert speaker.due(Word(1, {ONE: 7}), AGAIN_MS)
    assert speaker.due(Word(1, {ONE: None}), 2 * AGAIN_MS)
    assert not speaker.due(Word(1, {ONE: None}), 1_000_000)

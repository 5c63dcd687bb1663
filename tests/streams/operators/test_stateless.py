"""Stateless steps, through the real compiler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.errors import NullPointerException, StreamsException
from streams.operators import stateless
from streams.operators.base import Call, StepMaker
from tests.streams.runtime.walking import Row, Walked, sink, source, step


def walked(*makers: StepMaker) -> Walked:
    names = ["in", *(f"step-{at}" for at in range(len(makers)))]
    steps = [step(names[at + 1], names[at], make) for at, make in enumerate(makers)]
    return Walked([source(), *steps, sink(names[-1])])


def one(make: StepMaker, *rows: Row) -> list[Row]:
    return walked(make).pipe("in", *rows)


def test_filter_passes_what_the_predicate_says() -> None:
    rows = [("a", "1", 1), ("b", "22", 2), (None, "333", 3), ("d", None, 4)]
    longer = stateless.filter_(lambda key, value: value is not None and len(value) > 1)
    assert one(longer, *rows) == [(b"b", b"22", 2), (None, b"333", 3)]
    rest = stateless.filter_(lambda key, value: value is not None and len(value) > 1, negate=True)
    assert one(rest, *rows) == [(b"a", b"1", 1), (b"d", None, 4)]


def test_map_gives_new_key_and_value() -> None:
    swap = stateless.map_(lambda key, value: (value, key))
    assert one(swap, ("a", "b", 5), (None, "c", 6)) == [(b"b", b"a", 5), (b"c", None, 6)]


def test_map_values_in_both_forms() -> None:
    assert one(stateless.map_values(Call(str.upper, False)), ("a", "b", 5)) == [(b"a", b"B", 5)]
    both = stateless.map_values(Call(lambda key, value: key + value, True))
    assert one(both, ("a", "b", 5)) == [(b"a", b"ab", 5)]


def test_flat_map_and_flat_map_values() -> None:
    pairs = stateless.flat_map(lambda key, value: [(word, key) for word in value.split()])
    assert one(pairs, ("a", "x y", 5), ("b", "", 6)) == [(b"x", b"a", 5), (b"y", b"a", 5)]
    values = stateless.flat_map_values(Call(str.split, False))
    assert one(values, ("a", "x y", 5), ("b", "", 6)) == [(b"a", b"x", 5), (b"a", b"y", 5)]


def test_select_key_drop_null_keys_and_peek() -> None:
    seen: list[object] = []
    walk = walked(
        stateless.peek(lambda key, value: seen.append((key, value))),
        stateless.select_key(lambda key, value: value or None),
        stateless.drop_null_keys(),
        stateless.pass_through(),
    )
    assert walk.pipe("in", ("a", "x", 1), ("b", "", 2)) == [(b"x", b"x", 1)]
    assert seen == [("a", "x"), ("b", "")]
    assert walk.dropped == 0


def test_foreach_ends_the_branch() -> None:
    seen: list[object] = []
    walk = Walked([source(), step("each", "in", stateless.foreach(lambda key, value: seen.append(value)))])
    assert walk.pipe("in", ("a", "x", 1)) == []
    assert seen == ["x"]


def test_print_writes_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Walked([source(), step("p", "in", stateless.print_("label"))]).pipe("in", ("a", "x", 1), (None, None, 2))
    assert capsys.readouterr().out == "[label]: a, x\n[label]: null, null\n"
    file = tmp_path / "out.txt"
    walk = Walked([source(), step("p", "in", stateless.print_("l", lambda key, value: key + value, str(file)))])
    walk.pipe("in", ("a", "x", 1))
    walk.task.close(clean=True)
    assert file.read_text() == "[l]: ax\n"


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (stateless.map_(lambda key, value: None), "KeyValueMapper"),  # type: ignore[arg-type, return-value]
        (stateless.flat_map(lambda key, value: None), "KeyValueMapper"),
        (stateless.flat_map_values(Call(lambda value: None, False)), "ValueMapper"),
    ],
)
def test_a_mapper_that_returns_none_fails_with_javas_words(make: StepMaker, named: str) -> None:
    with pytest.raises(StreamsException) as caught:
        one(make, ("a", "x", 1))
    assert str(caught.value) == (
        "Exception caught in process. taskId=0_0, processor=step-0, topic=in, partition=0, offset=0"
    )
    assert isinstance(caught.value.__cause__, NullPointerException)
    assert str(caught.value.__cause__) == f"The provided {named} returned null which is not allowed."


def test_a_generator_is_read_as_its_values_go_on() -> None:
    order: list[str] = []

    def values(value: str) -> Iterator[str]:
        for part in value:
            order.append(f"made {part}")
            yield part

    walk = walked(
        stateless.flat_map_values(Call(values, False)),
        stateless.peek(lambda key, value: order.append(f"seen {value}")),
    )
    walk.pipe("in", ("a", "xy", 1))
    assert order == ["made x", "seen x", "made y", "seen y"]


def test_headers_go_through_every_step() -> None:
    walk = walked(
        stateless.filter_(lambda key, value: True),
        stateless.flat_map_values(Call(str.split, False)),
        stateless.map_(lambda key, value: (key, value)),
    )
    headers = (("h", b"1"), ("h", None))
    assert walk.pipe("in", ("a", "x y", 1, headers), ("b", "z", 2)) == [
        (b"a", b"x", 1, headers),
        (b"a", b"y", 1, headers),
        (b"b", b"z", 2),
    ]

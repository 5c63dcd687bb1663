"""Branches."""

from __future__ import annotations

from streams.operators.base import Call
from streams.operators.branch import branch
from streams.operators.stateless import map_values
from tests.streams.runtime.walking import Walked, sink, source, step


def test_each_record_takes_the_first_branch_that_wants_it() -> None:
    asked: list[str] = []

    def starts(letter: str, value: str) -> bool:
        asked.append(letter)
        return value.startswith(letter)

    walk = Walked(
        [
            source(),
            step(
                "split",
                "in",
                branch(
                    [lambda k, v: starts("a", v), lambda k, v: starts("ab", v), lambda k, v: starts("b", v), None],
                    ["as", "never", "bs", "rest"],
                ),
            ),
            *(
                step(name, "split", map_values(Call(lambda value, name=name: f"{name}:{value}", False)))
                for name in ("as", "never", "bs", "rest")
            ),
            sink("as never bs rest"),
        ]
    )
    assert walk.pipe("in", ("k", "ab", 1), ("k", "b", 2), ("k", "c", 3)) == [
        (b"k", b"as:ab", 1),
        (b"k", b"bs:b", 2),
        (b"k", b"rest:c", 3),
    ]
    assert asked == ["a", "a", "ab", "b", "a", "ab", "b"]


def test_without_a_default_branch_the_rest_goes_nowhere() -> None:
    walk = Walked([source(), step("split", "in", branch([lambda k, v: v == "x"], ["xs"])), sink("split", name="xs")])
    assert walk.pipe("in", ("k", "y", 1), ("k", "x", 2)) == [(b"k", b"x", 2)]


def test_a_hundred_branches() -> None:
    names = [f"b{at}" for at in range(100)]
    predicates = [lambda k, v, at=at: int(v) == at for at in range(100)]
    walk = Walked(
        [
            source(),
            step("split", "in", branch(predicates, names)),
            *(sink("split", name=name, topic=name) for name in names),
        ]
    )
    walk.pipe("in", *(("k", str(at), at) for at in range(100)))
    assert walk.out == [(f"b{at}", (b"k", str(at).encode(), at)) for at in range(100)]

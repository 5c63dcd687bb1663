"""Bugs to be planted into queries, which clients that ask for what they have written must find."""

from __future__ import annotations

from collections.abc import Callable

from streams.http.problem import Problem
from streams.query.answers import ABSENT, Answers
from streams.query.position import Position


def bound_ignored() -> None:
    """Stores answer wherever they stand."""

    def lacks(self: Position, bound: Position, partition: int | None) -> None: ...

    setattr(Position, "lacks", lacks)  # noqa: B010


def absent_on_its_way() -> None:
    """A key is absent where its task is on its way."""

    def absent(self: Answers, store: str, partition: int, generation: int, forwarded: bool) -> Problem:
        return Problem(404, ABSENT, "It is not here.")

    setattr(Answers, "_not_here", absent)  # noqa: B010


PLANTED_QUERIES: dict[str, Callable[[], None]] = {
    "bound-ignored": bound_ignored,
    "absent-on-its-way": absent_on_its_way,
}

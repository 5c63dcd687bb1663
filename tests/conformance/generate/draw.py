"""Draws from one seed: the same seed gives the same case."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class Draw:
    """One seed's draws."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._names: Counter[str] = Counter()

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self._random.randrange(len(choices))]

    def weighted(self, choices: dict[T, float]) -> T:
        return self._random.choices(list(choices), list(choices.values()))[0]

    def between(self, low: int, high: int) -> int:
        """Both ends included."""
        return self._random.randint(low, high)

    def some(self, choices: Sequence[T], low: int, high: int) -> list[T]:
        """Between `low` and `high` of the choices, without repetition, in random order."""
        return self._random.sample(list(choices), min(self.between(low, high), len(choices)))

    def name(self, word: str) -> str:
        """`word` with a number that no other name of this case has."""
        self._names[word] += 1
        return f"{word}{self._names[word]}"

    def maybe(self, probability: float, **fields: Any) -> dict[str, Any]:
        """The fields, or none of them."""
        return fields if self.chance(probability) else {}

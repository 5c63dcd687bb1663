"""Bugs that are planted in the product while seeds are simulated, to see that the simulation finds them.

Each replaces one function, or one list of steps, of the product; which is held to be there. `seeds.json` has the seed
at which each was found first; tests simulate those again. `python -m tests.simulation planted` searches them anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tests.simulation.simulation import AT_LEAST_ONCE, EXACTLY_ONCE

Thing = Any
"""A function of the product, or a list of its steps."""


@dataclass(frozen=True)
class Planted:
    """One bug.

    Args:
        name: of the bug.
        says: what goes wrong in words.
        place: what is replaced, as `module:name` or `module:name.attribute`.
        instead: from what is there to what is put there.
        guarantee: under which it is searched.
        workload: in which; None: any.
        faults: kinds that are drawn; none: all.
        also: what is replaced beside, since something else would keep the bug from doing harm.
        but: what begins so is no find: it comes of `also`.
    """

    name: str
    says: str
    place: str
    instead: Callable[[Thing], Thing]
    guarantee: str = EXACTLY_ONCE
    workload: str | None = None
    faults: tuple[str, ...] = ()
    also: tuple[tuple[str, Callable[[Thing], Thing]], ...] = ()
    but: str | None = None


@contextmanager
def planted(bug: Planted) -> Iterator[None]:
    """The product has this bug inside."""
    with ExitStack() as places:
        for place, instead in ((bug.place, bug.instead), *bug.also):
            places.enter_context(_replaced(place, instead))
        yield


@contextmanager
def _replaced(place: str, instead: Callable[[Thing], Thing]) -> Iterator[None]:
    module, _, path = place.partition(":")
    owner: Thing = import_module(module)
    *outer, name = path.split(".")
    for each in outer:
        owner = getattr(owner, each)
    original = vars(owner)[name] if isinstance(owner, type) else getattr(owner, name)
    setattr(owner, name, instead(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


__all__ = ["AT_LEAST_ONCE", "EXACTLY_ONCE", "Planted", "Thing", "planted"]

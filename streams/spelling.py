"""What is meant by a name that is not there: Java's spelling of it, or one that is near."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn, TypeVar

C = TypeVar("C", bound=type)

_hump = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """Java's spelling of a name in Python's: `map_values` of `mapValues`."""
    return _hump.sub("_", name).lower()


def meant(name: str, known: Iterable[str]) -> str:
    """` Did you mean map_values?` for `mapValues`; nothing where no name is near.

    Args:
        name: what was written.
        known: the names there are; those that begin with an underscore are not proposed.
    """
    public = [each for each in known if not each.startswith("_")]
    ours = snake(name)
    for way in (ours, f"{ours}_", ours.removeprefix("get_"), ours.removeprefix("set_")):
        if way in public:
            return f" Did you mean {way}?"
    near = get_close_matches(name, public, 1, 0.6) or get_close_matches(ours, public, 1, 0.6)
    return f" Did you mean {near[0]}?" if near else ""


def corrects_names(kind: C) -> C:
    """A public class that says which name is meant where one is asked for that is not there. Type checkers see nothing
    of it: to them such a name is an error, as it should be."""
    setattr(kind, "__getattr__", _no_attribute)  # noqa: B010  (a type of its own to checkers)
    return kind


def _no_attribute(thing: object, name: str) -> NoReturn:
    """What Python asks for what is not there.

    Raises:
        AttributeError: always, with the name that is meant.
    """
    kind = type(thing)
    hint = "" if name.startswith("_") else meant(name, dir(kind))
    text = f"{kind.__name__!r} object has no attribute {name!r}.{hint}"
    raise AttributeError(text, name=name, obj=None)  # without the object Python adds no guess of its own

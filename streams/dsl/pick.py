"""Options of a call: objects told apart by type, in any order, or their fields as keywords (decision 27)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from streams.arguments import none_given
from streams.errors import IllegalArgumentException
from streams.spelling import meant

A = TypeVar("A")
B = TypeVar("B")

Options = tuple[object, ...]
"""What was given by position."""
Fields = Mapping[str, object]
"""What was given by keyword."""


def pick(
    method: str, kind: type[A], options: Options, keywords: Fields, missing: str
) -> A | None:
    """The one option of a method that takes one kind; None where nothing of it was given.

    Args:
        method: for messages.
        kind: the option's class.
        options: what was given by position.
        keywords: what was given by keyword.
        missing: the text for a None among the positions.
    Raises:
        NullPointerException: None was given.
        IllegalArgumentException: something else, twice the same, an unknown keyword, or object and keyword of a kind.
    """
    found = _sorted(method, (kind,), options, keywords, missing).get(kind)
    return found if isinstance(found, kind) else None


def pick_two(
    method: str,
    first: type[A],
    second: type[B],
    options: Options,
    keywords: Fields,
    missing: str,
) -> tuple[A | None, B | None]:
    """The options of a method that takes two kinds, each None where nothing of it was given."""
    found = _sorted(method, (first, second), options, keywords, missing)
    one, two = found.get(first), found.get(second)
    return (one if isinstance(one, first) else None, two if isinstance(two, second) else None)


def _sorted(
    method: str,
    kinds: tuple[type[Any], ...],
    options: Options,
    keywords: Fields,
    missing: str,
) -> dict[type[Any], object]:
    found: dict[type[Any], object] = {}
    takes = " and ".join(kind.__name__ for kind in kinds)
    for option in options:
        if option is None:
            raise none_given(missing)
        kind = next((k for k in kinds if isinstance(option, k)), None)
        if kind is None:
            raise IllegalArgumentException(f"{method}() takes {takes} as options, got {option!r}.{_class_hint(option)}")
        if kind in found:
            raise IllegalArgumentException(f"{method}() was given {kind.__name__} twice.")
        found[kind] = option
    return {**found, **_from_keywords(method, kinds, found, keywords)}


def _from_keywords(
    method: str, kinds: tuple[type[Any], ...], found: Mapping[type[Any], object], keywords: Fields
) -> dict[type[Any], object]:
    given: dict[type[Any], dict[str, object]] = {}
    for name, value in keywords.items():
        having = [kind for kind in kinds if name in _keywords(kind)]
        if not having:
            known = list(dict.fromkeys(n for kind in kinds for n in _keywords(kind)))
            raise IllegalArgumentException(
                f"{method}() knows no keyword {name!r}; it takes {', '.join(known)}.{meant(name, known)}"
            )
        free = [kind for kind in having if kind not in found]
        if not free:
            raise IllegalArgumentException(
                f"{method}() was given {name}= and also {having[0].__name__}; "
                f"put it into the object, or give keywords only."
            )
        for kind in free:
            given.setdefault(kind, {})[_keywords(kind)[name]] = value
    return {kind: kind(**arguments) for kind, arguments in given.items()}


def _class_hint(option: object) -> str:
    return f" Give an object of it: {option.__name__}(…)." if isinstance(option, type) else ""


def _keywords(kind: type[Any]) -> dict[str, str]:
    """Keyword and field: a field's own name, and Java's where that is a factory of the class."""
    own = {f.name: f.name for f in fields(kind)}
    return own | {f.metadata["also"]: f.name for f in fields(kind) if "also" in f.metadata}

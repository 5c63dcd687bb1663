"""A transform in its chain: for the records that its predicate names."""

from __future__ import annotations

from streams.connect.predicates.base import Predicate
from streams.connect.records import R
from streams.connect.transforms.base import Transform


class Stage:
    """A transform with its predicate.

    Args:
        name: the alias in `transforms`.
        transform: what is done.
        predicate: for which records; None: for all.
        negate: for those that it does not name?
    """

    __slots__ = ("_negate", "_predicate", "name", "transform")

    def __init__(self, name: str, transform: Transform, predicate: Predicate | None, negate: bool) -> None:
        self.name = name
        self.transform = transform
        self._predicate = predicate
        self._negate = negate

    def apply(self, record: R) -> R | None:
        """The changed record, or the same; None: it goes no further."""
        if self._predicate is not None and self._predicate.test(record) is self._negate:
            return record
        return self.transform.apply(record)

"""Iterators over stores as users see them: decoded, context managers, and a warning for one that is left open.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self

from statestore.api import RowIterator
from streams.errors import InvalidStateStoreException, NoSuchElementException
from streams.type_variables import K, V


class KeyValueIterator(Generic[K, V]):
    """Rows of a store, pairs of key and value (Java's `KeyValueIterator`), as it was when the iterator was opened.

    Use it in a `with`, or `close` it: while it is open, the store keeps what is overwritten. It closes itself at its
    end.
    """

    __slots__ = ("_decode", "_held", "_lease", "_name", "_rows")

    def __init__(self, name: str, rows: RowIterator[Any], decode: Callable[[Any], tuple[K, V]], lease: Lease) -> None:
        self._name = name
        self._lease = lease
        self._rows: RowIterator[Any] | None = rows
        self._decode = decode
        self._held: list[tuple[K, V]] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[K, V]:
        if self._held:
            return self._held.pop()
        rows = self._rows
        if rows is None:
            raise StopIteration
        if not self._lease.is_open:
            self.close()
            raise InvalidStateStoreException(
                f"The task of the store {self._name} has been closed: what is left of the iterator cannot be read."
            )
        try:
            row = next(rows)
        except StopIteration:
            self.close()
            raise
        return self._decode(row)

    def has_next(self) -> bool:
        """Is there another row?

        Raises:
            InvalidStateStoreException: its task was closed.
        """
        if not self._held:
            try:
                self._held.append(next(self))
            except StopIteration:
                return False
        return True

    def peek_next_key(self) -> K:
        """The key of the next row, which stays.

        Raises:
            NoSuchElementException: there is none.
        """
        if not self.has_next():
            raise NoSuchElementException(f"The iterator over {self._name} has no further row.")
        return self._held[0][0]

    def close(self) -> None:
        """Lets go of the rows. A second call does nothing."""
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_rows", None) is not None:
            warnings.warn(
                f"An iterator over the store {self._name} was left open. Close it, or use it in a `with`.",
                ResourceWarning,
                stacklevel=2,
            )
            self.close()


WindowStoreIterator = KeyValueIterator[int, V]
"""Windows of one key: start (ms) and value (Java's `WindowStoreIterator`)."""


class Lease:
    """Says whether a store may still be used: its task closes it."""

    __slots__ = ("is_open",)

    def __init__(self) -> None:
        self.is_open = True

    def check(self, name: str) -> None:
        """
        Raises:
            InvalidStateStoreException: the store's task is closed.
        """
        if not self.is_open:
            raise InvalidStateStoreException(f"Store {name} is currently closed.")

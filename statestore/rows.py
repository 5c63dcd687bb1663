"""The iterator that stores hand out: a generator and what is to be let go when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Generic, Never, Self, TypeVar

Row = TypeVar("Row", covariant=True)


class Rows(Generic[Row]):
    """Implements `RowIterator`. Closing is idempotent; a collected iterator is closed."""

    __slots__ = ("_release", "_source")

    def __init__(self, source: Iterator[Row], release: Callable[[], None] | None = None) -> None:
        self._source = source
        self._release = release

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        try:
            return next(self._source)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        release, self._release = self._release, None
        self._source = iter(())
        if release is not None:
            release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class FewRows(Generic[Row]):
    """Implements `RowIterator` over rows that are all there: nothing is held, and a loop runs over the list itself."""

    __slots__ = ("_source",)

    def __init__(self, rows: Iterator[Row]) -> None:
        self._source = rows

    def __iter__(self) -> Iterator[Row]:
        return self._source

    def __next__(self) -> Row:
        return next(self._source)

    def close(self) -> None:
        self._source = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


NO_ROWS: Final[FewRows[Never]] = FewRows(iter(()))
"""Always exhausted, so that one serves all."""

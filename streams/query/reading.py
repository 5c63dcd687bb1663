"""Reading one partition of a store: by the thread that asks where that is safe, else by the worker that owns it.

What was read counts only if the task is still here afterwards (`LocalStore.check`): a task that moves meanwhile gives
"ask again", never an answer that is old or empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from streams.errors import InvalidStateStoreException, RetryAfterException, TimeoutException
from streams.state.local_store import Isolated, LocalStore

T = TypeVar("T")
Reads = TypeVar("Reads")
Row = TypeVar("Row")
After = TypeVar("After")

PAGE = 1_000
"""Rows that are read at once. A page is of one moment; between two of them the store goes on."""
BUSY_S = 0.5


class AnyThread(Protocol):
    """Rows that may be read by any thread, one at a time."""

    @property
    def any_thread(self) -> bool: ...


Single = TypeVar("Single", bound=AnyThread)


def isolated(local: LocalStore, kind: Isolated[Reads] | None, what: str) -> Isolated[Reads]:
    """The store as one of its kind.

    Raises:
        InvalidStateStoreException: it is of another kind.
    """
    if kind is None:
        raise InvalidStateStoreException(f"The state store {local.name} is no {what}.")
    return kind


def read(local: LocalStore, reads: Single, question: Callable[[Single], T], timeout_ms: float, now: bool = False) -> T:
    """One row of a store.

    Args:
        reads: the store's rows, under some isolation.
        question: reads of them what is asked for.
        timeout_ms: how long the worker is waited for, where it has to be asked.
        now: this is the worker's thread.
    Raises:
        RetryAfterException: the task has moved meanwhile, or its worker has not answered in time.
    """
    if reads.any_thread or now:
        return checked(local, lambda: question(reads))
    return answered(local, lambda: question(reads), timeout_ms)


def checked(local: LocalStore, question: Callable[[], T]) -> T:
    """What was read, if the task is still here."""
    try:
        found = question()
    except Exception:
        local.check()  # a store that is closed under the hand fails in many ways
        raise
    local.check()
    return found


def answered(local: LocalStore, question: Callable[[], T], timeout_ms: float) -> T:
    """What the worker answers.

    Raises:
        RetryAfterException: it has not in time, or the task has moved.
    """
    answer = local.ask(lambda: checked(local, question))
    try:
        found = answer.result(timeout_ms)
    except TimeoutException:
        local.check()
        raise busy(local, timeout_ms) from None
    local.check()
    return found


def busy(local: LocalStore, timeout_ms: float) -> RetryAfterException:
    """The worker has not answered in time."""
    return RetryAfterException(
        f"The worker of partition {local.partition} of {local.name} is busy and has not answered within "
        f"{timeout_ms:.0f} ms. Ask again, or give it more time.",
        BUSY_S,
    )


class Page(Generic[Row]):
    """Some rows, and whether there are more behind them."""

    __slots__ = ("more", "rows")

    def __init__(self, rows: list[Row], more: bool) -> None:
        self.rows = rows
        self.more = more


Scan = Callable[[After | None], Iterator[Row]]
"""The rows behind one that was read."""


def page(scan: Scan[After, Row], identity: Callable[[Row], After], after: After | None, most: int = PAGE) -> Page[Row]:
    """One page, by the worker. Rows that cannot be told apart stay together."""
    rows = scan(after)
    found = list(islice(rows, most))
    if len(found) < most:
        return Page(found, False)
    last = identity(found[-1])
    for row in rows:
        if identity(row) != last:
            return Page(found, True)
        found.append(row)
    return Page(found, False)


class Pages(Generic[Row]):
    """The rows of one partition, page by page. Implements `RowIterator`.

    Args:
        fetch: a page behind a row, None at first.
        identity: what tells a row from others.
    """

    __slots__ = ("_fetch", "_last", "_more", "_rows")

    def __init__(self, fetch: Callable[[After | None], Page[Row]], identity: Callable[[Row], After]) -> None:
        def more() -> Page[Row]:
            last = self._last
            return fetch(identity(last[-1]) if last else None)

        self._fetch = more
        self._last: list[Row] = []
        self._rows: Iterator[Row] = iter(())
        self._more = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        while True:
            for row in self._rows:
                return row
            if not self._more:
                raise StopIteration
            found = self._fetch()
            self._more = found.more
            self._last = found.rows[-1:]
            self._rows = iter(found.rows)

    def close(self) -> None:
        """No further page is asked for."""
        self._rows, self._more = iter(()), False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

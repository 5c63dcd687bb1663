"""The process's one asyncio thread (decision 19): runs the awaitables of asynchronous steps for all workers.

It is started by the first call and ends with the process. A worker waits here for all that it asked for; its own
thread touches no loop. Should the thread end before, for a task that asks for the end of the process or a fault of
ours, whoever waits is told so by name, and the next call starts another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from inspect import isawaitable

from streams.errors import BackgroundThreadException, StreamsException, TimeoutException
from streams.operators.base import Outcome
from streams.world import SYSTEM, lock

NAME = "streams-asyncio"

Ask = Callable[[], Awaitable[object]]

log = logging.getLogger("streams.runtime")

_lock = lock()
_loops: list[asyncio.AbstractEventLoop] = []
_waiting: set[Future[list[Outcome]]] = set()


def gather(asks: Sequence[Ask], most: int, timeout_ms: int | None) -> list[Outcome]:
    """Awaits what each of `asks` gives, and waits until all are done; outcomes are in the order of `asks`.

    Args:
        most: how many may be in flight.
        timeout_ms: of each; None: any time. What takes longer is cancelled.
    Raises:
        BackgroundThreadException: the thread has ended meanwhile.
    """
    with _lock:
        waited = asyncio.run_coroutine_threadsafe(_all(asks, most, timeout_ms), _loop())
        _waiting.add(waited)
    try:
        return waited.result()
    finally:
        _waiting.discard(waited)


def _loop() -> asyncio.AbstractEventLoop:
    """Under the lock."""
    if not _loops:
        loop = asyncio.new_event_loop()
        SYSTEM.start(NAME, partial(_run, loop))
        _loops.append(loop)
    return _loops[0]


def _run(loop: asyncio.AbstractEventLoop) -> None:
    cause: BaseException | None = None
    try:
        loop.run_forever()
    except BaseException as error:  # asyncio lets SystemExit and KeyboardInterrupt of a task through
        cause = error
        log.exception("The thread that runs asynchronous steps ended.")
    with _lock:
        _loops.remove(loop)
        left = list(_waiting)
    for waited in left:
        failure = BackgroundThreadException(
            f"The thread that runs asynchronous steps ended while calls were in flight: {cause!r}."
        )
        failure.__cause__ = cause
        with suppress(InvalidStateError):  # it was answered just before
            waited.set_exception(failure)


async def _all(asks: Sequence[Ask], most: int, timeout_ms: int | None) -> list[Outcome]:
    outcomes = [Outcome(None, None)] * len(asks)
    waiting = iter(enumerate(asks))
    await asyncio.gather(*(_work(waiting, outcomes, timeout_ms) for _ in range(min(most, len(asks)))))
    return outcomes


async def _work(waiting: Iterator[tuple[int, Ask]], outcomes: list[Outcome], timeout_ms: int | None) -> None:
    """One of those who take what waits, one after the other."""
    for at, ask in waiting:
        outcomes[at] = await _one(ask, timeout_ms)


async def _one(ask: Ask, timeout_ms: int | None) -> Outcome:
    try:
        async with asyncio.timeout(None if timeout_ms is None else timeout_ms / 1000) as limit:
            asked: object = ask()
            if not isawaitable(asked):
                raise StreamsException(
                    f"The function of map_values_async() gave {type(asked).__name__}, which cannot be awaited; write "
                    "it as `async def`, or use map_values()."
                )
            return Outcome(await asked, None)
    except TimeoutError as error:
        if limit.expired():
            return Outcome(None, TimeoutException(f"The asynchronous call has not answered within {timeout_ms} ms."))
        return Outcome(None, error)
    except asyncio.CancelledError:
        return Outcome(None, StreamsException("The asynchronous call was cancelled by itself."))
    except Exception as error:
        return Outcome(None, error)
    except BaseException as error:  # sys.exit() in a step: it may end the worker that asked, never this thread
        failure = StreamsException(f"The asynchronous call asked for the end: {error!r}.")
        failure.__cause__ = error
        return Outcome(None, failure)

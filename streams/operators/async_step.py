"""`map_values_async`: the records of a run are taken here, awaited together, and go on in the order they came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import NamedTuple, cast

from streams.operators.base import Call, Code, Down, Entry, Operator, Outcome, Rec, RecordContext, Scope, StepMaker
from streams.record import Headers


class _Taken(NamedTuple):
    """A record that waits for the end of its run."""

    key: object
    value: object
    timestamp: int
    context: RecordContext


class _Settled(NamedTuple):
    """What the entry after the step is called with in the value's place."""

    value: object
    outcome: Outcome

    def result(self) -> object:
        """What the function gave, or raises what it raised."""
        if self.outcome.error is not None:
            raise self.outcome.error
        return self.outcome.value


class _MapAsync:
    __slots__ = ("_call", "_context", "_entry", "_most", "_scope", "_taken", "_timeout")

    def __init__(self, scope: Scope, call: Call, most: int, timeout_ms: int | None) -> None:
        self._scope = scope
        self._call = call
        self._most = most
        self._timeout = timeout_ms
        # Taking it says that this node asks: the records go on when their run is over.
        self._context = scope.context
        self._taken: list[_Taken] = []
        self._entry: Entry | None = None
        scope.at_run_end(self._drain, most)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        def go_on(rec: Rec, child: str | None = None) -> None:
            given = rec._replace(value=code.let("value", f"{rec.value}.value"))
            with code.attempt(given, "result", f"{rec.value}.result()") as result:
                down(given._replace(value=result))

        self._entry = code.entry(go_on, "awaited", change=False)
        code.line(f"{code.use(self._take, 'take')}({rec.key}, {rec.value}, {rec.ts}, {rec.headers})")

    def _take(self, key: object, value: object, timestamp: int, headers: Headers | None) -> None:
        context = self._context()._replace(timestamp=timestamp, headers=headers or ())
        self._taken.append(_Taken(key, value, timestamp, context))

    def _drain(self) -> Iterator[RecordContext]:
        """Awaits what was taken, then passes it on; gives each record's context before it goes on."""
        taken, self._taken = self._taken, []
        if not taken or self._entry is None:
            return
        outcomes = self._scope.gather([self._asked(each) for each in taken], self._most, self._timeout)
        for each, outcome in zip(taken, outcomes, strict=True):
            yield each.context
            self._entry.call(each.key, _Settled(each.value, outcome), each.timestamp, each.context, None, True)

    def _asked(self, taken: _Taken) -> Callable[[], Awaitable[object]]:
        fn = cast(Callable[..., Awaitable[object]], self._call.fn)
        return partial(fn, taken.key, taken.value) if self._call.with_key else partial(fn, taken.value)

    def close(self) -> None:
        self._taken.clear()


def map_values_async(call: Call, most: int, timeout_ms: int | None) -> StepMaker:
    """The call gives something to be awaited, whose result is the new value.

    All records of a run are awaited together and go on in the order they came. What raises, or does not answer in
    time, goes to the processing exception handler.

    Args:
        most: how many calls may be in flight.
        timeout_ms: of one call; None: any time.
    """

    def make(scope: Scope) -> Operator:
        return _MapAsync(scope, call, most, timeout_ms)

    return make

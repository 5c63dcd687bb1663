"""Steps that look at one record and remember nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Set
from typing import TextIO

from streams.dropped import NULL_KEY
from streams.errors import IllegalArgumentException, NullPointerException
from streams.operators.base import Call, Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.calls import done, refuse_unrun, truth
from streams.operators.dropping import drop

Predicate = Callable[[object, object], object]
Write = Callable[[Code, Rec, Down], None]


class Step:
    """A step that needs nothing of its task: the function that writes it."""

    __slots__ = ("write_step",)

    def __init__(self, write_step: Write) -> None:
        self.write_step = write_step

    def close(self) -> None:
        pass


def _maker(write_step: Write) -> StepMaker:
    step: Operator = Step(write_step)
    return lambda scope: step


def applied(code: Code, call: Call, rec: Rec) -> str:
    """The text of a call with the key and value of a record, in the form that the user's function takes."""
    fn = code.use(call.fn)
    return f"{fn}({rec.key}, {rec.value})" if call.with_key else f"{fn}({rec.value})"


def with_key(rec: Rec, key: str, value: str | None = None) -> Rec:
    """The record under another key: the bytes that were read no longer stand for it."""
    return rec._replace(key=key, value=rec.value if value is None else value, raw_key="", key_serde=None)


def _refuse(what: str) -> Callable[[object], bool]:
    """What looks at the result of a mapper that is none of the usual ones."""

    def refuse(given: object) -> bool:
        if given is None:
            raise NullPointerException(f"The provided {what} returned null which is not allowed.")
        return refuse_unrun(given, may_yield=True)

    return refuse


_refuse_pairs = _refuse("KeyValueMapper")
_refuse_values = _refuse("ValueMapper")


def _refuse_pair(given: object) -> None:
    _refuse_pairs(given)
    if isinstance(given, str | bytes | Mapping | Set):  # of two characters, or two entries, it would be taken apart
        raise IllegalArgumentException(f"map() needs a pair (key, value), and its function gave {given!r}.")


def filter_(predicate: Predicate, negate: bool = False) -> StepMaker:
    """Passes on the records for which `predicate(key, value)` is true (with `negate`: is not)."""

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        fn = code.use(predicate)
        with (
            code.attempt(rec, "passed", truth(code, f"{fn}({rec.key}, {rec.value})")) as passed,
            code.block(f"if not {passed}" if negate else f"if {passed}"),
        ):
            down(rec)

    return _maker(write_step)


def map_(fn: Callable[[object, object], tuple[object, object]]) -> StepMaker:
    """`fn(key, value)` gives the new key and value."""

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        call, refuse = code.use(fn), code.use(_refuse_pair)
        key, value = code.name("key"), code.name("value")
        with code.guarded(rec):
            pair = code.let("pair", f"{call}({rec.key}, {rec.value})")
            with code.block(f"if {pair}.__class__ is not {code.use(tuple)}"):
                code.line(f"{refuse}({pair})")
            code.line(f"{key}, {value} = {pair}")
        with code.block("else"):
            down(with_key(rec, key, value))

    return _maker(write_step)


def map_values(call: Call) -> StepMaker:
    """The call gives the new value; the key stays."""

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        with code.attempt(rec, "value", applied(code, call, rec)) as value:
            down(rec._replace(value=value))

    return _maker(write_step)


def flat_map(fn: Callable[[object, object], object]) -> StepMaker:
    """`fn(key, value)` gives any number of pairs. A generator is read as its pairs are passed on."""

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        call, refuse = code.use(fn), code.use(_refuse_pairs)
        with code.guarded(rec):
            pairs = code.let("pairs", f"{call}({rec.key}, {rec.value})")
            with code.block(f"if {pairs}.__class__ is not {code.use(list)}"):
                code.line(f"{refuse}({pairs})")
            key, value = code.name("key"), code.name("value")
            with code.block(f"for {key}, {value} in {pairs}"):
                down(with_key(rec, key, value))

    return _maker(write_step)


def flat_map_values(call: Call) -> StepMaker:
    """The call gives any number of new values; the key stays. A generator is read as its values are passed on.
    """

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        refuse = code.use(_refuse_values)
        with code.guarded(rec):
            values = code.let("values", applied(code, call, rec))
            with code.block(f"if {values}.__class__ is not {code.use(list)}"):
                code.line(f"{refuse}({values})")
            value = code.name("value")
            with code.block(f"for {value} in {values}"):
                down(rec._replace(value=value))

    return _maker(write_step)


def select_key(fn: Callable[[object, object], object]) -> StepMaker:
    """`fn(key, value)` gives the new key."""

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        with code.attempt(rec, "key", f"{code.use(fn)}({rec.key}, {rec.value})") as key:
            down(with_key(rec, key))

    return _maker(write_step)


def peek(fn: Callable[[object, object], object]) -> StepMaker:
    """Calls `fn(key, value)` and passes the record on as it was."""

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        with code.attempt(rec, "seen", done(code, f"{code.use(fn)}({rec.key}, {rec.value})")):
            down(rec)

    return _maker(write_step)


def foreach(fn: Callable[[object, object], object]) -> StepMaker:
    """Calls `fn(key, value)`; nothing comes after it."""

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        with code.attempt(rec, "seen", done(code, f"{code.use(fn)}({rec.key}, {rec.value})")):
            pass

    return _maker(write_step)


def pass_through() -> StepMaker:
    """Passes on what comes: merges, table to stream, the node that bears a repartition's name."""

    def write_step(code: Code, rec: Rec, down: Down) -> None:
        down(rec)

    return _maker(write_step)


def drop_null_keys() -> StepMaker:
    """Passes on the records that have a key: in front of a repartition topic. As in Java those without are in no metric
    of dropped records; here they are told all the same."""

    def make(scope: Scope) -> Operator:
        no_key = scope.drop(NULL_KEY, counted=False)

        def write_step(code: Code, rec: Rec, down: Down) -> None:
            with code.block(f"if {rec.key} is not None"):
                down(rec)
            with code.block("else"):
                drop(code, no_key)

        return Step(write_step)

    return make


def _shown(thing: object) -> str:
    return "null" if thing is None else str(thing)


class Print:
    """Writes a line for each record: `[label]: key, value`, or what the mapper makes of them."""

    __slots__ = ("_file", "_label", "_mapper", "_owned")

    def __init__(self, label: str, mapper: Callable[[object, object], object] | None, file: str | None) -> None:
        self._label = label
        self._mapper = mapper
        self._file: TextIO | None = None
        if file is not None:
            self._file = open(file, "a", encoding="utf-8")  # noqa: SIM115 - closed with the task

    def write(self, key: object, value: object) -> None:
        mapper = self._mapper
        if mapper is None:
            text = f"{_shown(key)}, {_shown(value)}"
        else:
            said = mapper(key, value)
            refuse_unrun(said)
            text = _shown(said)
        out = self._file or sys.stdout
        out.write(f"[{self._label}]: {text}\n")
        out.flush()

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        with code.attempt(rec, "seen", f"{code.use(self.write)}({rec.key}, {rec.value})"):
            pass

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def print_(label: str, mapper: Callable[[object, object], object] | None = None, file: str | None = None) -> StepMaker:
    """Prints the records to standard output, or appends them to a file.

    Args:
        label: stands in brackets before each line.
        mapper: `mapper(key, value)` gives the text; None: `key, value`.
        file: path of the file; opened when the task is made, closed with it.
    """

    def make(scope: Scope) -> Operator:
        return Print(label, mapper, file)

    return make

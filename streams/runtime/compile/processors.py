"""A user's processor as an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.operators.base import Code, Down, Rec
from streams.operators.calls import done, refuse_unrun
from streams.processor import FixedKeyRecord, Record
from streams.runtime.compile.code import HEADERS
from streams.runtime.compile.contexts import ForwardingContext
from streams.runtime.compile.fuse import EntryPoint


class Processing:
    """Calls `process(record)` for each record; what it forwards enters the graph through an entry per child.

    Args:
        processor: a fresh one.
        context: given to its `init`, which is called by `initialize`.
        children: names of the nodes below.
    """

    __slots__ = ("_children", "_context", "_fixed_key", "_processor")

    def __init__(self, processor: Any, context: ForwardingContext, children: tuple[str, ...], fixed_key: bool) -> None:
        self._processor = processor
        self._context = context
        self._children = children
        self._fixed_key = fixed_key

    def initialize(self) -> None:
        """Calls the processor's `init`."""
        _called(self._processor, "init", self._context)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        def to(child: str) -> Callable[..., None]:
            return lambda below, _=None: down(below, child)

        entries: dict[str, EntryPoint] = {}
        for child in self._children:
            entry = code.entry(to(child), "child", change=False)
            assert isinstance(entry, EntryPoint)
            entries[child] = entry
        self._context.lead_to(entries)
        process = code.use(self._processor.process, "process")
        code.line(f"{code.use(self._context, 'context')}.timestamp = {rec.ts}")
        record = _record(code, rec, FixedKeyRecord if self._fixed_key else Record)
        with code.attempt(rec, "done", done(code, f"{process}({record})")):
            pass

    def close(self) -> None:
        """Calls the processor's `close`."""
        _called(self._processor, "close")


def _record(code: Code, rec: Rec, kind: type[object]) -> str:
    """Writes the lines that make a record. Field by field: the checks of its constructor, which hold here,
    would cost more than all the rest."""
    made = code.let("record", f"{code.use(object.__new__, 'new')}({code.use(kind, 'kind')})")
    fields = code.let("fields", f"{made}.__dict__")
    for field, text in (("key", rec.key), ("value", rec.value), ("timestamp", rec.ts)):
        code.line(f"{fields}['{field}'] = {text}")
    code.line(f"{fields}['headers'] = {HEADERS} or ()")
    return made


def _called(thing: object, method: str, *arguments: object) -> None:
    """Calls a method that may be left out."""
    found = getattr(thing, method, None)
    if found is not None:
        refuse_unrun(found(*arguments))

"""The sheet that operators write on: the text of all entry functions of one task.

Every function is rendered twice: *plain*, for records without headers, and *headed*. A line may differ
between the two. Nothing of the user's enters the text: outside objects come in through `use`, as arguments of
the function around the entries, so that they are fast local names inside.

    def make(f_1, get_2, ...):
        def source_0(rows): ...             plain
        def source_0h(rows): ...            headed return source_0, source_0h
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from streams.operators.base import Down, Entry, Rec
from streams.serdes.base import AnySerde, Serde

HEADERS = "headers_"
"""The variable that holds the headers in a headed function; its text is `None` in a plain one."""
ORIGIN = "origin_"
"""Stands for what `Code.origin` gives until it is known whether anybody below will ask."""

ROW = ("kb", "vb", "ts")
"""The variables of a row in a source's loop: the same in all of them, so that the loops can be merged."""
MERGED = "merged"
"""The function whose rows are of several sources."""

MAX_BLOCKS = 15
"""Nested loops and tries of one function; CPython allows 20."""
MAX_INDENT = 80
"""Levels of indentation of one function; CPython allows 99."""
MAX_NODES = 60
"""Nodes that are written into each other, which bounds the recursion of the writing."""

_BODY = 2
_nested = re.compile(r"(for|while|try|with)\b")
_letters = re.compile(r"[^a-z_]+")


class Line(NamedTuple):
    """A line of both variants (None: not in that one), and the node that wrote it.

    `spare` lines do not count as a use of the names in them (they are what runs after an error).
    """

    indent: int
    plain: str | None
    headed: str | None
    owner: str
    spare: bool = False


class Lazy(NamedTuple):
    """A name that is only computed if a line uses it: its text, where (index) its line belongs, and the line that
    stands there if nothing does ("": none)."""

    name: str
    text: str
    at: int
    indent: int
    unused: str
    owner: str


class Function:
    """One entry function while it is written."""

    __slots__ = ("blocks", "depth", "indent", "lazy", "lines", "name", "parameters", "prologue")

    def __init__(self, name: str, plain: str, headed: str) -> None:
        self.name = name
        self.parameters = (plain, headed)
        self.prologue: dict[str, str] = {}
        self.lines: list[Line] = []
        self.lazy: list[Lazy] = []
        self.indent = _BODY
        self.blocks = 0
        self.depth = 0

    @property
    def full(self) -> bool:
        """No further node should be written into this function."""
        return self.blocks >= MAX_BLOCKS or self.indent >= MAX_INDENT or self.depth >= MAX_NODES

    def uses(self, name: str) -> bool:
        """Is the name used where no error is handled?"""
        find = re.compile(rf"\b{name}\b").search
        return any(not line.spare and (find(line.plain or "") or find(line.headed or "")) for line in self.lines)


Open = Callable[[Down, str, AnySerde | None, bool], Entry]


class Sheet:
    """Implements `Code`. `owner` is the node whose step is being written, `parent` the one that forwards
    to it.
    """

    def __init__(self, guard: Callable[[str], Callable[..., None]], open_entry: Open) -> None:
        self._guard = guard
        self._open_entry = open_entry
        self._used: dict[int, str] = {}
        self._things: list[object] = []
        self._arguments: list[str] = []
        self._count = 0
        self._guards: dict[str, str] = {}
        self._known_bytes: dict[str, tuple[str, Serde[object]]] = {}
        self.functions: list[Function] = []
        self.function = Function("none", "", "")
        self.owner = ""
        self.parent = ""

    # Code

    def line(self, text: str) -> None:
        self.lines(text, text)

    def block(self, text: str) -> AbstractContextManager[None]:
        return self._indented(text + ":", _nested.match(text) is not None)

    def use(self, thing: object, hint: str = "f") -> str:
        found = self._used.get(id(thing))
        if found is None:
            found = self._used[id(thing)] = self.name(hint)
            self._things.append(thing)
            self._arguments.append(found)
        return found

    def name(self, hint: str) -> str:
        self._count += 1
        return f"{_letters.sub('', hint.lower()).strip('_') or 'x'}_{self._count}"

    def let(self, hint: str, text: str) -> str:
        name = self.name(hint)
        self.line(f"{name} = {text}")
        return name

    @contextmanager
    def attempt(self, rec: Rec, hint: str, text: str) -> Iterator[str]:
        names = ", ".join(self.name(part) for part in hint.split(","))
        with self.guarded(rec):
            self.line(f"{names} = {text}")
        with self.block("else"):
            yield names

    @contextmanager
    def guarded(self, rec: Rec) -> Iterator[None]:
        with self.block("try"):
            yield
        self.caught(f"{self._node_guard()}({{error}}, {rec.key}, {rec.value}, {rec.ts}, {HEADERS})")

    def origin(self, rec: Rec) -> str:
        return f"{ORIGIN}({rec.ts})"

    def entry(self, down: Down, hint: str, key_serde: AnySerde | None = None, change: bool = True) -> Entry:
        return self._open_entry(down, hint, key_serde, change)

    # what only the compiler writes

    def lines(self, plain: str | None, headed: str | None, spare: bool = False) -> None:
        """A line that differs between the variants."""
        function = self.function
        function.lines.append(Line(function.indent, plain, headed, self.owner, spare))

    def blocks(self, plain: str, headed: str) -> AbstractContextManager[None]:
        """A block whose first line differs."""
        return self._indented(plain + ":", _nested.match(plain) is not None, headed + ":")

    def caught(self, text: str) -> None:
        """The `except` of a `try` block just written; `{error}` in the text is the error's name."""
        error = self.name("error")
        self.line(f"except Exception as {error}:")
        self.function.indent += 1
        self.lines(text.format(error=error), text.format(error=error), spare=True)
        self.function.indent -= 1

    def once(self, hint: str, text: str) -> str:
        """A name that is assigned at the start of each call of the function."""
        prologue = self.function.prologue
        for name, known in prologue.items():
            if known == text:
                return name
        name = self.name(hint)
        prologue[name] = text
        return name

    def lazily(self, name: str, text: str, unused: str = "") -> None:
        """As `let`, but where nothing uses the name the line is `unused` (after an error the text is evaluated then).

        In a block that has no other line there must be an `unused` one.
        """
        function = self.function
        function.lazy.append(Lazy(name, text, len(function.lines), function.indent, unused, self.owner))

    def note_bytes(self, name: str, raw: str, serde: Serde[object]) -> None:
        """Variable `name` is what `serde` made of the bytes in variable `raw`."""
        self._known_bytes[name] = (raw, serde)

    def bytes_of(self, name: str, serde: Serde[object]) -> str:
        """The variable with the bytes of `name` under `serde`, as they were read; "" if there is none that may
        stand for it: the serde writes what it reads, and nobody can have changed the value since."""
        raw, known = self._known_bytes.get(name, ("", None))
        return raw if known == serde and serde.canonical and serde.exact is not None else ""

    def begin(self, function: Function) -> None:
        """What is written from here on belongs to `function`."""
        self.function = function
        self.functions.append(function)

    def _node_guard(self) -> str:
        found = self._guards.get(self.owner)
        if found is None:
            found = self._guards[self.owner] = self.use(self._guard(self.owner), "guard")
        return found

    @contextmanager
    def _indented(self, text: str, nested: bool, headed: str | None = None) -> Iterator[None]:
        self.lines(text, headed or text)
        function = self.function
        function.indent += 1
        function.blocks += nested
        before = len(function.lines) + len(function.lazy)
        try:
            yield
        finally:
            if len(function.lines) + len(function.lazy) > before:
                pass
            elif text == "else:":
                function.lines.pop()
            else:
                self.line("pass")
            function.indent -= 1
            function.blocks -= nested

    # the result

    def render(self, capture: str, asked: Callable[[str], bool], loops: Sequence[Function] = ()) -> Rendered:
        """The text, with an owner for each line.

        Args:
            capture: the name of `capture(timestamp, headers)`, which gives an origin.
            asked: does anybody below this node ask for the context of a record, even if it has no headers?
            loops: the functions of the sources, to be merged into one more.
        """
        out: list[tuple[str, str]] = [(f"def make({', '.join(self._arguments)}):", "")]
        names: list[str] = []
        functions = [(function, _settled(function)) for function in self.functions]
        if loops:
            functions.append(_merged(loops))
        for function, lines in functions:
            for headed in (False, True):
                name = f"{function.name}h" if headed else function.name
                names.append(name)
                out.append((f"{' ' * 4}def {name}({function.parameters[headed]}):", ""))
                out += [(f"{' ' * 8}{left} = {text}", "") for left, text in function.prologue.items()]
                body = _variant(lines, headed, capture, asked)
                out += body or [(f"{' ' * 8}pass", "")]
        out.append((f"    return {', '.join(names)},", ""))
        return Rendered(tuple(out), tuple(self._things), tuple(names))


class Rendered(NamedTuple):
    """Lines with their owners, what `make` is to be called with, and the names of what it returns."""

    lines: tuple[tuple[str, str], ...]
    things: tuple[object, ...]
    names: tuple[str, ...]


def _merged(loops: Sequence[Function]) -> tuple[Function, list[Line]]:
    """One loop over the rows of all sources: the bodies of their loops, one indent deeper, behind an `if`
    each.
    """
    merged = Function(MERGED, "rows", "rows")
    row = ", ".join(ROW)
    lines = [Line(_BODY, f"for which, {row} in rows:", f"for which, {row}, {HEADERS} in rows:", "")]
    for place, function in enumerate(loops):
        merged.prologue.update(function.prologue)
        test = f"{'el' if place else ''}if which == {place}:"
        lines.append(Line(_BODY + 1, test, test, ""))
        # The first line of a loop is its `for`.
        lines += [line._replace(indent=line.indent + 1) for line in _settled(function)[1:]]
    return merged, lines


def _settled(function: Function) -> list[Line]:
    """The lines with every lazy name either computed or, where only error handling names it, put in its
    place.
    """
    lines = list(function.lines)
    # From the last to the first, so that the indexes of earlier ones hold.
    for lazy in reversed(function.lazy):
        text = lazy.unused
        if function.uses(lazy.name):
            text = f"{lazy.name} = {lazy.text}"
        else:
            lines = [_replaced(line, lazy) if line.spare else line for line in lines]
        if text:
            lines.insert(lazy.at, Line(lazy.indent, text, text, lazy.owner))
    return lines


def _replaced(line: Line, lazy: Lazy) -> Line:
    find = re.compile(rf"\b{lazy.name}\b")

    def put(text: str | None) -> str | None:
        if text is None:
            return None
        target, equals, rest = text.rpartition(" = ")
        return find.sub("_", target) + equals + find.sub(lambda _: f"({lazy.text})", rest)

    return line._replace(plain=put(line.plain), headed=put(line.headed))


_headers = re.compile(rf"\b{HEADERS}\b")
_origin = re.compile(rf"\b{ORIGIN}\((\w+)\)")


def _variant(lines: list[Line], headed: bool, capture: str, asked: Callable[[str], bool]) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for line in lines:
        text = line.headed if headed else line.plain
        if text is None:
            continue
        if ORIGIN in text:
            keeps = headed or asked(line.owner)
            text = _origin.sub(rf"{capture}(\1, {HEADERS})" if keeps else "None", text)
        if not headed:
            text = _headers.sub("None", text)
        out.append((" " * 4 * line.indent + text, line.owner))
    return out

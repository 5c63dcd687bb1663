"""Compiles the nodes of a sub-topology to entry functions. The only user of `exec`.

There is one function per source, one for all that can be spoken to outside a record's own walk
(`Code.entry`), and one per node with several parents. Everything between is written into each other, and cut
where a function gets too deep. The text is registered with `linecache`, each line with the name of its node
as a comment, so that a traceback shows it; the comments are not part of what is compiled.

A stream of text whose values go through a function and out again becomes this (`streams-app topology code`):

    def source_0(rows):
        for kb, vb, ts in rows:                                           # words
            try:                                                          # words
                value_1 = None if vb is None else decode_2(vb)            # words
            except Exception as error_4:                                  # words
                again_3 = unreadable_5(error_4)                           # words
                if again_3 is None:                                       # words
                    continue                                              # words
                kb, kb, vb, value_1 = again_3                             # words
            try:                                                          # shout
                value_7 = f_6(value_1)                                    # shout
            except Exception as error_9:                                  # shout
                guard_8(error_9, kb, value_1, ts, None)                   # shout
            else:                                                         # shout
                try:                                                      # shouted
                    vb_11 = None if value_7 is None else encode_10(value_7)  # shouted
                except Exception as error_13:                             # shouted
                    unwritable_12(error_13, kb, value_7, ts, None)        # shouted
                else:                                                     # shouted
                    put_14(kb)                                            # shouted
                    put_15(vb_11)                                         # shouted
                    put_16(ts)                                            # shouted

Names with numbers are what the nodes have asked for by `Code.use` and `Code.name`; `put_…` append to the columns of the
outbox. A second function, `source_0h`, is the same for runs with headers.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from types import CodeType
from typing import NamedTuple

from streams.errors import IllegalStateException, TopologyException
from streams.operators.base import Down, Operator, Rec, RecordContext
from streams.runtime.compile.code import HEADERS, MERGED, Function, Rendered, Sheet
from streams.runtime.compile.entry import CurrentRecord, SourceEntry
from streams.serdes.base import AnySerde
from streams.topology.node import SinkNode, SourceNode, SubTopology

Call = Callable[..., None]


class Graph(NamedTuple):
    """Who forwards to whom. `order` has every node after its parents; `ends` are sinks, which are written
    into each of their parents; `asking` are the nodes that look at a record's context."""

    order: tuple[str, ...]
    sources: tuple[str, ...]
    children: Mapping[str, Sequence[str]]
    ends: frozenset[str]

    def parents(self, node: str) -> list[str]:
        """The nodes that forward to this one."""
        return [name for name in self.order if node in self.children[name]]


def graph_of(topology: SubTopology) -> Graph:
    """The nodes with their children, in the order they were added."""
    children: dict[str, list[str]] = {node.name: [] for node in topology.nodes}
    for node in topology.nodes:
        if not isinstance(node, SourceNode):
            for parent in dict.fromkeys(node.parents):
                children[parent].append(node.name)
    return Graph(
        tuple(children),
        tuple(node.name for node in topology.nodes if isinstance(node, SourceNode)),
        children,
        frozenset(node.name for node in topology.nodes if isinstance(node, SinkNode)),
    )


class SourceStep(NamedTuple):
    """How a source writes the loop over its rows and decodes them; goes on with `down` for each record.

    `asks_topic`: its serdes ask for the topic of a run, so that rows of several topics cannot be one run.
    """

    walk: Callable[[Sheet, Down], None]
    asks_topic: bool


class EntryPoint:
    """An entry (`operators.base.Entry`), and its two functions for those who have the headers in hand."""

    __slots__ = ("_current", "call", "headed", "name")

    def __init__(self, name: str, current: CurrentRecord) -> None:
        self.name = name
        self._current = current
        self.call: Call = self._early
        self.headed: Call = self._early

    def _early(self, *_: object) -> None:
        raise IllegalStateException("Nothing can be forwarded before the task has been initialized.")

    def turn(
        self, key: object, value: object, timestamp: int, origin: RecordContext, old: object, latest: object
    ) -> None:
        """The call with an origin: it stands in for the record in hand."""
        current = self._current
        before = current.standing_in(origin)
        try:
            if origin.headers:
                self.headed(key, value, timestamp, origin.headers, old, latest)
            else:
                self.call(key, value, timestamp, None, old, latest)
        finally:
            current.standing_in(before)


class Merge:
    """A node with several parents: its function, and the records of those who call it."""

    __slots__ = ("callers", "function")

    def __init__(self, function: Function) -> None:
        self.function = function
        self.callers: list[Rec] = []

    def rec(self) -> Rec:
        """What holds for all callers."""
        serdes = [caller.key_serde if caller.raw_key else None for caller in self.callers]
        same = serdes[0] is not None and all(each == serdes[0] for each in serdes)
        return Rec(
            "key",
            "value",
            "ts",
            HEADERS,
            old="old" if any(caller.old for caller in self.callers) else "",
            latest="latest" if any(caller.latest for caller in self.callers) else "",
            raw_key="raw" if same else "",
            key_serde=serdes[0] if same else None,
        )


class Compiled(NamedTuple):
    """The entry functions of the sources, the one for rows of several sources (None: there cannot be one),
    and the text of them all."""

    sources: Mapping[str, SourceEntry]
    merged: SourceEntry | None
    text: str


class Fuse:
    """Writes and compiles one task's functions. Used once.

    Args:
        title: names the text in tracebacks.
        graph: who forwards to whom.
        sources, operators: what writes each node.
        guard: gives what is called for an error of a node.
        current: the record in hand.
        asks: does a node look at the context of records?
        several: the task has several partitions, whose rows may come mixed.
    """

    def __init__(
        self,
        title: str,
        graph: Graph,
        sources: Mapping[str, SourceStep],
        operators: Mapping[str, Operator],
        guard: Callable[[str], Call],
        current: CurrentRecord,
        asks: Callable[[str], bool],
        several: bool = False,
    ) -> None:
        self._title = title
        self._graph = graph
        self._sources = sources
        self._operators = operators
        self._current = current
        self._asks = asks
        self._merges = several and not any(step.asks_topic for step in sources.values())
        self._sheet = Sheet(guard, self._open)
        self._jobs: list[Callable[[], None]] = []
        self._joints: dict[str, Merge] = {}
        self._merged: set[str] = set()
        self._entry_points: list[EntryPoint] = []
        self._loops: list[Function] = []
        parents: dict[str, int] = dict.fromkeys(graph.order, 0)
        for children in graph.children.values():
            for child in children:
                parents[child] += 1
        self._several = {name for name, count in parents.items() if count > 1 and name not in graph.ends}

    def compile(self) -> Compiled:
        """Writes everything, compiles it, and gives the functions to those who asked for entries."""
        for name in self._graph.sources:
            self._source(name)
        while self._jobs or len(self._merged) < len(self._joints):
            if self._jobs:
                self._jobs.pop(0)()
            else:
                self._merge(next(name for name in self._graph.order if name in self._waiting()))
        capture = self._sheet.use(self._current.capture, "capture")
        rendered = self._sheet.render(capture, self._asked_below, self._loops if self._merges else ())
        text = "\n".join(line for line, _ in rendered.lines) + "\n"
        functions = _made(self._title, text, rendered)
        for entry in self._entry_points:
            entry.call, entry.headed = functions[entry.name], functions[f"{entry.name}h"]
        sources = {
            name: SourceEntry(functions[f"source_{at}"], functions[f"source_{at}h"])
            for at, name in enumerate(self._graph.sources)
        }
        merged = SourceEntry(functions[MERGED], functions[f"{MERGED}h"]) if MERGED in functions else None
        return Compiled(sources, merged, _commented(rendered))

    def _waiting(self) -> set[str]:
        return self._joints.keys() - self._merged

    def _source(self, name: str) -> None:
        sheet = self._sheet
        at = self._graph.sources.index(name)
        function = Function(f"source_{at}", "rows", "rows")
        self._loops.append(function)
        sheet.begin(function)
        sheet.owner = name
        self._sources[name].walk(sheet, self._down(name))

    # what comes after a node

    def _down(self, node: str) -> Down:
        children = self._graph.children[node]

        def down(rec: Rec, child: str | None = None) -> None:
            if child is None:
                for name in children:
                    self._reach(name, rec)
            elif child in children:
                self._reach(child, rec)
            else:
                raise TopologyException(f"Node {node} has no child {child}.")

        return down

    def _reach(self, node: str, rec: Rec) -> None:
        """Leads from the node at hand to one below it.

        Invariant: every node but a sink is written exactly once, so that the text grows with the edges of the graph and
        not with its paths. A node with several parents becomes a function that each of them calls; it is written when
        all its callers are known (`compile`), since what they have in common decides what it is handed. A function that
        is full, by depth or by blocks, ends with a call, and the rest becomes the next one: Python nests 20 blocks and
        indents 100 levels at most. Sinks are a few lines, and are written into each of their parents.
        """
        if node in self._several:
            merge = self._joints.get(node)
            if merge is None:
                name = self._sheet.name("merge")
                merge = self._joints[node] = Merge(_inner(name))
            merge.callers.append(rec)
            self._call(merge.function.name, rec)
        elif self._sheet.function.full and node not in self._graph.ends:
            function = _inner(self._sheet.name("cut"))
            self._call(function.name, rec)
            inner = Rec(
                "key",
                "value",
                "ts",
                HEADERS,
                old="old" if rec.old not in ("", "None") else rec.old,
                latest="latest" if rec.latest else "",
                raw_key="raw" if rec.raw_key else "",
                key_serde=rec.key_serde,
            )
            self._jobs.append(lambda: self._begin(function, node, inner))
        else:
            self._write(node, rec)

    def _call(self, name: str, rec: Rec) -> None:
        rest = f"{rec.old or 'None'}, {rec.latest or 'True'}, {rec.raw_key or 'None'}"
        self._sheet.lines(
            f"{name}({rec.key}, {rec.value}, {rec.ts}, None, {rest})",
            f"{name}h({rec.key}, {rec.value}, {rec.ts}, {HEADERS}, {rest})",
        )

    def _begin(self, function: Function, node: str, rec: Rec) -> None:
        self._sheet.begin(function)
        self._write(node, rec)

    def _write(self, node: str, rec: Rec) -> None:
        sheet = self._sheet
        function, owner, parent = sheet.function, sheet.owner, sheet.parent
        sheet.owner, sheet.parent = node, owner
        function.depth += 1
        self._operators[node].write_step(sheet, rec, self._down(node))
        function.depth -= 1
        sheet.owner, sheet.parent = owner, parent

    def _merge(self, node: str) -> None:
        merge = self._joints[node]
        self._merged.add(node)
        self._begin(merge.function, node, merge.rec())

    def _open(self, down: Down, hint: str, key_serde: AnySerde | None, change: bool) -> EntryPoint:
        """Implements `Code.entry`: the function is written later, so that the one at hand need not wait."""
        sheet = self._sheet
        entry = EntryPoint(sheet.name(hint), self._current)
        self._entry_points.append(entry)
        owner = sheet.owner

        def write() -> None:
            key = "key" if key_serde is None else "raw"
            parameters = f"{key}, value, ts, {{}}, old, latest"
            function = Function(entry.name, parameters.format("origin"), parameters.format(HEADERS))
            sheet.begin(function)
            sheet.owner = owner
            turn = sheet.use(entry.turn, "turn")
            sheet.lines("if origin is not None:", None)
            function.indent += 1
            sheet.lines(f"return {turn}(raw, value, ts, origin, old, latest)".replace("raw", key), None)
            function.indent -= 1
            rec = Rec("key", "value", "ts", HEADERS, old="old" if change else "")
            if key_serde is not None:
                decode = sheet.use(key_serde.decode, "decode")
                rec = rec._replace(key=sheet.name("key"), raw_key="raw", key_serde=key_serde)
                sheet.lazily(rec.key, f"{decode}(raw)")
            down(rec)

        self._jobs.append(write)
        return entry

    def _asked_below(self, node: str) -> bool:
        """Does this node or one below it look at the context of records?"""
        seen: set[str] = set()
        waiting = [node]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if self._asks(name):
                return True
            waiting += self._graph.children.get(name, ())
        return False


def _inner(name: str) -> Function:
    return Function(name, "key, value, ts, _, old, latest, raw", f"key, value, ts, {HEADERS}, old, latest, raw")


@lru_cache(maxsize=256)
def _code(text: str, filename: str) -> CodeType:
    """All tasks of a sub-topology have the same text."""
    return compile(text, filename, "exec")


def _made(title: str, text: str, rendered: Rendered) -> dict[str, Call]:
    # Other topologies of this process have the same title; a traceback must find its own text.
    filename = f"<{title} {blake2b(text.encode(), digest_size=4).hexdigest()}>"
    shown = _commented(rendered)
    linecache.cache[filename] = (len(shown), None, shown.splitlines(keepends=True), filename)
    namespace: dict[str, Callable[..., tuple[Call, ...]]] = {}
    exec(_code(text, filename), namespace)
    return dict(zip(rendered.names, namespace["make"](*rendered.things), strict=True))


def _commented(rendered: Rendered) -> str:
    """The text with the node's name behind each line."""
    width = min(max((len(line) for line, _ in rendered.lines), default=0), 72)
    return "".join(f"{line:<{width}}  # {owner}\n" if owner else f"{line}\n" for line, owner in rendered.lines)

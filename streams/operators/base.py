"""The protocol between a node, its operator and the compiler.

When a task is made, every node's `StepMaker` gives an operator, and the operator *writes* its step: `write_step`
puts the lines for one record on the sheet (`Code`) and calls `down` where all that comes after belongs. Steps
are inlined into each other; nothing is looked up or dispatched per record.

`Rec` holds the names of the variables that hold the record at that point of the text, not the values.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Generic, NamedTuple, Protocol, TypeVar

from statestore.api import KeyValueStore, SessionStore, SuppressBuffer, VersionedStore, WindowStore
from streams.dropped import Drop
from streams.metrics.registry import Counter
from streams.metrics.sensor import Sensor
from streams.processor import BaseContext, Cancellable, PunctuationType
from streams.record import Headers
from streams.serdes.base import AnySerde, Serde

T = TypeVar("T")
S = TypeVar("S", covariant=True)


class Rec(NamedTuple):
    """Names of the variables that hold the record.

    `headers` is the text `None` in the variant of an entry that is compiled for batches without headers.
    `old` is, on a table's edge, the old value, or the text `None` where nobody asked for it; "" on a stream's
    edge. `latest` is, on a versioned table's edge, whether this is the newest version; "" where it always is.
    `raw_key` is the key's bytes as `key_serde` writes them, while the key is the one that was read; else "".
    """

    key: str
    value: str
    ts: str
    headers: str
    old: str = ""
    latest: str = ""
    raw_key: str = ""
    key_serde: Serde[object] | None = None


class Call(NamedTuple):
    """A user's function and the form it takes: with `with_key` it gets the key first (decision 26)."""

    fn: Callable[..., object]
    with_key: bool


class Down(Protocol):
    """Writes all that comes after a step, at the present indent."""

    def __call__(self, rec: Rec, child: str | None = None) -> None:
        """`child`: only that child (a node's name); None: all children, in the order they were added."""
        ...


class Entry(Protocol):
    """A compiled way into the graph below a node, for what speaks outside a record's own walk."""

    @property
    def call(self) -> Callable[..., None]:
        """`call(key, value, timestamp, origin, old, latest)`.

        `key` is the key's bytes where the entry was made with a `key_serde`, else the key itself. `origin` is what
        `Code.origin` gave when the record was stored, or None. Read it when it is needed, not when the entry is made:
        it exists once the whole topology is compiled.
        """
        ...


class Code(Protocol):
    """The sheet that operators write on. Names of nodes, topics and stores never enter the text."""

    def line(self, text: str) -> None:
        """One line at the present indent."""
        ...

    def block(self, text: str) -> AbstractContextManager[None]:
        """A line that ends with a colon (added here); lines inside the `with` are indented."""
        ...

    def use(self, thing: object, hint: str = "f") -> str:
        """An outside object becomes a fast local name; the same object gets the same name."""
        ...

    def name(self, hint: str) -> str:
        """A fresh variable name."""
        ...

    def let(self, hint: str, text: str) -> str:
        """Assigns the expression to a fresh variable and gives its name."""
        ...

    def attempt(self, rec: Rec, hint: str, text: str) -> AbstractContextManager[str]:
        """Evaluates code that may raise: every user call and every stateful step goes through here.

        Writes a flat `try/except/else`; the name given is the result's, and what is written inside the `with` runs only
        if nothing was raised. The processing exception handler gets node, record and context: *resume* skips what is
        inside for this record only, *fail* ends the run with this record's index (decision 5).

        `hint` may be several, as in `"key, value"`: the result is unpacked, and what is given are their
        names, with `, ` between them.
        """
        ...

    def guarded(self, rec: Rec) -> AbstractContextManager[None]:
        """The same for several lines: what is written inside the `with` is the `try`, and whatever is raised
        in it goes to the handler. A `block("else")` right after it runs only if nothing was raised.

        It may hold loops and calls of `down`: what a later node raised is not taken for this node's.
        """
        ...

    def origin(self, rec: Rec) -> str:
        """An expression for what a store keeps beside a value so that a later flush can restore headers and
        record context; `None` where there is nothing to keep."""
        ...

    def entry(self, down: Down, hint: str, key_serde: AnySerde | None = None, change: bool = True) -> Entry:
        """Compiles what follows this node as an entry function of its own.

        With `key_serde` the entry is called with the key's bytes, decodes them only if something below uses the key,
        and passes them on as `raw_key`. `change`: the edge is a table's (the entry's `Rec` has `old`).
        """
        ...


class StoreAccess(NamedTuple, Generic[S]):
    """A state store as an operator gets it: keys are bytes there, `key_serde` makes them."""

    name: str
    store: S
    """One of the kinds of `statestore.api`."""
    key_serde: Serde[object]
    value_serde: Serde[object]
    caching: bool
    kind: str
    ttl_ms: int | None = None
    """Entries expire after so much stream time (`operators.expiry`)."""
    reads_take_room: bool = False
    """What is read stays in the record cache, and other rows may give way to it: each read of Java's is one here."""

    def holding(self, store: T) -> StoreAccess[T]:
        """The same, whose store has been found to be of a kind."""
        return StoreAccess(self.name, store, *self[2:])


class RecordContext(NamedTuple):
    """Where the record being processed came from. Offset -1, partition -1 and topic None in a punctuation."""

    topic: str | None
    partition: int
    offset: int
    timestamp: int
    headers: Headers


class ProcessorMetadata:
    """A number that is saved with the committed offsets, and is there again after a restart; -1 at first (Java's
    `ProcessorMetadata`)."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = -1


class Outcome(NamedTuple):
    """What came of something awaited: a value, or an error."""

    value: object
    error: Exception | None


class ValueContext(BaseContext, Protocol):
    """The context of a transformer of a table's values."""

    timestamp: int
    """Of the update that is transformed: what the transformer's stores write to their changelogs. The step sets it."""


class Scope(Protocol):
    """What a step may ask for when a task is made. One for each node."""

    @property
    def node(self) -> str:
        """The node's name, for messages."""
        ...

    @property
    def sends_old(self) -> bool:
        """Somebody below asked for old values."""
        ...

    @property
    def partition(self) -> int:
        """The task's partition."""
        ...

    def key_value_store(self, name: str) -> StoreAccess[KeyValueStore]:
        """A store connected to this node (or a global one).

        Raises:
            ConfigException: it is not, or it is of another kind; the message names node, store and kind.
        """
        ...

    def table_store(self, name: str) -> StoreAccess[KeyValueStore | VersionedStore]:
        """The store of a table, which may be a versioned one."""
        ...

    def window_store(self, name: str) -> StoreAccess[WindowStore]:
        """A window store."""
        ...

    def session_store(self, name: str) -> StoreAccess[SessionStore]:
        """A session store."""
        ...

    def suppress_buffer(self, name: str) -> StoreAccess[SuppressBuffer]:
        """The buffer of a `suppress`."""
        ...

    def on_flush(self, name: str, listener: Callable[..., None]) -> None:
        """`listener` gets what a caching store forwards when it is flushed (statestore.api), in flush order.
        """
        ...

    def serde(self, side: str, chosen: Serde[object] | None) -> Serde[object]:
        """`chosen`, or the configured default; `side` is `key` or `value`.

        Raises:
            ConfigException: there is neither; the message names the node.
        """
        ...

    def counter(self, name: str) -> Counter:
        """A metric of this node, such as `suppression-emit`."""
        ...

    def latency(self, name: str) -> Sensor | None:
        """Takes how long (ms) what this node does now and then takes, such as `window-aggregate-final-emit-latency`;
        None: that is not recorded."""
        ...

    def drop(self, cause: str, time: Callable[[], int] | None = None, counted: bool = True) -> Drop:
        """The count of the records that this node drops for a cause of `streams.dropped`.

        Args:
            time: the stream time that the node goes by; None: the task's.
            counted: they are part of `dropped-records-total`, as in Java.
        """
        ...

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """One object for all nodes of the task that ask by the same name (stream time of both join sides)."""
        ...

    def processor_metadata(self, name: str) -> ProcessorMetadata:
        """The number that is committed under `name`."""
        ...

    def setting(self, name: str) -> object:
        """A setting's value."""
        ...

    def now_ms(self) -> int:
        """Wall clock, as read once a run."""
        ...

    def stream_time(self) -> int:
        """The task's stream time in ms; -1 before the first record."""
        ...

    def context(self) -> RecordContext:
        """The context of the record being processed, computed on request.

        Take it when the operator is made (`self._context = scope.context`), not later: the compiler keeps
        contexts beside cached values only for those below who have shown that they ask.
        """
        ...

    def value_context(self) -> ValueContext:
        """The context of a transformer of a table's values: all that a processor's has, but its `forward` raises."""
        ...

    def schedule(self, interval_ms: int, kind: PunctuationType, call: Callable[[int], None]) -> Cancellable:
        """Calls `call(time)` every `interval_ms` of stream or wall-clock time."""
        ...

    def when_idle(self, after_ms: int, act: Callable[[], None]) -> None:
        """Calls `act()` when the task has had no input for so much wall clock, again each time as much has passed.
        Caches have been flushed then."""
        ...

    def at_run_end(self, drain: Callable[[], Iterator[RecordContext]], width: int) -> None:
        """`drain()` is walked after every run, punctuation and flush, steps in the order of the topology. It gives the
        context of each record before it passes it on.

        Args:
            width: runs should have at least so many records.
        """
        ...

    def gather(
        self, asks: Sequence[Callable[[], Awaitable[object]]], most: int, timeout_ms: int | None
    ) -> list[Outcome]:
        """Awaits what each of `asks` gives, at most `most` at a time, and waits for all of them."""
        ...


class Operator(Protocol):
    """One step of one task."""

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        """Writes the lines for one record; `down(rec)` writes, at this indent, all that comes after."""
        ...

    def close(self) -> None:
        """The task ends; stores are closed by the task itself."""
        ...


StepMaker = Callable[[Scope], Operator]
"""What a node carries. Makes a fresh operator for each task (and again when a task is revived)."""

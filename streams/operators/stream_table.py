"""Joins of a stream with a table: each record of the stream looks up the table; the table's updates emit nothing."""

from __future__ import annotations

from collections.abc import Callable

from streams.errors import IllegalArgumentException, NullPointerException
from streams.operators.base import Call, Code, Down, Entry, Operator, Rec, RecordContext, Scope, StepMaker
from streams.operators.calls import called, joined
from streams.operators.dropping import Nulls
from streams.operators.grace_buffer import GraceBuffer
from streams.operators.materialize import key_bytes
from streams.operators.views import Getter, View
from streams.serdes.buffered import BufferValue, decode_changelog_value, encode_changelog_value


def _lookup(code: Code, getter: Getter, key: str, raw: str, ts: str) -> str:
    """The text of a look-up: as of the record's time where the table keeps versions."""
    if getter.versioned:
        return f"{code.use(getter.get_as_of, 'get')}({key}, {raw}, {ts})"
    return getter.look_up(code, key, raw)


def _join(code: Code, rec: Rec, down: Down, call: Call, left: bool, found: str) -> None:
    """Joins the record with what was found, inside a guard."""
    if left:
        value = code.let("value", called(code, call, rec.key, rec.value, f"None if {found} is None else {found}[0]"))
        down(rec._replace(value=value))
        return
    with code.block(f"if {found} is not None"):
        down(rec._replace(value=code.let("value", called(code, call, rec.key, rec.value, f"{found}[0]"))))


class _StreamTableJoin:
    __slots__ = ("_call", "_getter", "_left", "_nulls")

    def __init__(self, scope: Scope, view: View, call: Call, left: bool) -> None:
        self._call = call
        self._left = left
        self._getter = view.bind(scope)
        self._nulls = Nulls(scope, key=not left)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        self._nulls.write_step(code, rec)
        with code.block("else"), code.guarded(rec):
            lookup = _lookup(code, self._getter, rec.key, self._getter.raw_of(rec), rec.ts)
            found = code.let("found", f"None if {rec.key} is None else {lookup}" if self._left else lookup)
            _join(code, rec, down, self._call, self._left, found)

    def close(self) -> None:
        self._getter.close()


class _GraceJoin:
    """The same, some time after the record came: it waits in a buffer until stream time has moved on by the grace
    period, and is then joined as of its own time. What comes later than that is joined at once."""

    __slots__ = (
        "_buffer",
        "_context",
        "_entry",
        "_getter",
        "_join",
        "_left",
        "_nulls",
        "_scope",
        "_serde",
        "_value_serde",
    )

    def __init__(self, scope: Scope, view: View, call: Call, left: bool, grace_ms: int, buffer: str) -> None:
        self._scope = scope
        self._context = scope.context
        self._join = joined(call)
        self._left = left
        self._getter = view.bind(scope)
        if not self._getter.versioned:
            raise IllegalArgumentException("KTable must be versioned to use a grace period in a stream table join.")
        access = scope.key_value_store(buffer)
        self._serde = access.key_serde
        self._value_serde = access.value_serde
        self._buffer = GraceBuffer(access.store, grace_ms)
        self._nulls = Nulls(scope, key=not left)
        self._entry: Entry | None = None

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        self._entry = code.entry(down, "joined", self._serde, change=False)
        self._nulls.write_step(code, rec)
        with code.block("else"), code.guarded(rec):
            with code.block(f"if {rec.key} is None"):
                code.line(f"{code.use(_no_key)}()")
            key = code.let("kb", key_bytes(code, rec, self._serde))
            code.line(f"{code.use(self._take, 'take')}({rec.key}, {key}, {rec.value}, {rec.ts}, {code.origin(rec)})")

    def _take(self, key: object, key_bytes: bytes, value: object, ts: int, origin: RecordContext | None) -> None:
        """Joins what is to be joined now: this record if it is late, else those whose time has come."""
        buffer, scope = self._buffer, self._scope
        if buffer.is_late(ts):
            self._emit(key, key_bytes, value, ts, origin)
            return
        context = origin or self._context()._replace(timestamp=ts)
        now = scope.now_ms()
        new = self._value_serde.encode(value)
        buffer.put(key_bytes, ts, encode_changelog_value(BufferValue(None, None, new, context), 0), now)
        decode_key, decode = self._serde.decode, self._value_serde.decode
        for kept_key, kept, kept_ts in buffer.due(now):
            held = decode_changelog_value(kept)[0]
            kept_value = None if held.new is None else decode(held.new)
            self._emit(decode_key(kept_key), kept_key, kept_value, kept_ts, RecordContext(*held.context))

    def _emit(self, key: object, key_bytes: bytes, value: object, ts: int, origin: RecordContext | None) -> None:
        found = self._getter.get_as_of(key, None, ts)
        if (found is not None or self._left) and self._entry is not None:
            result = self._join(key, value, None if found is None else found[0])
            self._entry.call(key_bytes, result, ts, origin, None, True)

    def close(self) -> None:
        self._getter.close()


def _no_key() -> None:
    raise NullPointerException("key cannot be null")


def stream_table_join(
    view: View, call: Call, left: bool, grace_ms: int | None = None, buffer_store: str | None = None
) -> StepMaker:
    """Joins each record with the table's row of the same key: the latest, or as of the record's time where the table
    keeps versions. The result has the record's key, timestamp and headers. Records without value, and for an inner
    join without key, are dropped and counted.

    Args:
        view: the table.
        call: the joiner: (value, row), or (key, value, row).
        left: join with None where there is no row; else nothing is passed on.
        grace_ms: hold records back until stream time has moved on by so much; None: do not.
        buffer_store: where they are held.
    Raises:
        IllegalArgumentException: (when a task is made) a grace period with a table that keeps no versions.
    """

    def make(scope: Scope) -> Operator:
        if buffer_store is None or grace_ms is None:
            return _StreamTableJoin(scope, view, call, left)
        return _GraceJoin(scope, view, call, left, grace_ms, buffer_store)

    return make


class _GlobalJoin:
    __slots__ = ("_call", "_getter", "_left", "_nulls", "_selector")

    def __init__(
        self, scope: Scope, view: View, selector: Callable[[object, object], object], call: Call, left: bool
    ) -> None:
        self._selector = selector
        self._call = call
        self._left = left
        self._getter = view.bind(scope)
        self._nulls = Nulls(scope, key=not left)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        with code.guarded(rec):
            mapped = code.let("mapped", f"{code.use(self._selector, 'select')}({rec.key}, {rec.value})")
            self._nulls.write_step(code, rec._replace(key=mapped, raw_key=""))
            with code.block("else"):
                lookup = _lookup(code, self._getter, mapped, "None", rec.ts)
                found = code.let("found", f"None if {mapped} is None else {lookup}" if self._left else lookup)
                _join(code, rec, down, self._call, self._left, found)

    def close(self) -> None:
        self._getter.close()


def stream_global_join(
    view: View, key_selector: Callable[[object, object], object], call: Call, left: bool
) -> StepMaker:
    """Joins each record with the row of a global table under the key that `key_selector(key, value)` gives. The
    result keeps the record's own key. Records without value, and for an inner join without such a key, are dropped and
    counted.

    Args:
        view: the global table.
        call: the joiner: (value, row), or (key, value, row) with the record's own key.
        left: join with None where there is no row.
    """

    def make(scope: Scope) -> Operator:
        return _GlobalJoin(scope, view, key_selector, call, left)

    return make

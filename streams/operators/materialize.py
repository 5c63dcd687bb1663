"""The pattern "write a store, then forward": at once where caching is off, from the flush where it is on."""

from __future__ import annotations

from statestore.api import NOT_PUT, VALID_TO_UNDEFINED, KeyValueStore, VersionedStore
from streams.dropped import EXPIRED, LATE
from streams.operators.base import Code, Down, Entry, Rec, Scope
from streams.operators.dropping import drop
from streams.operators.expiry import Expiry
from streams.serdes.base import Serde


def key_bytes(code: Code, rec: Rec, serde: Serde[object]) -> str:
    """An expression for the bytes of the record's key under `serde`.

    The bytes that were read serve where the serde is the same and writes what it reads. The expression may
    raise: use it once, inside an attempt.
    """
    if rec.raw_key and serde.canonical and rec.key_serde == serde:
        return rec.raw_key
    return f"{code.use(serde.encode, 'encode')}({rec.key})"


class Materialized:
    """What an operator with a key-value store of its own needs to write to it and to speak on.

    In `write_step`: `listen` once, `arrive` before a step reads or writes the store, `forward` where it has written.
    """

    __slots__ = ("_expired", "_expiry", "_late", "_scope", "access")

    def __init__(self, scope: Scope, store: str) -> None:
        self._scope = scope
        self._late, self._expired = scope.drop(LATE), scope.drop(EXPIRED)
        self.access = scope.table_store(store)
        self._expiry: Expiry | None = None
        ttl_ms = self.access.ttl_ms
        if ttl_ms is not None:
            access = scope.key_value_store(store)
            self._expiry = scope.shared(f"expiry {store}", lambda: Expiry(scope, access, ttl_ms))

    @property
    def store(self) -> KeyValueStore | VersionedStore:
        """The store. A versioned one has the same `get(key)` and `put`."""
        return self.access.store

    @property
    def versioned(self) -> bool:
        """The store keeps a history; its `put` tells where the version went."""
        return isinstance(self.access.store, VersionedStore)

    def key_bytes(self, code: Code, rec: Rec) -> str:
        """An expression for the key's bytes in the store (see `key_bytes`)."""
        return key_bytes(code, rec, self.access.key_serde)

    def origin(self, code: Code, rec: Rec) -> str:
        """What the store shall keep beside the value; `None` where it forwards at once."""
        return code.origin(rec) if self.access.caching else "None"

    def put(self, code: Code, key: str, value: str, timestamp: str, origin: str, stamp: str = "") -> str:
        """Writes the line of the put; gives the name of what a versioned store answered, else "". A version
        that is older than the history counts as dropped.

        Args:
            stamp: what stands for `timestamp` in a store that keeps no versions (`Fold.stamp`).
        """
        put = self.store.put if self._expiry is None else self._expiry.put
        at = timestamp if self.versioned else stamp or timestamp
        call = f"{code.use(put, 'put')}({key}, {value}, {at}, {origin})"
        if self.versioned:
            written = code.let("written", call)
            with code.block(f"if {written} == {NOT_PUT}"):
                drop(code, self._late)
            return written
        code.line(call)
        return ""

    def listen(self, code: Code, down: Down) -> None:
        """Makes an entry for what the store's cache lets go, where it has one, and for what expires."""
        if self.access.caching:
            self.spoken(code.entry(down, "flushed", self.access.key_serde))
        elif self._expiry is not None:
            self._expiry.tell(code.entry(down, "expired", self.access.key_serde), self._scope.sends_old)

    def arrive(self, code: Code, rec: Rec) -> None:
        """Where entries expire: writes the lines by which the record moves the store's time."""
        if self._expiry is not None:
            with code.block(f"if {rec.ts} > {code.use(self._expiry, 'expiry')}.time"):
                code.line(f"{code.use(self._expiry.advance, 'advance')}({rec.ts}, {self.origin(code, rec)})")

    def expired(self, code: Code, timestamp: str) -> str:
        """An expression: would an entry of this timestamp be expired? "" where none expires."""
        return "" if self._expiry is None else f"{timestamp} <= {code.use(self._expiry, 'expiry')}.limit"

    def living(self, code: Code, value: str, timestamp: str) -> str:
        """A name for the value, or for None where it would be expired; that is counted as dropped."""
        expired = self.expired(code, timestamp)
        if not expired:
            return value
        living = code.let("living", value)
        with code.block(f"if {living} is not None and {expired}"):
            code.line(f"{living} = None")
            self.drop_expired(code)
        return living

    def late(self, code: Code, found: str, timestamp: str) -> str:
        """A name: is the first record of a key expired, so that nothing comes of it? It is counted as dropped. "" where
        no entry expires."""
        expired = self.expired(code, timestamp)
        if not expired:
            return ""
        late = code.let("late", f"{found} is None and {expired}")
        with code.block(f"if {late}"):
            self.drop_expired(code)
        return late

    def drop_expired(self, code: Code) -> None:
        """Counts the record as dropped, because its entry would be expired."""
        drop(code, self._expired)

    def spoken(self, entry: Entry) -> None:
        """Lets the flush of the store call an entry that takes the key's bytes."""

        def forward(key: bytes, new: object, old: object, timestamp: int, origin: object) -> None:
            entry.call(key, new, timestamp, origin, old, True)

        self._scope.on_flush(self.access.name, forward)

    def forward(self, code: Code, rec: Rec, down: Down, written: str = "") -> None:
        """What comes after the write; nothing where the flush will speak.

        Args:
            rec: with `old` set.
            written: what `put` gave. A version that is older than the history is not passed on, and one that is not the
                newest is marked.
        """
        if self.access.caching:
            return
        if not written:
            down(rec)
            return
        with code.block(f"if {written} != {NOT_PUT}"):
            down(rec._replace(latest=code.let("latest", f"{written} == {VALID_TO_UNDEFINED}")))

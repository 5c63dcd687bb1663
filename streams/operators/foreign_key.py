"""Joins of two tables by a foreign key.

    left table  -> send -> registration topic (key: the foreign key) -> receive -> join -+
                                                                                         +-> response topic -> resolve
                                             right table -> foreign join ----------------+   (key: the left row's)

Each left row keeps a registration under (foreign key, primary key) on the right side. An answer carries the hash of the
left value that had asked; if the left row has changed since, the answer is dropped, for another one is on its way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

from streams.dropped import NULL_FOREIGN_KEY, NULL_KEY, SUPERSEDED
from streams.errors import ClassCastException
from streams.operators.base import Call, Code, Down, Operator, Rec, Scope, StepMaker
from streams.operators.calls import joined, keyed
from streams.operators.dropping import drop, unwanted_row
from streams.operators.foreign_key_messages import Answered
from streams.operators.materialize import key_bytes
from streams.operators.source_table import source_table
from streams.operators.views import View
from streams.serdes.base import Serde, wrong_serde
from streams.serdes.foreign_key import (
    Instruction,
    Registration,
    combined_key,
    combined_prefix,
    split_combined_key,
    version_for,
)
from streams.serdes.murmur3 import murmur3_128

_DELETE = Instruction.DELETE_KEY_NO_PROPAGATE
_DELETE_AND_ANSWER = Instruction.DELETE_KEY_AND_PROPAGATE
_ANSWER = Instruction.PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE
_ANSWER_IF_THERE = Instruction.PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE


class Sent(NamedTuple):
    """One record for the registration topic."""

    foreign_key: object
    foreign_bytes: bytes | None
    registration: Registration


class _Send:
    __slots__ = (
        "_encode_foreign",
        "_encode_value",
        "_extract",
        "_foreign_serde",
        "_key_serde",
        "_left_join",
        "_no_foreign_key",
        "_old",
        "_partition",
        "_sink_topic",
        "_topic",
        "_version",
    )

    def __init__(
        self,
        scope: Scope,
        left_join: bool,
        extract: Call,
        serdes: tuple[Serde[object] | None, Serde[object] | None, Serde[object] | None],
        topic: str,
    ) -> None:
        """
        Args:
            serdes: of foreign key, left value and left key.
        """
        self._left_join = left_join
        self._extract = keyed(extract)
        self._foreign_serde = scope.serde("key", serdes[0])
        self._encode_foreign = self._foreign_serde.encoder(f"{topic}-fk")
        self._encode_value = scope.serde("value", serdes[1]).encoder(f"{topic}-vh")
        self._key_serde = scope.serde("key", serdes[2])
        self._topic, self._sink_topic = topic, f"{scope.setting('application.id')}-{topic}"
        self._partition = scope.partition
        self._version = version_for(scope.setting("upgrade.from"))
        self._old, self._no_foreign_key = scope.drop(SUPERSEDED), scope.drop(NULL_FOREIGN_KEY)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        key, raw, value = code.name("key"), code.name("raw"), code.name("value")
        if rec.latest:
            with code.block(f"if not {rec.latest}"):
                drop(code, self._old)
        with code.block("else") if rec.latest else nullcontext(), code.guarded(rec):
            arguments = f"{rec.key}, {self._primary(code, rec)}, {rec.value}, {rec.old or 'None'}"
            with code.block(f"for {key}, {raw}, {value} in {code.use(self._sent, 'send')}({arguments})"):
                sent = rec._replace(key=key, value=value, old="", latest="")
                down(sent._replace(raw_key=raw, key_serde=self._foreign_serde))

    def _primary(self, code: Code, rec: Rec) -> str:
        """The text of the left key's bytes. A serde that asks for the topic is told one of its own, as in Java."""
        if self._key_serde.encode_with is None:
            return key_bytes(code, rec, self._key_serde)
        return f"{code.use(self._key_serde.encoder(f'{self._topic}-pk'), 'encode')}({rec.key})"

    def _sent(self, key: object, primary: bytes, new: object, old: object) -> Iterator[Sent]:
        """What a change of a left row tells the right side."""
        old_key = None if old is None else self._extract(key, old)
        new_key = None if new is None else self._extract(key, new)
        old_bytes, new_bytes = self._written(old_key), self._written(new_key)
        hashed = None if new is None else murmur3_128(self._encode_value(new))
        choose = self._of_left_join if self._left_join else self._of_inner_join
        for goes_to_old, instruction in choose(new is None and old is None, new is None, old_bytes, new_bytes):
            foreign_key, foreign_bytes = (old_key, old_bytes) if goes_to_old else (new_key, new_bytes)
            partition = self._partition if self._version else None
            registration = Registration(hashed, instruction, primary, partition, self._version)
            yield Sent(foreign_key, foreign_bytes, registration)

    def _written(self, foreign_key: object) -> bytes | None:
        """A foreign key's bytes. One of a wrong type is told with the words of the sink, which writes it in Java."""
        if foreign_key is None:
            return None
        try:
            return self._encode_foreign(foreign_key)
        except ClassCastException as error:
            raise wrong_serde(self._sink_topic, "key", self._foreign_serde, foreign_key) from error

    def _of_left_join(
        self, nothing: bool, deleted: bool, old: bytes | None, new: bytes | None
    ) -> Iterator[tuple[bool, Instruction]]:
        """An answer is always needed; a deletion asks for one under no foreign key at all."""
        if nothing:
            return
        if old is not None and old != new:
            yield True, _DELETE
        yield False, _ANSWER

    def _of_inner_join(
        self, nothing: bool, deleted: bool, old: bytes | None, new: bytes | None
    ) -> Iterator[tuple[bool, Instruction]]:
        """Whether the old foreign key had found a row is not known here: leaving it asks for a deletion."""
        if new is not None:
            if old is None or old == new:
                yield False, _ANSWER_IF_THERE
            else:
                yield True, _DELETE
                yield False, _ANSWER
            return
        if not deleted:
            self._no_foreign_key.add()
        if old is not None:
            yield True, _DELETE_AND_ANSWER

    def close(self) -> None:
        pass


def fk_subscription_send(
    left_join: bool,
    foreign_key: Call,
    foreign_key_serde: Serde[object] | None,
    left_value_serde: Serde[object] | None,
    key_serde: Serde[object] | None = None,
    topic: str = "",
) -> StepMaker:
    """What a change of the left table tells the right side. Passes on the foreign key and a `Registration`, for a sink
    with `foreign_key_serde` and `foreign_key_messages.registration_serde()`.

    Without a foreign key a row of an inner join is dropped and counted, that of a left join registers under none.
    Versions that are not the newest are dropped and counted.

    Args:
        foreign_key: (value), or (key, value), to the foreign key.
        topic: the registration topic; serdes that ask are told `<topic>-fk`, `<topic>-pk` and `<topic>-vh`.
    """

    def make(scope: Scope) -> Operator:
        return _Send(scope, left_join, foreign_key, (foreign_key_serde, left_value_serde, key_serde), topic)

    return make


class _Receive:
    __slots__ = ("_no_foreign_key", "_serde", "_store")

    def __init__(self, scope: Scope, store: str, foreign_key_serde: Serde[object] | None) -> None:
        self._store = scope.key_value_store(store).store
        self._serde = scope.serde("key", foreign_key_serde)
        self._no_foreign_key = scope.drop(NULL_FOREIGN_KEY)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        wants_none = f"{rec.value}.instruction != {int(_ANSWER)}"
        with code.block(f"if {rec.key} is None and {wants_none}"):
            drop(code, self._no_foreign_key)
        with code.block("else"):
            with code.guarded(rec), code.block(f"if {rec.key} is not None"):
                raw = key_bytes(code, rec, self._serde)
                code.line(f"{code.use(self._keep, 'keep')}({raw}, {rec.value}, {rec.ts})")
            with code.block("else"):
                down(rec)

    def _keep(self, foreign_key: bytes, registration: Registration, ts: int) -> None:
        row = combined_key(foreign_key, registration.primary_key)
        if registration.instruction in (_DELETE, _DELETE_AND_ANSWER):
            self._store.delete(row, ts)
        else:
            self._store.put(row, registration, ts)

    def close(self) -> None:
        pass


def fk_subscription_receive(store: str, foreign_key_serde: Serde[object] | None = None) -> StepMaker:
    """Keeps or removes a registration and passes it on. Without a foreign key it is only passed on, and only if it
    asks for an answer in any case; else it is dropped and counted.

    Args:
        store: a timestamped key-value store of bytes to `registration_serde()`.
        foreign_key_serde: of the record's key.
    """

    def make(scope: Scope) -> Operator:
        return _Receive(scope, store, foreign_key_serde)

    return make


class _Join:
    __slots__ = ("_right",)

    def __init__(self, scope: Scope, right: View) -> None:
        self._right = right.bind(scope)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        value, ts = code.name("value"), code.name("ts")
        with code.guarded(rec):
            lookup = f"{code.use(self._right.get, 'get')}({rec.key}, {self._right.raw_of(rec)})"
            found = code.let("found", f"None if {rec.key} is None else {lookup}")
            code.line(f"{value} = {code.use(_answer, 'answer')}({rec.value}, {found})")
            with code.block(f"if {value} is not None"):
                code.line(f"{ts} = {rec.ts} if {found} is None else max({rec.ts}, {found}[1])")
                primary = code.let("key", f"{rec.value}.primary_key")
                down(rec._replace(key=primary, value=value, ts=ts, raw_key="", key_serde=None))

    def close(self) -> None:
        self._right.close()


def _answer(registration: Registration, found: tuple[object, int] | None) -> Answered | None:
    """What a registration is answered, if anything."""
    instruction = registration.instruction
    if instruction == _DELETE or (instruction == _ANSWER_IF_THERE and found is None):
        return None
    there = found is not None and instruction != _DELETE_AND_ANSWER
    return Answered(registration.hash, found[0] if there and found is not None else None, registration.partition)


def fk_subscription_join(right: View) -> StepMaker:
    """Answers a registration with the right row of its foreign key. Passes on the primary key as bytes and an
    `Answered`, for a sink with `Serdes.bytes()`, `answer_serde(...)` and the partitioner `answer_partition`. The
    timestamp is the higher of both rows.

    Args:
        right: the right table. Whether it is a left join, the registration says.
    """

    def make(scope: Scope) -> Operator:
        return _Join(scope, right)

    return make


class _ForeignJoin:
    __slots__ = ("_no_key", "_old", "_serde", "_store")

    def __init__(self, scope: Scope, store: str, foreign_key_serde: Serde[object] | None) -> None:
        self._store = scope.key_value_store(store).store
        self._serde = scope.serde("key", foreign_key_serde)
        self._no_key, self._old = scope.drop(NULL_KEY), scope.drop(SUPERSEDED)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        key, value = code.name("key"), code.name("value")
        unwanted_row(code, rec, self._no_key, self._old)
        with code.block("else"), code.guarded(rec):
            raw = key_bytes(code, rec, self._serde)
            answers = f"{code.use(self._answers, 'answers')}({raw}, {rec.value})"
            with code.block(f"for {key}, {value} in {answers}"):
                down(rec._replace(key=key, value=value, old="", latest="", raw_key="", key_serde=None))

    def _answers(self, foreign_key: bytes, value: object) -> Iterator[tuple[bytes, Answered]]:
        with self._store.prefix_scan(combined_prefix(foreign_key)) as rows:
            for row, kept, _ in rows:
                assert isinstance(kept, Registration)
                yield split_combined_key(row)[1], Answered(kept.hash, value, kept.partition)

    def close(self) -> None:
        pass


def fk_foreign_join(store: str, foreign_key_serde: Serde[object] | None = None) -> StepMaker:
    """Tells all left rows that have registered for a right row what has become of it, with the timestamp of its update;
    see `fk_subscription_join`. Records without a key and versions that are not the newest are dropped and counted.

    Args:
        store: that of `fk_subscription_receive`.
        foreign_key_serde: the right table's key serde.
    """

    def make(scope: Scope) -> Operator:
        return _ForeignJoin(scope, store, foreign_key_serde)

    return make


class _Resolve:
    __slots__ = ("_encode", "_join", "_left", "_left_join", "_old")

    def __init__(
        self, scope: Scope, left_join: bool, left: View, call: Call, value_serde: Serde[object] | None, topic: str
    ) -> None:
        self._left_join = left_join
        self._left = left.bind(scope)
        self._join = joined(call)
        self._encode = scope.serde("value", value_serde).encoder(f"{topic}-vh")
        self._old = scope.drop(SUPERSEDED)

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        with code.guarded(rec):
            lookup = f"{code.use(self._left.get, 'get')}({rec.key}, {self._left.raw_of(rec)})"
            result = code.let("result", f"{code.use(self._resolved, 'resolve')}({rec.key}, {rec.value}, {lookup})")
            with code.block(f"if {result} is not None"):
                down(rec._replace(value=code.let("value", f"{result}[0]")))

    def _resolved(
        self, key: object, answer: Answered, left: tuple[object, int] | None
    ) -> tuple[object] | None:
        """The joined value (None: a deletion) as a tuple of one; None where the answer is out of date."""
        value = None if left is None else left[0]
        if answer.hash != (None if left is None else murmur3_128(self._encode(value))):
            self._old.add()
            return None
        if answer.foreign_value is None and (not self._left_join or left is None):
            return (None,)
        return (self._join(key, value, answer.foreign_value),)

    def close(self) -> None:
        self._left.close()


def fk_response_resolve(
    left_join: bool, left: View, call: Call, left_value_serde: Serde[object] | None, topic: str = ""
) -> StepMaker:
    """Joins an answer with the left row that had asked; it is dropped and counted if that has changed since. Passes on
    the result, for `fk_output`.

    Args:
        left: the left table.
        call: the joiner: (left, right), or (key, left, right).
        topic: the registration topic; a serde that asks is told `<topic>-vh`.
    """

    def make(scope: Scope) -> Operator:
        return _Resolve(scope, left_join, left, call, left_value_serde, topic)

    return make


def fk_output(store: str | None = None) -> StepMaker:
    """The resulting table.

    Args:
        store: where it is kept; None: nowhere.
    """
    return source_table(store)

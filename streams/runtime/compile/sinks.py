"""How a sink writes its step: the record is encoded, its partition chosen, and its columns filled
(decision 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, cast

from streams.errors import IllegalArgumentException, InvalidTopicException, StreamsException
from streams.names import check_topic
from streams.operators.base import Code, Down, Rec, RecordContext
from streams.operators.calls import refuse_unrun
from streams.partition import partition_for
from streams.processor import RecordContext as ShownContext
from streams.record import Headers, TopicPartition
from streams.runtime.compile.code import HEADERS, Sheet
from streams.runtime.compile.handlers import Guard, Handlers
from streams.runtime.compile.outbox import ANY, Outbox
from streams.serdes.base import Serde
from streams.validation import check_partition, shown

Chooser = Callable[[object, object, ShownContext], str]
Partitioner = Callable[[str, object, object, int], int | Iterable[int] | None]


class Target(NamedTuple):
    """Where a sink's records go: a topic, or what a topic name extractor says; and who chooses the
    partition.
    """

    topic: str | Chooser
    partitioner: Partitioner | None
    key_serde: Serde[object]
    value_serde: Serde[object]


class Sink:
    """A sink as an operator; nothing comes after it.

    Args:
        context: gives the record context for a topic name extractor.
    """

    __slots__ = ("_context", "_handlers", "_name", "_outbox", "_target")

    def __init__(
        self,
        name: str,
        target: Target,
        outbox: Outbox,
        handlers: Handlers,
        context: Callable[[], RecordContext],
    ) -> None:
        self._name = name
        self._target = target
        self._outbox = outbox
        self._handlers = handlers
        self._context = context

    def write_step(self, code: Code, rec: Rec, down: Down) -> None:
        sheet = cast(Sheet, code)
        # As in Java, a sink's failures are those of the node before it.
        parent = self._handlers.guard(sheet.parent)
        if isinstance(self._target.topic, str) and self._target.partitioner is None:
            self._plain(sheet, rec, parent, self._target.topic)
        else:
            put = sheet.use(self._chosen(parent), "put")
            sheet.line(f"{put}({rec.key}, {rec.value}, {rec.ts}, {HEADERS})")

    def close(self) -> None:
        pass

    def _plain(self, sheet: Sheet, rec: Rec, parent: Guard, topic: str) -> None:
        key_serde, value_serde = self._target.key_serde, self._target.value_serde
        key = sheet.bytes_of(rec.key, key_serde)
        if not key and rec.raw_key and rec.key_serde == key_serde and key_serde.canonical:
            key = rec.raw_key
        value = sheet.bytes_of(rec.value, value_serde)
        if key and value:
            self._append(sheet, rec, topic, key, value)
            return
        with sheet.block("try"):
            # What was regrouped by its value, as words are, has the same text twice.
            regrouped = not rec.raw_key and key_serde == value_serde and key_serde.quick_encode is str.encode
            same = f" if {rec.value} is {rec.key} else " if regrouped else ""
            if not key:
                encoded = _encoded(sheet, topic, key_serde, rec.key)
                key = sheet.let("kb", f"{value}{same}{encoded}" if value and same else encoded)
            if not value:
                encoded = _encoded(sheet, topic, value_serde, rec.value)
                value = sheet.let("vb", f"{key}{same}{encoded}" if same else encoded)
        unwritable = self._handlers.unwritable(self._name, parent, topic, key_serde, value_serde)
        call = sheet.use(unwritable, "unwritable")
        sheet.caught(f"{call}({{error}}, {rec.key}, {rec.value}, {rec.ts}, {HEADERS})")
        with sheet.block("else"):
            self._append(sheet, rec, topic, key, value)

    def _append(self, sheet: Sheet, rec: Rec, topic: str, key: str, value: str) -> None:
        if self._outbox.partitions(topic) == 1:
            column = self._outbox.column(topic, 0).appenders
            put_key, put_value, put_time, put_headers = (sheet.use(each, "put") for each in column)
        else:
            route = self._outbox.route(topic)
            way = sheet.once("route", f"{sheet.use(route, 'routes')}.route")
            unkeyed = sheet.use(route.unkeyed, "unkeyed")
            inner = self._target.key_serde.partition_bytes
            chooser = key if inner is None else f"{sheet.use(inner, 'inner')}({key})"
            names = [sheet.name("put") for _ in range(4)]
            sheet.line(f"{', '.join(names)} = {unkeyed} if {key} is None else {way}({chooser})")
            put_key, put_value, put_time, put_headers = names
        sheet.line(f"{put_key}({key})")
        sheet.line(f"{put_value}({value})")
        sheet.line(f"{put_time}({rec.ts})")
        sheet.lines(None, f"{put_headers}({HEADERS})")

    def _chosen(self, parent: Guard) -> Callable[[object, object, int, Headers | None], None]:
        """The way of records whose topic or partition the user's code chooses."""
        target, outbox, handlers = self._target, self._outbox, self._handlers
        context = self._context
        key_serde, value_serde = target.key_serde, target.value_serde

        def put(key: object, value: object, timestamp: int, headers: Headers | None) -> None:
            carried = headers or ()
            try:
                topic = target.topic
                if not isinstance(topic, str):
                    topic = _named(topic, key, value, timestamp, carried, context())
                count = outbox.partitions(topic)
                chosen = None
                if target.partitioner is not None:
                    chosen = target.partitioner(topic, key, value, count)
                    refuse_unrun(chosen, may_yield=True)
            except Exception as error:
                parent(error, key, value, timestamp, headers)
                return
            try:
                raw_key = key_serde.serialize(topic, key, carried)
                raw_value = value_serde.serialize(topic, value, carried)
            except Exception as error:
                unwritable = handlers.unwritable(self._name, parent, topic, key_serde, value_serde)
                unwritable(error, key, value, timestamp, headers)
                return
            try:
                places = _places(topic, chosen, count, raw_key, key_serde)
            except Exception as error:
                parent(error, key, value, timestamp, headers)
                return
            for place in places:
                outbox.put(TopicPartition(topic, place), raw_key, raw_value, timestamp, carried)

        return put


def _encoded(sheet: Sheet, topic: str, serde: Serde[object], name: str) -> str:
    if serde.encode_with is None:
        call = f"{sheet.use(serde.quick_encode or serde.encode, 'encode')}({name})"
        if serde.quick_class is not None:
            kind, other = sheet.use(serde.quick_class, "kind"), sheet.use(serde.encode, "encode")
            call = f"{call} if {name}.__class__ is {kind} else {other}({name})"
    else:
        encode, where = sheet.use(serde.encode_with, "encode"), sheet.use(topic, "topic")
        call = f"{encode}({where}, {HEADERS} or (), {name})"
    return f"None if {name} is None else {call}"


def _named(choose: Chooser, key: object, value: object, timestamp: int, headers: Headers, here: RecordContext) -> str:
    """The topic that the extractor names."""
    name = choose(key, value, ShownContext(here.topic or "", here.partition, here.offset, timestamp, headers))
    refuse_unrun(name)
    try:
        return check_topic(name)
    except InvalidTopicException as error:
        raise StreamsException(
            f"A topic name extractor must return the name of a topic, got {shown(name)} from {choose!r}: {error}"
        ) from error


def _places(
    topic: str,
    chosen: int | Iterable[int] | None,
    count: int,
    raw_key: bytes | None,
    key_serde: Serde[object],
) -> list[int]:
    """The partitions a record goes to: one, several or none."""
    if chosen is None:
        if count == 1:
            return [0]  # records with and without keys stay in their order
        if raw_key is None:
            return [ANY]
        inner = key_serde.partition_bytes
        return [partition_for(raw_key if inner is None else inner(raw_key), count)]
    several = chosen if isinstance(chosen, Iterable) and not isinstance(chosen, str | bytes) else (chosen,)
    places: dict[int, None] = {}  # as in Java's set, one that is named twice is one
    for each in several:
        place = check_partition(each)
        if place >= count:
            raise IllegalArgumentException(
                f"The partitioner chose partition {place} of {topic}, which has partitions 0 to {count - 1}."
            )
        places[place] = None
    return list(places)

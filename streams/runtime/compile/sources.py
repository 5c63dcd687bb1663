"""Sources: which one reads a topic, and how one writes its loop: rows come in as bytes and are decoded one by one
(decision 6)."""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.errors import StreamsException
from streams.operators.base import Down, Rec
from streams.runtime.compile.code import HEADERS, ROW, Sheet
from streams.runtime.compile.entry import CurrentRecord
from streams.serdes.base import Serde
from streams.serdes.simple import BYTES
from streams.topology.node import SourceNode, SubTopology

Reread = tuple[bytes | None, object, bytes | None, object]
"""A record that was read at the second try: the key's bytes, the key, the value's bytes, the value."""


def source_of(topology: SubTopology, topic: str, topic_name: Callable[[str], str]) -> tuple[int, SourceNode]:
    """The source that reads a topic, and its place among the sources. Topics that are named go before
    patterns.

    Raises:
        StreamsException: there is none.
    """
    sources = [node for node in topology.nodes if isinstance(node, SourceNode)]
    for place, node in enumerate(sources):
        if isinstance(node.topics, tuple) and topic in map(topic_name, node.topics):
            return place, node
    for place, node in enumerate(sources):
        if isinstance(node.topics, re.Pattern) and node.topics.fullmatch(topic):
            return place, node
    raise StreamsException(f"No source of sub-topology {topology.id} reads the topic {topic}.")


def source_step(
    current: CurrentRecord,
    key_serde: Serde[object],
    value_serde: Serde[object],
    unreadable: Callable[[Exception], Reread | None],
) -> Callable[[Sheet, Down], None]:
    """What writes the loop of a source.

    Args:
        current: knows the topic of the present run, for serdes that ask.
        unreadable: called with the error of a record that was not decoded. Gives what the proper decoder reads
            (the quick one refuses what that one can read, such as malformed text), drops the record and gives None,
            or raises.
    """

    def write(sheet: Sheet, down: Down) -> None:
        raw_key, raw_value, ts = ROW
        with sheet.blocks(f"for {', '.join(ROW)} in rows", f"for {', '.join(ROW)}, {HEADERS} in rows"):
            key, value = raw_key, raw_value
            if key_serde is not BYTES:
                key = sheet.name("key")
            if value_serde is not BYTES:
                value = sheet.name("value")
            rec = Rec(key, value, ts, HEADERS, raw_key=raw_key, key_serde=key_serde)
            sheet.note_bytes(key, raw_key, key_serde)
            sheet.note_bytes(value, raw_value, value_serde)
            if key is raw_key and value is raw_value:
                down(rec)
                return
            with sheet.block("try"):
                for name, raw, serde in ((key, raw_key, key_serde), (value, raw_value, value_serde)):
                    if name is not raw:
                        decoded = _decoded(sheet, current, serde, raw)
                        text = f"None if {raw} is None else {decoded}"
                        sheet.lazily(name, text, _checked(serde, raw, decoded) or f"{name} = {text}")
            again = sheet.name("again")
            error = sheet.name("error")
            with sheet.block(f"except Exception as {error}"):
                sheet.line(f"{again} = {sheet.use(unreadable, 'unreadable')}({error})")
                with sheet.block(f"if {again} is None"):
                    sheet.line("continue")
                read = f"{raw_key}, {key}, {raw_value}, {value} = {again}"
                sheet.lines(read, read, spare=True)
            down(rec)

    return write


def _checked(serde: Serde[object], raw: str, decoded: str) -> str:
    """What is done with text that nobody reads: it is held against UTF-8, since what is malformed is read, and passed
    on, with U+FFFD in its place. ASCII is seen to be text in half the time that it takes to decode it."""
    return f"if {raw} and not {raw}.isascii(): {decoded}" if serde.quick_decode is bytes.decode else ""


def _decoded(sheet: Sheet, current: CurrentRecord, serde: Serde[object], raw: str) -> str:
    if serde.decode_with is None:
        return f"{sheet.use(serde.quick_decode or serde.decode, 'decode')}({raw})"
    topic = sheet.once("topic", f"{sheet.use(current, 'walk')}.topic")
    return f"{sheet.use(serde.decode_with, 'decode')}({topic}, {HEADERS} or (), {raw})"

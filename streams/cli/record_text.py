"""How a record that is consumed stands on a line: tab-separated, as JSON, or as a format of the user's says."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

from streams.cli.failure import Refused
from streams.clients import ConsumerRecord
from streams.record import Windowed

Show = Callable[[ConsumerRecord], str]


def shown(value: object) -> object:
    """A key or value for people: windowed keys as `key@start/end`, bytes as text where they are."""
    if isinstance(value, Windowed):
        return f"{shown(value.key)}@{value.window.start}/{value.window.end}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return value


def text_of(part: object) -> str:
    return "null" if part is None else str(shown(part))


def headers_of(record: ConsumerRecord) -> str:
    return ",".join(f"{name}:{shown(value)}" for name, value in record.headers)


def as_line(record: ConsumerRecord, timestamps: bool, headers: bool) -> str:
    parts = [str(record.timestamp)] if timestamps else []
    parts += [text_of(record.key), text_of(record.value)]
    if headers:
        parts.append(headers_of(record))
    return "\t".join(parts)


def plain(value: object) -> object:
    """A value as JSON has it. Java's JSON writes numbers that are none as text, and so do we."""
    if isinstance(value, dict):
        return {str(shown(name)): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if value is None or isinstance(value, (int, float)) else str(shown(value))


def as_object(record: ConsumerRecord) -> str:
    fields = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": plain(record.key),
        "value": plain(record.value),
        "headers": [[name, plain(value)] for name, value in record.headers],
    }
    return json.dumps(fields, ensure_ascii=False)


FIELDS: dict[str, Show] = {
    "k": lambda record: text_of(record.key),
    "v": lambda record: text_of(record.value),
    "s": lambda record: text_of(record.value),
    "t": lambda record: record.topic,
    "p": lambda record: str(record.partition),
    "o": lambda record: str(record.offset),
    "T": lambda record: str(record.timestamp),
    "h": lambda record: headers_of(record),
    "%": lambda record: "%",
}
"""What stands for what in a format, as in kcat; `%v` is the value too."""

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}
_part = re.compile(r"%(?P<field>.?)|\\(?:x(?P<hex>[0-9a-fA-F]{2})|(?P<escape>[ntr0\\]))|(?P<text>[^%\\]+|.)", re.DOTALL)


def formatted(given: str) -> Show:
    """A record by a format such as `%k %v\\n`.

    Args:
        given: text with the fields of `FIELDS`, and the escapes n, t, r, 0, xHH and backslash after a backslash. No end
            of line is added.
    Raises:
        Refused: `%` stands before something that is no field.
    """
    parts: list[str | Show] = []
    for match in _part.finditer(given):
        if (field := match["field"]) is not None:
            if field not in FIELDS:
                known = "%k key, %v or %s value, %t topic, %p partition, %o offset, %T timestamp, %h headers, %% itself"
                raise Refused(f"--format {given!r}: there is no field '%{field}'. Known are: {known}.")
            parts.append(FIELDS[field])
        elif match["hex"] is not None:
            parts.append(chr(int(match["hex"], 16)))
        else:
            parts.append(match["text"] or _ESCAPES[match["escape"]])
    return lambda record: "".join(part if isinstance(part, str) else part(record) for part in parts)

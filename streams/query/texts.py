"""Keys, positions and cursors as texts of HTTP and of the command line, and back."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streams.errors import IllegalArgumentException, KafkaException, SerializationException
from streams.query.position import Position
from streams.serdes import Serdes
from streams.serdes.base import AnySerde
from streams.validation import check_instant, shown

WHOLE = ("integer", "long", "short")
BROKEN = ("double", "float")
Place = list[str | int] | None
"""The place of a row as a cursor has it: bytes in hex."""
FORMATS = ("text", "string", "json", "int64", "hex")


def key_bytes(text: str, serde: AnySerde, key_format: str = "text") -> bytes:
    """The bytes of a key.

    Args:
        key_format: `text`: as the store's serde has it as a text (JSON, where it has none); `string`, `json` or
            `int64`: what is given to the serde; `hex`: the bytes themselves.
    Raises:
        IllegalArgumentException: the serde does not take it, or there is no such format.
    """
    try:
        if key_format == "hex":
            return bytes.fromhex(text)
        return serde.encode(_value(text, serde, key_format))
    except (ValueError, TypeError, OverflowError, KafkaException) as error:
        said = str(error).rstrip(".")
        raise IllegalArgumentException(f"The key {shown(text)} is none of {serde}: {said}.") from error


def _value(text: str, serde: AnySerde, key_format: str) -> object:
    if key_format == "text":
        return TEXTS.get(serde.name.removeprefix("Serdes.").partition("(")[0], _json_or_text)(text)
    if key_format == "string":
        return text
    if key_format == "int64":
        return int(text)
    if key_format == "json":
        return _json(text)
    raise ValueError(f"there is no key_format {key_format}; known are {', '.join(FORMATS)}")


def _json(text: str) -> object:
    return Serdes.json(object).decode(text.encode())


def _json_or_text(text: str) -> object:
    try:
        return _json(text)
    except SerializationException:
        return text


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("expected true or false")
    return text == "true"


TEXTS: Mapping[str, Callable[[str], object]] = {
    "string": str,
    "bytes": str.encode,
    "boolean": _truth,
    "uuid": uuid.UUID,
    **dict.fromkeys(WHOLE, int),
    **dict.fromkeys(BROKEN, float),
}


def position_of(text: str) -> Position:
    """A position from JSON (`{"orders": {"0": 41}}`, as answers have it) or from `orders:0:41`, several with commas.

    Raises:
        IllegalArgumentException: it is neither.
    """
    try:
        if text.lstrip().startswith("{"):
            return Position(Serdes.json(dict[str, dict[int, int]]).decode(text.encode()))
        position = Position()
        for each in text.split(","):
            topic, partition, offset = each.strip().rsplit(":", 2)
            position = position.with_component(topic, int(partition), int(offset))
        return position
    except (ValueError, SerializationException) as error:
        raise IllegalArgumentException(
            f'Invalid position {shown(text)}. Give topic:partition:offset or {{"topic": {{"partition": offset}}}}.'
        ) from error


def written_position(position: Position) -> str:
    """As JSON, in one line."""
    return json.dumps({topic: {str(p): at for p, at in rows.items()} for topic, rows in position.offsets.items()})


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading goes on: behind a row of a partition.

    Args:
        partition: which.
        after: the row's place in it; None: at its beginning.
    """

    partition: int
    after: tuple[bytes | int, ...] | None = None


def written_cursor(cursor: Cursor, question: str, fingerprint: bytes) -> str:
    """A cursor as an opaque text.

    Args:
        question: what is asked for; another question does not take it.
        fingerprint: of the sub-topology; another topology does not take it.
    """
    after = None if cursor.after is None else [e.hex() if isinstance(e, bytes) else e for e in cursor.after]
    parts = [1, fingerprint.hex(), _digest(question), cursor.partition, after]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str, question: str, fingerprint: bytes) -> Cursor:
    """A cursor from its text.

    Raises:
        IllegalArgumentException: it is none, or one of another question or topology.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, topology, asked, partition, after = Serdes.json(tuple[int, str, str, int, Place]).decode(data)
        parts = (
            None
            if after is None
            else tuple(bytes.fromhex(each) if isinstance(each, str) else check_instant(each) for each in after)
        )
        if version != 1:
            raise ValueError("unknown version")
    except (ValueError, SerializationException) as error:
        raise IllegalArgumentException(f"{shown(text)} is no cursor.") from error
    if topology != fingerprint.hex():
        raise IllegalArgumentException(
            "This is a cursor of another topology: names, topics or stores have changed since. Begin anew."
        )
    if asked != _digest(question):
        raise IllegalArgumentException("This is a cursor of another question. Ask the same with it, or begin anew.")
    return Cursor(partition, parts)


def _digest(question: str) -> str:
    return hashlib.blake2b(question.encode(), digest_size=6).hexdigest()

"""Values from text whose type is not said, and text from values: what headers and `InsertHeader` use.

As `org.apache.kafka.connect.data.Values`: `12` is an INT8, `1.5` a FLOAT32, `true` a BOOLEAN, `[1,2]` an ARRAY,
`{"a":1}` a MAP, `2026-11-29` a day, `2026-11-29T08:00:00.000Z` a moment; all else is text.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from streams.connect.data.date_format import DateFormat
from streams.connect.data.logical import DAY_MS, date_of, ms_of, time_of, timestamp_of
from streams.connect.data.schema import INTEGERS, Schema, Type
from streams.connect.data.struct import Struct
from streams.connect.data.text import float32, text_of
from streams.connect.errors import DataException

_ISO_DATE = DateFormat("yyyy-MM-dd")
_ISO_TIME = DateFormat("HH:mm:ss.SSS'Z'")
_ISO_TIMESTAMP = DateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
_DELIMITERS = ':,{}[]"'
_NUMBERS = (Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT32, Type.FLOAT64)


class SchemaAndValue(NamedTuple):
    """A value with what it is."""

    schema: Schema | None
    value: object


# To text


def convert_to_string(value: object, schema: Schema | None = None) -> str:
    """A value as text, which `parse_string` reads; text as it is.

    Args:
        value: the value.
        schema: what it is.
    Raises:
        DataException: it has no text.
    """
    return value if isinstance(value, str) else _said(value, schema, embedded=False)


def _said(value: object, schema: Schema | None, embedded: bool = True) -> str:
    if value is None or isinstance(value, int | float | Decimal):
        return text_of(value, schema)
    if isinstance(value, str):
        return _quoted(value) if embedded else value
    if isinstance(value, bytes | bytearray | memoryview):
        text = base64.b64encode(value).decode()
        return f'"{text}"' if embedded else text
    if isinstance(value, date | time):
        return iso_text(value)
    inner = None if schema is None else schema.value_schema
    if isinstance(value, list | tuple):
        entries: Sequence[object] = value
        return f"[{','.join(_said(each, inner) for each in entries)}]"
    if isinstance(value, dict):
        keys = None if schema is None else schema.key_schema
        pairs: Mapping[object, object] = value
        return f"{{{','.join(f'{_said(key, keys)}:{_said(each, inner)}' for key, each in pairs.items())}}}"
    if isinstance(value, Struct):
        return f"{{{','.join(f'{_quoted(field.name)}:{_said(each, field.schema)}' for field, each in value.items())}}}"
    raise DataException(f"Failed to serialize unexpected value type {type(value).__qualname__}: {value}")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def iso_text(value: date | time) -> str:
    """A day, a time of day or a moment as text of ISO 8601, by the milliseconds that it is, as Java does."""
    ms = ms_of(value)
    if ms < DAY_MS:
        return _ISO_TIME.format(ms)
    return (_ISO_DATE if ms % DAY_MS == 0 else _ISO_TIMESTAMP).format(ms)


# From text


def parse_string(text: str | None) -> SchemaAndValue:
    """The value that a text stands for, with what it is; text that stands for nothing else is itself.

    >>> from streams.connect.data.values import parse_string
    >>> parse_string("300").value, str(parse_string("300").schema), parse_string("[1, 2]").value
    (300, 'Schema{INT16}', [1, 2])
    """
    if text is None:
        return SchemaAndValue(None, None)
    if not text:
        return SchemaAndValue(Schema(Type.STRING), text)
    return _Reader(text).parse(embedded=False) or SchemaAndValue(None, None)


class _Reader:
    """Takes a text apart at `: , { } [ ] "`, where no backslash stands before them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    # Tokens

    def _more(self) -> bool:
        return self._at < len(self._text)

    def _token(self) -> str:
        """The next one, taken."""
        start = self._at
        escaped = False
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == "\\":
                escaped = not escaped
            else:
                if letter in _DELIMITERS and not escaped:
                    if start == self._at:
                        self._at += 1
                    return self._text[start : self._at]
                escaped = False
            self._at += 1
        return self._text[start:]

    def _takes(self, expected: str) -> bool:
        """Takes what is expected, and blanks before it; else moves on to behind the blanks only where it was there."""
        start = self._at
        while self._more():
            token = self._token()
            if token.strip():
                if token.strip() == expected:
                    return True
                break
        self._at = start
        return False

    # Values

    def parse(self, embedded: bool) -> SchemaAndValue | None:
        """The next value; None: `null`, or nothing more."""
        if not self._more():
            return None
        if embedded and self._takes('"'):
            return self._quoted()
        start = self._at
        for literal, found in _LITERALS.items():
            if self._takes(literal):
                if embedded or not self._more():
                    return found
                self._at = start
        try:
            if self._takes("["):
                return self._array()
            if self._takes("{"):
                return self._map()
        except DataException:
            self._at = start
        token = self._token()
        while embedded and not token.strip() and self._more():
            token = self._token()
        if not token.strip():
            return SchemaAndValue(Schema(Type.STRING), token)
        return self._plain(embedded, token.strip())

    def _plain(self, embedded: bool, token: str) -> SchemaAndValue:
        if token[0].isdigit():
            temporal = self._temporal(token)
            if temporal is not None:
                return temporal
        if token[0].isdigit() or token[0] in "+-":
            number = _number(token)
            if number is not None:
                return number
        if embedded:
            raise DataException("Failed to parse embedded value")
        return SchemaAndValue(Schema(Type.STRING), self._text)

    def _temporal(self, token: str) -> SchemaAndValue | None:
        """A time or a moment has two colons, which are tokens of their own."""
        start, parts = self._at, [token]
        for _ in range(4):
            if not self._more():
                break
            parts.append(self._token())
        if len(parts) == 5:
            found = _parse_temporal("".join(parts))
            if found is not None:
                return found
        self._at = start
        return _parse_temporal(token)

    def _quoted(self) -> SchemaAndValue:
        parts: list[str] = []
        while self._more():
            token = self._token()
            if token == '"':
                break
            parts.append(token)
        text = "".join(parts)
        return _parse_temporal(text) or SchemaAndValue(Schema(Type.STRING), text)

    def _array(self) -> SchemaAndValue:
        found: list[SchemaAndValue | None] = []
        while self._more():
            if self._takes("]"):
                schema = _common(found)
                values = [None if each is None else each.value for each in found]
                if schema is None:
                    return SchemaAndValue(Schema(Type.ARRAY), values)
                return SchemaAndValue(Schema.array(schema), [_aligned(schema, each) for each in values])
            if self._takes(","):
                raise DataException(f"Unable to parse an empty array element: {self._text}")
            found.append(self.parse(embedded=True))
            start = self._at
            if self._takes("]"):
                self._at = start
            elif not self._takes(","):
                raise DataException("Array elements missing ',' delimiter")
        raise DataException(f"Array is missing terminating ']': {self._text}")

    def _map(self) -> SchemaAndValue:
        keys: list[SchemaAndValue | None] = []
        values: list[SchemaAndValue | None] = []
        while self._more():
            if self._takes("}"):
                return _map_of(keys, values)
            if self._takes(","):
                raise DataException(f"Unable to parse a map entry with no key or value: {self._text}")
            key = self.parse(embedded=True)
            if key is None or key.value is None:
                raise DataException(f"Map entry may not have a null key: {self._text}")
            if not self._takes(":"):
                raise DataException(f"Map entry is missing ':' at {self._at} in {self._text}")
            keys.append(key)
            values.append(self.parse(embedded=True))
            self._takes(",")
        raise DataException(f"Map is missing terminating '}}': {self._text}")


_LITERALS: dict[str, SchemaAndValue | None] = {
    "null": None,
    "true": SchemaAndValue(Schema(Type.BOOLEAN), True),
    "false": SchemaAndValue(Schema(Type.BOOLEAN), False),
}


def _map_of(keys: list[SchemaAndValue | None], values: list[SchemaAndValue | None]) -> SchemaAndValue:
    key_schema, value_schema = _common(keys), _common(values)
    pairs = [
        (None if key is None else key.value, None if each is None else each.value)
        for key, each in zip(keys, values, strict=True)
    ]
    if key_schema is None:
        return SchemaAndValue(Schema(Type.MAP), dict(pairs))
    aligned = {
        _aligned(key_schema, key): each if value_schema is None else _aligned(value_schema, each) for key, each in pairs
    }
    return SchemaAndValue(Schema(Type.MAP, key_schema=key_schema, value_schema=value_schema), aligned)


def _number(token: str) -> SchemaAndValue | None:
    """The narrowest type that holds a number; None: the text is none."""
    try:
        value = Decimal(token) if "_" not in token else Decimal("x")
    except InvalidOperation:
        return None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        return None
    whole = value == value.to_integral_value()
    if whole and -1 << 63 <= value < 1 << 63:
        number = int(value)
        fits = next(kind for kind, bits in INTEGERS.items() if -1 << bits - 1 <= number < 1 << bits - 1)
        return SchemaAndValue(Schema(fits), number)
    if exponent != 0 and math.isfinite(single := float32(float(value))):
        return SchemaAndValue(Schema(Type.FLOAT32), single)
    if exponent != 0 and math.isfinite(float(value)):
        return SchemaAndValue(Schema(Type.FLOAT64), float(value))
    return SchemaAndValue(Schema.decimal(-exponent), value)


def _parse_temporal(token: str) -> SchemaAndValue | None:
    text = token.replace("\\:", ":")
    if len(text) == 13 and (ms := _ISO_TIME.parse(text)) is not None:
        return SchemaAndValue(Schema.time(), time_of(ms))
    if len(text) == 24 and (ms := _ISO_TIMESTAMP.parse(text)) is not None:
        return SchemaAndValue(Schema.timestamp(), timestamp_of(ms))
    if len(text) == 10 and (ms := _ISO_DATE.parse(text)) is not None:
        return SchemaAndValue(Schema.date(), date_of(ms // DAY_MS))
    return None


def _common(found: list[SchemaAndValue | None]) -> Schema | None:
    """The schema that all values have, or the widest of numbers; None: there is none."""
    common: Schema | None = None
    for schema in _schemas(found):
        common = schema if common is None else _merged(common, schema)
        if common is None:
            return None
    return common


def _schemas(found: list[SchemaAndValue | None]) -> Iterator[Schema]:
    for each in found:
        if each is not None and each.schema is not None:
            yield each.schema


def _merged(one: Schema, other: Schema) -> Schema | None:
    if one.type is other.type:
        return other
    if one.type in _NUMBERS and other.type in _NUMBERS:
        return max(one, other, key=lambda schema: _NUMBERS.index(schema.type))
    return None


def _aligned(schema: Schema, value: object) -> object:
    """A number as one of the common type; DataException: null is none."""
    if value is None:
        raise DataException("Unable to convert a null value to a schema that requires a value")
    if schema.type in (Type.FLOAT32, Type.FLOAT64) and isinstance(value, int):
        return float(value)
    return value

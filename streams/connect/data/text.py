"""Values as Java's `toString` writes them: numbers, truth values, lists, maps, structs, moments."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal

from streams.connect.data.date_format import DateFormat
from streams.connect.data.logical import ms_of
from streams.connect.data.schema import Schema, Type
from streams.connect.data.struct import Struct
from streams.connect.errors import DataException

_JAVA_DATE = DateFormat("EEE MMM dd HH:mm:ss zzz yyyy")
_float32 = struct.Struct("f")


def text_of(value: object, schema: Schema | None = None) -> str:
    """A value as Java's `toString` writes it.

    Args:
        value: the value, not bytes: Java writes where they lie.
        schema: what it is, where that is known: floats of 32 bits are written shorter.
    Raises:
        DataException: it has no text.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return float_text(value) if schema is not None and schema.type is Type.FLOAT32 else double_text(value)
    if isinstance(value, date | time):
        return _JAVA_DATE.format(ms_of(value))
    if isinstance(value, Struct):
        each = zip(value.schema.fields, value.values, strict=True)
        said = ",".join(f"{field.name}={text_of(it, field.schema)}" for field, it in each if it is not None)
        return f"Struct{{{said}}}"
    inner = None if schema is None else schema.value_schema
    if isinstance(value, list | tuple):
        entries: Sequence[object] = value
        return f"[{', '.join(text_of(each, inner) for each in entries)}]"
    if isinstance(value, dict):
        keys = None if schema is None else schema.key_schema
        pairs: Mapping[object, object] = value
        return f"{{{', '.join(f'{text_of(key, keys)}={text_of(each, inner)}' for key, each in pairs.items())}}}"
    raise DataException(f"A {type(value).__qualname__} has no text. Use another converter, such as ByteArrayConverter.")


def double_text(value: float) -> str:
    """A float of 64 bits as `Double.toString` writes it.

    >>> from streams.connect.data.text import double_text
    >>> double_text(0.1), double_text(1e10), double_text(-2.5e-5)
    ('0.1', '1.0E10', '-2.5E-5')
    """
    return _in_java_form(value, repr(value))


def float_text(value: float) -> str:
    """A float of 32 bits as `Float.toString` writes it: with as few digits as tell it from its neighbours."""
    if not math.isfinite(value):
        return _in_java_form(value, "")
    for digits in range(1, 10):
        said = f"{value:.{digits}g}"
        if float32(float(said)) == float32(value):
            return _in_java_form(value, said)
    return _in_java_form(value, repr(value))


def float32(value: float) -> float:
    """The nearest float of 32 bits."""
    try:
        found: float = _float32.unpack(_float32.pack(value))[0]
        return found
    except OverflowError:
        return math.copysign(math.inf, value)


def _in_java_form(value: float, said: str) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(said).normalize().as_tuple()
    if digits == (0,):
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    point = len(text) + exponent
    minus = "-" if sign else ""
    if -3 < point <= 7:
        if point <= 0:
            return f"{minus}0.{'0' * -point}{text}"
        text = text.ljust(point, "0")
        return f"{minus}{text[:point]}.{text[point:] or '0'}"
    return f"{minus}{text[0]}.{text[1:] or '0'}E{point - 1}"

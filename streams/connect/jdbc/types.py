"""What is written to a column of a value of a record: the same where it fits, the nearest that is equal, or a refusal.

Nothing is rounded, cut or guessed: a number with a fraction does not fit a column of whole numbers, and text is no
number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from streams.connect.data.logical import ms_of
from streams.connect.data.schema import Schema, Type
from streams.connect.data.values import iso_text
from streams.connect.errors import DataException
from streams.connect.jdbc.dialect import Column, Convert, Kind

AS_IT_IS: Mapping[Kind, tuple[Type, ...]] = {
    Kind.INTEGER: (Type.INT8, Type.INT16, Type.INT32, Type.INT64),
    Kind.FLOAT: (Type.FLOAT32, Type.FLOAT64),
    Kind.BOOLEAN: (Type.BOOLEAN,),
    Kind.TEXT: (Type.STRING,),
}
"""Values of these types are written to such columns without a look at them."""


AS_THEY_ARE: Mapping[Kind, type] = {Kind.INTEGER: int, Kind.FLOAT: float, Kind.BOOLEAN: bool, Kind.TEXT: str}
"""So are those of these classes, where no schema says what they are."""


def passes(schema: Schema | None, kind: Kind) -> bool:
    """Are values of a schema written to such a column as they are?"""
    return schema is not None and schema.name is None and schema.type in AS_IT_IS.get(kind, ())


class Unfit(Exception):
    """A value does not fit."""


def fitting(column: Column, by_kind: Mapping[Kind, Convert]) -> Convert:
    """What a dialect's `fit` gives: the function of the column's kind, with the column in its complaint."""
    convert = by_kind[column.kind]

    def fit(value: object) -> object:
        try:
            return convert(value)
        except (Unfit, ValueError, OverflowError) as error:
            why = f": {error}" if isinstance(error, Unfit) and error.args else ""
            raise DataException(
                f"{_shown(value)} does not fit the column {column.name} of type {column.type}{why}."
            ) from None

    return fit


def _shown(value: object) -> str:
    said = repr(value)
    return f"{type(value).__name__} {said if len(said) <= 60 else f'{said[:57]}...'}"


def whole(value: object) -> int:
    """A whole number."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        if value != value or value % 1 != 0:
            raise Unfit("it is no whole number")
        return int(value)
    if isinstance(value, date | time):
        return ms_of(value)
    raise Unfit


def number(value: object) -> float:
    """A number with a binary point."""
    if isinstance(value, int) and not isinstance(value, bool):
        if int(float(value)) != value:
            raise Unfit("it has more digits than the column keeps")
        return float(value)
    if isinstance(value, float | Decimal):
        return float(value)
    raise Unfit


def decimal(value: object) -> Decimal:
    """A decimal number, with all its digits."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def truth(value: object) -> bool:
    """A truth value."""
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise Unfit


def text(value: object) -> str:
    """Text; moments in ISO 8601, decimals with all their digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | time):
        return iso_text(value)
    raise Unfit


def octets(value: object) -> bytes:
    """Bytes."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise Unfit


def day(value: object) -> date:
    """A day."""
    if isinstance(value, datetime):
        if ms_of(value) % 86_400_000:
            raise Unfit("it has a time of day")
        return value.astimezone(UTC).date()
    return value if isinstance(value, date) else date.fromisoformat(_said(value))


def time_of_day(value: object) -> time:
    """A time of day."""
    return value if isinstance(value, time) else time.fromisoformat(_said(value))


def moment(value: object) -> datetime:
    """A point in time; one without a zone is in UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    found = value if isinstance(value, datetime) else datetime.fromisoformat(_said(value))
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def json_text(value: object) -> str:
    """JSON: text that is JSON already, or lists and objects without schemas."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except TypeError:
            raise Unfit("it has values that JSON has not") from None
    raise Unfit


def other(value: object) -> str:
    """What only the database understands, as text."""
    return _said(value)


def _said(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit
    return value


BY_KIND: Mapping[Kind, Callable[[object], object]] = {
    Kind.INTEGER: whole,
    Kind.FLOAT: number,
    Kind.DECIMAL: decimal,
    Kind.BOOLEAN: truth,
    Kind.TEXT: text,
    Kind.BYTES: octets,
    Kind.DATE: day,
    Kind.TIME: time_of_day,
    Kind.TIMESTAMP: moment,
    Kind.JSON: json_text,
    Kind.OTHER: other,
}
"""How values are made to fit, by what the column holds."""


# Numbers with a fixed point, as records have them

UNSCALED = 127
"""The scale of decimals of a column that has none: all their digits are kept. Confluent's connector takes the same."""
_BITS = ((2, Type.INT8), (4, Type.INT16), (9, Type.INT32), (18, Type.INT64))


def decimal_schema(precision: int | None, scale: int | None, mapping: str, nullable: bool) -> Schema:
    """What the numbers of a column with a fixed point are in records.

    Args:
        precision: how many digits, None: that is not said.
        scale: how many of them behind the point, None: that is not said.
        mapping: `numeric.mapping`: none, precision_only, best_fit, best_fit_eager_double.
        nullable: may it be empty?
    """
    if mapping != "none" and precision is not None and scale is not None:
        if scale <= 0 or (scale == 0 and mapping == "precision_only"):
            for digits, kind in _BITS:
                if precision - min(scale, 0) <= digits and (scale == 0 or mapping != "precision_only"):
                    return Schema(kind, optional=nullable)
        elif mapping in ("best_fit", "best_fit_eager_double"):
            return Schema(Type.FLOAT64, optional=nullable)
    return Schema.decimal(UNSCALED if scale is None else scale, optional=nullable)


def decimal_reader(schema: Schema, scale: int | None) -> Convert:
    """Makes a value of such a schema of a number that the database gives."""
    if schema.type is Type.FLOAT64:
        return lambda value: float(_as_decimal(value))
    if schema.name is None:
        return lambda value: int(_as_decimal(value))
    point = UNSCALED if scale is None else scale

    def read(value: object) -> Decimal:
        found = _as_decimal(value)
        sign, digits, exponent = found.as_tuple()
        if not isinstance(exponent, int):
            raise DataException(f"{found} is no number that a record can hold.")
        missing = exponent + point
        if missing < 0:
            if any(digits[missing:]):
                raise DataException(f"{found} has more than {point} digits behind the point.")
            return Decimal((sign, digits[:missing] or (0,), -point))
        return Decimal((sign, (*digits, *(0,) * missing), -point))

    return read


def _as_decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return Decimal(repr(value) if isinstance(value, float) else str(value))

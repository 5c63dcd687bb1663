"""Logical types: days, times and moments as Python has them, as the numbers they are stored as, and back.

Java has one class for all three, a count of milliseconds; `ms_of` is that count.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from streams.connect.data.schema import DATE_NAME, DECIMAL_NAME, SCALE, TIME_NAME, TIMESTAMP_NAME, Schema
from streams.connect.errors import DataException

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = EPOCH.date()
_MS = timedelta(milliseconds=1)
DAY_MS = 86_400_000

Moment = date | time | datetime
"""What stands for Java's `java.util.Date`: a day, a time of day, or a point in time."""


def ms_of(value: Moment) -> int:
    """Milliseconds since the epoch (of a time of day: since midnight), rounded down.

    Raises:
        DataException: a datetime has no time zone.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise DataException(f"The timestamp {value} has no time zone. Give an aware datetime.")
        return (value - EPOCH) // _MS
    if isinstance(value, date):
        return (value - _DAY).days * DAY_MS
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000


def timestamp_of(ms: int) -> datetime:
    """The point in time, so many milliseconds after the epoch.

    Raises:
        DataException: Python has no datetime for it (years 1 to 9999).
    """
    try:
        return EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        raise DataException(f"Timestamp {ms} lies outside of the years 1 to 9999.") from None


def date_of(days: int) -> date:
    """The day, so many days after the epoch.

    Raises:
        DataException: Python has no date for it.
    """
    try:
        return _DAY + timedelta(days=days)
    except OverflowError:
        raise DataException(f"Date {days} lies outside of the years 1 to 9999.") from None


def time_of(ms: int) -> time:
    """The time of day, so many milliseconds after midnight.

    Raises:
        DataException: that is no time of a day.
    """
    if not 0 <= ms < DAY_MS:
        raise DataException("Time values must use number of milliseconds greater than 0 and less than 86400000")
    return (EPOCH + timedelta(milliseconds=ms)).time()


def to_stored(schema: Schema, value: object) -> object:
    """From a value of a logical type to what it is stored as; any other value as it is.

    Raises:
        DataException: it is no value of its logical type.
    """
    name = schema.name
    if name == DECIMAL_NAME:
        return decimal_bytes(schema, value)
    if name in (DATE_NAME, TIME_NAME, TIMESTAMP_NAME):
        short = name.rpartition(".")[2]
        if not isinstance(value, date | time):
            raise DataException(f"Invalid type for {short}, expected Date but was class {type(value).__qualname__}")
        ms = ms_of(value)
        if name == DATE_NAME:
            if ms % DAY_MS:
                raise DataException("Kafka Connect Date type should not have any time fields set to non-zero values.")
            return ms // DAY_MS
        if name == TIME_NAME and not 0 <= ms <= DAY_MS:
            raise DataException("Kafka Connect Time type should not have any date fields set to non-zero values.")
        return ms
    return value


def from_stored(schema: Schema, stored: object) -> object:
    """From what a value is stored as to a value of its logical type; any other value as it is.

    Raises:
        DataException: it lies outside of what the type holds.
    """
    name = schema.name
    if name == DECIMAL_NAME and isinstance(stored, bytes):
        unscaled = int.from_bytes(stored, "big", signed=True)
        return _scaled(unscaled, scale_of(schema))
    if not isinstance(stored, int):
        return stored
    if name == DATE_NAME:
        return date_of(stored)
    if name == TIME_NAME:
        return time_of(stored)
    return timestamp_of(stored) if name == TIMESTAMP_NAME else stored


def decimal_bytes(schema: Schema, value: object) -> bytes:
    """A decimal as it is stored: its digits as one signed number, in as few bytes as hold it.

    Raises:
        DataException: it is no decimal, or of another scale.
    """
    if not isinstance(value, Decimal):
        raise DataException(f"Invalid type for Decimal, expected Decimal but was class {type(value).__qualname__}")
    sign, digits, exponent = value.as_tuple()
    scale = scale_of(schema)
    if not isinstance(exponent, int) or -exponent != scale:
        shown = -exponent if isinstance(exponent, int) else str(exponent)
        raise DataException(
            "Decimal value has mismatching scale for given Decimal schema. "
            f"Schema has scale {scale}, value has scale {shown}."
        )
    unscaled = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
    size = ((unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8) + 1
    return unscaled.to_bytes(size, "big", signed=True)


def scale_of(schema: Schema) -> int:
    """The scale of a schema of decimals.

    Raises:
        DataException: it says none.
    """
    said = (schema.parameters or {}).get(SCALE)
    if said is None:
        raise DataException("Invalid Decimal schema: scale parameter not found.")
    try:
        return int(said)
    except ValueError:
        raise DataException(f"Invalid scale parameter found in Decimal schema: {said}") from None


def _scaled(unscaled: int, scale: int) -> Decimal:
    digits = tuple(map(int, str(abs(unscaled))))
    return Decimal((int(unscaled < 0), digits, -scale))

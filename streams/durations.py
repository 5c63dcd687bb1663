"""Durations, `datetime.timedelta` or whole milliseconds, and points in time, aware `datetime` or milliseconds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from streams.errors import IllegalArgumentException

Duration = timedelta | int
"""A length of time: a timedelta, or milliseconds."""

Instant = datetime | int
"""A point in time: an aware datetime, or milliseconds since the epoch."""

_MS = timedelta(milliseconds=1)


LONG_MIN, LONG_MAX = -(1 << 63), (1 << 63) - 1


def to_ms(value: Duration | None, name: str) -> int:
    """The duration in milliseconds; parts of one are cut off.

    Raises:
        IllegalArgumentException: it is None, no duration, or more than 64 bits hold; `name` is the parameter's, for the
            message.
    """
    return duration_ms(value, name)


def duration_ms(value: object, name: str) -> int:
    """`to_ms` of what need not be a duration at all."""
    if value is None:
        raise IllegalArgumentException(
            f'Invalid value for parameter "{name}" (value was: null). It shouldn\'t be null.'
        )
    if isinstance(value, timedelta):
        return value // _MS
    if isinstance(value, bool) or not isinstance(value, int):
        raise IllegalArgumentException(
            f'Invalid value for parameter "{name}" (value was: {value!r}). '
            "Give a datetime.timedelta, or whole milliseconds."
        )
    if not LONG_MIN <= value <= LONG_MAX:
        raise IllegalArgumentException(
            f'Invalid value for parameter "{name}" (value was: {value}). It can\'t be converted to milliseconds.'
        )
    return value


def instant_ms(value: Instant | None, name: str) -> int:
    """A point in time in milliseconds since the epoch.

    Raises:
        IllegalArgumentException: it is None, or a datetime without a time zone.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise IllegalArgumentException(
                f'Invalid value for parameter "{name}": give an aware datetime, or milliseconds since the epoch.'
            )
        return round(value.timestamp() * 1000)
    return to_ms(value, name)


def iso(ms: int) -> str:
    """The duration as Java's `Duration.toString()` writes it (`PT0.002S`)."""
    if ms == 0:
        return "PT0S"
    sign = "-" if ms < 0 else ""
    hours, rest = divmod(abs(ms), 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    text = "PT"
    if hours:
        text += f"{sign}{hours}H"
    if minutes:
        text += f"{sign}{minutes}M"
    if rest:
        seconds = f"{rest // 1000}" + (f".{rest % 1000:03d}".rstrip("0") if rest % 1000 else "")
        text += f"{sign}{seconds}S"
    return text


_iso = re.compile(
    r"([-+]?)P(?!$)(?:([-+]?\d+)D)?(?:T(?!$)(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+(?:\.\d{0,9})?)S)?)?",
    re.IGNORECASE | re.ASCII,
).fullmatch


def from_iso(text: str, name: str) -> int:
    """The milliseconds of a duration as Java's `Duration.parse` reads it: `P7D`, `PT1H30M`, `PT0.5S`.

    Raises:
        IllegalArgumentException: it is of no such form.
    """
    match = _iso(text.strip())
    if match is None:
        raise IllegalArgumentException(
            f"Invalid value for {name}: {text!r} is no duration of the form PnDTnHnMnS, such as P7D or PT1H30M."
        )
    sign, days, hours, minutes, seconds = match.groups(default="0")
    whole = (int(days) * 24 + int(hours)) * 60 + int(minutes)
    try:
        return duration_ms((whole * 60_000 + round(float(seconds) * 1000)) * (-1 if sign == "-" else 1), name)
    except OverflowError:
        raise IllegalArgumentException(f"Invalid value for {name}: {text!r} is too long.") from None

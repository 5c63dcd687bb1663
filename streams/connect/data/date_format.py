"""Patterns for moments, as `java.text.SimpleDateFormat` has them, in UTC and with English names.

Text is read leniently, as there: what follows a match is not looked at, and a 13th month is the next year's first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from streams.errors import IllegalArgumentException

_LETTERS = "GyYMLwWDdFEuaHkKhmsSzZX"
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_number = re.compile(r"[ \t]*(-?\d+)")
_ZONE = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})|GMT|UTC|Z")
_YEARS_BACK = 80
"""A year of two digits is no earlier than this many years ago."""


class DateFormat:
    """One pattern.

    >>> from streams.connect.data.date_format import DateFormat
    >>> DateFormat("yyyy-MM-dd'T'HH:mm").format(0), DateFormat("d.M.yy").parse("29.11.26")
    ('1970-01-01T00:00', 1795910400000)

    Args:
        pattern: `SimpleDateFormat`'s.
    Raises:
        IllegalArgumentException: it is no such pattern.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._parts = list(_parts(pattern))

    def format(self, ms: int) -> str:
        """The text of a moment, given in milliseconds since the epoch."""
        moment = _EPOCH + timedelta(milliseconds=ms)
        return "".join(text if letter is None else _WRITERS[letter](moment, len(text)) for letter, text in self._parts)

    def parse(self, text: str) -> int | None:
        """The moment that a text begins with, in milliseconds since the epoch; None: it does not match."""
        at = 0
        found: dict[str, int] = {}
        for index, (letter, part) in enumerate(self._parts):
            if letter is None:
                if not text.startswith(part, at):
                    return None
                at += len(part)
                continue
            following = self._parts[index + 1][0] if index + 1 < len(self._parts) else None
            abuts = following is not None and following in "yYMLwWDdFuHkKhmsS"
            end = _read(letter, len(part), text, at, found, abuts)
            if end is None:
                return None
            at = end
        return _moment(found)


def _parts(pattern: str) -> list[tuple[str | None, str]]:
    """Runs of one letter, and text (None before it)."""
    found: list[tuple[str | None, str]] = []
    at = 0

    def literal(text: str) -> None:
        if found and found[-1][0] is None:
            found[-1] = (None, found[-1][1] + text)
        elif text:
            found.append((None, text))

    while at < len(pattern):
        letter = pattern[at]
        if letter == "'":
            end = pattern.find("'", at + 1)
            if end < 0:
                raise IllegalArgumentException("Unterminated quote")
            literal("'" if end == at + 1 else pattern[at + 1 : end])
            at = end + 1
        elif letter.isascii() and letter.isalpha():
            if letter not in _LETTERS:
                raise IllegalArgumentException(f"Illegal pattern character '{letter}'")
            end = at
            while end < len(pattern) and pattern[end] == letter:
                end += 1
            found.append((letter, pattern[at:end]))
            at = end
        else:
            literal(letter)
            at += 1
    return found


# Writing


def _number_of(value: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, count: str(value(moment)).zfill(count)


def _year(year: int, count: int) -> str:
    return str(year % 100).zfill(2) if count == 2 else str(year).zfill(count)


def _month(moment: datetime, count: int) -> str:
    if count < 3:
        return str(moment.month).zfill(count)
    name = _MONTHS[moment.month - 1]
    return name if count > 3 else name[:3]


def _day_name(moment: datetime, count: int) -> str:
    name = _DAYS[moment.weekday()]
    return name if count > 3 else name[:3]


def _from_sunday(moment: datetime) -> int:
    return (moment.weekday() + 1) % 7


def _week_of_year(moment: datetime) -> int:
    """Weeks begin on Sundays; the first is the one with the first of January."""
    next_year = datetime(moment.year + 1, 1, 1, tzinfo=UTC)
    if moment.toordinal() >= next_year.toordinal() - _from_sunday(next_year):
        return 1
    first = datetime(moment.year, 1, 1, tzinfo=UTC)
    return (moment.timetuple().tm_yday - 1 + _from_sunday(first)) // 7 + 1


def _week_year(moment: datetime) -> int:
    return moment.year + (moment.month == 12 and _week_of_year(moment) == 1)


def _week_of_month(moment: datetime) -> int:
    first = moment.replace(day=1)
    return (moment.day - 1 + _from_sunday(first)) // 7 + 1


_WRITERS: Mapping[str, Callable[[datetime, int], str]] = {
    "G": lambda moment, count: "AD",
    "y": lambda moment, count: _year(moment.year, count),
    "Y": lambda moment, count: _year(_week_year(moment), count),
    "M": _month,
    "L": _month,
    "w": _number_of(_week_of_year),
    "W": _number_of(_week_of_month),
    "D": _number_of(lambda moment: moment.timetuple().tm_yday),
    "d": _number_of(lambda moment: moment.day),
    "F": _number_of(lambda moment: (moment.day - 1) // 7 + 1),
    "E": _day_name,
    "u": _number_of(lambda moment: moment.weekday() + 1),
    "a": lambda moment, count: "AM" if moment.hour < 12 else "PM",
    "H": _number_of(lambda moment: moment.hour),
    "k": _number_of(lambda moment: moment.hour or 24),
    "K": _number_of(lambda moment: moment.hour % 12),
    "h": _number_of(lambda moment: moment.hour % 12 or 12),
    "m": _number_of(lambda moment: moment.minute),
    "s": _number_of(lambda moment: moment.second),
    "S": _number_of(lambda moment: moment.microsecond // 1000),
    "z": lambda moment, count: "Coordinated Universal Time" if count > 3 else "UTC",
    "Z": lambda moment, count: "+0000",
    "X": lambda moment, count: "Z",
}


# Reading


def _read(letter: str, count: int, text: str, at: int, found: dict[str, int], abuts: bool) -> int | None:
    """Takes one part of a text; where the next begins, None: it does not match."""
    if letter in "zZX":
        zone = _ZONE.match(text, at)
        if zone is None:
            return None
        sign, hours, minutes = zone.groups()
        offset = 0 if sign is None else int(hours) * 60 + int(minutes)
        found["zone"] = -offset if sign == "-" else offset
        return zone.end()
    if letter in "EaG" or (letter in "ML" and count > 2):
        return _read_name(letter, text, at, found)
    number = _number.match(text, at) if not abuts else re.compile(rf"[ \t]*(\d{{1,{count}}})").match(text, at)
    if number is None:
        return None
    value = int(number[1])
    if letter == "y" and count <= 2 and len(number[1]) == 2:
        value = _of_two_digits(value)
    found[letter] = value
    return number.end()


def _read_name(letter: str, text: str, at: int, found: dict[str, int]) -> int | None:
    names = {"E": _DAYS, "a": ("AM", "PM"), "G": ("BC", "AD")}.get(letter, _MONTHS)
    rest = text[at:].lower()
    for length in (99, 3):
        for index, name in enumerate(names):
            if rest.startswith(name[:length].lower()):
                found["M" if letter == "L" else letter] = index + (letter in "ML")
                return at + len(name[:length])
    return None


def _of_two_digits(value: int) -> int:
    first = datetime.now(UTC).year - _YEARS_BACK
    year = first - first % 100 + value
    return year if year >= first else year + 100


def _moment(found: Mapping[str, int]) -> int:
    """Milliseconds since the epoch of the parts that were read; those that were not are those of the epoch."""
    hour = found.get("H", found.get("k", 0) % 24)
    if "h" in found or "K" in found:
        hour = found.get("K", found.get("h", 0) % 12) + 12 * found.get("a", 0)
    month = found.get("M", found.get("L", 1)) - 1
    year = found.get("y", found.get("Y", 1970)) + month // 12
    first = _days_before(year, month % 12)
    day = first + found.get("d", 1) - 1
    if "D" in found and "d" not in found:
        day = _days_before(year, 0) + found["D"] - 1
    minutes = (day * 24 + hour) * 60 + found.get("m", 0) - found.get("zone", 0)
    return (minutes * 60 + found.get("s", 0)) * 1000 + found.get("S", 0)


def _days_before(year: int, month: int) -> int:
    """Days from the epoch to the first of a month (0: January), for any year."""
    shifted = year - (month < 2)
    moved = (month + 10) % 12
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * moved + 2) // 5
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468

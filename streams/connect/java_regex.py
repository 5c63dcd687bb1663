"""Regular expressions and replacements as Java writes them."""

from __future__ import annotations

import re

from streams.errors import IllegalArgumentException

_named_group = re.compile(r"\(\?<(?=[A-Za-z])")
_reference = re.compile(r"\\(?P<literal>.)|\$(?:\{(?P<name>[^}]*)\}|(?P<number>\d+))|(?P<bad>[$\\])", re.DOTALL)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of Java's.

    Raises:
        IllegalArgumentException: it is none, or uses what Python has not.
    """
    try:
        return re.compile(_named_group.sub("(?P<", pattern))
    except (re.error, OverflowError) as error:
        raise IllegalArgumentException(f"{error}: {pattern}") from None


def expanded(match: re.Match[str], replacement: str) -> str:
    """What stands for a match: `$1` and `${name}` are groups, a backslash takes the meaning from the next letter.

    Raises:
        IllegalArgumentException: there is no such group.
    """

    def one(found: re.Match[str]) -> str:
        if found["literal"] is not None:
            return found["literal"]
        if found["bad"] is not None:
            raise IllegalArgumentException("Illegal group reference")
        if found["name"] is not None:
            return _named(match, found["name"])
        return _numbered(match, found["number"])

    return _reference.sub(one, replacement)


def _named(match: re.Match[str], name: str) -> str:
    if name[:1].isdigit():
        raise IllegalArgumentException(f"capturing group name {{{name}}} starts with digit character")
    if name not in match.re.groupindex:
        raise IllegalArgumentException(f"No group with name {{{name}}}")
    return match[name] or ""


def _numbered(match: re.Match[str], digits: str) -> str:
    """As many digits as still name a group belong to the number."""
    length = 1
    if int(digits[0]) > match.re.groups:
        raise IndexErrorOfJava(digits[0])
    while length < len(digits) and int(digits[: length + 1]) <= match.re.groups:
        length += 1
    return (match[int(digits[:length])] or "") + digits[length:]


class IndexErrorOfJava(IllegalArgumentException):
    """A replacement names a group that the pattern has not."""

    def __init__(self, number: str) -> None:
        super().__init__(f"No group {number}")

"""Files of Java's form `.properties`: a name, `=`, `:` or a space, and a value on a line.

`#` or `!` begins a comment; a backslash at the end joins the next line; `\\t`, `\\n`, `\\r`, `\\f` and `\\uXXXX` stand
for characters, and a backslash before any other one for that character. As `java.util.Properties.load`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_entry = re.compile(r"(?P<name>(?:\\.|[^\\=:\s])*)\s*[=:]?\s*(?P<value>.*)", re.DOTALL).fullmatch
_escape = re.compile(r"\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<other>.))", re.DOTALL)
_CHARACTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def entries_of(text: str) -> Iterator[tuple[int, str, str]]:
    """The line, name and value of each entry.

    >>> list(entries_of("# of the shop\\nclient.id = a\\\\\\n   b\\n"))
    [(2, 'client.id', 'ab')]
    """
    for number, line in _joined(text):
        found = _entry(line)
        if found is not None and found["name"]:
            yield number, _plain(found["name"]), _plain(found["value"])


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that a backslash joins, and the number of the first of them; without comments."""
    begun: list[str] = []
    first = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.lstrip()
        if not begun:
            if not line or line[0] in "#!":
                continue
            first = number
        joins = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        begun.append(line[:-1] if joins else line)
        if not joins:
            yield first, "".join(begun)
            begun.clear()
    if begun:
        yield first, "".join(begun)


def _plain(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = match["code"]
        return chr(int(code, 16)) if code is not None else _CHARACTERS.get(match["other"], match["other"])

    return _escape.sub(character, text)

"""A small terminal: what a person sees of the bytes that a program writes to one."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b\][^\x07]*\x07|\x1b[()][A-Z0-9]")


class Screen:
    """All lines since the start, as if the terminal were endlessly high.

    Args:
        width: columns; what is longer goes on in the next line.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._lines: list[list[str]] = [[]]
        self._row = self._column = 0
        self._rest = ""

    @property
    def lines(self) -> list[str]:
        """What stands there, without blanks at the end of lines."""
        return ["".join(line).rstrip() for line in self._lines]

    def write(self, text: str) -> None:
        """Takes what was written; an escape sequence may come in two parts."""
        text, self._rest = self._rest + text, ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = _ESCAPE.match(text, at)
                if found is None:
                    self._rest = text[at:]
                    return
                if found[2]:
                    self._control(found[1], found[2])
                at = found.end()
                continue
            self._put(text[at])
            at += 1

    def _put(self, char: str) -> None:
        if char == "\n":
            self._down()
            self._column = 0  # a terminal's driver makes CR LF of it
        elif char == "\r":
            self._column = 0
        elif char >= " ":
            if self._column >= self._width:
                self._down()
                self._column = 0
            line = self._lines[self._row]
            line += [" "] * (self._column + 1 - len(line))
            line[self._column] = char
            self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._lines):
            self._lines.append([])

    def _control(self, arguments: str, kind: str) -> None:
        if kind == "A":
            self._row = max(0, self._row - int(arguments or "1"))
        elif kind == "K":
            line = self._lines[self._row]
            del line[0 if arguments == "2" else self._column :]
        elif kind not in "mhl":
            raise AssertionError(f"the program wrote an escape sequence that is not known here: {arguments}{kind}")

"""Where the script said something: the call, its file and its line. Drawings show it; nothing else depends on it."""

from __future__ import annotations

import sys
from types import FrameType
from typing import NamedTuple

_PACKAGE = __name__.split(".", 1)[0]


class Origin(NamedTuple):
    """One call of the script.

    Args:
        operation: the method that was called (`count`), by the name it is defined under.
        file: of the script, as Python knows it.
        line: number in the file, from 1.
        call: equal for all nodes that this one call made, and for no others of the same topology.
    """

    operation: str
    file: str
    line: int
    call: int


def calling() -> FrameType | None:
    """The frame of the method that was called from outside of this package; None: there is nobody outside."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_back is not None:
        if not _inside(frame.f_back):
            return frame
        frame = frame.f_back
    return None


def origin_of(method: FrameType, call: int) -> Origin:
    """What `calling` found, as data."""
    caller = method.f_back or method
    return Origin(method.f_code.co_name, caller.f_code.co_filename, caller.f_lineno, call)


def _inside(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return isinstance(name, str) and (name == _PACKAGE or name.startswith(_PACKAGE + "."))

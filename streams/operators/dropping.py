"""The lines by which a step drops a record: counted, and the first one since the last report looked at."""

from __future__ import annotations

from streams.dropped import NULL_KEY, NULL_VALUE, Drop
from streams.operators.base import Code, Rec, Scope


def drop(code: Code, dropped: Drop, count: str = "1") -> None:
    """Writes that `count` (an expression) records are dropped."""
    name = code.use(dropped, "dropped")
    code.line(f"{name}.value += {count}")
    with code.block(f"if {name}.first is None"):
        code.line(f"{name}.notice()")


class Nulls:
    """Drops records without a key, without a value, or without either.

    Args:
        scope: the node's.
        key: is a key needed?
        value: is a value needed?
    """

    __slots__ = ("_key", "_value")

    def __init__(self, scope: Scope, key: bool = True, value: bool = True) -> None:
        self._key = scope.drop(NULL_KEY) if key else None
        self._value = scope.drop(NULL_VALUE) if value else None

    def write_step(self, code: Code, rec: Rec) -> None:
        """Writes the `if`; what is to be done with other records comes in a `block("else")` behind it."""
        key, value = self._key, self._value
        key_name = rec.raw_key or rec.key
        asked = [f"{name} is None" for name, needed in ((key_name, key), (rec.value, value)) if needed is not None]
        with code.block(f"if {' or '.join(asked)}"):
            if key is not None and value is not None:
                with code.block(f"if {key_name} is None"):
                    drop(code, key)
                with code.block("else"):
                    drop(code, value)
            elif key is not None:
                drop(code, key)
            elif value is not None:
                drop(code, value)


def unwanted_row(code: Code, rec: Rec, no_key: Drop, old: Drop) -> None:
    """Writes the `if` for rows that nobody asks about: those without a key, and versions that are not the newest. What
    is to be done with other rows comes in a `block("else")` behind it."""
    with code.block(f"if {rec.raw_key or rec.key} is None"):
        drop(code, no_key)
    if rec.latest:
        with code.block(f"elif not {rec.latest}"):
            drop(code, old)

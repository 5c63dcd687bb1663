"""A value that nobody is shown."""

from __future__ import annotations

HIDDEN = "[hidden]"


class Password:
    """A secret of the configuration. Whoever prints, logs or formats it writes `[hidden]`.

    >>> from streams.connect.password import Password
    >>> print(Password("correct horse"), Password("correct horse").value)
    [hidden] correct horse
    """

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Password) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return HIDDEN

"""A value that nobody is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


class Secrets:
    """What nobody is shown of a configuration: passwords, and what came from `${env:…}` and the like.

    Args:
        written: the settings as they were written.
        resolved: the same with secrets in place.
        values: parsed values; passwords are secrets.
    """

    SHORTEST = 3
    """A shorter one would blank words that are none."""

    def __init__(self, written: Mapping[str, str], resolved: Mapping[str, str], values: Iterable[object] = ()) -> None:
        found = {resolved[name] for name, value in written.items() if resolved.get(name, value) != value}
        for name, value in written.items():  # the secret alone, where it is a part of its setting
            before, dollar, _ = value.partition("${")
            if dollar and value.endswith("}"):
                found.add(resolved[name].removeprefix(before))
        found |= {value.value for value in values if isinstance(value, Password)}
        self._secrets = sorted((each for each in found if len(each) >= self.SHORTEST), key=len, reverse=True)

    def hide(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

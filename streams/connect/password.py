"""A value that nobody is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

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


_IN_URL = re.compile(r"://[^/?#\s:@]*:([^/?#\s]+)@|[?&;](?:ssl)?password=([^&;#\s]+)", re.IGNORECASE)


def passwords_in(text: str) -> Iterator[str]:
    """The passwords that stand in an address, as they are written and as they are meant.

    >>> from streams.connect.password import passwords_in
    >>> list(passwords_in("postgresql://ann:a%2Fb@db/orders")), list(passwords_in("jdbc:postgresql:x?password=horse"))
    (['a%2Fb', 'a/b'], ['horse'])
    """
    for found in _IN_URL.finditer(text):
        written = found[1] or found[2]
        yield written
        if unquote(written) != written:
            yield unquote(written)


class Secrets:
    """What nobody is shown of a configuration: passwords, those in addresses too, and what came from `${env:…}`.

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
        for value in resolved.values():
            found.update(passwords_in(value))
        self._secrets = sorted((each for each in found if len(each) >= self.SHORTEST), key=len, reverse=True)

    def hide(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

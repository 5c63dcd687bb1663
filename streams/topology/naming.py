"""Names of nodes, stores and internal topics that the user did not give, as Java numbers them.

One counter for the whole builder. A name that the user gives still consumes its number, so that naming one operator
does not rename the next; adding an operator does.
"""

from __future__ import annotations

import re

from streams.names import REPARTITION_SUFFIX, check_name

STORE = "STATE-STORE-"

_generated_stream = re.compile(r"KSTREAM.*-[0-9]{10}").fullmatch


class Names:
    """The counter of one builder."""

    def __init__(self) -> None:
        self._next = 0

    def node(self, prefix: str) -> str:
        """The next generated name of a node."""
        number = self._next
        self._next += 1
        return f"{prefix}{number:010d}"

    def store(self, prefix: str) -> str:
        """The next generated name of a store of an operator with this prefix."""
        return self.node(prefix + STORE)

    def named(self, name: str | None, prefix: str, suffix: str = "") -> str:
        """The user's name with `suffix`, or a generated one; a number is consumed either way.

        Raises:
            TopologyException: the name, or name and suffix together, are not allowed.
        """
        generated = self.node(prefix)
        if name is None:
            return generated
        return check_name(check_name(name) + suffix)


def is_generated_stream(name: str) -> bool:
    """Is it a generated name of a stream operator? Repartition nodes then get numbers of their own."""
    return _generated_stream(name) is not None


def repartition_topic(prefix: str) -> str:
    """The undecorated topic of a repartition step: the suffix is not written twice."""
    return prefix if prefix.endswith(REPARTITION_SUFFIX) else prefix + REPARTITION_SUFFIX

"""`Filter`: nothing goes on."""

from __future__ import annotations

from streams.connect.config_def import Config, ConfigDef
from streams.connect.records import R


class Filter:
    """Drops every record: those that its predicate names."""

    config_def = ConfigDef()

    def __init__(self, config: Config) -> None: ...

    def apply(self, record: R) -> R | None:
        """None."""
        return None

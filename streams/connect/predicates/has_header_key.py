"""`HasHeaderKey`: records with a header."""

from __future__ import annotations

from streams.config.table import not_empty
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.records import R


class HasHeaderKey:
    """Those that have a header of this name."""

    config_def = ConfigDef(ConfigKey("name", Type.STRING, REQUIRED, "The name of the header.", not_empty))

    def __init__(self, config: Config) -> None:
        self._name = config.text("name")

    def test(self, record: R) -> bool:
        """Is there one?"""
        return any(header.key == self._name for header in record.headers)

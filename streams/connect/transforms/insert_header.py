"""`InsertHeader`: a header that is always the same."""

from __future__ import annotations

from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.data.values import parse_string
from streams.connect.records import Header, R
from streams.connect.transforms.base import HIGH
from streams.connect.transforms.checks import not_null


class InsertHeader:
    """Adds a header; `12` is a number, `true` a truth value, `[1,2]` a list, as in `Values.parseString`."""

    config_def = ConfigDef(
        ConfigKey("header", Type.STRING, REQUIRED, "The name of the header.", not_null, HIGH),
        ConfigKey("value.literal", Type.STRING, REQUIRED, "Its value.", not_null, HIGH),
    )

    def __init__(self, config: Config) -> None:
        found = parse_string(config.text("value.literal"))
        self._header = Header(config.text("header"), found.value, found.schema)

    def apply(self, record: R) -> R | None:
        """The record with the header."""
        return record._replace(headers=(*record.headers, self._header))

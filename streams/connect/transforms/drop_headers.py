"""`DropHeaders`: some headers go."""

from __future__ import annotations

from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.records import R
from streams.connect.transforms.base import HIGH
from streams.connect.transforms.checks import not_empty_list


class DropHeaders:
    """Takes headers of these names away."""

    config_def = ConfigDef(
        ConfigKey("headers", Type.LIST, REQUIRED, "The names of the headers that go.", not_empty_list, HIGH)
    )

    def __init__(self, config: Config) -> None:
        self._names = frozenset(config.texts("headers"))

    def apply(self, record: R) -> R | None:
        """The record without them."""
        return record._replace(headers=tuple(each for each in record.headers if each.key not in self._names))

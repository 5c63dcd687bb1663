"""`HoistField`: the whole becomes one field."""

from __future__ import annotations

from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.data.schema import Schema
from streams.connect.data.struct import Struct
from streams.connect.records import R
from streams.connect.transforms.base import SchemaCache, Side


class HoistField:
    """Wraps the key or value as the one field of a struct (of a map, where there is no schema)."""

    config_def = ConfigDef(ConfigKey("field", Type.STRING, REQUIRED, "The name of the field."))

    def __init__(self, config: Config, side: Side) -> None:
        self._name = config.text("field")
        self._side = side
        self._schema = SchemaCache(lambda schema: Schema.struct({self._name: schema}))

    def apply(self, record: R) -> R | None:
        """The wrapped record."""
        schema, value = self._side.of(record)
        if schema is None:
            return self._side.changed(record, None, {self._name: value})
        made = self._schema(schema)
        return self._side.changed(record, made, Struct(made).put(self._name, value))

"""`SetSchemaMetadata`: another name or version of the schema."""

from __future__ import annotations

import dataclasses

from streams.connect.config_def import Config, ConfigDef, ConfigKey, Type
from streams.connect.data.schema import Schema
from streams.connect.data.struct import Struct
from streams.connect.records import R
from streams.connect.transforms.base import (
    HIGH,
    REPLACE_NULL,
    SchemaCache,
    Side,
    fields_of,
    require_schema,
    value_in,
)
from streams.errors import ConfigException


class SetSchemaMetadata:
    """Sets the name, the version, or both, of the key's or value's schema."""

    config_def = ConfigDef(
        ConfigKey("schema.name", Type.STRING, None, "The name.", importance=HIGH),
        ConfigKey("schema.version", Type.INT, None, "The version.", importance=HIGH),
        REPLACE_NULL,
    )

    def __init__(self, config: Config, side: Side) -> None:
        self._name = None if config["schema.name"] is None else config.text("schema.name")
        self._version = None if config["schema.version"] is None else config.number("schema.version")
        if self._name is None and self._version is None:
            raise ConfigException("Neither schema name nor version configured")
        self._with_default = config.flag("replace.null.with.default")
        self._side = side
        self._schema = SchemaCache(self._changed)

    def apply(self, record: R) -> R | None:
        """The record with the changed schema."""
        schema, value = self._side.of(record)
        if value is None and schema is None:
            return record
        fields_of(require_schema(schema, "updating schema metadata"))
        made = self._schema(require_schema(schema, "updating schema metadata"))
        if isinstance(value, Struct):
            value = Struct.of_values(
                made, [value_in(value, field, self._with_default) for field in value.schema.fields]
            )
        return self._side.changed(record, made, value)

    def _changed(self, schema: Schema) -> Schema:
        return dataclasses.replace(
            schema,
            name=schema.name if self._name is None else self._name,
            version=schema.version if self._version is None else self._version,
        )

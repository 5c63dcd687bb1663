"""`ValueToKey`: fields of the value become the key."""

from __future__ import annotations

from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.data.schema import Schema
from streams.connect.data.struct import Struct
from streams.connect.errors import DataException
from streams.connect.records import R
from streams.connect.transforms.base import HIGH, REPLACE_NULL, SchemaCache, require_map, require_struct
from streams.connect.transforms.checks import not_empty_list
from streams.connect.transforms.field_path import FIELD_SYNTAX_VERSION, FieldPath

_PURPOSE = "copying fields from value to key"


class ValueToKey:
    """Makes a struct (a map, where there is no schema) of fields of the value, as the key."""

    config_def = ConfigDef(
        ConfigKey("fields", Type.LIST, REQUIRED, "The fields.", not_empty_list, HIGH),
        REPLACE_NULL,
        FIELD_SYNTAX_VERSION,
    )

    def __init__(self, config: Config) -> None:
        self._paths = {name: FieldPath(name, config) for name in config.texts("fields")}
        self._with_default = config.flag("replace.null.with.default")
        self._schema = SchemaCache(self._key_schema)

    def apply(self, record: R) -> R | None:
        """The record with the key."""
        if record.value_schema is None:
            given = require_map(record.value, _PURPOSE)
            key: object = {name: path.in_map(given) for name, path in self._paths.items()}
            return record._replace(key_schema=None, key=key)
        struct = require_struct(record.value, _PURPOSE)
        made = self._schema(struct.schema)
        values = [path.in_struct(struct, self._with_default) for path in self._paths.values()]
        return record._replace(key_schema=made, key=Struct.of_values(made, values))

    def _key_schema(self, schema: Schema) -> Schema:
        fields = {}
        for name, path in self._paths.items():
            field = path.field(schema)
            if field is None:
                raise DataException(f"Field does not exist: {name}")
            fields[name] = field.schema
        return Schema.struct(fields)

"""`HeaderFrom`: fields go to headers."""

from __future__ import annotations

from streams.config.table import one_of
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.data.schema import Schema
from streams.connect.data.struct import Struct
from streams.connect.errors import DataException
from streams.connect.records import Header, R
from streams.connect.transforms.base import (
    HIGH,
    REPLACE_NULL,
    SchemaCache,
    Side,
    require_map,
    require_struct,
    struct_like,
    value_in,
)
from streams.connect.transforms.checks import not_empty_list
from streams.errors import ConfigException


class HeaderFrom:
    """Moves or copies fields of the key or value to headers."""

    config_def = ConfigDef(
        ConfigKey("fields", Type.LIST, REQUIRED, "The fields.", not_empty_list, HIGH),
        ConfigKey("headers", Type.LIST, REQUIRED, "The headers, in the order of the fields.", not_empty_list, HIGH),
        ConfigKey("operation", Type.STRING, REQUIRED, "move, or copy.", one_of("move", "copy"), HIGH),
        REPLACE_NULL,
    )

    def __init__(self, config: Config, side: Side) -> None:
        fields, headers = config.texts("fields"), config.texts("headers")
        if len(fields) != len(headers):
            raise ConfigException("'fields' config must have the same number of elements as 'headers' config.")
        self._pairs = tuple(zip(fields, headers, strict=True))
        self._gone = frozenset(fields)
        self._operation = config.text("operation")
        self._with_default = config.flag("replace.null.with.default")
        self._side = side
        self._schema = SchemaCache(self._changed)

    def apply(self, record: R) -> R | None:
        """The record with the headers."""
        schema, value = self._side.of(record)
        purpose = f"header {self._operation}"
        moves = self._operation == "move"
        headers = list(record.headers)
        if schema is None:
            given = require_map(value, purpose)
            headers += [Header(header, given.get(name)) for name, header in self._pairs]
            kept = {name: each for name, each in given.items() if not moves or name not in self._gone}
            return self._side.changed(record, None, kept)._replace(headers=tuple(headers))
        struct = require_struct(value, purpose)
        for name, header in self._pairs:
            field = struct.schema.field(name)
            if field is None:
                raise DataException(f"Field does not exist: {name}")
            headers.append(Header(header, value_in(struct, field, self._with_default), field.schema))
        if moves:
            schema = self._schema(schema)
            struct = Struct.of_values(schema, [
                value_in(struct, field, self._with_default)
                for field in struct.schema.fields if field.name not in self._gone
            ])  # fmt: skip
        return self._side.changed(record, schema, struct)._replace(headers=tuple(headers))

    def _changed(self, schema: Schema) -> Schema:
        left = (field for field in schema.fields if field.name not in self._gone)
        return struct_like(schema, ((field.name, field.schema) for field in left))

"""`Flatten`: nested fields become fields with long names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from streams.connect.config_def import Config, ConfigDef, ConfigKey, Type
from streams.connect.data.schema import Schema
from streams.connect.data.schema import Type as DataType
from streams.connect.data.struct import Struct
from streams.connect.errors import DataException
from streams.connect.records import R
from streams.connect.transforms.base import SchemaCache, Side, fields_of, require_map, require_struct, struct_like

_PURPOSE = "flattening"


class Flatten:
    """Takes structs in structs (maps in maps) apart: `{"a": {"b": 1}}` becomes `{"a.b": 1}`. Lists stay as they are."""

    config_def = ConfigDef(ConfigKey("delimiter", Type.STRING, ".", "What stands between the names."))

    def __init__(self, config: Config, side: Side) -> None:
        self._delimiter = config.text("delimiter")
        self._side = side
        self._schema = SchemaCache(self._changed)

    def apply(self, record: R) -> R | None:
        """The record with one level."""
        schema, value = self._side.of(record)
        if value is None:
            return record
        if schema is None:
            flat: dict[object, object] = {}
            self._flatten(require_map(value, _PURPOSE), "", flat)
            return self._side.changed(record, None, flat)
        struct = require_struct(value, _PURPOSE)
        made = self._schema(schema)
        return self._side.changed(record, made, Struct.of_values(made, list(self._values(struct, schema))))

    def _name(self, prefix: str, name: object) -> str:
        return f"{prefix}{self._delimiter}{name}" if prefix else str(name)

    def _flatten(self, given: dict[object, object], prefix: str, flat: dict[object, object]) -> None:
        for name, value in given.items():
            full = self._name(prefix, name)
            if isinstance(value, dict):
                self._flatten(value, full, flat)
            elif value is None or isinstance(value, bool | int | float | str | bytes | list | tuple):
                flat[full] = value
            elif isinstance(value, Struct):
                raise DataException(
                    "Flatten transformation does not support class Struct for record without schemas (for field "
                    f"{full})."
                )
            else:
                raise DataException(
                    f"Flatten transformation was passed a value of type class {type(value).__qualname__} which is not "
                    "supported by Connect's data API"
                )

    def _changed(self, schema: Schema) -> Schema:
        default = schema.default if isinstance(schema.default, Struct) else None
        return struct_like(schema, self._fields(schema, "", schema.optional, default))

    def _fields(
        self, schema: Schema, prefix: str, optional: bool, default: Struct | None
    ) -> Iterator[tuple[str, Schema]]:
        for field in fields_of(schema):
            full = self._name(prefix, field.name)
            may_miss = optional or field.schema.optional
            own = field.schema.default
            if own is None and default is not None:
                own = default[field.name]
            if field.schema.type is DataType.STRUCT:
                yield from self._fields(field.schema, full, may_miss, own if isinstance(own, Struct) else None)
            elif field.schema.type is DataType.MAP:
                raise DataException(
                    f"Flatten transformation does not support MAP for record with schemas (for field {full})."
                )
            else:
                yield full, dataclasses.replace(field.schema, optional=may_miss, default=own)

    def _values(self, struct: Struct | None, schema: Schema) -> Iterator[object]:
        for field in schema.fields:
            value = None if struct is None else struct[field.name]
            if field.schema.type is DataType.STRUCT:
                yield from self._values(value if isinstance(value, Struct) else None, field.schema)
            else:
                yield value

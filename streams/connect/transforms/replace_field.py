"""`ReplaceField`: fields go, stay, or get other names."""

from __future__ import annotations

from streams.config.table import invalid
from streams.connect.config_def import Config, ConfigDef, ConfigKey, Type
from streams.connect.data.schema import Schema
from streams.connect.data.struct import Struct
from streams.connect.records import R
from streams.connect.transforms.base import (
    REPLACE_NULL,
    SchemaCache,
    Side,
    require_map,
    require_struct,
    struct_like,
    value_in,
)

_PURPOSE = "field replacement"


def _renames(mappings: tuple[object, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for mapping in map(str, mappings):
        parts = mapping.split(":")
        if len(parts) != 2 or not parts[1]:
            raise invalid("renames", mappings, f"Invalid rename mapping: {mapping}")
        found[parts[0]] = parts[1]
    return found


def _check_renames(name: str, value: object) -> None:
    _renames(value if isinstance(value, tuple) else ())


class ReplaceField:
    """Leaves fields out, keeps only some, and renames them."""

    config_def = ConfigDef(
        ConfigKey("exclude", Type.LIST, (), "Fields that go; this stands above `include`."),
        ConfigKey("include", Type.LIST, (), "Where it names any: only these stay."),
        ConfigKey("renames", Type.LIST, (), "Other names: `old:new,…`.", _check_renames),
        REPLACE_NULL,
    )

    def __init__(self, config: Config, side: Side) -> None:
        self._exclude = frozenset(config.texts("exclude"))
        self._include = frozenset(config.texts("include"))
        self._renamed = _renames(config.texts("renames"))
        self._with_default = config.flag("replace.null.with.default")
        self._side = side
        self._schema = SchemaCache(self._changed)

    def apply(self, record: R) -> R | None:
        """The record with its fields."""
        schema, value = self._side.of(record)
        if value is None:
            return record
        if schema is None:
            given = require_map(value, _PURPOSE)
            kept = {self._renamed.get(str(name), name): each for name, each in given.items() if self._stays(str(name))}
            return self._side.changed(record, None, kept)
        struct = require_struct(value, _PURPOSE)
        made = self._schema(struct.schema)
        values = [
            value_in(struct, field, self._with_default) for field in struct.schema.fields if self._stays(field.name)
        ]
        return self._side.changed(record, made, Struct.of_values(made, values))

    def _stays(self, name: str) -> bool:
        return name not in self._exclude and (not self._include or name in self._include)

    def _changed(self, schema: Schema) -> Schema:
        kept = (field for field in schema.fields if self._stays(field.name))
        return struct_like(schema, ((self._renamed.get(field.name, field.name), field.schema) for field in kept))

"""`ExtractField`: one field stands for the whole."""

from __future__ import annotations

from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.records import R
from streams.connect.transforms.base import REPLACE_NULL, Side, require_map, require_struct
from streams.connect.transforms.field_path import FIELD_SYNTAX_VERSION, FieldPath
from streams.errors import IllegalArgumentException

_PURPOSE = "field extraction"


class ExtractField:
    """Makes a field, which may be nested, the whole key or value. What is null stays so."""

    config_def = ConfigDef(
        ConfigKey("field", Type.STRING, REQUIRED, "The name of the field."), REPLACE_NULL, FIELD_SYNTAX_VERSION
    )

    def __init__(self, config: Config, side: Side) -> None:
        self._name = config.text("field")
        self._path = FieldPath(self._name, config)
        self._with_default = config.flag("replace.null.with.default")
        self._side = side

    def apply(self, record: R) -> R | None:
        """The record with the field."""
        schema, value = self._side.of(record)
        if schema is None:
            found = None if value is None else self._path.in_map(require_map(value, _PURPOSE))
            return self._side.changed(record, None, found)
        struct = None if value is None else require_struct(value, _PURPOSE)
        field = self._path.field(schema)
        if field is None:
            raise IllegalArgumentException(f"Unknown field: {self._name}")
        found = None if struct is None else self._path.in_struct(struct, self._with_default)
        return self._side.changed(record, field.schema, found)

"""`MaskField`: a value that nobody is to see becomes an empty one, or another."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

from streams.config.table import not_empty
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.data.schema import INTEGERS, Schema
from streams.connect.data.schema import Type as DataType
from streams.connect.data.struct import Struct
from streams.connect.data.text import float32
from streams.connect.errors import DataException
from streams.connect.records import R
from streams.connect.transforms.base import HIGH, LOW, REPLACE_NULL, Side, require_map, require_struct, value_in
from streams.connect.transforms.checks import not_empty_list

_PURPOSE = "mask fields"


class MaskField:
    """Writes 0, false, an empty text or list over fields; or, over numbers and text, a replacement."""

    config_def = ConfigDef(
        ConfigKey("fields", Type.LIST, REQUIRED, "The fields.", not_empty_list, HIGH),
        ConfigKey("replacement", Type.STRING, None, "What is written over numbers and text.", not_empty, LOW),
        REPLACE_NULL,
    )

    def __init__(self, config: Config, side: Side) -> None:
        self._fields = frozenset(config.texts("fields"))
        self._replacement = None if config["replacement"] is None else config.text("replacement")
        self._with_default = config.flag("replace.null.with.default")
        self._side = side

    def apply(self, record: R) -> R | None:
        """The record with masked fields."""
        schema, value = self._side.of(record)
        if schema is None:
            given = require_map(value, _PURPOSE)
            masked: dict[object, object] = {name: self._masked(given.get(name), None) for name in self._fields}
            return self._side.changed(record, None, {**given, **masked})
        struct = require_struct(value, _PURPOSE)
        values = []
        for field in struct.schema.fields:
            found = value_in(struct, field, self._with_default)
            values.append(self._masked(found, field.schema) if field.name in self._fields else found)
        return self._side.changed(record, schema, Struct(struct.schema, {
            field.name: each for field, each in zip(struct.schema.fields, values, strict=True) if each is not None
        }))  # fmt: skip

    def _masked(self, value: object, schema: Schema | None) -> object:
        if value is None:
            return None
        return _empty(value) if self._replacement is None else _replaced(value, self._replacement, schema)


def _empty(value: object) -> object:
    if isinstance(value, bool):
        return False
    if isinstance(value, datetime):
        return datetime(1970, 1, 1, tzinfo=UTC)
    if isinstance(value, date):
        return date(1970, 1, 1)
    if isinstance(value, time):
        return time()
    for kind in (int, float, Decimal, str):
        if isinstance(value, kind):
            return kind()
    if isinstance(value, list | tuple):
        return []
    if isinstance(value, dict):
        return {}
    raise DataException(f"Cannot mask value of type: class {type(value).__qualname__}")


def _replaced(value: object, replacement: str, schema: Schema | None) -> object:
    if isinstance(value, str):
        return replacement
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            bits = INTEGERS.get(schema.type, 64) if schema is not None else 64
            half = 1 << bits - 1
            return (int(Decimal(replacement)) + half) % (2 * half) - half
        if isinstance(value, float):
            number = float(replacement)
            return float32(number) if schema is not None and schema.type is DataType.FLOAT32 else number
        if isinstance(value, Decimal):
            return Decimal(replacement)
    except (ValueError, InvalidOperation):
        raise DataException(f"Unable to convert {replacement} (class str) to a number") from None
    raise DataException(f"Cannot mask value of type class {type(value).__qualname__} with custom replacement.")

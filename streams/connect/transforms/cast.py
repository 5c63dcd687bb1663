"""`Cast`: a field, or the whole key or value, as another type."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal

from streams.config.table import invalid
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.data.logical import to_stored
from streams.connect.data.schema import DECIMAL_NAME, INTEGERS, Schema
from streams.connect.data.schema import Type as DataType
from streams.connect.data.struct import Struct
from streams.connect.data.text import float32, text_of
from streams.connect.data.values import iso_text
from streams.connect.errors import DataException
from streams.connect.records import R
from streams.connect.transforms.base import (
    HIGH,
    REPLACE_NULL,
    SchemaCache,
    Side,
    fields_of,
    require_map,
    require_struct,
    struct_like,
    value_in,
)
from streams.errors import ConfigException

_TO = tuple(kind for kind in DataType if kind.is_primitive and kind is not DataType.BYTES)
_FROM = (*_TO, DataType.BYTES)


def _listed(kinds: tuple[DataType, ...]) -> str:
    return f"[{', '.join(map(str, kinds))}]"


def _targets(spec: tuple[object, ...]) -> dict[str | None, DataType]:
    """The type of each field; under None that of the whole."""
    found: dict[str | None, DataType] = {}
    for mapping in map(str, spec):
        name, colon, word = mapping.partition(":")
        if ":" in word:
            raise invalid("renames", spec, f"Invalid rename mapping: {mapping}")
        said = (word if colon else name).strip()
        try:
            kind = DataType(said.lower())
        except ValueError:
            raise ConfigException(f"Invalid type found in casting spec: {said}") from None
        if kind not in _TO:
            raise ConfigException(
                f"Cast transformation does not support casting to {kind}; supported types are {_listed(_TO)}"
            )
        found[name.strip() if colon else None] = kind
    if None in found and len(spec) > 1:
        raise ConfigException(
            "Cast transformations that specify a type to cast the entire value to may only specify a single cast in "
            "their spec"
        )
    return found


def _check_spec(name: str, value: object) -> None:
    if not isinstance(value, tuple) or not value:
        raise ConfigException("Must specify at least one field to cast.")
    _targets(value)


class Cast:
    """Makes fields, or the whole key or value, of another type: `spec=id:string,amount:int32`, or `spec=string`.

    Numbers are narrowed as Java does: their lowest bits stay.
    """

    config_def = ConfigDef(
        ConfigKey(
            "spec",
            Type.LIST,
            REQUIRED,
            "Fields and the types to cast them to (`field1:type,field2:type`), or one type for the whole.",
            _check_spec,
            HIGH,
        ),
        REPLACE_NULL,
    )

    def __init__(self, config: Config, side: Side) -> None:
        self._casts = _targets(config.texts("spec"))
        self._whole = self._casts.get(None)
        self._side = side
        self._with_default = config.flag("replace.null.with.default")
        self._schema = SchemaCache(self._changed)

    def apply(self, record: R) -> R | None:
        """The record with the cast values."""
        schema, value = self._side.of(record)
        if value is None:
            return record
        if schema is None:
            if self._whole is not None:
                return self._side.changed(record, None, _cast(None, value, self._whole))
            changed = dict(require_map(value, "cast types"))
            for name, kind in self._casts.items():
                changed[name] = _cast(None, changed.get(name), kind)
            return self._side.changed(record, None, changed)
        made = self._schema(schema)
        if self._whole is not None:
            return self._side.changed(record, made, _cast(schema, value, self._whole))
        struct = require_struct(value, "cast types")
        values = []
        for field in struct.schema.fields:
            found = value_in(struct, field, self._with_default)
            target = self._casts.get(field.name)
            values.append(found if target is None else _cast(field.schema, found, target))
        return self._side.changed(record, made, Struct.of_values(made, values))

    def _changed(self, schema: Schema) -> Schema:
        if self._whole is not None:
            default = None if schema.default is None else _cast(schema, schema.default, self._whole)
            return Schema(
                self._whole, schema.optional, default, schema.name, schema.version, schema.doc, schema.parameters
            )
        fields = []
        for field in fields_of(schema):
            target = self._casts.get(field.name)
            if target is None:
                fields.append((field.name, field.schema))
                continue
            default = None if field.schema.default is None else _cast(field.schema, field.schema.default, target)
            fields.append((field.name, Schema(target, field.schema.optional, default)))
        return dataclasses.replace(struct_like(schema, fields, optional=schema.optional), default=schema.default)


_KINDS: Mapping[type, DataType] = {
    bool: DataType.BOOLEAN, int: DataType.INT64, float: DataType.FLOAT64, str: DataType.STRING, bytes: DataType.BYTES,
    list: DataType.ARRAY, tuple: DataType.ARRAY, dict: DataType.MAP, Struct: DataType.STRUCT,
}  # fmt: skip


def _cast(schema: Schema | None, value: object, target: DataType) -> object:
    if value is None:
        return None
    kind = _KINDS.get(type(value)) if schema is None else schema.type
    if kind is None:
        raise DataException(
            f"Cast transformation was passed a value of type class {type(value).__qualname__} which is not supported "
            "by Connect's data API"
        )
    if kind not in _FROM:
        raise DataException(
            f"Cast transformation does not support casting from {kind}; supported types are {_listed(_FROM)}"
        )
    if target is DataType.STRING:
        return _text(schema, value)
    if schema is not None and schema.name is not None and schema.name != DECIMAL_NAME:
        value = to_stored(schema, value)
    try:
        return _CASTS[target](value)
    except (ValueError, OverflowError):
        raise DataException(f"Value ({text_of(value)}) was out of range for requested data type") from None


def _text(schema: Schema | None, value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, date | time):
        return iso_text(value)
    return text_of(value, schema)


def _unexpected(value: object) -> DataException:
    return DataException(f"Unexpected type in Cast transformation: class {type(value).__qualname__}")


def _to_integer(bits: int) -> Callable[[object], object]:
    half = 1 << bits - 1

    def narrowed(value: object) -> object:
        if isinstance(value, str):
            number = _parsed(value)
            if not -half <= number < half:
                raise ValueError(value)
            return number
        number = _whole(value, bits)
        return (number + half) % (2 * half) - half

    return narrowed


def _parsed(text: str) -> int:
    """As `Long.parseLong`: digits with a sign, nothing else."""
    if not text.lstrip("+-").isdecimal() or len(text) - len(text.lstrip("+-")) > 1:
        raise ValueError(text)
    return int(text)


def _whole(value: object, bits: int) -> int:
    """The whole part of a number; a float beyond what holds it becomes the nearest that does, as in Java."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return 0
        wide = 1 << max(bits, 32) - 1
        return wide - 1 if value >= wide else -wide if value < -wide else int(value)
    if isinstance(value, Decimal):
        return int(value)
    raise _unexpected(value)


def _to_float(value: object) -> float:
    if isinstance(value, str):
        said = value.strip()
        if said.lower() in ("nan", "inf", "infinity", "-inf", "-infinity", "+inf", "+nan") and said not in (
            "NaN", "Infinity", "-Infinity", "+Infinity", "+NaN",
        ):  # fmt: skip
            raise ValueError(value)
        return float(said.rstrip("fFdD") if "_" not in said else "x")
    if isinstance(value, bool | int | float | Decimal):
        return float(value)
    raise _unexpected(value)


def _to_boolean(value: object) -> object:
    if isinstance(value, str):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    return _whole(value, 64) != 0


_CASTS: Mapping[DataType, Callable[[object], object]] = {
    **{kind: _to_integer(bits) for kind, bits in INTEGERS.items()},
    DataType.FLOAT32: lambda value: float32(_to_float(value)),
    DataType.FLOAT64: _to_float,
    DataType.BOOLEAN: _to_boolean,
}

"""Is a value one of its schema? As `ConnectSchema.validateValue`, with its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Protocol, runtime_checkable

from streams.connect.data.schema import (
    DATE_NAME,
    DECIMAL_NAME,
    INTEGERS,
    TIME_NAME,
    TIMESTAMP_NAME,
    Schema,
    Type,
)
from streams.connect.errors import DataException


@runtime_checkable
class Structured(Protocol):
    """A value of a STRUCT schema: a `Struct`."""

    schema: Schema

    def validate(self) -> None:
        """Holds every field against its schema."""
        ...


_PLAIN: Mapping[Type, tuple[type, ...]] = {
    **dict.fromkeys(INTEGERS, (int,)),
    Type.FLOAT32: (float,),
    Type.FLOAT64: (float,),
    Type.BOOLEAN: (bool,),
    Type.STRING: (str,),
    Type.BYTES: (bytes, bytearray, memoryview),
    Type.ARRAY: (list, tuple),
    Type.MAP: (dict,),
    Type.STRUCT: (Structured,),
}
_LOGICAL: Mapping[str | None, type] = {
    DECIMAL_NAME: Decimal,
    DATE_NAME: date,
    TIME_NAME: time,
    TIMESTAMP_NAME: datetime,
}


def validate_value(schema: Schema, value: object, field: str | None = None) -> None:
    """Refuses a value that is none of this schema.

    Args:
        schema: what it should be.
        value: the value.
        field: the name of the field that it is for.
    Raises:
        DataException: it is none; the message says which part, and why.
    """
    _validate(schema, value, "value" if field is None else f'field: "{field}"')


def _validate(schema: Schema, value: object, where: str) -> None:
    if value is None:
        if not schema.optional:
            raise DataException(f"Invalid value: null used for required {where}, schema type: {schema.type}")
        return
    if not is_instance(schema, value):
        named = "" if schema.name is None else f' "{schema.name}"'
        raise DataException(
            f"Invalid Python object for schema{named} with type {schema.type}: class {type(value).__qualname__} for "
            f"{where}"
        )
    check = _PARTS.get(schema.type)
    if check is not None:
        check(schema, value, where)


def is_instance(schema: Schema, value: object) -> bool:
    """Is it of the Python type that stands for this schema, whatever its parts are?"""
    logical = _LOGICAL.get(schema.name)
    if logical is not None:
        return isinstance(value, logical) and (logical is not date or not isinstance(value, datetime))
    bits = INTEGERS.get(schema.type)
    if bits is not None:
        return isinstance(value, int) and not isinstance(value, bool) and -1 << bits - 1 <= value < 1 << bits - 1
    return isinstance(value, _PLAIN[schema.type])


def _validate_struct(schema: Schema, value: object, where: str) -> None:
    assert isinstance(value, Structured)
    if value.schema != schema:
        raise DataException("Struct schemas do not match.")
    value.validate()


def _validate_array(schema: Schema, value: object, where: str) -> None:
    assert isinstance(value, list | tuple)
    inner = f"element of array {where}"
    entry_schema = _of_part(schema.value_schema, inner)
    entries: Sequence[object] = value
    for entry in entries:
        _validate(entry_schema, entry, inner)


def _validate_map(schema: Schema, value: object, where: str) -> None:
    assert isinstance(value, dict)
    key_schema = _of_part(schema.key_schema, f"key of map {where}")
    value_schema = _of_part(schema.value_schema, f"value of map {where}")
    entries: Mapping[object, object] = value
    for key, entry in entries.items():
        _validate(key_schema, key, f"key of map {where}")
        _validate(value_schema, entry, f"value of map {where}")


def _of_part(schema: Schema | None, where: str) -> Schema:
    if schema is None:
        raise DataException(f"No schema defined for {where}")
    return schema


_PARTS: Mapping[Type, Callable[[Schema, object, str], None]] = {
    Type.STRUCT: _validate_struct,
    Type.ARRAY: _validate_array,
    Type.MAP: _validate_map,
}

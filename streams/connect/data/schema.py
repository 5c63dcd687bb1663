"""Schemas: what type a value is of, whether it may be missing, what its parts are.

| Type | in Python | Logical type | in Python |
|---|---|---|---|
| INT8 to INT64 | `int` in range | `Decimal` (BYTES) | `decimal.Decimal` of its scale |
| FLOAT32, FLOAT64 | `float` | `Date` (INT32) | `datetime.date` |
| BOOLEAN, STRING, BYTES | `bool`, `str`, `bytes` | `Time` (INT32) | `datetime.time` |
| ARRAY, MAP, STRUCT | `list`, `dict`, `Struct` | `Timestamp` (INT64) | aware `datetime.datetime` |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from streams.connect.errors import DataException, SchemaBuilderException


class Type(Enum):
    """What a value is stored as; the value of each is its name in JSON schemas and in `Cast`."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BOOLEAN = "boolean"
    STRING = "string"
    BYTES = "bytes"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"

    __hash__ = object.__hash__  # there is one of each: an enum's own hash is that of its name, by a call

    @property
    def is_primitive(self) -> bool:
        """Has it no parts?"""
        return self not in (Type.ARRAY, Type.MAP, Type.STRUCT)

    def __str__(self) -> str:
        return self.name


INTEGERS = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
"""Types of whole numbers, with their bits."""
DECIMAL_NAME = "org.apache.kafka.connect.data.Decimal"
DATE_NAME = "org.apache.kafka.connect.data.Date"
TIME_NAME = "org.apache.kafka.connect.data.Time"
TIMESTAMP_NAME = "org.apache.kafka.connect.data.Timestamp"
SCALE = "scale"
"""The parameter of a `Decimal` that says how many digits stand behind the point."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct: its name, its place, and what its values are."""

    name: str
    index: int
    schema: Schema

    def __str__(self) -> str:
        return f"Field{{name={self.name}, index={self.index}, schema={self.schema}}}"


@dataclass(frozen=True)
class Schema:
    """What a value is. Immutable; equal where all of it is equal.

    >>> from streams.connect.data import Schema, Type
    >>> order = Schema.struct({"id": Schema(Type.INT64), "note": Schema(Type.STRING, optional=True)}, name="Order")
    >>> print(order, [str(field.schema) for field in order.fields])
    Schema{Order:STRUCT} ['Schema{INT64}', 'Schema{STRING}']

    Args:
        type: what it is stored as.
        optional: may it be None?
        default: what a missing value of a struct's field stands for; None: nothing.
        name: of a kind of struct, or of a logical type.
        version: of that.
        doc: for readers.
        parameters: of a logical type.
        fields: of a STRUCT.
        key_schema: of a MAP.
        value_schema: of a MAP or an ARRAY.
    """

    type: Type
    optional: bool = False
    default: object = None
    name: str | None = None
    version: int | None = None
    doc: str | None = None
    parameters: Mapping[str, str] | None = None
    fields: tuple[Field, ...] = ()
    key_schema: Schema | None = None
    value_schema: Schema | None = None

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.type, self.optional, self.name, self.version, len(self.fields)))

    def __str__(self) -> str:
        return f"Schema{{{self.type}}}" if self.name is None else f"Schema{{{self.name}:{self.type}}}"

    @cached_property
    def _by_name(self) -> Mapping[str, Field]:
        return {each.name: each for each in self.fields}

    def field(self, name: str) -> Field | None:
        """The field of that name, None where there is none.

        Raises:
            DataException: it is no struct.
        """
        if self.type is not Type.STRUCT:
            raise DataException("Cannot look up fields on non-struct type")
        return self._by_name.get(name)

    def as_optional(self, optional: bool = True) -> Schema:
        """The same, where the value may be missing (or, with False, may not)."""
        return self if self.optional is optional else dataclasses.replace(self, optional=optional)

    # With parts, and logical types

    @classmethod
    def struct(
        cls,
        fields: Mapping[str, Schema],
        *,
        optional: bool = False,
        name: str | None = None,
        version: int | None = None,
        doc: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Schema:
        """A struct of these fields, in this order."""
        if "" in fields:
            raise SchemaBuilderException("fieldName cannot be null.")
        numbered = tuple(Field(each, index, schema) for index, (each, schema) in enumerate(fields.items()))
        return cls(Type.STRUCT, optional, None, name, version, doc, parameters, numbered)

    @classmethod
    def array(cls, value_schema: Schema, *, optional: bool = False, name: str | None = None) -> Schema:
        """A list of such values."""
        return cls(Type.ARRAY, optional, name=name, value_schema=value_schema)

    @classmethod
    def map(
        cls, key_schema: Schema, value_schema: Schema, *, optional: bool = False, name: str | None = None
    ) -> Schema:
        """A mapping of such keys to such values."""
        return cls(Type.MAP, optional, name=name, key_schema=key_schema, value_schema=value_schema)

    @classmethod
    def decimal(cls, scale: int, *, optional: bool = False, default: object = None) -> Schema:
        """Numbers with `scale` digits behind the point."""
        return cls(Type.BYTES, optional, default, DECIMAL_NAME, 1, parameters={SCALE: str(scale)})

    @classmethod
    def date(cls, *, optional: bool = False, default: object = None) -> Schema:
        """Days."""
        return cls(Type.INT32, optional, default, DATE_NAME, 1)

    @classmethod
    def time(cls, *, optional: bool = False, default: object = None) -> Schema:
        """Times of a day, in milliseconds."""
        return cls(Type.INT32, optional, default, TIME_NAME, 1)

    @classmethod
    def timestamp(cls, *, optional: bool = False, default: object = None) -> Schema:
        """Points in time, in milliseconds."""
        return cls(Type.INT64, optional, default, TIMESTAMP_NAME, 1)

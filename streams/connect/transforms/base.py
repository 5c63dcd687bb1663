"""What a transform is, which side of a record it changes, and what it needs to find there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import ClassVar, Protocol

from streams.connect.config_def import Config, ConfigDef, ConfigKey, Importance, Type
from streams.connect.data.schema import Field, Schema
from streams.connect.data.schema import Type as DataType
from streams.connect.data.struct import Struct
from streams.connect.errors import DataException, SchemaBuilderException
from streams.connect.records import R


class Transform(Protocol):
    """Changes records, one by one. As `org.apache.kafka.connect.transforms.Transformation`."""

    config_def: ClassVar[ConfigDef]
    """Its settings, without the prefix `transforms.NAME.`."""

    def apply(self, record: R) -> R | None:
        """The changed record; the same; None: it goes no further.

        Raises:
            DataException: it cannot change such a record; `errors.tolerance` says what becomes of it.
        """
        ...


class Side(Enum):
    """Which part of a record a transform changes: `Cast$Key` or `Cast$Value`."""

    KEY = "Key"
    VALUE = "Value"

    def of(self, record: R) -> tuple[Schema | None, object]:
        """What it is, and the value."""
        if self is Side.KEY:
            return record.key_schema, record.key
        return record.value_schema, record.value

    def changed(self, record: R, schema: Schema | None, value: object) -> R:
        """The record with another one."""
        if self is Side.KEY:
            return record._replace(key_schema=schema, key=value)
        return record._replace(value_schema=schema, value=value)


Make = Callable[[Config], Transform]


def require_schema(schema: Schema | None, purpose: str) -> Schema:
    """A schema; DataException: there is none."""
    if schema is None:
        raise DataException(f"Schema required for [{purpose}]")
    return schema


def require_map(value: object, purpose: str) -> dict[object, object]:
    """A mapping; DataException: it is something else."""
    if not isinstance(value, dict):
        raise DataException(f"Only Map objects supported in absence of schema for [{purpose}], found: {_class(value)}")
    return value


def require_struct(value: object, purpose: str) -> Struct:
    """A struct; DataException: it is something else."""
    if not isinstance(value, Struct):
        raise DataException(f"Only Struct objects supported for [{purpose}], found: {_class(value)}")
    return value


def _class(value: object) -> str:
    return "null" if value is None else type(value).__qualname__


def fields_of(schema: Schema) -> tuple[Field, ...]:
    """The fields of a struct's schema; DataException: it is of something else."""
    if schema.type is not DataType.STRUCT:
        raise DataException("Cannot list fields on non-struct type")
    return schema.fields


def struct_like(source: Schema, fields: Iterable[tuple[str, Schema]], *, optional: bool = False) -> Schema:
    """A schema of structs with these fields, and the name, version, doc and parameters of another.

    Raises:
        SchemaBuilderException: two of them have the same name.
    """
    named: dict[str, Schema] = {}
    for name, schema in fields:
        if name in named:
            raise SchemaBuilderException(f"Cannot create field because of field name duplication {name}")
        named[name] = schema
    return Schema.struct(
        named,
        optional=optional,
        name=source.name,
        version=source.version,
        doc=source.doc,
        parameters=source.parameters,
    )


class SchemaCache:
    """Schemas that were made of others: records of one topic mostly have the same.

    Args:
        make: from a schema to the changed one.
    """

    MOST = 64

    def __init__(self, make: Callable[[Schema], Schema]) -> None:
        self._make = make
        self._made: dict[Schema, Schema] = {}

    def __call__(self, schema: Schema) -> Schema:
        """The changed schema."""
        found = self._made.get(schema)
        if found is None:
            if len(self._made) >= self.MOST:
                self._made.clear()
            found = self._made[schema] = self._make(schema)
        return found


REPLACE_NULL = ConfigKey(
    "replace.null.with.default",
    Type.BOOLEAN,
    True,
    "Does the default of a field stand for it where it is null? Else it stays null.",
)
FIELD_SYNTAX = "field.syntax.version"


def value_in(struct: Struct, field: Field, with_default: bool) -> object:
    """The value of a field; with or without the default that stands for None."""
    value = struct.values[field.index]
    return field.schema.default if value is None and with_default else value


HIGH, LOW = Importance.HIGH, Importance.LOW

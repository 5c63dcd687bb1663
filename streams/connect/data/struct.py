"""A value with named fields, of a STRUCT schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from streams.connect.data.schema import Field, Schema, Type
from streams.connect.data.validate import validate_value
from streams.connect.errors import DataException


class Struct:
    """A value with named fields. Equal where schema and values are.

    >>> from streams.connect.data import Schema, Struct, Type
    >>> order = Struct(Schema.struct({"id": Schema(Type.INT64)}), {"id": 7})
    >>> order["id"], str(order)
    (7, 'Struct{id=7}')

    Args:
        schema: of type STRUCT.
        values: by the names of fields; fields that are not there are None.
    Raises:
        DataException: it is no schema of structs, has no such field, or a value does not fit its field.
    """

    __slots__ = ("schema", "values")
    schema: Schema
    values: list[object]
    """By the index of their fields, without defaults."""

    def __init__(self, schema: Schema, values: Mapping[str, object] | None = None) -> None:
        if schema.type is not Type.STRUCT:
            raise DataException(f"Not a struct schema: {schema}")
        self.schema = schema
        self.values = [None] * len(schema.fields)
        for name, value in (values or {}).items():
            self.put(name, value)

    @classmethod
    def of_values(cls, schema: Schema, values: Sequence[object]) -> Struct:
        """One of values by the index of their fields, which are not looked at: for those who know that they fit."""
        made = cls.__new__(cls)
        made.schema = schema
        made.values = list(values)
        return made

    def __getitem__(self, name: str) -> object:
        """The value of a field, its default where it has none; DataException: there is no such field."""
        field = self._field(name)
        value = self.values[field.index]
        return field.schema.default if value is None else value

    def get(self, name: str) -> object:
        """The value of a field, its default where it has none; DataException: there is no such field."""
        return self[name]

    def get_without_default(self, name: str) -> object:
        """The value of a field as it was put; DataException: there is no such field."""
        return self.values[self._field(name).index]

    def put(self, name: str, value: object) -> Struct:
        """Sets a field, and returns itself.

        Raises:
            DataException: there is no such field, or the value does not fit it.
        """
        field = self._field(name)
        validate_value(field.schema, value, name)
        self.values[field.index] = value
        return self

    def validate(self) -> None:
        """Holds every field against its schema.

        Raises:
            DataException: one does not fit.
        """
        for field, value in zip(self.schema.fields, self.values, strict=True):
            if value is not None or not (field.schema.optional or field.schema.default is not None):
                validate_value(field.schema, value, field.name)

    def items(self) -> Iterator[tuple[Field, object]]:
        """Each field with its value, its default where it has none."""
        for field, value in zip(self.schema.fields, self.values, strict=True):
            yield field, field.schema.default if value is None else value

    def _field(self, name: str) -> Field:
        field = self.schema.field(name)
        if field is None:
            raise DataException(f"{name} is not a valid field name")
        return field

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Struct):
            return NotImplemented
        return self.values == other.values and self.schema == other.schema

    def __hash__(self) -> int:
        return hash((self.schema, len(self.values)))

    def __repr__(self) -> str:
        said = (f"{field.name}={value}" for field, value in zip(self.schema.fields, self.values, strict=True)
                if value is not None)  # fmt: skip
        return f"Struct{{{','.join(said)}}}"

"""Schemas as JSON, in the form of Kafka Connect's envelopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from streams.connect.data.schema import Field, Schema, Type
from streams.connect.errors import DataException, SchemaBuilderException

_WORDS: Mapping[Type, str] = {
    **{kind: kind.value for kind in Type},
    Type.FLOAT32: "float",
    Type.FLOAT64: "double",
}
_TYPES = {word: kind for kind, word in _WORDS.items()}


def to_json_schema(schema: Schema, json: Callable[[Schema | None, object], object]) -> dict[str, object]:
    """The JSON of a schema.

    Args:
        schema: the schema.
        json: from a value to its JSON, for defaults.
    """
    said: dict[str, object] = {"type": _WORDS[schema.type]}
    if schema.type is Type.ARRAY and schema.value_schema is not None:
        said["items"] = to_json_schema(schema.value_schema, json)
    if schema.type is Type.MAP and schema.key_schema is not None and schema.value_schema is not None:
        said["keys"] = to_json_schema(schema.key_schema, json)
        said["values"] = to_json_schema(schema.value_schema, json)
    if schema.type is Type.STRUCT:
        said["fields"] = [{**to_json_schema(field.schema, json), "field": field.name} for field in schema.fields]
    said["optional"] = schema.optional
    if schema.name is not None:
        said["name"] = schema.name
    if schema.version is not None:
        said["version"] = schema.version
    if schema.doc is not None:
        said["doc"] = schema.doc
    if schema.parameters is not None:
        said["parameters"] = dict(schema.parameters)
    if schema.default is not None:
        said["default"] = json(schema, schema.default)
    return said


def from_json_schema(said: object, default: Callable[[Schema, object], object]) -> Schema:
    """The schema of its JSON.

    Args:
        said: the JSON, decoded.
        default: from a schema and a default's JSON to the value.
    Raises:
        DataException: it is no schema; the message says what is missing.
    """
    parts: Mapping[str, object] = said if isinstance(said, dict) else {}
    word = parts.get("type")
    if not isinstance(word, str):
        raise DataException("Schema must contain 'type' field")
    kind = _TYPES.get(word)
    if kind is None:
        raise DataException(f"Unknown schema type: {word}")
    version = parts.get("version")
    found = replace(
        _of_parts(kind, parts, default),
        optional=parts.get("optional") is True,
        name=_text(parts.get("name")),
        version=version if isinstance(version, int) and not isinstance(version, bool) else None,
        doc=_text(parts.get("doc")),
        parameters=_parameters(parts.get("parameters")),
    )
    return replace(found, default=default(found, parts["default"])) if "default" in parts else found


def _text(said: object) -> str | None:
    return said if isinstance(said, str) else None


def _parameters(said: object) -> Mapping[str, str] | None:
    given: Mapping[str, object] = said if isinstance(said, dict) else {}
    found = {name: value for name, value in given.items() if isinstance(value, str)}
    if len(found) < len(given):
        raise DataException("Schema parameters must have string values.")
    return found or None


def _of_parts(kind: Type, said: Mapping[str, object], default: Callable[[Schema, object], object]) -> Schema:
    if kind is Type.ARRAY:
        if said.get("items") is None:
            raise DataException("Array schema did not specify the element type")
        return Schema.array(from_json_schema(said["items"], default))
    if kind is Type.MAP:
        for name, part in (("keys", "key"), ("values", "value")):
            if name not in said:
                raise DataException(f"Map schema did not specify the {part} type")
        return Schema.map(from_json_schema(said["keys"], default), from_json_schema(said["values"], default))
    if kind is Type.STRUCT:
        fields = said.get("fields")
        if not isinstance(fields, list):
            raise DataException('Struct schema\'s "fields" argument is not an array.')
        return Schema(Type.STRUCT, fields=tuple(_fields(fields, default)))
    return Schema(kind)


def _fields(said: list[object], default: Callable[[Schema, object], object]) -> list[Field]:
    found: dict[str, Field] = {}
    for each in said:
        parts: Mapping[str, object] = each if isinstance(each, dict) else {}
        name = parts.get("field")
        if not isinstance(name, str):
            raise DataException("Struct schema's field name not specified properly")
        if not name:
            raise SchemaBuilderException("fieldName cannot be null.")
        if name in found:
            raise SchemaBuilderException(f"Cannot create field because of field name duplication {name}")
        found[name] = Field(name, len(found), from_json_schema(each, default))
    return list(found.values())

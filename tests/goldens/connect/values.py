"""Schemas and values as the recorder writes them, and as ours has them.

A value is None or a pair of a type and what it is: `["int32", 5]`, `["map", [[key, value], …]]`. A `date` is
milliseconds, whatever the logical type; without a schema every width of a whole number is the same to us.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
from decimal import Decimal
from typing import Any

from streams.connect.data import Field, Schema, Struct, Type
from streams.connect.data.schema import DATE_NAME, TIME_NAME
from streams.connect.data.text import float32

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def schema_of(said: Any) -> Schema | None:
    """Ours of a recorded one."""
    if said is None:
        return None
    type_ = Type(said["type"])
    fields = tuple(
        Field(each["field"], index, given)
        for index, each in enumerate(said.get("fields", ()))
        if (given := schema_of(each["schema"])) is not None
    )
    plain = Schema(
        type_,
        said.get("optional", False),
        None,
        said.get("name"),
        said.get("version"),
        said.get("doc"),
        said.get("parameters"),
        fields,
        schema_of(said.get("keys")),
        schema_of(said.get("items")),
    )
    if "default" not in said:
        return plain
    return dataclasses.replace(plain, default=value_of(said["default"], plain))


def value_of(said: Any, schema: Schema | None) -> object:
    """Ours of a recorded one."""
    if said is None:
        return None
    kind, what = said
    if kind in ("int8", "int16", "int32", "int64"):
        return int(what)
    if kind in ("float32", "float64"):
        return _float(kind, what)
    if kind == "bytes":
        return base64.b64decode(what)
    if kind == "decimal":
        return Decimal(what)
    if kind == "date":
        return _moment(int(what), None if schema is None else schema.name)
    inner = None if schema is None else schema.value_schema
    if kind == "list":
        return [value_of(each, inner) for each in what]
    if kind == "map":
        keys = None if schema is None else schema.key_schema
        return {value_of(key, keys): value_of(each, inner) for key, each in what}
    if kind == "struct":
        assert schema is not None
        values = [value_of(each, field.schema) for each, field in zip(what, schema.fields, strict=True)]
        return Struct.of_values(schema, values)
    return what


def _float(kind: str, what: str) -> float:
    return float32(float(what)) if kind == "float32" else float(what)


def _moment(ms: int, name: str | None) -> object:
    moment = EPOCH + datetime.timedelta(milliseconds=ms)
    if name == DATE_NAME:
        return moment.date()
    return moment.time() if name == TIME_NAME else moment


def said_of_schema(schema: Schema | None) -> Any:
    """As the recorder writes it."""
    if schema is None:
        return None
    said: dict[str, Any] = {"type": schema.type.value}
    if schema.type in (Type.ARRAY, Type.MAP):
        said["items"] = said_of_schema(schema.value_schema)
    if schema.type is Type.MAP:
        said["keys"] = said_of_schema(schema.key_schema)
    if schema.type is Type.STRUCT:
        said["fields"] = [{"field": each.name, "schema": said_of_schema(each.schema)} for each in schema.fields]
    for name in ("name", "version", "doc"):
        if getattr(schema, name) is not None:
            said[name] = getattr(schema, name)
    if schema.parameters is not None:
        said["parameters"] = dict(schema.parameters)
    if schema.optional:
        said["optional"] = True
    if schema.default is not None:
        said["default"] = said_of_value(schema.default, schema)
    return said


def said_of_value(value: object, schema: Schema | None) -> Any:
    """As the recorder writes it; a whole number without a schema is an `int`, a float a `float`."""
    if value is None:
        return None
    if isinstance(value, bool):
        return ["boolean", value]
    if isinstance(value, int):
        return ["int" if schema is None else schema.type.value, value]
    if isinstance(value, float):
        return ["float" if schema is None else schema.type.value, repr(value)]
    if isinstance(value, str):
        return ["string", value]
    if isinstance(value, bytes | bytearray | memoryview):
        return ["bytes", base64.b64encode(value).decode()]
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    if isinstance(value, datetime.datetime):
        return ["date", (value - EPOCH) // datetime.timedelta(milliseconds=1)]
    if isinstance(value, datetime.date):
        return ["date", (value - EPOCH.date()).days * 86_400_000]
    if isinstance(value, datetime.time):
        seconds = value.hour * 3600 + value.minute * 60 + value.second
        return ["date", seconds * 1000 + value.microsecond // 1000]
    if isinstance(value, Struct):
        both = zip(value.values, value.schema.fields, strict=True)
        return ["struct", [said_of_value(each, field.schema) for each, field in both]]
    inner = None if schema is None else schema.value_schema
    if isinstance(value, list | tuple):
        return ["list", [said_of_value(each, inner) for each in value]]
    assert isinstance(value, dict), value
    keys = None if schema is None else schema.key_schema
    pairs = [[said_of_value(key, keys), said_of_value(each, inner)] for key, each in value.items()]
    return ["map", sorted(pairs, key=repr)]


def without_widths(said: Any, schema: Any) -> Any:
    """What Java recorded, in our terms: text of numbers read, maps in one order, no widths where there is no schema."""
    if said is None:
        return None
    kind, what = said
    if kind in ("int8", "int16", "int32", "int64"):
        return [kind if schema else "int", int(what)]
    if kind in ("float32", "float64"):
        return [kind if schema else "float", repr(_float(kind, what))]
    inner = schema.get("items") if schema else None
    if kind == "list":
        return [kind, [without_widths(each, inner) for each in what]]
    if kind == "map":
        keys = schema.get("keys") if schema else None
        return [kind, sorted(([without_widths(k, keys), without_widths(v, inner)] for k, v in what), key=repr)]
    if kind == "struct":
        fields = schema["fields"] if schema else [None] * len(what)
        return [kind, [without_widths(v, field and field["schema"]) for v, field in zip(what, fields, strict=True)]]
    return [kind, what]


def schema_in_our_terms(said: Any) -> Any:
    """A recorded schema with its defaults in our terms."""
    if said is None:
        return None
    changed = dict(said)
    for part in ("items", "keys"):
        if part in changed:
            changed[part] = schema_in_our_terms(changed[part])
    if "fields" in changed:
        changed["fields"] = [{**each, "schema": schema_in_our_terms(each["schema"])} for each in changed["fields"]]
    if "default" in changed:
        changed["default"] = without_widths(changed["default"], said)
    return changed

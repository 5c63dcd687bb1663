"""JSON, with schemas in an envelope or without."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

import msgspec

from streams.config.table import at_least, one_of_in_any_case
from streams.connect.config_def import Config, ConfigDef, ConfigKey, Importance
from streams.connect.config_def import Type as Kind
from streams.connect.converters.json_schema import from_json_schema, to_json_schema
from streams.connect.data.logical import from_stored, to_stored
from streams.connect.data.schema import DECIMAL_NAME, INTEGERS, Schema, Type
from streams.connect.data.struct import Struct
from streams.connect.data.text import double_text, float32, float_text
from streams.connect.data.validate import validate_value
from streams.connect.data.values import SchemaAndValue
from streams.connect.errors import DataException, SchemaBuilderException

_LOGICAL = ("Decimal", "Date", "Time", "Timestamp")
_LOGICAL_NAMES = {f"org.apache.kafka.connect.data.{name}" for name in _LOGICAL}
_LARGE = 1e7
_SMALL = 1e-3
"""Between these Java writes a float as everybody does."""
_large_number = re.compile(rb"\d{19}")
"""Only such a number may need more than 64 bits."""
_WORDS: Mapping[type, str] = {
    bool: "BOOLEAN", int: "NUMBER", float: "NUMBER", Decimal: "NUMBER", str: "STRING", list: "ARRAY", dict: "OBJECT",
    type(None): "NULL",
}  # fmt: skip
_DECODER: msgspec.json.Decoder[object] = msgspec.json.Decoder()
_EXACT: msgspec.json.Decoder[object] = msgspec.json.Decoder(float_hook=Decimal)
"""Keeps all digits of a number with a point, for decimals."""
_ENVELOPE = (
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. '
    "If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration."
)


_PLAIN: Mapping[Type, type] = {**dict.fromkeys(INTEGERS, int), Type.STRING: str, Type.BOOLEAN: bool}
"""Types whose values JSON has as they are."""


class _Plan:
    """How structs of a schema are written: fields of plain types as they are, the others each by its schema.

    Args:
        schema: theirs.
        with_defaults: does a default stand for null?
    """

    __slots__ = ("_checks", "names", "others", "right")

    def __init__(self, schema: Schema, with_defaults: bool) -> None:
        self.names = tuple(field.name for field in schema.fields)
        plain = [each.schema.type in _PLAIN and each.schema.name not in _LOGICAL_NAMES for each in schema.fields]
        self.others = [
            (field.index, field) for field, is_plain in zip(schema.fields, plain, strict=True) if not is_plain
        ]
        self._checks = [
            (field.index, _PLAIN[field.schema.type], _may_miss(field.schema, with_defaults))
            for field, is_plain in zip(schema.fields, plain, strict=True)
            if is_plain
        ]
        self.right: set[tuple[type, ...]] = set()
        """Classes of values that were found to be right."""

    def is_right(self, classes: tuple[type, ...]) -> bool:
        """Are values of these classes right for the fields of plain types, without a look at the default?"""
        return len(self.right) < 1_000 and all(
            classes[index] is wanted or (may_miss and classes[index] is type(None))
            for index, wanted, may_miss in self._checks
        )


def _may_miss(schema: Schema, with_defaults: bool) -> bool:
    return schema.optional and not (with_defaults and schema.default is not None)


class JsonConverter:
    """Writes and reads JSON; with `schemas.enable` an envelope of schema and payload. As Kafka Connect's, byte by byte.

    Args:
        config: `schemas.enable`, `schemas.cache.size`, `decimal.format`, `replace.null.with.default`.
        is_key: of keys?
    """

    config_def: ClassVar[ConfigDef] = ConfigDef(
        ConfigKey("schemas.enable", Kind.BOOLEAN, True, "Write schemas beside the values, and ask for them?",
                  importance=Importance.HIGH),
        ConfigKey("schemas.cache.size", Kind.INT, 1000, "How many schemas are remembered.", at_least(0)),
        ConfigKey("decimal.format", Kind.STRING, "BASE64", "How decimals are written: BASE64 (exact) or NUMERIC.",
                  one_of_in_any_case("BASE64", "NUMERIC"), Importance.LOW),
        ConfigKey("replace.null.with.default", Kind.BOOLEAN, True,
                  "Write the default of a field that has none? Else null.", importance=Importance.LOW),
    )  # fmt: skip

    def __init__(self, config: Config, is_key: bool) -> None:
        self._enveloped = config.flag("schemas.enable")
        self._numeric = config.text("decimal.format").upper() == "NUMERIC"
        self._defaults = config.flag("replace.null.with.default")
        self._remembered = config.number("schemas.cache.size")
        self._plans: dict[Schema, _Plan] = {}
        self._written: OrderedDict[Schema, msgspec.Raw] = OrderedDict()
        self._read: OrderedDict[bytes, Schema] = OrderedDict()

    def from_connect_data(self, topic: str, schema: Schema | None, value: object) -> bytes | None:
        """The JSON of a value; None: there is neither value nor schema."""
        if schema is None and value is None:
            return None
        payload = self._json(schema, value)
        if not self._enveloped:
            return msgspec.json.encode(payload)
        return msgspec.json.encode({"schema": self._schema_json(schema), "payload": payload})

    def to_connect_data(self, topic: str, data: bytes | None) -> SchemaAndValue:
        """The value of JSON, with its schema where there is an envelope."""
        if data is None:
            return SchemaAndValue(None, None)
        if not self._enveloped:
            said = _decoded(data, _DECODER) if data else None
            return SchemaAndValue(None, _plain(said) if _large_number.search(data) else said)
        raw = _envelope(data)
        schema = self._schema(bytes(raw["schema"]))
        return SchemaAndValue(schema, self._value(schema, _decoded(bytes(raw["payload"]), _EXACT)))

    # Schemas

    def _schema_json(self, schema: Schema | None) -> msgspec.Raw | None:
        if schema is None:
            return None
        found = self._written.get(schema)
        if found is None:
            found = msgspec.Raw(msgspec.json.encode(to_json_schema(schema, self._json)))
            self._written[schema] = found
            if len(self._written) > max(1, self._remembered):
                self._written.popitem(last=False)
        return found

    def _schema(self, raw: bytes) -> Schema | None:
        if raw == b"null":
            return None
        found = self._read.get(raw)
        if found is None:
            found = from_json_schema(msgspec.json.decode(raw), self._default)
            self._read[raw] = found
            if len(self._read) > max(1, self._remembered):
                self._read.popitem(last=False)
        return found

    def _default(self, schema: Schema, said: object) -> object:
        value = self._value(schema, said)
        try:
            validate_value(schema, value)
        except DataException as error:
            raise SchemaBuilderException(f"Invalid default value: {error}") from error
        return value

    # To JSON

    def _json(self, schema: Schema | None, value: object) -> object:
        if value is None:
            if schema is None:
                return None
            if schema.default is not None and self._defaults:
                return self._json(schema, schema.default)
            if schema.optional:
                return None
            raise DataException("Conversion error: null value for field that is required and has no default value")
        if schema is None:
            return self._untyped(value)
        if schema.name in _LOGICAL_NAMES:
            if schema.name == DECIMAL_NAME and self._numeric and isinstance(value, Decimal):
                return msgspec.Raw(_number_text(value).encode())
            stored = to_stored(schema, value)
            return base64.b64encode(stored).decode() if isinstance(stored, bytes) else stored
        if schema.type is Type.STRUCT:
            return self._struct(schema, value)
        return _TO_JSON[schema.type](self._json, schema, value)

    def _struct(self, schema: Schema, value: object) -> object:
        """A struct's fields. Where all of plain types are what they should be, which is seen from their classes at
        once, they are taken as they are."""
        if not isinstance(value, Struct):
            raise _refused(schema, value)
        if value.schema is not schema and value.schema != schema:
            raise DataException("Mismatching schema.")
        plan = self._plans.get(schema)
        if plan is None:
            if len(self._plans) > self._remembered:
                self._plans.clear()
            plan = self._plans[schema] = _Plan(schema, self._defaults)
        values = value.values
        classes = tuple(map(type, values))
        if classes not in plan.right:
            if not plan.is_right(classes):
                both = zip(schema.fields, values, strict=True)
                return {field.name: self._json(field.schema, each) for field, each in both}
            plan.right.add(classes)
        found = dict(zip(plan.names, values, strict=True))
        for index, field in plan.others:
            found[field.name] = self._json(field.schema, values[index])
        return found

    def _untyped(self, value: object) -> object:
        if isinstance(value, list | tuple):
            entries: Sequence[object] = value
            return [self._untyped(each) for each in entries]
        if isinstance(value, dict):
            pairs: Mapping[object, object] = value
            if all(isinstance(key, str) for key in pairs):
                return {key: self._untyped(each) for key, each in pairs.items()}
            return [[self._untyped(key), self._untyped(each)] for key, each in pairs.items()]
        if isinstance(value, float):
            return _float(value, double_text)
        if isinstance(value, bytes | bytearray | memoryview):
            return base64.b64encode(value).decode()
        if isinstance(value, Struct):
            raise DataException("Mismatching schema.")
        if value is None or isinstance(value, str | int):
            return value
        raise DataException(f"Python class {type(value).__qualname__} does not have corresponding schema type.")

    # From JSON

    def _value(self, schema: Schema | None, said: object) -> object:
        if schema is None:
            return _plain(said)
        if said is None:
            if schema.default is not None and self._defaults:
                return schema.default
            if schema.optional:
                return None
            raise DataException(f"Invalid null value for required {schema.type} field")
        if schema.name in _LOGICAL_NAMES:
            return _logical(schema, said)
        return _FROM_JSON[schema.type](self._value, schema, said)


def _decoded(data: bytes, decoder: msgspec.json.Decoder[object]) -> object:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataException(
            f"Converting byte[] to Kafka Connect data failed due to serialization error: {error}"
        ) from None


def _envelope(data: bytes) -> dict[str, msgspec.Raw]:
    try:
        raw: dict[str, msgspec.Raw] = msgspec.json.decode(data, type=dict[str, msgspec.Raw]) if data else {}
    except msgspec.ValidationError:
        raise DataException(_ENVELOPE) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataException(
            f"Converting byte[] to Kafka Connect data failed due to serialization error: {error}"
        ) from None
    if raw.keys() != {"schema", "payload"}:
        raise DataException(_ENVELOPE)
    return raw


def _plain(said: object) -> object:
    if isinstance(said, Decimal):
        return float(said)
    if isinstance(said, int) and not isinstance(said, bool):
        return _wrapped(said, 64)
    if isinstance(said, list):
        entries: Sequence[object] = said
        return [_plain(each) for each in entries]
    if isinstance(said, dict):
        pairs: Mapping[object, object] = said
        return {key: _plain(each) for key, each in pairs.items()}
    return said


def _logical(schema: Schema, said: object) -> object:
    word = str(schema.name).rpartition(".")[2]
    if schema.name == DECIMAL_NAME:
        if isinstance(said, int | float | Decimal) and not isinstance(said, bool):
            return Decimal(str(said))
        if not isinstance(said, str):
            raise DataException(
                f"Invalid type for Decimal, underlying representation should be numeric or bytes but was {_word(said)}"
            )
        try:
            return from_stored(schema, base64.b64decode(said, validate=True))
        except (binascii.Error, ValueError):
            raise DataException("Invalid bytes for Decimal field") from None
    bits = INTEGERS[schema.type]
    whole = isinstance(said, int) and not isinstance(said, bool) and -1 << bits - 1 <= said < 1 << bits - 1
    if not whole:
        kind = "integral" if word == "Timestamp" else "integer"
        raise DataException(
            f"Invalid type for {word}, underlying representation should be {kind} but was {_word(said)}"
        )
    return from_stored(schema, said)


def _word(said: object) -> str:
    """Jackson's word for a kind of JSON."""
    return _WORDS.get(type(said), type(said).__name__)


def _number_text(value: Decimal) -> str:
    return str(value)


def _float(value: float, text: Callable[[float], str]) -> object:
    """A float in Java's form, as text where it is no number."""
    if not math.isfinite(value):
        return text(value)
    if value == 0 or _SMALL <= abs(value) < _LARGE:
        return value if text is double_text else msgspec.Raw(text(value).encode())
    return msgspec.Raw(text(value).encode())


# By type

_Json = Callable[[Schema | None, object], object]
_Step = Callable[[_Json, Schema, object], object]


def _refused(schema: Schema, value: object) -> DataException:
    return DataException(f"Invalid type for {schema.type}: class {type(value).__qualname__}")


def _write(kind: type, change: Callable[[object], object] | None = None) -> _Step:
    def step(json: _Json, schema: Schema, value: object) -> object:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _refused(schema, value)
        return value if change is None else change(value)

    return step


def _write_float(text: Callable[[float], str]) -> _Step:
    def step(json: _Json, schema: Schema, value: object) -> object:
        if not isinstance(value, float):
            raise _refused(schema, value)
        return _float(value, text)

    return step


def _write_bytes(json: _Json, schema: Schema, value: object) -> object:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise DataException(f"Invalid type for bytes type: class {type(value).__qualname__}")
    return base64.b64encode(value).decode()


def _write_array(json: _Json, schema: Schema, value: object) -> object:
    if not isinstance(value, list | tuple):
        raise _refused(schema, value)
    entries: Sequence[object] = value
    return [json(schema.value_schema, each) for each in entries]


def _write_map(json: _Json, schema: Schema, value: object) -> object:
    if not isinstance(value, dict):
        raise _refused(schema, value)
    pairs: Mapping[object, object] = value
    if schema.key_schema is not None and schema.key_schema.type is Type.STRING:
        return {str(json(schema.key_schema, key)): json(schema.value_schema, each) for key, each in pairs.items()}
    return [[json(schema.key_schema, key), json(schema.value_schema, each)] for key, each in pairs.items()]


_TO_JSON: Mapping[Type, _Step] = {
    **{kind: _write(int) for kind in INTEGERS},
    Type.FLOAT32: _write_float(float_text),
    Type.FLOAT64: _write_float(double_text),
    Type.BOOLEAN: _write(bool),
    Type.STRING: _write(str),
    Type.BYTES: _write_bytes,
    Type.ARRAY: _write_array,
    Type.MAP: _write_map,
}


def _wrapped(value: int, bits: int) -> int:
    """Java's narrowing: the lowest bits."""
    half = 1 << bits - 1
    return (value + half) % (half * 2) - half


def _read_integer(json: _Json, schema: Schema, said: object) -> object:
    """What is no number is 0, as Jackson has it."""
    number = int(said) if isinstance(said, int | float | Decimal) and not isinstance(said, bool) else 0
    return _wrapped(number, INTEGERS[schema.type])


def _read_float(json: _Json, schema: Schema, said: object) -> object:
    number = float(said) if isinstance(said, int | float | Decimal) and not isinstance(said, bool) else 0.0
    return float32(number) if schema.type is Type.FLOAT32 else number


def _read_bytes(json: _Json, schema: Schema, said: object) -> object:
    if not isinstance(said, str):
        return None
    try:
        return base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        raise DataException("Invalid bytes field") from None


def _read_array(json: _Json, schema: Schema, said: object) -> object:
    entries: Sequence[object] = said if isinstance(said, list) else ()
    return [json(schema.value_schema, each) for each in entries]


def _read_map(json: _Json, schema: Schema, said: object) -> object:
    if schema.key_schema is not None and schema.key_schema.type is Type.STRING:
        if not isinstance(said, dict):
            raise DataException(f"Maps with string fields should be encoded as JSON objects, but found {_word(said)}")
        pairs: Mapping[object, object] = said
        return {key: json(schema.value_schema, each) for key, each in pairs.items()}
    if not isinstance(said, list):
        raise DataException(
            f"Maps with non-string fields should be encoded as JSON array of tuples, but found {_word(said)}"
        )
    found = {}
    entries: Sequence[object] = said
    for entry in entries:
        if not isinstance(entry, list):
            raise DataException(f"Found invalid map entry instead of array tuple: {_word(entry)}")
        pair: Sequence[object] = entry
        if len(pair) != 2:
            raise DataException(f"Found invalid map entry, expected length 2 but found :{len(pair)}")
        found[json(schema.key_schema, pair[0])] = json(schema.value_schema, pair[1])
    return found


def _read_struct(json: _Json, schema: Schema, said: object) -> object:
    if not isinstance(said, dict):
        raise DataException(f"Structs should be encoded as JSON objects, but found {_word(said)}")
    pairs: Mapping[object, object] = said
    return Struct.of_values(schema, [json(field.schema, pairs.get(field.name)) for field in schema.fields])


_FROM_JSON: Mapping[Type, _Step] = {
    **dict.fromkeys(INTEGERS, _read_integer),
    Type.FLOAT32: _read_float,
    Type.FLOAT64: _read_float,
    Type.BOOLEAN: lambda json, schema, said: said if isinstance(said, bool) else False,
    Type.STRING: lambda json, schema, said: said if isinstance(said, str) else None,
    Type.BYTES: _read_bytes,
    Type.ARRAY: _read_array,
    Type.MAP: _read_map,
    Type.STRUCT: _read_struct,
}

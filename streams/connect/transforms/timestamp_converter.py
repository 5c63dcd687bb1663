"""`TimestampConverter`: a moment in another form."""

from __future__ import annotations

import dataclasses
from datetime import date, time

from streams.config.table import one_of
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.data.date_format import DateFormat
from streams.connect.data.logical import DAY_MS, date_of, ms_of, time_of, timestamp_of
from streams.connect.data.schema import DATE_NAME, TIME_NAME, TIMESTAMP_NAME, Schema
from streams.connect.data.schema import Type as DataType
from streams.connect.data.struct import Struct
from streams.connect.errors import ConnectException, DataException
from streams.connect.records import R
from streams.connect.transforms.base import (
    HIGH,
    LOW,
    REPLACE_NULL,
    SchemaCache,
    Side,
    fields_of,
    require_map,
    require_struct,
    struct_like,
    value_in,
)
from streams.errors import ConfigException, IllegalArgumentException

_PURPOSE = "converting timestamp formats"
_SCHEMAS = {
    "string": Schema(DataType.STRING),
    "unix": Schema(DataType.INT64),
    "Date": Schema.date(),
    "Time": Schema.time(),
    "Timestamp": Schema.timestamp(),
}
_PER_MS = {"seconds": (1, 1000), "milliseconds": (1, 1), "microseconds": (1000, 1), "nanoseconds": (1_000_000, 1)}
"""How many units of a precision are how many milliseconds."""


class TimestampConverter:
    """Makes a moment a text, a number, a Date, a Time or a Timestamp of any other of these."""

    config_def = ConfigDef(
        ConfigKey("field", Type.STRING, "", "The field; empty: the whole key or value.", importance=HIGH),
        ConfigKey("target.type", Type.STRING, REQUIRED, "What it becomes.", one_of(*_SCHEMAS), HIGH),
        ConfigKey("format", Type.STRING, "", "The pattern of text, as SimpleDateFormat has it."),
        ConfigKey("unix.precision", Type.STRING, "milliseconds", "What numbers count.",
                  one_of("nanoseconds", "microseconds", "milliseconds", "seconds"), LOW),
        REPLACE_NULL,
    )  # fmt: skip

    def __init__(self, config: Config, side: Side) -> None:
        self._field = config.text("field")
        self._target = config.text("target.type")
        pattern = config.text("format")
        self._format = _format(pattern) if pattern.strip() else None
        if self._target == "string" and self._format is None:
            raise ConfigException(
                "TimestampConverter requires format option to be specified when using string timestamps"
            )
        self._units, self._ms = _PER_MS[config.text("unix.precision")]
        self._with_default = config.flag("replace.null.with.default")
        self._side = side
        self._schema = SchemaCache(self._changed)

    def apply(self, record: R) -> R | None:
        """The record with the converted moment."""
        schema, value = self._side.of(record)
        if schema is None:
            if value is None or not self._field:
                return self._side.changed(record, None, self._converted(value, None))
            given = require_map(value, _PURPOSE)
            converted = self._converted(given.get(self._field), None)
            return self._side.changed(record, None, {**given, self._field: converted})
        if not self._field:
            made = _SCHEMAS[self._target].as_optional(schema.optional)
            return self._side.changed(record, made, self._converted(value, _kind(schema)))
        struct = None if value is None else require_struct(value, _PURPOSE)
        made = self._schema(schema)
        return self._side.changed(record, made, None if struct is None else self._in_struct(struct, made))

    def _in_struct(self, struct: Struct, made: Schema) -> Struct:
        values = []
        for field in struct.schema.fields:
            found = value_in(struct, field, self._with_default)
            if field.name == self._field:
                found = self._converted(found, _kind(field.schema))
            values.append(found)
        return Struct.of_values(made, values)

    def _changed(self, schema: Schema) -> Schema:
        target = _SCHEMAS[self._target]
        made = struct_like(
            schema,
            (
                (each.name, target.as_optional(each.schema.optional) if each.name == self._field else each.schema)
                for each in fields_of(schema)
            ),
            optional=schema.optional,
        )
        if isinstance(schema.default, Struct):
            return dataclasses.replace(made, default=self._in_struct(schema.default, made))
        return made

    def _converted(self, value: object, kind: str | None) -> object:
        """A value in its new form; `kind` None: what it is, is seen from it."""
        if value is None:
            return None
        return self._written(self._read(value, _guessed(value) if kind is None else kind))

    def _read(self, value: object, kind: str) -> int:
        """Milliseconds since the epoch."""
        if kind == "string":
            if not isinstance(value, str):
                raise DataException(
                    f"Expected string timestamp to be a String, but found class {type(value).__qualname__}"
                )
            if self._format is None:
                raise DataException("TimestampConverter reads text by its format, and none is set. Set `format`.")
            ms = self._format.parse(value)
            if ms is None:
                raise DataException(
                    f"Could not parse timestamp: value ({value}) does not match pattern ({self._format.pattern})"
                )
            return ms
        if kind == "unix":
            if not isinstance(value, int) or isinstance(value, bool):
                raise DataException(f"Expected Unix timestamp to be a Long, but found class {type(value).__qualname__}")
            whole = abs(value) * self._ms // self._units
            return whole if value >= 0 else -whole
        if not isinstance(value, date | time):
            raise DataException(f"Expected {kind} to be a java.util.Date, but found class {type(value).__qualname__}")
        return ms_of(value)

    def _written(self, ms: int) -> object:
        if self._target == "string":
            assert self._format is not None
            return self._format.format(ms)
        if self._target == "unix":
            units = abs(ms) * self._units // self._ms
            return units if ms >= 0 else -units
        if self._target == "Date":
            return date_of(ms // DAY_MS)
        return time_of(ms % DAY_MS) if self._target == "Time" else timestamp_of(ms)


def _format(pattern: str) -> DateFormat:
    try:
        return DateFormat(pattern)
    except IllegalArgumentException as error:
        raise ConfigException(
            "TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: "
            f"{pattern} ({error})"
        ) from None


def _kind(schema: Schema) -> str:
    for name, kind in ((TIMESTAMP_NAME, "Timestamp"), (DATE_NAME, "Date"), (TIME_NAME, "Time")):
        if schema.name == name:
            return kind
    if schema.type is DataType.STRING:
        return "string"
    if schema.type is DataType.INT64:
        return "unix"
    raise ConnectException(f"Schema {schema} does not correspond to a known timestamp type format")


def _guessed(value: object) -> str:
    if isinstance(value, date | time):
        return "Timestamp"
    if isinstance(value, int) and not isinstance(value, bool):
        return "unix"
    if isinstance(value, str):
        return "string"
    raise DataException(f"TimestampConverter does not support class {type(value).__qualname__} objects as timestamps")

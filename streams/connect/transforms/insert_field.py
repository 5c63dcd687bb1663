"""`InsertField`: where a record comes from, or what is always the same, becomes a field."""

from __future__ import annotations

from typing import NamedTuple

from streams.config.table import invalid
from streams.connect.config_def import Config, ConfigDef, ConfigKey, Type
from streams.connect.data.logical import timestamp_of
from streams.connect.data.schema import Schema
from streams.connect.data.schema import Type as DataType
from streams.connect.data.struct import Struct
from streams.connect.errors import DataException
from streams.connect.records import R, SinkRecord
from streams.connect.transforms.base import (
    REPLACE_NULL,
    SchemaCache,
    Side,
    require_map,
    require_struct,
    struct_like,
    value_in,
)
from streams.errors import ConfigException

_PURPOSE = "field insertion"
_SUFFIX = "With ! behind it the field must have a value, with ? (as without) it may be null."


class _Insertion(NamedTuple):
    name: str
    schema: Schema


def _insertion(spec: str, schema: Schema) -> _Insertion:
    if spec.endswith("!"):
        return _Insertion(spec[:-1], schema)
    return _Insertion(spec.removesuffix("?"), schema.as_optional())


_SCHEMAS = {
    "topic.field": Schema(DataType.STRING),
    "partition.field": Schema(DataType.INT32),
    "offset.field": Schema(DataType.INT64),
    "timestamp.field": Schema.timestamp(),
    "static.field": Schema(DataType.STRING),
}


class InsertField:
    """Adds fields: the topic, the partition, the offset (of sinks), the timestamp, or a text that is always the
    same."""

    config_def = ConfigDef(
        ConfigKey("topic.field", Type.STRING, None, f"The field for the topic. {_SUFFIX}"),
        ConfigKey("partition.field", Type.STRING, None, f"The field for the partition. {_SUFFIX}"),
        ConfigKey("offset.field", Type.STRING, None, f"The field for the offset, of sinks only. {_SUFFIX}"),
        ConfigKey("timestamp.field", Type.STRING, None, f"The field for the timestamp. {_SUFFIX}"),
        ConfigKey("static.field", Type.STRING, None, f"The field for the text. {_SUFFIX}"),
        ConfigKey("static.value", Type.STRING, None, "The text."),
        REPLACE_NULL,
    )

    def __init__(self, config: Config, side: Side) -> None:
        self._insertions = {
            source: _insertion(config.text(source), schema)
            for source, schema in _SCHEMAS.items()
            if config[source] is not None
        }
        if not self._insertions:
            raise ConfigException("No field insertion configured")
        self._static = config["static.value"]
        if "static.field" in self._insertions and self._static is None:
            name = self._insertions["static.field"].name
            raise invalid("static.value", None, f"No value specified for static field: {name}")
        self._with_default = config.flag("replace.null.with.default")
        self._side = side
        self._schema = SchemaCache(self._changed)

    def apply(self, record: R) -> R | None:
        """The record with the fields."""
        schema, value = self._side.of(record)
        if value is None:
            return record
        if schema is None:
            changed = dict(require_map(value, _PURPOSE))
            changed.update(
                (insertion.name, found)
                for source, insertion in self._insertions.items()
                if (found := self._found(record, source)) is not None
            )
            return self._side.changed(record, None, changed)
        struct = require_struct(value, _PURPOSE)
        made = self._schema(struct.schema)
        values = [value_in(struct, field, self._with_default) for field in struct.schema.fields]
        for source, insertion in self._insertions.items():
            found = self._found(record, source)
            if source == "timestamp.field" and isinstance(found, int):
                found = timestamp_of(found)
            if found is None and not insertion.schema.optional and source != "partition.field":
                raise DataException(f"There is nothing for the field {insertion.name}, which may not be null.")
            values.append(found)
        return self._side.changed(record, made, Struct.of_values(made, values))

    def _found(self, record: R, source: str) -> object:
        if source == "topic.field":
            return record.topic
        if source == "partition.field":
            return record.partition
        if source == "timestamp.field":
            return record.timestamp
        if source == "static.field":
            return self._static
        if not isinstance(record, SinkRecord):
            raise DataException(f"Only SinkRecord supported for [{_PURPOSE}], found: {type(record).__qualname__}")
        return record.offset

    def _changed(self, schema: Schema) -> Schema:
        own = [(field.name, field.schema) for field in schema.fields]
        return struct_like(schema, [*own, *((each.name, each.schema) for each in self._insertions.values())])

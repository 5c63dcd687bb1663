"""Numbers and truth values, as Kafka's serializers write them: big-endian."""

from __future__ import annotations

import struct
from typing import ClassVar

from streams.connect.config_def import Config, ConfigDef
from streams.connect.data.schema import INTEGERS, Schema, Type
from streams.connect.data.values import SchemaAndValue
from streams.connect.errors import DataException


class NumberConverter:
    """Writes numbers of one type. Its kinds are below."""

    config_def: ClassVar[ConfigDef] = ConfigDef()
    word: ClassVar[str]
    form: ClassVar[struct.Struct]
    schema: ClassVar[Schema]

    def __init__(self, config: Config, is_key: bool) -> None: ...

    def from_connect_data(self, topic: str, schema: Schema | None, value: object) -> bytes | None:
        """The bytes of a number; DataException: it is none of this type."""
        if value is None:
            return None
        whole = self.schema.type in INTEGERS
        fits = isinstance(value, int) and not isinstance(value, bool) if whole else isinstance(value, float)
        if not fits or (schema is not None and schema.type is not self.schema.type):
            raise DataException(f"Failed to serialize to {self.word} (was class {type(value).__qualname__}): ")
        try:
            return self.form.pack(value)
        except (struct.error, OverflowError):
            raise DataException(f"Failed to serialize to {self.word}: {value} is out of its range") from None

    def to_connect_data(self, topic: str, data: bytes | None) -> SchemaAndValue:
        """The number; DataException: that many bytes are none."""
        if data is None:
            return SchemaAndValue(self.schema, None)
        if len(data) != self.form.size:
            raise DataException(f"Failed to deserialize {self.word}: ")
        return SchemaAndValue(self.schema, self.form.unpack(data)[0])


class ShortConverter(NumberConverter):
    """Whole numbers of 16 bits."""

    word, form, schema = "short", struct.Struct(">h"), Schema(Type.INT16, optional=True)


class IntegerConverter(NumberConverter):
    """Whole numbers of 32 bits."""

    word, form, schema = "integer", struct.Struct(">i"), Schema(Type.INT32, optional=True)


class LongConverter(NumberConverter):
    """Whole numbers of 64 bits."""

    word, form, schema = "long", struct.Struct(">q"), Schema(Type.INT64, optional=True)


class FloatConverter(NumberConverter):
    """Floats of 32 bits."""

    word, form, schema = "float", struct.Struct(">f"), Schema(Type.FLOAT32, optional=True)


class DoubleConverter(NumberConverter):
    """Floats of 64 bits."""

    word, form, schema = "double", struct.Struct(">d"), Schema(Type.FLOAT64, optional=True)


class BooleanConverter:
    """Truth values: one byte, 1 or 0."""

    config_def: ClassVar[ConfigDef] = ConfigDef()
    _schema = Schema(Type.BOOLEAN, optional=True)

    def __init__(self, config: Config, is_key: bool) -> None: ...

    def from_connect_data(self, topic: str, schema: Schema | None, value: object) -> bytes | None:
        """One byte; DataException: it is no truth value."""
        if schema is not None and schema.type is not Type.BOOLEAN:
            raise DataException(f"Invalid schema type for BooleanConverter: {schema.type}")
        if value is None:
            return None
        if not isinstance(value, bool):
            raise DataException(
                f"BooleanConverter is not compatible with objects of type class {type(value).__qualname__}"
            )
        return b"\x01" if value else b"\x00"

    def to_connect_data(self, topic: str, data: bytes | None) -> SchemaAndValue:
        """The truth value; DataException: the bytes are none."""
        if data is None:
            return SchemaAndValue(self._schema, None)
        if data not in (b"\x00", b"\x01"):
            raise DataException("Failed to deserialize boolean: ")
        return SchemaAndValue(self._schema, data == b"\x01")

"""Bytes as they are."""

from __future__ import annotations

from typing import ClassVar

from streams.connect.config_def import Config, ConfigDef
from streams.connect.data.schema import Schema, Type
from streams.connect.data.values import SchemaAndValue
from streams.connect.errors import DataException

_BYTES = Schema(Type.BYTES, optional=True)


class ByteArrayConverter:
    """Passes bytes through.

    Args:
        config: none.
        is_key: of keys?
    """

    config_def: ClassVar[ConfigDef] = ConfigDef()

    def __init__(self, config: Config, is_key: bool) -> None: ...

    def from_connect_data(self, topic: str, schema: Schema | None, value: object) -> bytes | None:
        """The bytes; DataException: it is something else."""
        if schema is not None and schema.type is not Type.BYTES:
            raise DataException(f"Invalid schema type for ByteArrayConverter: {schema.type}")
        if value is None:
            return None
        if not isinstance(value, bytes | bytearray | memoryview):
            raise DataException(
                f"ByteArrayConverter is not compatible with objects of type class {type(value).__qualname__}"
            )
        return bytes(value)

    def to_connect_data(self, topic: str, data: bytes | None) -> SchemaAndValue:
        """The bytes."""
        return SchemaAndValue(_BYTES, data)

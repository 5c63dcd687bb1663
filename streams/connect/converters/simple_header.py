"""Headers as text whose type is seen."""

from __future__ import annotations

from typing import ClassVar

from streams.connect.config_def import Config, ConfigDef
from streams.connect.data.schema import Schema, Type
from streams.connect.data.values import SchemaAndValue, convert_to_string, parse_string


class SimpleHeaderConverter:
    """Writes text, and reads `12` as a number, `true` as a truth value, `[1,2]` as a list. The default.

    Args:
        config: none.
    """

    config_def: ClassVar[ConfigDef] = ConfigDef()

    def __init__(self, config: Config) -> None: ...

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: object) -> bytes | None:
        """The bytes of a value's text."""
        return None if value is None else convert_to_string(value, schema).encode()

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        """What the text stands for; bytes that are no text as they are."""
        if data is None:
            return SchemaAndValue(None, None)
        try:
            return parse_string(data.decode())
        except UnicodeDecodeError:
            return SchemaAndValue(Schema(Type.BYTES), data)

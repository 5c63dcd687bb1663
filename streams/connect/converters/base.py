"""What a converter is, of values and of headers."""

from __future__ import annotations

from typing import ClassVar, Protocol

from streams.connect.config_def import Config, ConfigDef
from streams.connect.data.schema import Schema
from streams.connect.data.values import SchemaAndValue


class Converter(Protocol):
    """Turns keys or values into bytes and back. As `org.apache.kafka.connect.storage.Converter`."""

    config_def: ClassVar[ConfigDef]
    """Its settings, without the prefix `key.converter.` or `value.converter.`."""

    def __init__(self, config: Config, is_key: bool) -> None: ...

    def from_connect_data(self, topic: str, schema: Schema | None, value: object) -> bytes | None:
        """The bytes of a value; None: a tombstone, or no key.

        Raises:
            DataException: it does not write such values.
        """
        ...

    def to_connect_data(self, topic: str, data: bytes | None) -> SchemaAndValue:
        """The value of bytes, with what it is.

        Raises:
            DataException: they are none that it reads.
        """
        ...


class HeaderConverter(Protocol):
    """Turns the values of headers into bytes and back."""

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: object) -> bytes | None:
        """The bytes of a header's value.

        Raises:
            DataException: it does not write such values.
        """
        ...

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        """The value of a header, with what it is.

        Raises:
            DataException: the bytes are none that it reads.
        """
        ...


class OfHeaders:
    """A converter of values as one of headers."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def from_connect_header(self, topic: str, key: str, schema: Schema | None, value: object) -> bytes | None:
        """As of a value."""
        return self._converter.from_connect_data(topic, schema, value)

    def to_connect_header(self, topic: str, key: str, data: bytes | None) -> SchemaAndValue:
        """As of a value."""
        return self._converter.to_connect_data(topic, data)

"""Text."""

from __future__ import annotations

import codecs
from typing import ClassVar

from streams.config.table import invalid
from streams.connect.config_def import Config, ConfigDef, ConfigKey, Importance, Type
from streams.connect.data import schema as schemas
from streams.connect.data.schema import Schema
from streams.connect.data.text import text_of
from streams.connect.data.values import SchemaAndValue
from streams.connect.errors import DataException

_STRING = Schema(schemas.Type.STRING, optional=True)


def _check_encoding(name: str, value: object) -> None:
    try:
        codecs.lookup(str(value))
    except LookupError:
        raise invalid(name, value, "There is no such encoding") from None


class StringConverter:
    """Writes what a value says of itself (`toString`), and reads text. As Kafka Connect's.

    Args:
        config: `converter.encoding`.
        is_key: of keys?
    """

    config_def: ClassVar[ConfigDef] = ConfigDef(
        ConfigKey(
            "converter.encoding",
            Type.STRING,
            "UTF-8",
            "The encoding of the text.",
            check=_check_encoding,
            importance=Importance.HIGH,
        )
    )

    def __init__(self, config: Config, is_key: bool) -> None:
        self._encoding = config.text("converter.encoding")
        self._none = SchemaAndValue(_STRING, None)

    def from_connect_data(self, topic: str, schema: Schema | None, value: object) -> bytes | None:
        """The bytes of a value's text; DataException: bytes have none, which Java writes as where they lie."""
        if value is None:
            return None
        try:
            return (value if isinstance(value, str) else text_of(value, schema)).encode(self._encoding)
        except UnicodeEncodeError as error:
            raise DataException(f"Failed to serialize to a string: {error}") from None

    def to_connect_data(self, topic: str, data: bytes | None) -> SchemaAndValue:
        """The text; bytes that are none are written as U+FFFD, as Java does."""
        return self._none if data is None else SchemaAndValue(_STRING, str(data, self._encoding, "replace"))

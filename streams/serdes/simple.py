"""Text, bytes, UUIDs and nothing, as `StringSerializer` and its siblings write them."""

from __future__ import annotations

import codecs
from functools import cache
from typing import Never
from uuid import UUID

from streams.errors import ConfigException, IllegalArgumentException, SerializationException
from streams.serdes.base import Serde, shown, wrong_type


def _is_text(value: object) -> bool:
    """Exact for text that UTF-8 can hold: lone surrogates have no bytes, and fail at the put."""
    if type(value) is not str:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def string(encoding: str = "utf-8") -> Serde[str]:
    """Text.

    Bytes that are no text in this encoding are read with U+FFFD in their place, as Java does; text that the encoding
    has no bytes for is an error.

    Args:
        encoding: a name that Python knows.
    Raises:
        ConfigException: it does not know it.
    """
    try:
        known = codecs.lookup(encoding).name
        "".encode(known)  # base64 is a codec too, and no encoding of text
    except (LookupError, TypeError, ValueError):
        raise ConfigException(
            f"Unsupported encoding {encoding} for Serdes.string(). Give a name such as utf-8 or latin-1."
        ) from None
    return _string(known)


@cache
def _string(known: str) -> Serde[str]:
    is_utf8 = known == "utf-8"
    name = "Serdes.string()" if is_utf8 else f"Serdes.string({known!r})"

    def encode(value: str) -> bytes:
        try:
            return str.encode(value, known)
        except TypeError:
            raise wrong_type(name, "str", value) from None
        except UnicodeEncodeError as error:
            raise SerializationException(
                f"Error when serializing string to byte[] due to unsupported encoding {known}: {error}"
            ) from None

    def decode(data: bytes) -> str:
        try:
            return data.decode(known)
        except UnicodeDecodeError:
            return data.decode(known, "replace")
        except AttributeError:
            raise wrong_type(name, "bytes to decode", data) from None

    return Serde(
        name=name,
        encode=encode,
        decode=decode,
        canonical=is_utf8,
        exact=_is_text if is_utf8 else None,
        quick_encode=str.encode if is_utf8 else None,
        quick_decode=bytes.decode if is_utf8 else None,
    )


def _encode_bytes(value: bytes) -> bytes:
    if type(value) is bytes:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise wrong_type("Serdes.bytes()", "bytes", value)


def _is_bytes(value: object) -> bool:
    return type(value) is bytes


BYTES: Serde[bytes] = Serde(
    name="Serdes.bytes()",
    encode=_encode_bytes,
    decode=bytes,
    canonical=True,
    exact=_is_bytes,
    quick_decode=bytes,
)


def _encode_uuid(value: UUID) -> bytes:
    if not isinstance(value, UUID):
        raise wrong_type("Serdes.uuid()", "uuid.UUID", value)
    return str(value).encode("ascii")


def _decode_uuid(data: bytes) -> UUID:
    try:
        return UUID(data.decode("ascii"))
    except ValueError:
        raise SerializationException(f"Error parsing data into UUID: {shown(data)}") from None


def _is_uuid(value: object) -> bool:
    return type(value) is UUID


UUID_TEXT: Serde[UUID] = Serde(
    name="Serdes.uuid()",
    encode=_encode_uuid,
    decode=_decode_uuid,
    # The same UUID may be written in capitals.
    canonical=False,
    exact=_is_uuid,
    fixed_width=36,
)


def _encode_void(value: object) -> Never:
    raise IllegalArgumentException(f"Data should be null for a VoidSerializer, got {shown(value)}.")


def _decode_void(data: bytes) -> Never:
    raise IllegalArgumentException(f"Data should be null for a VoidDeserializer, got {len(data)} bytes.")


VOID: Serde[Never] = Serde(name="Serdes.void()", encode=_encode_void, decode=_decode_void)

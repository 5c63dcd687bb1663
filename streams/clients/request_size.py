"""How large a request with one record may become, as Kafka's producer estimates it before it takes the record.

    batch header 61 | record: at most 21 | varint length, key | varint length, value | varint count, headers

(`AbstractRecords.estimateSizeInBytesUpperBound`; a header is varint length, name, varint length, content.)
"""

from __future__ import annotations

from streams.config.clients import PRODUCER, ClientConfig
from streams.errors import RecordTooLargeException
from streams.record import Headers

LARGEST = ClientConfig(PRODUCER, {}).number("max.request.size")
"""Bytes, where it is not given."""

_FIXED = 61 + 21


def check_request_size(
    key: bytes | None, value: bytes | None, headers: Headers, largest: int
) -> RecordTooLargeException | None:
    """The error for a record that is larger than `max.request.size` (`largest`, bytes), in Kafka's words."""
    content = (len(key) if key else 0) + (len(value) if value else 0)
    if not headers and content + _FIXED + 11 <= largest:
        return None
    size = request_size(key, value, headers)
    if size <= largest:
        return None
    return RecordTooLargeException(
        f"The message is {size} bytes when serialized which is larger than {largest}, which is the value of the "
        "max.request.size configuration."
    )


def request_size(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """The estimate, in bytes."""
    size = _FIXED + _field(key) + _field(value) + _varint(len(headers))
    for name, content in headers:
        size += _field(name.encode()) + _field(content)
    return size


def _field(content: bytes | None) -> int:
    return 1 if content is None else _varint(len(content)) + len(content)


def _varint(length: int) -> int:
    """Bytes of a length as a zig-zag varint."""
    return max(1, ((length << 1).bit_length() + 6) // 7)

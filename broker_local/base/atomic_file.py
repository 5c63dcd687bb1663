"""Small files that are written whole: the catalog, the recovery point, the state of a partition, producers.

    | 4 bytes kind | u16 version | u32 length | u32 CRC-32 | msgpack, `length` bytes |

Little-endian; the sum covers kind, version, length and content. An atomic file is read whole or not at all.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from zlib import crc32

import msgpack

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption, Refusal
from broker_local.base.files import Files, replace

_HEAD = struct.Struct("<4sHI")
_SUM = struct.Struct("<I")
_BEGIN = _HEAD.size + _SUM.size

Content = Mapping[str, object]


def pack(kind: bytes, version: int, content: Content) -> bytes:
    """The bytes of an atomic file."""
    body: bytes = msgpack.packb(content)
    head = _HEAD.pack(kind, version, len(body))
    return head + _SUM.pack(crc32(body, crc32(head))) + body


def write(files: Files, path: str, kind: bytes, version: int, content: Content) -> None:
    """Puts an atomic file in the place of the old one; after a crash it is the old or the new.

    Raises:
        OSError: the old one still stands.
    """
    replace(files, path, pack(kind, version, content))


def read(files: Files, path: str, kind: bytes, version: int) -> dict[str, object] | None:
    """Reads an atomic file.

    Args:
        files: the disk.
        path: the file.
        kind: four bytes that say what it is.
        version: the highest version that is understood.
    Returns:
        Its content, or None if there is no such file.
    Raises:
        Corruption: the bytes are not what was written.
        Refusal: a newer engine wrote it (UNSUPPORTED_VERSION).
    """
    try:
        data = files.read(path)
    except FileNotFoundError:
        return None
    if len(data) < _BEGIN:
        raise Corruption(path, len(data), f"{len(data)} bytes are fewer than the head of an atomic file")
    found, wrote, length = _HEAD.unpack_from(data)
    if length != len(data) - _BEGIN:
        raise Corruption(path, 6, f"length says {length} bytes, there are {len(data) - _BEGIN}")
    if crc32(data[_BEGIN:], crc32(data[: _HEAD.size])) != _SUM.unpack_from(data, _HEAD.size)[0]:
        raise Corruption(path, _HEAD.size, "the sum does not fit the content")
    if found != kind:
        raise Corruption(path, 0, f"this is an atomic file of kind {found!r}, not {kind!r}")
    if wrote > version:
        said = f"{path} has format version {wrote}; this engine knows versions up to {version}"
        raise Refusal(ErrorCode.UNSUPPORTED_VERSION, f"{said}. Start the newer release that wrote it.")
    try:
        content = msgpack.unpackb(data[_BEGIN:], strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise Corruption(path, _BEGIN, f"the content is no msgpack: {error}") from error
    if not isinstance(content, dict):
        raise Corruption(path, _BEGIN, "the content is no map")
    return content

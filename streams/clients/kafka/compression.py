"""What `compression.type` makes of the records of a batch."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

import cramjam
import lz4.frame

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4


class Codec(NamedTuple):
    """A codec: Kafka's number, and what compresses."""

    number: int
    compress: Callable[[bytes], bytes]


def codec(name: str, level: int | None = None) -> Codec | None:
    """The codec of a name; None: `none`.

    Args:
        name: `none`, `gzip`, `snappy`, `lz4` or `zstd`.
        level: the codec's own; None, and -1 of gzip: its default. Snappy has none.
    """
    if name == "gzip":
        return Codec(GZIP, lambda data: _gzip(data, -1 if level is None else level))
    if name == "snappy":  # bare, as librdkafka writes it: what Java puts around it is looked for, and not needed
        return Codec(SNAPPY, lambda data: bytes(cramjam.snappy.compress_raw(data)))
    if name == "lz4":
        strength = 0 if level is None else level
        return Codec(LZ4, lambda data: lz4.frame.compress(data, strength, block_linked=False))
    if name == "zstd":
        return Codec(ZSTD, lambda data: bytes(cramjam.zstd.compress(data, 3 if level is None else level)))
    return None


def _gzip(data: bytes, level: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(data) + packer.flush()

"""The 128-bit hash by which foreign-key joins tell whether a left value is still the one that was asked
for."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

try:
    from mmh3 import hash64
except ImportError:  # the extra `fast` is not installed
    HAS_NATIVE = False
else:
    HAS_NATIVE = True

SEED = 104_729
"""Java's default, from Hive's variant of murmur3 (`Murmur3.hash128`)."""

_C1 = 0x87C37B91114253D5
_C2 = 0x4CF5AD432745937F
_MASK = 0xFFFFFFFFFFFFFFFF
_pair = struct.Struct("<QQ")
_unsigned = struct.Struct(">QQ")
_signed = struct.Struct(">qq")


def murmur3_plain(data: bytes, seed: int = SEED) -> bytes:
    """`murmur3_128` in plain Python: 11 us for 128 bytes, where C takes 0.3.

    Args:
        data: what is hashed.
        seed: Kafka Streams uses the default.
    Returns:
        16 bytes: the two 64-bit halves, big-endian, as they stand in foreign-key messages.
    """
    length = len(data)
    h1 = h2 = seed
    whole = length & ~15
    pairs: Iterator[tuple[int, int]] = _pair.iter_unpack(data[:whole])
    for k1, k2 in pairs:
        k1 = k1 * _C1 & _MASK
        k1 = (k1 << 31 | k1 >> 33) & _MASK
        h1 ^= k1 * _C2 & _MASK
        h1 = (h1 << 27 | h1 >> 37) & _MASK
        h1 = ((h1 + h2) * 5 + 0x52DCE729) & _MASK
        k2 = k2 * _C2 & _MASK
        k2 = (k2 << 33 | k2 >> 31) & _MASK
        h2 ^= k2 * _C1 & _MASK
        h2 = (h2 << 31 | h2 >> 33) & _MASK
        h2 = ((h2 + h1) * 5 + 0x38495AB5) & _MASK
    if length != whole:
        k1 = int.from_bytes(data[whole : whole + 8], "little")
        k2 = int.from_bytes(data[whole + 8 :], "little")
        k2 = k2 * _C2 & _MASK
        h2 ^= ((k2 << 33 | k2 >> 31) & _MASK) * _C1 & _MASK
        k1 = k1 * _C1 & _MASK
        h1 ^= ((k1 << 31 | k1 >> 33) & _MASK) * _C2 & _MASK
    h1 ^= length
    h2 ^= length
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    h1, h2 = _mix(h1), _mix(h2)
    h1 = (h1 + h2) & _MASK
    return _unsigned.pack(h1, (h2 + h1) & _MASK)


def _mix(h: int) -> int:
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & _MASK
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return h ^ h >> 33


def _murmur3_native(data: bytes, seed: int = SEED) -> bytes:
    """`murmur3_128` in C."""
    return _signed.pack(*hash64(data, seed, True))


murmur3_128: Callable[..., bytes] = _murmur3_native if HAS_NATIVE else murmur3_plain
"""murmur3 x64 of 128 bits, as `murmur3_plain` says."""

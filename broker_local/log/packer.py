"""msgpack's packer with its memory kept: to take 256 KB anew for every batch costs more than to fill it."""

from __future__ import annotations

from typing import Final

import msgpack

from broker_local.base.world import local

MOST_KEPT: Final = 4 * 1024 * 1024
"""A packer that had to grow beyond this is not kept."""


class _Own(local):
    """One a thread."""

    def __init__(self) -> None:
        self.packer = msgpack.Packer(autoreset=False)


_own = _Own()


def pack(thing: object) -> bytes:
    """As `msgpack.packb`."""
    packer = _own.packer
    packer.reset()  # it may have stopped half way
    packer.pack(thing)
    data: bytes = packer.bytes()
    if len(data) > MOST_KEPT:
        _own.packer = msgpack.Packer(autoreset=False)
    return data

"""Bugs to be planted, which whoever damages files must find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from broker_local.log import format as batches
from broker_local.log import recovery, segment
from statestore.engine import EngineDamaged
from streams.runtime.worker.tasks import Tasks
from streams.topology.node import SubTopology, TaskId


@contextmanager
def nothing() -> Iterator[None]:
    yield


@contextmanager
def unchecked() -> Iterator[None]:
    """No sum is compared, neither by the engine nor by who reads."""

    class Same:
        @staticmethod
        def crc32(data: object, value: int = 0) -> int:
            return 0

    with pytest.MonkeyPatch.context() as patch:
        for module in (batches, recovery, segment):
            if hasattr(module, "zlib"):
                patch.setattr(module, "zlib", Same)
            if hasattr(module, "crc32"):
                patch.setattr(module, "crc32", Same.crc32)
        yield


@contextmanager
def unhealed() -> Iterator[None]:
    """A damaged database ends the application."""

    def discard(self: Tasks, id: TaskId, sub: SubTopology, damage: EngineDamaged) -> None:
        raise damage

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tasks, "_discard", discard)
        yield


PLANTED: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "": nothing,
    "unchecked": unchecked,
    "unhealed": unhealed,
}

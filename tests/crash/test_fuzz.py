"""Some seconds of each kind of fuzzing; and bugs that are planted are found by it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from broker_local.host import server
from broker_local.log import format as batches
from broker_local.protocol import wire
from tests.crash import fuzz
from tests.crash.found import Found

SECONDS = 2.0
UNTIL_FOUND = 60.0


@pytest.mark.parametrize("kind", list(fuzz.KINDS))
def test_nothing_is_found(kind: str) -> None:
    ends = fuzz.run(kind, SECONDS, seed=20_261_129)
    assert sum(ends.values()) > len(list(fuzz.corpus(kind))) > 0
    assert len(ends) == 2, "each kind ends in two ways; if one is never seen the inputs are no good"


def no_look_inside(patch: pytest.MonkeyPatch) -> None:
    """The broker appends whatever has right sums."""
    patch.setattr(batches, "check_outline", lambda header, batch: None)


def no_sum_when_read(patch: pytest.MonkeyPatch) -> None:
    """A reader believes the header."""
    patch.setattr(batches, "verify", batches.peek)


def an_unknown_number_ends_it(patch: pytest.MonkeyPatch) -> None:
    """A request that there is not ends the broker."""

    def read(frame: memoryview) -> wire.IncomingRequest:
        if len(frame) and frame[0] > 100:
            raise KeyError(frame[0])
        return wire.read_request(frame)

    patch.setattr(server, "read_request", read)


def memory_before_the_bytes(patch: pytest.MonkeyPatch) -> None:
    """The memory of a large frame is taken when its length has come."""

    def held(self: wire.Incoming) -> int:
        return 0 if self._large is None else len(self._large)

    patch.setattr(wire.Incoming, "held", property(held))


@pytest.mark.parametrize(
    ("kind", "plant"),
    [
        ("batches", no_look_inside),
        ("files", no_sum_when_read),
        ("frames", an_unknown_number_ends_it),
        ("frames", memory_before_the_bytes),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_planted_bug_is_found(
    kind: str, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(Found):
        fuzz.run(kind, UNTIL_FOUND, seed=1)

"""Transactions on a disk that is full, or fails, at every single call: all of one is seen or nothing of it, and what
was answered is so. (Kills and power cuts at every call: `tests/broker_local/broker/test_transactions.py`.)"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import DiskFailed, Refusal, StorageError
from broker_local.base.mem_files import Fault, Plan
from broker_local.protocol.requests.records import ProducedPart
from broker_local.protocol.requests.request import Failure
from broker_local.protocol.requests.transactions import ProducerIdReply
from tests.broker_local.broker.test_transactions import BOTH, Writer, check, desk_of, flush, settle, work
from tests.broker_local.engines import Desk

Said = list[tuple[str, bool]]
TRIES = 8
"""A client tries for two minutes; the disk has room again before that."""


class Patient(Writer):
    """A producer that sends again what a full disk refused, as its client does."""

    def ask(self, request: object) -> ProducerIdReply:
        for _ in range(TRIES):
            number = self.desk.send(request, self.peer)  # type: ignore[arg-type, type-var]
            settle(self.desk)
            reply = self.desk.answers.get(number)
            if isinstance(reply, ProducerIdReply):
                return reply
            assert reply is None or (isinstance(reply, Failure) and passes(reply.error)), reply
            self.desk.time(1_000)
        raise AssertionError(f"not answered: {request}")

    def write(self, topic: str, number: int, *values: bytes) -> ProducedPart:
        for _ in range(TRIES):
            part = super().write(topic, number, *values)
            if part.error == ErrorCode.NONE:
                return part
            assert passes(part.error), part
            self.desk.time(1_000)
        raise AssertionError(f"not stored: {values!r}")

    def offsets(self, group: str, *places: tuple[str, int, int], generation: int = -1, member: str = "") -> list[int]:
        for _ in range(TRIES):
            errors = super().offsets(group, *places)
            if errors == [ErrorCode.NONE]:
                return errors
            assert passes(errors[0]), errors
            self.desk.time(1_000)
        raise AssertionError(f"not taken: {places}")


def passes(error: int) -> bool:
    """Is it one that a client tries again?"""
    return error in (ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.CONCURRENT_TRANSACTIONS)


def lived(desk: Desk, said: Said) -> None:
    """Three transactions over two partitions and a group, one after the other. `said` has what was answered."""
    writer = Patient(desk).init()
    for round_, commit in enumerate((True, False, True)):
        work(desk, writer, round_)
        writer.end(commit)
        said.append((f"ended {round_}", commit))
    flush(desk)


def lives(fault: Fault, part: float, durability: str) -> Iterator[tuple[int, Desk, Said, BaseException | None]]:
    """Lives whose 1st, 2nd, … call fails, until one gets through; each as it ended, with the error."""
    for at in range(1, 500):
        desk, said = desk_of(durability), Said()
        plan = Plan(at, fault, part)
        desk.files.plan = plan
        ended = None
        try:
            lived(desk, said)
        except (StorageError, OSError, Refusal) as error:
            ended = error
        desk.files.plan = None
        if not plan.fired:
            assert ended is None and at > 30, "the fault has to have fired at every call"
            return
        yield at, desk, said, ended
    raise AssertionError("a life has no end")


@pytest.mark.parametrize("part", [0.0, 0.5])
@BOTH
def test_a_full_disk_at_any_call_is_tried_again_or_stops_the_broker(durability: str, part: float) -> None:
    through = 0
    for at, desk, said, ended in lives("full", part, durability):
        assert ended is None or isinstance(ended, (DiskFailed, Refusal)), f"call {at}: {ended!r}"
        if ended is None:
            through += 1
            assert said == [("ended 0", True), ("ended 1", False), ("ended 2", True)]
        check(desk.restarted(desk.files.after_kill()), said)
    assert through > 10, "most calls are of requests, which can be refused"


@pytest.mark.parametrize("part", [0.0, 0.5])
@BOTH
def test_a_disk_that_fails_at_any_call_stops_the_broker_and_halves_nothing(durability: str, part: float) -> None:
    for at, desk, said, ended in lives("error", part, durability):
        if ended is not None:
            assert isinstance(ended, DiskFailed) and "Input/output error" in str(ended), f"call {at}: {ended!r}"
        check(desk.restarted(desk.files.after_kill()), said)

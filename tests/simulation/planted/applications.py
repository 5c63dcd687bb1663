"""Bugs of the runtime and of the stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker_local.log.format import CONTROL
from broker_local.log.transactions import is_aborted
from broker_local.protocol.requests.records import READ_COMMITTED
from streams.clients.api import Position
from streams.runtime.worker.commit import offsets as offsets_alone
from tests.simulation.planted import AT_LEAST_ONCE, Planted, Thing
from tests.simulation.planted.transactions import none
from tests.simulation.simulation import CLIENTS


def _moved(name: str, before: str) -> Thing:
    """A list in which one step comes before another."""

    def instead(steps: Any) -> Any:
        moved = next(each for each in steps if each[0] == name)
        left = [each for each in steps if each[0] != name]
        at = next(number for number, each in enumerate(left) if each[0] == before)
        return (*left[:at], moved, *left[at:])

    return instead


def _without(name: str) -> Thing:
    def instead(steps: Any) -> Any:
        assert any(each[0] == name for each in steps)
        return tuple(each for each in steps if each[0] != name)

    return instead


def _in_place_of(name: str, step: Thing) -> Thing:
    def instead(steps: Any) -> Any:
        assert any(each[0] == name for each in steps)
        return tuple((each[0], step) if each[0] == name else each for each in steps)

    return instead


def _not_waited_for(original: Thing) -> Thing:
    return lambda self, timeout_ms: self._writer.await_acks(0)


def _one_short(original: Thing) -> Thing:
    def restores(*given: Any) -> Any:
        made = original(*given)
        for each in made:
            each.target = max(each.log.offset, each.target - 1)
        return made

    return restores


def _one_late(original: Thing) -> Thing:
    def restores(*given: Any) -> Any:
        made = original(*given)
        for each in made:
            each.log.offset = min(each.target, each.log.offset + (each.kept > 0))
        return made

    return restores


def _one_further(original: Thing) -> Thing:
    def committable(self: Any) -> Mapping[Any, Position]:
        return {each: at._replace(offset=at.offset + 1) for each, at in original(self).items()}

    return committable


def _from_the_beginning(original: Thing) -> Thing:
    return lambda admin, partitions, committed, reset, now: original(admin, partitions, {}, reset, now)


def _believed(original: Thing) -> Thing:
    return lambda mark, end: None


def _no_tombstones(original: Thing) -> Thing:
    return lambda *given: [row for row in original(*given) if row[1] is not None]


def _caught_up(original: Thing) -> Thing:
    """Where a reader is shown no more the restore ends (trap 1)."""
    return lambda self, fetched: original(
        self, fetched if fetched.caught_up_at is None else fetched._replace(log_end=fetched.caught_up_at)
    )


def _does_not_skip(original: Thing) -> Thing:
    """A fetch that has nothing to show says nothing (trap 2)."""

    def part(broker: Any, position: Any, isolation: int, *others: Any) -> Any:
        found, size = original(broker, position, isolation, *others)
        if found is None or found.error or isolation != READ_COMMITTED or found.next_offset == position.offset:
            return found, size
        log = broker.logs.partition(position.topic, position.partition)
        aborted = log._transactions.between(position.offset, found.next_offset)
        ahead = [header for header in log.headers(position.offset) if header.base_offset < found.next_offset]
        shown = [each for each in ahead if not each.flags & CONTROL and not is_aborted(each, aborted)]
        return (found, size) if shown else (None, 0)

    return part


def _cut_off_renewed(original: Thing) -> Thing:
    def cut_off(self: Any) -> None:
        original(self)
        self._next_sequence = (self._next_sequence + 0) & 0x7FFFFFFF
        for batch in self.batches:
            if batch.sequence >= 0:
                batch.sequence, batch.data = -1, b""

    return cut_off


def _forgets_what_is_out(original: Thing) -> Thing:
    def cut_off(self: Any) -> None:
        out = [batch for batch in self.batches if batch.out]
        original(self)
        for batch in out:
            batch.out = True
        self._out = len(out)

    return cut_off


def _no_flush(original: Thing) -> Thing:
    return lambda self: None


BUGS = (
    Planted(
        "positions-before-acknowledgements",
        "at-least-once: positions are committed before what was made of the records is stored",
        "streams.runtime.worker.guarantee:AT_LEAST_ONCE.commit",
        _moved("offsets", "send"),
        guarantee=AT_LEAST_ONCE,
        faults=("kill process", "slow network", "cut connections"),
    ),
    Planted(
        "acknowledgements-not-awaited",
        "at-least-once: a commit does not wait until what was sent is stored",
        "streams.runtime.worker.sender:Sender.await_acks",
        _not_waited_for,
        guarantee=AT_LEAST_ONCE,
        faults=("kill broker", "kill process", "cut connections"),
    ),
    Planted(
        "caches-not-flushed",
        "at-least-once: a commit leaves in the caches what they hold",
        "streams.runtime.worker.guarantee:AT_LEAST_ONCE.commit",
        _without("flush"),
        guarantee=AT_LEAST_ONCE,
    ),
    Planted(
        "a-restore-ends-one-short",
        "the last record of a changelog is not restored",
        "streams.runtime.worker.tasks:restores",
        _one_short,
        guarantee=AT_LEAST_ONCE,
    ),
    Planted(
        "a-restore-begins-one-late",
        "the first record that a store lacks of its changelog is not restored",
        "streams.runtime.worker.tasks:restores",
        _one_late,
        guarantee=AT_LEAST_ONCE,
        faults=("kill process", "leave", "join"),
    ),
    Planted(
        "positions-one-too-far",
        "a record is committed that has not been processed",
        "streams.runtime.tasks.task:StreamTask.committable",
        _one_further,
        guarantee=AT_LEAST_ONCE,
    ),
    Planted(
        "committed-positions-not-believed",
        "a take-over begins where the reset policy says",
        "streams.runtime.worker.tasks:positions",
        _from_the_beginning,
    ),
    Planted(
        "a-store-beyond-its-log-is-kept",
        "rows of records that a power cut took stay in a store",
        "streams.runtime.worker.takeover:beyond",
        _believed,
        faults=("power cut", "leave", "join"),
    ),
    Planted(
        "tombstones-not-restored",
        "what was deleted lives again after a restore",
        "streams.runtime.tasks.restore:rows_of",
        _no_tombstones,
        guarantee=AT_LEAST_ONCE,
        workload="table-join",
    ),
    Planted(
        "a-restore-ends-at-an-open-transaction",
        "a restore takes the last stable offset for the end of the log (trap 1)",
        "streams.runtime.tasks.restore:Restorer._take",
        _caught_up,
        workload="windows",
        faults=("freeze process", "kill process", "leave"),
        also=(("broker_local.coordinator.transaction:member_out", none),),
        but="the transaction of",
    ),
    Planted(
        "a-fetch-cannot-skip",
        "where only aborted records lie ahead a reader does not come past them (trap 2)",
        "broker_local.broker.on_fetch:_part",
        _does_not_skip,
    ),
    Planted(
        "not-sent-again",
        "what was out when a connection was lost is not sent again",
        "streams.clients.writing.partition_queue:PartitionQueue.cut_off",
        _forgets_what_is_out,
    ),
    Planted(
        "sent-again-as-another",
        "what was out when a connection was lost is sent again under new sequences",
        "streams.clients.writing.partition_queue:PartitionQueue.cut_off",
        _cut_off_renewed,
        workload=CLIENTS,
    ),
    Planted(
        "promoted-before-the-end",
        "what is not committed yet counts as committed in the stores",
        "streams.runtime.worker.exactly_once:EXACTLY_ONCE.commit",
        _moved("promote", "send"),
        faults=("freeze process", "cut connections", "freeze broker", "full disk"),
    ),
    Planted(
        "positions-outside-the-transaction",
        "exactly-once: positions are committed by themselves",
        "streams.runtime.worker.exactly_once:EXACTLY_ONCE.commit",
        _in_place_of("offsets", offsets_alone),
    ),
    Planted(
        "an-abort-keeps-the-stores",
        "exactly-once: what was aborted stays in the stores",
        "streams.runtime.worker.exactly_once:EXACTLY_ONCE.abort",
        _in_place_of("revert", lambda abort: None),
        faults=("full disk", "freeze broker", "slow network"),
    ),
    Planted(
        "an-abort-keeps-the-output",
        "exactly-once: what was not sent yet when a transaction was aborted is sent with the next",
        "streams.runtime.worker.exactly_once:EXACTLY_ONCE.abort",
        _without("abandon"),
        faults=("full disk", "freeze broker", "slow network"),
    ),
)

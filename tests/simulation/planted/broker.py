"""Bugs of the log engine, but for those of transactions."""

from __future__ import annotations

from typing import Any

from broker_local.log.log_manager import Flush
from broker_local.log.producers import Producers
from broker_local.log.transactions import Transactions
from tests.simulation.planted import AT_LEAST_ONCE, Planted, Thing
from tests.simulation.simulation import CLIENTS


def nothing(original: Thing) -> Thing:
    """A function that finds nothing, and does nothing."""
    return lambda *given, **named: None


def _told_at_once(original: Thing) -> Thing:
    return lambda broker, written, reply: reply


def _to_the_end(original: Thing) -> Thing:
    return lambda broker, partition, isolation: (
        partition.end if isolation == 0 else min(partition.end, partition.last_stable_offset)
    )


def _never_stored_before(original: Thing) -> Thing:
    def check(self: Producers, header: Any) -> None:
        try:
            original(self, header)
        except Exception:
            return

    return check


def _no_producers(original: Thing) -> Thing:
    def writers(*given: Any) -> Any:
        _, transactions, replayed = original(*given)
        return Producers(), transactions, replayed

    return writers


def _same_boot(original: Thing) -> Thing:
    def read(files: Any) -> Any:
        found = original(files)
        return None if found is None else found._replace(boot=files.boot_id())

    return read


def _never_moved_on(original: Thing) -> Thing:
    return lambda self, files: original(self._replace(recovery_point=None), files)


def _only_logs(original: Thing) -> Thing:
    return lambda self: [path for path in original(self) if path.endswith(".log")]


def _half_of_them(original: Thing) -> Thing:
    def run(self: Flush, files: Any) -> None:
        original(self if len(self.paths) < 1 else self._replace(paths=self.paths[: len(self.paths) // 2]), files)

    return run


def _before_it_is_durable(original: Thing) -> Thing:
    def answer(self: Any, ticket: int) -> Any:
        if ticket in self._replies:
            self._replies[ticket] = (0, self._replies[ticket][1])
        return original(self, ticket)

    return answer


def _forgotten(original: Thing) -> Thing:
    def replay(group: Any, record: Any) -> Any:
        return None if type(record).__name__ == "OffsetRecord" and record.partition == 1 else original(group, record)

    return replay


def _all_marked_gone(original: Thing) -> Thing:
    return lambda self, before: original(self, before + 1)


def _nobody_open(original: Thing) -> Thing:
    def load(cls: Any, content: Any) -> Transactions:
        return Transactions()

    return classmethod(load)


BUGS = (
    Planted(
        "acknowledged-before-fsync",
        "`durable`: a batch is acknowledged before it is on the disk",
        "broker_local.broker.on_records:_when_durable",
        _told_at_once,
        workload=CLIENTS,
        faults=("power cut", "power cut of the broker", "slow disk"),
    ),
    Planted(
        "shown-before-fsync",
        "`durable`: readers are shown what is not on the disk yet",
        "broker_local.broker.on_fetch:readable_end",
        _to_the_end,
        workload=CLIENTS,
        faults=("power cut", "power cut of the broker", "slow disk"),
    ),
    Planted(
        "sequences-not-looked-at",
        "a batch that is sent again is stored again",
        "broker_local.log.producers:Producers.check",
        _never_stored_before,
        workload=CLIENTS,
    ),
    Planted(
        "producers-forgotten-at-a-start",
        "after a start nobody knows which batches are stored",
        "broker_local.log.recovery:_writers",
        _no_producers,
        workload=CLIENTS,
        faults=("kill broker", "restart broker", "slow network"),
    ),
    Planted(
        "another-boot-not-noticed",
        "after a power cut each log keeps what happens to be there",
        "broker_local.log.recovery_point:read",
        _same_boot,
        faults=("power cut", "slow disk"),
    ),
    Planted(
        "recovery-point-not-moved-on",
        "what is on the disk is cut off after a power cut, since the recovery point stays where it was",
        "broker_local.log.log_manager:Flush.run",
        _never_moved_on,
        workload=CLIENTS,
        faults=("power cut",),
    ),
    Planted(
        "only-logs-are-synced",
        "directories and what lies beside the logs are not fsynced",
        "broker_local.log.partition:Partition.take_unsynced",
        _only_logs,
    ),
    Planted(
        "half-a-flush",
        "half of the files of a flush are not fsynced, and count as they were",
        "broker_local.log.log_manager:Flush.run",
        _half_of_them,
    ),
    Planted(
        "coordinators-answer-early",
        "`durable`: positions count as committed before their record is on the disk",
        "broker_local.coordinator.coordinator:Coordinator.answer",
        _before_it_is_durable,
        workload=CLIENTS,
        faults=("power cut", "power cut of the broker", "slow disk"),
    ),
    Planted(
        "no-stamp",
        "what a member sends is stored though it was put out",
        "broker_local.broker.on_records:fenced_member",
        nothing,
        guarantee=AT_LEAST_ONCE,
        faults=("freeze process", "slow network"),
    ),
    Planted(
        "positions-forgotten-at-a-start",
        "of the records of a group's positions some are not read back",
        "broker_local.broker.broker:replay",
        _forgotten,
    ),
    Planted(
        "one-record-too-many-deleted",
        "records are deleted up to and with the position that is given",
        "broker_local.log.partition:Partition.delete_records",
        _all_marked_gone,
        faults=("slow functions", "freeze process", "join"),
    ),
)

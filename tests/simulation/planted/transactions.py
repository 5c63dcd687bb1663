"""Bugs of the transactions: of their coordinator, of the logs, of the clients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from broker_local.coordinator.transaction_state import ProducerIdentity
from broker_local.log.transactions import Transactions
from streams.clients.api import Isolation
from tests.simulation.planted import Planted, Thing
from tests.simulation.simulation import CLIENTS


def _same(original: Thing) -> Thing:
    return lambda producer, fresh: producer


def none(original: Thing) -> Thing:
    return lambda *given, **named: []


def _without_bump(original: Thing) -> Thing:
    def abort(transaction: Any, state: Any) -> Any:
        return [
            replace(each, body=replace(each.body, state=replace(each.body.state, following=state.producer)))
            if getattr(getattr(each, "body", None), "state", None) is not None
            else each
            for each in original(transaction, state)
        ]

    return abort


def _not_fenced(original: Thing) -> Thing:
    def initialised(before: Any, waiting: Any, at: int) -> Any:
        made = original(before, waiting, at)
        return made if before is None else replace(made, producer=before.producer)

    return initialised


def _end(original: Thing) -> Thing:
    return property(lambda self: self.end)


def _aborted_forgotten(original: Thing) -> Thing:
    def load(cls: Any, content: Any) -> Transactions:
        found: Transactions = original.__func__(cls, content)
        found.aborted.clear()
        return found

    return classmethod(load)


def _aborted_shown(original: Thing) -> Thing:
    return lambda self, start, end: {}


def _first_only(original: Thing) -> Thing:
    return lambda transaction: original(transaction)[:1]


def _always_commits(original: Thing) -> Thing:
    return lambda transaction: [replace(each, commit=True) for each in original(transaction)]


def _without_offsets(original: Thing) -> Thing:
    def prepare(transaction: Any, state: Any, after: ProducerIdentity, how: str) -> Any:
        return original(transaction, replace(state, offsets=()), after, how)

    return prepare


def _prepared_at_once(original: Thing) -> Thing:
    """What is not on the disk yet counts as it were, where an end goes on."""

    def advance(broker: Any, at: Any) -> None:
        for name in broker.ending:
            broker.ending[name] = 0
        original(broker, at)

    return advance


def _any_identity(original: Thing) -> Thing:
    def refused(transaction: Any, producer: Any) -> Any:
        state = transaction.state
        return None if state is not None and producer != state.producer else original(transaction, producer)

    return refused


def _uncommitted(original: Thing) -> Thing:
    def init(self: Any, connection: Any, isolation: Isolation, settings: Any) -> None:
        original(self, connection, Isolation.READ_UNCOMMITTED, settings)

    return init


BUGS = (
    Planted(
        "no-epoch-bump-at-an-end",
        "the next transaction has the identity of the one before: what comes late gets into it",
        "broker_local.coordinator.transaction:following",
        _same,
        workload=CLIENTS,
    ),
    Planted(
        "no-epoch-bump-at-an-abort",
        "the coordinator aborts a transaction, and its producer goes on under the same identity",
        "broker_local.coordinator.transaction:_abort",
        _without_bump,
        workload=CLIENTS,
        faults=("freeze process", "slow network", "cut connections", "freeze broker"),
    ),
    Planted(
        "no-fencing-at-an-init",
        "whoever asks to be the producer of an id gets the identity that another one has",
        "broker_local.coordinator.transaction:_initialised",
        _not_fenced,
        workload=CLIENTS,
    ),
    Planted(
        "no-abort-at-eviction",
        "a member is put out, and its transaction stays open",
        "broker_local.coordinator.transaction:member_out",
        none,
        faults=("freeze process", "slow network", "join"),
    ),
    Planted(
        "fenced-producers-write-on",
        "an identity that is over may still write and end",
        "broker_local.coordinator.transaction:_refused",
        _any_identity,
        workload=CLIENTS,
    ),
    Planted(
        "last-stable-offset-is-the-end",
        "readers of committed records are shown those of open transactions",
        "broker_local.log.partition:Partition.last_stable_offset",
        _end,
        workload=CLIENTS,
    ),
    Planted(
        "aborted-ranges-not-looked-at",
        "readers of committed records are shown those of aborted transactions",
        "broker_local.log.transactions:Transactions.between",
        _aborted_shown,
        workload=CLIENTS,
    ),
    Planted(
        "aborted-ranges-lost-at-a-start",
        "the snapshot forgets which transactions were aborted",
        "broker_local.log.transactions:Transactions.load",
        _aborted_forgotten,
        workload=CLIENTS,
        faults=("kill broker", "restart broker", "kill process"),
    ),
    Planted(
        "one-marker-only",
        "of the partitions of a transaction one is told how it has ended",
        "broker_local.coordinator.transaction:on_prepared",
        _first_only,
        workload=CLIENTS,
    ),
    Planted(
        "markers-say-commit",
        "what is aborted has markers of a commit",
        "broker_local.coordinator.transaction:on_prepared",
        _always_commits,
        workload=CLIENTS,
    ),
    Planted(
        "positions-not-in-the-end",
        "a transaction is committed without its positions",
        "broker_local.coordinator.transaction:_prepare",
        _without_offsets,
        workload=CLIENTS,
    ),
    Planted(
        "markers-before-the-decision-is-durable",
        "`durable`: a marker is written before what was decided is on the disk (trap 4)",
        "broker_local.broker.on_transactions:advance",
        _prepared_at_once,
        workload=CLIENTS,
        faults=("power cut", "power cut of the broker", "slow disk"),
    ),
    Planted(
        "isolation-ignored",
        "readers are shown everything, whatever they asked for (trap 3)",
        "streams.clients.local.reader:LocalReader.__init__",
        _uncommitted,
    ),
)

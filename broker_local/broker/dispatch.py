"""Which function answers which request, and what the broker does as time passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.base.files import Files
from broker_local.base.limits import LOG_FILES
from broker_local.base.world import SYSTEM
from broker_local.broker import on_fetch, on_groups, on_records, on_topics, on_transactions
from broker_local.broker.broker import TICK_MS, Broker, BrokerSettings, Peer
from broker_local.broker.waits import SYNCED, Answer, Instant, Later, Steps, end_key
from broker_local.log.log_manager import Compactor, Flush, LogManager
from broker_local.protocol.requests import groups, records, topics, transactions
from broker_local.protocol.requests.request import Failure, Reply

Q = TypeVar("Q")
Handler = Callable[[Broker, Peer, Q, Instant], Answer]


def _answers(kind: type[Q], handler: Handler[Q]) -> tuple[type, Handler[object]]:
    """A row of the table: who answers requests of this kind."""

    def handle(broker: Broker, peer: Peer, request: object, at: Instant) -> Answer:
        assert isinstance(request, kind)
        return handler(broker, peer, request, at)

    return kind, handle


HANDLERS: Mapping[type, Handler[object]] = dict(
    (
        _answers(topics.Metadata, on_topics.metadata),
        _answers(topics.TopicCreate, on_topics.topic_create),
        _answers(topics.TopicDelete, on_topics.topic_delete),
        _answers(topics.TopicAlter, on_topics.topic_alter),
        _answers(topics.PartitionsAdd, on_topics.partitions_add),
        _answers(topics.TopicConfigs, on_topics.topic_configs),
        _answers(records.Produce, on_records.produce),
        _answers(records.Fetch, on_fetch.fetch),
        _answers(records.ListOffsets, on_records.list_offsets),
        _answers(records.DeleteRecords, on_records.delete_records),
        _answers(transactions.ProducerId, on_transactions.producer_id),
        _answers(transactions.InitTransactions, on_transactions.init),
        _answers(transactions.TransactionOffsets, on_transactions.offsets),
        _answers(transactions.EndTransaction, on_transactions.end),
        _answers(transactions.ListTransactions, on_transactions.list_transactions),
        _answers(transactions.DescribeTransactions, on_transactions.describe),
        _answers(transactions.AbortTransaction, on_transactions.abort),
        _answers(groups.Join, on_groups.join),
        _answers(groups.Sync, on_groups.sync),
        _answers(groups.Heartbeat, on_groups.heartbeat),
        _answers(groups.Leave, on_groups.leave),
        _answers(groups.Commit, on_groups.commit),
        _answers(groups.Committed, on_groups.committed),
        _answers(groups.Groups, on_groups.list_groups),
        _answers(groups.GroupDescribe, on_groups.group_describe),
        _answers(groups.GroupDelete, on_groups.group_delete),
        _answers(groups.OffsetsDelete, on_groups.offsets_delete),
    )
)


PUT_OUT = frozenset((groups.Join, groups.Leave))
"""Requests that may put members out of their group."""


def open_broker(
    files: Files,
    settings: BrokerSettings,
    at: Instant,
    new_ids: Callable[[], str] = SYSTEM.new_id,
    compactor: Compactor | None = None,
    open_files: int = LOG_FILES,
) -> Broker:
    """Opens a data directory: its logs are recovered, and its groups are as they were.

    Raises:
        faults.StorageFailure: something on disk is not what was written, or the broker stopped for that before.
        Refusal: a newer broker wrote the directory.
    """
    logs = LogManager(
        files,
        at.at,
        durability=settings.durability,
        new_id=new_ids,
        compactor=compactor,
        open_files=open_files,
        defaults=settings.topics,
        upkeep=settings.upkeep,
    )
    broker = Broker(logs, settings, new_ids)
    broker.log.load()
    broker.groups.resume(at.now)
    on_transactions.resume(broker, at)
    broker.next_expiry = at.now + settings.offsets_check_ms
    return broker


def handle(broker: Broker, peer: Peer, request: object, at: Instant) -> Answer:
    """What comes of a request: its reply, a `Later`, or None where none is due.

    Raises:
        faults.StorageFailure: the disk failed, or holds what was never written.
    """
    handler = HANDLERS.get(type(request))
    if handler is None:
        return Failure(ErrorCode.INVALID_REQUEST, f"{type(request).__name__} is no request")
    try:
        answer = handler(broker, peer, request, at)
        if type(request) in PUT_OUT:
            _members_gone(broker, at)
        return answer
    except Refusal as refused:
        return Failure(refused.code, refused.message)


def _members_gone(broker: Broker, at: Instant) -> None:
    """Members may be out: their transactions end before anybody is told what they had."""
    on_transactions.heed_groups(broker, at)
    on_transactions.advance(broker, at)


def advance(work: Steps, enough: Callable[[], bool]) -> Answer:
    """Goes on with work; what comes of it, or the work itself once `enough` says so."""
    try:
        while True:
            next(work.run)
            if enough():
                return work
    except StopIteration as end:
        found: Answer = end.value
        return found
    except Refusal as refused:
        return Failure(refused.code, refused.message)


def complete(answer: Answer) -> Reply | Later | None:
    """The answer, with all work that it takes done at once: for who keeps nobody waiting."""
    while isinstance(answer, Steps):
        answer = advance(answer, lambda: False)
    return answer


def ask_again(later: Later, at: Instant) -> Answer:
    """What comes of a request that was woken, or is due."""
    try:
        return later.again(at)
    except Refusal as refused:
        return Failure(refused.code, refused.message)


def peer_gone(broker: Broker, peer: int, at: Instant) -> None:
    """A connection closed: its requests are forgotten, its dynamic members are out."""
    broker.groups.peer_gone(peer, at.now, at.at)
    broker.transactions.peer_gone(peer, at.now, at.at)
    _members_gone(broker, at)


def turn(broker: Broker, at: Instant) -> None:
    """Does what is due: deadlines of groups, expiry of offsets, retention and compaction.

    Raises:
        faults.StorageFailure: the disk failed.
    """
    due = broker.groups.next_due()
    if due is not None and due <= at.now:
        broker.groups.on_time(at.now, at.at)
        broker.unheeded = True
    on_transactions.on_time(broker, at)
    broker.logs.sweep()
    if at.now >= broker.next_tick:
        upkeep = broker.settings.upkeep
        broker.next_tick = at.now + min(TICK_MS, upkeep.retention_check_ms, upkeep.compaction_check_ms)
        with suppress(Refusal):  # no space to note what goes: the next round tries again
            broker.logs.tick(at.at)
    if at.now >= broker.next_expiry:
        broker.next_expiry = at.now + broker.settings.offsets_check_ms
        on_groups.expire(broker, at)
        on_transactions.expire(broker, at)


def next_due(broker: Broker, flushing: bool = False) -> int:
    """When `turn` or `due_flush` has something to do next (ms); `flushing`: one is on, no other can begin."""
    if broker.logs.sweeping or broker.synced or (broker.logs.checking and not flushing):
        return 0
    due = broker.next_tick
    if broker.logs.dirty and not broker.durable and not flushing:
        due = min(due, broker.next_flush)
    deadlines = (broker.groups.next_due(), broker.transactions.next_due())
    return min(due, broker.next_expiry, *(each for each in deadlines if each is not None))


def due_flush(broker: Broker, at: Instant) -> Flush | None:
    """What is to be made durable now: under `durable` whatever is not, else once an interval. One at a time.
    """
    logs = broker.logs
    if not logs.checking and (not logs.dirty or (not broker.durable and at.now < broker.next_flush)):
        return None
    if not logs.checkpoint():
        return None
    broker.next_flush = at.now + broker.settings.flush_interval_ms
    return logs.begin_flush()


def flushed(broker: Broker, flush: Flush) -> None:
    """It is durable now: whoever waited for that goes on, and may read it."""
    broker.logs.end_flush(flush)
    if broker.purges:
        on_records.purge(broker)
    if broker.durable:
        broker.synced = bool(broker.ending)
        broker.wake(SYNCED)
        for partition, _ in flush.ends:
            broker.wake(end_key(partition.topic.name, partition.number))

"""The transaction coordinator for one transactional id, as Kafka means it (KIP-98, KIP-890): pure.

Events come in with the time; effects come out, in order: records to be appended to the coordinators' log, markers to be
appended to the logs of partitions, and replies. What lasts is changed by `replay` alone, also while running.

    Empty --first write--> Ongoing --end--> PrepareCommit --markers are written--> CompleteCommit --+
      ^                     ^   |                                                                   |
      |                     |   +--end, timeout, its connection or its member is gone, init-->      |
      |                     |          PrepareAbort --markers are written--> CompleteAbort ---------+
      +--init---------------+------------------------first write, init------------------------------+

An end has three steps, each of which rests on the one before: `on_end` (and whatever else ends a transaction) decides,
`on_prepared` writes the markers once the decision is as safe as the broker promises, `on_marked` completes it once the
markers are. Whoever carries that out may die between any two: the states say how to go on.

Every end raises the epoch, so that (producer id, epoch) names one transaction and nothing that is late can get into the
next. Who was fenced by an init cannot come back; who was fenced by the coordinator itself may, by an init with the
identity it had, as long as nobody came in between (KIP-360).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from broker_local.base.error_codes import ErrorCode
from broker_local.coordinator.coordinator import Rules
from broker_local.coordinator.effects import Call, Effect, Marker, Record, Reply
from broker_local.coordinator.group_state import OffsetRecord
from broker_local.coordinator.offsets import CommittedOffset, PartitionKey
from broker_local.coordinator.transaction_state import (
    ABORTED,
    COMMITTED,
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    EMPTY,
    FENCED,
    IDLE,
    NEXT,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    PREPARED,
    RENEWED,
    Ended,
    PendingOffset,
    ProducerIdentity,
    Transaction,
    TransactionRecord,
    TransactionState,
    Waiting,
    following,
)
from broker_local.protocol.requests import transactions as wire
from broker_local.protocol.requests.groups import Part, PartResult
from broker_local.protocol.requests.records import GroupMember
from broker_local.protocol.requests.request import Failure

RETRY_MS = 1_000


# Events ------------------------------------------------------------------------------------------


def on_init(
    transaction: Transaction, call: Call, request: wire.InitTransactions, fresh: int, near: bool = True
) -> list[Effect]:
    """A producer asks to be the one of this id. What goes on is aborted first; the answer waits for that.

    Args:
        transaction: the transactional id.
        call: where the request comes from.
        request: what it asks.
        fresh: a producer id that nobody has; used where the id is new, or its epochs are used up.
        near: it is on this machine.
    """
    most = transaction.settings.max_timeout_ms
    if not 0 < request.timeout_ms <= most:
        text = f"transaction.timeout.ms {request.timeout_ms} is not within 1 and {most}, the broker's bound"
        return _fail(call.to, ErrorCode.INVALID_TRANSACTION_TIMEOUT, f"{text} (transaction.max.timeout.ms)")
    state = transaction.state
    asked = ProducerIdentity(request.producer_id, request.epoch)
    goes_on = request.producer_id >= 0
    if goes_on:
        if state is None:
            return [Reply(call.to, _unknown(transaction.name))]
        if not _may_renew(state, asked):
            return [Reply(call.to, _fenced(transaction.name, state, asked))]
        if asked != state.producer and state.ended is not None and state.ended.how == RENEWED:
            _heard(transaction, call.peer)  # the answer to this very request was lost
            return [Reply(call.to, wire.ProducerIdReply(*state.producer))]
    _heard(transaction, call.peer)
    kept = asked if goes_on else None
    waiting = Waiting(call.to, call.peer, call.client, request.timeout_ms, request.member, fresh, near, kept)
    if state is not None and state.state == ONGOING:
        transaction.inits.append(waiting)
        return _abort(transaction, state)
    if state is not None and state.state in PREPARED:
        transaction.inits.append(waiting)
        return []
    made = _initialised(state, waiting, call.at)
    return [Record(_record(transaction, state, made)), Reply(call.to, wire.ProducerIdReply(*made.producer))]


def on_partition(
    transaction: Transaction,
    peer: int,
    now: int,
    at: int,
    producer: ProducerIdentity,
    partitions: Sequence[PartitionKey],
    member: GroupMember | None = None,
) -> Failure | list[Effect]:
    """A batch is about to be written: its partitions belong to the transaction from the first one on, which begins it.
    `member` is the stamp of its request: in whose name it writes.

    Returns:
        Why it may not be written, or the records that have to be in the log before it is.
    """
    wrong = _refused(transaction, producer)
    if wrong is not None:
        return wrong
    state = transaction.state
    assert state is not None
    _heard(transaction, peer)
    same = member is None or member == state.member
    if state.state == ONGOING and same and all(each in state.partitions for each in partitions):
        return []
    joined = {*state.partitions, *partitions} if state.state == ONGOING else {*partitions}
    made = _ongoing(transaction, state, now, at, partitions=tuple(sorted(joined)))
    return [Record(_record(transaction, state, made if same else replace(made, member=member)))]


def on_offsets(transaction: Transaction, call: Call, request: wire.TransactionOffsets) -> list[Effect]:
    """Positions are to be committed with the transaction. Whether their sender may commit for the group is looked at
    by whoever asks."""
    wrong = _refused(transaction, ProducerIdentity(request.producer_id, request.epoch))
    if wrong is not None:
        return [Reply(call.to, wrong)]
    state = transaction.state
    assert state is not None
    _heard(transaction, call.peer)
    member = GroupMember(request.group, request.member_id, request.instance_id)
    pending = {
        (each.member.group, each.topic, each.partition): each
        for each in (state.offsets if state.state == ONGOING else ())
    }
    results: list[PartResult] = []
    for part in request.offsets:
        error = ErrorCode.NONE
        if len(part.metadata) > transaction.settings.max_metadata:
            error = ErrorCode.OFFSET_METADATA_TOO_LARGE
        else:
            committed = CommittedOffset(part.offset, part.metadata, part.log_epoch, call.at)
            found = PendingOffset(part.topic, part.partition, committed, member, request.generation)
            pending[request.group, part.topic, part.partition] = found
        results.append(PartResult(part.topic, part.partition, error))
    made = _ongoing(transaction, state, call.now, call.at, offsets=tuple(pending.values()))
    if state.state != ONGOING and request.member_id:  # in whose name it wrote before may be out
        made = replace(made, member=member)
    reply = Reply(call.to, wire.TransactionOffsetsReply(tuple(results)))
    return [Record(_record(transaction, state, made)), reply] if pending else [reply]


def on_end(transaction: Transaction, call: Call, request: wire.EndTransaction, fresh: int) -> list[Effect]:
    """The producer commits or aborts. The same asked again is answered again.

    What the transaction's offsets were becomes committed in the batch of the log that says PrepareCommit: it is there
    whole or not at all.
    """
    state = transaction.state
    if state is None:
        return [Reply(call.to, _unknown(transaction.name))]
    producer = ProducerIdentity(request.producer_id, request.epoch)
    how = COMMITTED if request.commit else ABORTED
    if state.state in PREPARED and producer == state.producer:
        if state.how != how:
            return _fail(call.to, *_otherwise(transaction.name, state.how, request.commit))
        _heard(transaction, call.peer)
        transaction.ends.append(call.to)
        return []
    before = state.ended
    if before is not None and producer == before.producer and before.how in (COMMITTED, ABORTED):
        if before.how != how:
            return _fail(call.to, *_otherwise(transaction.name, before.how, request.commit))
        _heard(transaction, call.peer)
        return [Reply(call.to, wire.ProducerIdReply(*(state.producer)))]
    wrong = _refused(transaction, producer)
    if wrong is not None:
        return [Reply(call.to, wrong)]
    _heard(transaction, call.peer)
    after = following(producer, fresh)
    if state.state == ONGOING:
        transaction.ends.append(call.to)
        return _prepare(transaction, state, after, how)
    made = replace(
        state,
        state=COMPLETE_COMMIT if request.commit else COMPLETE_ABORT,
        producer=after,
        since=call.at,
        ended=Ended(producer, how),
    )
    return [Record(_record(transaction, state, made)), Reply(call.to, wire.ProducerIdReply(*after))]


def on_abort(transaction: Transaction, call: Call) -> list[Effect]:
    """A tool ends what goes on; its producer is fenced."""
    state = transaction.state
    if state is None:
        return _fail(call.to, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, f"there is no transactional id {transaction.name}")
    if state.state in IDLE:
        text = f"nothing goes on under transactional id {transaction.name}: it is {state.state}"
        return _fail(call.to, ErrorCode.INVALID_TXN_STATE, text)
    transaction.ends.append(call.to)
    if state.state in PREPARED:
        return []
    return _abort(transaction, state)


def on_prepared(transaction: Transaction) -> list[Effect]:
    """What was decided is safe: every partition is told. Where that was done before, it is done again without harm."""
    state = transaction.state
    assert state is not None and state.state in PREPARED
    transaction.marked = True
    commit = state.state == PREPARE_COMMIT
    return [Marker(topic, partition, *state.producer, commit) for topic, partition in state.partitions]


def on_marked(transaction: Transaction, at: int) -> list[Effect]:
    """Every partition knows it: the transaction is over, and who waits for that is answered."""
    state = transaction.state
    assert state is not None and state.state in PREPARED and state.following is not None
    made = replace(
        state,
        state=COMPLETE_COMMIT if state.state == PREPARE_COMMIT else COMPLETE_ABORT,
        producer=state.following,
        since=at,
        partitions=(),
        offsets=(),
        following=None,
        how="",
        ended=Ended(state.producer, state.how),
    )
    effects: list[Effect] = [Record(_record(transaction, state, made))]
    effects += [Reply(ticket, wire.ProducerIdReply(*made.producer)) for ticket in transaction.ends]
    for waiting in transaction.inits:
        if waiting.kept is not None and not _may_renew(made, waiting.kept):  # another one came in between
            effects.append(Reply(waiting.ticket, _fenced(transaction.name, made, waiting.kept)))
            continue
        state, made = made, _initialised(made, waiting, at)
        effects.append(Record(_record(transaction, state, made)))
        effects.append(Reply(waiting.ticket, wire.ProducerIdReply(*made.producer)))
        transaction.peer = waiting.peer
    transaction.ends.clear()
    transaction.inits.clear()
    transaction.deadline = transaction.lonely = transaction.retry = None
    return effects


def member_out(transaction: Transaction) -> list[Effect]:
    """Its member was put out of its group: whoever gets its partitions may not wait for what it has begun."""
    state = transaction.state
    return [] if state is None or state.state != ONGOING else _abort(transaction, state)


def peer_gone(transaction: Transaction, peer: int, now: int, at: int) -> list[Effect]:
    """A connection closed: its producer has a moment to come back by another one."""
    if transaction.peer == peer:
        transaction.peer = None
        if transaction.state is not None and transaction.state.state == ONGOING:
            transaction.lonely = now + transaction.settings.patience_ms
    return []


def on_time(transaction: Transaction, now: int, at: int) -> list[Effect]:
    """Deadlines that have passed: the transaction's time, and the moment for a producer to come back."""
    state = transaction.state
    if state is None or state.state != ONGOING:
        transaction.deadline = transaction.lonely = None
        if transaction.retry is not None and transaction.retry <= now:
            transaction.retry = None
        return []
    due = [each for each in (transaction.deadline, transaction.lonely) if each is not None]
    if not due or min(due) > now:
        return []
    return _abort(transaction, state)


def next_due(transaction: Transaction) -> int | None:
    """When `on_time` has something to do next; None: never."""
    due = [each for each in (transaction.deadline, transaction.lonely, transaction.retry) if each is not None]
    return min(due, default=None)


def resume(transaction: Transaction, now: int) -> None:
    """After all records of the log were replayed: its time begins anew. All connections were lost with the broker
    before; a producer of this machine has a while to be heard of, unless members tell that it lives."""
    state = transaction.state
    if state is not None and state.state == ONGOING:
        transaction.deadline = now + state.timeout_ms
        if state.near and not state.members:
            transaction.lonely = now + transaction.settings.grace_ms


def not_recorded(transaction: Transaction, failed: Failure, now: int) -> list[Reply]:
    """A log took no more: what would have been has not happened, and who waits is told, to ask again. What is decided
    stays decided, and is tried again."""
    state = transaction.state
    if state is None or state.state != ONGOING:
        transaction.deadline = transaction.lonely = None
    if state is not None and state.state in PREPARED:
        transaction.marked = False
        transaction.retry = now + RETRY_MS
    tickets = [*transaction.ends, *(waiting.ticket for waiting in transaction.inits)]
    transaction.ends.clear()
    transaction.inits.clear()
    return [Reply(ticket, failed) for ticket in tickets]


def on_expiry(transaction: Transaction, at: int) -> list[Effect]:
    """Forgets an id under which nothing has happened for long."""
    state = transaction.state
    if state is None or state.state not in IDLE or at - state.since < transaction.settings.retention_ms:
        return []
    return [Record(TransactionRecord(transaction.name, None))]


def row(transaction: Transaction) -> wire.TransactionRow:
    """The id as tools list it."""
    state = transaction.state
    assert state is not None
    return wire.TransactionRow(transaction.name, state.state, *state.producer, _since(state), state.client)


def describe(transaction: Transaction) -> wire.DescribedTransaction:
    """The id as tools show it."""
    state = transaction.state
    assert state is not None
    return wire.DescribedTransaction(
        transaction.name,
        ErrorCode.NONE,
        state.state,
        *state.producer,
        state.timeout_ms,
        _since(state),
        state.client,
        transaction.peer is not None,
        state.member,
        tuple(Part(topic, partition) for topic, partition in state.partitions),
        tuple(dict.fromkeys(pending.member.group for pending in state.offsets)),
    )


def _since(state: TransactionState) -> int:
    """When the transaction that goes on began; -1 where none does."""
    return -1 if state.state in IDLE else state.since


# Steps -------------------------------------------------------------------------------------------


def _record(transaction: Transaction, before: TransactionState | None, after: TransactionState) -> TransactionRecord:
    assert before is None or after.state in NEXT[before.state], f"{before.state} to {after.state}"
    return TransactionRecord(transaction.name, after)


def _initialised(before: TransactionState | None, waiting: Waiting, at: int) -> TransactionState:
    """The state after an init. Who asked by the identity it had may ask again, if the answer is lost."""
    if before is None:
        producer = ProducerIdentity(waiting.fresh, 0)
    else:
        producer = following(before.producer, waiting.fresh)
    ended = None if waiting.kept is None else Ended(waiting.kept, RENEWED)
    timeout, client, member = waiting.timeout_ms, waiting.client, waiting.member
    return TransactionState(EMPTY, producer, timeout, at, client, member, ended=ended, near=waiting.near)


def _ongoing(
    transaction: Transaction,
    state: TransactionState,
    now: int,
    at: int,
    *,
    partitions: tuple[PartitionKey, ...] | None = None,
    offsets: tuple[PendingOffset, ...] | None = None,
) -> TransactionState:
    begins = state.state != ONGOING
    if begins:
        transaction.deadline = now + state.timeout_ms
    return replace(
        state,
        state=ONGOING,
        since=at if begins else state.since,
        partitions=state.partitions if partitions is None else partitions,
        offsets=state.offsets if offsets is None else offsets,
    )


def _prepare(transaction: Transaction, state: TransactionState, after: ProducerIdentity, how: str) -> list[Effect]:
    """Decides. From here on there is no other outcome."""
    commit = how == COMMITTED
    prepared = replace(state, state=PREPARE_COMMIT if commit else PREPARE_ABORT, following=after, how=how)
    effects: list[Effect] = []
    if commit:
        # Invariant: these go into one batch with the record that decides; whoever appends keeps them together.
        effects += [
            Record(OffsetRecord(each.member.group, each.topic, each.partition, each.committed))
            for each in state.offsets
        ]
    effects.append(Record(_record(transaction, state, prepared)))
    return effects


def _abort(transaction: Transaction, state: TransactionState) -> list[Effect]:
    """The coordinator ends it; its producer is fenced. The epoch above the last needs no other producer id."""
    producer = ProducerIdentity(state.producer.producer_id, state.producer.epoch + 1)
    return _prepare(transaction, state, producer, FENCED)


def _heard(transaction: Transaction, peer: int) -> None:
    """Its producer lives, and this is its connection."""
    transaction.peer = peer
    transaction.lonely = None


# Checks ------------------------------------------------------------------------------------------


def _refused(transaction: Transaction, producer: ProducerIdentity) -> Failure | None:
    """Why nothing may be written, or ended, under this identity."""
    state = transaction.state
    if state is None:
        return _unknown(transaction.name)
    if producer != state.producer:
        return _fenced(transaction.name, state, producer)
    if state.state in PREPARED:
        text = f"the transaction of {transaction.name} is being ended"
        return Failure(ErrorCode.CONCURRENT_TRANSACTIONS, f"{text}: write under the identity its end answers with")
    return None


def _may_renew(state: TransactionState, asked: ProducerIdentity) -> bool:
    """Has nobody come in between since this one was given its identity?"""
    if asked == state.producer:
        return True
    return state.state in IDLE and state.ended is not None and asked == state.ended.producer


def _unknown(name: str) -> Failure:
    text = f"nobody has initialised transactional id {name}, or its last use was too long ago"
    return Failure(ErrorCode.INVALID_PRODUCER_ID_MAPPING, f"{text}: call init_transactions first")


def _fenced(name: str, state: TransactionState, asked: ProducerIdentity) -> Failure:
    before = state.ended
    if before is not None and before.producer == asked and before.how in (COMMITTED, ABORTED):
        text = f"the transaction {asked.producer_id}/{asked.epoch} of {name} was {before.how}"
        return Failure(ErrorCode.INVALID_TXN_STATE, f"{text}: nothing more belongs to it")
    if before is not None and before.producer == asked and before.how == FENCED:
        text = f"the broker has aborted the transaction of {name}: its time was up, its connection or its membership"
        return Failure(ErrorCode.PRODUCER_FENCED, f"{text} was lost, or a tool asked for it")
    if asked.producer_id == state.producer.producer_id and asked.epoch > state.producer.epoch:
        text = f"{name} has epoch {state.producer.epoch}; epoch {asked.epoch} was never given out"
        return Failure(ErrorCode.INVALID_PRODUCER_EPOCH, text)
    text = f"there is a newer producer with transactional id {name}"
    return Failure(ErrorCode.PRODUCER_FENCED, f"{text}: producer {asked.producer_id} epoch {asked.epoch} is over")


def _otherwise(name: str, how: str, commit: bool) -> tuple[ErrorCode, str]:
    if how == FENCED:
        return ErrorCode.PRODUCER_FENCED, f"the broker is aborting the transaction of {name}"
    asked = "committed" if commit else "aborted"
    return ErrorCode.INVALID_TXN_STATE, f"the transaction of {name} was {how}: it cannot be {asked}"


def _fail(to: int, error: ErrorCode, message: str) -> list[Effect]:
    return [Reply(to, Failure(error, message))]


def _blank(transaction: Transaction) -> bool:
    """Is there nothing of it? It came to be by a request that came to nothing."""
    return transaction.state is None


RULES = Rules(resume, next_due, on_time, peer_gone, not_recorded, _blank)

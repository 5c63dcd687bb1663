"""Producer ids and transactions: requests to their coordinator, what tools ask, and how an end is carried through.

    decided (a record) -> on the disk -> markers in the logs -> on the disk -> over (a record) -> answered

With `process` nothing is waited for: all logs go back to one point after a power cut. With `durable` each keeps what it
has, so that every arrow is a wait: a marker whose decision is lost would commit one half of a transaction, of which the
coordinator would abort the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from broker_local.base import names
from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.broker.broker import Broker, Peer, answered
from broker_local.broker.on_groups import fenced_member, too_many_offsets
from broker_local.broker.waits import Answer, Instant, end_key
from broker_local.coordinator import transaction as machine
from broker_local.coordinator.effects import Call, Effect
from broker_local.coordinator.group import may_send_offsets
from broker_local.coordinator.group_state import Group
from broker_local.coordinator.offsets import PartitionKey
from broker_local.coordinator.records import ProducerIds
from broker_local.coordinator.transaction_state import (
    COMMITTED,
    PREPARED,
    ProducerIdentity,
    Transaction,
    exhausted,
)
from broker_local.log.format import TRANSACTIONAL, Header
from broker_local.log.partition import Partition
from broker_local.protocol.requests import transactions as wire
from broker_local.protocol.requests.records import GroupMember, Produce, ProducePart
from broker_local.protocol.requests.request import Failure

ID_BLOCK = 1000
"""Producer ids are taken from the log in blocks: what is left of one at a stop is never given out."""


def producer_id(broker: Broker, peer: Peer, request: wire.ProducerId, at: Instant) -> Answer:
    """An id that no producer of this directory ever had."""
    if request.transactional_id is not None:
        text = "a producer with a transactional.id asks for init_transactions"
        return Failure(ErrorCode.INVALID_REQUEST, text)
    return wire.ProducerIdReply(_fresh(broker, at), 0)


def _fresh(broker: Broker, at: Instant) -> int:
    if not broker.producer_ids:
        first = broker.producer_ids.stop
        broker.log.append([ProducerIds(first + ID_BLOCK)], at.at)
        broker.producer_ids = range(first, first + ID_BLOCK)
    given, broker.producer_ids = broker.producer_ids[0], broker.producer_ids[1:]
    return given


# Requests ----------------------------------------------------------------------------------------


def init(broker: Broker, peer: Peer, request: wire.InitTransactions, at: Instant) -> Answer:
    """See `transaction.on_init`."""
    name = request.transactional_id
    if not 0 < len(name) <= names.LONGEST:
        text = f"a transactional.id has 1 to {names.LONGEST} characters, not {len(name)}"
        return Failure(ErrorCode.INVALID_REQUEST, text)
    refused = fenced_member(broker, request.member)
    if refused is not None:
        return refused
    known = broker.transactions.subjects
    if name not in known and len(known) >= broker.settings.max_transactional_ids:
        text = f"there are {len(known)} transactional ids, as many as this broker keeps"
        return Failure(ErrorCode.POLICY_VIOLATION, text)
    fresh = _fresh(broker, at)
    return _ask(broker, peer, name, at, lambda t, c: machine.on_init(t, c, request, fresh, peer.near), make=True)


def offsets(broker: Broker, peer: Peer, request: wire.TransactionOffsets, at: Instant) -> Answer:
    """See `transaction.on_offsets`. Whether the sender may commit for the group is looked at here, once: should it be
    put out later, that ends its transaction."""
    wrong = names.problem(request.group)
    if wrong is not None:
        return Failure(ErrorCode.INVALID_GROUP_ID, f"Group id is invalid: {wrong}")
    group = broker.groups.subjects.get(request.group) or Group(request.group)
    member = GroupMember(request.group, request.member_id, request.instance_id)
    refused = may_send_offsets(group, member, request.generation)
    refused = refused or too_many_offsets(broker, request.group, request.offsets)
    if refused is not None:
        return refused
    name = request.transactional_id
    return _ask(broker, peer, name, at, lambda t, c: machine.on_offsets(t, c, request))


def end(broker: Broker, peer: Peer, request: wire.EndTransaction, at: Instant) -> Answer:
    """See `transaction.on_end`."""
    name = request.transactional_id
    known = broker.transactions.subjects.get(name)
    fresh = _fresh(broker, at) if known is not None and exhausted(known) else 0
    return _ask(broker, peer, name, at, lambda t, c: machine.on_end(t, c, request, fresh))


def abort(broker: Broker, peer: Peer, request: wire.AbortTransaction, at: Instant) -> Answer:
    """See `transaction.on_abort`."""
    return _ask(broker, peer, request.transactional_id, at, machine.on_abort)


def list_transactions(broker: Broker, peer: Peer, request: wire.ListTransactions, at: Instant) -> Answer:
    """All transactional ids, by name."""
    found = sorted(broker.transactions.subjects.items())
    return wire.ListTransactionsReply(tuple(machine.row(each) for _, each in found if each.state is not None))


def describe(broker: Broker, peer: Peer, request: wire.DescribeTransactions, at: Instant) -> Answer:
    """Transactional ids as tools show them."""
    rows = []
    names = list(request.ids)
    if request.partitions:
        names += _open_in(broker, {(part.topic, part.partition) for part in request.partitions})
    for name in dict.fromkeys(names):
        found = broker.transactions.subjects.get(name)
        if found is None or found.state is None:
            error = ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
            rows.append(wire.DescribedTransaction(name, error, "", -1, -1, 0, -1, "", False, None, (), ()))
        else:
            rows.append(machine.describe(found))
    return wire.DescribeTransactionsReply(tuple(rows))


def _open_in(broker: Broker, places: Set[PartitionKey]) -> list[str]:
    states = broker.open_transactions().items()
    return [name for name, state in states if not places.isdisjoint(state.partitions)]


def _ask(
    broker: Broker,
    peer: Peer,
    name: str,
    at: Instant,
    event: Callable[[Transaction, Call], list[Effect]],
    make: bool = False,
) -> Answer:
    """Hands a request to the coordinator, and goes on with what it has ended. `make`: the id comes to be by it."""
    known = broker.transactions.subjects
    transaction = known.get(name)
    if transaction is None:
        transaction = Transaction(name, broker.settings.transaction)
        if make:
            known[name] = transaction
    ticket = broker.transactions.ask(name, transaction, peer.id, peer.client, event, at.now, at.at)
    _bound(transaction, peer)
    advance(broker, at)
    return answered(broker, broker.transactions, ticket, at)


def _bound(transaction: Transaction, peer: Peer) -> None:
    """A transaction is bound to its connection only where a closed one says something of the process behind it."""
    if not peer.near:
        transaction.peer = None


# Batches -----------------------------------------------------------------------------------------


def joining(
    broker: Broker, peer: Peer, request: Produce, parts: Sequence[ProducePart], at: Instant
) -> Callable[[Header], None] | None:
    """What `Partition.append` asks before it writes a batch of a transaction; None where the request is of none.

    From the first batch on its partition belongs to the transaction, and the coordinators' log says so before the
    partition has the batch; of all these parts in one record. The coordinator looks at (id, epoch) of every batch:
    nothing that comes late gets into the next transaction.

    Args:
        broker: the broker.
        peer: the connection.
        request: what it asks.
        parts: of it, those that are appended in this step.
        at: the time.
    """
    name = request.transactional_id
    if name is None:
        return None
    places = [(part.topic, part.partition) for part in parts]
    joined: set[ProducerIdentity] = set()

    def begin(header: Header) -> None:
        if not header.flags & TRANSACTIONAL:
            text = f"a batch of transactional id {name} belongs to no transaction"
            raise Refusal(ErrorCode.INVALID_TXN_STATE, text)
        producer = ProducerIdentity(header.producer_id, header.epoch)
        if producer in joined:
            return
        transaction = broker.transactions.subjects.get(name) or Transaction(name)
        came = machine.on_partition(transaction, peer.id, at.now, at.at, producer, places, request.member)
        failed = came if isinstance(came, Failure) else _fenced(broker, transaction, request.member)
        if not isinstance(came, Failure) and failed is None:
            broker.transactions.heard(name, peer.id)
            _bound(transaction, peer)
            if came:
                failed = _carry_out(broker, transaction, came, at)
        if failed is not None:
            raise Refusal(ErrorCode(failed.error), failed.message)
        joined.add(producer)

    return begin


def _fenced(broker: Broker, transaction: Transaction, stamp: GroupMember | None) -> Failure | None:
    """Why nothing more may be written, without a stamp, under an id that writes in the name of a member."""
    state = transaction.state
    return None if state is None or stamp is not None else fenced_member(broker, state.member)


# How an end is carried through -------------------------------------------------------------------


def advance(broker: Broker, at: Instant) -> None:
    """Goes on with all that is being ended, as far as what it rests on is safe."""
    for name in list(broker.ending):
        transaction = broker.transactions.subjects[name]
        state = transaction.state
        assert state is not None
        if transaction.retry is not None:
            continue
        if not transaction.marked:
            if broker.durable and broker.log.durable_end < broker.ending[name]:
                continue
            if _carry_out(broker, transaction, machine.on_prepared(transaction), at) is not None:
                continue
            found = [_partition(broker, topic, number) for topic, number in state.partitions]
            broker.marked[name] = [(each, each.end) for each in found if each is not None]
        if broker.durable and not all(_on_disk(broker, *each) for each in broker.marked[name]):
            continue
        _carry_out(broker, transaction, machine.on_marked(transaction, at.at), at)


def _carry_out(broker: Broker, transaction: Transaction, effects: list[Effect], at: Instant) -> Failure | None:
    return broker.transactions.carry_out(transaction.name, transaction, effects, at.now, at.at)


def _partition(broker: Broker, topic: str, number: int) -> Partition | None:
    """A partition; None where its topic was deleted."""
    try:
        return broker.logs.partition(topic, number)
    except Refusal:
        return None


def _on_disk(broker: Broker, partition: Partition, end: int) -> bool:
    topic = broker.logs.topics.get(partition.topic.name)
    return partition.durable_end >= end or topic is None or topic.id != partition.topic.id


def heed_groups(broker: Broker, at: Instant) -> None:
    """After members may have been put out of groups: the transactions of those that were are aborted. That is before
    any plan of the next generation: who gets their partitions would else wait for what they have begun."""
    broker.unheeded = False
    for name in list(broker.ongoing):
        transaction = broker.transactions.subjects[name]
        state = transaction.state
        assert state is not None
        if any(fenced_member(broker, member) is not None for member in state.members):
            failed = _carry_out(broker, transaction, machine.member_out(transaction), at)
            broker.unheeded = broker.unheeded or failed is not None  # a full disk: each turn tries again


# Time and starts ---------------------------------------------------------------------------------


def on_time(broker: Broker, at: Instant) -> None:
    """Deadlines that have passed, and ends that can go on."""
    broker.synced = False
    if broker.unheeded:
        heed_groups(broker, at)
    due = broker.transactions.next_due()
    if due is not None and due <= at.now:
        broker.transactions.on_time(at.now, at.at)
    if broker.ending:
        advance(broker, at)
    if broker.unreconciled:
        _reconcile(broker, at)


def expire(broker: Broker, at: Instant) -> None:
    """Forgets transactional ids under which nothing has happened for long."""
    for transaction in list(broker.transactions.subjects.values()):
        effects = machine.on_expiry(transaction, at.at)
        if effects:
            _carry_out(broker, transaction, effects, at)


def resume(broker: Broker, at: Instant) -> None:
    """After a start: deadlines begin anew, and what was being ended goes on."""
    broker.transactions.resume(at.now)
    broker.unheeded = bool(broker.ongoing)  # it may have ended between a member's end and that of its transaction
    broker.unreconciled = [each for each in broker.logs.open_partitions if each.open_transactions]
    advance(broker, at)
    _reconcile(broker, at)


def _reconcile(broker: Broker, at: Instant) -> None:
    """Logs with transactions that their coordinator knows nothing of: what says so was lost in a power cut, under
    `durable`, before anything was acknowledged. Nobody else would ever end them."""
    pending, broker.unreconciled = broker.unreconciled, []
    for partition in pending:
        place = (partition.topic.name, partition.number)
        for producer in [ProducerIdentity(number, each.epoch) for number, each in partition.open_transactions.items()]:
            try:
                _known_or_ended(broker, partition, place, producer, at)
            except Refusal:  # a full disk: the next turn tries again
                broker.unreconciled.append(partition)
                break


def _known_or_ended(
    broker: Broker, partition: Partition, place: PartitionKey, producer: ProducerIdentity, at: Instant
) -> None:
    commit = False
    for transaction in broker.transactions.subjects.values():
        state = transaction.state
        if state is None:
            continue
        if state.producer == producer:
            if place in state.partitions:
                return
            if state.state not in PREPARED:
                # Its producer may still be there, and sends what was not acknowledged again: it is a duplicate then.
                made = machine.on_partition(transaction, -1, at.now, at.at, producer, (place,))
                assert not isinstance(made, Failure)
                transaction.peer = None
                failed = _carry_out(broker, transaction, made, at)
                if failed is not None:
                    raise Refusal(ErrorCode(failed.error), failed.message)
                machine.resume(transaction, at.now)
                _carry_out(broker, transaction, [], at)  # notes when it is due
                return
            commit = state.how == COMMITTED
        elif state.ended is not None and state.ended.producer == producer:
            commit = state.ended.how == COMMITTED
    partition.end_transaction(*producer, commit, at.at)
    broker.wake(end_key(*place))

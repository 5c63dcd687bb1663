"""The records of the group log, and the log itself: one compacted partition of the broker's own.

    key    msgpack [1, group]                      a group's state
    value  msgpack [2, generation, protocol type, protocol, leader, assigned, since,
                    [[member id, instance id | nil, client, session timeout, rebalance timeout,
                      [[protocol, metadata], ...], assignment, absent], ...]]
    key    msgpack [2, group, topic, partition]    a committed offset
    value  msgpack [1, offset, metadata, log epoch, at]
    key    msgpack [3]                             producer ids given out
    value  msgpack [1, the next id that nobody has]
    key    msgpack [4, transactional id]           a transactional id's state
    value  msgpack [1, state, producer, timeout, since, client, writer | nil, [[topic, [partition, ...]], ...],
                    [[sender, generation, [[topic, partition, offset, metadata, log epoch, at], ...]], ...],
                    following producer | nil, how, [producer, how] | nil, near]

A producer is [producer id, epoch]; writer and sender are [group, member id, instance id | nil]. The first element of a
key is the record's kind.

A value of nil (a tombstone) takes the key away. The first element of a value is its version; in version 1 of a
state the members have no `absent`. Replaying the log from its start gives all groups as they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgpack

from broker_local.coordinator.group_state import GroupRecord, GroupState, Member, OffsetRecord, StateRecord
from broker_local.coordinator.offsets import CommittedOffset, PartitionKey
from broker_local.coordinator.transaction_state import (
    NEXT,
    Ended,
    PendingOffset,
    ProducerIdentity,
    TransactionRecord,
    TransactionState,
)
from broker_local.protocol.requests.groups import JoinProtocol
from broker_local.protocol.requests.records import GroupMember

VERSION = 1
STATE_VERSION = 2
STATE, OFFSET, PRODUCER_IDS, TRANSACTION = 1, 2, 3, 4
KNOWN = {STATE: (1, STATE_VERSION), OFFSET: (VERSION,), PRODUCER_IDS: (VERSION,), TRANSACTION: (VERSION,)}


@dataclass(frozen=True, slots=True)
class ProducerIds:
    """All ids below `next_id` are given out."""

    next_id: int


LogRecord = GroupRecord | ProducerIds | TransactionRecord


class UnknownRecord(ValueError):
    """A record of the group log that this version cannot read."""


def pack(record: LogRecord) -> tuple[bytes, bytes | None]:
    """Key and value of a record."""
    if isinstance(record, ProducerIds):
        return _packed([PRODUCER_IDS]), _packed([VERSION, record.next_id])
    if isinstance(record, TransactionRecord):
        found_state = record.state
        key = _packed([TRANSACTION, record.transactional_id])
        return key, None if found_state is None else _packed(_transaction_row(found_state))
    if isinstance(record, StateRecord):
        state = record.state
        return _packed([STATE, record.group]), None if state is None else _packed(_state_row(state))
    key = _packed([OFFSET, record.group, record.topic, record.partition])
    found = record.committed
    if found is None:
        return key, None
    return key, _packed([VERSION, found.offset, found.metadata, found.log_epoch, found.at])


def unpack(key: bytes | None, value: bytes | None) -> LogRecord:
    """The record that was packed; raises UnknownRecord for bytes that are none."""
    try:
        kind, *rest = _unpacked(key or b"")
        row = None if value is None else _unpacked(value)
        known = KNOWN.get(_whole(kind), (VERSION,))
        if row is not None and row[0] not in known:
            raise UnknownRecord(f"a record of the group log has version {row[0]}; this broker knows {known[-1]}")
        if kind == PRODUCER_IDS and row is not None:
            return ProducerIds(_whole(row[1]))
        if kind == STATE:
            (group,) = rest
            return StateRecord(_text(group), None if row is None else _state(row))
        if kind == TRANSACTION:
            (name,) = rest
            return TransactionRecord(_text(name), None if row is None else _transaction(row))
        if kind == OFFSET:
            group, topic, partition = rest
            return OffsetRecord(_text(group), _text(topic), _whole(partition), None if row is None else _offset(row))
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise UnknownRecord(f"a record of the group log cannot be read: {error}") from error
    raise UnknownRecord(f"a record of the group log has kind {kind!r}")


def _packed(row: list[object]) -> bytes:
    return msgpack.packb(row)


def _unpacked(data: bytes) -> list[object]:
    row = msgpack.unpackb(data)
    if not isinstance(row, list):
        raise UnknownRecord(f"{type(row).__name__} instead of a list")
    return row


def _state_row(state: GroupState) -> list[object]:
    members = [
        [
            member.member_id,
            member.instance_id,
            member.client,
            member.session_timeout_ms,
            member.rebalance_timeout_ms,
            [[protocol.name, protocol.metadata] for protocol in member.protocols],
            member.assignment,
            member.absent,
        ]
        for member in state.members
    ]
    return [
        STATE_VERSION,
        state.generation,
        state.protocol_type,
        state.protocol,
        state.leader,
        state.assigned,
        state.since,
        members,
    ]


def _state(row: list[object]) -> GroupState:
    _, generation, protocol_type, protocol, leader, assigned, since, members = row
    return GroupState(
        _whole(generation),
        _text(protocol_type),
        _text(protocol),
        _text(leader),
        tuple(_member(each) for each in _list(members)),
        assigned is True,
        _whole(since),
    )


def _member(row: object) -> Member:
    member_id, instance_id, client, session, rebalance, protocols, assignment, *absent = _list(row)
    pairs = [_list(pair) for pair in _list(protocols)]
    return Member(
        _text(member_id),
        None if instance_id is None else _text(instance_id),
        _text(client),
        _whole(session),
        _whole(rebalance),
        tuple(JoinProtocol(_text(name), _raw(metadata)) for name, metadata in pairs),
        _raw(assignment),
        absent == [True],
    )


def _offset(row: list[object]) -> CommittedOffset:
    _, offset, metadata, log_epoch, at = row
    return CommittedOffset(_whole(offset), _text(metadata), _whole(log_epoch), _whole(at))


def _transaction_row(state: TransactionState) -> list[object]:
    partitions: dict[str, list[int]] = {}
    for topic, number in state.partitions:
        partitions.setdefault(topic, []).append(number)
    offsets: dict[tuple[GroupMember, int], list[object]] = {}
    for pending in state.offsets:
        found = pending.committed
        each = [pending.topic, pending.partition, found.offset, found.metadata, found.log_epoch, found.at]
        offsets.setdefault((pending.member, pending.generation), []).append(each)
    ended = state.ended
    return [
        VERSION,
        state.state,
        list(state.producer),
        state.timeout_ms,
        state.since,
        state.client,
        None if state.member is None else _writer_row(state.member),
        [[topic, numbers] for topic, numbers in partitions.items()],
        [[_writer_row(member), generation, rows] for (member, generation), rows in offsets.items()],
        None if state.following is None else list(state.following),
        state.how,
        None if ended is None else [list(ended.producer), ended.how],
        state.near,
    ]


def _transaction(row: list[object]) -> TransactionState:
    _, state, producer, timeout, since, client, member, partitions, offsets, following, how, ended, near = row
    if state not in NEXT:
        raise UnknownRecord(f"{state!r:.60} is no state of a transaction")
    places: list[PartitionKey] = []
    for topic, numbers in map(_list, _list(partitions)):
        places += [(_text(topic), _whole(number)) for number in _list(numbers)]
    pending: list[PendingOffset] = []
    for sender, generation, rows in map(_list, _list(offsets)):
        who = _writer(sender)
        for topic, number, *found in map(_list, _list(rows)):
            committed = _offset([VERSION, *found])
            pending.append(PendingOffset(_text(topic), _whole(number), committed, who, _whole(generation)))
    before = None if ended is None else _list(ended)
    return TransactionState(
        _text(state),
        _producer(producer),
        _whole(timeout),
        _whole(since),
        _text(client),
        None if member is None else _writer(member),
        tuple(places),
        tuple(pending),
        None if following is None else _producer(following),
        _text(how),
        None if before is None else Ended(_producer(before[0]), _text(before[1])),
        near is True,
    )


def _producer(value: object) -> ProducerIdentity:
    producer_id, epoch = _list(value)
    return ProducerIdentity(_whole(producer_id), _whole(epoch))


def _writer_row(member: GroupMember) -> list[object]:
    return [member.group, member.member_id, member.instance_id]


def _writer(value: object) -> GroupMember:
    group, member_id, instance_id = _list(value)
    return GroupMember(_text(group), _text(member_id), None if instance_id is None else _text(instance_id))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UnknownRecord(f"{value!r:.60} is no text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise UnknownRecord(f"{value!r:.60} is no integer")
    return value


def _raw(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise UnknownRecord(f"{value!r:.60} are no bytes")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise UnknownRecord(f"{value!r:.60} is no list")
    return value


def columns(records: Iterable[LogRecord]) -> tuple[list[bytes | None], list[bytes | None]]:
    """Keys and values of records, as a batch takes them."""
    pairs = [pack(record) for record in records]
    return [key for key, _ in pairs], [value for _, value in pairs]

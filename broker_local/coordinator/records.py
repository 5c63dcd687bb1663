"""The records of the group log, and the log itself: one compacted partition of the broker's own.

    key    msgpack [1, group]                      a group's state
    value  msgpack [2, generation, protocol type, protocol, leader, assigned, since,
                    [[member id, instance id | nil, client, session timeout, rebalance timeout,
                      [[protocol, metadata], ...], assignment, absent], ...]]
    key    msgpack [2, group, topic, partition]    a committed offset
    value  msgpack [1, offset, metadata, log epoch, at]
    key    msgpack [3]                             producer ids given out
    value  msgpack [1, the next id that nobody has]

The first element of a key is the record's kind; 4 is kept for the state of a transaction, 5 for an offset that
waits for the end of one.

A value of nil (a tombstone) takes the key away. The first element of a value is its version; in version 1 of a
state the members have no `absent`. Replaying the log from its start gives all groups as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgpack

from broker_local.coordinator.group_state import GroupRecord, GroupState, Member, OffsetRecord, StateRecord
from broker_local.coordinator.offsets import CommittedOffset
from broker_local.protocol.requests.groups import JoinProtocol

VERSION = 1
STATE_VERSION = 2
STATE, OFFSET, PRODUCER_IDS = 1, 2, 3
KNOWN = {STATE: (1, STATE_VERSION), OFFSET: (VERSION,), PRODUCER_IDS: (VERSION,)}


@dataclass(frozen=True, slots=True)
class ProducerIds:
    """All ids below `next_id` are given out."""

    next_id: int


LogRecord = GroupRecord | ProducerIds


class UnknownRecord(ValueError):
    """A record of the group log that this version cannot read."""


def pack(record: LogRecord) -> tuple[bytes, bytes | None]:
    """Key and value of a record."""
    if isinstance(record, ProducerIds):
        return _packed([PRODUCER_IDS]), _packed([VERSION, record.next_id])
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


def records(keys: Iterable[bytes | None], values: Iterable[bytes | None]) -> Iterator[LogRecord]:
    """The records of a batch."""
    return (unpack(key, value) for key, value in zip(keys, values, strict=True))

"""Records of the group log come back as they went in; what is none is named."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.coordinator.group_state import GroupState, Member, OffsetRecord, StateRecord
from broker_local.coordinator.offsets import CommittedOffset
from broker_local.coordinator.records import LogRecord, ProducerIds, UnknownRecord, pack, unpack
from broker_local.protocol.requests.groups import JoinProtocol
from tests.broker_local.shapes import records_of

records = st.one_of(
    records_of(ProducerIds),
    st.builds(StateRecord, st.text(max_size=9), st.none() | records_of(GroupState)),
    st.builds(
        OffsetRecord,
        st.text(max_size=9),
        st.text(max_size=9),
        st.integers(0, 2**31 - 1),
        st.none() | records_of(CommittedOffset),
    ),
)


@given(records)
@settings(max_examples=100, deadline=None)
def test_there_and_back(record: LogRecord) -> None:
    assert unpack(*pack(record)) == record


def test_the_bytes_are_those_of_the_page() -> None:
    member = Member("m-1", None, "c", 10, 20, (JoinProtocol("range", b"M"),), b"A")
    away = Member("m-2", "two", "c", 10, 20, (), absent=True)
    state = GroupState(3, "consumer", "range", "m-1", (member, away), True, 99)
    key, value = pack(StateRecord("g", state))
    assert (msgpack.unpackb(key), value is not None) == ([1, "g"], True)
    rows = [["m-1", None, "c", 10, 20, [["range", b"M"]], b"A", False], ["m-2", "two", "c", 10, 20, [], b"", True]]
    assert msgpack.unpackb(value) == [2, 3, "consumer", "range", "m-1", True, 99, rows]
    key, value = pack(OffsetRecord("g", "t", 2, CommittedOffset(5, "note", 0, 99)))
    assert (msgpack.unpackb(key), msgpack.unpackb(value)) == ([2, "g", "t", 2], [1, 5, "note", 0, 99])


def test_a_state_written_before_members_could_be_absent_is_read() -> None:
    rows = [["m-1", "one", "c", 10, 20, [["range", b"M"]], b"A"]]
    read = unpack(msgpack.packb([1, "g"]), msgpack.packb([1, 3, "consumer", "range", "m-1", True, 99, rows]))
    member = Member("m-1", "one", "c", 10, 20, (JoinProtocol("range", b"M"),), b"A")
    assert read == StateRecord("g", GroupState(3, "consumer", "range", "m-1", (member,), True, 99))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (b"", None, "cannot be read"),
        (msgpack.packb([9, "g"]), None, "has kind 9"),
        (msgpack.packb([1, "g"]), msgpack.packb([3]), "has version 3; this broker knows 2"),
        (msgpack.packb([2, "g", "t", 0]), msgpack.packb([2]), "has version 2; this broker knows 1"),
        (msgpack.packb([1, 5]), None, "5 is no text"),
        (msgpack.packb([2, "g", "t"]), None, "cannot be read"),
        (msgpack.packb([1, "g"]), msgpack.packb({"a": 1}), "instead of a list"),
    ],
)
def test_what_is_none_is_named(key: bytes, value: bytes | None, said: str) -> None:
    with pytest.raises(UnknownRecord, match=said):
        unpack(key, value)


@given(st.binary(max_size=40), st.none() | st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_record_or_refused(key: bytes, value: bytes | None) -> None:
    try:
        record = unpack(key, value)
    except UnknownRecord:
        return
    assert isinstance(record, StateRecord | OffsetRecord | ProducerIds)

"""Frames: what is sent is what comes in, however it is cut; what is no frame is refused before memory is
taken.
"""

from __future__ import annotations

import struct
from typing import get_args

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.base.error_codes import ErrorCode
from broker_local.broker.dispatch import HANDLERS
from broker_local.protocol.codec import BadHead, decode, encode
from broker_local.protocol.requests.connection import Hello
from broker_local.protocol.requests.records import FetchedPart, FetchReply, GroupMember, Produce, ProducePart
from broker_local.protocol.requests.request import API_OF, APIS, Api, Failure
from broker_local.protocol.requests.topics import Metadata
from broker_local.protocol.wire import (
    MAX_REQUEST,
    BadFrame,
    BadRequest,
    Incoming,
    IncomingRequest,
    read_reply,
    read_request,
    reply_frame,
    request_frame,
)
from tests.broker_local.shapes import records_of


def joined(parts: list[bytes | bytearray | memoryview]) -> bytes:
    return b"".join(parts)


@pytest.mark.parametrize("api", list(APIS.values()), ids=lambda api: api.name)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_every_request_and_reply_comes_in_as_it_was_sent(api: Api, data: st.DataObject) -> None:
    request = data.draw(records_of(api.request))
    frame = memoryview(joined(request_frame(request, 7)))
    asked = read_request(frame[4:])
    assert (asked.correlation, asked.api, asked.request) == (7, api, request)
    reply = data.draw(records_of(api.reply))
    answered = memoryview(b"".join(bytes(part) for part in reply_frame(asked, reply)))
    assert read_reply(answered[4:]) == (7, reply)


def test_the_table_pairs_each_request_with_the_reply_it_asks_for_and_all_are_answered() -> None:
    assert set(API_OF) == {api.request for api in APIS.values()} == {*HANDLERS, Hello}
    for api in APIS.values():
        (asks,) = api.request.__orig_bases__  # type: ignore[attr-defined]
        assert get_args(asks) == (api.reply,)


@given(
    frames=st.lists(st.binary(max_size=300), max_size=8),
    cuts=st.lists(st.integers(1, 200), min_size=1, max_size=50),
    buffer=st.integers(8, 256),
)
@settings(max_examples=100, deadline=None)
def test_frames_do_not_depend_on_how_they_are_cut(frames: list[bytes], cuts: list[int], buffer: int) -> None:
    stream = b"".join(struct.pack("<I", len(frame)) + frame for frame in frames)
    incoming = Incoming(1000, buffer)
    came: list[bytes] = []
    turn = 0
    while stream:
        room = incoming.room()
        count = min(cuts[turn % len(cuts)], len(room), len(stream))
        room[:count] = stream[:count]
        stream = stream[count:]
        came.extend(bytes(frame) for frame in incoming.took(count))
        turn += 1
    assert came == frames


def test_a_length_over_the_bound_is_refused_before_memory_is_taken() -> None:
    incoming = Incoming(MAX_REQUEST)
    incoming.room()[:4] = struct.pack("<I", 2**32 - 1)
    with pytest.raises(BadFrame, match="4294967295 bytes; the most is"):
        incoming.took(4)
    assert incoming.held == 0


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    try:
        assert isinstance(read_request(memoryview(data)), IncomingRequest)
    except (BadFrame, BadRequest):
        return


@given(
    st.sampled_from(list(APIS.values())),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
        max_leaves=12,
    ),
)
@settings(max_examples=100, deadline=None)
def test_any_head_is_a_request_or_refused(api: Api, head: object) -> None:
    body = msgpack.packb(head)
    frame = struct.pack("<BBII", api.number, 1, 3, len(body)) + body
    try:
        assert read_request(memoryview(frame)).correlation == 3
    except BadRequest as refused:
        assert refused.failure.error == ErrorCode.INVALID_REQUEST


def refusal(frame: bytes) -> Failure:
    with pytest.raises(BadRequest) as refused:
        read_request(memoryview(frame))
    return refused.value.failure


def test_a_frame_is_as_the_page_shows_it() -> None:
    asked = Produce(-1, (ProducePart("t", 0, b"abc"),), GroupMember("g", "m-1"))
    front = bytes.fromhex("41000000 0a01 06000000 34000000 84a461636b73ffa57061727473 9193a1740003")
    member = bytes.fromhex("a66d656d626572 93a167a36d2d31c0")
    none = bytes.fromhex("b07472616e73616374696f6e616c5f6964 c0")
    assert b"".join(request_frame(asked, 6)) == front + member + none + b"abc"


def test_what_there_is_not_is_refused_by_name() -> None:
    assert refusal(struct.pack("<BBII", 99, 1, 0, 0)).message == "there is no API 99"
    assert refusal(struct.pack("<BBII", 11, 9, 0, 0)).message == "fetch version 9: this broker knows 1 to 1"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"topics": ["a"], "more": 1}, "unknown field 'more'"),
        ({"topics": [1]}, "topics is int, not str"),
        ({"topics": ["x" * 1001]}, "topics has length 1001, more than 1000"),
        ({"topics": {"a": 1}}, "topics is dict, not a list"),
        ({"create_missing": 1}, "create_missing is int, not bool"),
        ([1], "a map was expected, not list"),
    ],
)
def test_a_wrong_head_is_named(head: object, said: str) -> None:
    with pytest.raises(BadHead) as error:
        decode(Metadata, msgpack.packb(head))
    assert str(error.value) == said


def test_bodies_must_be_as_long_as_the_head_says() -> None:
    part = FetchedPart("t", 0, 0, "", 1, 1, 1, 0, 0, -1, 0, memoryview(b"abc"))
    head, bodies = encode(FetchReply((part,)))
    assert bodies == [b"abc"]
    with pytest.raises(BadHead, match="3 bytes promised, 2 there"):
        decode(FetchReply, head, memoryview(b"ab"))
    with pytest.raises(BadHead, match="1 bytes more than the head tells of"):
        decode(FetchReply, head, memoryview(b"abcd"))


def test_a_list_that_claims_more_rows_than_there_are_bytes_is_refused() -> None:
    with pytest.raises(BadHead, match="exceeds max_array_len"):
        decode(Metadata, b"\xdd\x00\x01\x86\xa0" * 100)


@pytest.mark.parametrize("depth", [1_000, 1_025, 200_000])
def test_a_head_of_any_depth_is_refused_by_name(depth: int) -> None:
    deep = b"\x91" * depth + b"\xc0"
    for head in (b"\x81\xa6topics" + deep, b"\x81\xa4more" + deep, deep):
        with pytest.raises(BadHead, match=r"topics is list, not str|unknown field|a map was expected|StackError"):
            decode(Metadata, head)


def test_the_bytes_are_those_of_the_page() -> None:
    frame = joined(request_frame(Metadata(("t",)), 5))
    front = "25 00 00 00 01 01 05 00 00 00 1b 00 00 00 82 a6 74 6f 70 69 63 73 91 a1 74 ae 63 72 65 61 74 65"
    assert frame.startswith(bytes.fromhex(front)) and len(frame) == 4 + 37
    asked = read_request(memoryview(frame)[4:])
    (failed,) = reply_frame(asked, Failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "x"))
    answer = "17 00 00 00 01 01 05 00 00 00 03 00 0b 00 00 00 81 a7 6d 65 73 73 61 67 65 a1 78"
    assert bytes(failed) == bytes.fromhex(answer)  # type: ignore[arg-type]

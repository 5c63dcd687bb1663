"""Keys, values, headers and times: the driver, `memory://` and `local://` refuse the same with the same words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest

from streams import FixedKeyRecord, Record
from streams.errors import StreamsException
from tests.contracts.handed_over.doors import Door, Taken, said

GOOD: dict[str, Any] = {"key": b"k", "value": b"v", "timestamp": 5, "headers": ()}
HALF = "\ud800"

NO_TIME: dict[str, tuple[Any, str]] = {
    "a float": (1_700_000_000_000.0, r"Invalid timestamp: 1700000000000\.0 \(float\)\. Give whole milliseconds"),
    "half a millisecond": (1.5, r"Invalid timestamp: 1\.5 \(float\)"),
    "not a number": (math.nan, r"Invalid timestamp: nan \(float\)"),
    "for ever": (math.inf, r"Invalid timestamp: inf \(float\)"),
    "a decimal": (Decimal(5), r"Invalid timestamp: Decimal\('5'\) \(Decimal\)"),
    "text": ("5", r"Invalid timestamp: '5' \(str\)"),
    "bytes": (b"5", r"Invalid timestamp: b'5' \(bytes\)"),
    "True": (True, r"Invalid timestamp: True \(bool\)"),
    "a duration": (timedelta(1), r"Invalid timestamp: .* \(timedelta\)"),
    "a naive datetime": (datetime(2024, 1, 1), r"Invalid timestamp: .* \(datetime\) has no time zone"),
    "a list": ([5], r"Invalid timestamp: \[5\] \(list\)"),
    "beyond 64 bits": (2**63, r"Invalid timestamp: 9223372036854775808 \(int\) does not fit into 64 bits"),
    "far below": (-(2**63) - 1, r"Invalid timestamp: -9223372036854775809 \(int\) does not fit into 64 bits"),
}
NEGATIVE: dict[str, tuple[Any, str]] = {
    "negative": (-1, r"Invalid timestamp: -1\. Timestamp should always be non-negative or None\."),
    "before 1970": (datetime(1969, 1, 1, tzinfo=UTC), r"Invalid timestamp: .*Timestamp should always be non-neg"),
}
NO_HEADERS: dict[str, tuple[Any, str]] = {
    "a text as value": ([("h", "text")], r"Invalid header 'h': its value is 'text' \(str\)\..*'text'\.encode"),
    "a number as value": ([("h", 5)], r"Invalid header 'h': its value is 5 \(int\)\. Give bytes or None\."),
    "a truth as value": ([("h", True)], r"Invalid header 'h': its value is True \(bool\)"),
    "a dict as value": ([("h", {"x": 1})], r"Invalid header 'h': its value is \{'x': 1\} \(dict\)"),
    "a list as value": ([("h", [b"x"])], r"Invalid header 'h': its value is \[b'x'\] \(list\)"),
    "a name in bytes": ([(b"h", b"x")], r"Invalid name of a header: b'h' \(bytes\)\. Give text\."),
    "no name": ([(None, b"x")], r"Invalid name of a header: None \(NoneType\)"),
    "half a surrogate pair as name": ([(HALF, b"x")], r"Invalid name of a header: .* lone surrogate at character 0"),
    "a triple": ([("h", b"x", 2)], r"Invalid header: \('h', b'x', 2\) \(tuple\)\. Give a pair"),
    "a name alone": (["hi"], r"Invalid header: 'hi' \(str\)\. Give a pair"),
    "a good one before a bad one": ([("a", b"1"), ("h", 5)], r"Invalid header 'h'"),
    "a mapping to text": ({"h": "text"}, r"Invalid header 'h': its value is 'text' \(str\)"),
    "text": ("h", r"Invalid headers: 'h' \(str\)\. Give pairs"),
    "bytes": (b"h", r"Invalid headers: b'h' \(bytes\)"),
    "a number": (5, r"Invalid headers: 5 \(int\)"),
}
NO_BYTES: dict[str, tuple[Any, str]] = {
    "text": ("v", "is str, not bytes"),
    "a number": (5, "is int, not bytes"),
    "a dict": ({"a": 1}, "is dict, not bytes"),
    "a list of numbers": ([1, 2], "is list, not bytes"),
}

WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    **{f"time: {n}": ({"timestamp": t}, "IllegalArgumentException", w) for n, (t, w) in (NO_TIME | NEGATIVE).items()},
    **{f"headers: {n}": ({"headers": h}, "IllegalArgumentException", w) for n, (h, w) in NO_HEADERS.items()},
    **{f"value: {n}": ({"value": v}, "SerializationException", f"the value {w}") for n, (v, w) in NO_BYTES.items()},
    **{f"key: {n}": ({"key": k}, "SerializationException", f"the key {w}") for n, (k, w) in NO_BYTES.items()},
}


class Name(str, Enum):  # noqa: UP042 - StrEnum would be text in every way
    """A text that is more."""

    H = "h"


class Number:
    """A whole number of another library's."""

    def __index__(self) -> int:
        return 7


def changed(**fields: Any) -> Taken:
    return Taken(**{**GOOD, **fields})


UNUSUAL: dict[str, tuple[dict[str, Any], Taken]] = {
    "time 0": ({"timestamp": 0}, changed(timestamp=0)),
    "the last time": ({"timestamp": 2**63 - 1}, changed(timestamp=2**63 - 1)),
    "a datetime": ({"timestamp": datetime(2024, 1, 1, tzinfo=UTC)}, changed(timestamp=1_704_067_200_000)),
    "a datetime elsewhere": (
        {"timestamp": datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))},
        changed(timestamp=1_704_067_200_000),
    ),
    "another library's number": ({"timestamp": Number()}, changed(timestamp=7)),
    "an empty key": ({"key": b""}, changed(key=b"")),
    "no key": ({"key": None}, changed(key=None)),
    "an empty value": ({"value": b""}, changed(value=b"")),
    "a tombstone": ({"value": None}, changed(value=None)),
    "other kinds of bytes": ({"key": bytearray(b"k"), "value": memoryview(b"v")}, changed()),
    "any bytes": ({"value": bytes(range(256))}, changed(value=bytes(range(256)))),
    "no headers": ({"headers": None}, changed()),
    "an empty list of headers": ({"headers": []}, changed()),
    "an empty mapping": ({"headers": {}}, changed()),
    "a header without a value": ({"headers": [("h", None)]}, changed(headers=(("h", None),))),
    "a header of empty bytes": ({"headers": [("h", b"")]}, changed(headers=(("h", b""),))),
    "a header without a name": ({"headers": [("", b"1")]}, changed(headers=(("", b"1"),))),
    "a name twice, in order": (
        {"headers": [("h", b"2"), ("a", b"0"), ("h", b"1")]},
        changed(headers=(("h", b"2"), ("a", b"0"), ("h", b"1"))),
    ),
    "a name beyond ASCII": ({"headers": [("naïve \U0001f600", b"1")]}, changed(headers=(("naïve \U0001f600", b"1"),))),
    "a name that is more than text": ({"headers": [(Name.H, b"1")]}, changed(headers=(("h", b"1"),))),
    "pairs as lists": ({"headers": [["h", b"1"]]}, changed(headers=(("h", b"1"),))),
    "a mapping": ({"headers": {"h": b"1", "g": None}}, changed(headers=(("h", b"1"), ("g", None)))),
    "another mapping": ({"headers": MappingProxyType({"h": b"1"})}, changed(headers=(("h", b"1"),))),
    "a generator": ({"headers": lambda: (pair for pair in [("h", b"1")])}, changed(headers=(("h", b"1"),))),
    "other bytes in a header": ({"headers": [("h", bytearray(b"1"))]}, changed(headers=(("h", b"1"),))),
    "a thousand headers": (
        {"headers": [(f"h{n}", b"1") for n in range(1_000)]},
        changed(headers=tuple((f"h{n}", b"1") for n in range(1_000))),
    ),
}


@pytest.mark.parametrize(("fields", "kind", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_by_the_same_words_and_nothing_of_it_is_taken(
    door: Door, fields: Mapping[str, Any], kind: str, words: str
) -> None:
    door.hand_over(**{**GOOD, "value": b"before"})
    found, text = said(door.hand_over, **{**GOOD, **fields})
    assert found == kind
    assert re.search(words, text), text
    door.hand_over(**{**GOOD, "value": b"after"})
    assert [record.value for record in door.taken(2)] == [b"before", b"after"]


def test_what_is_unusual_is_taken_as_it_is(door: Door) -> None:
    for fields, _ in UNUSUAL.values():
        given = {name: value() if type(value) is type(changed) else value for name, value in fields.items()}
        door.hand_over(**{**GOOD, **given})
    found = door.taken(len(UNUSUAL))
    assert dict(zip(UNUSUAL, found, strict=True)) == {name: taken for name, (_, taken) in UNUSUAL.items()}


@pytest.mark.parametrize("kind", [Record, FixedKeyRecord])
def test_a_record_of_a_processor_is_held_to_the_same_rules(kind: type[Any]) -> None:
    record = kind("k", "v", 5)
    for given, words in NO_TIME.values():
        for attempt in (lambda given=given: record.with_timestamp(given), lambda given=given: kind("k", "v", given)):
            with pytest.raises(StreamsException, match=f"Malformed Record: {words}"):
                attempt()
    for given, words in NO_HEADERS.values():
        for attempt in (
            lambda given=given: record.with_headers(given),
            lambda given=given: kind("k", "v", 5, given),
        ):
            with pytest.raises(StreamsException, match=f"Malformed Record: {words}"):
                attempt()
    with pytest.raises(StreamsException, match=r"Malformed Record: Timestamp may not be negative. Got: -1"):
        record.with_timestamp(-1)
    for fields, taken in UNUSUAL.values():
        time = fields.get("timestamp", 5)
        headers = fields.get("headers", ())
        headers = [headers() if type(headers) is type(changed) else headers for _ in range(2)]
        made = kind("k", "v", time, headers[0])
        assert (made.timestamp, made.headers) == (taken.timestamp, taken.headers)
        assert record.with_timestamp(time).with_headers(headers[1]) == made
        assert made.with_value("w").headers == taken.headers


def test_headers_that_are_changed_afterwards_are_not_those_that_were_given() -> None:
    given = [["h", b"1"]]
    record = Record("k", "v", 5, given)  # type: ignore[arg-type]
    given[0][1] = b"2"
    given.append(["more", b"3"])
    assert record.headers == (("h", b"1"),)

"""Names and settings: what is taken, what is refused, and that it is named."""

from __future__ import annotations

import pytest

from broker_local.base import names
from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.log import topics
from broker_local.log.topics import TopicSettings


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "...", "x" * 249, "..a"])
def test_good_names(name: str) -> None:
    assert names.problem(name) is None
    assert topics.check_name(name) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "the empty string is not allowed"),
        (".", "'.' or '..' is not allowed"),
        ("..", "'.' or '..' is not allowed"),
        ("x" * 250, "is longer than the max allowed length 249"),
        *(
            (bad, "contains one or more characters other than")
            for bad in ("a/b", "../x", "a b", "a\0", "é", "a\n", "٣")
        ),
    ],
)
def test_bad_names_are_refused_in_kafkas_words(name: str, words: str) -> None:
    assert words in (names.problem(name) or "")
    with pytest.raises(Refusal, match=r"Topic name is invalid: ") as caught:
        topics.check_name(name)
    assert caught.value.code == ErrorCode.INVALID_TOPIC_EXCEPTION


def test_defaults_are_kafkas() -> None:
    assert topics.parse({}) == TopicSettings()
    assert (topics.parse({}).retention_ms, topics.parse({}).segment_bytes) == (604_800_000, 1_073_741_824)


def test_settings_are_read() -> None:
    given = topics.parse({"cleanup.policy": "compact, delete", "min.cleanable.dirty.ratio": "0.1", "segment.ms": " 5 "})
    assert (given.compacts, given.deletes, given.min_cleanable_dirty_ratio, given.segment_ms) == (True, True, 0.1, 5)
    assert topics.parse({"message.timestamp.type": "LogAppendTime"}).log_append_time
    assert topics.parse({"min.insync.replicas": "1"}) == TopicSettings()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("retention.ms", "-2", "Value must be at least -1"),
        ("retention.ms", "soon", "Not a number"),
        ("segment.bytes", str(2**31), "Value must be at most 2147483647"),
        ("segment.bytes", "13", "Value must be at least 14"),
        ("segment.ms", "0", "Value must be at least 1"),
        ("min.cleanable.dirty.ratio", "1.1", "between 0 and 1"),
        ("min.cleanable.dirty.ratio", "nan", "between 0 and 1"),
        ("min.cleanable.dirty.ratio", "x", "could not convert"),
        ("cleanup.policy", "shred", "delete, compact"),
        ("cleanup.policy", "", "delete, compact"),
        ("message.timestamp.type", "Now", "CreateTime and LogAppendTime"),
        ("compression.type", "lz4", "has no meaning for the bundled log engine"),
        ("min.insync.replicas", "2", "has no meaning for the bundled log engine"),
        ("retention", "1", "Unknown topic config name: retention"),
    ],
)
def test_wrong_settings_are_named(name: str, value: str, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        topics.parse({name: value})
    assert caught.value.code == ErrorCode.INVALID_CONFIG
    assert name in caught.value.message and words in caught.value.message


def test_lags_may_not_cross() -> None:
    with pytest.raises(Refusal, match=r"min.compaction.lag.ms > max.compaction.lag.ms"):
        topics.parse({"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"})

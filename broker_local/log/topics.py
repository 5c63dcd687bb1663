"""Topics and their settings: Kafka's names, types, defaults and rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from broker_local.base import names
from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal

LONG_MAX = 2**63 - 1
INT_MAX = 2**31 - 1
DAY = 86_400_000
GROUP_TOPIC = "__consumer_offsets"
"""The broker's own topic: states of groups, committed offsets, blocks of producer ids. Kafka's name for it.
"""

Value = int | float | str | frozenset[str]


class Setting(NamedTuple):
    """One setting of a topic: how its text is read, Kafka's default, and what it means."""

    name: str
    default: str
    parse: Callable[[str], Value]
    meaning: str


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("Not a number") from None
        if value < low:
            raise ValueError(f"Value must be at least {low}")
        if value > high:
            raise ValueError(f"Value must be at most {high}")
        return value

    return parse


def _ratio(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("Value must be between 0 and 1")
    return value


def _policies(text: str) -> frozenset[str]:
    found = frozenset(part.strip() for part in text.split(",") if part.strip())
    if not found or found - {"delete", "compact"}:
        raise ValueError("Valid values are delete, compact, or both with a comma between")
    return found


def _kind_of_time(text: str) -> str:
    if text not in ("CreateTime", "LogAppendTime"):
        raise ValueError("Valid values are CreateTime and LogAppendTime")
    return text


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("cleanup.policy", "delete", _policies, "what happens to old records: delete, compact, or both"),
        Setting("retention.ms", str(7 * DAY), _whole(-1, LONG_MAX), "records older than this go; -1: never"),
        Setting("retention.bytes", "-1", _whole(-1, LONG_MAX), "bytes a partition keeps; -1: all"),
        Setting(
            "segment.bytes",
            str(2**30),
            _whole(14, INT_MAX),
            "a segment file is closed before it exceeds this",
        ),
        Setting("segment.ms", str(7 * DAY), _whole(1, LONG_MAX), "a segment is closed when it spans this time"),
        Setting("index.interval.bytes", "4096", _whole(0, INT_MAX), "bytes of the log between index entries"),
        Setting("max.message.bytes", "1048588", _whole(0, INT_MAX), "the largest batch that is taken"),
        Setting(
            "message.timestamp.type",
            "CreateTime",
            _kind_of_time,
            "whose clock stamps: CreateTime, LogAppendTime",
        ),
        Setting(
            "message.timestamp.before.max.ms",
            str(LONG_MAX),
            _whole(0, LONG_MAX),
            "how far a timestamp may lie before the broker's clock",
        ),
        Setting(
            "message.timestamp.after.max.ms",
            str(3_600_000),
            _whole(0, LONG_MAX),
            "how far a timestamp may lie after the broker's clock",
        ),
        Setting("min.compaction.lag.ms", "0", _whole(0, LONG_MAX), "records younger than this are not compacted"),
        Setting(
            "max.compaction.lag.ms",
            str(LONG_MAX),
            _whole(1, LONG_MAX),
            "records older than this are compacted",
        ),
        Setting("delete.retention.ms", str(DAY), _whole(0, LONG_MAX), "how long a compacted log keeps tombstones"),
        Setting("min.cleanable.dirty.ratio", "0.5", _ratio, "share of uncompacted bytes that starts a compaction"),
    )
}

ONLY = {
    "compression.type": "producer",
    "file.delete.delay.ms": "60000",
    "flush.messages": str(LONG_MAX),
    "flush.ms": str(LONG_MAX),
    "follower.replication.throttled.replicas": "",
    "leader.replication.throttled.replicas": "",
    "local.retention.bytes": "-2",
    "local.retention.ms": "-2",
    "min.insync.replicas": "1",
    "preallocate": "false",
    "remote.storage.enable": "false",
    "segment.jitter.ms": "0",
    "unclean.leader.election.enable": "false",
}
"""Settings of Kafka that mean nothing here, and the one value that may be given for each: Kafka's default."""


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """The settings of a topic, parsed. Times in ms, sizes in bytes."""

    deletes: bool = True
    compacts: bool = False
    retention_ms: int = 7 * DAY
    retention_bytes: int = -1
    segment_bytes: int = 2**30
    segment_ms: int = 7 * DAY
    index_interval_bytes: int = 4096
    max_message_bytes: int = 1_048_588
    log_append_time: bool = False
    timestamp_before_max_ms: int = LONG_MAX
    timestamp_after_max_ms: int = 3_600_000
    min_compaction_lag_ms: int = 0
    max_compaction_lag_ms: int = LONG_MAX
    delete_retention_ms: int = DAY
    min_cleanable_dirty_ratio: float = 0.5


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the catalog.

    Args:
        name: its name.
        id: 32 hexadecimal digits; a topic made anew under an old name has another one.
        partitions: how many.
        config: the settings that were given, as text.
        settings: all of them, parsed.
    """

    name: str
    id: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    settings: TopicSettings = field(default_factory=TopicSettings)


def check_name(name: str) -> str:
    """The name, if a topic may have it.

    Raises:
        Refusal: INVALID_TOPIC_EXCEPTION with Kafka's words.
    """
    wrong = names.problem(name)
    if wrong is not None:
        raise Refusal(ErrorCode.INVALID_TOPIC_EXCEPTION, f"Topic name is invalid: {wrong}")
    return name


def _value(name: str, text: str) -> Value:
    try:
        return SETTINGS[name].parse(text)
    except ValueError as error:
        raise Refusal(ErrorCode.INVALID_CONFIG, f"Invalid value {text} for configuration {name}: {error}") from error


NOTHING: Mapping[str, str] = {}


def inherited(topic: str, defaults: Mapping[str, str]) -> Mapping[str, str]:
    """The broker's defaults that hold for a topic: all but for the broker's own."""
    return NOTHING if topic == GROUP_TOPIC else defaults


def parse(config: Mapping[str, str], defaults: Mapping[str, str] = NOTHING) -> TopicSettings:
    """Reads the settings given for a topic.

    Args:
        config: Kafka's names and the values as text.
        defaults: the broker's, where they are not Kafka's; also as text.
    Raises:
        Refusal: INVALID_CONFIG, naming the setting that is unknown, not built or has a wrong value.
    """
    found = read(config, defaults)
    if found.min_compaction_lag_ms > found.max_compaction_lag_ms:
        said = "conflict topic config setting min.compaction.lag.ms > max.compaction.lag.ms"
        raise Refusal(ErrorCode.INVALID_CONFIG, said)
    return found


def read(config: Mapping[str, str], defaults: Mapping[str, str] = NOTHING) -> TopicSettings:
    """As `parse`, but values may contradict one another, as those of a topic and newer defaults of its broker do."""
    for name, text in config.items():
        if name in ONLY and text != ONLY[name]:
            said = f"The topic setting {name} has no meaning for the bundled log engine"
            raise Refusal(ErrorCode.INVALID_CONFIG, f"{said}; leave it out, or give Kafka's default '{ONLY[name]}'.")
        if name not in ONLY and name not in SETTINGS:
            known = ", ".join(sorted(SETTINGS))
            raise Refusal(ErrorCode.INVALID_CONFIG, f"Unknown topic config name: {name}. Known are {known}.")
    given = {**{name: setting.default for name, setting in SETTINGS.items()}, **defaults, **config}
    value = {name: _value(name, given[name]) for name in SETTINGS}

    def whole(name: str) -> int:
        found = value[name]
        assert isinstance(found, int)
        return found

    policies, ratio = value["cleanup.policy"], value["min.cleanable.dirty.ratio"]
    assert isinstance(policies, frozenset) and isinstance(ratio, float)
    return TopicSettings(
        deletes="delete" in policies,
        compacts="compact" in policies,
        retention_ms=whole("retention.ms"),
        retention_bytes=whole("retention.bytes"),
        segment_bytes=whole("segment.bytes"),
        segment_ms=whole("segment.ms"),
        index_interval_bytes=whole("index.interval.bytes"),
        max_message_bytes=whole("max.message.bytes"),
        log_append_time=value["message.timestamp.type"] == "LogAppendTime",
        timestamp_before_max_ms=whole("message.timestamp.before.max.ms"),
        timestamp_after_max_ms=whole("message.timestamp.after.max.ms"),
        min_compaction_lag_ms=whole("min.compaction.lag.ms"),
        max_compaction_lag_ms=whole("max.compaction.lag.ms"),
        delete_retention_ms=whole("delete.retention.ms"),
        min_cleanable_dirty_ratio=ratio,
    )

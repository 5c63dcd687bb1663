"""Settings of the broker as a whole, under Kafka's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import NamedTuple

from broker_local.base.faults import Refusal
from broker_local.broker.broker import BrokerSettings
from broker_local.broker.not_applicable import reason
from broker_local.log import topics
from broker_local.log.topics import INT_MAX, LONG_MAX

MINUTE = 60_000
HOUR = 60 * MINUTE
CLOSE = 0.8
"""How near a name has to be to be meant, as `difflib` measures it."""


class WrongSetting(ValueError):
    """A name that is no setting, or a value it cannot have; the text says where it stands and what is possible."""


class SettingAssignment(NamedTuple):
    """A setting somebody gave: where it stands, its name, its value as text."""

    where: str
    name: str
    text: str


Put = Callable[[BrokerSettings, str], BrokerSettings]


class Setting(NamedTuple):
    """A setting.

    Args:
        name: Kafka's.
        default: as text; "" where another setting has the default.
        put: reads a value and puts it into the settings; ValueError says what is possible.
        meaning: what it does.
        topic: the setting of topics whose default it is.
    """

    name: str
    default: str
    put: Put
    meaning: str
    topic: str = ""


def _number(text: str, low: int, high: int, also: int | None = None) -> int:
    digits = text.removeprefix("-")
    value = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 30 else None
    if value is None or not (low <= value <= high or value == also):
        raise ValueError(f"give a number from {low} to {high}{'' if also is None else f', or {also}'}")
    return value


def _whole(put: Callable[[BrokerSettings, int], BrokerSettings], low: int = 1, high: int = INT_MAX) -> Put:
    return lambda settings, text: put(settings, _number(text, low, high))


def _group(name: str, low: int = 1) -> Put:
    def put(settings: BrokerSettings, value: int) -> BrokerSettings:
        changed: dict[str, int] = {name: value}
        return replace(settings, group=replace(settings.group, **changed))

    return _whole(put, low)


def _transaction(name: str) -> Put:
    def put(settings: BrokerSettings, value: int) -> BrokerSettings:
        changed: dict[str, int] = {name: value}
        return replace(settings, transaction=replace(settings.transaction, **changed))

    return _whole(put, 1)


def _is_true(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("give true or false")
    return text.lower() == "true"


def _durability(settings: BrokerSettings, text: str) -> BrokerSettings:
    if _number(text, 1, LONG_MAX) not in (1, LONG_MAX):
        raise ValueError("give 1 (durable: all is on the disk before it is acknowledged), or leave it out")
    return replace(settings, durability="durable" if int(text) == 1 else "process")


def _of_topics(name: str) -> Put:
    """The default of a topic's setting, with the same values."""

    def put(settings: BrokerSettings, text: str) -> BrokerSettings:
        topics.SETTINGS[name].parse(text)
        return replace(settings, topics={**settings.topics, name: text})

    return put


def _time_of_topics(name: str, unit: int, also: int | None = None) -> Put:
    """The default of a topic's setting in milliseconds, given in another unit."""

    def put(settings: BrokerSettings, text: str) -> BrokerSettings:
        value = _number(text, 1, LONG_MAX if unit == 1 else INT_MAX, also)
        return replace(settings, topics={**settings.topics, name: str(value if value == also else value * unit)})

    return put


def _topic(name: str, topic: str) -> Setting:
    of = topics.SETTINGS[topic]
    return Setting(name, of.default, _of_topics(topic), of.meaning, topic)


def _time(name: str, topic: str, unit: int, default: str, also: int | None = None) -> Setting:
    words = {1: "ms", MINUTE: "minutes", HOUR: "hours"}[unit]
    meaning = f"{topics.SETTINGS[topic].meaning}; in {words}"
    return Setting(name, default, _time_of_topics(topic, unit, also), meaning, topic)


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(
            "num.partitions",
            "1",
            _whole(lambda s, v: replace(s, num_partitions=v), high=10_000),
            "partitions of a topic whose maker does not say how many",
        ),
        Setting(
            "auto.create.topics.enable",
            "true",
            lambda s, v: replace(s, creates_topics=_is_true(v)),
            "sending to a topic that does not exist makes it",
        ),
        Setting(
            "delete.topic.enable",
            "true",
            lambda s, v: replace(s, deletes_topics=_is_true(v)),
            "topics can be deleted",
        ),
        # Of three units the smallest wins: it is put in last.
        _time("log.retention.hours", "retention.ms", HOUR, "168", -1),
        _time("log.retention.minutes", "retention.ms", MINUTE, "", -1),
        _time("log.retention.ms", "retention.ms", 1, "", -1),
        _topic("log.retention.bytes", "retention.bytes"),
        Setting(
            "log.retention.check.interval.ms",
            "300000",
            _whole(lambda s, v: replace(s, upkeep=s.upkeep._replace(retention_check_ms=v))),
            "how often logs are looked at for records that go",
        ),
        _topic("log.segment.bytes", "segment.bytes"),
        _time("log.roll.hours", "segment.ms", HOUR, "168"),
        _time("log.roll.ms", "segment.ms", 1, ""),
        _topic("log.cleanup.policy", "cleanup.policy"),
        _topic("log.index.interval.bytes", "index.interval.bytes"),
        _topic("message.max.bytes", "max.message.bytes"),
        _topic("log.message.timestamp.type", "message.timestamp.type"),
        _topic("log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms"),
        _topic("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms"),
        _topic("log.cleaner.delete.retention.ms", "delete.retention.ms"),
        _topic("log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms"),
        _topic("log.cleaner.max.compaction.lag.ms", "max.compaction.lag.ms"),
        _topic("log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio"),
        Setting(
            "log.cleaner.backoff.ms",
            "15000",
            _whole(lambda s, v: replace(s, upkeep=s.upkeep._replace(compaction_check_ms=v))),
            "how often compacted logs are looked at",
        ),
        Setting(
            "log.cleaner.dedupe.buffer.size",
            "134217728",
            _whole(lambda s, v: replace(s, upkeep=s.upkeep._replace(key_bytes=v)), low=1 << 20),
            "memory for the keys of one compaction pass; what does not fit waits for the next",
        ),
        Setting(
            "log.flush.interval.ms",
            "1000",
            _whole(lambda s, v: replace(s, flush_interval_ms=v)),
            "how often all logs are made durable; a power cut takes at most this",
        ),
        Setting(
            "log.flush.interval.messages",
            str(LONG_MAX),
            _durability,
            "1: every record is on the disk before it is acknowledged, as `--durability durable` says",
        ),
        Setting(
            "offsets.retention.minutes",
            "10080",
            _whole(lambda s, v: replace(s, offsets_retention_ms=v * MINUTE)),
            "how long offsets of a group without members stay",
        ),
        Setting(
            "offsets.retention.check.interval.ms",
            "600000",
            _whole(lambda s, v: replace(s, offsets_check_ms=v)),
            "how often groups are looked at for offsets that go",
        ),
        Setting(
            "offset.metadata.max.bytes",
            "4096",
            _group("max_metadata", 0),
            "characters of text beside a committed offset",
        ),
        Setting(
            "group.min.session.timeout.ms",
            "100",
            _group("min_session_timeout_ms"),
            "the shortest session.timeout.ms a member may ask for",
        ),
        Setting(
            "group.max.session.timeout.ms",
            "1800000",
            _group("max_session_timeout_ms"),
            "the longest session.timeout.ms a member may ask for",
        ),
        Setting("group.max.size", "10000", _group("max_size"), "members of a group"),
        Setting(
            "transaction.max.timeout.ms",
            "900000",
            _transaction("max_timeout_ms"),
            "the longest transaction.timeout.ms a producer may ask for",
        ),
        Setting(
            "transactional.id.expiration.ms",
            "604800000",
            _transaction("retention_ms"),
            "how long a transactional id is kept under which nothing happens",
        ),
        Setting(
            "max.connections",
            "1000",
            _whole(lambda s, v: replace(s, max_connections=v), high=10_000),
            "connections at once; one more is closed",
        ),
    )
}
"""In the order in which they are put in: of those that say the same, the last wins."""


def given(where: str, pair: str) -> SettingAssignment:
    """Reads `name=value`.

    Args:
        where: where it stands, for people; put before the text.
        pair: the text.
    Raises:
        WrongSetting: it is not of this form, or no setting has this name.
    """
    name, equals, text = (part.strip() for part in pair.partition("="))
    here = f"{where}{pair}"
    if not equals:
        raise WrongSetting(f"{here}: give NAME=VALUE")
    if name in SETTINGS:
        return SettingAssignment(here, name, text)
    why = reason(name)
    if why is not None:
        raise WrongSetting(f"{here}: {name} has no meaning for the bundled engine: {why}")
    mine = [setting.name for setting in SETTINGS.values() if setting.topic == name]
    if mine:
        raise WrongSetting(f"{here}: {name} is a setting of a topic; its default is set by {mine[-1]}")
    near = get_close_matches(name, SETTINGS, 1, CLOSE)
    hint = f"did you mean {near[0]}?" if near else "`broker-local settings` lists those there are"
    raise WrongSetting(f"{here}: there is no setting {name}; {hint}")


def read_settings(durability: str | None, settings: Iterable[SettingAssignment]) -> BrokerSettings:
    """The settings of a broker.

    Args:
        durability: `process` or `durable`; None: as the settings say.
        settings: what was given; of one name the last wins.
    Raises:
        WrongSetting: a value that is not possible.
    """
    found = BrokerSettings()
    last: dict[str, SettingAssignment] = {}
    for each in settings:
        try:
            SETTINGS[each.name].put(found, each.text)
        except ValueError as error:
            raise WrongSetting(f"{each.where}: {error}") from None
        last[each.name] = each
    for name, setting in SETTINGS.items():
        if name in last:
            found = setting.put(found, last[name].text)
    try:
        topics.parse({}, found.topics)
    except Refusal:
        raise WrongSetting("log.cleaner.min.compaction.lag.ms exceeds log.cleaner.max.compaction.lag.ms") from None
    if found.group.min_session_timeout_ms > found.group.max_session_timeout_ms:
        raise WrongSetting("group.min.session.timeout.ms exceeds group.max.session.timeout.ms")
    if durability is None:
        return found
    return replace(found, durability="durable" if durability == "durable" else "process")

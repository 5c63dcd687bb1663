"""Settings of the broker as a whole, under Kafka's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import NamedTuple

from broker_local.broker import BrokerSettings

MINUTE = 60_000


class UnknownSetting(ValueError):
    """A name that is no setting, or a value it cannot have; the text says which and what is possible."""


class Setting(NamedTuple):
    """A setting: its least and greatest value, and how it is put into the settings."""

    low: int
    high: int
    put: Callable[[BrokerSettings, int], BrokerSettings]


def _group(name: str) -> Callable[[BrokerSettings, int], BrokerSettings]:
    def put(settings: BrokerSettings, value: int) -> BrokerSettings:
        changed: dict[str, int] = {name: value}
        return replace(settings, group=replace(settings.group, **changed))

    return put


SETTINGS: dict[str, Setting] = {
    "num.partitions": Setting(1, 10_000, lambda s, v: replace(s, num_partitions=v)),
    "log.flush.interval.ms": Setting(1, 2**31 - 1, lambda s, v: replace(s, flush_interval_ms=v)),
    "offsets.retention.minutes": Setting(1, 2**31 - 1, lambda s, v: replace(s, offsets_retention_ms=v * MINUTE)),
    "offsets.retention.check.interval.ms": Setting(1, 2**31 - 1, lambda s, v: replace(s, offsets_check_ms=v)),
    "group.min.session.timeout.ms": Setting(1, 2**31 - 1, _group("min_session_timeout_ms")),
    "group.max.session.timeout.ms": Setting(1, 2**31 - 1, _group("max_session_timeout_ms")),
    "group.max.size": Setting(1, 2**31 - 1, _group("max_size")),
}


def read_settings(durability: str, pairs: Iterable[str]) -> BrokerSettings:
    """The settings that `name=value` texts ask for.

    Args:
        durability: `process` or `durable`.
        pairs: texts of the command line.
    Raises:
        UnknownSetting: a name or a value that is not known.
    """
    settings = BrokerSettings(durability="durable" if durability == "durable" else "process")
    for pair in pairs:
        name, equals, text = pair.partition("=")
        setting = SETTINGS.get(name)
        if not equals or setting is None:
            near = get_close_matches(name, SETTINGS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(SETTINGS))}"
            raise UnknownSetting(f"--config {pair}: {hint if equals else 'give NAME=VALUE'}")
        if not text.lstrip("-").isdigit() or not setting.low <= int(text) <= setting.high:
            raise UnknownSetting(f"--config {pair}: give a number from {setting.low} to {setting.high}")
        settings = setting.put(settings, int(text))
    return settings

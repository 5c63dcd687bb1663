"""`TopicNameMatches`: records of some topics."""

from __future__ import annotations

from streams.config.table import not_empty
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.java_regex import compile_pattern
from streams.connect.records import R
from streams.connect.transforms.checks import regex


def _check(name: str, value: object) -> None:
    not_empty(name, value)
    regex(name, value)


class TopicNameMatches:
    """Those whose topic matches as a whole."""

    config_def = ConfigDef(ConfigKey("pattern", Type.STRING, REQUIRED, "The regular expression.", _check))

    def __init__(self, config: Config) -> None:
        self._pattern = compile_pattern(config.text("pattern"))

    def test(self, record: R) -> bool:
        """Does the topic match?"""
        return self._pattern.fullmatch(record.topic) is not None

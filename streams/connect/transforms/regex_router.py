"""`RegexRouter`: another topic, by a regular expression."""

from __future__ import annotations

from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Type
from streams.connect.java_regex import compile_pattern, expanded
from streams.connect.records import R
from streams.connect.transforms.base import HIGH
from streams.connect.transforms.checks import regex


class RegexRouter:
    """Makes another topic of one that matches as a whole: `regex=(.*)-v1`, `replacement=$1`."""

    config_def = ConfigDef(
        ConfigKey("regex", Type.STRING, REQUIRED, "What topics are looked for.", regex, HIGH),
        ConfigKey("replacement", Type.STRING, REQUIRED, "What becomes of them; $1 is the first group.",
                  importance=HIGH),
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._regex = compile_pattern(config.text("regex"))
        self._replacement = config.text("replacement")
        self._known: dict[str, str] = {}

    def apply(self, record: R) -> R | None:
        """The record with its topic."""
        topic = self._known.get(record.topic)
        if topic is None:
            match = self._regex.fullmatch(record.topic)
            topic = record.topic if match is None else self._expanded(record.topic)
            self._known[record.topic] = topic
        return record if topic == record.topic else record._replace(topic=topic)

    def _expanded(self, topic: str) -> str:
        """The first place where the pattern is found is replaced; for a whole match that need not be all of it."""
        found = self._regex.search(topic)
        assert found is not None
        return topic[: found.start()] + expanded(found, self._replacement) + topic[found.end() :]

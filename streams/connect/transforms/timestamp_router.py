"""`TimestampRouter`: another topic, by the time of a record."""

from __future__ import annotations

from streams.config.table import invalid
from streams.connect.config_def import Config, ConfigDef, ConfigKey, Type
from streams.connect.data.date_format import DateFormat
from streams.connect.errors import DataException
from streams.connect.records import R
from streams.connect.transforms.base import HIGH
from streams.errors import IllegalArgumentException


def _check_format(name: str, value: object) -> None:
    try:
        DateFormat(str(value))
    except IllegalArgumentException as error:
        raise invalid(name, value, str(error)) from None


class TimestampRouter:
    """Makes the topic of a record of its topic and its timestamp, in UTC."""

    config_def = ConfigDef(
        ConfigKey("topic.format", Type.STRING, "${topic}-${timestamp}",
                  "The new topic; ${topic} and ${timestamp} stand for the record's.", importance=HIGH),
        ConfigKey("timestamp.format", Type.STRING, "yyyyMMdd", "The timestamp, as SimpleDateFormat has it.",
                  _check_format, HIGH),
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._topic = config.text("topic.format")
        self._format = DateFormat(config.text("timestamp.format"))

    def apply(self, record: R) -> R | None:
        """The record with its topic."""
        if record.timestamp is None:
            raise DataException(f"Timestamp missing on record: {type(record).__qualname__}{{topic={record.topic}}}")
        moment = self._format.format(record.timestamp)
        topic = self._topic.replace("${topic}", record.topic).replace("${timestamp}", moment)
        return record._replace(topic=topic)

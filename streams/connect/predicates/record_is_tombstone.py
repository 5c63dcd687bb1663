"""`RecordIsTombstone`: records without a value."""

from __future__ import annotations

from streams.connect.config_def import Config, ConfigDef
from streams.connect.records import R


class RecordIsTombstone:
    """Those whose value is None."""

    config_def = ConfigDef()

    def __init__(self, config: Config) -> None: ...

    def test(self, record: R) -> bool:
        """Has it no value?"""
        return record.value is None

"""Connect: from files and databases into topics, and from topics into them, by configuration.

    streams-app connect standalone worker.properties orders.json

A connector of one's own derives from the classes here; `docs/connect.md` shows one.
"""

from __future__ import annotations

from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey
from streams.connect.config_def import Type as ConfigType
from streams.connect.connector import (
    Guarantee,
    SinkConnector,
    SinkTask,
    SinkTaskContext,
    SourceConnector,
    SourceTask,
    SourceTaskContext,
)
from streams.connect.data.schema import Schema, Type
from streams.connect.data.struct import Struct
from streams.connect.errors import ConnectException, DataException, RetriableException
from streams.connect.records import Header, SinkRecord, SourceRecord

__all__ = [
    "REQUIRED",
    "Config",
    "ConfigDef",
    "ConfigKey",
    "ConfigType",
    "ConnectException",
    "DataException",
    "Guarantee",
    "Header",
    "RetriableException",
    "Schema",
    "SinkConnector",
    "SinkRecord",
    "SinkTask",
    "SinkTaskContext",
    "SourceConnector",
    "SourceRecord",
    "SourceTask",
    "SourceTaskContext",
    "Struct",
    "Type",
]

"""What connectors hand over: values with their schemas, as `org.apache.kafka.connect.data`."""

from __future__ import annotations

from streams.connect.data.schema import Field, Schema, Type
from streams.connect.data.struct import Struct

__all__ = ["Field", "Schema", "Struct", "Type"]

"""The records of connectors: what a source hands over, and what a sink is handed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from streams.connect.data.schema import Schema

Parts = Mapping[str, object]
"""What names a part of a source (a file, a table), or a position in one: text, numbers, truth values, None."""


class Header(NamedTuple):
    """A header: its name, its value, and the value's schema."""

    key: str
    value: object
    schema: Schema | None = None


class SourceRecord(NamedTuple):
    """A record that a source has read.

    Args:
        topic: where to.
        value: the value; None is a tombstone.
        value_schema: what it is; None: said by nobody.
        key: the key.
        key_schema: what it is; None: said by nobody.
        partition: the number of a partition; None: the key decides.
        timestamp: milliseconds since the epoch; None: now.
        headers: its headers.
        source_partition: the part of the source that it comes from, such as `{"filename": "a.txt"}`.
        source_offset: where reading goes on behind it, such as `{"position": 17}`. What `poll` returned is stored
            whole, with the last position of each part in it: only the last record of a part needs one.
    """

    topic: str
    value: object
    value_schema: Schema | None = None
    key: object = None
    key_schema: Schema | None = None
    partition: int | None = None
    timestamp: int | None = None
    headers: tuple[Header, ...] = ()
    source_partition: Parts | None = None
    source_offset: Parts | None = None


class SinkRecord(NamedTuple):
    """A record of a topic.

    Args:
        topic: where it comes from, or what a transform has made of that.
        value: the value; None is a tombstone.
        value_schema: what it is; None: the converter knows of none.
        key: the key.
        key_schema: what it is.
        partition: the number of its partition.
        timestamp: milliseconds since the epoch.
        headers: its headers.
        offset: where in its partition it lies.
        original_topic: where it lies, whatever transforms have made of `topic`.
    """

    topic: str
    value: object
    value_schema: Schema | None = None
    key: object = None
    key_schema: Schema | None = None
    partition: int | None = None
    timestamp: int | None = None
    headers: tuple[Header, ...] = ()
    offset: int = -1
    original_topic: str = ""
    original_partition: int = -1


R = TypeVar("R", SourceRecord, SinkRecord)
"""Either kind: a transform gives what it was given."""

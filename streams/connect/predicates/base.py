"""What a predicate is."""

from __future__ import annotations

from typing import ClassVar, Protocol

from streams.connect.config_def import ConfigDef
from streams.connect.records import R


class Predicate(Protocol):
    """Says for which records a transform is applied."""

    config_def: ClassVar[ConfigDef]
    """Its settings, without the prefix `predicates.NAME.`."""

    def test(self, record: R) -> bool:
        """Is it for this record?"""
        ...

"""The log's own clients: `Producer`, `Consumer` and `Admin`, over `local://`, `memory://` and Kafka alike.

The names are imported on first use: who needs the door alone does not pay for them. Kafka's exceptions, of
`streams.errors`, are found here too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from streams import errors

if TYPE_CHECKING:
    from streams.clients.admin import Admin as Admin
    from streams.clients.admin import ConsumerGroupDescription as ConsumerGroupDescription
    from streams.clients.admin import GroupMember as GroupMember
    from streams.clients.admin import PartitionLag as PartitionLag
    from streams.clients.api import ConsumerGroupMetadata as ConsumerGroupMetadata
    from streams.clients.api import GroupListing as GroupListing
    from streams.clients.api import Isolation as Isolation
    from streams.clients.api import OffsetAndTimestamp as OffsetAndTimestamp
    from streams.clients.api import Position as OffsetAndMetadata
    from streams.clients.api import TopicDescription as TopicDescription
    from streams.clients.api import TransactionDescription as TransactionDescription
    from streams.clients.api import TransactionListing as TransactionListing
    from streams.clients.consumer import Consumer as Consumer
    from streams.clients.fetch_buffer import ConsumerRecord as ConsumerRecord
    from streams.clients.producer import Producer as Producer
    from streams.clients.producer import ProducerRecord as ProducerRecord
    from streams.clients.subscriber import ConsumerRebalanceListener as ConsumerRebalanceListener
    from streams.errors import *  # noqa: F403
    from streams.record import RecordMetadata as RecordMetadata
    from streams.record import TopicPartition as TopicPartition

_HOMES = {
    "Admin": ("streams.clients.admin", "Admin"),
    "Consumer": ("streams.clients.consumer", "Consumer"),
    "ConsumerGroupDescription": ("streams.clients.admin", "ConsumerGroupDescription"),
    "ConsumerGroupMetadata": ("streams.clients.api", "ConsumerGroupMetadata"),
    "ConsumerRebalanceListener": ("streams.clients.subscriber", "ConsumerRebalanceListener"),
    "ConsumerRecord": ("streams.clients.fetch_buffer", "ConsumerRecord"),
    "GroupListing": ("streams.clients.api", "GroupListing"),
    "GroupMember": ("streams.clients.admin", "GroupMember"),
    "Isolation": ("streams.clients.api", "Isolation"),
    "OffsetAndMetadata": ("streams.clients.api", "Position"),
    "OffsetAndTimestamp": ("streams.clients.api", "OffsetAndTimestamp"),
    "PartitionLag": ("streams.clients.admin", "PartitionLag"),
    "Producer": ("streams.clients.producer", "Producer"),
    "ProducerRecord": ("streams.clients.producer", "ProducerRecord"),
    "RecordMetadata": ("streams.record", "RecordMetadata"),
    "TopicDescription": ("streams.clients.api", "TopicDescription"),
    "TopicPartition": ("streams.record", "TopicPartition"),
    "TransactionDescription": ("streams.clients.api", "TransactionDescription"),
    "TransactionListing": ("streams.clients.api", "TransactionListing"),
}

__all__ = [
    "Admin", "Consumer", "ConsumerGroupDescription", "ConsumerGroupMetadata", "ConsumerRebalanceListener",
    "ConsumerRecord", "GroupListing", "GroupMember", "Isolation", "OffsetAndMetadata", "OffsetAndTimestamp",
    "PartitionLag", "Producer", "ProducerRecord", "RecordMetadata", "TopicDescription", "TopicPartition",
    "TransactionDescription", "TransactionListing",
]  # fmt: skip


if not TYPE_CHECKING:  # a checker would take every name for one that is there

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None and name.endswith("Exception") and hasattr(errors, name):
            home = ("streams.errors", name)
        if home is None:
            raise AttributeError(f"module 'streams.clients' has no attribute {name!r}.{_meant(name)}")
        thing = getattr(import_module(home[0]), home[1])
        globals()[name] = thing
        return thing


def _meant(name: str) -> str:
    if name.islower() or name.startswith("_"):
        return ""  # a file, which `from streams.clients import file` asks for here before it is imported
    hint: str = import_module("streams.spelling").meant(name, (*_HOMES, *vars(errors)))
    return hint


def __dir__() -> list[str]:
    return list(__all__)

"""The log's own clients: `Producer`, `Consumer` and `Admin`, over `local://`, `memory://` and Kafka alike.

The names are imported on first use: who needs the door alone does not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.clients.admin import Admin as Admin
    from streams.clients.admin import ConsumerGroupDescription as ConsumerGroupDescription
    from streams.clients.admin import GroupMember as GroupMember
    from streams.clients.admin import PartitionLag as PartitionLag
    from streams.clients.api import GroupListing as GroupListing
    from streams.clients.api import Isolation as Isolation
    from streams.clients.api import OffsetAndTimestamp as OffsetAndTimestamp
    from streams.clients.api import Position as OffsetAndMetadata
    from streams.clients.api import TopicDescription as TopicDescription
    from streams.clients.consumer import Consumer as Consumer
    from streams.clients.consumer import ConsumerGroupMetadata as ConsumerGroupMetadata
    from streams.clients.flow import ConsumerRecord as ConsumerRecord
    from streams.clients.producer import Producer as Producer
    from streams.clients.producer import ProducerRecord as ProducerRecord
    from streams.clients.subscriber import ConsumerRebalanceListener as ConsumerRebalanceListener
    from streams.record import RecordMetadata as RecordMetadata
    from streams.record import TopicPartition as TopicPartition

_HOMES = {
    "Admin": ("streams.clients.admin", "Admin"),
    "Consumer": ("streams.clients.consumer", "Consumer"),
    "ConsumerGroupDescription": ("streams.clients.admin", "ConsumerGroupDescription"),
    "ConsumerGroupMetadata": ("streams.clients.consumer", "ConsumerGroupMetadata"),
    "ConsumerRebalanceListener": ("streams.clients.subscriber", "ConsumerRebalanceListener"),
    "ConsumerRecord": ("streams.clients.flow", "ConsumerRecord"),
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
}

__all__ = [
    "Admin", "Consumer", "ConsumerGroupDescription", "ConsumerGroupMetadata", "ConsumerRebalanceListener",
    "ConsumerRecord", "GroupListing", "GroupMember", "Isolation", "OffsetAndMetadata", "OffsetAndTimestamp",
    "PartitionLag", "Producer", "ProducerRecord", "RecordMetadata", "TopicDescription", "TopicPartition",
]  # fmt: skip


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'streams.clients' has no attribute {name!r}")
    thing: object = getattr(import_module(home[0]), home[1])
    globals()[name] = thing
    return thing


def __dir__() -> list[str]:
    return list(__all__)

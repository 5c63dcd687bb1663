"""The log's own clients: `Producer`, `Consumer` and `Admin`, over `local://`, `memory://` and Kafka alike."""

from streams.clients.admin import (
    Admin,
    ConsumerGroupDescription,
    GroupMember,
    PartitionLag,
)
from streams.clients.api import GroupListing, Isolation, OffsetAndTimestamp, TopicDescription
from streams.clients.api import Position as OffsetAndMetadata
from streams.clients.consumer import Consumer, ConsumerGroupMetadata
from streams.clients.flow import ConsumerRecord
from streams.clients.producer import Producer, ProducerRecord
from streams.clients.subscriber import ConsumerRebalanceListener
from streams.record import RecordMetadata, TopicPartition

__all__ = [
    "Admin",
    "Consumer",
    "ConsumerGroupDescription",
    "ConsumerGroupMetadata",
    "ConsumerRebalanceListener",
    "ConsumerRecord",
    "GroupListing",
    "GroupMember",
    "Isolation",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "PartitionLag",
    "Producer",
    "ProducerRecord",
    "RecordMetadata",
    "TopicDescription",
    "TopicPartition",
]

"""Kafka's exceptions, under one root (decision 36).

Java's general exceptions keep their names and are also Python's: whoever catches `ValueError` catches an
`IllegalArgumentException`.
"""

from __future__ import annotations

from typing import ClassVar

from streams.record import TopicPartition


class KafkaException(Exception):
    """Root of all errors raised by streams-app."""

    code: ClassVar[int] = -1
    """Kafka's number of the error that a broker answers with; -1: of none."""


# Java's general exceptions


class IllegalArgumentException(KafkaException, ValueError):
    """An argument has a value that is not allowed."""


class IllegalStateException(KafkaException, RuntimeError):
    """The object is in no state to do that."""


class NullPointerException(KafkaException, TypeError):
    """None was given where a value is needed."""


class NoSuchElementException(KafkaException, LookupError):
    """There is nothing (more) to read."""


class UnsupportedOperationException(KafkaException, NotImplementedError):
    """The operation is not supported here."""


class ClassCastException(KafkaException, TypeError):
    """A value is not of the type that its serde writes.

    `serde`: the serde, where it was one that refused the value; `given`: the value's type.
    """

    serde: str | None = None
    given: str = ""


# Kafka clients


class ConfigException(KafkaException):
    """A setting is missing, unknown or has a wrong value."""

    code = 40


class SerializationException(KafkaException):
    """Bytes could not be made or read by a serde."""


class RecordDeserializationException(SerializationException):
    """A record that was read could not be decoded; `partition` and `offset` say which, to seek past it."""

    def __init__(self, message: str, partition: TopicPartition, offset: int) -> None:
        super().__init__(message)
        self.partition = partition
        self.offset = offset


class RetriableException(KafkaException):
    """The same request may succeed when it is tried again."""


class TimeoutException(RetriableException, TimeoutError):
    """An operation did not end in the time it was given."""

    code = 7


class DisconnectException(RetriableException):
    """The connection to the broker was lost; it is made again at the next try."""


class BackgroundThreadException(KafkaException):
    """A background thread failed, and with it what it did for this client; the cause is what it raised."""


class WakeupException(KafkaException):
    """`wakeup()` was called while a `poll` waited, or before it."""


class InterruptException(KafkaException):
    """The thread was interrupted."""


class AuthorizationException(KafkaException):
    """The broker or the operating system refuses access."""

    code = 58


class InvalidTopicException(KafkaException, ValueError):
    """The topic's name is not allowed."""

    code = 17


class UnknownTopicOrPartitionException(RetriableException):
    """The topic or partition does not exist. `partition` is set where a single one was asked for."""

    code = 3

    def __init__(self, message: str = "", partition: TopicPartition | None = None) -> None:
        super().__init__(message)
        self.partition = partition


class TopicExistsException(KafkaException):
    """A topic of that name exists already."""

    code = 36


class TopicDeletionDisabledException(KafkaException):
    """The broker does not let topics be deleted (`delete.topic.enable`)."""

    code = 73


class PolicyViolationException(KafkaException):
    """The request goes against what the topic's settings say."""

    code = 44


class InvalidPartitionsException(KafkaException, ValueError):
    """The number of partitions is not allowed."""

    code = 37


class InvalidRecordException(KafkaException):
    """A record or batch was refused by the broker."""

    code = 87


class InvalidTimestampException(KafkaException):
    """A record's timestamp is not allowed in its topic."""

    code = 32


class UnsupportedCompressionTypeException(KafkaException):
    """The compression of a batch is not known to the broker, or not built."""

    code = 76


class CorruptRecordException(RetriableException):
    """A batch does not match its checksum."""

    code = 2


class RecordTooLargeException(KafkaException):
    """A record is larger than the topic or the client allows."""

    code = 10


class OffsetOutOfRangeException(KafkaException):
    """A position lies outside the log, and there is no reset policy to move it.

    Attributes:
        partition: where, as far as it is known.
        position: the offset that was asked for.
        log_start, log_end: the offsets between which the log could be read.
    """

    code = 1

    def __init__(
        self,
        message: str = "",
        partition: TopicPartition | None = None,
        position: int = -1,
        log_start: int = -1,
        log_end: int = -1,
    ) -> None:
        super().__init__(message)
        self.partition = partition
        self.position = position
        self.log_start = log_start
        self.log_end = log_end


class NoOffsetForPartitionException(KafkaException):
    """No offset is committed, and `auto.offset.reset` is `none`."""


class LogTruncatedException(KafkaException):
    """The log was cut back below the reader's position (decision 21).

    Attributes:
        partition: where, as far as it is known.
        position: the offset that was asked for.
        diverged_at: the offset from which the reader has seen what is no longer there.
    """

    code = 75

    def __init__(
        self,
        message: str = "",
        partition: TopicPartition | None = None,
        position: int = -1,
        diverged_at: int = -1,
    ) -> None:
        super().__init__(message)
        self.partition = partition
        self.position = position
        self.diverged_at = diverged_at


class KafkaStorageException(RetriableException):
    """The broker's disk refuses (full, failing or marked broken)."""

    code = 56


class CommitFailedException(KafkaException):
    """The commit came from a member that is no longer part of the group."""


class RebalanceInProgressException(RetriableException):
    """The group is rebalancing."""

    code = 27


class IllegalGenerationException(RetriableException):
    """The generation of the group has moved on."""

    code = 22


class UnknownMemberIdException(RetriableException):
    """The coordinator does not know this member."""

    code = 25


class FencedMemberEpochException(KafkaException):
    """The group has put this member out: it must give up all its partitions and join again."""

    code = 110


class FencedInstanceIdException(KafkaException):
    """Another member with the same `group.instance.id` has taken over."""

    code = 82


class InconsistentGroupProtocolException(KafkaException):
    """The member's protocol does not fit the group's."""

    code = 23


class InvalidGroupIdException(KafkaException, ValueError):
    """The group's name is not allowed."""

    code = 24


class GroupIdNotFoundException(KafkaException):
    """There is no such group."""

    code = 69


class GroupNotEmptyException(KafkaException):
    """The group has members."""

    code = 68


class GroupMaxSizeReachedException(KafkaException):
    """The group has as many members as it may have."""

    code = 81


class InconsistentClusterIdException(KafkaException):
    """This is the broker of another data directory, or cluster."""

    code = 104


class InvalidSessionTimeoutException(KafkaException, ValueError):
    """The session timeout is shorter or longer than the coordinator allows."""

    code = 26


class CoordinatorLoadInProgressException(RetriableException):
    """The coordinator is still reading its log."""

    code = 14


class OffsetMetadataTooLargeException(KafkaException):
    """The text committed with an offset is too long."""

    code = 12


class InvalidRequestException(KafkaException):
    """The broker does not understand the request."""

    code = 42


class InvalidRequiredAcksException(KafkaException, ValueError):
    """`acks` has a value that is not allowed."""

    code = 21


class InvalidTxnStateException(KafkaException):
    """The transaction is in no state for that."""

    code = 48


class OutOfOrderSequenceException(KafkaException):
    """A producer's sequence has a gap."""

    code = 45


class UnknownProducerIdException(OutOfOrderSequenceException):
    """The broker has nothing (any more) of this producer."""

    code = 59


class DuplicateSequenceException(RetriableException):
    """A batch was sent again; the log has it."""

    code = 46


class InvalidProducerEpochException(KafkaException):
    """The producer's epoch is older than the broker's."""

    code = 47


class ProducerFencedException(KafkaException):
    """A newer producer with the same transactional id has taken over."""


class UnsupportedVersionException(KafkaException):
    """The other side speaks no version that we speak, or data is of a newer version."""

    code = 35


class BrokerNotFoundException(KafkaException):
    """No broker could be reached or started."""


# Kafka Streams


class StreamsException(KafkaException):
    """Something went wrong while a stream was processed."""


class TopologyException(StreamsException):
    """The topology is wrong. The message starts with `Invalid topology: `, as Java's does."""

    def __init__(self, message: str) -> None:
        super().__init__(f"Invalid topology: {message}")


class TaskMigratedException(StreamsException):
    """The task now belongs to another member."""


class TaskCorruptedException(StreamsException):
    """A task's state cannot be trusted and is built anew."""


class TaskAssignmentException(StreamsException):
    """Tasks could not be assigned."""


class TaskIdFormatException(StreamsException):
    """A text is no task id."""


class ProcessorStateException(StreamsException):
    """A state store failed."""


class LockException(StreamsException):
    """A state directory is locked by another instance."""


class MissingSourceTopicException(StreamsException):
    """A source topic does not exist."""


class InvalidStateStoreException(StreamsException):
    """The state store cannot be queried (now)."""


class UnknownStateStoreException(InvalidStateStoreException):
    """There is no state store of that name."""


class StreamsNotStartedException(InvalidStateStoreException):
    """The application has not been started."""


class StreamsStoppedException(InvalidStateStoreException):
    """The application has been stopped."""


class NotYetBuiltException(UnsupportedOperationException):
    """Known, but not built yet; refused by name rather than accepted and ignored (decision 38)."""

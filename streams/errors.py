"""Kafka's exceptions, under one root (decision 36).

Java's general exceptions keep their names and are also Python's: whoever catches `ValueError` catches an
`IllegalArgumentException`.
"""

from __future__ import annotations

from typing import ClassVar

from streams.record import TopicPartition

BY_CODE: dict[int, type[KafkaException]] = {}
"""The exception that each of Kafka's numbers means: what comes from a broker is raised by it."""


class KafkaException(Exception):
    """Root of all errors raised by streams-app.

    `code`: the error's number in Kafka's protocol; -1 (`UNKNOWN_SERVER_ERROR`) where Kafka has none of its own.
    """

    code: ClassVar[int] = -1

    def __init_subclass__(cls, code: int | None = None) -> None:
        if code is not None:
            cls.code = code
            BY_CODE[code] = cls


BY_CODE[KafkaException.code] = KafkaException


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


class ConfigException(KafkaException, code=40):
    """A setting is missing, unknown or has a wrong value."""


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


class TimeoutException(RetriableException, TimeoutError, code=7):
    """An operation did not end in the time it was given."""


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


class AuthenticationException(AuthorizationException):
    """The broker, or this client, does not believe that the other is who it says. Java's has another root; here who
    catches that access is refused catches it too."""


class SaslAuthenticationException(AuthenticationException, code=58):
    """The broker does not let this client in: user, password or token are missing or wrong."""


class SslAuthenticationException(AuthenticationException):
    """There is no TLS: one side does not trust the other's certificate, or does not speak TLS."""


class TopicAuthorizationException(AuthorizationException, code=29):
    """This client may not do that with the topic."""


class GroupAuthorizationException(AuthorizationException, code=30):
    """This client may not do that with the group."""


class ClusterAuthorizationException(AuthorizationException, code=31):
    """This client may not do that with the cluster."""


class TransactionalIdAuthorizationException(AuthorizationException, code=53):
    """This client may not write under that transactional id."""


class InvalidTopicException(KafkaException, ValueError, code=17):
    """The topic's name is not allowed."""


class UnknownTopicOrPartitionException(RetriableException, code=3):
    """The topic or partition does not exist. `partition` is set where a single one was asked for."""

    def __init__(self, message: str = "", partition: TopicPartition | None = None) -> None:
        super().__init__(message)
        self.partition = partition


class TopicExistsException(KafkaException, code=36):
    """A topic of that name exists already."""


class TopicDeletionDisabledException(KafkaException, code=73):
    """The broker does not let topics be deleted (`delete.topic.enable`)."""


class PolicyViolationException(KafkaException, code=44):
    """The request goes against what the topic's settings say."""


class InvalidPartitionsException(KafkaException, ValueError, code=37):
    """The number of partitions is not allowed."""


class InvalidRecordException(KafkaException, code=87):
    """A record or batch was refused by the broker."""


class InvalidTimestampException(KafkaException, code=32):
    """A record's timestamp is not allowed in its topic."""


class UnsupportedCompressionTypeException(KafkaException, code=76):
    """The compression of a batch is not known to the broker, or not built."""


class CorruptRecordException(RetriableException, code=2):
    """A batch does not match its checksum."""


class RecordTooLargeException(KafkaException, code=10):
    """A record is larger than the topic or the client allows."""


class OffsetOutOfRangeException(KafkaException, code=1):
    """A position lies outside the log, and there is no reset policy to move it.

    Attributes:
        partition: where, as far as it is known.
        position: the offset that was asked for.
        log_start, log_end: the offsets between which the log could be read.
    """

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


class LogTruncatedException(KafkaException, code=75):
    """The log was cut back below the reader's position (decision 21).

    Attributes:
        partition: where, as far as it is known.
        position: the offset that was asked for.
        diverged_at: the offset from which the reader has seen what is no longer there.
    """

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


class KafkaStorageException(RetriableException, code=56):
    """The broker's disk refuses (full, failing or marked broken)."""


class CommitFailedException(KafkaException):
    """The commit came from a member that is no longer part of the group."""


class RebalanceInProgressException(RetriableException, code=27):
    """The group is rebalancing."""


class IllegalGenerationException(RetriableException, code=22):
    """The generation of the group has moved on."""


class UnknownMemberIdException(RetriableException, code=25):
    """The coordinator does not know this member."""


class FencedMemberEpochException(KafkaException, code=110):
    """The group has put this member out: it must give up all its partitions and join again."""


class FencedInstanceIdException(KafkaException, code=82):
    """Another member with the same `group.instance.id` has taken over."""


class InconsistentGroupProtocolException(KafkaException, code=23):
    """The member's protocol does not fit the group's."""


class InvalidGroupIdException(KafkaException, ValueError, code=24):
    """The group's name is not allowed."""


class GroupIdNotFoundException(KafkaException, code=69):
    """There is no such group."""


class GroupNotEmptyException(KafkaException, code=68):
    """The group has members."""


class GroupMaxSizeReachedException(KafkaException, code=81):
    """The group has as many members as it may have."""


class InconsistentClusterIdException(KafkaException, code=104):
    """This is the broker of another data directory, or cluster."""


class InvalidSessionTimeoutException(KafkaException, ValueError, code=26):
    """The session timeout is shorter or longer than the coordinator allows."""


class LeaderNotAvailableException(RetriableException, code=5):
    """The partition has no leader at present."""


class NotLeaderOrFollowerException(RetriableException, code=6):
    """Another broker leads the partition by now."""


class ReplicaNotAvailableException(RetriableException, code=9):
    """The broker does not have the partition (yet)."""


class NetworkException(RetriableException, code=13):
    """The broker was not reached."""


class CoordinatorNotAvailableException(RetriableException, code=15):
    """The group or the transactional id has no coordinator at present."""


class NotCoordinatorException(RetriableException, code=16):
    """Another broker is the coordinator by now."""


class NotEnoughReplicasException(RetriableException, code=19):
    """Fewer replicas are in sync than `min.insync.replicas` asks for."""


class NotEnoughReplicasAfterAppendException(RetriableException, code=20):
    """It was written, but to fewer replicas than `min.insync.replicas` asks for."""


class InvalidReplicationFactorException(KafkaException, ValueError, code=38):
    """There are not as many brokers as a topic is to have replicas."""


class NotControllerException(RetriableException, code=41):
    """Another broker is the controller by now."""


class ListenerNotFoundException(RetriableException, code=72):
    """The leader has no listener of that name."""


class FencedLeaderEpochException(RetriableException, code=74):
    """The partition has another leader by now."""


class OffsetNotAvailableException(RetriableException, code=78):
    """The leader does not know yet how far all replicas have the partition."""


class CoordinatorLoadInProgressException(RetriableException, code=14):
    """The coordinator is still reading its log."""


class OffsetMetadataTooLargeException(KafkaException, code=12):
    """The text committed with an offset is too long."""


class InvalidRequestException(KafkaException, code=42):
    """The broker does not understand the request."""


class InvalidRequiredAcksException(KafkaException, ValueError, code=21):
    """`acks` has a value that is not allowed."""


class InvalidTxnStateException(KafkaException, code=48):
    """The transaction is in no state for that."""


class InvalidPidMappingException(KafkaException, code=49):
    """The transactional id is not initialised, or was forgotten since its last use."""


class InvalidTxnTimeoutException(KafkaException, ValueError, code=50):
    """The timeout of the transactions is above the broker's bound (`transaction.max.timeout.ms`)."""


class ConcurrentTransactionsException(RetriableException, code=51):
    """The transaction before this one is still being ended."""


class UnstableOffsetCommitException(RetriableException, code=88):
    """Offsets hang on a transaction that has not ended."""


class TransactionAbortableException(KafkaException, code=120):
    """The transaction cannot be committed; abort it, and go on with the next."""


class TransactionAbortedException(KafkaException):
    """The record was not stored: the transaction that it belonged to was aborted."""


class TransactionalIdNotFoundException(KafkaException, code=105):
    """There is no such transactional id."""


class OutOfOrderSequenceException(KafkaException, code=45):
    """A producer's sequence has a gap."""


class UnknownProducerIdException(OutOfOrderSequenceException, code=59):
    """The broker has nothing (any more) of this producer."""


class DuplicateSequenceException(RetriableException, code=46):
    """A batch was sent again; the log has it."""


class InvalidProducerEpochException(KafkaException, code=47):
    """The producer's epoch is older than the broker's."""


class ProducerFencedException(KafkaException, code=90):
    """A newer producer with the same transactional id has taken over."""


class UnsupportedVersionException(KafkaException, code=35):
    """The other side speaks no version that we speak, or data is of a newer version."""


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


class RetryAfterException(InvalidStateStoreException):
    """Nobody can tell now; ask again.

    Args:
        message: why.
        seconds: when it is worth to ask again.
    """

    def __init__(self, message: str, seconds: float = 1.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class StreamsRebalancingException(RetryAfterException):
    """The store is on its way: tasks are handed out, or their state is restored."""


class StateStoreMigratedException(RetryAfterException):
    """The store's task has moved, or its worker does not know whether it has."""


class InvalidStateStorePartitionException(InvalidStateStoreException):
    """The partition of the store is not at this instance."""


class StreamsNotStartedException(InvalidStateStoreException):
    """The application has not been started."""


class StreamsStoppedException(InvalidStateStoreException):
    """The application has been stopped."""


class NotYetBuiltException(UnsupportedOperationException):
    """Known, but not built yet; refused by name rather than accepted and ignored (decision 38)."""

"""From the broker's numbers to the exceptions of `streams.errors`: the one table."""

from __future__ import annotations

from collections.abc import Mapping

from broker_local.base.error_codes import ErrorCode
from broker_local.host.client import RequestFailed
from streams.errors import (
    AuthorizationException,
    ConfigException,
    CoordinatorLoadInProgressException,
    CorruptRecordException,
    DuplicateSequenceException,
    FencedInstanceIdException,
    FencedMemberEpochException,
    GroupIdNotFoundException,
    GroupMaxSizeReachedException,
    GroupNotEmptyException,
    IllegalGenerationException,
    InconsistentClusterIdException,
    InconsistentGroupProtocolException,
    InvalidGroupIdException,
    InvalidPartitionsException,
    InvalidProducerEpochException,
    InvalidRecordException,
    InvalidRequestException,
    InvalidRequiredAcksException,
    InvalidSessionTimeoutException,
    InvalidTimestampException,
    InvalidTopicException,
    InvalidTxnStateException,
    KafkaException,
    KafkaStorageException,
    LogTruncatedException,
    OffsetMetadataTooLargeException,
    OffsetOutOfRangeException,
    OutOfOrderSequenceException,
    PolicyViolationException,
    RebalanceInProgressException,
    RecordTooLargeException,
    TimeoutException,
    TopicDeletionDisabledException,
    TopicExistsException,
    UnknownMemberIdException,
    UnknownProducerIdException,
    UnknownTopicOrPartitionException,
    UnsupportedCompressionTypeException,
    UnsupportedVersionException,
)
from streams.record import TopicPartition

EXCEPTIONS: Mapping[ErrorCode, type[KafkaException]] = {
    ErrorCode.UNKNOWN_SERVER_ERROR: KafkaException,
    ErrorCode.OFFSET_OUT_OF_RANGE: OffsetOutOfRangeException,
    ErrorCode.CORRUPT_MESSAGE: CorruptRecordException,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: UnknownTopicOrPartitionException,
    ErrorCode.REQUEST_TIMED_OUT: TimeoutException,
    ErrorCode.MESSAGE_TOO_LARGE: RecordTooLargeException,
    ErrorCode.OFFSET_METADATA_TOO_LARGE: OffsetMetadataTooLargeException,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS: CoordinatorLoadInProgressException,
    ErrorCode.INVALID_TOPIC_EXCEPTION: InvalidTopicException,
    ErrorCode.INVALID_REQUIRED_ACKS: InvalidRequiredAcksException,
    ErrorCode.ILLEGAL_GENERATION: IllegalGenerationException,
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL: InconsistentGroupProtocolException,
    ErrorCode.INVALID_GROUP_ID: InvalidGroupIdException,
    ErrorCode.UNKNOWN_MEMBER_ID: UnknownMemberIdException,
    ErrorCode.INVALID_SESSION_TIMEOUT: InvalidSessionTimeoutException,
    ErrorCode.REBALANCE_IN_PROGRESS: RebalanceInProgressException,
    ErrorCode.UNSUPPORTED_VERSION: UnsupportedVersionException,
    ErrorCode.TOPIC_ALREADY_EXISTS: TopicExistsException,
    ErrorCode.TOPIC_DELETION_DISABLED: TopicDeletionDisabledException,
    ErrorCode.INVALID_PARTITIONS: InvalidPartitionsException,
    ErrorCode.INVALID_CONFIG: ConfigException,
    ErrorCode.INVALID_REQUEST: InvalidRequestException,
    ErrorCode.POLICY_VIOLATION: PolicyViolationException,
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER: OutOfOrderSequenceException,
    ErrorCode.DUPLICATE_SEQUENCE_NUMBER: DuplicateSequenceException,
    ErrorCode.INVALID_PRODUCER_EPOCH: InvalidProducerEpochException,
    ErrorCode.INVALID_TXN_STATE: InvalidTxnStateException,
    ErrorCode.KAFKA_STORAGE_ERROR: KafkaStorageException,
    ErrorCode.SASL_AUTHENTICATION_FAILED: AuthorizationException,
    ErrorCode.UNKNOWN_PRODUCER_ID: UnknownProducerIdException,
    ErrorCode.NON_EMPTY_GROUP: GroupNotEmptyException,
    ErrorCode.GROUP_ID_NOT_FOUND: GroupIdNotFoundException,
    ErrorCode.UNKNOWN_LEADER_EPOCH: LogTruncatedException,
    ErrorCode.GROUP_MAX_SIZE_REACHED: GroupMaxSizeReachedException,
    ErrorCode.FENCED_INSTANCE_ID: FencedInstanceIdException,
    ErrorCode.INVALID_TIMESTAMP: InvalidTimestampException,
    ErrorCode.UNSUPPORTED_COMPRESSION_TYPE: UnsupportedCompressionTypeException,
    ErrorCode.INVALID_RECORD: InvalidRecordException,
    ErrorCode.INCONSISTENT_CLUSTER_ID: InconsistentClusterIdException,
    ErrorCode.FENCED_MEMBER_EPOCH: FencedMemberEpochException,
}


def exception(code: int, message: str, where: TopicPartition | str = "") -> KafkaException:
    """The exception for an error number of the broker.

    Args:
        code: the number, not 0.
        message: the broker's text, or "".
        where: the topic, partition or group, put before the text.
    """
    kind = EXCEPTIONS.get(ErrorCode(code)) if code in ErrorCode._value2member_map_ else None
    if kind is None:
        return KafkaException(f"{where}: the broker answered with the unknown error {code}: {message}")
    text = message or (kind.__doc__ or "").partition("\n")[0]
    failed = kind(f"{where}: {text}" if where else text)
    if isinstance(failed, UnknownTopicOrPartitionException) and isinstance(where, TopicPartition):
        failed.partition = where
    return failed


def of(failed: RequestFailed, where: TopicPartition | str = "") -> KafkaException:
    """The exception for a request that failed as a whole."""
    return exception(failed.error, failed.failure.message, where)

"""The door: what the framework and the public clients need of a log engine, in bytes and batches.

A `Door` leads to one engine (the bundled one or, later, Apache Kafka). Everything behind it reconnects by
itself: what was acknowledged is there, what was not is sent again, once. Each object is used by one thread at
a time; only `wake` may be called by another meanwhile.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from streams.config.clients import CONSUMER, FETCH_BYTES, PRODUCER, ClientConfig
from streams.errors import (
    InvalidPidMappingException,
    InvalidProducerEpochException,
    InvalidRecordException,
    InvalidTimestampException,
    InvalidTxnStateException,
    KafkaException,
    ProducerFencedException,
    RecordTooLargeException,
)
from streams.record import RecordBatch, TopicPartition
from streams.world import World


class Isolation(enum.Enum):
    """What a reader is shown of open and aborted transactions; the values are those of `isolation.level`."""

    READ_UNCOMMITTED = "read_uncommitted"
    READ_COMMITTED = "read_committed"


# Reading


Troubled = Callable[[str, str], None]
"""Takes the kind and the words of what keeps a client from its work for the moment; called again while it lasts."""


def nobody(cause: str, words: str) -> None:
    """A `Troubled` where nobody wants to know."""


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How a reader asks. Sizes are in bytes, as the records are stored.

    Args:
        max_wait_ms: how long the engine keeps a request that finds nothing (`fetch.max.wait.ms`).
        min_bytes: how much it waits for (`fetch.min.bytes`).
        max_bytes: most that one answer holds (`fetch.max.bytes`); one batch is always given.
        max_partition_bytes: most of one partition in it (`max.partition.fetch.bytes`).
        troubled: takes cause and words of what is tried again and again.
    """

    max_wait_ms: int
    min_bytes: int
    max_bytes: int
    max_partition_bytes: int
    troubled: Troubled

    @classmethod
    def of(cls, config: ClientConfig, troubled: Troubled = nobody) -> ReaderSettings:
        """From the settings of a consumer."""
        return cls(
            config.number("fetch.max.wait.ms"),
            config.number("fetch.min.bytes"),
            config.number("fetch.max.bytes"),
            config.number("max.partition.fetch.bytes"),
            troubled,
        )


READER_DEFAULTS = ReaderSettings.of(ClientConfig(CONSUMER, {"fetch.max.bytes": FETCH_BYTES}))
"""How an application reads where it is not told: changelogs, global tables."""


class Fetched(NamedTuple):
    """What one poll brought for one partition.

    `batch` is None where there is only news. `caught_up_at` is the position at which the end of the partition
    was reached (decision 4), None while more is known to follow. `log_start` is the first offset still there,
    `log_epoch` the number of the log's life (decision 21), on Kafka of the leader that wrote the last record; -1: it
    is not told.

    The two ends of a log are told apart. `readable_end` is the offset after the last record that this reader may see:
    with READ_COMMITTED an open transaction holds it back. `log_end` is where the next batch will lie, whatever may be
    seen of the log (-1: the engine does not say): only from it can be told that a log has no more.

    Below `tombstones_gone` compaction has removed tombstones: whoever stopped reading below it may keep deleted keys
    (decision 22).
    """

    partition: TopicPartition
    batch: RecordBatch | None
    caught_up_at: int | None
    log_start: int
    log_epoch: int
    readable_end: int = -1
    tombstones_gone: int = 0
    log_end: int = -1


class LogEnd(NamedTuple):
    """The end of a log, the number of its life, and the offset up to which the log of the epoch that was asked for
    has the same records: what that epoch had behind it was cut off in a power cut (decision 21), or by the unclean
    election of a leader, and there may be other records by now. Where the epoch still goes on that is the end."""

    offset: int
    log_epoch: int
    agrees_to: int


class Reader(Protocol):
    """Reads any number of partitions; one long poll over all positions is always outstanding."""

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        """Adds partitions, or moves them: reading goes on at these offsets; what was fetched before is lost.

        A paused partition stays paused.
        """
        ...

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Forgets partitions, with what was fetched of them; unknown ones are passed over."""
        ...

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Delivers nothing more of these partitions until `resume`; their positions stay."""
        ...

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Takes back `pause`."""
        ...

    def poll(self, timeout_ms: int) -> list[Fetched]:
        """Returns what has arrived; waits up to `timeout_ms` milliseconds where nothing has.

        Returns an empty list at the timeout, after `wake`, and where there is nothing to read.

        Raises:
            OffsetOutOfRangeException: a position lies outside the log. The exception carries `partition`,
                `position`, `log_start` and `log_end`; the partition rests until `seek`.
            LogTruncatedException: the log was cut back below the position. It carries `partition`, `position`
                and `diverged_at`; the partition rests until `seek`.
            UnknownTopicOrPartitionException: the partition was deleted. It carries `partition`, which rests.
            CorruptRecordException: a batch is damaged; it is not delivered, and the partition rests.
        """
        ...

    def wake(self) -> None:
        """Ends a waiting `poll`, or the next one, at once. The only method that another thread may call."""
        ...

    def close(self) -> None:
        """Gives the connection back. A second call does nothing."""
        ...


# Writing


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """How a writer sends.

    Args:
        acks: -1 (all), 1, or 0: nothing is answered, and whatever is lost is lost.
        idempotent: batches bear producer id and sequence, so that one sent again is stored once. Needs
            `acks` -1.
        delivery_timeout_ms: how long a batch is tried before it fails with a `TimeoutException`.
        retry_backoff_ms: the pause before it is tried again.
        max_bytes_out: `send` waits while more bytes than this are without an answer.
        metadata_timeout_ms: how long a topic's partitions are asked for.
        metadata_max_age_ms: how long the answer is believed.
        troubled: takes cause and words of what is tried again and again.
    """

    acks: int
    idempotent: bool
    delivery_timeout_ms: int
    retry_backoff_ms: int
    max_bytes_out: int
    metadata_timeout_ms: int
    metadata_max_age_ms: int
    troubled: Troubled

    @classmethod
    def of(cls, config: ClientConfig, troubled: Troubled = nobody) -> WriterSettings:
        """From the settings of a producer."""
        return cls(
            {"all": -1, "-1": -1, "0": 0, "1": 1}[config.text("acks")],
            bool(config["enable.idempotence"]),
            config.number("delivery.timeout.ms"),
            config.number("retry.backoff.ms"),
            2 * config.number("buffer.memory"),  # what waits in the producer, and as much again on its way
            config.number("max.block.ms"),
            config.number("metadata.max.age.ms"),
            troubled,
        )


WRITER_DEFAULTS = WriterSettings.of(ClientConfig(PRODUCER, {}))


OF_ONE_RECORD = (InvalidRecordException, InvalidTimestampException, RecordTooLargeException)
"""What a batch is refused with for what records in it are. The others can be sent without them, and a transaction be
committed."""
FENCED = (
    ProducerFencedException,
    InvalidProducerEpochException,
    InvalidPidMappingException,
    InvalidTxnStateException,
)
"""Whoever is told one of these writes nothing more under its identity: another has its transactional id, or the engine
has ended its transaction."""


class Sent(NamedTuple):
    """The fate of one batch, or of a part of it: offset and timestamp (ms) of its first record, or the error that
    ended it.

    The part is so many `records` from index `first` on, by default (-1) all.

    `timestamp` is the log's append time where the topic says `LogAppendTime`, else -1: the records' own hold.
    `base_offset` is -1 where the engine was not asked for an answer (`acks` 0). `log_epoch`: in that life of the log,
    or a later one, all before it and it itself lie in the log (-1: it is not told).
    """

    partition: TopicPartition
    base_offset: int
    timestamp: int
    error: KafkaException | None
    first: int = 0
    records: int = -1
    log_epoch: int = -1

    def part(self, whole: int) -> slice:
        """Which records it is about, of a batch of so many."""
        return slice(self.first, whole if self.records < 0 else self.first + self.records)


class GroupMember(NamedTuple):
    """In whose name something is written: a member of a group, and its `group.instance.id` if it has one."""

    group: str
    member_id: str
    instance_id: str | None = None


class Writer(Protocol):
    """Appends batches, idempotently; the order of batches within a partition is kept through retries."""

    def bind(self, member: GroupMember | None) -> None:
        """What is sent from now on bears this member's name, through every retry, connection and producer id.

        From the moment the group has put the member out the engine takes nothing that bears its name: batches end
        with a `FencedMemberEpochException`, or with a `FencedInstanceIdException` where another member has the same
        instance id. None: in nobody's name, as at the start. An engine that cannot tell takes everything.
        """
        ...

    def abort(self) -> int:
        """Forgets every batch without an answer: none is sent again, no `done` of theirs is called. How many?"""
        ...

    def partitions_for(self, topic: str) -> int:
        """How many partitions the topic has; makes the topic with the engine's default where it is missing.

        Raises:
            InvalidTopicException: the name is not allowed.
            TimeoutException: the engine gave no answer.
        """
        ...

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        """Sends a batch. `done` is called with the outcome, inside a later `send`, `await_acks` or `close`: once, or,
        where the engine refuses the batch for what single records are (too large, no key, a time out of range), once
        for each part of it, so that a bad record fails alone.

        The offsets of the batch are not looked at. Waits only where too many batches are in flight. Retriable
        errors and lost connections are retried until the delivery timeout; `done` is told only the last word.
        """
        ...

    def await_acks(self, timeout_ms: int) -> int:
        """Delivers acknowledgements that have arrived; waits up to `timeout_ms` until none is missing.

        Returns how many batches are still without an answer. Returns early after `wake`.
        """
        ...

    def next_due(self) -> int:
        """When `await_acks` has work without an answer, in ms of the monotonic clock (2**63 - 1: never)."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable when acknowledgements are there, -1 where there is no connection."""
        ...

    def wake(self) -> None:
        """Ends a waiting `await_acks`. The only method that another thread may call."""
        ...

    def close(self) -> None:
        """Gives the connection back; batches without an answer end with a `DisconnectException`."""
        ...


# Groups


class Position(NamedTuple):
    """A committed position: the offset of the next record to be read, and text of the committer's own."""

    offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class ConsumerGroupMetadata:
    """Who commits positions for a group: a member in its generation, or, without a member id and in generation -1,
    somebody who assigns partitions by hand."""

    group_id: str
    generation_id: int = -1
    member_id: str = ""
    group_instance_id: str | None = None


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Asks to become, or stay, a member. `protocols` are names with each one's metadata, the best first.

    `member_id` is empty for a new member. Answered by `JoinGroupReply`, when all members have joined.
    """

    group: str
    member_id: str
    instance_id: str | None
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class SyncGroup:
    """Asks for the member's own assignment; the leader brings everybody's. Answered by `SyncGroupReply`."""

    group: str
    member_id: str
    instance_id: str | None
    generation: int
    assignments: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Says that the member lives. Answered by `HeartbeatReply`."""

    group: str
    member_id: str
    instance_id: str | None
    generation: int
    status: bytes = b""
    """What the member tells of itself, at most 1 kB; an engine that has no place for it lets it go."""


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """Ends the membership. Answered by `LeaveGroupReply`."""

    group: str
    member_id: str
    instance_id: str | None
    status: bytes = b""
    """As in `Heartbeat`: its last words."""


@dataclass(frozen=True, slots=True)
class CommitOffsets:
    """Commits positions. Answered by `CommitOffsetsReply`.

    Outside of any membership `member_id` is empty and `generation` -1.
    """

    group: str
    member_id: str
    instance_id: str | None
    generation: int
    offsets: Mapping[TopicPartition, Position]


@dataclass(frozen=True, slots=True)
class FetchOffsets:
    """Asks for committed positions; None: all that the group has committed. Answered by `FetchOffsetsReply`, and with
    `require_stable` not before every transaction has ended that would commit something else for them."""

    group: str
    partitions: tuple[TopicPartition, ...] | None
    require_stable: bool = False


GroupRequest = JoinGroup | SyncGroup | Heartbeat | LeaveGroup | CommitOffsets | FetchOffsets


@dataclass(frozen=True, slots=True)
class JoinGroupReply:
    """The answer to `JoinGroup`. `members` (metadata by member id) is filled for the leader only.

    `skip_assignment`: the leader has come back as the static member it was, and is to sync without a plan.
    """

    error: KafkaException | None
    member_id: str = ""
    generation: int = -1
    leader: str = ""
    protocol: str = ""
    members: Mapping[str, bytes] = field(default_factory=dict)
    skip_assignment: bool = False


@dataclass(frozen=True, slots=True)
class SyncGroupReply:
    """The answer to `SyncGroup`."""

    error: KafkaException | None
    assignment: bytes = b""


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """The answer to `Heartbeat`."""

    error: KafkaException | None


@dataclass(frozen=True, slots=True)
class LeaveGroupReply:
    """The answer to `LeaveGroup`."""

    error: KafkaException | None


@dataclass(frozen=True, slots=True)
class CommitOffsetsReply:
    """The answer to `CommitOffsets`: `error` for the commit as a whole, `errors` for single partitions."""

    error: KafkaException | None
    errors: Mapping[TopicPartition, KafkaException] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchOffsetsReply:
    """The answer to `FetchOffsets`; a partition without a commit is absent."""

    error: KafkaException | None
    offsets: Mapping[TopicPartition, Position] = field(default_factory=dict)


GroupReply = JoinGroupReply | SyncGroupReply | HeartbeatReply | LeaveGroupReply | CommitOffsetsReply | FetchOffsetsReply


FAILED: Mapping[type, Callable[[KafkaException], GroupReply]] = {
    JoinGroup: JoinGroupReply,
    SyncGroup: SyncGroupReply,
    Heartbeat: HeartbeatReply,
    LeaveGroup: LeaveGroupReply,
    CommitOffsets: CommitOffsetsReply,
    FetchOffsets: FetchOffsetsReply,
}
"""How each request is told that it failed as a whole."""


def failed(request: GroupRequest, error: KafkaException) -> GroupReply:
    """The answer that says that the request failed as a whole."""
    return FAILED[type(request)](error)


class GroupLink(Protocol):
    """The way to the group coordinator, for any number of groups and members."""

    def send(self, request: GroupRequest) -> int:
        """Sends a request, never waits for its answer; returns the ticket that the answer will bear.

        Where the connection is lost, or lost later, the answer is a reply of the fitting kind whose `error`
        is a `DisconnectException`; the connection is made anew at the next send.
        """
        ...

    def receive(self, timeout_ms: int) -> list[tuple[int, GroupReply]]:
        """Takes the answers that have arrived, with their tickets; waits up to `timeout_ms` for the first."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable when an answer is there, -1 where there is no connection."""
        ...

    def next_due(self) -> int:
        """When `receive` has work without an answer, in ms of the monotonic clock (2**63 - 1: never)."""
        ...

    def wake(self) -> None:
        """Ends a waiting `receive`, or the next one, at once; the only method for another thread."""
        ...

    def close(self) -> None:
        """Closes the connection, which ends every dynamic member that joined through it."""
        ...


# Transactions


@dataclass(frozen=True, slots=True)
class TransactionSettings:
    """Whose transactions they are, and how long (ms) one may go on before the engine aborts it."""

    transactional_id: str
    timeout_ms: int


class TransactionalWriter(Writer, Protocol):
    """Writes in transactions, one after the other: what is sent between `begin` and `end` is seen together, or not at
    all. Every call that waits is bounded, and says at its end what is known.

    A batch that is never stored fails its transaction: all that is out ends with the same error, so does what is sent
    after it, and only `end(False)` helps. A record that the engine refuses for what it is (see `send`) is told to
    `done` and is not part of the transaction; whether that may be committed without it, its sender decides.

    ProducerFencedException, InvalidProducerEpochException, InvalidPidMappingException and InvalidTxnStateException,
    from any call or batch, are the end of this writer: another one has taken over, or the engine has aborted the
    transaction by itself. What went on is aborted (unless its commit was asked for already: the outcome of that is
    then not known); go on with a new writer and its `init`.
    """

    def init(self, timeout_ms: int) -> None:
        """Becomes the one writer of its transactional id: earlier ones are fenced, and what they left open is aborted
        before this returns. Called again it takes another epoch, and is refused where somebody came in between.

        Raises:
            InvalidTxnTimeoutException: `TransactionSettings.timeout_ms` is above the engine's bound.
            ProducerFencedException: somebody came in between.
            TimeoutException: no answer in time; call it again.
        """
        ...

    def begin(self) -> None:
        """Begins a transaction. The engine hears of it with the first batch, or the first offsets.

        Raises:
            IllegalStateException: `init` has not returned, or a transaction goes on.
        """
        ...

    def send_offsets(
        self, member: ConsumerGroupMetadata, offsets: Mapping[TopicPartition, Position], timeout_ms: int
    ) -> None:
        """Has positions committed with the transaction, and by nothing else.

        Raises:
            UnknownMemberIdException, IllegalGenerationException, FencedInstanceIdException: the member is none any
                more, or of another generation.
            TimeoutException: whether they are part of it is not known.
            KafkaException: after any of these the group's positions have to be sent again, or `end(True)` raises it.
            IllegalStateException: no transaction goes on.
        """
        ...

    def end(self, commit: bool, timeout_ms: int) -> None:
        """Ends the transaction. A commit waits for every acknowledgement first. An abort forgets everything without an
        answer first, and no `done` of that is called. Where nothing was sent the engine is not asked.

        Raises:
            TimeoutException: how it ended is not known, or not all is acknowledged yet. Asked again it is the same
                question, which may not be turned round once a commit may have arrived.
            KafkaException: it cannot be committed: what a batch or an offset failed with. Abort it.
            IllegalStateException: no transaction goes on, or its commit may have arrived.
        """
        ...


# Administration


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic: its name, its id (a new one if it is deleted and made again), partitions and own settings."""

    name: str
    topic_id: str
    partitions: int
    settings: Mapping[str, str]


class OffsetAndTimestamp(NamedTuple):
    """The first record at or after a time: its offset and its timestamp in milliseconds."""

    offset: int
    timestamp: int


class GroupListing(NamedTuple):
    """A group: its name, its state in Kafka's words (`Empty`, `Stable`, ...) and its protocol type."""

    group: str
    state: str
    protocol_type: str


class TransactionListing(NamedTuple):
    """A transactional id: its state in Kafka's words (`Empty`, `Ongoing`, ...), the producer that may write, since when
    its transaction goes on (wall clock, ms; None: none does), and the client id that it was initialised by."""

    transactional_id: str
    state: str
    producer_id: int
    epoch: int
    since: int | None
    holder: str


@dataclass(frozen=True, slots=True)
class TransactionDescription:
    """What goes on under a transactional id.

    Args:
        transactional_id: the id.
        state: Kafka's word.
        producer_id, epoch: who may write.
        timeout_ms: how long a transaction may go on.
        since: wall clock (ms) at which the one that goes on began; None: none does.
        holder: the client id of its producer.
        connected: whether the engine has a connection of that producer.
        member_id: the member of a group in whose name it writes; None: nobody's.
        partitions: what it has written to.
        groups: whose positions are committed with it.
    """

    transactional_id: str
    state: str
    producer_id: int
    epoch: int
    timeout_ms: int
    since: int | None
    holder: str
    connected: bool
    member_id: str | None
    partitions: tuple[TopicPartition, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemberDescription:
    """A member of a group, with the bytes it joined with, the bytes it was assigned and those it tells of itself (b"":
    it tells nothing, or the engine does not know)."""

    member_id: str
    instance_id: str | None
    client_id: str
    host: str
    metadata: bytes
    assignment: bytes
    status: bytes = b""


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """A group as its coordinator sees it, and what it has committed. `departed`: the last words of members that have
    gone."""

    group: str
    state: str
    protocol_type: str
    protocol: str
    generation: int
    leader: str
    members: tuple[MemberDescription, ...]
    offsets: Mapping[TopicPartition, Position]
    departed: tuple[bytes, ...] = ()


class Admin(Protocol):
    """Topics, offsets and groups. Every call waits for the answer.

    Each raises `TimeoutException` where the engine gives none, and the errors named at the call.
    """

    def list_topics(self) -> tuple[str, ...]:
        """The names of all topics, sorted."""
        ...

    def describe_topics(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """Descriptions by name. A topic that does not exist is absent; nothing is created (decision 34)."""
        ...

    def create_topic(
        self, name: str, partitions: int | None, settings: Mapping[str, str]
    ) -> TopicDescription:
        """Makes a topic; `partitions` None is the engine's default.

        Raises:
            TopicExistsException, InvalidTopicException, InvalidPartitionsException, ConfigException.
        """
        ...

    def alter_topic(self, name: str, settings: Mapping[str, str | None]) -> TopicDescription:
        """Changes settings; None takes one back to its default.

        Raises:
            UnknownTopicOrPartitionException, ConfigException.
        """
        ...

    def delete_topic(self, name: str) -> None:
        """Deletes a topic and its records.

        Raises:
            UnknownTopicOrPartitionException: there is none.
        """
        ...

    def add_partitions(self, name: str, total: int) -> TopicDescription:
        """Raises the number of partitions to `total`.

        Raises:
            UnknownTopicOrPartitionException, InvalidPartitionsException: `total` is not more than there are.
        """
        ...

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offsets still there.

        Raises:
            UnknownTopicOrPartitionException.
        """
        ...

    def end_offsets(
        self, partitions: Iterable[TopicPartition], isolation: Isolation
    ) -> dict[TopicPartition, int]:
        """The offsets after the last record that a reader of this isolation may see.

        Raises:
            UnknownTopicOrPartitionException.
        """
        ...

    def offsets_for_times(
        self, times: Mapping[TopicPartition, int], isolation: Isolation = Isolation.READ_UNCOMMITTED
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record at or after each time (ms) that a reader of this isolation may see; None: there is none.

        Raises:
            UnknownTopicOrPartitionException.
        """
        ...

    def log_ends(self, epochs: Mapping[TopicPartition, int]) -> dict[TopicPartition, LogEnd]:
        """Where the next batches will lie, whether or not anybody may read that far yet.

        Args:
            epochs: for each log the epoch in which the asker last saw it (`Fetched.log_epoch`), -1 for none: up to
                where that is the same log is told too. Kafka calls it `OffsetForLeaderEpoch`.
        Raises:
            UnknownTopicOrPartitionException.
        """
        ...

    def delete_records(
        self, before: Mapping[TopicPartition, int], member: GroupMember | None = None
    ) -> dict[TopicPartition, int]:
        """Removes all records below the given offsets (-1: all there are); returns the new first offsets.

        Args:
            before: the offsets.
            member: in whose name, as in `Writer.bind`. They go once the positions committed before are on the disk:
                after a power cut the group stands where there still is something.
        Raises:
            UnknownTopicOrPartitionException, OffsetOutOfRangeException.
            FencedMemberEpochException, FencedInstanceIdException: `member` is none any more.
        """
        ...

    def list_groups(self) -> tuple[GroupListing, ...]:
        """All groups, sorted by name."""
        ...

    def describe_group(self, group: str) -> GroupDescription:
        """A group, its members and its committed positions.

        Raises:
            GroupIdNotFoundException: there is no such group.
        """
        ...

    def alter_group_offsets(self, group: str, offsets: Mapping[TopicPartition, Position]) -> None:
        """Sets committed positions of a group that has no members.

        Raises:
            GroupNotEmptyException: it has members.
        """
        ...

    def delete_group(self, group: str) -> None:
        """Forgets a group and its positions.

        Raises:
            GroupIdNotFoundException, GroupNotEmptyException.
        """
        ...

    def list_transactions(self) -> tuple[TransactionListing, ...]:
        """All transactional ids, sorted."""
        ...

    def describe_transaction(self, transactional_id: str) -> TransactionDescription:
        """What goes on under a transactional id, who holds it and since when.

        Raises:
            TransactionalIdNotFoundException: there is no such id.
        """
        ...

    def abort_transaction(self, transactional_id: str) -> None:
        """Aborts what goes on under a transactional id, and fences its producer.

        Raises:
            TransactionalIdNotFoundException: there is no such id.
            InvalidTxnStateException: nothing goes on under it.
        """
        ...

    def close(self) -> None:
        """Gives the connection back."""
        ...


class Door(Protocol):
    """One log engine, as seen by one client or worker."""

    address: str
    """The engine in full: `local:///absolute/directory` or `memory://NAME`."""

    world: World
    """Time, waiting, threads, ids and chance for all that works over this door."""

    def reader(self, isolation: Isolation, settings: ReaderSettings = READER_DEFAULTS) -> Reader:
        """A new reader with a connection of its own."""
        ...

    def writer(self, settings: WriterSettings = WRITER_DEFAULTS) -> Writer:
        """A new writer with a connection and a producer id of its own."""
        ...

    def transactional_writer(
        self, transaction: TransactionSettings, settings: WriterSettings = WRITER_DEFAULTS
    ) -> TransactionalWriter:
        """A new writer of transactions with a connection of its own; `TransactionalWriter.init` is its first call."""
        ...

    def link(self) -> GroupLink:
        """A new way to the group coordinator with a connection of its own."""
        ...

    def admin(self) -> Admin:
        """The administrative calls, over a connection of their own: one for each thread that asks."""
        ...

    def close(self) -> None:
        """Closes everything that came through this door. A second call does nothing."""
        ...

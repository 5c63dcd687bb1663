"""The public consumer, over any door."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from streams.arguments import function
from streams.clients.api import ConsumerGroupMetadata, Door, OffsetAndTimestamp
from streams.clients.api import Position as OffsetAndMetadata
from streams.clients.connect import connect
from streams.clients.fetch_buffer import ConsumerRecord, FetchBuffer
from streams.clients.group_membership import GroupMembership, Reports
from streams.clients.positions import positions_of
from streams.clients.settings import ConsumerSettings, consumer_settings
from streams.clients.subscriber import ConsumerRebalanceListener, Subscriber
from streams.durations import Duration, Instant, to_ms
from streams.errors import (
    CommitFailedException,
    IllegalArgumentException,
    IllegalGenerationException,
    IllegalStateException,
    InvalidGroupIdException,
    KafkaException,
    LogTruncatedException,
    NoOffsetForPartitionException,
    OffsetOutOfRangeException,
    TimeoutException,
    UnknownMemberIdException,
    UnknownTopicOrPartitionException,
    WakeupException,
)
from streams.names import check_topic
from streams.record import TopicPartition
from streams.spelling import corrects_names
from streams.validation import (
    LARGEST,
    check_whole,
    partition_of,
    partitions_of,
    texts,
    times_of,
)

log = logging.getLogger("streams.clients")

LONGEST_WAIT_MS = 5_000
CLOSE_MS = 30_000
LOOK_UP_MS = 1_000
"""How long a poll waits at least for positions, whatever its own time."""
NO_MEMBER = "(no member)"

Offsets = Mapping[TopicPartition, OffsetAndMetadata]
CommitCallback = Callable[[Offsets, KafkaException | None], None]


@corrects_names
class Consumer:
    """Reads records, alone (`assign`) or as a member of a group (`subscribe`). A context manager: leaving it closes.

    For one thread; only `wakeup` may be called by another. Heartbeats, and commits every `auto.commit.interval.ms`, go
    on beside it while the records are worked on; only who does not poll for `max.poll.interval.ms` is put out of the
    group. As Kafka's `KafkaConsumer`, with the classic protocol and the assignors `range` and `roundrobin`.

    >>> from streams.clients import Consumer, Producer, ProducerRecord
    >>> with Producer(bootstrap_servers="memory://a-bank") as producer:
    ...     future = producer.send(ProducerRecord("payments", b"12", b"alice"))
    >>> with Consumer(
    ...     bootstrap_servers="memory://a-bank", group_id="audit", auto_offset_reset="earliest",
    ...     key_deserializer="string", value_deserializer="json",
    ... ) as consumer:
    ...     consumer.subscribe(["payments"])
    ...     for record in consumer:
    ...         print(record.key, record.value)
    ...         break
    alice 12

    Args:
        config: Kafka's consumer settings by their dotted names (docs/settings.md).
        door: the engine to read from; None: the one that `bootstrap.servers` names.
        keywords: settings by the same names with underscores; durations in ms or `timedelta`, sizes in bytes.
    Raises:
        ConfigException: a setting is unknown or has a wrong value.
        NotYetBuiltException: a setting is known, but not built yet.
    """

    def __init__(
        self, config: Mapping[str, object] | None = None, *, door: Door | None = None, **keywords: object
    ) -> None:
        settings: ConsumerSettings = consumer_settings({} if config is None else config, keywords)
        self._settings = settings
        self._own_door = door is None
        self._door = door or connect(
            settings.bootstrap_servers, settings.client_id, connections=settings.connections
        )
        self._world = self._door.world
        self._reader = self._door.reader(settings.isolation, settings.reader)
        self._admin = self._door.admin()
        self._buffer = FetchBuffer(self._reader, settings.key_deserializer, settings.value_deserializer)
        self._membership: GroupMembership | None = None
        self._subscriber: Subscriber | None = None
        if settings.group is not None:
            reports = Reports(bytes, settings.reader.troubled)
            self._membership = GroupMembership(self._door, settings.member, self._reader.wake, reports)
            self._subscriber = Subscriber(
                self._membership,
                self._admin,
                settings.metadata_max_age_ms,
                self._buffer.assignment,
                self._buffer.assign,
                self._commit_before_giving_up,
            )
            if settings.auto_commit_ms is not None:
                self._membership.commit_by_itself(settings.auto_commit_ms)
        self._assigned_by_hand = False
        self._callbacks_out = 0
        self._patience_ms = settings.member.session_timeout_ms  # of automatic commits that are waited for
        self._wakeup = False  # set by any thread
        self._closed = False
        self._owner: int | None = None
        self._depth = 0

    # What is read

    def subscribe(
        self,
        topics: Iterable[str] | re.Pattern[str] | str,
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        """Reads these topics as a member of the group; replaces an earlier subscription.

        Which of their partitions, the group decides; they come and go while `poll` is called, and `listener` hears of
        it. An empty list is `unsubscribe`.

        >>> import re
        >>> from streams.clients import Consumer
        >>> with Consumer(bootstrap_servers="memory://a-bank", group_id="all") as consumer:
        ...     consumer.subscribe(re.compile("pay.*"))
        ...     while not consumer.assignment():
        ...         records = consumer.poll(100)
        ...     consumer.subscription()
        frozenset({'payments'})

        Args:
            topics: names, or a compiled pattern for whole names; topics made later are found within
                `metadata.max.age.ms`. A topic that does not exist is waited for, never made.
            listener: a `ConsumerRebalanceListener`; called inside `poll`, by the thread that polls.
        Raises:
            InvalidTopicException: no topic may have that name.
            IllegalStateException: partitions are assigned by hand.
            InvalidGroupIdException: there is no `group.id`.
        """
        with self._entered():
            if self._assigned_by_hand:
                raise IllegalStateException(
                    "Subscription to topics, partitions and pattern are mutually exclusive. Unsubscribe first."
                )
            if self._subscriber is None:
                raise _no_group("subscribe")
            if isinstance(topics, re.Pattern):
                self._subscriber.subscribe(frozenset(), topics, listener)
                return
            names = frozenset(map(check_topic, texts(topics, "topics")))
            if not names:
                self.unsubscribe()
                return
            self._subscriber.subscribe(names, None, listener)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Reads these partitions, outside of any membership; replaces an earlier assignment.

        Reading begins at the offset that the group has committed, else where `auto.offset.reset` says; `seek` says
        another. Partitions that were assigned before go on where they are.

        >>> from streams.clients import Consumer, TopicPartition
        >>> with Consumer(bootstrap_servers="memory://a-bank") as consumer:
        ...     consumer.assign([TopicPartition("payments", 0)])
        ...     consumer.seek(TopicPartition("payments", 0), 0)
        ...     [record.offset for record in consumer.poll(1_000)]
        [0]

        Args:
            partitions: all that are to be read; none: nothing is.
        Raises:
            IllegalStateException: topics are subscribed to.
        """
        with self._entered():
            if self._subscriber is not None and self._subscriber.active:
                raise IllegalStateException(
                    "Subscription to topics, partitions and pattern are mutually exclusive. Unsubscribe first."
                )
            wanted = partitions_of(partitions)
            self._assigned_by_hand = bool(wanted)
            self._buffer.assign(wanted)

    def unsubscribe(self) -> None:
        """Reads nothing any more, and leaves the group."""
        with self._entered():
            if self._subscriber is not None and self._subscriber.active:
                self._subscriber.end()
            self._assigned_by_hand = False
            self._buffer.assign(())

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are read at present."""
        return self._buffer.assignment()

    def subscription(self) -> frozenset[str]:
        """The topics that are subscribed to."""
        return frozenset() if self._subscriber is None else self._subscriber.topics

    # Reading

    def poll(self, timeout: Duration = 0) -> list[ConsumerRecord]:
        """Returns records as soon as there are any, at most `max.poll.records`; an empty list at the timeout.

        Joining the group, rebalances, listeners and callbacks of commits happen here. What an earlier poll gave counts
        as dealt with: with `enable.auto.commit` it may be committed from now on.

        Args:
            timeout: how long to wait where there is nothing; a duration, or milliseconds. 0 asks once.
        Returns:
            Records of any of the partitions, those of one in the order of its log. Nothing comes of partitions that are
            paused, and none while the group is between two generations.
        Raises:
            WakeupException: `wakeup` was called.
            NoOffsetForPartitionException: no offset is committed, and `auto.offset.reset` is `none`.
            OffsetOutOfRangeException: a position lies outside the log, and `auto.offset.reset` is `none`.
            RecordDeserializationException: a record cannot be decoded; seek past it.
            IllegalStateException: nothing is subscribed to or assigned.
        """
        return self._poll(timeout, self._settings.max_poll_records)

    def __iter__(self) -> Iterator[ConsumerRecord]:
        """Records one by one, for ever: `for record in consumer`.

        A commit in the loop is of what the loop has got, not of what was fetched. Raises what `poll` raises; `wakeup()`
        ends the loop by its `WakeupException`.
        """
        while True:
            yield from self._poll(LONGEST_WAIT_MS, 1)

    def _poll(self, timeout: Duration, most: int) -> list[ConsumerRecord]:
        with self._entered():
            subscriber = self._subscriber
            member = subscriber is not None and subscriber.active
            if not member and not self._assigned_by_hand:
                raise IllegalStateException("Consumer is not subscribed to any topics or assigned any partitions")
            deadline = int(self._world.monotonic_ms()) + check_whole(to_ms(timeout, "timeout"), "timeout")
            self._mark_safe()
            last = False
            while True:
                self._check_wakeup()
                if subscriber is not None and member:
                    subscriber.step()
                else:
                    self._run_callbacks()
                if not self._positions_are_known(deadline):
                    return []
                records = self._buffer.take(most)
                if records or last:
                    return records
                now = int(self._world.monotonic_ms())
                last = now >= deadline
                self._fetch(max(0, min(deadline - now, self._longest_wait(now))))

    def _longest_wait(self, now: int) -> int:
        due = LONGEST_WAIT_MS
        if self._subscriber is not None and self._subscriber.active:
            due = min(due, self._subscriber.next_due() - now)
        return max(1, due)

    def _fetch(self, timeout_ms: int) -> None:
        try:
            self._buffer.feed(self._reader.poll(timeout_ms))
        except OffsetOutOfRangeException as error:
            if self._settings.reset == "none" or error.partition is None:
                raise
            log.warning("%s It is reset by auto.offset.reset=%s.", error, self._settings.reset)
            self._reset(error.partition, self._settings.reset)
        except LogTruncatedException as error:
            if self._settings.reset == "none" or error.partition is None:
                raise
            log.warning("%s Reading goes on there.", error)
            if error.partition in self._buffer.assignment():
                self._buffer.seek({error.partition: error.diverged_at})
        except UnknownTopicOrPartitionException as error:
            if self._assigned_by_hand:
                raise
            log.warning("%s", error)

    def _reset(self, partition: TopicPartition, how: str) -> None:
        if partition in self._buffer.assignment():
            self._buffer.reset((partition,), how)

    def wakeup(self) -> None:
        """Has the `poll` that waits, or the next one, raise `WakeupException`. From any thread, or a signal."""
        self._wakeup = True
        self._reader.wake()

    def _check_wakeup(self) -> None:
        if self._wakeup:
            self._wakeup = False
            raise WakeupException("wakeup() was called.")

    # Positions

    def _positions_are_known(self, deadline: int) -> bool:
        """Looks up those that are missing, for as long as a poll has time; the next one asks again."""
        left = deadline - int(self._world.monotonic_ms())
        try:
            self._look_up_positions(max(left, LOOK_UP_MS))
        except TimeoutException as error:
            self._settings.reader.troubled(
                "positions",
                f"{str(error).rstrip('.')}. Reading waits for the positions that are committed: those that hang on an "
                "open transaction are known when it ends (`streams-app transactions list` shows who holds it).",
            )
            return False
        return True

    def _look_up_positions(self, timeout_ms: int | None = None) -> None:
        missing = self._buffer.missing()
        if not missing:
            return
        asked = [partition for partition, how in missing.items() if how is None]
        found: dict[TopicPartition, int] = {}
        if self._membership is not None and asked:
            limit = self._settings.api_timeout_ms
            committed = self._membership.committed(asked, limit if timeout_ms is None else min(limit, timeout_ms))
            found = {partition: position.offset for partition, position in committed.items()}
        without = {partition: how for partition, how in missing.items() if partition not in found}
        if self._settings.reset == "none" and (left := [each for each, how in without.items() if how is None]):
            raise NoOffsetForPartitionException(
                f"Undefined offset with no reset policy for partitions: [{', '.join(map(str, left))}]. "
                "Set auto.offset.reset, or seek."
            )
        try:
            for how in ("earliest", "latest"):
                chosen = [each for each, own in without.items() if (own or self._settings.reset) == how]
                found.update(self._ends(chosen, how))
        except UnknownTopicOrPartitionException:
            if self._assigned_by_hand:
                raise
            return  # deleted meanwhile: the group will rebalance
        self._buffer.seek(found)

    def _ends(self, partitions: list[TopicPartition], how: str) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        if how == "earliest":
            return self._admin.beginning_offsets(partitions)
        return self._admin.end_offsets(partitions, self._settings.isolation)

    def position(self, partition: TopicPartition) -> int:
        """The offset of the next record that is handed out; looked up where nothing has been read yet.

        Args:
            partition: one that is assigned.
        Raises:
            UnknownTopicOrPartitionException: it does not exist.
            NoOffsetForPartitionException: no offset is committed, and `auto.offset.reset` is `none`.
            IllegalStateException: the partition is not assigned.
        """
        with self._entered():
            partition = partition_of(partition)
            if self._buffer.position(partition) is None:
                self._look_up_positions()
            position = self._buffer.position(partition)
            if position is None:
                raise UnknownTopicOrPartitionException(f"{partition}: the partition does not exist.")
            return position

    def seek(self, partition: TopicPartition, offset: int | OffsetAndMetadata) -> None:
        """Goes on at this offset. What was fetched of the partition and not handed out yet is dropped.

        One outside of the log is found out by the next `poll`, and reset by `auto.offset.reset`.

        Args:
            partition: one that is assigned.
            offset: of the next record to be handed out.
        Raises:
            IllegalArgumentException: it is negative.
            IllegalStateException: the partition is not assigned.
        """
        with self._entered():
            number = offset.offset if isinstance(offset, OffsetAndMetadata) else offset
            number = check_whole(number, "offset", lowest=-LARGEST)
            if number < 0:
                raise IllegalArgumentException("seek offset must not be a negative number")
            self._buffer.seek({partition_of(partition): number})

    def seek_to_beginning(self, partitions: Iterable[TopicPartition] = ()) -> None:
        """Goes on at the first offset of these partitions, or of all.

        Args:
            partitions: assigned ones; none: all of them.
        Raises:
            IllegalStateException: one is not assigned.
        """
        with self._entered():
            self._buffer.reset(partitions_of(partitions) or self._buffer.assignment(), "earliest")

    def seek_to_end(self, partitions: Iterable[TopicPartition] = ()) -> None:
        """Goes on at the end of these partitions, or of all; the end is looked up at once.

        Args:
            partitions: assigned ones; none: all of them.
        Raises:
            IllegalStateException: one is not assigned.
        """
        with self._entered():
            self._buffer.reset(partitions_of(partitions) or self._buffer.assignment(), "latest")
            self._look_up_positions()

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """`poll` hands out nothing of these partitions until `resume`; positions and membership stay.

        A rebalance that takes a partition away takes the pause with it.

        Args:
            partitions: assigned ones.
        Raises:
            IllegalStateException: one is not assigned; none is paused then.
        """
        with self._entered():
            self._buffer.pause(partitions_of(partitions))

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Takes back `pause`.

        Args:
            partitions: assigned ones, paused or not.
        Raises:
            IllegalStateException: one is not assigned.
        """
        with self._entered():
            self._buffer.resume(partitions_of(partitions))

    def paused(self) -> set[TopicPartition]:
        """The partitions that are paused."""
        return self._buffer.paused()

    def current_lag(self, partition: TopicPartition) -> int | None:
        """How many offsets the position is behind the end that the last fetch saw; None: not known yet.

        Args:
            partition: one that is assigned.
        Raises:
            IllegalStateException: it is not.
        """
        return self._buffer.lag(partition_of(partition))

    # Commits

    def commit_sync(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata | int] | None = None,
        timeout: Duration | None = None,
    ) -> None:
        """Commits, and waits for the group's answer; passing errors are tried again until the time is over.

        >>> from streams.clients import Consumer, TopicPartition
        >>> with Consumer(bootstrap_servers="memory://a-bank", group_id="by-hand") as consumer:
        ...     consumer.commit_sync({TopicPartition("payments", 0): 1})
        ...     consumer.committed([TopicPartition("payments", 0)])[TopicPartition("payments", 0)].offset
        1

        Args:
            offsets: the offset of the *next* record of each partition; None: the positions of all assigned.
            timeout: a duration, or milliseconds; None: `default.api.timeout.ms`.
        Raises:
            CommitFailedException: this consumer is no longer a member of the group.
            RebalanceInProgressException: the group is between two generations; poll, then commit again.
            FencedInstanceIdException: another consumer has the same `group.instance.id`.
            TimeoutException: no answer in time.
            InvalidGroupIdException: there is no `group.id`.
        """
        with self._entered():
            membership = self._group_membership("commit_sync")
            wanted = self._chosen(offsets)
            limit = self._settings.api_timeout_ms if timeout is None else to_ms(timeout, "timeout")
            try:
                membership.commit_now(wanted, limit)
            except (UnknownMemberIdException, IllegalGenerationException) as error:
                raise _commit_failed() from error
            finally:
                self._run_callbacks()

    def commit_async(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata | int] | CommitCallback | None = None,
        callback: CommitCallback | None = None,
    ) -> None:
        """Commits without waiting: `commit_async()`, `commit_async(callback)`, `commit_async(offsets, callback)`.

        It is tried once. Without a callback a failure is a warning in the log; `close` waits for the answers.

        Args:
            offsets: as for `commit_sync`; or the callback, for the positions of all assigned.
            callback: called with the offsets and None or the error, inside a later call of this consumer.
        Raises:
            IllegalArgumentException: the callback is no function of two arguments.
        """
        if callable(offsets):
            if callback is not None:
                raise IllegalArgumentException("commit_async() takes one callback, got two.")
            offsets, callback = None, offsets
        if callback is not None:
            function(callback, "offsets, error", "callback of commit_async()", error=IllegalArgumentException)
        with self._entered():
            membership = self._group_membership("commit_async")
            wanted = self._chosen(offsets)

            def done(error: KafkaException | None) -> None:
                self._callbacks_out -= 1
                if isinstance(error, UnknownMemberIdException | IllegalGenerationException):
                    error = _commit_failed()
                if callback is not None:
                    callback(wanted, error)
                elif error is not None:
                    log.warning("An asynchronous commit of group %s failed: %s", membership.settings.group, error)

            self._callbacks_out += 1
            membership.commit(wanted, done)
            self._run_callbacks()

    def _chosen(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata | int] | None
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        return self._buffer.positions() if offsets is None else positions_of(offsets)

    def _mark_safe(self) -> None:
        """What was handed out before this poll has been dealt with: it may be committed by itself."""
        if self._membership is not None and self._settings.auto_commit_ms is not None:
            self._membership.safe(self._buffer.positions())

    def _commit_before_giving_up(self) -> None:
        if self._membership is None or self._settings.auto_commit_ms is None:
            return
        self._membership.safe({})
        try:
            self._membership.commit_now(self._buffer.positions(), self._patience_ms)
        except KafkaException as error:
            log.warning("The automatic commit of group %s failed: %s", self._settings.group, error)

    def _run_callbacks(self) -> None:
        if self._membership is not None and self._callbacks_out:
            self._membership.run_callbacks()

    def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata | None]:
        """What the group has committed: offset of the next record, and the text beside it; None where nothing is.

        Args:
            partitions: any; they need not be assigned.
        Raises:
            InvalidGroupIdException: there is no `group.id`.
            TimeoutException: no answer in `default.api.timeout.ms`.
        """
        with self._entered():
            membership = self._group_membership("committed")
            wanted = partitions_of(partitions)
            found = membership.committed(wanted, self._settings.api_timeout_ms)
            return {partition: found.get(partition) for partition in wanted}

    def group_metadata(self) -> ConsumerGroupMetadata:
        """Who this consumer is in its group, for `Producer.send_offsets_to_transaction`. It changes with every
        rebalance: take it anew for each transaction. Of a consumer that has not joined yet, or was put out, it names
        no member, and no positions are taken for it.

        Raises:
            InvalidGroupIdException: there is no `group.id`.
        """
        membership = self._group_membership("group_metadata")
        try:
            return membership.metadata()
        except UnknownMemberIdException:  # without any id it would be somebody who assigns by hand
            settings = membership.settings
            return ConsumerGroupMetadata(settings.group, -1, NO_MEMBER, settings.instance_id)

    def _group_membership(self, what: str) -> GroupMembership:
        if self._membership is None:
            raise _no_group(what)
        return self._membership

    # Offsets and topics

    def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets of the first records that are still there.

        Args:
            partitions: any; they need not be assigned.
        Raises:
            UnknownTopicOrPartitionException: one does not exist.
        """
        with self._entered():
            return self._admin.beginning_offsets(partitions_of(partitions))

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets after the last records, as far as `isolation.level` sees them.

        Args:
            partitions: any; they need not be assigned.
        Raises:
            UnknownTopicOrPartitionException: one does not exist.
        """
        with self._entered():
            return self._admin.end_offsets(partitions_of(partitions), self._settings.isolation)

    def offsets_for_times(
        self, times: Mapping[TopicPartition, Instant]
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first record at or after each time; None where there is none.

        Args:
            times: by partition, milliseconds since the epoch or an aware datetime.
        Raises:
            UnknownTopicOrPartitionException: one does not exist.
        """
        with self._entered():
            return self._admin.offsets_for_times(times_of(times), self._settings.isolation)

    def partitions_for(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic; none if it does not exist, and it is not made.

        Args:
            topic: its name.
        """
        with self._entered():
            found = self._admin.describe_topics((check_topic(topic),)).get(topic)
            return [] if found is None else [TopicPartition(topic, each) for each in range(found.partitions)]

    def list_topics(self) -> tuple[str, ...]:
        """The names of all topics."""
        with self._entered():
            return self._admin.list_topics()

    # The end

    def close(self, timeout: Duration = CLOSE_MS) -> None:
        """Commits (if that is automatic), gives the partitions up, leaves the group, closes. Twice does nothing.

        Args:
            timeout: how long answers to commits are waited for, a duration or milliseconds.
        """
        if self._closed:
            return
        with self._entered():
            try:
                self._patience_ms = to_ms(timeout, "timeout")
                deadline = self._world.monotonic_ms() + self._patience_ms
                if self._subscriber is not None and self._subscriber.active:
                    self._subscriber.end()
                elif self._assigned_by_hand:
                    self._commit_before_giving_up()
                while self._membership is not None and self._callbacks_out:
                    left = deadline - self._world.monotonic_ms()
                    if left <= 0:
                        break
                    self._membership.wait(left / 1000)
                    self._membership.run_callbacks()
            finally:
                self._closed = True
                if self._membership is not None:
                    self._membership.close()
                self._reader.close()
                if self._own_door:
                    self._door.close()

    def __enter__(self) -> Consumer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """One thread at a time; listeners and callbacks may come back in."""
        if self._closed:
            raise IllegalStateException("This consumer has already been closed.")
        me = self._world.this_thread()
        if self._owner not in (None, me):
            raise IllegalStateException(
                "Consumer is not safe for multi-threaded access. Use one consumer a thread; only wakeup() may be "
                "called by others."
            )
        self._owner = me
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._owner = None


def _no_group(what: str) -> InvalidGroupIdException:
    return InvalidGroupIdException(
        f"{what}: to use the group management or offset commit APIs, you must provide a valid group.id in the "
        "consumer configuration."
    )


def _commit_failed() -> CommitFailedException:
    return CommitFailedException(
        "Offset commit cannot be completed since the consumer is not part of an active group for auto partition "
        "assignment; it is likely that the consumer was kicked out of the group. Poll more often, or raise "
        "max.poll.interval.ms."
    )

"""Runs a sink's task: reads its share of the topics, hands records over, and commits what the task says is safe.

A task that keeps offsets with its data says at `open` where reading begins, and the group's offsets are for display
only; every other begins where the group has committed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping

from streams.clients.api import Admin, Isolation, Position
from streams.clients.consumer import Consumer
from streams.clients.fetch_buffer import ConsumerRecord
from streams.clients.producer import Producer
from streams.config.clients import is_bundled
from streams.config.derived import OF_BUNDLED
from streams.connect.connector import SinkTask
from streams.connect.errors import ConnectException, RetriableException
from streams.connect.java_regex import compile_pattern
from streams.connect.records import SinkRecord
from streams.connect.worker.codec import RecordDecoder
from streams.connect.worker.dead_letters import DeadLetters
from streams.connect.worker.runner import TaskParts, wait_ms
from streams.connect.worker.status import State
from streams.connect.worker.tolerance import Stage, Tolerance
from streams.errors import CommitFailedException, KafkaException, RebalanceInProgressException
from streams.record import TopicPartition
from streams.world import World

log = logging.getLogger("streams.connect.worker")

LOOK_MS = 100
METADATA_MS = 1_000
"""Within this a topic that is made later is found, where `consumer.metadata.max.age.ms` does not say."""
BATCH = 2_000
"""Most records of one `put`, where `consumer.max.poll.records` does not say."""


class SinkRunner:
    """One life of a sink's task; it is the listener of its own consumer.

    Args:
        parts: what it is run with.
        task: the task, just made.
    """

    def __init__(self, parts: TaskParts, task: SinkTask) -> None:
        self._parts = parts
        self._task = task
        self._consumer: Consumer | None = None
        self._admin: Admin | None = None
        self._producer: Producer | None = None
        self._letters: DeadLetters | None = None
        self._raw: dict[tuple[str, int, int], ConsumerRecord] = {}
        self._to_open: set[TopicPartition] = set()
        self._opened: set[TopicPartition] = set()
        self._positions: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._pending: list[SinkRecord] = []
        self._ends: dict[TopicPartition, int] = {}
        self._commit_due = 0.0
        self._commit_wanted = False
        self._attempts = 0
        self._tolerance: Tolerance | None = None
        self._decoder: RecordDecoder | None = None

    # Beginning

    def start(self) -> None:
        """Starts the task, and joins the group."""
        parts = self._parts
        self._admin = parts.door.admin()
        config = {
            "max.poll.records": BATCH,
            "auto.offset.reset": "earliest",
            "metadata.max.age.ms": METADATA_MS,
            **(OF_BUNDLED if is_bundled(parts.worker.bootstrap_servers) else {}),
            **parts.worker.client("consumer."),
            **_overrides(parts.given, "consumer.override."),
            "enable.auto.commit": "false",
            "isolation.level": "read_committed",
        }
        config.setdefault("group.id", f"connect-{parts.connector}")
        self._consumer = Consumer(config, door=parts.door)
        self._letters = self._dead_letters()
        self._tolerance = Tolerance(parts.common, parts.connector, parts.task, parts.door.world, self._letters)
        worker, given = parts.worker, parts.given
        self._decoder = RecordDecoder(
            parts.stages,
            worker.converter("key.converter", given),
            worker.converter("value.converter", given),
            worker.header_converter(given),
            self._tolerance,
        )
        self._task.start(parts.config, self)
        pattern = parts.common.text("topics.regex")
        self._consumer.subscribe(compile_pattern(pattern) if pattern else parts.common.texts("topics"), self)
        self._commit_due = self.world.monotonic_ms() + self._interval_ms

    @property
    def _interval_ms(self) -> int:
        return self._parts.worker.config.number("offset.flush.interval.ms")

    def _dead_letters(self) -> DeadLetters | None:
        parts = self._parts
        topic = parts.common.text("errors.deadletterqueue.topic.name")
        if not topic:
            return None
        settings = {**parts.worker.client("producer."), **_overrides(parts.given, "producer.override.")}
        self._producer = Producer(settings, door=parts.door)
        headers = parts.common.flag("errors.deadletterqueue.context.headers.enable")
        return DeadLetters(self._producer, topic, parts.connector, parts.task, headers)

    # What the task may ask for (`SinkTaskContext`)

    @property
    def world(self) -> World:
        """Time and waiting."""
        return self._parts.door.world

    @property
    def connector(self) -> str:
        """The connector's name."""
        return self._parts.connector

    @property
    def task(self) -> int:
        """The number of the task."""
        return self._parts.task

    def topic_id(self, topic: str) -> str:
        """The id of a topic."""
        assert self._admin is not None
        found = self._admin.describe_topics([topic]).get(topic)
        if found is None:
            raise RetriableException(f"There is no topic {topic}.")
        return found.topic_id

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Reading goes on at these offsets."""
        assert self._consumer is not None
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)
            self._positions[partition] = offset

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Nothing more comes of these partitions until `resume`."""
        assert self._consumer is not None
        self._consumer.pause(partitions)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Takes back `pause`."""
        assert self._consumer is not None
        self._consumer.resume(partitions)

    def request_commit(self) -> None:
        """A commit follows this call."""
        self._commit_wanted = True

    def report(self, record: SinkRecord, error: Exception) -> None:
        """A record that cannot be stored."""
        assert self._tolerance is not None
        self._tolerance.step.stage, self._tolerance.step.worker = Stage.TASK_PUT, self._task
        raw = self._raw.get((record.original_topic, record.original_partition, record.offset))
        self._tolerance.pass_over(raw if raw is not None else record, error)

    # Partitions that come and go (`ConsumerRebalanceListener`)

    def on_partitions_assigned(self, partitions: Collection[TopicPartition]) -> None:
        """They are opened by the next step; nothing is read of them before."""
        assert self._consumer is not None
        self._consumer.pause(partitions)
        self._to_open.update(partitions)

    def on_partitions_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Commits what is safe, and has the task give them up."""
        gone = set(partitions)
        self._forget_pending(gone)
        try:
            if self._opened & gone:
                self._commit()
        except KafkaException as error:
            log.warning("The last commit of task %s for %s failed: %s", self._parts.name, _named(gone), error)
        self._given_up(gone)

    def on_partitions_lost(self, partitions: Collection[TopicPartition]) -> None:
        """They are another one's already."""
        gone = set(partitions)
        self._forget_pending(gone)
        self._given_up(gone)

    def _given_up(self, gone: set[TopicPartition]) -> None:
        opened = self._opened & gone
        self._opened -= gone
        self._to_open -= gone
        for partition in gone:
            self._positions.pop(partition, None)
            self._committed.pop(partition, None)
        if opened:
            self._task.close(opened)

    def _forget_pending(self, gone: set[TopicPartition]) -> None:
        self._pending = [
            each for each in self._pending
            if TopicPartition(each.original_topic, each.original_partition) not in gone
        ]  # fmt: skip
        self._ends = {partition: end for partition, end in self._ends.items() if partition not in gone}

    # Working

    def step(self) -> float:
        """Reads, hands over, and commits when it is time."""
        assert self._consumer is not None and self._decoder is not None
        try:
            if self._to_open:
                self._open()
            if not self._pending and not self._ends:
                self._read()
            self._hand_over()
            now = self.world.monotonic_ms()
            if self._commit_wanted or now >= self._commit_due:
                self._commit_due, self._commit_wanted = now + self._interval_ms, False
                self._commit()
        except RetriableException as error:
            self._wait(error)
        except RebalanceInProgressException:
            return 0.0  # the next poll takes part in it, and a later commit succeeds
        except CommitFailedException as error:
            log.warning("Task %s has lost its partitions, and joins its group again: %s", self._parts.name, error)
            return 0.0  # the next poll does
        else:
            if self._attempts:
                log.info("Task %s works again, after %s attempts.", self._parts.name, self._attempts)
            self._attempts = 0
            self._parts.status.works()
        return 0.0

    def _read(self) -> None:
        assert self._consumer is not None and self._decoder is not None
        given = self._consumer.poll(LOOK_MS)
        if self._letters is not None:
            self._raw = {(each.topic, each.partition, each.offset): each for each in given}
        self._pending = self._decoder.records(given)
        lasts = {(each.topic, each.partition): each.offset for each in given}
        self._ends = {TopicPartition(*where): last + 1 for where, last in lasts.items()}

    def _hand_over(self) -> None:
        self._task.put(self._pending)
        for topic in {partition.topic for partition in self._ends}:
            self._parts.status.uses(topic)
        self._parts.status.records += len(self._pending)
        self._pending = []
        self._positions.update(self._ends)
        self._ends = {}

    def _open(self) -> None:
        assert self._consumer is not None
        partitions = set(self._to_open)
        offsets = self._task.open(partitions)
        self._check(offsets)
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)
            self._positions[partition] = offset
        self._opened |= partitions
        self._to_open -= partitions
        self._consumer.resume(partitions)
        log.info("Task %s reads %s.", self._parts.name, _named(partitions))

    def _check(self, offsets: Mapping[TopicPartition, int]) -> None:
        """A sink may stand where the log does not reach any more, or not yet."""
        assert self._admin is not None
        first = self._admin.beginning_offsets(offsets)
        ends = self._admin.end_offsets(offsets, Isolation.READ_UNCOMMITTED)
        for partition, offset in offsets.items():
            if offset > ends[partition]:
                raise ConnectException(
                    f"{partition} ends at offset {ends[partition]}, and what was written of it ends at {offset}: the "
                    "topic was deleted and made again, or its engine was set back. Nothing is read; give the connector "
                    "another name, or put away what it has written."
                )
            if offset < first[partition]:
                log.warning(
                    "%s begins at offset %s by now, and task %s stands at %s: %s records were deleted before they were "
                    "read.", partition, first[partition], self._parts.name, offset, first[partition] - offset,
                )  # fmt: skip

    def _wait(self, error: RetriableException) -> None:
        """The other side is away: the task stays in its group, and nothing is lost."""
        assert self._consumer is not None
        status, said = self._parts.status, self._parts.hide(f"{type(error).__name__}: {error}")
        wait = wait_ms(self._attempts)
        self._attempts += 1
        if self._attempts == 1:
            log.warning("Task %s tries again and again: %s", self._parts.name, said)
        status.hindered(State.RETRYING, said, self.world.monotonic_ms() + wait)
        assigned = self._consumer.assignment()
        self._consumer.pause(assigned)
        try:
            self._consumer.poll(int(wait))
        finally:
            self._consumer.resume(self._opened)

    def _commit(self) -> None:
        assert self._consumer is not None
        offsets = {partition: self._positions[partition] for partition in self._opened & self._positions.keys()}
        safe = dict(self._task.pre_commit(offsets))
        if self._letters is not None:
            self._letters.await_acks()
        news = {
            partition: Position(offset)
            for partition, offset in safe.items()
            if partition in self._opened and self._committed.get(partition) != offset
        }
        if news:
            self._consumer.commit_sync(news)
            self._committed.update({partition: position.offset for partition, position in news.items()})

    # Ending

    def finish(self) -> None:
        """Commits what is safe."""
        if self._opened and not self._pending:
            self._commit()
            opened, self._opened = self._opened, set()
            self._task.close(opened)

    def close(self) -> None:
        """Stops the task, and leaves the group."""
        try:
            self._task.stop()
        finally:
            self._opened = set()
            for client in (self._consumer, self._producer, self._admin):
                if client is not None:
                    client.close()


def _overrides(given: Mapping[str, str], prefix: str) -> dict[str, object]:
    return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}


def _named(partitions: Iterable[TopicPartition]) -> str:
    return ", ".join(map(str, sorted(partitions)))

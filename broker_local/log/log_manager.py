"""The directory of all logs: topics, their partitions, and what keeps them together.

catalog        atomic file: the topics. Its version is the version of the whole directory
line           atomic file, the recovery point: boot id, log epoch, whether the engine was closed, and how far every
               log is durable
BROKEN         there if the engine stopped for damage or a failed disk
topics/<topic id>/<partition>/     see layout.py
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Literal, NamedTuple, Protocol

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption, Crashed, DiskFailed, Refusal, StorageFailure, Unreadable, crashed
from broker_local.base.files import PASSING, Files, Handles, lacking
from broker_local.base.limits import LOG_FILES
from broker_local.base.world import SYSTEM
from broker_local.log import catalog, compaction, layout, recovery_point, topics
from broker_local.log.compaction import Job, Outcome
from broker_local.log.partition import Partition
from broker_local.log.recovery import LogCheckpoint
from broker_local.log.recovery_point import RecoveryPoint
from broker_local.log.topics import Topic, TopicSettings

log = logging.getLogger("broker_local")

Durability = Literal["process", "durable"]

RETENTION_CHECK_MS = 300_000
"""Every log is looked at for retention as often (`log.retention.check.interval.ms`)."""
COMPACTION_CHECK_MS = 15_000
"""Every compacted log is looked at as often (`log.cleaner.backoff.ms`)."""
SLICE = 64
"""Logs that one `tick` looks at: it must not hold up the requests that wait."""
SWEPT = 16
"""Logs of deleted topics that are removed at a time, for the same reason."""
SWEPT_AT_THE_END = 64
"""So many of them still go before the engine is closed, which nobody should wait for; the rest after the next start."""


class Upkeep(NamedTuple):
    """How often logs are looked at for retention and for compaction, in ms, and the memory for the keys of a pass."""

    retention_check_ms: int = RETENTION_CHECK_MS
    compaction_check_ms: int = COMPACTION_CHECK_MS
    key_bytes: int = compaction.KEY_BYTES


UPKEEP = Upkeep()


class Compactor(Protocol):
    """Who makes compaction passes: a child process, or nobody but the caller."""

    def start(self, job: Job) -> None:
        """Begins a pass; one at a time."""
        ...

    def poll(self) -> Outcome | None:
        """What the pass did, or why it failed; None while it goes on, or if there is none."""
        ...

    def close(self) -> None:
        """Ends a pass that goes on; what it wrote is removed at the next start."""
        ...


class InPlace:
    """Makes passes in the caller's thread: for `memory://` and tests."""

    __slots__ = ("_done", "_files")

    def __init__(self, files: Files) -> None:
        self._files = files
        self._done: Outcome | None = None

    def start(self, job: Job) -> None:
        """Makes the pass."""
        try:
            self._done = compaction.run(self._files, job)
        except (StorageFailure, OSError) as error:
            self._done = error
        except Exception as error:  # as in a child: whoever drives the engine has nothing to do with it
            self._done = crashed(error)

    def poll(self) -> Outcome | None:
        """What the pass did."""
        done, self._done = self._done, None
        return done

    def close(self) -> None:
        """Nothing goes on."""


class Flush(NamedTuple):
    """What makes the logs durable up to where they ended when it was made. `run` is all that blocks.

    Args:
        paths: files and directories to fsync.
        ends: the logs and where they ended.
        recovery_point: the recovery point to write afterwards, if any.
    """

    paths: tuple[str, ...]
    ends: tuple[tuple[Partition, int], ...]
    recovery_point: RecoveryPoint | None

    def run(self, files: Files) -> None:
        """Does it; may be called in another thread, and touches nothing but files.

        Raises:
            DiskFailed: a file could not be made durable; the engine has to stop.
        """
        for path in self.paths:
            try:
                files.fsync(path)
            except FileNotFoundError:
                continue  # removed since, by retention, compaction or with its topic
            except OSError as error:
                raise DiskFailed(path, 0, f"fsync: {error.strerror}") from error
        if self.recovery_point is not None:
            try:
                recovery_point.write(files, self.recovery_point)
            except OSError as error:
                if error.errno not in PASSING:  # a full disk: the old one holds, and the next flush tries again
                    raise DiskFailed(recovery_point.PATH, 0, error.strerror or str(error)) from error


class LogManager:
    """All logs of a data directory. It has one owner: nothing here may be called from two threads at once.

    Args:
        files: the disk.
        now: the time in ms.
        durability: "process" or "durable": what a power cut may take (decided by whoever acknowledges).
        new_id: gives ids for topics: 32 hexadecimal digits each, with or without dashes.
        compactor: who makes compaction passes; None: they are made in place.
        open_files: how many files are kept open.
        defaults: of topics' settings, as text by name, where they are not Kafka's.
        upkeep: how often logs are looked at.
    Raises:
        DiskFailed: the engine stopped for a fault before, and the directory was not checked since.
        Corruption: something on disk is not what was written.
        Refusal: UNSUPPORTED_VERSION, a newer engine wrote the directory; KAFKA_STORAGE_ERROR, the disk is full or
            the directory may not be used.
    """

    def __init__(
        self,
        files: Files,
        now: int,
        *,
        durability: Durability = "process",
        new_id: Callable[[], str] = SYSTEM.new_id,
        compactor: Compactor | None = None,
        open_files: int = LOG_FILES,
        defaults: Mapping[str, str] = topics.NOTHING,
        upkeep: Upkeep = UPKEEP,
    ) -> None:
        catalog.refuse_broken(files)
        self.files = files
        self.durability = durability
        self._new_id = new_id
        self._handles = Handles(files, open_files)
        self._compactor: Compactor = compactor if compactor is not None else InPlace(files)
        self._compacting: Partition | None = None
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._dirty: dict[Partition, None] = {}
        self._checking: deque[Partition] | None = None
        self._unmarked = False
        self._now = now
        self._defaults = defaults
        self._key_bytes = upkeep.key_bytes
        try:
            self._topics = catalog.open_catalog(files, defaults)
            self._doomed = catalog.left_over(files, self._topics)
            self._recovery_point = self._open_recovery_point()
        except OSError as error:
            raise _storage_fault("the data directory", error) from error
        self._retention = _Rounds(upkeep.retention_check_ms, now)
        self._compaction = _Rounds(upkeep.compaction_check_ms, now)

    # opening and closing

    def _open_recovery_point(self) -> RecoveryPoint:
        """Opens every log that may have more than the recovery point says, and writes that the engine runs."""
        found = recovery_point.read(self.files)
        boot = self.files.boot_id()
        known_point = found is not None
        if found is None:
            if self.files.entries("topics"):
                raise Corruption(recovery_point.PATH, 0, "the file is missing, and there are logs")
            found = RecoveryPoint(boot, 0, True, {})
        known = {
            (topic.id, number): found.ends.get((topic.id, number), 0)
            for topic in self._topics.values()
            for number in range(topic.partitions)
        }
        self._ends = known
        lost_power = not found.clean and found.boot != boot
        self._lost_power = lost_power
        self._recovery_point = RecoveryPoint(boot, found.epoch + lost_power, False, known)
        if not found.clean:
            for topic in self._topics.values():
                for number in range(topic.partitions):
                    self.partition(topic.name, number)
        self._lost_power = False
        self._ends.update((key, partition.durable_end) for key, partition in self._partitions.items())
        written = self._recovery_point_now(clean=False)
        try:
            if all(partition.saved for partition in self._partitions.values()):
                recovery_point.write(self.files, written)
            else:  # a power cut, and a full disk: as long as the old one stands, the next start does the same
                self._unmarked = True
        except OSError as error:
            if error.errno not in PASSING or not known_point:
                raise
            # A full disk: what is there can be read. The old one holds, if it says that the engine runs; else nothing
            # is written before it is replaced.
            self._unmarked = found.clean or found.boot != boot
        if self._unmarked:
            self._flush_without_point()  # else a log that is dirty already would not ask before it is written to
        return written

    def _flush_without_point(self) -> None:
        flush = self.begin_flush(with_recovery_point=False)
        if flush is not None:
            flush.run(self.files)
            self.end_flush(flush)

    def close(self) -> None:
        """Makes all durable and notes that nothing is left to recover.

        Raises:
            DiskFailed: the disk failed.
        """
        self._compactor.close()
        self.sweep(SWEPT_AT_THE_END)
        for partition in self._partitions.values():
            try:
                partition.checkpoint(closing=True)
            except OSError as error:
                if error.errno not in PASSING:
                    raise DiskFailed(repr(partition), 0, str(error)) from error
        self._flush_without_point()
        with suppress(Refusal):  # a full disk: the next start finds what this one has found
            if self._unmarked:
                self._mark()
            Flush((), (), self._recovery_point_now(clean=True)).run(self.files)
        self._handles.clear()

    def mark_broken(self, fault: StorageFailure) -> None:
        """Writes down why the engine stops; no start succeeds before the directory was checked."""
        catalog.mark_broken(self.files, fault)

    # topics

    @property
    def topics(self) -> Mapping[str, Topic]:
        """The topics, by name."""
        return self._topics

    @property
    def log_epoch(self) -> int:
        """Raised by every start after a power cut."""
        return self._recovery_point.epoch

    def topic(self, name: str) -> Topic:
        """A topic.

        Raises:
            Refusal: UNKNOWN_TOPIC_OR_PARTITION.
        """
        topic = self._topics.get(name)
        if topic is None:
            raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic '{name}'")
        return topic

    def defaults_of(self, name: str) -> Mapping[str, str]:
        """The broker's defaults that hold for a topic, as text, where they are not Kafka's."""
        return topics.inherited(name, self._defaults)

    def settings_of(self, name: str, config: Mapping[str, str]) -> TopicSettings:
        """The settings that a topic has, or would have.

        Args:
            name: the topic.
            config: its own settings, as text.
        Raises:
            Refusal: INVALID_TOPIC_EXCEPTION, INVALID_CONFIG.
        """
        return topics.parse(config, self.defaults_of(topics.check_name(name)))

    def new_topic(self, name: str, partitions: int, config: Mapping[str, str] | None = None) -> Topic:
        """A topic that could be made; see `create_topics`.

        Args:
            name: its name.
            partitions: how many, at least 1.
            config: settings under Kafka's names, as text.
        Raises:
            Refusal: TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG.
        """
        settings = self.settings_of(name, config or {})
        if name in self._topics:
            raise Refusal(ErrorCode.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
        _check_count(partitions)
        return Topic(name, self._new_id().replace("-", ""), partitions, dict(config or {}), settings)

    def create_topics(self, wanted: Iterable[Topic]) -> None:
        """Makes topics, all in one write of the catalog; they are durable when this returns. Those that are there by
        now stay as they are.

        Raises:
            Refusal: KAFKA_STORAGE_ERROR.
        """
        fresh = {topic.name: topic for topic in wanted if topic.name not in self._topics}
        if fresh:
            self._write_catalog({**self._topics, **fresh})

    def create_topic(self, name: str, partitions: int, config: Mapping[str, str] | None = None) -> Topic:
        """Makes one topic: `new_topic`, then `create_topics`."""
        topic = self.new_topic(name, partitions, config)
        self.create_topics((topic,))
        return topic

    def delete_topic(self, name: str) -> None:
        """Removes one topic: `delete_topics`.

        Raises:
            Refusal: UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR.
        """
        self.delete_topics((self.topic(name),))

    def delete_topics(self, doomed: Collection[Topic]) -> None:
        """Removes topics, all in one write of the catalog; their logs go from the disk bit by bit (`sweep`). Slices
        that are still being sent stay readable.

        Raises:
            Refusal: KAFKA_STORAGE_ERROR.
        """
        names = {topic.name for topic in doomed}
        self._write_catalog({other: kept for other, kept in self._topics.items() if other not in names})
        for topic in doomed:
            self._forget(topic)

    def _forget(self, topic: Topic) -> None:
        for number in range(topic.partitions):
            self._ends.pop((topic.id, number), None)
            partition = self._partitions.pop((topic.id, number), None)
            if partition is not None:
                self._dirty.pop(partition, None)
                partition.close()
        self._doomed.append(f"topics/{topic.id}")

    @property
    def sweeping(self) -> bool:
        """Is there anything left of topics that were deleted?"""
        return bool(self._doomed)

    def sweep(self, most: int = SWEPT) -> None:
        """Removes some of what deleted topics have left: at most so many logs."""
        for _ in range(most):
            if not self._doomed:
                return
            with suppress(OSError):  # what stays is swept away after the next start
                below = self._below(self._doomed[-1])
                if below:
                    self._doomed.extend(below)
                    continue
                self.files.remove_tree(self._doomed[-1])
            self._doomed.pop()

    def _below(self, path: str) -> list[str]:
        """The logs of a topic that is to be removed; none of a log, or where they are gone."""
        return [f"{path}/{name}" for name in self.files.entries(path)] if path.count("/") == 1 else []

    def alter_topic(self, name: str, config: Mapping[str, str | None]) -> Topic:
        """Changes settings of a topic.

        Args:
            name: the topic.
            config: new values; None takes a setting back to its default. Others stay.
        Raises:
            Refusal: UNKNOWN_TOPIC_OR_PARTITION, INVALID_CONFIG, KAFKA_STORAGE_ERROR.
        """
        topic = self.topic(name)
        merged = {key: value for key, value in {**topic.config, **config}.items() if value is not None}
        return self._change(replace(topic, config=merged, settings=self.settings_of(name, merged)))

    def add_partitions(self, name: str, total: int) -> Topic:
        """Gives a topic more partitions.

        Args:
            name: the topic.
            total: how many it has afterwards.
        Raises:
            Refusal: UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, KAFKA_STORAGE_ERROR.
        """
        topic = self.topic(name)
        if total <= topic.partitions:
            said = f"Topic currently has {topic.partitions} partitions, which is higher than the requested {total}."
            if total == topic.partitions:
                said = f"Topic already has {total} partition(s)."
            raise Refusal(ErrorCode.INVALID_PARTITIONS, said)
        _check_count(total)
        return self._change(replace(topic, partitions=total))

    def _change(self, topic: Topic) -> Topic:
        self._write_catalog({**self._topics, topic.name: topic})
        for number in range(topic.partitions):
            partition = self._partitions.get((topic.id, number))
            if partition is not None:
                partition.reconfigure(topic)
        return topic

    def _write_catalog(self, all_topics: dict[str, Topic]) -> None:
        try:
            catalog.write(self.files, all_topics)
        except OSError as error:
            if error.errno in PASSING:
                raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, f"{lacking(error)} for the catalog of topics") from error
            raise DiskFailed(catalog.PATH, 0, error.strerror or str(error)) from error
        self._topics = all_topics

    # partitions

    def partition(self, topic: str, number: int) -> Partition:
        """A partition, opened when it is first asked for.

        Raises:
            Refusal: UNKNOWN_TOPIC_OR_PARTITION.
            Corruption: its files are not what was written.
        """
        found = self._topics.get(topic)
        partition = self._partitions.get((found.id, number)) if found is not None else None
        if partition is not None:
            return partition
        if found is None or not 0 <= number < found.partitions:
            raise Refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {topic}-{number}")
        known = LogCheckpoint(
            self._ends.get((found.id, number), 0),
            self._recovery_point.epoch,
            self._lost_power,
            self.durability == "process",
            self._now,
        )
        try:
            partition = Partition(self._handles, found, number, known, self._note_dirty)
        except OSError as error:
            raise _storage_fault(layout.directory(found.id, number), error) from error
        self._partitions[found.id, number] = partition
        return partition

    @property
    def open_partitions(self) -> tuple[Partition, ...]:
        """All that are open now: after a start that was no clean one, all there are."""
        return tuple(self._partitions.values())

    def opened(self, topic_id: str, number: int) -> Partition | None:
        """A partition, if it is open already."""
        return self._partitions.get((topic_id, number))

    def _note_dirty(self, partition: Partition) -> None:
        if self._unmarked:
            self._mark()
        self._dirty[partition] = None

    def _mark(self) -> None:
        """Writes what a start on a full disk could not, and that the engine runs: before anything else is written."""
        try:
            for partition in self._partitions.values():
                partition.save()
            recovery_point.write(self.files, self._recovery_point_now(clean=False))
        except OSError as error:
            if error.errno in PASSING:
                raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, f"{lacking(error)}; free some and try again") from error
            raise DiskFailed(recovery_point.PATH, 0, error.strerror or str(error)) from error
        self._unmarked = False

    # durability

    @property
    def dirty(self) -> bool:
        """Whether there is anything to fsync."""
        return bool(self._dirty)

    @property
    def checking(self) -> bool:
        """Has `checkpoint` begun, and not ended?"""
        return self._checking is not None

    def checkpoint(self) -> bool:
        """Saves what spares the next start work, of some of the logs that are dirty; True once of all of them."""
        if self._checking is None:
            self._checking = deque(self._dirty)
        for _ in range(min(SLICE, len(self._checking))):
            partition = self._checking.popleft()
            if partition not in self._dirty:
                continue
            try:
                partition.checkpoint()
            except OSError as error:
                if error.errno not in PASSING:
                    raise DiskFailed(repr(partition), 0, str(error)) from error
        if self._checking:
            return False
        self._checking = None
        return True

    def begin_flush(self, with_recovery_point: bool = True) -> Flush | None:
        """Takes down what is to be fsynced, at one instant for all logs. `checkpoint` comes before it.

        The caller runs it, if it likes in another thread, and gives it back to `end_flush`. One at a time.

        Args:
            with_recovery_point: also write it, which a start needs after a power cut. Under "process" every
                `log.flush.interval.ms` is enough; under "durable" every flush should.
        Returns:
            What to do; None if nothing is.
        """
        if not self._dirty:
            return None
        paths: dict[str, None] = {}
        ends: list[tuple[Partition, int]] = []
        for partition in self._dirty:
            paths.update(dict.fromkeys(partition.take_unsynced()))
            ends.append((partition, partition.end))
        self._dirty.clear()
        point = self._recovery_point_now(False, dict(ends)) if with_recovery_point else None
        return Flush(tuple(paths), tuple(ends), point)

    def end_flush(self, flush: Flush) -> None:
        """After `flush.run`: what it covers is durable."""
        for partition, end in flush.ends:
            partition.synced(end)
            if (partition.topic.id, partition.number) in self._partitions:
                self._ends[partition.topic.id, partition.number] = end
        if flush.recovery_point is not None:
            self._recovery_point = flush.recovery_point

    def _recovery_point_now(self, clean: bool, ends: Mapping[Partition, int] | None = None) -> RecoveryPoint:
        durable = dict(self._ends)
        for partition, end in (ends or {}).items():
            durable[partition.topic.id, partition.number] = end
        return self._recovery_point._replace(clean=clean, ends=durable)

    # time

    def tick(self, now: int) -> None:
        """Does what is due: retention, and compaction. Takes about a millisecond, or as long as a pass in place.

        Args:
            now: the time in ms.
        Raises:
            Corruption: a log that compaction or retention had to read.
            DiskFailed: the disk failed.
        """
        self._now = now
        for partition in self._retention.due(now, self._all_logs):
            partition.retain(now)
        self._finish_compaction()
        if self._compacting is None:
            for partition in self._compaction.due(now, self._compacted_logs):
                job = compaction.plan(partition.facts(), partition.topic.settings, now, self._key_bytes)
                if job is not None:
                    self._compact(partition, job)
                    break

    def _compact(self, partition: Partition, job: Job) -> None:
        try:
            self._compactor.start(job)
        except OSError as error:  # no descriptor, no memory for a process: the next round tries again
            log.warning("%r is not compacted now: %s", partition, error.strerror)
            return
        self._compacting = partition
        self._finish_compaction()

    def _finish_compaction(self) -> None:
        if self._compacting is None:
            return
        done = self._compactor.poll()
        if done is None:
            return
        partition, self._compacting = self._compacting, None
        gone = self._partitions.get((partition.topic.id, partition.number)) is not partition
        if isinstance(done, StorageFailure):
            if not gone and partition.owns(done.file):  # else retention was quicker
                raise done
        elif isinstance(done, OSError):
            if done.errno not in PASSING and not isinstance(done, FileNotFoundError):
                raise DiskFailed(repr(partition), 0, str(done)) from done
        elif isinstance(done, Crashed):
            log.error("%r is not compacted; a pass over it failed:\n%s", partition, done)
        elif not gone:
            for place in done.unread:
                log.warning("%r is compacted around a batch: %s", partition, Unreadable(*place))
            partition.swap(done)

    def _all_logs(self) -> Iterator[Partition]:
        for topic in list(self._topics.values()):
            for number in range(topic.partitions):
                if topic.name in self._topics and self._topics[topic.name].id == topic.id:
                    yield self.partition(topic.name, number)

    def _compacted_logs(self) -> Iterator[Partition]:
        for place, partition in list(self._partitions.items()):
            if partition.topic.settings.compacts and self._partitions.get(place) is partition:  # else deleted meanwhile
                yield partition

    def verify(self) -> list[Corruption]:
        """Reads everything and tells what is damaged: what `broker-local check` does."""
        found: list[Corruption] = []
        for topic in self._topics.values():
            for number in range(topic.partitions):
                try:
                    found += self.partition(topic.name, number).verify()
                except Corruption as damage:
                    found.append(damage)
        return found


class _Rounds:
    """Goes over all logs once an interval, a slice at a time."""

    __slots__ = ("_every", "_next", "_rest")

    def __init__(self, every: int, now: int) -> None:
        self._every = every
        self._next = now
        self._rest: Iterator[Partition] | None = None

    def due(self, now: int, logs: Callable[[], Iterator[Partition]]) -> Iterator[Partition]:
        if self._rest is None and now >= self._next:
            self._next = now + self._every
            self._rest = logs()
        if self._rest is None:
            return
        for _ in range(SLICE):
            partition = next(self._rest, None)
            if partition is None:
                self._rest = None
                return
            yield partition


def _check_count(partitions: int) -> None:
    if not 1 <= partitions <= 100_000:
        raise Refusal(ErrorCode.INVALID_PARTITIONS, "Number of partitions must be larger than 0 and at most 100000.")


def _storage_fault(what: str, error: OSError) -> Refusal | DiskFailed:
    """What follows from a failed call at a start: a full disk or missing rights are nobody's damage."""
    if error.errno in PASSING or isinstance(error, PermissionError):
        return Refusal(ErrorCode.KAFKA_STORAGE_ERROR, f"{what} cannot be opened: {error.strerror} ({error.filename})")
    return DiskFailed(what, 0, str(error))

"""A worker: one thread with its tasks, its clients, its place in the group and its directory (decision 19).

Its loop, in order: messages from other threads, news from the group, what was fetched, runs of every task, output that
is due, a slice of restoring, the commit when its interval has passed, a slice of committed rows to the database. It
costs per batch, never per record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from streams.clients.api import Door, Isolation, ReaderSettings, WriterSettings
from streams.clients.group_membership import GroupMembership, Reports
from streams.clients.member import MemberSettings
from streams.clock import Clock
from streams.dropped import Drop
from streams.errors import (
    LogTruncatedException,
    OffsetOutOfRangeException,
    TaskCorruptedException,
    TaskMigratedException,
    UnknownTopicOrPartitionException,
)
from streams.exception_handlers import DeadLetter
from streams.metrics import Metrics
from streams.record import TopicPartition
from streams.runtime.compile.drops import by_cause, measured
from streams.runtime.group.assign import AssignSettings
from streams.runtime.group.leader import Surveyor
from streams.runtime.group.progress import progress_topic
from streams.runtime.state.directory import InstanceDirectory
from streams.runtime.tasks.inbox import FREE, MAX_RUN
from streams.runtime.tasks.restore import RestoreListener, Restorer
from streams.runtime.tasks.skew import Limit, Skew
from streams.runtime.tasks.task import Ground, Task
from streams.runtime.worker import commit as commits
from streams.runtime.worker import dead_letter_sends
from streams.runtime.worker.alignment import AWAITED_WAIT_MS, Alignment, Me, bounds_of
from streams.runtime.worker.commit import Commit, Guarantee
from streams.runtime.worker.damage import Damage
from streams.runtime.worker.globals import Globals
from streams.runtime.worker.lifecycle import WorkerState
from streams.runtime.worker.mailbox import Mailbox
from streams.runtime.worker.member_status import status_of
from streams.runtime.worker.purge import Purge
from streams.runtime.worker.roster import OpenEngine, Roster
from streams.runtime.worker.rounds import BETWEEN, PASSING, Rounds, WorkerSelf
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.spill import Spill
from streams.topology.node import BuiltTopology, TaskId
from streams.troubles import Troubles
from streams.world import Thread

log = logging.getLogger("streams.runtime.worker")

RUNS = 4
"""Runs of one task before the next one has its turn."""
STEPS_MS = 20
"""Tasks that advance in step do so for no longer than this between two polls."""
LONGEST_WAIT_MS = 100
OUTSTANDING_WAIT_MS = 20
"""While something is on its way to the broker, the worker does not wait longer than this for input."""
RESTORE_SLICE_MS = 20
LAST_COMMIT_MS = 10_000
"""How long a worker that ends waits for a rebalance to let it commit."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker reads of the configuration, once."""

    name: str
    application_id: str
    prefix: str
    commit_interval_ms: int
    poll_ms: int
    task_timeout_ms: int
    skew_wait_ms: int
    reset: str
    purge_interval_ms: int
    uncommitted_max_bytes: int
    assign: AssignSettings
    member: MemberSettings
    reader: ReaderSettings
    writer: WriterSettings
    cleanup_delay_ms: int
    look_every_ms: int
    max_request_size: int
    linger_ms: int = 0
    endpoint: str = ""
    isolation: Isolation = Isolation.READ_UNCOMMITTED

    @property
    def short_name(self) -> str:
        """The name in the log, as `StreamThread-1`: the application is said elsewhere."""
        return self.name[self.name.rfind("StreamThread-") :] if "StreamThread-" in self.name else self.name


def nobody_looks(now: int) -> None:
    """What is called at each turn where nobody reports."""


@dataclass(slots=True)
class Surroundings:
    """What a worker is handed by the application."""

    built: BuiltTopology
    ground: Ground
    door: Door
    directory: InstanceDirectory
    open_engine: OpenEngine
    clock: Clock
    metrics: Metrics
    listener: RestoreListener | None
    on_state: Callable[[Worker, WorkerState], None]
    on_error: Callable[[Worker, BaseException], None]
    troubles: Troubles = field(default_factory=Troubles)
    look: Callable[[int], None] = nobody_looks


class Worker:
    """See the module. Made by the application, run in a thread by `start`; `stop` may be called by any thread."""

    def __init__(self, settings: WorkerSettings, around: Surroundings) -> None:
        self.settings = settings
        self.state = WorkerState.CREATED
        self._around = around
        self._clock = around.clock
        self._stopping = False
        self._clean = True
        self._world = around.door.world
        self._thread: Thread | None = None
        self._ready = False
        self._opened = ExitStack()
        self._mailbox = Mailbox(self._wake)
        self.paused = False
        """Processing rests (KIP-834)."""

    # from other threads

    def start(self) -> None:
        self._thread = self._world.start(self.settings.name, self._live)

    def stop(self) -> None:
        """Asks for a clean end: commit, flush, leave the group."""
        self._stopping = True
        self._wake()

    def pause(self, paused: bool) -> None:
        """Processing rests, or goes on, from the next turn."""
        self._mailbox.put(partial(setattr, self, "paused", paused))

    def _wake(self) -> None:
        if self._ready:
            self._reader.wake()

    @property
    def stopping(self) -> bool:
        """It was asked to end."""
        return self._stopping

    def join(self, timeout_s: float | None) -> bool:
        """Waits for the end; has it come?"""
        return self._thread is None or self._thread.ended(timeout_s)

    @property
    def alive(self) -> bool:
        return self.state is not WorkerState.DEAD

    def progress(self) -> dict[str, tuple[int, int]]:
        """Stores that are being restored: records done and to be done."""
        if not self._ready:
            return {}
        return {**self._globals.progress(), **self._restorer.progress()}

    def lag(self) -> int:
        """Records that its tasks have not processed yet."""
        return sum(task.inbox.lag for task in self._all_tasks) if self._ready else 0

    def tasks(self) -> frozenset[TaskId]:
        """The tasks this worker has now."""
        return self._roster.tasks if self._ready else frozenset()

    def partitions(self) -> tuple[TopicPartition, ...]:
        """What its tasks read."""
        return self._roster.partitions() if self._ready else ()

    def _status(self) -> bytes:
        """What the group's coordinator is told of it with each heartbeat."""
        around = self._around
        return status_of(self.state, around.ground.dropped, self.progress(), around.troubles)

    @property
    def settled(self) -> bool:
        """It has tasks, and all of them run."""
        return self.state is WorkerState.RUNNING and bool(self._roster.tasks)

    # the thread

    def _live(self) -> None:
        failure: BaseException | None = None
        try:
            self.become(WorkerState.STARTING)
            self.open()
            while not self._stopping:
                self.turn()
        except BaseException as error:
            failure, self._clean = error, False
        try:
            self.close(self._clean)
        except Exception as error:
            log.exception("%s failed while it was closed.", self.settings.short_name)
            failure = failure or error
        try:
            if failure is not None:
                self._around.on_error(self, failure)
        finally:  # nobody waits for the end of a thread that has ended
            self.become(WorkerState.DEAD)

    def become(self, state: WorkerState) -> None:
        """Goes to a state and says so; once it is ending, only to its end."""
        ending = self.state is WorkerState.PENDING_SHUTDOWN and state is not WorkerState.DEAD
        if state is not self.state and not ending:
            self.state = state
            self._around.on_state(self, state)

    # what the thread does; a simulation calls the three by itself

    def open(self) -> None:
        """Connects, fills the global stores, asks for a place in the group."""
        around, settings = self._around, self.settings
        door, closing = around.door, self._opened.callback
        closing(around.directory.close)
        self._admin = door.admin()
        closing(self._admin.close)
        self._reader = door.reader(settings.isolation, settings.reader)
        closing(self._reader.close)
        self._writer = door.writer(settings.writer)
        closing(self._writer.close)
        ground = replace(around.ground, partitions_for=self._writer.partitions_for)
        self._sender = Sender(
            self._writer,
            ground.config,
            self._drops_of_sends(),
            self._dead_letter,
            settings.max_request_size,
        )
        closing(self._sender.close)  # before the writer: what it had out is nobody's any more
        self._restorer = Restorer(door.reader(settings.isolation, settings.reader), around.listener)
        closing(self._restorer.close)
        own, home, engines = replace(ground, record_cache=None), around.directory.path / "global", around.open_engine
        self._globals = Globals(around.built, own, home, engines, self._admin, self._reader, settings.isolation)
        closing(self._globals.close, False)
        ground = replace(ground, global_stores=self._globals.stores)
        reports = Reports(self._status, around.troubles.tell)
        self._seat = GroupMembership(door, settings.member, self._reader.wake, reports)
        closing(self._seat.close, settings.member.instance_id is None)
        self._roster = Roster(
            around.built,
            ground,
            around.directory,
            around.open_engine,
            self._admin,
            self._reader,
            self._restorer,
            self._sender,
            lambda partitions: self._seat.committed(partitions, settings.task_timeout_ms),
            settings.reset,
            around.metrics,
        )
        surveyor = self._align(ground)
        self._rounds = Rounds(
            self._seat,
            surveyor,
            self._roster,
            self._sender,
            WorkerSelf(
                settings.short_name,
                around.directory,
                around.built,
                settings.prefix,
                settings.endpoint,
                settings.look_every_ms,
            ),
            self,
            around.clock,
            settings.task_timeout_ms,
        )
        self._keep(ground)
        self._begin()

    def _drops_of_sends(self) -> Drop:
        """Counts what the production exception handler lets go."""
        name, dropped = self.settings.name, self._around.ground.dropped
        measured(dropped, self._around.metrics, name, thread_id=name)
        return by_cause(dropped.drop(name, "producer", "production"), self._around.metrics, thread_id=name)

    def _keep(self, ground: Ground) -> None:
        """Makes what looks after the databases: what goes to them, and what is damaged."""
        most, tell = self.settings.uncommitted_max_bytes, partial(self._around.troubles.tell, "memory")
        self._spill = Spill(self.settings.short_name, self._roster, ground.memory.rows, most, tell)
        self._opened.callback(self._spill.close)
        self._damage = Damage(self._roster, self._globals, self._fill_globals, self, self._clock)

    def _align(self, ground: Ground) -> Surveyor:
        """Makes what keeps tasks in step, where the topology has tasks that must be, and the surveyor."""
        around, settings = self._around, self.settings
        bounds = bounds_of(around.built, ground.config, ground.topic_name)
        words = progress_topic(settings.prefix)
        shared = (words,) if bounds else ()
        surveyor = Surveyor(around.built, self._admin, settings.prefix, settings.assign, shared)
        self._alignment: Alignment | None = None
        if bounds:
            far_ms = settings.member.session_timeout_ms + settings.member.rebalance_timeout_ms
            self._alignment = Alignment(
                Skew(bounds, settings.skew_wait_ms, far_ms),
                Me(settings.name, settings.short_name, around.directory.uuid.encode(), words.name),
                self._roster,
                self._sender,
                self._reader,
                self._admin,
                surveyor,
                around.clock,
                around.metrics,
            )
        return surveyor

    def settled_in(self, generation: int) -> None:
        """It has its tasks of this generation; -1: it has lost its place."""
        if self._alignment is not None:
            self._alignment.given(generation)

    def _begin(self) -> None:
        now = self._clock.now_ms()
        self._committed_at = self._cleaned_at = now
        built, settings = self._around.built.subtopologies, self.settings
        self._purge = Purge(
            settings.short_name, settings.prefix, built, self._admin, self._sender, settings.purge_interval_ms, now
        )
        self._retry_commit_at = 0
        self._ready = True
        self._damage.fill_globals()
        if self._around.built.subtopologies:
            self._rounds.ask()
        else:
            self.become(WorkerState.RUNNING)

    def _fill_globals(self, start: Callable[[int], None]) -> None:
        """Global stores are read to their ends before anything else goes on."""
        start(self._clock.now_ms())
        while not self._globals.caught_up and not self._stopping:
            self._fetch(LONGEST_WAIT_MS)
        self._globals.commit()

    def close(self, clean: bool = True) -> None:
        """Commits, gives its tasks up and leaves the group; not `clean`: without the commit."""
        with self._opened:  # all that was opened is closed, whatever fails
            if self._ready:
                self.become(WorkerState.PENDING_SHUTDOWN)
                self._end_tasks(clean)

    def _end_tasks(self, clean: bool) -> None:
        first: Exception | None = None
        try:
            clean = clean and self._last_commit()
        except Exception as error:
            first, clean = error, False
        if not clean:
            limit = LAST_COMMIT_MS
            dead_letter_sends.send_last(self.settings.short_name, self._sender, self._all_tasks, self._clock, limit)
        self._around.ground.dropped.tell(self._clock.now_ms(), last=True)
        for task in self._roster.tasks:
            try:
                self._roster.give_up(task, clean)
            except Exception as error:
                first = first or error
        if clean:
            self._damage.commit_globals()
        if first is not None:
            raise first

    def _last_commit(self) -> bool:
        """Commits; waits for the end of a rebalance if there is one, since otherwise all would be done again."""
        deadline = self._world.monotonic_ms() + LAST_COMMIT_MS
        while True:
            try:
                self.commit([place.task for place in self._roster.running])
                return True
            except TaskMigratedException as error:
                self._rounds.lost(error)
                return False
            except (*BETWEEN, *PASSING) as error:
                if not isinstance(error, BETWEEN) or self._world.monotonic_ms() > deadline:
                    log.warning("%s could not commit before it ends: %s", self.settings.short_name, error)
                    return False
            except Exception as error:
                if not self._damage.given_up(error):
                    raise
            self._seat.wait(OUTSTANDING_WAIT_MS / 1000)
            self._rounds.heed()

    # one turn

    def turn(self) -> None:
        """One round of the loop."""
        try:
            self._turn()
        except TaskMigratedException as error:
            self._rounds.lost(error)
        except Exception as error:
            if not self._damage.rebuilt(error):
                raise

    def _turn(self) -> None:
        self._mailbox.serve()
        self._rounds.heed()
        worked = self._work()
        self._sender.look()
        self._refused()
        now = self._clock.now_ms()
        if self._restorer.busy:
            self._restore(worked)
        self._started(now)
        self._output(now, idle=not worked)
        if self._alignment is not None:
            self._alignment.speak(self.paused)
        if self._commit_due(now):
            self._commit_now(now)
        self._around.ground.dropped.tell(now)
        self._around.look(now)
        self._spill.turn(now)
        self._roster.pace()
        if not worked:
            if self._rounds.refusal:
                self._around.troubles.tell("topology", f"{self.settings.short_name} {self._rounds.refusal}")
            self._rounds.look(now)
            self._clean_up(now)
        self._fetch(0 if worked or self._restorer.busy else self._patience(now))

    def _work(self) -> int:
        """Runs every task a few times, and what is due on its clocks; how many records were taken?"""
        if self.paused or self._spill.full:
            return 0
        if self._alignment is not None:
            limits = self._alignment.limits()
            if limits:
                return self._in_step(limits)
        return self._run_all(RUNS, {})

    def _in_step(self, limits: Mapping[TaskId, Limit]) -> int:
        """Runs every task up to its limit, and again as the limits move: as much as without them."""
        assert self._alignment is not None
        end, total = self._clock.now_ms() + STEPS_MS, 0
        while True:
            count = self._run_all(1, limits)
            total += count
            if not count or total >= RUNS * MAX_RUN * len(limits) or self._clock.now_ms() >= end:
                return total
            limits = self._alignment.limits()

    def _run_all(self, runs: int, limits: Mapping[TaskId, Limit]) -> int:
        total = 0
        for place in self._roster.running:
            task = place.task
            try:
                for _ in range(runs):
                    count = task.run(self._clock.now_ms(), limit=limits.get(task.id, FREE))
                    task.punctuate_stream_time()
                    total += count
                    if not count:
                        break
                if task.punctuate_wall_clock(self._clock.now_ms()):
                    total += 1
            except TaskCorruptedException as error:
                self._revive(task.id, error)
                break
        return total

    def _output(self, now: int, idle: bool) -> None:
        for place in self._roster.running:
            due = place.task.outbox.due(now, idle)
            if due:
                self._sender.send(place.task.id, due)
        dead_letter_sends.send(self._sender, self._all_tasks, now, idle)

    @property
    def _all_tasks(self) -> list[Task]:
        return [place.task for place in list(self._roster.places.values())]

    def _fetch(self, timeout_ms: int) -> None:
        try:
            found = self._reader.poll(timeout_ms)
        except (OffsetOutOfRangeException, LogTruncatedException) as error:
            self._out_of_range(error)
            return
        except UnknownTopicOrPartitionException as error:
            self._rounds.gone(error)
            return
        now = self._clock.now_ms()
        for fetched in found:
            if self._globals.owns(fetched.partition):
                self._globals.apply(fetched, now)
            elif not self._roster.add(fetched) and self._alignment is not None:
                self._alignment.hear(fetched)
        for place in self._roster.running:
            place.task.polled(now, asked=not self.paused)

    def _out_of_range(self, error: OffsetOutOfRangeException | LogTruncatedException) -> None:
        """A position lies outside the log: the source's reset policy says where to go on."""
        partition = error.partition
        if partition is None:
            raise error
        if self._globals.owns(partition):
            self._globals.out_of_range(partition, error)
            return
        if not self._roster.owns(partition):  # it was given up meanwhile
            if self._alignment is not None:
                self._alignment.out_of_range(partition, error)
            return
        at = self._roster.restart_at(partition, error, self._clock.now_ms())
        log.warning("%s: %s Reading goes on at offset %d.", self.settings.short_name, error, at)
        self._reader.seek({partition: at})

    def _patience(self, now: int) -> int:
        """How long the worker may wait for input."""
        wait = min(self.settings.poll_ms, LONGEST_WAIT_MS)
        if self._sender.outstanding:
            wait = min(wait, AWAITED_WAIT_MS if self._alignment and self._alignment.awaited else OUTSTANDING_WAIT_MS)
        if any(place.task.commit_needed for place in self._roster.running):
            due = max(self._committed_at + self.settings.commit_interval_ms, self._retry_commit_at)
            wait = min(wait, max(0, due - now))
        for place in () if self.paused else self._roster.running:
            punctual = place.task.next_wall_clock()
            if punctual is not None:
                wait = min(wait, max(0, punctual - now))
        return wait

    def _restore(self, worked: int) -> None:
        """A slice of restoring; half as much while tasks have input."""
        budget = RESTORE_SLICE_MS / 2 if worked else RESTORE_SLICE_MS
        end = self._world.monotonic_ms() + budget
        while self._restorer.busy and self._world.monotonic_ms() < end:
            if not self._restorer.step(0 if worked else 5):
                break

    def _started(self, now: int) -> None:
        started = self._roster.start_restored(now)
        if started:
            count = self._restorer.restored_since()
            after = f", after {count:,} records were restored" if count else ""
            log.info("%s runs %s%s.", self.settings.short_name, ", ".join(map(str, sorted(started))), after)
        if self.state is WorkerState.PARTITIONS_ASSIGNED and self._roster.all_run:
            self.become(WorkerState.RUNNING)

    # commits

    def _commit_due(self, now: int) -> bool:
        if now < self._retry_commit_at:
            return False
        if now - self._committed_at >= self.settings.commit_interval_ms:
            return True
        return self._spill.must_commit() or any(place.task.commit_requested for place in self._roster.running)

    def _commit_now(self, now: int) -> None:
        try:
            self.commit([place.task for place in self._roster.running if place.task.commit_needed])
            self._globals.commit()
        except BETWEEN as error:
            log.info("%s commits later: %s", self.settings.short_name, error)
            self._retry_commit_at = now + OUTSTANDING_WAIT_MS
            return
        self._committed_at = self._clock.now_ms()

    def commit(self, tasks: list[Task]) -> None:
        """Commits these tasks."""
        if not tasks:
            return
        now = self._clock.now_ms()
        purge = partial(self._purge.run, now_ms=now) if self._purge.due(now) else None
        one = Commit(tasks, self._sender, self._seat, self.settings.task_timeout_ms, now, purge)
        try:
            commits.run(one, Guarantee.AT_LEAST_ONCE)
        except commits.Refused:
            self._refused()
            return
        self._roster.committed(tasks, one.positions)

    def _clean_up(self, now: int) -> None:
        """State that has been nobody's for `state.cleanup.delay.ms` is deleted."""
        if now - self._cleaned_at >= self.settings.cleanup_delay_ms:
            self._cleaned_at = now
            for path in self._around.directory.clean(now - self.settings.cleanup_delay_ms):
                log.info("Deleted %s, which nobody has used for %d ms.", path, self.settings.cleanup_delay_ms)

    def _refused(self) -> None:
        """Batches that did not arrive: the task goes back to its last commit, or the worker ends."""
        for task, error in self._sender.take_refusals():
            if task not in self._roster.tasks:  # whoever has it now sends it again
                continue
            if not isinstance(error, TaskCorruptedException):
                raise error
            self._revive(task, error)

    def _revive(self, task: TaskId, error: Exception) -> None:
        log.warning("%s takes task %s back to its last commit: %s", self.settings.short_name, task, error)
        self._roster.revive(task, self._clock.now_ms())

    def _dead_letter(self, task: TaskId, letter: DeadLetter) -> None:
        """One for a record that was refused. Where the task has been given up, its new owner comes to it again."""
        place = self._roster.places.get(task)
        if place is not None:
            place.task.put_dead_letter(letter)

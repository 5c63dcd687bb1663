"""The loop of a worker, with all its parts: made inside the worker's thread (decision 19).

A turn, in order: messages from other threads, news from the group, what was fetched, runs of every task, output that is
due, a slice of restoring, the commit when its interval has passed, a slice of committed rows to the database. It costs
per batch, never per record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from streams.clients.api import Writer
from streams.clients.group_membership import GroupMembership, Reports
from streams.dropped import Drop
from streams.errors import (
    KafkaException,
    LogTruncatedException,
    OffsetOutOfRangeException,
    UnknownTopicOrPartitionException,
)
from streams.runtime.compile.drops import by_cause, measured
from streams.runtime.group.leader import ClusterMetadata
from streams.runtime.group.progress import progress_topic
from streams.runtime.tasks.inbox import FREE, MAX_RUN
from streams.runtime.tasks.lag import NOTE_MS
from streams.runtime.tasks.skew import Limit, Skew
from streams.runtime.tasks.task import output_of
from streams.runtime.worker import dead_letters
from streams.runtime.worker.alignment import AWAITED_WAIT_MS, Alignment, Me, bounds_of
from streams.runtime.worker.client_metrics import ClientMetrics
from streams.runtime.worker.committer import Committer
from streams.runtime.worker.damaged_state import DamagedState
from streams.runtime.worker.globals import Globals
from streams.runtime.worker.guarantee import Outcome, tell_of_a_switch
from streams.runtime.worker.lifecycle import WorkerLife, WorkerState
from streams.runtime.worker.mailbox import Mailbox
from streams.runtime.worker.parts import WorkerParts, restorer_of
from streams.runtime.worker.purge import Purge
from streams.runtime.worker.queryable import Queryable
from streams.runtime.worker.rebalance_listener import MemberIdentity, RebalanceListener
from streams.runtime.worker.rebalances import STARTED, Rebalances
from streams.runtime.worker.sender import Sender
from streams.runtime.worker.settings import WorkerSettings
from streams.runtime.worker.spill import Spill
from streams.runtime.worker.summary import status_of
from streams.runtime.worker.tasks import Tasks
from streams.runtime.worker.time_shares import Doing
from streams.runtime.worker.transactions import Transactions
from streams.runtime.worker.worker_metrics import WorkerMetrics
from streams.topology.node import TaskId

log = logging.getLogger("streams.runtime.worker")

RUNS = 4
"""Runs of one task before the next one has its turn."""
STEPS_MS = 20
"""Tasks that advance in step do so for no longer than this between two polls."""
LONGEST_WAIT_MS = 100
OUTSTANDING_WAIT_MS = 20
"""While something is on its way to the broker, the worker does not wait longer than this for input."""
RESTORE_SLICE_MS = 20
INIT_MS = 10_000
"""How long a round waits for the broker to fence earlier writers, before it looks around and asks again."""
LAST_COMMIT_MS = 10_000
"""How long a worker that ends waits for a rebalance to let it commit."""


class Loop:
    """See the module. Making it connects; `begin` fills the global stores and asks for a place in the group.

    Args:
        settings: of the worker.
        parts: what it is handed.
        life: its states.
        mailbox: messages to it.
    Raises:
        KafkaException: the engine does not answer, or a global store's topic is missing.
    """

    def __init__(self, settings: WorkerSettings, parts: WorkerParts, life: WorkerLife, mailbox: Mailbox) -> None:
        self._settings = settings
        self._parts = parts
        self._life = life
        self._mailbox = mailbox
        self._clock = parts.clock
        self._world = parts.door.world
        self._guarantee = parts.guarantee
        self._held = False
        """The last commit was held back, and is tried again at `_retry_commit_at`. All three by the monotonic clock."""
        self._retry_commit_at = 0.0
        self._committed_at = self._cleaned_at = self._clock.monotonic_ms()
        self.measured = WorkerMetrics(parts.context.metrics, settings.name, life, self._clock.now_ms())
        self._time = self.measured.shares
        self._look_at = 0.0
        self._resting = False
        """Nothing is processed, though there may be input."""
        with ExitStack() as opened:
            opened.callback(self.measured.close)
            self._connect(opened.callback)
            self._take_part()
            self.queryable = self._queryable()
            opened.callback(self.spill.close)
            self._opened = opened.pop_all()

    def _connect(self, closing: Callable[..., object]) -> None:
        """Makes the clients and what works with them; each is closed before what it stands on.

        Args:
            closing: takes what is to be called at the end, and its arguments.
        """
        parts, settings, context = self._parts, self._settings, self._parts.context
        door, isolation = parts.door, parts.guarantee.isolation or settings.isolation
        closing(parts.directory.close)
        self._admin = door.admin()
        closing(self._admin.close)
        self.reader = door.reader(isolation, settings.reader)
        closing(self.reader.close)
        writer: Writer = self._writer(closing)
        self.restorer = restorer_of(parts, settings.reader, isolation)
        closing(self.restorer.close)
        self.measured.restores(self.restorer)
        thread = f"{settings.name.removesuffix(settings.short_name)}GlobalStreamThread"
        home, own = parts.directory.path / "global", replace(context, record_cache=None, thread=thread)
        self._globals = Globals(
            parts.built, own, writer.partitions_for, home, parts.open_engine, self._admin, self.reader, isolation
        )
        closing(self._globals.close, False)
        reports = Reports(self._status, parts.troubles.tell)
        self.membership = GroupMembership(door, settings.member, self.reader.wake, reports)
        closing(self.membership.close, settings.member.instance_id is None)
        self.tasks = Tasks(
            parts.built,
            context,
            lambda: output_of(writer.partitions_for, settings.linger_ms),
            self._globals.stores,
            parts.directory,
            parts.open_engine,
            self._admin,
            self.reader,
            self.restorer,
            lambda partitions: self.membership.committed(partitions, settings.task_timeout_ms),
            settings.reset,
        )
        self.tasks.worker = self.measured
        aside: Writer | None = None
        if self._transactions is not None:
            aside = door.writer(settings.writer)
            closing(aside.close)
        self._sender = Sender(
            writer,
            context.config,
            self._drops_of_sends(),
            self.tasks.put_dead_letter,
            settings.max_request_size,
            aside,
            parts.guarantee.transactional,
        )
        self.clients = self._sender.measured = ClientMetrics(context.metrics, settings.name, self.tasks)
        closing(self.clients.close)
        closing(self._sender.close)  # before the writer: what it had out is nobody's any more

    def _writer(self, closing: Callable[..., object]) -> Writer:
        """What output is written with: in transactions, if the guarantee says so."""
        parts, settings = self._parts, self._settings
        self._transactions: Transactions | None = None
        if not parts.guarantee.transactional:
            writer = parts.door.writer(settings.writer)
            closing(writer.close)
            return writer
        made = self._transactions = Transactions(
            settings.short_name,
            settings.application_id,
            parts.directory,
            parts.door,
            settings.writer,
            self._clock,
            settings.transaction_timeout_ms,
            min(settings.task_timeout_ms, INIT_MS),
            lambda: self.membership.metadata(),
        )
        closing(made.close)
        return made

    def _take_part(self) -> None:
        """Makes what commits, what keeps tasks in step, what listens to the group, and what looks after databases."""
        parts, settings, clock, timeout_ms = self._parts, self._settings, self._clock, self._settings.task_timeout_ms
        name, built, context, admin = settings.short_name, parts.built, parts.context, self._admin
        interval_ms = settings.purge_interval_ms
        purge = Purge(
            name, settings.prefix, built.subtopologies, admin, self._sender, interval_ms, clock.now_ms()
        )
        self.committer = Committer(
            name,
            parts.guarantee,
            self.tasks,
            self._sender,
            purge,
            self.membership,
            clock,
            timeout_ms,
            self._transactions,
            self._mailbox.away,
        )
        bounds = bounds_of(built, context.config, context.topic_name)
        words = progress_topic(settings.prefix)
        shared = (words,) if bounds else ()
        metadata = ClusterMetadata(built, admin, settings.prefix, settings.assign, shared, settings.copies)
        self._alignment: Alignment | None = None
        if bounds:
            far_ms = settings.member.session_timeout_ms + settings.member.rebalance_timeout_ms
            self._alignment = Alignment(
                Skew(bounds, settings.skew_wait_ms, far_ms),
                Me(settings.name, name, parts.directory.uuid.encode(), words.name),
                self.tasks,
                self._sender,
                self.reader,
                admin,
                metadata,
                clock,
                context.metrics,
            )
        me = MemberIdentity(
            name, parts.directory, built, settings.prefix, settings.endpoint, settings.metadata_max_age_ms
        )
        self.rebalances = RebalanceListener(
            self.membership,
            metadata,
            self.tasks,
            self._sender,
            me,
            self._life,
            self.committer,
            self._given,
            clock,
            timeout_ms,
            Rebalances(settings.name, context.metrics, self.clients.rebalanced, self._time),
        )
        most, tell = settings.uncommitted_max_bytes, partial(parts.troubles.tell, "memory")
        self.spill = Spill(name, self.tasks, context.memory.rows, most, tell)
        self._damage = DamagedState(
            self.tasks, self._globals, self._fill_globals, self._life, self.committer, clock
        )

    def _queryable(self) -> Queryable:
        """What queries find here."""
        parts, members = self._parts, self.membership
        isolation = parts.guarantee.isolation or self._settings.isolation
        found = self.tasks, self._globals, self.restorer, self._mailbox
        return Queryable(parts.built, *found, lambda: members.is_confirmed, isolation)

    def _drops_of_sends(self) -> Drop:
        """Counts what the production exception handler lets go."""
        name, context = self._settings.name, self._parts.context
        scope = self._parts.context.metrics.scope(thread_id=name)
        measured(context.dropped, scope, name)
        return by_cause(context.dropped.drop(name, "producer", "production"), scope)

    def _given(self, generation: int) -> None:
        if self._alignment is not None:
            self._alignment.given(generation)

    # from other threads

    def progress(self) -> dict[str, tuple[int, int]]:
        """Stores that are being restored: records done and to be done."""
        return {**self._globals.progress(), **self.restorer.progress()}

    def _status(self) -> bytes:
        """What the group's coordinator is told of the worker with each heartbeat."""
        return status_of(self._life.state, self._parts.context.dropped, self.progress(), self._parts.troubles)

    # begin and end

    def begin(self) -> None:
        """Fills the global stores, and asks for a place in the group."""
        tell_of_a_switch(self._settings.short_name, self._parts.directory, self._guarantee)
        with self._time.during(Doing.RESTORING):
            self._damage.fill_globals()
        if self._parts.built.subtopologies:
            self.rebalances.ask(STARTED)
        else:
            self._life.become(WorkerState.RUNNING)

    def _fill_globals(self, start: Callable[[int], None]) -> None:
        """Global stores are read to their ends before anything else goes on."""
        start(self._clock.now_ms())
        while not self._globals.caught_up and not self._life.stopping:
            self._fetch(LONGEST_WAIT_MS, Doing.RESTORING)
        self._globals.commit()

    def close(self, clean: bool) -> None:
        """Commits, gives its tasks up and leaves the group; not `clean`: without the commit."""
        with self._opened:  # all that was opened is closed, whatever fails
            self._life.become(WorkerState.PENDING_SHUTDOWN)
            self._end_tasks(clean)

    def _end_tasks(self, clean: bool) -> None:
        first: Exception | None = None
        try:
            clean = clean and self._last_commit()
        except Exception as error:
            first, clean = error, False
        if not clean:
            dead_letters.send_last(
                self._settings.short_name,
                self._sender,
                self.tasks.all,
                self._clock,
                LAST_COMMIT_MS,
                self.committer.end_uncommitted,
                self.committer.end_letters,
            )
        self._parts.context.dropped.tell(self._clock.now_ms(), last=True)
        for task in self.tasks.ids:
            try:
                self.tasks.give_up(task, clean)
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
                self.committer.commit(self.tasks.running)
                return True
            except Exception as error:
                outcome = self._guarantee.after(error).ending
                if outcome is Outcome.REJOIN:
                    self.rebalances.lost(error)
                    return False
                late = self._world.monotonic_ms() > deadline
                if outcome is Outcome.GIVE_UP or (outcome is Outcome.LATER and late):
                    log.warning("%s could not commit before it ends: %s", self._settings.short_name, error)
                    return False
                if outcome is not Outcome.LATER and not self._damage.given_up(error):
                    raise
            self.membership.wait(OUTSTANDING_WAIT_MS / 1000)
            self.rebalances.handle()

    # one turn

    def turn(self) -> None:
        """One round of the loop."""
        try:
            self._turn()
        except Exception as error:
            try:
                self._go_on_after(error)
            except Exception as worse:  # what the abort has met
                if worse is error or self._guarantee.after(worse).working is not Outcome.REJOIN:
                    raise
                self.rebalances.lost(worse)

    def _go_on_after(self, error: Exception) -> None:
        """Raises the error again where nothing helps."""
        outcome = self._guarantee.after(error).working
        if outcome is Outcome.REJOIN:
            self.rebalances.lost(error)
        elif outcome is Outcome.ABORT:
            self.committer.take_back({task.id: error for task in self.tasks.running})
        elif not self._damage.rebuilt(error):
            raise error

    def _turn(self) -> None:
        self._mailbox.serve()
        self.rebalances.handle()
        began = self._time.enter(Doing.PROCESSING)
        worked = self._work()
        ended = self._time.enter(Doing.OTHER_WORK)
        if worked:
            self.measured.processed(worked, began, ended)
        if ended >= self._look_at:
            self._look(ended)
        self._sender.look()
        self.committer.handle_refusals()
        now = self._clock.now_ms()
        if self.restorer.busy:
            with self._time.during(Doing.RESTORING):
                self._restore(worked)
        self._started(now)
        self._output(now, idle=not worked)
        if self._alignment is not None:
            self._alignment.speak(self._life.paused)
        if self._commit_due(worked):
            self._commit_now()
        self._parts.context.dropped.tell(now)
        self._parts.each_turn(now)
        self.spill.turn(now)
        self.tasks.pace()
        if not worked:
            if self.rebalances.refusal:
                self._parts.troubles.tell("topology", f"{self._settings.short_name} {self.rebalances.refusal}")
            self.rebalances.refresh_metadata(now)
            self._clean_up()
        self._fetch(0 if worked or self.restorer.busy else self._patience(now))

    def _look(self, now: float) -> None:
        """Once a second: where the logs end that tasks read."""
        self._look_at = now + NOTE_MS
        self.measured.look(now)
        for task in self.tasks.running:
            task.inbox.note_ends(now)

    def _rests(self) -> bool:
        """Is nothing processed? That is so where it is paused, or what would come of it could not be committed."""
        if self._life.paused or self.spill.full:
            return True
        if self._transactions is None or not self._held or not self._transactions.old:
            return False
        name, timeout = self._settings.short_name, self._settings.transaction_timeout_ms
        self._parts.troubles.tell(
            "transaction",
            f"{name} processes nothing: its group holds its commit back, its transaction has been open for half of "
            f"producer.transaction.timeout.ms, which is {timeout}, and what is added now would be aborted with it. It "
            "goes on by itself after the commit.",
        )
        return True

    def _work(self) -> int:
        """Runs every task a few times, and what is due on its clocks; how many records were taken?"""
        self._resting = self._rests()
        if self._resting:
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
        total, began = 0, self._clock.monotonic_ms()
        for task in self.tasks.running:
            before = total
            try:
                for _ in range(runs):
                    count = task.run(self._clock.now_ms(), limit=limits.get(task.id, FREE))
                    task.punctuate_stream_time()
                    total += count
                    if not count:
                        break
                if task.punctuate_wall_clock(self._clock.now_ms()):
                    total += 1
            except KafkaException as error:
                if self._guarantee.after(error).working is not Outcome.ABORT:
                    raise
                self.committer.take_back({task.id: error})
                break
            if total != before:
                began = task.measured.worked(began)
        return total

    def _output(self, now: int, idle: bool) -> None:
        for task in self.tasks.running:
            due = task.outbox.due(now, idle)
            if due:
                self._sender.send(task.id, due)
        dead_letters.send(self._sender, self.tasks.all, now, idle)

    def _fetch(self, timeout_ms: int, doing: Doing | None = None) -> None:
        waits = Doing.BLOCKED if self._resting else Doing.WAITING if timeout_ms else Doing.POLLING
        began = self._time.enter(waits if doing is None else doing)
        try:
            found = self.reader.poll(timeout_ms)
        except (OffsetOutOfRangeException, LogTruncatedException) as error:
            self._out_of_range(error)
            return
        except UnknownTopicOrPartitionException as error:
            self.rebalances.gone(error)
            return
        ended = self._time.enter(Doing.OTHER_WORK if doing is None else doing)
        records = sum(len(fetched.batch) for fetched in found if fetched.batch is not None)
        self.measured.polled(records, began, ended)
        self.clients.polled(records, began, ended)
        now = self._clock.now_ms()
        for fetched in found:
            if self._globals.owns(fetched.partition):
                self._globals.apply(fetched, now)
            elif not self.tasks.add(fetched) and self._alignment is not None:
                self._alignment.hear(fetched)
        for task in self.tasks.running:
            task.polled(now, asked=not self._life.paused)

    def _out_of_range(self, error: OffsetOutOfRangeException | LogTruncatedException) -> None:
        """A position lies outside the log: the source's reset policy says where to go on."""
        partition = error.partition
        if partition is None:
            raise error
        if self._globals.owns(partition):
            self._globals.out_of_range(partition, error)
            return
        if not self.tasks.owns(partition):  # it was given up meanwhile
            if self._alignment is not None:
                self._alignment.out_of_range(partition, error)
            return
        if isinstance(error, LogTruncatedException) and self._transactions is not None:
            log.warning("%s: %s", self._settings.short_name, error)
            self.committer.abort([task.id for task in self.tasks.running])  # stores may be ahead, and positions gone
            return
        at = self.tasks.restart_at(partition, error, self._clock.now_ms())
        log.warning("%s: %s Reading goes on at offset %d.", self._settings.short_name, error, at)
        self.reader.seek({partition: at})

    def _patience(self, now: int) -> int:
        """How long the worker may wait for input."""
        if self._mailbox.waits:
            return 0
        wait = min(self._settings.poll_ms, LONGEST_WAIT_MS)
        if self._sender.outstanding:
            wait = min(wait, AWAITED_WAIT_MS if self._alignment and self._alignment.awaited else OUTSTANDING_WAIT_MS)
        if any(task.commit_needed for task in self.tasks.running):
            due = max(self._committed_at + self._settings.commit_interval_ms, self._retry_commit_at)
            wait = min(wait, max(0, int(due - self._clock.monotonic_ms())))
        for task in () if self._life.paused else self.tasks.running:
            punctual = task.next_wall_clock()
            if punctual is not None:
                wait = min(wait, max(0, punctual - now))
        return wait

    def _restore(self, worked: int) -> None:
        """A slice of restoring; half as much while tasks have input."""
        budget = RESTORE_SLICE_MS / 2 if worked else RESTORE_SLICE_MS
        end = self._world.monotonic_ms() + budget
        while self.restorer.busy and self._world.monotonic_ms() < end:
            if not self.restorer.step(0 if worked else 5):
                break

    def _started(self, now: int) -> None:
        started = self.tasks.start_restored(now)
        if started:
            count = self.restorer.restored_since()
            after = f", after {count:,} records were restored" if count else ""
            log.info("%s runs %s%s.", self._settings.short_name, ", ".join(map(str, sorted(started))), after)
        if self._life.state is WorkerState.PARTITIONS_ASSIGNED and self.tasks.all_run:
            self._life.become(WorkerState.RUNNING)

    # commits

    def _commit_due(self, worked: int) -> bool:
        now = self._clock.monotonic_ms()
        if now < self._retry_commit_at:
            return False
        if now - self._committed_at >= self._settings.commit_interval_ms:
            return True
        if not worked and self._alignment is not None and self._alignment.withheld:
            return True
        return self.spill.must_commit() or any(task.commit_requested for task in self.tasks.running)

    def _commit_now(self) -> None:
        began = self._time.enter(Doing.COMMITTING)
        try:
            asked = [task for task in self.tasks.running if task.commit_needed]
            self.committer.commit(asked)
            self._globals.commit()
        except KafkaException as error:
            if self._guarantee.after(error).committing is not Outcome.LATER:
                raise
            log.info("%s commits later: %s", self._settings.short_name, error)
            self._held, self._retry_commit_at = True, self._clock.monotonic_ms() + OUTSTANDING_WAIT_MS
            return
        finally:
            ended = self._time.enter(Doing.OTHER_WORK)
        if asked:
            self.measured.committed(began, ended)
            self.clients.committed(began, ended)
        self._held, self._committed_at = False, self._clock.monotonic_ms()

    def _clean_up(self) -> None:
        """State that has been nobody's for `state.cleanup.delay.ms` is deleted."""
        delay, now = self._settings.cleanup_delay_ms, self._clock.monotonic_ms()
        if now - self._cleaned_at >= delay:
            self._cleaned_at = now
            for path in self._parts.directory.clean(self._clock.now_ms() - delay):
                log.info("Deleted %s, which nobody has used for %d ms.", path, delay)

"""`KafkaStreams`: an application, made of workers over a door to a log engine."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import timedelta
from enum import Enum
from functools import partial
from socket import socket
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, overload

from streams.clients.api import Door
from streams.clients.connect import connect, is_address
from streams.clock import Clock
from streams.config.application import StreamsConfig
from streams.config.derived import connection_settings, unread
from streams.dropped import Dropped
from streams.dsl.builder import StreamsBuilder, topology_of
from streams.durations import to_ms
from streams.errors import (
    ConfigException,
    IllegalArgumentException,
    IllegalStateException,
    KafkaException,
    LockException,
    NotYetBuiltException,
    NullPointerException,
    StreamsNotStartedException,
    StreamsStoppedException,
    TimeoutException,
)
from streams.health import Health, judged
from streams.http.token import http_token
from streams.metrics.catalogue import DESCRIPTIONS
from streams.metrics.exposition import openmetrics, stable
from streams.metrics.names import CLIENT_GROUP, THREAD_GROUP, MetricName
from streams.metrics.registry import Readings
from streams.query.instance import Instance
from streams.query.metadata import (
    KeyPartitioner,
    KeyQueryMetadata,
    LagInfo,
    StreamsMetadata,
    all_metadata,
    key_metadata,
    partition_lags,
    store_metadata,
)
from streams.query.notebook import stores_table
from streams.query.queries import query
from streams.query.requests import StateQueryRequest
from streams.query.results import StateQueryResult
from streams.query.serve import listens, served_at, server_of
from streams.query.stores import StoreQueryParameters, store_of
from streams.runtime.state.context import registry_of
from streams.runtime.state.freshness import Freshness
from streams.runtime.state.memory import memory_of
from streams.runtime.tasks.restore import RestoreListener
from streams.runtime.worker.collector import relax
from streams.runtime.worker.lifecycle import Lifecycle, Listener, State, WorkerState
from streams.runtime.worker.make_worker import Watchers, make_worker, state_directory
from streams.runtime.worker.rebalances import RebalanceRecord
from streams.runtime.worker.settings import health_bounds, summary_interval_ms
from streams.runtime.worker.summary import SUMMARIES, Pace, Summary
from streams.runtime.worker.worker import Worker
from streams.serdes.base import Serde, in_java
from streams.shown import Shown
from streams.spelling import corrects_names
from streams.state.store import StateStore
from streams.topology.build import refuse_empty
from streams.topology.graph import Topology
from streams.troubles import Troubles
from streams.world import SYSTEM, lock

if TYPE_CHECKING:
    from streams.http.server import HttpServer

S = TypeVar("S", bound=StateStore)

__all__ = ["KafkaStreams", "State", "StreamThreadExceptionResponse"]

log = logging.getLogger("streams.app")
summaries = logging.getLogger(SUMMARIES)

NEVER_MS = 1 << 62
_RANDOM = re.compile("-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
"""How a client id ends that was made at a start."""
_STATE_NUMBERS = {state: number for number, state in enumerate(State)}


class StreamThreadExceptionResponse(Enum):
    """What becomes of an application when a worker fails (KIP-671)."""

    REPLACE_THREAD = "REPLACE_THREAD"
    SHUTDOWN_CLIENT = "SHUTDOWN_CLIENT"
    SHUTDOWN_APPLICATION = "SHUTDOWN_APPLICATION"


REPLACE_PAUSE_S = 0.2
"""Before a failed worker is replaced: one that fails at once must not turn into a busy loop."""

UncaughtExceptionHandler = Callable[[BaseException], StreamThreadExceptionResponse]
_NOT_READY = (WorkerState.STARTING, WorkerState.PARTITIONS_REVOKED, WorkerState.PARTITIONS_ASSIGNED)


@corrects_names
class KafkaStreams:
    """Runs a topology. A context manager: entering starts it, leaving closes it.

    Processes that are given the same `application.id` share its tasks; each runs `num.stream.threads` workers. Topics
    that are read have to exist; internal ones are made. As Kafka's `KafkaStreams`.

    >>> from streams import KafkaStreams, StreamsBuilder
    >>> from streams.clients import Consumer, Producer, ProducerRecord
    >>> engine = "memory://a-word"
    >>> with Producer(bootstrap_servers=engine, value_serializer="string") as producer:
    ...     future = producer.send(ProducerRecord("lines", "hello"))
    >>> builder = StreamsBuilder()
    >>> stream = builder.stream("lines").map_values(lambda line: line.upper()).to("loud")
    >>> settings = {"default.key.serde": "string", "default.value.serde": "string", "bootstrap.servers": engine}
    >>> with KafkaStreams(builder, settings, application_id="shouting") as app:
    ...     with Consumer(bootstrap_servers=engine, group_id="ears", auto_offset_reset="earliest") as consumer:
    ...         consumer.subscribe(["loud"])
    ...         print([record.value for record in consumer.poll(60_000)])
    [b'HELLO']

    When it runs for the first time, Python's garbage collector of the process is set to look less often, unless
    `gc.freeze()` was called before (`streams/runtime/worker/collector.py`): records form no cycles.

    Args:
        topology: a `Topology`, or a `StreamsBuilder` that is built with these settings.
        config: settings of Kafka Streams by their dotted names (docs/settings.md); `application.id` is required.
        clock: where the wall clock is read.
        door: the engine; None: the one that `bootstrap.servers` names.
        http: HOST:PORT, or a socket that listens, where stores are asked over HTTP (docs/queries.md) while it runs;
            port 0 takes a free one. It is also where other instances ask, unless `application.server` says otherwise.
            Needs the extra `http`.
        settings: settings by the same names with underscores; durations in ms or `timedelta`.
    Raises:
        ConfigException: a setting is missing, unknown or has a wrong value.
        NotYetBuiltException: a setting is known, but not built yet.
        TopologyException: the topology reads nothing.
    """

    def __init__(
        self,
        topology: Topology | StreamsBuilder,
        config: Mapping[str, object] | None = None,
        *,
        clock: Clock | None = None,
        door: Door | None = None,
        http: str | socket | None = None,
        **settings: object,
    ) -> None:
        self._config = StreamsConfig(config, **settings)
        self._http: HttpServer | None = None
        listening = None if http is None else listens(http, http_token())
        if listening is not None:
            self._config = served_at(self._config, listening)
        described = topology_of(topology, self._config, "KafkaStreams()")
        self._built = described.built(self._config)
        refuse_empty(self._built)
        if door is None:
            self._check_address()
        for name in unread(self._config):
            log.warning(
                "The setting %s changes nothing in an application: its clients are the runtime's own "
                "(docs/settings.md says which of their settings they read).", name
            )  # fmt: skip
        given = self._config.find_string("client.id")
        self._world = SYSTEM if door is None else door.world
        self.client_id = given or f"{self._config.application_id}-{self._world.new_id()}"
        self._clock = clock or self._world
        self._own_door = door is None
        self._door = door
        interval_ms = summary_interval_ms(self._config)
        self._dropped = Dropped(self._config.application_id, interval_ms, self._world)
        self._metrics = registry_of(self._config, self._clock, self._dropped.id)
        self._failed = 0
        self._bounds = health_bounds(self._config)
        self._freshness = Freshness(self._built.subtopologies)
        self._register(described)
        self._troubles = Troubles(self._config.application_id, interval_ms, self._world)
        self._summaries_ms = interval_ms if self._config.get_int("log.summary.interval.ms") >= 0 else NEVER_MS
        self._summary_due = 0
        self._said_last = False
        self._looking = lock()
        self._pace = Pace(self._now_s())
        self._life = Lifecycle(self.client_id, self._world)
        self._instance = Instance(
            self._built,
            self._config,
            self._workers_now,
            self._check_running,
            self._config.get_string("default.interactive.query.isolation.level").upper() == "READ_COMMITTED",
            self._config.get_string("application.server"),
            self._config.internal_topic_prefix,
            self._world,
        )
        if listening is not None:
            token = http_token()
            shown = Shown(self, self._instance, self._metrics, self._workers_now, self._engine)
            self._http = server_of(
                *(self._instance, shown.state, self._engine, listening, token),
                *(self.metrics_text, self.health, partial(shown.console, token)),
            )
        self._listener: RestoreListener | None = None
        self._handler: UncaughtExceptionHandler | None = None
        self._workers: list[Worker] = []
        self._next_worker = 1
        self._lock = self._world.condition()
        self._paused = False
        self.failure: BaseException | None = None
        """What ended the application, or None."""

    # living

    @property
    def state(self) -> State:
        """Where the application is, in Java's states: `CREATED`, `REBALANCING` (stores are restored too), `RUNNING`,
        `PENDING_SHUTDOWN`, `NOT_RUNNING`, `PENDING_ERROR`, `ERROR`."""
        return self._life.state

    @property
    def endpoint(self) -> str:
        """Where this instance is asked by others (`application.server`, host:port), or ""."""
        return self._instance.endpoint

    @property
    def application_id(self) -> str:
        """The application's name."""
        return self._config.application_id

    def start(self) -> None:
        """Connects, and starts the workers. Does not wait for them to run; `wait_until_running` does.

        Raises:
            BrokerNotFoundException: no engine can be reached or started.
            LockException: it has been started, and its tasks hold their directories.
            IllegalStateException: it has been closed.
        """
        with self._lock:
            if self.state.is_running_or_rebalancing:
                task = min(self.tasks(), default="0_0")
                raise LockException(
                    f"[{self._world.thread_name()}]Failed to lock the state directory for task {task}: "
                    "this application has been started before. start() is called once; make another KafkaStreams for "
                    "another instance."
                )
            self._life.must_go(State.REBALANCING)
            if self._door is None:
                self._door = connect(self._bootstrap(), self.client_id, connections=connection_settings(self._config))
            try:
                with closing(self._door.admin()) as admin:
                    admin.list_topics()  # an engine that cannot be had is named before anything else
                for _ in range(self._config.get_int("num.stream.threads")):
                    self._add_worker()
                if self._http is not None:
                    self._http.start()
            except BaseException as error:
                self._fail(error)
                raise
        log.info("Application %s has started.", self._config.application_id)
        log.debug("Its client id is %s.", self.client_id)

    def wait(self, timeout: timedelta | int | None = None) -> bool:
        """Waits until the application has ended: closed by another thread or a signal's handler, or failed.

        Args:
            timeout: how long, in ms or a `timedelta`; None: as long as it takes.
        Returns:
            whether it has ended.
        Raises:
            Exception: what ended it, if it was a failure.
        """
        ended = self._life.wait_for(lambda state: state.is_final, _seconds(timeout))
        if ended and self.failure is not None:
            raise self.failure
        return ended

    def wait_until_running(self, timeout: timedelta | int | None = None) -> bool:
        """Waits until every task runs here, its stores restored.

        Args:
            timeout: how long, in ms or a `timedelta`; None: as long as it takes.
        Returns:
            whether that has come; False too where the application was closed meanwhile.
        Raises:
            Exception: what ended the application meanwhile.
        """
        self._life.wait_for(lambda state: state is State.RUNNING or state.is_final, _seconds(timeout))
        if self.state is State.ERROR and self.failure is not None:
            raise self.failure
        return self.state is State.RUNNING

    def close(self, timeout: timedelta | int | None = None) -> bool:
        """Stops cleanly: what was processed is committed, the stores are written to disk, the group is left, and
        others have the tasks at once (a static member, with `group.instance.id`, is waited for instead). A second call
        does nothing.

        Args:
            timeout: how long to wait for that (ms or a timedelta); None: as long as it takes.
        Returns:
            whether everything has ended in that time.
        Raises:
            IllegalArgumentException: the timeout is negative.
        """
        seconds = _seconds(timeout)
        if seconds is not None and seconds < 0:
            raise IllegalArgumentException("Timeout can't be negative.")
        self._life.go(State.PENDING_SHUTDOWN)
        if self._http is not None:
            self._http.close()
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.stop()
        by = None if seconds is None else self._now_s() + seconds
        ended = [worker.join(None if by is None else max(0.0, by - self._now_s())) for worker in workers]
        if all(ended):
            self._ended()
        return all(ended)

    def _now_s(self) -> float:
        return self._world.monotonic_ms() / 1000

    def _look(self, now: int) -> None:
        """Called at each turn of each worker: the summary, when it is due."""
        if now < self._summary_due:
            return
        with self._looking:
            if now < self._summary_due:
                return
            first, self._summary_due = not self._summary_due, now + self._summaries_ms
            if not first:
                summaries.info("%s: %s", self.application_id, self._pace.line(self.summary(), self._now_s(), True))

    def _ended(self) -> None:
        """All workers are gone: the last steps."""
        with self._lock:
            if self._door is not None and not self._said_last:
                self._said_last = True
                self._dropped.tell(self._clock.now_ms(), last=True)
                log.info("%s has ended: %s.", self.application_id, self.summary().totals)
            if self._own_door and self._door is not None:
                self._door.close()
                self._door = None
        if not self._life.go(State.NOT_RUNNING):
            self._life.go(State.ERROR)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def pause(self) -> None:
        """Processes nothing more in this process until `resume`; membership, tasks and state stay. Source: KIP-834."""
        self._pause(True)

    def resume(self) -> None:
        """Takes back `pause`."""
        self._pause(False)

    @property
    def is_paused(self) -> bool:
        """Has `pause` been called, and `resume` not since, and do all workers know?"""
        return self._paused and all(worker.paused for worker in self._workers if worker.alive)

    def _pause(self, paused: bool) -> None:
        with self._lock:
            self._paused = paused
            for worker in self._workers:
                worker.pause(paused)

    def clean_up(self) -> None:
        """Deletes the application's local state, of all its instances that share the directory. It is restored from
        the changelogs at the next start.

        Raises:
            IllegalStateException: it is running.
        """
        if self.state is not State.CREATED and not self.state.is_final:
            raise IllegalStateException("Cannot clean up while running.")
        root = state_directory(self._config, self._address()) / self._config.application_id
        shutil.rmtree(root, ignore_errors=True)

    # workers

    def add_stream_thread(self) -> str | None:
        """Adds a worker, which takes its share of the tasks in a rebalance. Source: KIP-663.

        Returns:
            its name; None where the application is not running.
        """
        with self._lock:
            return self._add_worker().settings.name if self.state.is_running_or_rebalancing else None

    def remove_stream_thread(self, timeout: timedelta | int | None = None) -> str | None:
        """Stops one worker, cleanly; the others take its tasks. Source: KIP-663.

        Args:
            timeout: how long to wait for its end (ms or a timedelta); None: as long as it takes.
        Returns:
            its name; None where there is none.
        Raises:
            TimeoutException: it has not ended in that time; it ends later.
        """
        with self._lock:
            worker = next((w for w in self._workers if w.alive), None)
        if worker is None:
            return None
        seconds = _seconds(timeout)
        worker.stop()
        if (seconds is not None and seconds <= 0) or not worker.join(seconds):
            raise TimeoutException(f"Thread {worker.settings.name} did not stop in the allotted time")
        return worker.settings.name

    def _add_worker(self) -> Worker:
        assert self._door is not None
        number, self._next_worker = self._next_worker, self._next_worker + 1
        worker = make_worker(
            self._config,
            self._built,
            self._door,
            self._clock,
            self._metrics,
            self.client_id,
            number,
            Watchers(
                self._worker_is,
                self._worker_failed,
                self._listener,
                self._dropped,
                self._troubles,
                self._look,
                memory_of(self._world),
                self._freshness,
            ),
        )
        worker.pause(self._paused)
        self._workers.append(worker)
        worker.start()
        return worker

    def _worker_is(self, worker: Worker, state: WorkerState) -> None:
        log.info("%s is %s.", worker.settings.short_name, state.value)
        with self._lock:  # also while the state changes: what another worker has become meanwhile must not be undone
            alive = [w for w in self._workers if w.alive]
            if state is WorkerState.DEAD:
                if not alive and self.state.is_ending:
                    self._ended()
            elif any(w.state in _NOT_READY for w in alive):
                self._life.go(State.REBALANCING)
            elif alive and all(w.state is WorkerState.RUNNING for w in alive):
                relax()
                self._life.go(State.RUNNING)

    def _worker_failed(self, worker: Worker, error: BaseException) -> None:
        self._failed += 1
        log.error("%s failed.", worker.settings.short_name, exc_info=error)
        response = self._response(error)
        if response is StreamThreadExceptionResponse.REPLACE_THREAD:
            self._life.wait_for(lambda state: state.is_ending, REPLACE_PAUSE_S)
        with self._lock:
            if response is StreamThreadExceptionResponse.REPLACE_THREAD and not self.state.is_ending:
                self._workers.remove(worker)
                try:
                    self._add_worker()
                    return
                except Exception as another:
                    log.exception("%s could not be replaced.", worker.settings.short_name)
                    self._workers.append(worker)
                    error = another
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The application ends with this error, as soon as all its workers have ended."""
        self.failure = self.failure or error
        self._life.go(State.PENDING_ERROR)
        for worker in self._workers:
            worker.stop()
        if not any(worker.alive for worker in self._workers):
            self._ended()

    def _response(self, error: BaseException) -> StreamThreadExceptionResponse:
        if self._handler is None or not isinstance(error, Exception):
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT
        try:
            response = self._handler(error)
        except BaseException:  # also sys.exit(): it would end the worker's thread before anybody knows
            log.exception("The uncaught exception handler failed; the client shuts down.")
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT
        if response is StreamThreadExceptionResponse.SHUTDOWN_APPLICATION:
            log.error("SHUTDOWN_APPLICATION is not built yet: this client shuts down, other instances go on.")
        return response

    # listeners and handlers

    def set_state_listener(self, listener: Listener | None) -> None:
        """Has every change of state told.

        Args:
            listener: called as `listener(new, old)` by the thread that causes the change; it must not wait. None: no
                one.
        Raises:
            IllegalStateException: the application has been started.
        """
        self._only_before_start("StateListener")
        self._life.listener = listener

    def set_uncaught_exception_handler(self, handler: UncaughtExceptionHandler) -> None:
        """Says what becomes of the application when a worker fails; without a handler it ends (`SHUTDOWN_CLIENT`).

        >>> from streams import KafkaStreams, StreamsBuilder
        >>> from streams.app import StreamThreadExceptionResponse
        >>> builder = StreamsBuilder()
        >>> stream = builder.stream("in").to("out")
        >>> app = KafkaStreams(builder, application_id="goes-on", bootstrap_servers="memory://a-handler")
        >>> app.set_uncaught_exception_handler(lambda error: StreamThreadExceptionResponse.REPLACE_THREAD)

        Args:
            handler: called with what the worker failed with, by the worker's thread. `REPLACE_THREAD` makes another
                worker, `SHUTDOWN_CLIENT` ends this application; `SHUTDOWN_APPLICATION` does the same for now.
        Raises:
            NullPointerException: it is None.
            IllegalStateException: the application has been started.
        """
        self._only_before_start("UncaughtExceptionHandler")
        if handler is None:
            raise NullPointerException("The uncaught exception handler cannot be None.")
        self._handler = handler

    def set_global_state_restore_listener(self, listener: RestoreListener | None) -> None:
        """Has restores told: when one begins, after each batch, and when it is done.

        Args:
            listener: with Java's methods, `on_restore_start` and so on; called by the workers' threads. None: nobody.
        Raises:
            IllegalStateException: the application has been started.
        """
        self._only_before_start("GlobalStateRestoreListener")
        self._listener = listener

    def set_standby_update_listener(self, listener: object) -> None:
        """Standby tasks are not built yet, so there is nothing to be told of.

        Raises:
            IllegalStateException: the application has been started.
            NotYetBuiltException: otherwise.
        """
        self._only_before_start("StandbyUpdateListener")
        raise NotYetBuiltException("Standby tasks are not built yet, nor is their listener.")

    def _only_before_start(self, what: str) -> None:
        if self.state is not State.CREATED:
            raise IllegalStateException(
                f"Can only set {what} before calling start(). Current state is: {self.state.value}"
            )

    # looking in

    def _register(self, topology: Topology) -> None:
        """What is shown of the instance itself."""
        whose = {"client_id": self.client_id}
        ids = {**whose, "process_id": self._metrics.process_id}
        for name, read, tags in (
            ("version", _version, whose),
            ("application-id", lambda: self.application_id, whose),
            ("topology-description", lambda: str(topology.describe()), whose),
            ("state", lambda: self.state.value, whose),
            ("alive-stream-threads", lambda: sum(worker.alive for worker in list(self._workers)), whose),
            ("failed-stream-threads", lambda: self._failed, whose),
            ("recording-level", lambda: int(self._metrics.level), ids),
            ("client-state", lambda: _STATE_NUMBERS[self.state], {**ids, "application_id": self.application_id}),
        ):
            self._metrics.gauge(name, CLIENT_GROUP, DESCRIPTIONS[CLIENT_GROUP, name], read, **tags)

    def metrics(self) -> Mapping[MetricName, object]:
        """All metrics that this process has now, by name, group and tags (docs/metrics.md). A value is read when it is
        asked for."""
        self._metrics.refresh()
        return Readings(self._metrics)

    def metrics_text(self) -> str:
        """The same as OpenMetrics text, as Prometheus reads it (docs/metrics.md). Labels outlive a restart: the
        number of the instance directory stands for the random part of a client id."""
        self._metrics.refresh()
        numbers = [worker.instance for worker in list(self._workers)]
        lasting = {self.client_id: _RANDOM.sub(f"-{min(numbers)}", self.client_id)} if numbers else {}
        return openmetrics(self._metrics, stable(lasting))

    def rebalances(self) -> list[RebalanceRecord]:
        """The last rebalances that this instance has taken part in, with their causes, oldest first."""
        with self._lock:
            workers = list(self._workers)
        return sorted((each for worker in workers for each in worker.rebalances()), key=lambda each: each.at_ms)

    def summary(self) -> Summary:
        """How the application is at this moment, in this process: what the log says now and then
        (`log.summary.interval.ms`)."""
        with self._lock:
            workers = list(self._workers)
        restores = [row for worker in workers for row in worker.progress().values()]
        return Summary(
            self.state.value,
            self._metrics.total("process-total", THREAD_GROUP),
            sum(worker.lag() for worker in workers if worker.alive),
            self._dropped.by_cause(),
            sum(done for done, _ in restores),
            sum(total for _, total in restores),
            self._troubles.text,
            self._metrics.total("commit-total", THREAD_GROUP),
        )

    def health(self) -> Health:
        """Is it alive, is it ready, has it started, and why not: what probes are answered (docs/monitoring.md)."""
        with self._lock:
            workers = [worker for worker in self._workers if worker.alive]
        return judged(self.state.value, [worker.health() for worker in workers], self._bounds)


    def restore_progress(self) -> Iterable[tuple[str, int, int]]:
        """Stores that are being restored: what, records done, records to be done."""
        with self._lock:
            workers = list(self._workers)
        return [(what, done, total) for w in workers for what, (done, total) in w.progress().items()]

    def tasks(self) -> frozenset[str]:
        """Ids of the tasks that run here now: sub-topology and partition, as `0_1`."""
        with self._lock:
            return frozenset(str(task) for worker in self._workers for task in worker.tasks())

    # asking

    @overload
    def store(self, name: str, kind: type[S], /) -> S: ...
    @overload
    def store(self, name: StoreQueryParameters | str, kind: None = None, /) -> StateStore: ...
    def store(self, name: StoreQueryParameters | str, kind: type[StateStore] | None = None, /) -> StateStore:
        """A store that is only read, from any thread, while the application runs: its partitions that are here.

        What is shown is committed, unless `default.interactive.query.isolation.level` says otherwise. It goes on to be
        worth something when tasks move: each call looks anew. What it does not know it says by an exception, of which
        those that pass by themselves are a `RetryAfterException`; that a key has no value is only said where its
        partition is here.

        >>> from streams import KafkaStreams, Serdes, StreamsBuilder
        >>> from streams.clients import Producer, ProducerRecord
        >>> from streams.state.key_value_store import ReadOnlyKeyValueStore
        >>> engine = "memory://a-store-that-is-asked"
        >>> with Producer(bootstrap_servers=engine, value_serializer="string", key_serializer="string") as producer:
        ...     future = producer.send(ProducerRecord("colours", "red", "apple"))
        >>> builder = StreamsBuilder()
        >>> table = builder.table("colours", key_serde=Serdes.string(), value_serde=Serdes.string(), store="colours")
        >>> with KafkaStreams(builder, application_id="asked", bootstrap_servers=engine) as app:
        ...     running = app.wait_until_running(60_000)
        ...     while (colour := app.store("colours", ReadOnlyKeyValueStore[str, str]).get("apple")) is None:
        ...         pass
        >>> colour
        'red'

        Args:
            name: the store's name, or parameters as Java's `StoreQueryParameters`.
            kind: a class such as `ReadOnlyKeyValueStore[str, int]`, or one of `QueryableStoreTypes`; None: what it is.
        Raises:
            StreamsNotStartedException: the application has not been started.
            IllegalStateException: it is not running any more.
            UnknownStateStoreException: there is none of that name.
            InvalidStateStoreException: it is of another kind.
        """
        parameters = StoreQueryParameters.of(name, kind)
        if self.state is not State.CREATED and not self.state.is_running_or_rebalancing:
            raise IllegalStateException(f"KafkaStreams is not running. State is {self.state.value}.")
        self._check_running()
        return store_of(self._instance, parameters, self._instance.committed)

    def query(self, request: StateQueryRequest) -> StateQueryResult[object]:
        """Asks the partitions of a store that are here, from any thread. Source: KIP-796.

        Args:
            request: such as `StateQueryRequest.in_store("counts").with_query(KeyQuery.with_key("alice"))`.
        Returns:
            For each partition a result, or why there is none.
        Raises:
            NullPointerException, IllegalArgumentException: the request is none.
            UnknownStateStoreException: there is no store of that name.
            StreamsNotStartedException, StreamsStoppedException: the application does not run.
        """
        return query(self._instance, request)

    def query_metadata_for_key(
        self, store_name: str, key: object, how: Serde[object] | KeyPartitioner | None = None
    ) -> KeyQueryMetadata:
        """Which instance has a key.

        Args:
            store_name: the store.
            key: the key.
            how: the serde that writes the key, or the partitioner that was used (a `StreamPartitioner`); None: the
                store's serde, and Kafka's default partitioner.
        Returns:
            Host and partition; `NOT_AVAILABLE` while tasks are handed out, and where no instance has an
            `application.server`.
        Raises:
            StreamsNotStartedException, StreamsStoppedException: the application does not run.
            UnknownStateStoreException: there is no such store.
        """
        return key_metadata(self._instance, store_name, key, how)

    key_metadata = query_metadata_for_key

    def metadata_for_all_streams_clients(self) -> list[StreamsMetadata]:
        """All instances that have an `application.server`, with their stores and partitions."""
        self._check_running()
        return all_metadata(self._instance)

    def streams_metadata_for_store(self, store_name: str) -> list[StreamsMetadata]:
        """The instances that have partitions of a store, as far as they have an `application.server`.

        Args:
            store_name: the store.
        Raises:
            UnknownStateStoreException: there is no such store.
        """
        return store_metadata(self._instance, store_name)

    def all_local_store_partition_lags(self) -> dict[str, dict[int, LagInfo]]:
        """How far the stores here are behind their changelogs, by store and partition. Asks the engine for their ends.
        """
        self._check_running()
        assert self._door is not None
        with closing(self._door.admin()) as admin:
            return partition_lags(self._instance, admin)

    def _repr_html_(self) -> str:
        """What a notebook shows: how it is, its stores here, and how far they are behind their changelogs."""
        summary, lags, note = self.summary(), dict[str, dict[int, LagInfo]](), self._troubles.text
        if self.state.is_running_or_rebalancing:
            try:
                lags = self.all_local_store_partition_lags()
            except KafkaException as error:  # it is ending, or the engine is away: the table is shown all the same
                note = note or f"{type(error).__name__}: {error}"
        tasks = len(self.tasks())
        title = (
            f"Application {self.application_id}: {summary.state}, {tasks} task{'s' * (tasks != 1)}, "
            f"{summary.records:,} records processed, lag {summary.lag:,}"
        )
        return stores_table(title, self._instance, lags, note)

    def _engine(self) -> Door:
        self._check_running()
        assert self._door is not None
        return self._door

    def _workers_now(self) -> list[Worker]:
        return self._workers

    def _check_running(self) -> None:
        if self.state is State.CREATED:
            raise StreamsNotStartedException("KafkaStreams has not been started, you can retry after calling start().")
        if not self.state.is_running_or_rebalancing:
            raise StreamsStoppedException(
                f"KafkaStreams has been stopped ({self.state.value}). This instance can no longer serve queries."
            )

    def _check_address(self) -> None:
        """Refuses an address of no known form before anything is made."""
        address = self._bootstrap()
        if not is_address(address):
            raise KafkaException(
                f"bootstrap.servers={address} is none of local://DIR, memory://NAME, host:port."
                + in_java("Failed to create new KafkaAdminClient")
            ) from ConfigException(f"Invalid url in bootstrap.servers: {address}")

    def _bootstrap(self) -> str:
        return ",".join(str(each) for each in self._config.get_list("bootstrap.servers"))

    def _address(self) -> str:
        if self._door is not None:
            return self._door.address
        door = connect(self._bootstrap(), self.client_id, connections=connection_settings(self._config))
        try:
            return door.address
        finally:
            door.close()


def _version() -> str:
    """Of this package."""
    from importlib.metadata import version  # 15 ms, for who asks

    return version("streams-app")


def _seconds(timeout: timedelta | int | None) -> float | None:
    return None if timeout is None else to_ms(timeout, "timeout") / 1000

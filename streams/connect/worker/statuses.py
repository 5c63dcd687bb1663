"""How connectors and tasks are, wherever they run, and which topics they use.

    status-connector-NAME               {"state":"RUNNING","trace":null,"worker_id":"host:8083","generation":3}
    status-task-NAME-N                  the same; a task that is tried again has "attempts" and "next_attempt" too
    status-topic-TOPIC:connector-NAME   {"topic":{"name":"TOPIC","connector":"NAME","task":0,"discoverTimestamp":…}}

These are the keys and values of Kafka Connect's topic of statuses; a worker alone keeps them in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from streams.connect.json_value import Json
from streams.connect.worker.config_state import TaskId
from streams.connect.worker.status import State, Status
from streams.world import World, lock

Value = Mapping[str, Json]
K = TypeVar("K", str, TaskId)


@dataclass(frozen=True, slots=True)
class Reported:
    """How a connector or a task was when somebody told of it last.

    Args:
        state: in Kafka Connect's words.
        worker_id: who told it.
        generation: of the group of workers, when it was told.
        trace: what keeps it from its work; "": nothing does.
        attempts: how often in a row it was tried in vain.
        next_attempt: when it is tried again (wall clock, ms); None: it is not, or need not be.
    """

    state: str
    worker_id: str
    generation: int = 0
    trace: str = ""
    attempts: int = 0
    next_attempt: int | None = None

    @classmethod
    def of(cls, status: Status, worker_id: str, generation: int, world: World) -> Reported:
        """What is told of a status, which is this worker's."""
        due = None
        if status.next_attempt_ms is not None:
            due = world.now_ms() + int(status.next_attempt_ms - world.monotonic_ms())
        return cls(status.state.value, worker_id, generation, status.cause, status.attempts, due)

    @classmethod
    def read(cls, value: Value) -> Reported:
        """From a record; what is missing is empty."""
        trace, attempts, due = value.get("trace"), value.get("attempts"), value.get("next_attempt")
        generation = value.get("generation")
        return cls(
            str(value.get("state", State.UNASSIGNED.value)),
            str(value.get("worker_id", "")),
            generation if isinstance(generation, int) else 0,
            trace if isinstance(trace, str) else "",
            attempts if isinstance(attempts, int) else 0,
            due if isinstance(due, int) else None,
        )

    def record(self) -> dict[str, Json]:
        """As it is stored."""
        found: dict[str, Json] = {
            "state": self.state, "trace": self.trace or None, "worker_id": self.worker_id,
            "generation": self.generation,
        }  # fmt: skip
        if self.attempts:
            found["attempts"] = self.attempts
        if self.next_attempt is not None:
            found["next_attempt"] = self.next_attempt
        return found


class Statuses(Protocol):
    """Whoever runs a connector or a task tells how it is; everybody reads it."""

    book: StatusBook

    def put(self, about: str | TaskId, said: Reported) -> None:
        """A connector (by its name) or a task is like this. From any thread."""
        ...

    def use(self, task: TaskId, topic: str, now_ms: int) -> None:
        """A task has written to a topic, or read it. From any thread."""
        ...

    def forget(self, about: str | TaskId) -> None:
        """There is no such connector, or task, any more."""
        ...

    def forget_topics(self, connector: str) -> None:
        """The topics of a connector are counted anew."""
        ...


class StatusBook:
    """What is known of all of them. What was told later counts, unless it comes from an earlier generation by another
    worker: that is one who does not know yet that it has lost the task."""

    def __init__(self) -> None:
        self._lock = lock()
        self._connectors: dict[str, Reported] = {}
        self._tasks: dict[TaskId, Reported] = {}
        self._topics: dict[str, set[str]] = {}

    def take(self, key: str, value: Json) -> None:
        """Takes a record."""
        with self._lock:
            if key.startswith("status-topic-"):
                topic, _, connector = key.removeprefix("status-topic-").partition(":connector-")
                self._use(topic, connector, value is not None)
            elif key.startswith("status-connector-"):
                self._put(self._connectors, key.removeprefix("status-connector-"), value)
            elif key.startswith("status-task-"):
                connector, _, number = key.removeprefix("status-task-").rpartition("-")
                if number.isdigit():
                    self._put(self._tasks, TaskId(connector, int(number)), value)

    def _use(self, topic: str, connector: str, used: bool) -> None:
        if used:
            self._topics.setdefault(connector, set()).add(topic)
        else:
            self._topics.get(connector, set()).discard(topic)

    def _put(self, where: dict[K, Reported], name: K, value: Json) -> None:
        if not isinstance(value, Mapping):
            where.pop(name, None)
            return
        said, before = Reported.read(value), where.get(name)
        if before is None or said.generation >= before.generation or said.worker_id == before.worker_id:
            where[name] = said

    def connector(self, name: str) -> Reported | None:
        """How a connector is; None: nobody has told."""
        return self._connectors.get(name)

    def task(self, task: TaskId) -> Reported | None:
        """How a task is; None: nobody has told."""
        return self._tasks.get(task)

    def tasks(self, connector: str) -> list[TaskId]:
        """The tasks of a connector of which something was told, in their order."""
        with self._lock:
            return sorted(task for task in self._tasks if task.connector == connector)

    def topics(self, connector: str) -> list[str]:
        """The topics of a connector, sorted."""
        with self._lock:
            return sorted(self._topics.get(connector, ()))


def key_of(about: str | TaskId) -> str:
    """The key of a connector, by its name, or of a task."""
    return f"status-task-{about}" if isinstance(about, TaskId) else f"status-connector-{about}"


def topic_key(topic: str, connector: str) -> str:
    """The key of a topic that a connector uses."""
    return f"status-topic-{topic}:connector-{connector}"


def topic_record(task: TaskId, topic: str, now_ms: int) -> Value:
    """The value under that key."""
    told: Value = {"name": topic, "connector": task.connector, "task": task.number, "discoverTimestamp": now_ms}
    return {"topic": told}


class MemoryStatuses:
    """Those of a worker alone."""

    def __init__(self) -> None:
        self.book = StatusBook()

    def put(self, about: str | TaskId, said: Reported) -> None:
        """See `Statuses.put`."""
        self.book.take(key_of(about), said.record())

    def use(self, task: TaskId, topic: str, now_ms: int) -> None:
        """See `Statuses.use`."""
        self.book.take(topic_key(topic, task.connector), topic_record(task, topic, now_ms))

    def forget(self, about: str | TaskId) -> None:
        """See `Statuses.forget`."""
        self.book.take(key_of(about), None)

    def forget_topics(self, connector: str) -> None:
        """See `Statuses.forget_topics`."""
        for topic in self.book.topics(connector):
            self.book.take(topic_key(topic, connector), None)

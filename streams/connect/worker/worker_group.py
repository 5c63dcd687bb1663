"""The workers that share connectors and tasks, as one member sees them.

The group speaks Kafka's classic protocol. What members tell each other is JSON, in the user data of Kafka's
subscription and assignment:

    subscription   {"since":1,"version":1,"url":"host:8083","connectors":["a"],"tasks":[["a",0]]}     what it runs
    assignment     {"since":1,"version":1,"workers":{"host:8083":{"connectors":["a"],"tasks":[["a",0]]}},
                    "mine":"host:8083","connectors":["a"],"tasks":[["a",0],["a",1]]}                  all there is

A reader passes over what it does not know, and refuses what needs a later version than its own (`since`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from streams.clients.api import Door
from streams.clients.assignors import Assignment, Subscription, read_assignment, write_assignment
from streams.clients.group_membership import GroupMembership
from streams.clients.member import Assigned, Failed, Lead, Lost, MemberSettings, Rebalance
from streams.connect.json_value import Json, dumped, loaded
from streams.connect.worker.assignment import assign
from streams.connect.worker.config_state import ConfigState, TaskId
from streams.connect.worker.configs import Configs
from streams.connect.worker.herder import Work
from streams.connect.worker.running import About
from streams.connect.worker.supervisor import NotOwnedException
from streams.connect.worker.waker import Waker
from streams.errors import SerializationException

log = logging.getLogger("streams.connect.worker")

VERSION = 1
PROTOCOL = "streams-app-connect"
LOOK_S = 0.05
AGAIN_MS = 5_000
"""After this a worker that the group has refused asks again."""
NOTHING = Work(frozenset(), frozenset())


class WorkerGroup:
    """See `Group`.

    Args:
        door: the engine.
        settings: the group, and how long it waits.
        configs: what there is to run.
        follow: reads what others have written, and writes what is to be told.
    """

    alone = False

    def __init__(
        self, door: Door, settings: MemberSettings, configs: Configs, follow: Callable[[], None]
    ) -> None:
        self.settings = settings
        self.worker_id = ""
        self.generation = 0
        self._configs = configs
        self._follow = follow
        self._world = door.world
        self._waker = Waker(door.world)
        self._membership = GroupMembership(door, settings, self.wake)
        self._work = NOTHING
        self._owners: dict[About, str] = {}
        self._workers: frozenset[str] | None = None
        self._shared: tuple[frozenset[str], frozenset[TaskId]] | None = None
        self._join_at = 0.0
        """When it joins, or joins anew (monotonic, ms); negative: it need not."""

    # What has happened

    def turn(self) -> None:
        """Takes what has happened in the group."""
        self._follow()
        self._membership.owner_polled()
        if 0 <= self._join_at <= self._world.monotonic_ms():  # what was lost at the last turn has ended by now
            self._join()
        for event in self._membership.take():
            match event:
                case Rebalance():
                    self._join()
                case Lead():
                    self._lead(event)
                case Assigned():
                    self._take(event)
                case Lost(reason):
                    log.warning("The worker has lost its place among the others, and begins anew: %s", reason)
                    self._lose(0.0)
                case Failed(error):
                    log.error("The worker cannot work with others: %s: %s", type(error).__name__, error)
                    self._lose(AGAIN_MS)
        if self._shared is not None and self._shared != _all(self._configs.state):
            self._shared = None  # asked for once
            self._join()

    def _join(self) -> None:
        self._join_at = -1.0
        told = {"since": VERSION, "version": VERSION, "url": self.worker_id, **_written(self._work)}
        self._membership.rejoin(Subscription((), dumped(told)))

    def _lead(self, event: Lead) -> None:
        self._configs.refresh()
        urls: dict[str, str] = {}
        owned: dict[str, Work] = {}
        for member, subscription in event.members.items():
            try:
                told = _read(subscription.user_data)
                owned[member], urls[member] = _work_of(told), str(told.get("url"))
            except SerializationException as error:
                log.error("The member %s of the group gets no work: %s", member, error)
        connectors, tasks = _all(self._configs.state)
        shares = assign(connectors, tasks, owned)
        workers = {urls[member]: _written(work) for member, work in shares.given.items()}
        common = {"since": VERSION, "version": VERSION, "workers": workers, **_written(Work(connectors, tasks))}
        empty = Assignment((), b"")
        self._membership.lead(
            {
                member: write_assignment(
                    Assignment((), dumped({**common, "mine": urls[member]})) if member in urls else empty
                )
                for member in event.members
            }
        )

    def _take(self, event: Assigned) -> None:
        try:
            told = _read(read_assignment(event.assignment).user_data)
        except SerializationException as error:
            log.error("The worker gets no work from the one that hands it out: %s", error)
            self._lose(AGAIN_MS)
            return
        self._configs.refresh()  # it knows then at least what the one knew that has handed it out
        given = told.get("workers")
        workers = {url: _work_of(work) for url, work in given.items()} if isinstance(given, Mapping) else {}
        before, self._work = self._work, workers.get(str(told.get("mine")), NOTHING)
        self.generation = event.generation
        self._workers = frozenset(workers)
        self._owners = {}
        for url, work in workers.items():
            self._owners.update(dict.fromkeys(work.connectors, url))
            self._owners.update(dict.fromkeys(work.tasks, url))
        whole = _work_of(told)
        self._shared = (frozenset(whole.connectors), frozenset(whole.tasks))
        gone = set(before.connectors) - set(self._work.connectors) or set(before.tasks) - set(self._work.tasks)
        log.info(
            "The worker runs %s of %s connectors and %s of %s tasks, with %s others (generation %s).",
            len(self._work.connectors), len(whole.connectors), len(self._work.tasks), len(whole.tasks),
            max(0, len(workers) - 1), event.generation,
        )  # fmt: skip
        if gone:
            self._join_at = 0.0  # at the next turn they have ended, and another one may have them
            self.wake()

    def _lose(self, wait_ms: float) -> None:
        self._work, self._shared = NOTHING, None
        self._join_at = self._world.monotonic_ms() + wait_ms
        self.wake()

    # What is asked

    def work(self, state: ConfigState) -> Work:
        """What this worker is to run now."""
        return self._work

    def confirm(self, task: TaskId) -> None:
        """See `Group.confirm`."""
        if task not in self._work.tasks or self._membership.generation < 0 or not self._membership.is_confirmed:
            raise NotOwnedException(f"Task {task} is not this worker's any more.")

    def owner(self, about: About) -> str:
        """See `Group.owner`."""
        found = self._owners.get(about, "")
        return "" if found == self.worker_id else found

    def is_there(self, worker_id: str) -> bool:
        """See `Group.is_there`."""
        return self._workers is None or worker_id in self._workers

    def wait(self) -> None:
        """See `Group.wait`."""
        self._waker.wait(LOOK_S)

    def wake(self) -> None:
        """See `Group.wake`."""
        self._waker.wake()

    def close(self) -> None:
        """Leaves: others go on with what was this worker's."""
        self._work = NOTHING
        self._membership.close()


def _all(state: ConfigState) -> tuple[frozenset[str], frozenset[TaskId]]:
    known = state.snapshot()
    return frozenset(known.connectors), frozenset(known.all_tasks())


def _written(work: Work) -> dict[str, Json]:
    return {"connectors": sorted(work.connectors), "tasks": sorted(map(list, work.tasks))}


def _read(data: bytes) -> Mapping[str, Json]:
    told = loaded(data)
    if not isinstance(told, Mapping):
        raise SerializationException("It is no worker of this kind. Is another program a member of this group.id?")
    since = told.get("since")
    if not isinstance(since, int) or since > VERSION:
        raise SerializationException(
            f"It speaks version {told.get('version')} of the workers' protocol, and needs {since} of those it works "
            f"with; this one speaks {VERSION}. Give all workers the same version of streams-app."
        )
    return told


def _work_of(told: Json) -> Work:
    given: Mapping[str, Json] = told if isinstance(told, Mapping) else {}
    connectors, tasks = given.get("connectors"), given.get("tasks")
    names: Sequence[Json] = connectors if isinstance(connectors, list) else []
    pairs: Sequence[Json] = tasks if isinstance(tasks, list) else []
    return Work(frozenset(map(str, names)), frozenset(map(_task, pairs)))


def _task(pair: Json) -> TaskId:
    if isinstance(pair, list) and len(pair) == 2:
        name, number = pair
        if isinstance(number, int):
            return TaskId(str(name), number)
    raise SerializationException(f"{pair!r} is no task.")

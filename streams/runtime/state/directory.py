"""Where state lies on one host, and whose it is (decision 17).

    <state.dir>/<application.id>/
        directory-id            names this disk in the group, so that all workers on it count as caught up
        guarantee               the `processing.guarantee` that was worked under last
        instance-0/             belongs to the worker that holds the lock of the file `lock` in it
            lock
            worker.json         {"version": 1, "uuid": ..., "host": ..., "inode": ...}
            0_3/                an owned task: its database, and how far that is
        unowned/
            0_1/                closed cleanly; whoever is assigned the task renames it in

A worker that died leaves its instance directory with a free lock; its tasks are taken over the same way, while
that lock is held. A frozen owner still holds its lock, so its successor builds a copy of its own.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from streams.errors import LockException, TaskIdFormatException
from streams.topology.node import TaskId
from streams.world import SYSTEM, Files, World

log = logging.getLogger("streams.runtime.directory")

VERSION = 1
MOST_INSTANCES = 10_000


def parse_task(name: str) -> TaskId:
    """`0_1` to a task id.

    Raises:
        TaskIdFormatException: the text is no task id.
    """
    subtopology, _, partition = name.partition("_")
    if not (subtopology.isascii() and subtopology.isdigit() and partition.isascii() and partition.isdigit()):
        raise TaskIdFormatException(f"Task id {name!r} is not of the form <sub-topology>_<partition>.")
    return TaskId(int(subtopology), int(partition))


def task_directories(path: Path, files: Files = SYSTEM.files) -> Iterator[tuple[TaskId, Path]]:
    """The task directories in `path`; anything else is passed over."""
    for name in files.directories(path):
        with suppress(TaskIdFormatException):
            yield parse_task(name), path / name


class InstanceDirectory:
    """The directory of one worker. `uuid` is the worker's id in the group: what Java calls the process id."""

    __slots__ = ("_release", "_world", "directory_id", "files", "number", "path", "root", "uuid")

    def __init__(self, root: Path, number: int, release: Callable[[], None], world: World) -> None:
        self._world = world
        self.files = world.files
        self.root = root
        self.number = number
        self.path = root / f"instance-{number}"
        self._release: Callable[[], None] | None = release
        self.uuid = worker_uuid(self.path, world)
        self.directory_id = disk_id(root, world)

    def take(self, task: TaskId, position_of: Callable[[Path], int]) -> Path:
        """The task's directory, inside this instance's; empty where this host has no copy.

        Where several copies exist, the one with the highest position is taken and the others are deleted.
        `position_of(path)` tells the changelog position of a copy.
        """
        home = self.path / str(task)
        with free_copies(self, task) as copies:
            if self.files.exists(home):
                copies = [home, *copies]
            best = max(copies, key=position_of) if len(copies) > 1 else next(iter(copies), None)
            for copy in copies:
                if copy != best:
                    self.files.remove(copy)
            if best is not None and best != home:
                with suppress(FileNotFoundError):  # another worker was quicker, or cleaned it away
                    self.files.move(best, home)
        self.files.make(home)
        return home

    def give_back(self, task: TaskId, position_of: Callable[[Path], int]) -> None:
        """Moves a task's directory, whose database is closed, to where the next owner finds it.

        Another copy may lie there: a worker that was frozen while its task moved is behind whoever had it since. The
        copy with the higher position stays, by `position_of` as in `take`.
        """
        files, home, resting = self.files, self.path / str(task), self.root / "unowned" / str(task)
        if not files.exists(home):
            return
        files.make(resting.parent)
        files.touch(home)  # `clean` counts from here
        while True:
            if files.exists(resting):
                behind = min(resting, home, key=position_of)
                files.remove(behind)
                if behind == home:
                    return
            if files.move(home, resting):
                return
            # one that was thought dead gave its own copy back just now

    def discard(self, task: TaskId) -> None:
        """Deletes the task's directory: its state is to be built anew."""
        self.files.remove(self.path / str(task))

    def clean(self, before_ms: int) -> list[Path]:
        """Deletes copies that have been nobody's since then (wall clock in ms), and what a crash left half deleted."""
        files, unowned = self.files, self.root / "unowned"
        with ExitStack() as locks:
            doomed = [unowned / name for name in files.directories(unowned)]
            for other in self._others():
                if other == self.path:
                    doomed += [other / name for name in files.directories(other) if name.startswith(".deleted-")]
                elif (release := files.lock(other / "lock")) is not None:
                    locks.callback(release)
                    doomed += [other / name for name in files.directories(other)]
            gone = [path for path in doomed if files.touched_ms(path) < before_ms]
            for path in gone:
                files.remove(path)
            return gone

    def _others(self) -> list[Path]:
        """All instance directories, this one among them."""
        names = self.files.directories(self.root)
        return [self.root / name for name in names if name.startswith("instance-")]

    def unowned(self) -> Mapping[TaskId, Path]:
        """Copies on this disk that belong to no living worker, one a task."""
        found: dict[TaskId, Path] = {}
        for other in self._others():
            if other != self.path and (release := self.files.lock(other / "lock")) is not None:
                found.update(task_directories(other, self.files))
                release()
        found.update(task_directories(self.root / "unowned", self.files))
        found.update(task_directories(self.path, self.files))
        return found

    def new_uuid(self) -> str:
        """Takes another id, after this one was fenced twice within a minute."""
        self.files.delete(self.path / "worker.json")
        self.uuid = worker_uuid(self.path, self._world)
        log.warning("Worker in %s was fenced twice within a minute and goes on as %s.", self.path, self.uuid)
        return self.uuid

    def works_under(self, guarantee: str) -> str:
        """Notes the guarantee that is worked under on this disk from now on; the one before, "" for none."""
        file = self.root / "guarantee"
        try:
            before = self.files.read(file).strip()
        except FileNotFoundError:
            before = ""
        if before != guarantee:
            self.files.write(file, guarantee)
        return before

    def close(self) -> None:
        """Lets go of the lock; what still lies inside belongs to nobody from now on."""
        if self._release is not None:
            self._release()
            self._release = None


def claim(state_dir: Path, application_id: str, world: World = SYSTEM) -> InstanceDirectory:
    """Takes the lowest free instance directory of the application on this disk, which is the world's.

    Raises:
        LockException: the directory cannot be made or written.
    """
    root, files = state_dir / application_id, world.files
    try:
        files.make(root)
        for number in range(MOST_INSTANCES):
            path = root / f"instance-{number}"
            files.make(path)
            release = files.lock(path / "lock")
            if release is not None:
                return InstanceDirectory(root, number, release, world)
    except OSError as error:
        inside = "" if str(error.filename or root) == str(root) else f"{error.filename}: "
        raise LockException(
            f"State directory {root} cannot be used: {inside}{error.strerror}. "
            "Give a directory that this user may write as state.dir."
        ) from None
    raise LockException(f"All {MOST_INSTANCES} instance directories in {root} are locked.")


@contextmanager
def free_copies(own: InstanceDirectory, task: TaskId) -> Iterator[list[Path]]:
    """Copies of a task that belong to no living worker; dead instances stay locked while they are looked at."""
    files, name = own.files, str(task)
    resting = own.root / "unowned" / name
    found = [resting] if files.exists(resting) else []
    with ExitStack() as locks:
        for other in own._others():
            if other != own.path and files.exists(other / name):
                release = files.lock(other / "lock")
                if release is not None:
                    locks.callback(release)
                    if files.exists(other / name):
                        found.append(other / name)
        yield found


def worker_uuid(path: Path, world: World) -> str:
    """The UUID in an instance directory. One that was copied from elsewhere gets a new one."""
    files, file = world.files, path / "worker.json"
    here = dict(zip(("host", "inode"), files.identity(path), strict=True))
    try:
        known = json.loads(files.read(file))
        if known.get("version") == VERSION and all(known.get(name) == value for name, value in here.items()):
            return str(uuid.UUID(known["uuid"]))
        log.info("%s is of another place or version; this worker gets an id of its own.", file)
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as damage:
        log.warning("%s is damaged (%s); this worker gets a new id.", file, damage)
    fresh = world.new_id()
    files.write(file, json.dumps({"version": VERSION, "uuid": fresh, **here}))
    return fresh


def disk_id(root: Path, world: World) -> str:
    """One name for this disk, the same for all workers on it; bound to the directory's inode."""
    files, file = world.files, root / "directory-id"
    _, inode = files.identity(root)
    while True:
        try:
            name, _, bound = files.read(file).partition("@")
            if bound == str(inode):
                return str(uuid.UUID(name))
            files.delete(file)  # copied from elsewhere
        except FileNotFoundError:
            pass
        except ValueError as damage:
            log.warning("%s is damaged (%s) and is written anew.", file, damage)
            files.delete(file)
        files.add(file, f"{world.new_id()}@{inode}")  # of several that start at once one wins, and all read that

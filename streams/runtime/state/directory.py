"""Where state lies on one host, and whose it is (decision 17).

    <state.dir>/<application.id>/
        directory-id            names this disk in the group, so that all workers on it count as caught up
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

import errno
import fcntl
import json
import logging
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from streams.errors import LockException, TaskIdFormatException
from streams.topology.node import TaskId
from streams.world import SYSTEM

NewId = Callable[[], str]
"""Makes a UUID."""

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


def task_directories(path: Path) -> Iterator[tuple[TaskId, Path]]:
    """The task directories in `path`; anything else is passed over."""
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            try:
                yield parse_task(entry.name), entry
            except TaskIdFormatException:
                continue


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock of the file, or None where another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


class InstanceDirectory:
    """The directory of one worker. `uuid` is the worker's id in the group: what Java calls the process id."""

    __slots__ = ("_descriptor", "_new_id", "directory_id", "number", "path", "root", "uuid")

    def __init__(self, root: Path, number: int, descriptor: int, new_id: NewId) -> None:
        self._new_id = new_id
        self.root = root
        self.number = number
        self.path = root / f"instance-{number}"
        self._descriptor: int | None = descriptor
        self.uuid = worker_uuid(self.path, self._new_id)
        self.directory_id = disk_id(root, new_id)

    def take(self, task: TaskId, position_of: Callable[[Path], int]) -> Path:
        """The task's directory, inside this instance's; empty where this host has no copy.

        Where several copies exist, the one with the highest position is taken and the others are deleted.
        `position_of(path)` tells the changelog position of a copy.
        """
        home = self.path / str(task)
        with free_copies(self, task) as copies:
            if home.exists():
                copies = [home, *copies]
            best = max(copies, key=position_of) if len(copies) > 1 else next(iter(copies), None)
            for copy in copies:
                if copy != best:
                    remove(copy)
            if best is not None and best != home:
                with suppress(FileNotFoundError):  # another worker was quicker, or cleaned it away
                    best.rename(home)
        home.mkdir(mode=0o700, exist_ok=True)
        return home

    def give_back(self, task: TaskId, position_of: Callable[[Path], int]) -> None:
        """Moves a task's directory, whose database is closed, to where the next owner finds it.

        Another copy may lie there: a worker that was frozen while its task moved is behind whoever had it since. The
        copy with the higher position stays, by `position_of` as in `take`.
        """
        home, resting = self.path / str(task), self.root / "unowned" / str(task)
        if not home.exists():
            return
        resting.parent.mkdir(mode=0o700, exist_ok=True)
        os.utime(home)  # `clean` counts from here
        while True:
            if resting.exists():
                behind = min(resting, home, key=position_of)
                remove(behind)
                if behind == home:
                    return
            try:
                home.rename(resting)
                return
            except OSError as error:  # one that was thought dead gave its own copy back just now
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise

    def discard(self, task: TaskId) -> None:
        """Deletes the task's directory: its state is to be built anew."""
        remove(self.path / str(task))

    def clean(self, before_ms: int) -> list[Path]:
        """Deletes copies that have been nobody's since then (wall clock in ms), and what a crash left half deleted."""
        doomed, held = list((self.root / "unowned").glob("*")), []
        for other in self.root.glob("instance-*"):
            if other == self.path:
                doomed += other.glob(".deleted-*")
                continue
            descriptor = try_lock(other / "lock")
            if descriptor is not None:
                held.append(descriptor)
                doomed += [path for path in other.iterdir() if path.is_dir()]
        try:
            gone = [path for path in doomed if last_touched_ms(path) < before_ms]
            for path in gone:
                remove(path)
            return gone
        finally:
            for descriptor in held:
                os.close(descriptor)

    def unowned(self) -> Mapping[TaskId, Path]:
        """Copies on this disk that belong to no living worker, one a task."""
        found: dict[TaskId, Path] = {}
        for other in sorted(self.root.glob("instance-*")):
            if other == self.path:
                continue
            descriptor = try_lock(other / "lock")
            if descriptor is not None:
                found.update(task_directories(other))
                os.close(descriptor)
        found.update(task_directories(self.root / "unowned"))
        found.update(task_directories(self.path))
        return found

    def new_uuid(self) -> str:
        """Takes another id, after this one was fenced twice within a minute."""
        (self.path / "worker.json").unlink(missing_ok=True)
        self.uuid = worker_uuid(self.path, self._new_id)
        log.warning("Worker in %s was fenced twice within a minute and goes on as %s.", self.path, self.uuid)
        return self.uuid

    def close(self) -> None:
        """Lets go of the lock; what still lies inside belongs to nobody from now on."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def claim(state_dir: Path, application_id: str, new_id: NewId = SYSTEM.new_id) -> InstanceDirectory:
    """Takes the lowest free instance directory of the application on this disk; what is new in it is named by `new_id`.

    Raises:
        LockException: the directory cannot be made or written.
    """
    root = state_dir / application_id
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(MOST_INSTANCES):
            path = root / f"instance-{number}"
            path.mkdir(mode=0o700, exist_ok=True)
            descriptor = try_lock(path / "lock")
            if descriptor is not None:
                return InstanceDirectory(root, number, descriptor, new_id)
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
    held, found = [], []
    resting = own.root / "unowned" / str(task)
    if resting.is_dir():
        found.append(resting)
    for copy in sorted(own.root.glob(f"instance-*/{task}")):
        if copy.parent == own.path:
            continue
        descriptor = try_lock(copy.parent / "lock")
        if descriptor is not None:
            held.append(descriptor)
            if copy.is_dir():
                found.append(copy)
    try:
        yield found
    finally:
        for descriptor in held:
            os.close(descriptor)


def worker_uuid(path: Path, new_id: NewId) -> str:
    """The UUID in an instance directory. One that was copied from elsewhere gets a new one, from `new_id`."""
    file, here = path / "worker.json", {"host": socket.gethostname(), "inode": path.stat().st_ino}
    try:
        known = json.loads(file.read_text("utf-8"))
        if known.get("version") == VERSION and all(known.get(name) == value for name, value in here.items()):
            return str(uuid.UUID(known["uuid"]))
        log.info("%s is of another place or version; this worker gets an id of its own.", file)
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as damage:
        log.warning("%s is damaged (%s); this worker gets a new id.", file, damage)
    fresh = new_id()
    replace_file(file, json.dumps({"version": VERSION, "uuid": fresh, **here}))
    return fresh


def disk_id(root: Path, new_id: NewId) -> str:
    """One name for this disk, the same for all workers on it; bound to the directory's inode."""
    file, inode = root / "directory-id", str(root.stat().st_ino)
    while True:
        try:
            name, _, bound = file.read_text("utf-8").partition("@")
            if bound == inode:
                return str(uuid.UUID(name))
            file.unlink(missing_ok=True)  # copied from elsewhere
        except FileNotFoundError:
            pass
        except ValueError as damage:
            log.warning("%s is damaged (%s) and is written anew.", file, damage)
            file.unlink(missing_ok=True)
        fresh = root / f".directory-id-{new_id()}"
        fresh.write_text(f"{new_id()}@{inode}", "utf-8")
        try:
            os.link(fresh, file)  # one of several that start at once wins, and all read the winner's
        except FileExistsError:
            pass
        finally:
            fresh.unlink()


def replace_file(file: Path, text: str) -> None:
    """Writes a file so that it is there whole or not at all."""
    fresh = file.with_name(f".{file.name}-{SYSTEM.new_id()}")
    fresh.write_text(text, "utf-8")
    fresh.rename(file)


def last_touched_ms(path: Path) -> int:
    """When something was last made, renamed or deleted in a directory or in the directories in it."""
    touched = 0.0
    with suppress(FileNotFoundError):
        touched = max(each.stat().st_mtime for each in (path, *(each for each in path.glob("*") if each.is_dir())))
    return int(touched * 1000)


def remove(path: Path) -> None:
    """Deletes a directory so that a crash in between never leaves half of one under its name; nothing if it is gone."""
    doomed = path.with_name(f".deleted-{path.name}-{SYSTEM.new_id()}")
    try:
        path.rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)

"""A data directory as brokers and clients find it: its locks, and where its broker listens.

    lock         flock, held by the broker as long as it lives; holds its pid
    start.lock   flock, held by whoever starts a broker, and by a broker that leaves
    endpoint     JSON: {"version": 1, "socket", "pid", "protocol": [lowest, highest], "listen", "token", "directory"}
    broker.log   what the broker said
    broker.properties   settings, if the user has any; see properties.py
    BROKEN       why the last broker stopped for good; while it is there none is started

The socket lies in `$XDG_RUNTIME_DIR`, or in a private directory of the user's among the temporary files: a
socket's path ends at 107 bytes (104 on macOS), so that the data directory itself is no place for it. Its name is made
of the directory's path and identity (device and inode). A directory may be copied or moved with all that is in it while
its broker runs, and may come from elsewhere: `endpoint` is believed only where it names this very directory, and
nothing that it names is ever removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import hashlib
import json
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from typing import Protocol

from broker_local.base.world import SYSTEM, SystemWorld
from broker_local.protocol.requests.connection import PROTOCOL_VERSION

LONGEST_SOCKET_PATH = 100
RETRY_MS = 5


class Unavailable(Exception):
    """There is no broker to talk to, and none can be had; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens. `listen` has its TCP addresses; `token` is what they ask for; `directory` is the identity
    of the data directory."""

    socket: str
    pid: int
    listen: tuple[str, ...] = ()
    token: str | None = None
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A data directory, by its real path."""

    directory: str

    def path(self, name: str) -> str:
        """Path of one of its files."""
        return os.path.join(self.directory, name)

    @property
    def identity(self) -> str | None:
        """Which directory it is, whatever its name: device and inode. None if there is none."""
        try:
            found = os.stat(self.directory)
        except OSError:
            return None
        return f"{found.st_dev}:{found.st_ino}"


def prepare(directory: str, create: bool = True) -> DataDirectory:
    """The data directory, made if it is not there and `create` says so.

    Raises:
        Unavailable: no rights on it, it is no directory, or others can write into it.
    """
    real = os.path.realpath(directory)
    if not create and not os.path.isdir(real):
        raise Unavailable(f"there is no data directory {real}")
    try:
        _make(real)
    except FileExistsError:
        raise Unavailable(f"{real} is a file; give a directory for the data") from None
    except OSError as error:
        raise Unavailable(f"the data directory {real} cannot be made: {error.strerror}") from None
    if not os.access(real, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise Unavailable(f"no rights on the data directory {real}: it has to be readable and writable for you")
    _refuse_shared(real)
    return DataDirectory(real)


def _make(directory: str) -> None:
    """Makes a directory and what is missing above it; a power cut does not take it with what will be durable in it."""
    if os.path.isdir(directory):
        return
    above = os.path.dirname(directory)
    if not os.path.exists(above):
        _make(above)
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise
    with contextlib.suppress(PermissionError):  # one may write into a directory that one may not read
        descriptor = os.open(above, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refuse_shared(real: str) -> None:
    """Whoever can write into the directory could have this user's files written and removed."""
    found = os.stat(real)
    if found.st_mode & 0o002 or (found.st_mode & 0o020 and not _only_mine(found.st_gid)):
        mode = oct(found.st_mode & 0o777).replace("0o", "0")
        raise Unavailable(f"others can write into the data directory {real} (mode {mode}): chmod go-w {real}")
    if found.st_uid not in (os.geteuid(), 0) and os.geteuid():
        raise Unavailable(f"the data directory {real} belongs to another user (id {found.st_uid}): use one of yours")


def _only_mine(group: int) -> bool:
    """Is it the group that a user has for himself, as many systems give him?"""
    try:
        found, me = grp.getgrgid(group), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return found.gr_name == me and not set(found.gr_mem) - {me}


def socket_path(data_dir: DataDirectory) -> str:
    """Where this user's broker for the directory listens; its directory is made.

    Raises:
        Unavailable: the directory for sockets is somebody else's, or open to others.
    """
    named = f"{data_dir.directory}\0{data_dir.identity}"
    name = hashlib.sha256(os.fsencode(named)).hexdigest()[:24] + ".sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime) and _is_private(runtime):
        path = os.path.join(runtime, f"streams-{name}")
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
    own = os.path.join(tempfile.gettempdir(), f"streams-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        os.mkdir(own, 0o700)
    if not _is_private(own):
        raise Unavailable(f"{own} must be a directory of yours that nobody else can enter: chmod 700, or remove it")
    return os.path.join(own, name)


def _is_private(path: str) -> bool:
    found = os.lstat(path)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def read_endpoint(data_dir: DataDirectory) -> Endpoint | None:
    """Where the broker listens, or listened; None if nothing says so that can be believed: a file of this user's that
    names this very directory, and a socket in a directory that is this user's alone."""
    for path in _endpoint_paths(data_dir):
        found = _read_endpoint(path)
        if found is not None and found.directory == data_dir.identity and _lies_private(found.socket):
            return found
    return None


def _endpoint_paths(data_dir: DataDirectory) -> tuple[str, ...]:
    """Where it may be written: in the data directory, and beside the socket if the disk was full there."""
    try:
        return data_dir.path("endpoint"), socket_path(data_dir) + ".endpoint"
    except Unavailable:
        return (data_dir.path("endpoint"),)


def _lies_private(path: str) -> bool:
    try:
        return _is_private(os.path.dirname(path))
    except OSError:
        return False


def _read_endpoint(path: str) -> Endpoint | None:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            found = json.load(file)
        return Endpoint(
            str(found["socket"]),
            int(found["pid"]),
            tuple(map(str, found["listen"])),
            found["token"],
            found["directory"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_endpoint(data_dir: DataDirectory, endpoint: Endpoint) -> None:
    """Says where the broker listens; whoever reads it sees all of it or nothing. On a full disk it is said
    beside the socket instead.

    Raises:
        Unavailable: there is no space for it anywhere.
    """
    content = {
        "version": 1,
        "socket": endpoint.socket,
        "pid": endpoint.pid,
        "protocol": [PROTOCOL_VERSION, PROTOCOL_VERSION],
        "listen": list(endpoint.listen),
        "token": endpoint.token,
        "directory": endpoint.directory,
    }
    failed = ""
    for path in _endpoint_paths(data_dir):
        for _ in range(2):
            try:
                _write(path, json.dumps(content))
                return
            except OSError as error:
                remove(f"{path}.new")
                failed = f"{path}: {error.strerror}"
                remove(path)  # of a broker that was killed: its space may be what is needed
    raise Unavailable(f"it cannot be said where the broker listens: {failed}")


def _write(path: str, text: str) -> None:
    fresh = f"{path}.new"
    remove(fresh)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(fresh, path)


def clear(data_dir: DataDirectory) -> None:
    """Removes what a broker of this directory has left, or leaves: its socket, and what says where it is. The caller
    holds the lock. What an `endpoint` names is not touched: it may be anybody's."""
    for path in (*_endpoint_paths(data_dir), socket_path(data_dir)):
        remove(path)


def remove(path: str) -> None:
    """Removes a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def read_broken(data_dir: DataDirectory) -> str | None:
    """Why no broker may be started here before a check; None if one may."""
    try:
        with open(data_dir.path("BROKEN"), encoding="utf-8") as file:
            _, where, position, cause, *_ = [*file.read().split("\n"), "", "", ""]
            return f"{where} at byte {position}: {cause}"
    except FileNotFoundError:
        return None


class Lease(Protocol):
    """What has to be held to leave: while it is, no client starts a broker or connects to this one for the
    first time after a failed attempt."""

    def take(self) -> bool:
        """True if it is held now; False if somebody is starting a broker, who will come here."""
        ...

    def release(self) -> None:
        """Gives it back: the broker stays."""
        ...


class FileLock:
    """A lock that dies with whoever holds it.

    Args:
        path: the file to be locked; it is made, and never removed.
        world: time and waiting.
    """

    def __init__(self, path: str, world: SystemWorld = SYSTEM) -> None:
        self._world = world
        self._path = path
        self._descriptor: int | None = None

    def take(self, wait_ms: int = 0) -> bool:
        """Takes the lock, waiting up to `wait_ms` for it; False if somebody else has it.

        Raises:
            OSError: the file cannot be opened.
        """
        deadline = self._world.monotonic_ms() + wait_ms
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    os.close(descriptor)
                    raise
            else:
                self._descriptor = descriptor
                return True
            if self._world.monotonic_ms() >= deadline:
                os.close(descriptor)
                return False
            self._world.sleep(RETRY_MS)

    def fileno(self) -> int:
        """The descriptor that holds the lock; who shares it holds it too."""
        assert self._descriptor is not None, "the lock is not held"
        return self._descriptor

    def sign(self) -> None:
        """Writes who holds it, for people."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # a full disk
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Gives it back; nothing if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

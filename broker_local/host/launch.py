"""Finding the broker of a data directory, and starting it where there is none (decision 23)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from broker_local.base.error_codes import ErrorCode
from broker_local.base.world import SYSTEM, SystemWorld
from broker_local.host.client import ConnectionLost, RequestFailed, SocketLink
from broker_local.host.data_directory import (
    RETRY_MS,
    DataDirectory,
    Endpoint,
    FileLock,
    Unavailable,
    clear,
    prepare,
    read_broken,
    read_endpoint,
)
from broker_local.protocol.requests.connection import PROTOCOL_VERSION, Hello

IDLE_EXIT_S = 60
START_MS = 30_000
HELLO_MS = 10_000
LONGEST_LOG = 1024 * 1024

_spawned: list[subprocess.Popen[bytes]] = []
"""Brokers this process has started: they live on without it, but it has to take note of their ends."""


def connect(
    directory: str,
    client: str = "client",
    start_ms: int = START_MS,
    idle_exit_s: float = IDLE_EXIT_S,
    world: SystemWorld = SYSTEM,
) -> SocketLink:
    """A connection to the broker of a data directory, which is started if none runs.

    Two that call this at once start one broker. Whoever loses the broker calls it again.

    Args:
        directory: the data directory; it is made if it is not there.
        client: the name under which the broker knows this client, `client.id`.
        start_ms: how long a start may take, in milliseconds.
        idle_exit_s: a broker that has to be started leaves after so long without a client, in seconds.
        world: time and waiting.
    Raises:
        Unavailable: no broker answers, and none can be started.
    """
    data_dir = prepare(directory)
    found = _knock(data_dir, client, world)
    if found is not None:
        return found
    deadline = world.monotonic_ms() + start_ms
    lock = FileLock(data_dir.path("start.lock"), world)
    if not lock.take(start_ms):
        raise Unavailable(
            f"somebody has been starting a broker for {data_dir.directory} for {start_ms // 1000} s; "
            f"see {data_dir.path('broker.log')}"
        )
    try:
        return _knock(data_dir, client, world) or _start(data_dir, client, deadline, idle_exit_s, world)
    finally:
        lock.release()


def find(directory: str, client: str = "client") -> SocketLink | None:
    """A connection to the broker of a data directory if one runs; none is started."""
    if not os.path.isdir(directory):
        return None
    return _knock(prepare(directory, create=False), client, SYSTEM)


def _knock(data_dir: DataDirectory, client: str, world: SystemWorld) -> SocketLink | None:
    """A connection to whoever listens where `endpoint` says; None if nobody does."""
    endpoint = read_endpoint(data_dir)
    return None if endpoint is None else open_link(endpoint, client, world)


def open_link(endpoint: Endpoint, client: str, world: SystemWorld = SYSTEM) -> SocketLink | None:
    """Connects and says hello; None if nobody is there.

    Raises:
        Unavailable: somebody is there, and refuses.
    """
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        wire.connect(endpoint.socket)
    except OSError:
        wire.close()
        return None
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        wire.setsockopt(socket.SOL_SOCKET, option, 4 * 1024 * 1024)
    try:
        return greeted(wire, client, endpoint.token, endpoint.directory, world)
    except ConnectionLost:
        return None  # it was about to leave; whoever starts one finds out
    except RequestFailed as refused:
        if refused.error == ErrorCode.INCONSISTENT_CLUSTER_ID:
            return None  # the broker of another directory: this one was copied, or has its name
        raise Unavailable(f"the broker at {endpoint.socket} refuses: {refused}") from None
    except TimeoutError:
        raise Unavailable(
            f"the broker at {endpoint.socket} (pid {endpoint.pid}) does not answer; is it stopped?"
        ) from None


def greeted(
    wire: socket.socket,
    client: str,
    token: str | None,
    directory: str | None = None,
    world: SystemWorld = SYSTEM,
) -> SocketLink:
    """A link over a connected socket, whose hello was taken; where it was not, the socket is closed.

    Args:
        client: the name under which the broker knows this client.
        token: what it asks for over TCP.
        directory: the data directory that is meant.
        world: time and waiting.
    Raises:
        ConnectionLost, RequestFailed, TimeoutError: as `Link.call`.
    """
    link = SocketLink(wire, world)
    try:
        link.call(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, client, token, directory), HELLO_MS)
    except BaseException:
        link.close()
        raise
    return link


def _start(
    data_dir: DataDirectory, client: str, deadline: float, idle_exit_s: float, world: SystemWorld
) -> SocketLink:
    """Starts a broker and waits until it answers. The caller holds `start.lock`."""
    _refuse_broken(data_dir)
    held = FileLock(data_dir.path("lock"))
    child: subprocess.Popen[bytes] | None = None
    while world.monotonic_ms() < deadline:
        link = _knock(data_dir, client, world)
        if link is not None:
            return link
        if child is None and held.take():
            # Nobody has the directory. (A broker that was killed keeps its lock a moment longer than its socket, one
            # that starts in the foreground has the lock before it listens: then it is asked again.)
            try:
                _refuse_broken(data_dir)  # it may have stopped for good only just now
                clear(data_dir)
            finally:
                held.release()
            child = _spawn(data_dir, idle_exit_s)
        elif child is not None and (code := child.poll()) is not None:
            if code >= 0:
                raise Unavailable(_last_words(data_dir))
            child = None  # it was killed while it started: another one is
        world.sleep(RETRY_MS)
    raise Unavailable(f"the broker of {data_dir.directory} does not come up; see {data_dir.path('broker.log')}")


def _refuse_broken(data_dir: DataDirectory) -> None:
    broken = read_broken(data_dir)
    if broken is not None:
        raise Unavailable(
            f"the broker of {data_dir.directory} stopped for good: {broken}. "
            f"Run `broker-local check {data_dir.directory}` before it is started again"
        )


def _spawn(data_dir: DataDirectory, idle_exit_s: float) -> subprocess.Popen[bytes]:
    """A broker in a session of its own, which goes when it has been idle."""
    for known in [each for each in _spawned if each.poll() is not None]:
        _spawned.remove(known)
    source = str(Path(__file__).resolve().parent.parent)
    paths = [source, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    command = [sys.executable, "-m", "broker_local.host.cli", "serve", data_dir.directory]
    with _log(data_dir) as log:
        if log.tell() > LONGEST_LOG:
            log.truncate(0)
        child = subprocess.Popen(
            [*command, "--idle-exit", str(idle_exit_s)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=data_dir.directory,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))},
            start_new_session=True,
            close_fds=True,
        )
    _spawned.append(child)
    return child


def _log(data_dir: DataDirectory) -> BinaryIO:
    """What the broker will say is added to; no link is followed to it."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return open(os.open(data_dir.path("broker.log"), flags, 0o600), "ab")
    except OSError as error:
        raise Unavailable(f"{data_dir.path('broker.log')} cannot be written: {error.strerror}") from None


def _last_words(data_dir: DataDirectory) -> str:
    """What a broker that did not come up said last."""
    try:
        said = Path(data_dir.path("broker.log")).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        said = ""
    last = said.splitlines()[-1].removeprefix("Error: ") if said else "it said nothing"
    return f"the broker of {data_dir.directory} did not start: {last}"

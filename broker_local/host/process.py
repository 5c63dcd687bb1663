"""A broker as a process: takes the directory, listens, serves, and leaves everything in order."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker_local.base.faults import Refusal, StorageFailure
from broker_local.base.files import OsFiles
from broker_local.base.limits import share_out
from broker_local.base.world import SYSTEM, SystemWorld
from broker_local.broker.broker import BrokerSettings
from broker_local.broker.dispatch import open_broker
from broker_local.broker.waits import instant
from broker_local.host.compactor import ChildCompactor
from broker_local.host.data_directory import (
    DataDirectory,
    Endpoint,
    FileLock,
    Unavailable,
    clear,
    prepare,
    read_broken,
    remove,
    socket_path,
    write_endpoint,
)
from broker_local.host.server import Server

LOCK_WAIT_MS = 1_000
BACKLOG = 256
MOST_FILES = 16_384


@contextmanager
def held(data_dir: DataDirectory, world: SystemWorld = SYSTEM) -> Iterator[FileLock]:
    """The directory is this process's alone, by this lock.

    Raises:
        Unavailable: a broker has it.
    """
    lock = FileLock(data_dir.path("lock"), world)
    try:
        taken = lock.take(LOCK_WAIT_MS)
    except OSError as error:
        raise Unavailable(f"the data directory {data_dir.directory} cannot be locked: {error.strerror}") from None
    if not taken:
        raise Unavailable(
            f"another broker has the data directory {data_dir.directory}; its pid is in {data_dir.path('lock')}"
        )
    try:
        lock.sign()
        yield lock
    finally:
        lock.release()


def serve(
    directory: str,
    settings: BrokerSettings,
    *,
    listen: str | None = None,
    idle_exit_ms: int | None = None,
    announce: Callable[[str], None] = lambda text: None,
    world: SystemWorld = SYSTEM,
) -> None:
    """Runs a broker for a data directory until SIGTERM, SIGINT or idleness ends it.

    Args:
        directory: the data directory; it is made if it is not there.
        settings: of the broker.
        listen: `host:port` for TCP as well, on the loopback only; port 0 takes a free one.
        idle_exit_ms: leave after so long without a client; None: never.
        announce: is told what people want to know.
        world: time, waiting, threads and ids.
    Raises:
        Unavailable: it cannot be started here, or had to stop for good; the text says why and what to do.
        KeyboardInterrupt: SIGINT ended it; everything is in order.
    """
    data_dir = prepare(directory)
    with held(data_dir, world) as lock:
        broken = read_broken(data_dir)
        if broken is not None:
            raise Unavailable(f"{broken}. Run `broker-local check {data_dir.directory}` first")
        identity = data_dir.identity
        listeners = [_private(socket_path(data_dir))]
        try:
            if listen is not None:
                listeners.append(_loopback(listen))
            _run(data_dir, lock, settings, listeners, idle_exit_ms, announce, world)
        finally:
            for listener in listeners:
                listener.close()
            if data_dir.identity == identity:  # else another directory has this name by now
                clear(data_dir)


def _run(
    data_dir: DataDirectory,
    lock: FileLock,
    settings: BrokerSettings,
    listeners: list[socket.socket],
    idle_exit_ms: int | None,
    announce: Callable[[str], None],
    world: SystemWorld,
) -> None:
    descriptors = share_out(_allow_files(), settings.max_connections)
    files = OsFiles(data_dir.directory)
    try:
        compactor = ChildCompactor(data_dir.directory, (lock.fileno(),))
        broker = open_broker(files, settings, instant(world), world.new_id, compactor, descriptors.files)
    except Refusal as refused:
        raise Unavailable(f"{data_dir.directory}: {refused.message}") from None
    except StorageFailure as fault:
        raise Unavailable(f"{data_dir.directory}: {fault}") from None
    token = world.secret() if len(listeners) > 1 else None
    identity = data_dir.identity
    server = Server(
        broker,
        listeners,
        world,
        directory=identity,
        token=token,
        idle_exit_ms=idle_exit_ms,
        lease=FileLock(data_dir.path("start.lock"), world),
        descriptors=descriptors,
    )
    interrupted: list[int] = []

    def stop(number: int, frame: object) -> None:
        interrupted.append(number)
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    addresses = tuple("{}:{}".format(*each.getsockname()[:2]) for each in listeners[1:])
    here = socket_path(data_dir)
    write_endpoint(data_dir, Endpoint(here, os.getpid(), addresses, token, identity))
    announce(f"data directory {data_dir.directory}")
    announce(f"listening on {', '.join([here, *addresses])}; durability {settings.durability}")
    try:
        server.run()
        broker.logs.close()
        announce(f"ended; {server.counters.words()}")
    except StorageFailure as fault:
        broker.logs.mark_broken(fault)
        raise Unavailable(
            f"stopped for good: {fault}. Run `broker-local check {data_dir.directory}` before it is started again"
        ) from None
    if signal.SIGINT in interrupted:
        raise KeyboardInterrupt


def _allow_files() -> int:
    """Connections and segments take descriptors: as many as this user may have. How many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft


def _private(path: str) -> socket.socket:
    """A listening Unix socket that nobody else can reach. The caller holds the directory's lock: what lies at
    the path is stale."""
    remove(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen on {path}: {error.strerror}") from None
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener


def _loopback(address: str) -> socket.socket:
    """A listening TCP socket on this machine's loopback."""
    host, colon, port = address.rpartition(":")
    host = host.strip("[]")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise Unavailable(f"--listen {address}: give host:port, as in 127.0.0.1:9092")
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise Unavailable(
            f"--listen {address}: only the loopback (127.0.0.1, ::1) can be listened on; "
            "anything else needs TLS and a token: not built yet"
        )
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1" if host == "localhost" else host, int(port)))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen on {address}: {error.strerror}") from None
    return listener

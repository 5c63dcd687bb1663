"""The one membership thread of a process: it keeps every client alive while its owner is busy (decision 19).

It polls memberships (heartbeats, automatic commits) and producers (lingering batches, acknowledgements). A client is
called when its connection has something to read, or when it is due; what it finds out it puts into its owner's mailbox,
and it calls nothing of the user's but the callbacks of futures.

The thread begins with the first client and ends after the last one. There is one of each world: `background_of`.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Iterator
from typing import Protocol

from streams.world import OneEach, Signal, World, lock

log = logging.getLogger("streams.clients")

LONGEST_WAIT_MS = 60_000
LOCK_S = 0.005
"""How long a client may wait for its owner's lock; it is asked again."""


class Polled(Protocol):
    """What the background thread serves. Its methods are called from that thread, which they must not hold up."""

    def fileno(self) -> int:
        """The descriptor whose readability is worth a call, -1 for none."""
        ...

    def next_due(self) -> int:
        """When it wants to be called without anything to read, in ms of the monotonic clock."""
        ...

    def poll_once(self, now: int) -> None:
        """Does what there is to do at `now`."""
        ...

    def failed(self, error: BaseException) -> None:
        """It is served no longer: one of its methods raised this, or the thread itself did. Its owner is to know."""
        ...


class BackgroundThread:
    """A thread that serves clients. One is enough for a process: `background_of`.

    Args:
        world: where it runs.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = lock()
        self._clients: tuple[Polled, ...] = ()
        self._woken: Signal | None = None  # of the thread that runs, None where none does
        self._pid = os.getpid()

    def now(self) -> int:
        """Its clock: monotonic, in milliseconds."""
        return int(self._world.monotonic_ms())

    def add(self, client: Polled) -> None:
        """Serves `client` from now on."""
        with self._lock:
            if self._pid != os.getpid():  # a forked child has the object but not the thread
                self._clients, self._woken, self._pid = (), None, os.getpid()
            self._clients = (*self._clients, client)
            if self._woken is None:
                woken = self._woken = self._world.signal()
                self._world.start("streams-clients-background", lambda: self._run(woken))
        self.wake()

    def remove(self, client: Polled) -> None:
        """Serves `client` no longer; one call of it may still be under way."""
        with self._lock:
            self._clients = tuple(each for each in self._clients if each is not client)
        self.wake()

    def wake(self) -> None:
        """Looks at every client again: something has become due sooner."""
        with self._lock:
            if self._woken is not None:
                self._woken.set()

    def _run(self, woken: Signal) -> None:
        try:
            while self._serve(woken):
                pass
        except BaseException as error:  # a fault of ours: nobody may go on waiting for what nobody does any more
            log.exception("the thread that serves the clients of this process failed")
            with self._lock:
                clients, self._clients, self._woken = self._clients, (), None
                woken.close()
            for client in clients:
                _fail(client, error)

    def _serve(self, woken: Signal) -> bool:
        """One round; False: there was nobody left, and the thread ends."""
        with self._lock:
            clients = self._clients
            if not clients:
                self._woken = None
                woken.close()
                return False
        times: dict[Polled, tuple[int, int]] = {}
        for client in clients:
            with self._spared(client):
                times[client] = (client.fileno(), client.next_due())
        ready = self._wait(times.values(), woken)
        now = self.now()
        for client in times:
            with self._spared(client):
                if client.fileno() in ready or client.next_due() <= now:
                    client.poll_once(now)
        return True

    def _wait(self, times: Collection[tuple[int, int]], woken: Signal) -> set[int]:
        """Waits until something can be read or is due; returns the readable descriptors.

        Args:
            times: of each client, its descriptor and when it is due.
            woken: ends the waiting.
        """
        due = min((wanted for _, wanted in times), default=0)
        descriptors = {descriptor for descriptor, _ in times if descriptor >= 0}
        longest = min(LONGEST_WAIT_MS, due - self.now())
        ready = self._world.poll({woken.fileno(), *descriptors}, max(0, longest))
        if woken.fileno() in ready:
            woken.clear()
        return ready & descriptors

    @contextlib.contextmanager
    def _spared(self, client: Polled) -> Iterator[None]:
        """What a client raises ends that client, by name; the other clients live on."""
        try:
            yield
        except BaseException as error:
            log.exception("%r failed and is served no longer", client)
            self.remove(client)
            _fail(client, error)


def _fail(client: Polled, error: BaseException) -> None:
    try:
        client.failed(error)
    except BaseException:
        log.exception("%r could not be told that it is served no longer", client)


background_of = OneEach(BackgroundThread)
"""The background thread of a world."""

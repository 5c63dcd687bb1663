"""The one membership thread of a process: it keeps every client alive while its owner is busy (decision 19).

It serves *beats*: memberships (heartbeats, automatic commits) and producers (lingering batches,
acknowledgements). A beat is called when its connection has something to read, or when it is due; what it finds
out it puts into its owner's mailbox, and it calls nothing of the user's but the callbacks of futures.

The thread begins with the first beat and ends after the last one. There is one of each world: `pulse_of`.
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
"""How long a beat may wait for its owner's lock; it is asked again."""


class Beat(Protocol):
    """What the pulse serves. Its methods are called from the pulse's thread, which they must not hold up."""

    def fileno(self) -> int:
        """The descriptor whose readability is worth a call, -1 for none."""
        ...

    def next_due(self) -> int:
        """When it wants to be called without anything to read, in ms of the monotonic clock."""
        ...

    def beat(self, now: int) -> None:
        """Does what there is to do at `now`."""
        ...

    def failed(self, error: BaseException) -> None:
        """It is served no longer: one of its methods raised this, or the pulse itself did. Its owner is to know."""
        ...


class Pulse:
    """A thread that serves beats. One is enough for a process: `pulse_of`.

    Args:
        world: where it runs.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = lock()
        self._beats: tuple[Beat, ...] = ()
        self._woken: Signal | None = None  # of the thread that runs, None where none does
        self._pid = os.getpid()

    def now(self) -> int:
        """Its clock: monotonic, in milliseconds."""
        return int(self._world.monotonic_ms())

    def add(self, beat: Beat) -> None:
        """Serves `beat` from now on."""
        with self._lock:
            if self._pid != os.getpid():  # a forked child has the object but not the thread
                self._beats, self._woken, self._pid = (), None, os.getpid()
            self._beats = (*self._beats, beat)
            if self._woken is None:
                woken = self._woken = self._world.signal()
                self._world.start("streams-clients-pulse", lambda: self._run(woken))
        self.nudge()

    def remove(self, beat: Beat) -> None:
        """Serves `beat` no longer; one call of it may still be under way."""
        with self._lock:
            self._beats = tuple(each for each in self._beats if each is not beat)
        self.nudge()

    def nudge(self) -> None:
        """Looks at every beat again: something has become due sooner."""
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
                beats, self._beats, self._woken = self._beats, (), None
                woken.close()
            for beat in beats:
                _fail(beat, error)

    def _serve(self, woken: Signal) -> bool:
        """One round; False: there was nobody left, and the thread ends."""
        with self._lock:
            beats = self._beats
            if not beats:
                self._woken = None
                woken.close()
                return False
        times: dict[Beat, tuple[int, int]] = {}
        for beat in beats:
            with self._spared(beat):
                times[beat] = (beat.fileno(), beat.next_due())
        ready = self._wait(times.values(), woken)
        now = self.now()
        for beat in times:
            with self._spared(beat):
                if beat.fileno() in ready or beat.next_due() <= now:
                    beat.beat(now)
        return True

    def _wait(self, times: Collection[tuple[int, int]], woken: Signal) -> set[int]:
        """Waits until something can be read or is due; returns the readable descriptors.

        Args:
            times: of each beat, its descriptor and when it is due.
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
    def _spared(self, beat: Beat) -> Iterator[None]:
        """What a beat raises ends that beat, by name; the other clients live on."""
        try:
            yield
        except BaseException as error:
            log.exception("%r failed and is served no longer", beat)
            self.remove(beat)
            _fail(beat, error)


def _fail(beat: Beat, error: BaseException) -> None:
    try:
        beat.failed(error)
    except BaseException:
        log.exception("%r could not be told that it is served no longer", beat)


pulse_of = OneEach(Pulse)
"""The pulse of a world."""

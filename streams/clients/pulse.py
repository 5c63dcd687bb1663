"""The one membership thread of a process: it keeps every client alive while its owner is busy (decision 19).

It serves *beats*: memberships (heartbeats, automatic commits) and producers (lingering batches,
acknowledgements). A beat is called when its connection has something to read, or when it is due; what it finds
out it puts into its owner's mailbox, and it calls nothing of the user's but the callbacks of futures.

The thread begins with the first beat and ends after the last one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Collection, Iterator
from typing import Protocol

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


def now_ms() -> int:
    """The pulse's clock: monotonic, in milliseconds."""
    return int(time.monotonic() * 1000)


class Pulse:
    """A thread that serves beats. One is enough for a process: `pulse` below."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._beats: tuple[Beat, ...] = ()
        self._thread: threading.Thread | None = None
        self._woken = self._waker = -1
        self._pid = os.getpid()

    def add(self, beat: Beat) -> None:
        """Serves `beat` from now on."""
        with self._lock:
            if self._pid != os.getpid():  # a forked child has the object but not the thread
                self._beats, self._thread, self._pid = (), None, os.getpid()
            self._beats = (*self._beats, beat)
            if self._thread is None:
                self._woken, self._waker = os.pipe()
                os.set_blocking(self._woken, False)
                os.set_blocking(self._waker, False)
                self._thread = threading.Thread(
                    target=self._run, args=(self._woken, self._waker), name="streams-clients-pulse", daemon=True
                )
                self._thread.start()
        self.nudge()

    def remove(self, beat: Beat) -> None:
        """Serves `beat` no longer; one call of it may still be under way."""
        with self._lock:
            self._beats = tuple(each for each in self._beats if each is not beat)
        self.nudge()

    def nudge(self) -> None:
        """Looks at every beat again: something has become due sooner."""
        with self._lock:
            if self._thread is not None:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._waker, b"!")

    def _run(self, woken: int, waker: int) -> None:
        try:
            while self._serve(woken, waker):
                pass
        except BaseException as error:  # a fault of ours: nobody may go on waiting for what nobody does any more
            log.exception("the thread that serves the clients of this process failed")
            with self._lock:
                beats, self._beats, self._thread = self._beats, (), None
                os.close(woken)
                os.close(waker)
            for beat in beats:
                _fail(beat, error)

    def _serve(self, woken: int, waker: int) -> bool:
        """One round; False: there was nobody left, and the thread ends."""
        with self._lock:
            beats = self._beats
            if not beats:
                self._thread = None
                os.close(woken)
                os.close(waker)
                return False
        times: dict[Beat, tuple[int, int]] = {}
        for beat in beats:
            with self._spared(beat):
                times[beat] = (beat.fileno(), beat.next_due())
        ready = _wait(times.values(), woken)
        now = now_ms()
        for beat in times:
            with self._spared(beat):
                if beat.fileno() in ready or beat.next_due() <= now:
                    beat.beat(now)
        return True

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


def _wait(times: Collection[tuple[int, int]], woken: int) -> set[int]:
    """Waits until something can be read or is due; returns the readable descriptors.

    Args:
        times: of each beat, its descriptor and when it is due.
    """
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    due = now_ms() + LONGEST_WAIT_MS
    for descriptor, wanted in times:
        if descriptor >= 0:
            poll.register(descriptor, select.POLLIN)
        due = min(due, wanted)
    ready = {descriptor for descriptor, _ in poll.poll(max(0, due - now_ms()))}
    if woken in ready:
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)
        ready.discard(woken)
    return ready


pulse = Pulse()
"""The process's own."""

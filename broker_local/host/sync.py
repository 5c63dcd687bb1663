"""The thread that waits for the disk, so that the loop need not: one flush at a time."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue

from broker_local.base.files import Files
from broker_local.base.world import SYSTEM, SystemWorld
from broker_local.log.log_manager import Flush


class Syncer:
    """Runs flushes. What is appended while one runs is taken by the next one: that is how acknowledgements are grouped.

    Args:
        files: the disk.
        wake: called, in its thread, when a flush has ended.
        world: makes the thread.
    """

    def __init__(self, files: Files, wake: Callable[[], None], world: SystemWorld = SYSTEM) -> None:
        self.busy = False
        self._files = files
        self._wake = wake
        self._wanted: SimpleQueue[Flush | None] = SimpleQueue()
        self._done: SimpleQueue[Flush | BaseException] = SimpleQueue()
        self._thread = world.start("broker-fsync", self._run)

    def start(self, flush: Flush) -> None:
        """Begins a flush; only when none is on."""
        self.busy = True
        self._wanted.put(flush)

    def poll(self) -> Flush | None:
        """The flush that has ended since it was last asked; None if none has.

        Raises:
            DiskFailed: it failed; nothing that waited for it may be acknowledged. So does whatever else ended it.
        """
        if self._done.empty():
            return None
        self.busy = False
        done = self._done.get()
        if isinstance(done, BaseException):
            raise done
        return done

    def close(self) -> None:
        """Ends the thread, after the flush that is on."""
        self._wanted.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            flush = self._wanted.get()
            if flush is None:
                return
            try:
                flush.run(self._files)
            except BaseException as error:  # a disk that failed, or a fault of ours: the loop ends with it
                self._done.put(error)
            else:
                self._done.put(flush)
            self._wake()

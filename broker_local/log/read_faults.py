"""Files that could not be read a moment ago.

Bytes of a log go out as they lie there, behind a head that has been sent already: where the disk fails then,
nothing is left but to end the connection. Whoever asks again is told why, instead of the same; after a while
the file is tried again.
"""

from __future__ import annotations

import errno
import logging

log = logging.getLogger("broker_local")

READ_ERRORS = frozenset((errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENXIO, errno.EREMOTEIO, errno.ESTALE))
"""What a disk says that cannot be read; other errors of a connection are the connection's."""
FADES_MS = 2_000
"""So long a file counts as one that cannot be read."""
LINE_MS = 10_000
"""Between two lines of the log about one file."""


class Truncated(OSError):
    """A file is shorter than what was written to it."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, "it ends before what was written to it does")


class ReadFaults:
    """What could not be read lately, by path."""

    __slots__ = ("_faults", "_line_due")

    def __init__(self) -> None:
        self._faults: dict[str, tuple[int, str]] = {}
        self._line_due: dict[str, int] = {}

    def note(self, path: str, error: OSError, now: int) -> str:
        """A file cannot be read; gives the words.

        Args:
            now: a time that never goes back, in ms.
        """
        said = (
            f"{path} cannot be read: {error.strerror or error}. Look at the disk (dmesg), copy the data directory to "
            "another one, and run `broker-local check` on it"
        )
        self._faults[path] = (now, said)
        if now >= self._line_due.get(path, now):
            self._line_due[path] = now + LINE_MS
            log.error("%s.", said)
        return said

    def said(self, path: str, now: int) -> str | None:
        """Why a file counts as unreadable; None: it does not."""
        if not self._faults:
            return None
        at, words = self._faults.get(path, (now - FADES_MS, ""))
        if now - at < FADES_MS:
            return words
        self._faults.pop(path, None)
        return None

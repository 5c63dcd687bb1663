"""What the log engine says when it cannot do what was asked.

Three kinds, because three things follow from them: a *refusal* is answered to whoever asked, and the engine goes on;
*damage* and a *broken* disk stop the engine, since nothing it would serve afterwards could be trusted.
"""

from __future__ import annotations

import traceback

from broker_local.base.error_codes import ErrorCode


class StorageError(Exception):
    """Root of what storage raises on purpose."""


class Refusal(StorageError):
    """The request cannot be served; the log is as it was before.

    Args:
        code: Kafka's number of the error.
        message: what is wrong, where, and what to do next.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class StorageFailure(StorageError):
    """The engine has to stop; a start is refused until the directory was checked.

    Args:
        file: path of the file, relative to the data directory.
        offset: byte position in the file.
        cause: what was found there.
    """

    kind = "stopped"

    def __init__(self, file: str, offset: int, cause: str) -> None:
        super().__init__(f"{file} at byte {offset}: {self.kind}: {cause}")
        self.file = file
        self.offset = offset
        self.cause = cause


class Corruption(StorageFailure):
    """Bytes on disk are not what was written. They are never delivered."""

    kind = "damaged"


class Unreadable(Corruption):
    """A batch whose sums fit and whose payload nobody can read: it was taken in by an engine that did not look.

    Nothing else suffers by it, so the engine goes on: looking a time up in it is refused, compaction leaves it as it
    is and says so, a check names it.
    """

    kind = "unreadable"


class DiskFailed(StorageFailure):
    """The disk failed: a write or fsync ended with an error that leaves the outcome unknown."""

    kind = "disk failed"


class Crashed(StorageError):
    """A compaction pass failed in a way that nobody foresaw: a fault of ours. The log is as it was;
    the text is the traceback."""


def crashed(error: Exception) -> Crashed:
    """What is told of a fault of ours."""
    return Crashed("".join(traceback.format_exception(error)))

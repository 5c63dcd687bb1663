"""The child process that makes compaction passes: `python -m broker_local.compactor DIRECTORY`.

The job comes in on standard input and the outcome leaves on standard output, each as one msgpack value; then
the child ends. It only reads segments and writes new ones beside them; the engine puts them in place.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import msgpack

from broker_local import compaction
from broker_local.compaction import Cleaned, Job
from broker_local.faults import Damaged, Stop
from broker_local.files import OsFiles
from broker_local.segment import Name

LONGEST_REPLY = 16 << 20


def pack_job(job: Job) -> bytes:
    """The bytes of a job."""
    packed: bytes = msgpack.packb([*job[:7], sorted(job.last_batches), *job[8:]])
    return packed


def unpack_job(data: bytes) -> Job:
    """A job from its bytes."""
    where, groups, dirty_from, end, log_start, expired, now, last, number, interval, key_bytes = msgpack.unpackb(data)
    return Job(
        where,
        tuple(_names(group) for group in groups),
        dirty_from,
        end,
        log_start,
        expired,
        now,
        frozenset(last),
        number,
        interval,
        key_bytes,
    )


def _names(rows: Sequence[Sequence[int]]) -> tuple[Name, ...]:
    return tuple(Name(base, generation) for base, generation in rows)


def outcome(root: str, job: Job) -> bytes:
    """Makes the pass, in the child.

    Args:
        root: the data directory.
        job: the pass.
    Returns:
        The bytes of what was done, or of what failed.
    """
    row: list[object]
    try:
        row = ["done", *compaction.run(OsFiles(root), job)]
    except Damaged as damage:
        row = ["damaged", damage.file, damage.offset, damage.cause]
    except OSError as error:
        row = ["failed", error.errno, error.strerror]
    packed: bytes = msgpack.packb(row)
    return packed


def read_outcome(data: bytes, job: Job) -> Cleaned | Stop | OSError:
    """What the child said; a child that died has said nothing."""
    try:
        kind, *row = msgpack.unpackb(data)
        if kind == "done":
            read, wrote, clean_end, gone, horizon, number = row
            return Cleaned(_names(read), _names(wrote), clean_end, gone, horizon, number)
        if kind == "damaged":
            return Damaged(*row)
        return OSError(*row)
    except (ValueError, TypeError, msgpack.UnpackException):
        return FileNotFoundError(f"the compaction of {job.where} ended without an answer")


class ChildCompactor:
    """Makes each pass in a process of its own, so that the engine's loop only renames.

    Args:
        root: the data directory.
    """

    __slots__ = ("_child", "_job", "_root")

    def __init__(self, root: str) -> None:
        self._root = root
        self._child: subprocess.Popen[bytes] | None = None
        self._job: Job | None = None

    def start(self, job: Job) -> None:
        """Begins a pass in a new process."""
        assert self._child is None, "one pass at a time"
        self._job = job
        self._child = subprocess.Popen(
            [sys.executable, "-m", "broker_local.compactor", self._root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            close_fds=True,
        )
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(pack_job(job))
            self._child.stdin.close()
        except BrokenPipeError:
            return  # it died at once; `poll` says so

    def poll(self) -> Cleaned | Stop | OSError | None:
        """What the pass did, or why it failed; None while it goes on, or if there is none."""
        child, job = self._child, self._job
        if child is None or job is None or child.poll() is None:
            return None
        assert child.stdout is not None
        data = child.stdout.read(LONGEST_REPLY)
        child.stdout.close()
        self._child = self._job = None
        return read_outcome(data, job)

    def close(self) -> None:
        """Ends a pass that goes on; what it wrote is removed at the next start."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            assert self._child.stdout is not None
            self._child.stdout.close()
            self._child = self._job = None


def main(arguments: Sequence[str]) -> int:
    """The child: one job in, one outcome out."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m broker_local.compactor DIRECTORY < JOB > OUTCOME\n")
        return 2
    job = unpack_job(sys.stdin.buffer.read())
    sys.stdout.buffer.write(outcome(arguments[0], job))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The child process that makes compaction passes: `python -m broker_local.host.compactor DIRECTORY`.

The job comes in on standard input and the outcome leaves on standard output, each as one msgpack value; then
the child ends. It only reads segments and writes new ones beside them; the engine puts them in place.

    standard input:  | u32 length, little-endian | msgpack, `length` bytes |, then nothing until the engine ends

A child that outlived its engine would write files that the next engine's pass writes too. So it ends as soon as
its input does, whatever ended the engine; and it shares the lock of the data directory: until it is gone,
nobody can start another engine there.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import msgpack

from broker_local.base.faults import Corruption, Crashed, crashed
from broker_local.base.files import OsFiles
from broker_local.base.world import SYSTEM
from broker_local.log import compaction
from broker_local.log.compaction import CompactionResult, Job, Outcome, SegmentFacts
from broker_local.log.segment import Name
from broker_local.log.transactions import AbortedRange

LONGEST_REPLY = 16 << 20
_LENGTH = struct.Struct("<I")


def pack_job(job: Job) -> bytes:
    """The bytes of a job."""
    packed: bytes = msgpack.packb([*job[:7], sorted(job.last_batches), *job[8:]])
    return packed


def unpack_job(data: bytes) -> Job:
    """A job from its bytes."""
    row = msgpack.unpackb(data)
    where, groups, dirty_from, end, log_start, expired, now, last, number, interval, key_bytes, aborted = row
    return Job(
        where,
        tuple(tuple(SegmentFacts(Name(*name), *rest) for name, *rest in group) for group in groups),
        dirty_from,
        end,
        log_start,
        expired,
        now,
        frozenset(last),
        number,
        interval,
        key_bytes,
        tuple(AbortedRange(*each) for each in aborted),
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
    except Corruption as damage:
        row = ["damaged", damage.file, damage.offset, damage.cause]
    except OSError as error:
        row = ["failed", error.errno, error.strerror]
    except Exception as error:  # a fault of ours: it may not end the child without a word
        row = ["crashed", str(crashed(error))]
    packed: bytes = msgpack.packb(row)
    return packed


def read_outcome(data: bytes, job: Job) -> Outcome:
    """What the child said; a child that died has said nothing."""
    try:
        kind, *row = msgpack.unpackb(data)
        if kind == "done":
            read, wrote, clean_end, gone, horizon, number, unread = row
            places = tuple((file, position, cause) for file, position, cause in unread)
            return CompactionResult(_names(read), _names(wrote), clean_end, gone, horizon, number, places)
        if kind == "damaged":
            return Corruption(*row)
        if kind == "crashed":
            return Crashed(*row)
        return OSError(*row)
    except (ValueError, TypeError, msgpack.UnpackException):
        return FileNotFoundError(f"the compaction of {job.where} ended without an answer")


class ChildCompactor:
    """Makes each pass in a process of its own, so that the engine's loop only renames.

    Args:
        root: the data directory.
        shared: descriptors that the child keeps open as long as it lives: the lock of the directory.
    """

    __slots__ = ("_child", "_job", "_root", "_shared")

    def __init__(self, root: str, shared: tuple[int, ...] = ()) -> None:
        self._root = root
        self._shared = shared
        self._child: subprocess.Popen[bytes] | None = None
        self._job: Job | None = None

    def start(self, job: Job) -> None:
        """Begins a pass in a new process."""
        assert self._child is None, "one pass at a time"
        self._job = job
        self._child = subprocess.Popen(
            [sys.executable, "-m", "broker_local.host.compactor", self._root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            pass_fds=self._shared,
        )
        assert self._child.stdin is not None
        packed = pack_job(job)
        try:
            self._child.stdin.write(_LENGTH.pack(len(packed)) + packed)
            self._child.stdin.flush()
        except BrokenPipeError:
            return  # it died at once; `poll` says so

    def poll(self) -> Outcome | None:
        """What the pass did, or why it failed; None while it goes on, or if there is none."""
        child, job = self._child, self._job
        if child is None or job is None or child.poll() is None:
            return None
        assert child.stdout is not None
        data = child.stdout.read(LONGEST_REPLY)
        self._let_go(child)
        return read_outcome(data, job)

    def close(self) -> None:
        """Ends a pass that goes on; what it wrote is removed at the next start."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._let_go(self._child)

    def _let_go(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin is not None and child.stdout is not None
        with suppress(BrokenPipeError):  # what a child that died has not read
            child.stdin.close()
        child.stdout.close()
        self._child = self._job = None


def _end_with(engine: int) -> None:
    """Ends this process when the engine's end of the input is closed."""
    os.read(engine, 1)
    os._exit(1)


def main(arguments: Sequence[str]) -> int:
    """The child: one job in, one outcome out."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m broker_local.host.compactor DIRECTORY < JOB > OUTCOME\n")
        return 2
    engine = sys.stdin.buffer
    (length,) = _LENGTH.unpack(engine.read(_LENGTH.size))
    job = unpack_job(engine.read(length))
    SYSTEM.start("end", lambda: _end_with(engine.fileno()))
    sys.stdout.buffer.write(outcome(arguments[0], job))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The disk, as something that is handed in; this is the only file of the engine that touches `os`.

Paths are relative to the data directory and use `/`. A `File` is closed when nobody holds it any more: a
reply that is still being sent keeps its segment readable after the segment was deleted.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import DiskFailed, Refusal
from broker_local.base.limits import NO_DESCRIPTORS

Buffer = bytes | bytearray | memoryview

NO_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""Errors after which the disk is sound and only full."""


PASSING = NO_SPACE | NO_DESCRIPTORS
"""Errors that pass: nothing is wrong with what is on the disk."""


def lacking(error: OSError) -> str:
    """What there is none of, after an error that passes."""
    return "no descriptor is left" if error.errno in NO_DESCRIPTORS else "no space on the disk"


class File(Protocol):
    """An open file, for reading and writing at positions."""

    @property
    def path(self) -> str:
        """Where it lay when it was opened."""
        ...

    def fileno(self) -> int:
        """The descriptor for `sendfile`, or -1 where the file is not the kernel's."""
        ...

    def size(self) -> int:
        """Length in bytes."""
        ...

    def pread(self, length: int, position: int) -> bytes:
        """Up to `length` bytes from `position`; fewer only at the end of the file."""
        ...

    def write(self, parts: Sequence[Buffer], position: int) -> int:
        """Writes the parts back to back from `position` on, all of them or an error.

        Returns:
            How many bytes.
        Raises:
            OSError: a part of the bytes may have been written.
        """
        ...

    def truncate(self, size: int) -> None:
        """Cuts the file to `size` bytes."""
        ...


class Files(Protocol):
    """A directory tree."""

    def open(self, path: str, create: bool = False) -> File:
        """Opens a file; FileNotFoundError if it is not there and is not to be made."""
        ...

    def read(self, path: str) -> bytes:
        """The whole file; FileNotFoundError if there is none."""
        ...

    def size(self, path: str) -> int:
        """Length of a file in bytes, or -1 if there is none."""
        ...

    def entries(self, path: str) -> list[str]:
        """Names in a directory, sorted; empty if there is no such directory."""
        ...

    def make_directory(self, path: str) -> None:
        """Makes a directory and what is missing above it."""
        ...

    def remove(self, path: str) -> None:
        """Removes a file, if it is there."""
        ...

    def remove_tree(self, path: str) -> None:
        """Removes a directory and all below it, if it is there."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Gives a file another name, in one step, over whatever has that name."""
        ...

    def fsync(self, path: str) -> None:
        """Makes a file's bytes, or a directory's entries, survive a power cut. May be called from any thread."""
        ...

    def boot_id(self) -> str:
        """Names this run of the machine: equal as long as the page cache is the same."""
        ...


class FileSlice(NamedTuple):
    """A part of a file that goes out as it is."""

    file: File
    position: int
    length: int

    @property
    def fd(self) -> int:
        """The descriptor for `sendfile`, or -1: then `read` gives the bytes. Valid while the slice is held."""
        return self.file.fileno()

    def read(self) -> bytes:
        """The bytes of the slice."""
        return self.file.pread(self.length, self.position)


def replace(files: Files, path: str, data: bytes) -> None:
    """Puts a whole small file in the place of the old one: after a crash it is the old or the new, never a mixture.

    Args:
        files: the disk.
        path: the file.
        data: its new content.
    Raises:
        OSError: the old file is still there.
        DiskFailed: the new one is there, but may not survive a power cut.
    """
    fresh = f"{path}.new"
    try:
        files.remove(fresh)
        files.open(fresh, create=True).write([data], 0)
        files.fsync(fresh)
        files.rename(fresh, path)
    except OSError:
        files.remove(fresh)
        raise
    try:
        files.fsync(path.rpartition("/")[0])
    except OSError as error:
        raise DiskFailed(path, 0, f"fsync of its directory: {error.strerror}") from error


class OsFile:
    """A file of the operating system."""

    __slots__ = ("_fd", "_path")

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd = fd

    def __del__(self) -> None:
        os.close(self._fd)

    @property
    def path(self) -> str:
        return self._path

    def fileno(self) -> int:
        return self._fd

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def pread(self, length: int, position: int) -> bytes:
        data = os.pread(self._fd, length, position)
        while len(data) < length:
            more = os.pread(self._fd, length - len(data), position + len(data))
            if not more:
                break
            data += more
        return data

    def write(self, parts: Sequence[Buffer], position: int) -> int:
        total = sum(memoryview(part).nbytes for part in parts)
        done = os.pwritev(self._fd, parts, position)
        if done < total:
            rest = memoryview(b"".join(parts))[done:]
            while rest:
                wrote = os.pwrite(self._fd, rest, position + done)
                if not wrote:
                    raise OSError(errno.ENOSPC, "nothing more could be written", self._path)
                done += wrote
                rest = rest[wrote:]
        return done

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)


class OsFiles:
    """A directory of the operating system, whatever its name is by now: when it is moved, its files go with it.

    No link is followed: a directory from elsewhere may not lead to other files of this user.

    Args:
        root: the data directory; it must exist.
    """

    __slots__ = ("_root",)

    def __init__(self, root: str) -> None:
        self._root = -1
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if self._root >= 0:
            os.close(self._root)

    def _descriptor(self, path: str, flags: int) -> int:
        return os.open(path or ".", flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=self._root)

    def open(self, path: str, create: bool = False) -> OsFile:
        return OsFile(path, self._descriptor(path, os.O_RDWR | (os.O_CREAT if create else 0)))

    def read(self, path: str) -> bytes:
        with open(self._descriptor(path, os.O_RDONLY), "rb") as file:
            return file.read()

    def size(self, path: str) -> int:
        try:
            return os.stat(path, dir_fd=self._root, follow_symlinks=False).st_size
        except FileNotFoundError:
            return -1

    def entries(self, path: str) -> list[str]:
        try:
            descriptor = self._descriptor(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return []
        try:
            return sorted(os.listdir(descriptor))
        finally:
            os.close(descriptor)

    def make_directory(self, path: str) -> None:
        try:
            os.mkdir(path, 0o700, dir_fd=self._root)
        except FileExistsError:
            return
        except FileNotFoundError:
            above = path.rpartition("/")[0]
            if not above:
                raise
            self.make_directory(above)
            self.make_directory(path)

    def remove(self, path: str) -> None:
        try:
            os.unlink(path, dir_fd=self._root)
        except FileNotFoundError:
            return

    def remove_tree(self, path: str) -> None:
        try:
            found = os.stat(path, dir_fd=self._root, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(found.st_mode):
            self.remove(path)
            return
        for name in self.entries(path):
            self.remove_tree(f"{path}/{name}")
        os.rmdir(path, dir_fd=self._root)

    def rename(self, old: str, new: str) -> None:
        os.replace(old, new, src_dir_fd=self._root, dst_dir_fd=self._root)

    def fsync(self, path: str) -> None:
        fd = self._descriptor(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def boot_id(self) -> str:
        try:
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                return file.read().strip()
        except FileNotFoundError:  # macOS: the time of the boot, as the kernel gives it with each new shell
            return f"boot-{os.stat('/dev').st_ctime_ns}"


class Handles:
    """The files that are kept open, at most `limit`: ten thousand partitions must not take as many descriptors.

    Args:
        files: the disk.
        limit: how many stay open without being held by anyone.
    """

    __slots__ = ("_limit", "_open", "files")

    def __init__(self, files: Files, limit: int = 256) -> None:
        self.files = files
        self._limit = limit
        self._open: OrderedDict[str, File] = OrderedDict()

    def get(self, path: str, create: bool = False) -> File:
        """The open file of that path.

        Raises:
            Refusal: KAFKA_STORAGE_ERROR, no descriptor is left though all files were let go.
        """
        file = self._open.get(path)
        if file is not None:
            self._open.move_to_end(path)
            return file
        try:
            file = self.files.open(path, create)
        except OSError as error:
            if error.errno not in NO_DESCRIPTORS:
                raise
            self.clear()
            file = self._open_at_last(path, create)
        self._open[path] = file
        if len(self._open) > self._limit:
            self._open.popitem(last=False)
        return file

    def _open_at_last(self, path: str, create: bool) -> File:
        try:
            return self.files.open(path, create)
        except OSError as error:
            if error.errno not in NO_DESCRIPTORS:
                raise
            said = f"no descriptor is left to open {path}; raise the limit (ulimit -n), or close connections"
            raise Refusal(ErrorCode.KAFKA_STORAGE_ERROR, said) from error

    def forget(self, path: str) -> None:
        """Lets go of a file that was removed or renamed."""
        self._open.pop(path, None)

    def clear(self) -> None:
        """Lets go of all."""
        self._open.clear()

"""A file that grows, and is rotated: its lines, and a position that finds its place again.

A position is the number of bytes that were read, the file's inode, and a checksum of the last bytes before it: another
file under the same name, or with the same inode, is told from the one that was read.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from streams.connect.errors import ConnectException, RetriableException
from streams.connect.records import Parts

log = logging.getLogger("streams.connect.file")

CHUNK = 256 * 1024
MARKED = 64
"""So many bytes before a position are remembered by their checksum."""
LONGEST_LINE = 64 * 1024 * 1024


class FilePosition(NamedTuple):
    """Where reading stands."""

    position: int
    inode: int
    mark: int

    def parts(self) -> Parts:
        """As it is stored; `position` as Kafka's own file connector has it."""
        return {"position": self.position, "inode": self.inode, "mark": self.mark}


class Tail:
    """Reads lines of a file for as long as it grows; when another file takes its name, first the rest of the old one.

    Args:
        path: the file; it need not be there yet.
        stored: where reading goes on, None: at the beginning.
    Raises:
        ConnectException: the stored position is none.
    """

    def __init__(self, path: Path, stored: Parts | None) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._inode = 0
        self._data = b""
        self._lines: list[bytes] = []
        self._position = 0
        self._before = b""
        self._stored = stored
        self._waits_for = False
        self._unended = False

    # Reading

    def peek(self, most: int, least: int = 1) -> list[bytes]:
        """The next whole lines, without their ends; they are returned again until `advance` passes them.

        Args:
            most: at most so many.
            least: read on where fewer than this are known.
        Returns:
            Lines; fewer than `least`, or none, where there are no more now.
        Raises:
            RetriableException: the file cannot be opened now.
            ConnectException: a line has no end within 64 MiB.
        """
        if self._file is None and not self._open():
            return []
        if len(self._lines) < least:
            self._fill()
        return self._lines[:most]

    def advance(self, count: int) -> None:
        """Passes so many of the lines that were returned."""
        if count:
            taken, self._lines = self._lines[:count], self._lines[count:]
            self._position += sum(map(len, taken)) + len(taken)
            ends = b"\n".join([*taken[-MARKED:], b""])
            if self._unended and not self._lines:
                self._unended, ends = False, ends[:-1]
                self._position -= 1
            self._before = (self._before + ends)[-MARKED:]

    def place(self) -> FilePosition:
        """Where reading stands, behind the lines that were returned."""
        return FilePosition(self._position, self._inode, zlib.crc32(self._before))

    def _fill(self) -> None:
        assert self._file is not None
        chunk = self._file.read(CHUNK)
        if not chunk:
            self._at_end()
            return
        whole, newline, rest = (self._data + chunk).rpartition(b"\n")
        self._data = rest
        if newline:
            self._lines += whole.split(b"\n")
        elif len(rest) > LONGEST_LINE:
            raise ConnectException(f"{self.path}: the line at byte {self._position} has no end within 64 MiB.")

    def _at_end(self) -> None:
        assert self._file is not None
        size = os.fstat(self._file.fileno()).st_size
        if size < self._position:
            log.warning(
                "%s has shrunk from %s to %s bytes: it is read from its beginning.", self.path, self._position, size
            )
            self._begin(self._file)
            return
        if not self._replaced():
            return
        rest, self._data = self._data, b""
        if rest:  # nobody ends this line any more
            self._lines.append(rest)
            self._unended = True
        if self._lines:
            return
        log.info("%s is another file now; the one before was read to its end, byte %s.", self.path, self._position)
        self.close()

    def _replaced(self) -> bool:
        """Does another file with something in it bear the name?"""
        try:
            now = self.path.stat()
        except OSError:
            return False
        return now.st_ino != self._inode and now.st_size > 0

    # Opening

    def _open(self) -> bool:
        stored, self._stored = self._stored, None
        try:
            if stored is None:
                self._begin(self.path.open("rb"))
            else:
                self._resume(_place(stored))
        except FileNotFoundError:
            self._stored = stored
            if not self._waits_for:
                log.warning("There is no file %s; it is waited for.", self.path)
            self._waits_for = True
            return False
        except OSError as error:
            self._stored = stored
            raise RetriableException(f"{self.path} cannot be read: {error.strerror}.") from None
        self._waits_for = False
        return True

    def _begin(self, file: BinaryIO, at: int = 0, before: bytes = b"") -> None:
        file.seek(at)
        self._file, self._inode = file, os.fstat(file.fileno()).st_ino
        self._position, self._before = at, before
        self._data, self._lines, self._unended = b"", [], False

    def _resume(self, place: FilePosition) -> None:
        """Goes on in the file in which reading stood, whatever it is called now."""
        for path in (self.path, *_siblings(self.path)):
            file = path.open("rb")
            status = os.fstat(file.fileno())
            same = place.inode in (0, status.st_ino) and status.st_size >= place.position
            if same:
                start = max(0, place.position - MARKED)
                file.seek(start)
                before = file.read(place.position - start)
                if place.inode == 0 or zlib.crc32(before) == place.mark:
                    self._begin(file, place.position, before)
                    return
            file.close()
        log.warning(
            "%s is not the file any more that was read to byte %s, and no other beside it is. It is read from its "
            "beginning; what was behind that byte in the old one is lost.",
            self.path,
            place.position,
        )
        self._begin(self.path.open("rb"))

    def first_line(self) -> bytes | None:
        """The first line of the file that is read; None: it is not whole yet, or nothing is read."""
        if self._file is None:
            return None
        at = self._file.tell()
        self._file.seek(0)
        line = self._file.readline(CHUNK)
        self._file.seek(at)
        return line[:-1] if line.endswith(b"\n") else None

    @property
    def file(self) -> int:
        """The inode of the file that is read."""
        return self._inode

    def close(self) -> None:
        """Closes the file; a later `read` opens what bears the name then."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _siblings(path: Path) -> list[Path]:
    """Files beside it whose names begin alike, as rotation makes them (`app.log.1`), the newest first."""
    try:
        found = [each for each in path.parent.iterdir() if each.name.startswith(path.stem) and each != path]
        return sorted((each for each in found if each.is_file()), key=lambda each: -each.stat().st_mtime)
    except OSError:
        return []


def _place(stored: Mapping[str, object]) -> FilePosition:
    numbers = [stored.get("position"), stored.get("inode", 0), stored.get("mark", 0)]
    found = [number for number in numbers if isinstance(number, int) and number >= 0]
    if len(found) != len(numbers):
        raise ConnectException(f"Offset position is the incorrect type: {dict(stored)}")
    return FilePosition(*found)

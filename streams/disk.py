"""The machine's disk, as state directories use it (`world.Files`)."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Disk:
    """See the module."""

    def make(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def exists(self, path: Path) -> bool:
        return path.exists()

    def directories(self, path: Path) -> list[str]:
        return sorted(entry.name for entry in path.iterdir() if entry.is_dir()) if path.is_dir() else []

    def identity(self, path: Path) -> tuple[str, int]:
        return socket.gethostname(), path.stat().st_ino

    def lock(self, path: Path) -> Callable[[], None] | None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return partial(os.close, descriptor)

    def read(self, path: Path) -> str:
        return path.read_text("utf-8")

    def write(self, path: Path, text: str) -> None:
        fresh = _beside(path)
        fresh.write_text(text, "utf-8")
        fresh.rename(path)

    def add(self, path: Path, text: str) -> bool:
        fresh = _beside(path)
        fresh.write_text(text, "utf-8")
        try:
            os.link(fresh, path)
            return True
        except FileExistsError:
            return False
        finally:
            fresh.unlink()

    def delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def move(self, path: Path, to: Path) -> bool:
        try:
            path.rename(to)
            return True
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False

    def touch(self, path: Path) -> None:
        os.utime(path)

    def touched_ms(self, path: Path) -> int:
        touched = 0.0
        with suppress(FileNotFoundError):
            touched = max(each.stat().st_mtime for each in (path, *(each for each in path.glob("*") if each.is_dir())))
        return int(touched * 1000)

    def remove(self, path: Path) -> None:
        doomed = _beside(path, ".deleted-")
        try:
            path.rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)

    def database(self, path: Path, in_memory: type[T], on_disk: Callable[[Path], T]) -> T:
        return on_disk(path)


def _beside(path: Path, prefix: str = ".") -> Path:
    """A name that nobody has, in the same directory."""
    return path.with_name(f"{prefix}{path.name}-{uuid.uuid4()}")


DISK = Disk()
"""The machine's."""

"""Files in memory: what `memory://` runs on, and the disk that tests fail, fill, kill and cut the power of.

A `Plan` says which call fails and how. Calls are counted in the order they are made, so that a test can let
the first, the second, ... fail until the fault no longer fires. With a plan, or with `power=True`, the disk
also remembers what would be left after a power cut: the bytes of each file at its last fsync, the entries of
each directory at its last.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from typing import Literal

from broker_local.base.files import Buffer

Fault = Literal["full", "error", "kill"]
CHANGES = frozenset(("write", "fsync", "rename", "remove", "truncate", "create", "make_directory"))
_ERRNO: dict[str, int] = {"full": errno.ENOSPC, "error": errno.EIO}


class Killed(BaseException):
    """The process ends here, as after `kill -9`; nothing else of it is run."""


class Plan:
    """One planned fault.

    Args:
        at: number of the call that fails, counted from 1.
        fault: "full" (ENOSPC), "error" (EIO) or "kill" (`Killed`).
        part: share of a failing write that is written all the same, 0 to 1.
        calls: the calls that are counted.
        lasting: later calls of the kind fail too.
    """

    __slots__ = ("at", "calls", "count", "fault", "fired", "lasting", "part")

    def __init__(
        self,
        at: int,
        fault: Fault,
        part: float = 0.0,
        calls: frozenset[str] = CHANGES,
        lasting: bool = False,
    ) -> None:
        self.at = at
        self.fault = fault
        self.part = part
        self.calls = calls
        self.lasting = lasting
        self.count = 0
        self.fired = False

    def due(self, call: str) -> bool:
        """Counts a call; whether it is to fail."""
        if self.fired and self.fault == "kill":
            return True  # whoever is dead does nothing more, not even tidy up
        if call not in self.calls:
            return False
        self.count += 1
        if self.count == self.at or (self.lasting and self.count > self.at):
            self.fired = True
            return True
        return False

    def fail(self, path: str) -> None:
        """Fails.

        Raises:
            OSError: as the disk would.
            Killed: as if there were no process any more.
        """
        if self.fault == "kill":
            raise Killed(path)
        number = _ERRNO[self.fault]
        raise OSError(number, os.strerror(number), path)


class _Node:
    """A file's bytes now, and at its last fsync."""

    __slots__ = ("data", "synced")

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.synced = bytes(data)


class MemFile:
    """A file in memory."""

    __slots__ = ("_files", "_node", "_path")

    def __init__(self, files: MemFiles, path: str, node: _Node) -> None:
        self._files = files
        self._path = path
        self._node = node

    @property
    def path(self) -> str:
        return self._path

    def fileno(self) -> int:
        return -1

    def size(self) -> int:
        return len(self._node.data)

    def pread(self, length: int, position: int) -> bytes:
        return bytes(memoryview(self._node.data)[position : position + length])

    def write(self, parts: Sequence[Buffer], position: int) -> int:
        plan, total = self._files.plan, 0
        if plan is not None and plan.due("write"):
            data = b"".join(parts)
            self._put(data[: int(len(data) * plan.part)], position)
            plan.fail(self._path)
        for part in parts:
            total += self._put(part, position + total)
        return total

    def _put(self, part: Buffer, position: int) -> int:
        data = self._node.data
        if position > len(data):
            data.extend(bytes(position - len(data)))
        data[position : position + len(part)] = part
        return len(part)

    def truncate(self, size: int) -> None:
        self._files.count("truncate", self._path)
        data = self._node.data
        del data[size:]
        data.extend(bytes(size - len(data)))


class MemFiles:
    """A directory tree in memory.

    Args:
        plan: what is to fail, if anything.
        power: remember what a power cut would leave; a plan does so too.
        boot: the name of this run of the machine.
    """

    __slots__ = ("_boot", "_directories", "_durable", "_files", "_power", "plan")

    def __init__(self, plan: Plan | None = None, power: bool = False, boot: str = "boot-1") -> None:
        self.plan = plan
        self._power = power or plan is not None
        self._boot = boot
        self._files: dict[str, _Node] = {}
        self._directories: set[str] = {""}
        # What each directory holds on the disk itself: names of files with their nodes, of directories with None.
        self._durable: dict[str, dict[str, _Node | None]] = {"": {}}

    def count(self, call: str, path: str) -> None:
        """Lets the plan fail this call, if it is its turn."""
        if self.plan is not None and self.plan.due(call):
            self.plan.fail(path)

    def open(self, path: str, create: bool = False) -> MemFile:
        node = self._files.get(path)
        if node is None:
            if not create or path.rpartition("/")[0] not in self._directories:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            self.count("create", path)
            node = self._files[path] = _Node()
        return MemFile(self, path, node)

    def read(self, path: str) -> bytes:
        return bytes(self.open(path)._node.data)

    def size(self, path: str) -> int:
        node = self._files.get(path)
        return -1 if node is None else len(node.data)

    def entries(self, path: str) -> list[str]:
        return sorted(self._entries(path))

    def _entries(self, path: str) -> dict[str, _Node | None]:
        start = f"{path}/" if path else ""
        found: dict[str, _Node | None] = {}
        for name, node in self._files.items():
            rest = name[len(start) :]
            if name.startswith(start) and "/" not in rest:
                found[rest] = node
        for name in self._directories:
            rest = name[len(start) :]
            if name.startswith(start) and rest and "/" not in rest:
                found[rest] = None
        return found

    def make_directory(self, path: str) -> None:
        if path in self._directories:
            return
        self.count("make_directory", path)
        parts = path.split("/")
        self._directories.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))

    def remove(self, path: str) -> None:
        if path in self._files:
            self.count("remove", path)
            del self._files[path]

    def remove_tree(self, path: str) -> None:
        start = f"{path}/"
        for name in [name for name in self._files if name.startswith(start)]:
            self.remove(name)
        self._directories -= {name for name in self._directories if name == path or name.startswith(start)}
        self.remove(path)

    def rename(self, old: str, new: str) -> None:
        self.count("rename", old)
        self._files[new] = self._files.pop(old)

    def fsync(self, path: str) -> None:
        node = self._files.get(path)
        if node is None and path not in self._directories:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self.count("fsync", path)
        if not self._power:
            return
        if node is not None:
            node.synced = bytes(node.data)
        else:
            self._durable[path] = self._entries(path)

    def boot_id(self) -> str:
        return self._boot

    # what is left afterwards

    def after_kill(self) -> MemFiles:
        """The disk as the next process finds it: all that was written is there."""
        left = MemFiles(power=self._power, boot=self._boot)
        left._directories = set(self._directories)
        left._durable = {path: dict(entries) for path, entries in self._durable.items()}
        copies: dict[int, _Node] = {}
        for path, node in self._files.items():
            left._files[path] = copies[id(node)] = _Node(bytes(node.data))
            left._files[path].synced = node.synced
        for entries in left._durable.values():
            for name, kept in entries.items():
                if kept is not None:
                    if id(kept) not in copies:
                        copies[id(kept)] = _Node(bytes(kept.data))
                        copies[id(kept)].synced = kept.synced
                    entries[name] = copies[id(kept)]
        return left

    def after_power_cut(self, kept: float = 0.0, of: Callable[[str], bool] = lambda path: True) -> MemFiles:
        """The disk after a power cut: what was fsynced, in directories that were fsynced.

        Args:
            kept: share of the bytes since a file's last fsync that reached the disk all the same, 0 to 1.
            of: the files of which they did; of others nothing.
        """
        left = MemFiles(power=True, boot=f"{self._boot}+")
        reached = [""]
        while reached:
            path = reached.pop()
            left._directories.add(path)
            entries = self._durable.get(path, {})
            left._durable[path] = {}
            for name, node in entries.items():
                inner = f"{path}/{name}" if path else name
                if node is None:
                    reached.append(inner)
                    left._durable[path][name] = None
                    continue
                grown = max(0, len(node.data) - len(node.synced)) if of(inner) else 0
                data = node.synced + bytes(node.data[len(node.synced) : len(node.synced) + int(grown * kept)])
                left._files[inner] = _Node(data)
                left._durable[path][name] = left._files[inner]
        return left

    def paths(self) -> list[str]:
        """All files, sorted."""
        return sorted(self._files)

    def patch(self, path: str, position: int, data: bytes) -> None:
        """Changes bytes behind everybody's back, as a disk that rots."""
        self._files[path].data[position : position + len(data)] = data
